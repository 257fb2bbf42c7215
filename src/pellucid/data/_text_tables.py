"""Texts in a table: which of its columns are texts, and which one is their label.

Letters: N rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Finding
from pellucid.data._table_reading import no_column, settled_target
from pellucid.data._table_sources import Gathered
from pellucid.data._text_found import Found
from pellucid.data._values import codes, levels, numbers, settle, words
from pellucid.errors import BadInputError

_BLANKS = 1.5  # in a text, on average; a name or a category has fewer
_UNSPACED = 12  # characters of a text on average, where blanks stand between sentences alone
_DISTINCT = 0.5  # share of the rows: what comes back more often is a category
_FEW = 20  # rows below which nothing follows from how many values differ
_ROWS = 2_000  # looked at to tell what a column is
_TEXT_NAMES = ("text", "sentence", "review", "content", "body", "message")


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """What each column of a table is, by name.

    Args:
        texts: hold texts.
        names: name or number the rows.
        others: hold neither, such as a label.
    """

    texts: tuple[str, ...]
    names: tuple[str, ...]
    others: tuple[str, ...]


def roles(table: Any) -> Roles:
    """Tell what the columns of an Arrow table are, from its first rows."""
    head = table.slice(0, _ROWS)
    found: dict[str, list[str]] = {"texts": [], "names": [], "others": []}
    for place, name in enumerate(head.column_names):
        found[_role(head.column(name), first=place == 0)].append(name)
    return Roles(**{role: tuple(names) for role, names in found.items()})


def read_first(gathered: Gathered, ask: Ask) -> Found:
    """Take texts and labels out of a table, to learn from.

    Raises:
        BadInputError: if there is no column of texts, or the target is not there.
    """
    table = gathered.table
    names = list(table.column_names)
    target = gathered.target or ask.target or ""
    if target and target not in names:
        raise no_column(target, names, "--target")
    if ask.group is not None and ask.group not in names:
        raise no_column(ask.group, names, "--group")
    kinds = roles(table)
    texts = [name for name in kinds.texts if name not in (target, ask.group)]
    if not texts:
        raise _no_texts(names)
    if not target and ask.task != "generate_text":
        target = _label(kinds, ask)
    unused = [name for name in names if name not in (target, ask.group, *texts)]
    found = _taken(gathered, texts, target)
    return found.replace(
        notes=(*found.notes, *_unused(unused, kinds)),
        groups=_words(table.column(ask.group)) if ask.group else None,
    )


def read_again(gathered: Gathered, details: Mapping[str, Any], target: str) -> Found:
    """Take texts out of a table as a trained model needs them; labels where they are.

    Raises:
        BadInputError: if the texts are not there.
    """
    table = _renamed(gathered, details)
    texts = [name for name in details["columns"] if name in table.column_names]
    if not texts or len(texts) < len(details["columns"]):
        texts = _only_texts(table, target)
    there = target if target in table.column_names and target not in texts else ""
    return _taken(_with(gathered, table), texts, there)


def labels_of(column: Any, name: str) -> NDArray[Any]:
    """Give targets, (N,): float64 if all are numbers, else strings.

    Raises:
        BadInputError: if they are neither.
    """
    settled = settled_target(column, name)
    if settled.kind == "numbers" and not settled.remark:
        return numbers(settled.column)
    return _words(column)


def _taken(gathered: Gathered, texts: Sequence[str], target: str) -> Found:
    table = gathered.table
    columns = [_strings(table.column(name)) for name in texts]
    joined = ["\n".join(filter(None, cells)) for cells in zip(*columns, strict=True)]
    return Found(
        texts=joined,
        names=gathered.names,
        target=target,
        targets=labels_of(table.column(target), target) if target else None,
        sides=gathered.sides,
        columns=tuple(texts),
        all_columns=tuple(table.column_names),
        header=gathered.header,
        faults=gathered.faults,
        notes=gathered.notes,
    )


def _role(column: Any, *, first: bool) -> str:
    settled = settle(column)
    if settled.column is None or settled.kind == "moments":
        return "others"
    if settled.kind == "numbers":
        values = numbers(settled.column)
        counts = first and len(values) > 2 and bool((np.diff(values) == 1).all())
        return "names" if counts else "others"
    texts = levels(settled.column)
    rows = max(1, len(column) - column.null_count)
    if rows > _FEW and len(texts) < _DISTINCT * rows:
        return "others"
    if _is_text(texts):
        return "texts"
    return "names" if rows > _FEW and len(texts) > 0.9 * rows else "others"


def _is_text(texts: Sequence[str]) -> bool:
    count = max(1, len(texts))
    if sum(text.count(" ") for text in texts) >= _BLANKS * count:
        return True
    foreign = sum(len(text) for text in texts if not text.isascii())
    return foreign >= _UNSPACED * count


def _label(kinds: Roles, ask: Ask) -> str:
    """Find the one column that is no text; none where a label need not be there."""
    if len(kinds.others) == 1:
        return kinds.others[0]
    obvious = [one for one in kinds.others if one.lower() in ("label", "class", "target", "y")]
    if len(obvious) == 1:
        return obvious[0]
    if ask.target is not None or not kinds.others:
        return ""
    raise BadInputError(
        given=f"{len(kinds.others)} columns may be the label: {', '.join(kinds.others[:10])}",
        needed="the column that holds the answer",
        remedy=f"write `--target {kinds.others[-1]}` if it is the last one",
    )


def _renamed(gathered: Gathered, details: Mapping[str, Any]) -> Any:
    """Give columns that have no names those of training, if there are as many.

    Raises:
        BadInputError: if it cannot be told which of them is the text.
    """
    table = gathered.table
    if gathered.header or table.num_columns == 1:
        return table
    for names in (details["names"], details["columns"]):
        if len(names) == table.num_columns:
            return table.rename_columns(list(names))
    raise BadInputError(
        given=f"{table.num_columns} columns without names",
        needed=f"{len(details['names'])} columns as in training, or the texts alone",
        remedy="write the names of the columns into the first line",
    )


def _only_texts(table: Any, target: str) -> list[str]:
    """Find the texts in a table whose columns are not called as in training."""
    names = [name for name in table.column_names if name != target]
    named = [name for name in names if name.lower() in _TEXT_NAMES]
    if named or len(names) == 1:
        return (named or names)[:1]
    texts = [name for name in roles(table).texts if name != target]
    if not texts:
        raise _no_texts(list(table.column_names))
    return texts


def _unused(unused: Sequence[str], kinds: Roles) -> list[Finding]:
    notes = []
    for name in unused:
        why = "numbers or names the rows" if name in kinds.names else "is no text"
        text = f"column {name!r} {why} and is left out"
        notes.append(Finding(what="column left out", level="note", text=text))
    return notes


def _strings(column: Any) -> list[str]:
    import pyarrow as pa

    written = column if pa.types.is_large_string(column.type) else column.cast(pa.string())
    return [text or "" for text in written.to_pylist()]


def _words(column: Any) -> NDArray[np.object_]:
    written = words(column)
    return np.array([*levels(written), None], dtype=object)[codes(written)]


def _with(gathered: Gathered, table: Any) -> Gathered:
    from dataclasses import replace

    return replace(gathered, table=table)


def _no_texts(names: Sequence[str]) -> BadInputError:
    return BadInputError(
        given=f"none of the columns {', '.join(names[:10])} holds texts",
        needed="a column of sentences or longer texts",
        remedy="name the file whose rows hold the texts",
    )
