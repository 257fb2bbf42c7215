"""Everything that can hold texts: folders by class, plain files, tables, lists of strings.

Idea: a file is one text, its folder is its class; a table has a text in each row. What is asked of
the texts is settled later, so all forms give the same: texts, names, and labels where there are
any.

Letters: N texts.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Fault, Finding
from pellucid.data._sources import glimpse, listed, side_of
from pellucid.data._table_sources import Wish, gather, is_named_as_table, suffix
from pellucid.data._text_files import SUFFIXES, clean, is_named_as_text, is_strange, read_text
from pellucid.data._text_found import Found
from pellucid.data._text_tables import read_again, read_first, roles
from pellucid.errors import BadInputError

CLASS = "class"  # what class folders ask
_TABULAR = (".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson", ".json", ".data")
_BESIDE = re.compile(r"(readme|licen[cs]e|changelog|notice|authors)\b.*", re.IGNORECASE)
_TEXT_PER_MEMORY = 4  # a table may take about this many times the memory as text
_PART_OF_MEMORY = 8  # a text takes this many times its bytes in memory, with its codes
_HEAD = 1 << 17  # bytes looked at to recognise a table
_LONGEST_FILE, _KEPT = 1 << 18, 1 << 13  # bytes read, and characters kept, of a labelled text
_LEAST, _EACH_SECOND = 1 << 23, 1 << 17  # bytes of text that a budget has a use for


def found_in(source: Any, ask: Ask) -> Found:
    """Read the texts of a source of any form, clean, the empty ones left out.

    Raises:
        BadInputError: if there is none.
    """
    return _without_empty(_found(source, ask))


def is_texts(source: Any) -> bool:
    """Tell a sequence of strings that are texts from one of paths."""
    if not isinstance(source, list | tuple | np.ndarray) or not len(source):
        return False
    head = list(source[:20])
    return all(isinstance(one, str) for one in head) and not all(_is_file(one) for one in head)


def most_bytes(ask: Ask) -> int:
    """Choose how much text is read at most, bytes."""
    seconds = min(ask.seconds, 1e6)
    return int(min(ask.memory / _PART_OF_MEMORY, _LEAST + seconds * _EACH_SECOND))


def head_of_table(path: Path) -> Any:
    """Give the first rows of a table in a file, as an Arrow table, or None if it is none."""
    from pellucid.data._delimited import read_delimited
    from pellucid.data._encodings import unpack
    from pellucid.data._table_forms import from_json

    try:
        with path.open("rb") as file:
            data = file.read(_HEAD)
        if data[:4] == b"PAR1":
            return _head_of_parquet(path)
        data = unpack(data, path.name, 1 << 30)[0]
        if len(data) >= _HEAD:
            data = data[: data.rfind(b"\n") + 1]
        if suffix(path) in (".jsonl", ".ndjson", ".json"):
            return from_json(data, path.name)[0]
        return read_delimited(data, path.name).table
    except (BadInputError, OSError):
        return None


def _found(source: Any, ask: Ask) -> Found:
    if isinstance(source, str | Path) and not _is_file(source):
        return _plain([str(source)], ["text"]) if isinstance(source, str) else _folder(source, ask)
    if isinstance(source, str | Path):
        path = Path(source)
        return _folder(path, ask) if path.is_dir() else _file(path, ask)
    if is_texts(source):
        return _listed_texts(source)
    if isinstance(source, tuple) and len(source) == 2 and is_texts(list(source[0])):
        return _pair(*source)
    if isinstance(source, list) and source and all(isinstance(s, str | Path) for s in source):
        return _files([Path(one) for one in source], ask)
    return _table(source, ask)


def _file(path: Path, ask: Ask) -> Found:
    if is_named_as_text(path) and not (suffix(path) == ".txt" and holds_labelled(path, ask)):
        return _documents([(path, path.name)], ask, [""], None)
    return _table(path, ask)


def holds_labelled(path: Path, ask: Ask) -> bool:
    """Tell a table of texts and labels that is called .txt from a plain text."""
    if ask.task == "generate_text" or (
        ask.schema is not None and not ask.schema.details["columns"]
    ):
        return False
    table = head_of_table(path)
    if table is None or table.num_columns < 2:
        return False
    kinds = roles(table)
    return bool(kinds.texts) and len(kinds.others) == 1


def _files(paths: Sequence[Path], ask: Ask) -> Found:
    if all(is_named_as_table(path) and not is_named_as_text(path) for path in paths):
        return _table(list(paths), ask)
    sides = [side_in_name(path) for path in paths]
    return _documents([(path, str(path)) for path in paths], ask, sides, None)


def _folder(folder: Path, ask: Ask) -> Found:
    texts = listed(folder, {*SUFFIXES, ".gz"})
    kept = [place for place, name in enumerate(texts.names) if is_named_as_text(Path(name))]
    plain = [place for place in kept if not _BESIDE.fullmatch(Path(texts.names[place]).name)]
    kept = plain or kept
    tables = [path for path in glimpse(folder) if suffix(path) in _TABULAR]
    if tables and not any(texts.classes[place] for place in kept):
        return _table(sorted(tables), ask) if _deep(folder, tables) else _table(folder, ask)
    if not kept:
        raise BadInputError(
            given=f"{folder} holds no file that can be a text",
            needed="files ending in .txt, one folder for each class, or a table with texts in it",
            remedy="name the file itself, or save the texts as .txt",
        )
    pairs = [(texts.root / texts.names[place], texts.names[place]) for place in kept]
    sides = [texts.sides[place] or side_in_name(pairs[n][0]) for n, place in enumerate(kept)]
    return _documents(pairs, ask, sides, [texts.classes[place] for place in kept])


def side_in_name(path: Path) -> str:
    """Read a side off the name of a file: "ptb.train.txt" is to be learned from."""
    sides = [side_of(sign) for sign in re.split(r"[._\- ]+", path.name)]
    return next((side for side in sides if side), "")


def _deep(folder: Path, tables: Sequence[Path]) -> bool:
    return all(path.parent != folder for path in tables)


def _documents(
    pairs: Sequence[tuple[Path, str]],
    ask: Ask,
    sides: Sequence[str],
    classes: Sequence[str | None] | None,
) -> Found:
    """Read files that are one text each; those that are none are left out and named."""
    texts, kept, faults = [], [], []
    notes: list[Finding] = []
    stream = ask.task == "generate_text" or not any(classes or ())
    left = most_bytes(ask)
    errors: list[BadInputError] = []
    for place, (path, name) in enumerate(pairs):
        if left <= 0:
            faults.append(Fault(name=name, reason="there is more text than can be used"))
            continue
        try:
            text, said = read_text(path, name, left if stream else _LONGEST_FILE)
        except BadInputError as error:
            faults.append(Fault(name=name, reason=_reason(error, name)))
            errors.append(error)
            continue
        # Of a text with a label only the beginning is used, so that alone is kept.
        texts.append(text if stream else text[:_KEPT])
        left -= len(texts[-1])
        kept.append(place)
        notes += said
    if not texts:
        raise errors[0]
    labels = None if classes is None else [classes[place] for place in kept]
    has_labels = labels is not None and any(label is not None for label in labels)
    named = np.array([sides[place] for place in kept], object)
    return Found(
        texts=texts,
        names=[pairs[place][1] for place in kept],
        target=CLASS if has_labels else "",
        targets=np.array(labels, object) if has_labels else None,
        sides=named if named.astype(bool).any() else None,
        faults=tuple(faults),
        notes=_gathered_up(notes),
    )


def _reason(error: BadInputError, name: str) -> str:
    return str(error).partition("\n")[0].removeprefix(name).strip()


def _gathered_up(notes: Sequence[Finding]) -> tuple[Finding, ...]:
    """Say once what holds for many files."""
    found: dict[tuple[str, str], list[Finding]] = {}
    for note in notes:
        found.setdefault((note.what, note.level), []).append(note)
    said = []
    for (what, level), alike in found.items():
        more = f" (and {len(alike) - 1:,} other files alike)" if len(alike) > 1 else ""
        said.append(Finding(what=what, level=level, text=alike[0].text + more))
    return tuple(said)


def _table(source: Any, ask: Ask) -> Found:
    limit = _TEXT_PER_MEMORY * ask.memory
    if ask.schema is None:
        return read_first(gather(source, Wish(limit=limit)), ask)
    details = ask.schema.details
    words = list(details["columns"])
    if words and ask.schema.classes:
        words.append(ask.schema.target)
    known = list(details["names"]) if details["header"] else []
    wish = Wish(known=known if words else None, words=words, limit=limit)
    return read_again(gather(source, wish), details, ask.target or ask.schema.target)


def _listed_texts(source: Sequence[str]) -> Found:
    return _plain([str(one) for one in source], [f"text {n + 1}" for n in range(len(source))])


def _plain(texts: Sequence[str], names: Sequence[str]) -> Found:
    return Found(texts=[clean(text) for text in texts], names=names)


def _pair(texts: Any, labels: Any) -> Found:
    found = _listed_texts(list(texts))
    values = np.asarray(labels)
    if len(values) != len(found.texts):
        raise BadInputError(
            given=f"{len(found.texts):,} texts and {len(values):,} labels",
            needed="a label for each text",
            remedy="give pairs of equal length",
        )
    numeric = values.dtype.kind in "biuf"
    targets = values.astype(np.float64) if numeric else _strings(values)
    return found.replace(target="y", targets=targets)


def _strings(values: NDArray[Any]) -> NDArray[np.object_]:
    return np.array([None if one is None else str(one) for one in values.tolist()], object)


def _without_empty(found: Found) -> Found:
    texts = [clean(text) for text in found.texts]
    reasons = [_unusable(text) for text in texts]
    empty = np.flatnonzero(np.array(reasons, object).astype(bool))
    kept = np.flatnonzero(~np.isin(np.arange(len(texts)), empty))
    lost = tuple(Fault(name=found.names[place], reason=reasons[place]) for place in empty.tolist())
    if not len(kept):
        raise BadInputError(
            given=f"{len(texts):,} texts, all of them empty",
            needed="texts with something in them",
            remedy="look into the source: `pellucid look`",
        )
    names = found.names
    return found.replace(
        texts=[texts[place] for place in kept.tolist()],
        names=names.take(kept) if hasattr(names, "take") else [names[p] for p in kept.tolist()],
        targets=None if found.targets is None else found.targets[kept],
        groups=None if found.groups is None else found.groups[kept],
        sides=None if found.sides is None else found.sides[kept],
        faults=(*found.faults, *lost),
    )


def _unusable(text: str) -> str:
    if not text.strip():
        return "the text is empty"
    return "it is no text: most of it is no sign of any script" if is_strange(text) else ""


def _is_file(source: Any) -> bool:
    try:
        return isinstance(source, Path) or (len(source) < 4096 and Path(source).exists())
    except (OSError, ValueError):
        return False


def _head_of_parquet(path: Path) -> Any:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    batch = next(file.iter_batches(batch_size=1_000), None)
    return None if batch is None else _as_table(batch)


def _as_table(batch: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_batches([batch])
