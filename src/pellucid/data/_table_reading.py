"""From a table as it was found to examples: columns settled, target and groups taken out.

Idea: while learning, what each column is gets settled once and travels with the rows as metadata of
the Arrow table; with a trained model, each column is read as what it was then.

Letters: N rows.
"""

import difflib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._arrow import from_numbers
from pellucid.data._table_sources import Gathered
from pellucid.data._targets import missing
from pellucid.data._values import Settled, codes, levels, moments, numbers, settle, words
from pellucid.errors import BadInputError

KEY = b"pellucid"  # of the metadata that settled tables carry
_OBVIOUS = {"target", "label", "class", "y"}
_IDS = re.compile(r"(.*[_ ])?(id|uuid|index|row|nr)|unnamed: 0|column 1", re.IGNORECASE)
_FEW_CLASSES = 20
_MANY_ROWS = 20  # below this, values that are all different prove nothing


def read_first(gathered: Gathered, ask: Ask) -> Examples:
    """Read examples to learn from.

    Args:
        gathered: the table as it was found.
        ask: with `target`: None for the one column with an obvious name, "" for the same or none.

    Raises:
        BadInputError: if the target or the group is not there, or no column is left to learn from.
    """
    names = list(gathered.table.column_names)
    target = _choose_target(gathered, ask.target)
    if ask.group is not None and ask.group not in names:
        raise no_column(ask.group, names, "--group")
    notes = list(gathered.notes)
    raw, dropped = _features(gathered, {target, ask.group or ""})
    notes += dropped
    examples = Examples(
        kind="table",
        names=gathered.names,
        raw=raw,
        target=target,
        groups=_groups(gathered.table.column(ask.group)) if ask.group else None,
        sides=gathered.sides,
        faults=gathered.faults,
        notes=tuple(notes),
    )
    if not target:
        return examples
    targets, remark = _first_targets(gathered.table.column(target), target)
    if gathered.sides is not None and targets.dtype == object:
        known = set(targets[gathered.sides == "train"]) - {None}
        targets, said = match_labels(targets, known)
        notes += said
    examples = examples.replace(targets=targets, notes=(*notes, *remark))
    return _without_target_left_out(examples)


def read_again(gathered: Gathered, ask: Ask) -> Examples:
    """Read examples as a trained model needs them; targets may be absent or missing.

    A missing target is a fault only if the user named the target again.

    Raises:
        BadInputError: if a column that the model uses is not there.
    """
    assert ask.schema is not None
    details = ask.schema.details
    table, notes = _align(gathered, details)
    target = ask.schema.target or str(details["target"])
    examples = Examples(
        kind="table",
        names=gathered.names,
        raw=_as_trained(table, details),
        target=target if target in table.column_names else "",
        groups=_groups(table.column(ask.group)) if ask.group in table.column_names else None,
        sides=gathered.sides,
        faults=gathered.faults,
        notes=(*gathered.notes, *notes),
    )
    if not examples.target:
        return examples
    targets: NDArray[Any] = (
        numbers(table.column(target))
        if details["answers"] == "numbers"
        else _labels(words(table.column(target)))
    )
    if targets.dtype == object:
        targets, said = match_labels(targets, details["labels"])
        examples = examples.replace(notes=(*examples.notes, *said))
    if missing(targets).all():
        return examples.replace(target="")
    examples = examples.replace(targets=targets)
    return _without_target_left_out(examples) if ask.target else examples


def keep(examples: Examples, places: NDArray[Any]) -> Examples:
    """Give the examples at these places, or where a mask is true, in this order."""
    places = np.flatnonzero(places) if places.dtype == bool else places
    chosen = examples.at(places, examples.raw.take(from_numbers(places.astype(np.int64))))
    return chosen.replace(faults=examples.faults, notes=examples.notes)


def match_labels(
    targets: NDArray[Any], known: Collection[str]
) -> tuple[NDArray[Any], list[Finding]]:
    """Take full stops and blanks off the end of labels that are known without them.

    Returns:
        The labels, and a note if any was changed.
    """
    found = {label for label in targets if label is not None} - set(known)
    plain = {label: label.rstrip(". ") for label in found}
    changes = {label: short for label, short in plain.items() if short in known}
    if not changes:
        return targets, []
    old, new = next(iter(sorted(changes.items())))
    text = f"labels such as {old!r} were read as {new!r}, which the training data hold"
    changed = np.array([changes.get(label, label) for label in targets], dtype=object)
    return changed, [Finding(what="labels with full stops", level="note", text=text)]


def metadata(raw: Any) -> dict[str, Any]:
    """Give what reading found out about the columns of a settled table."""
    return dict(json.loads(raw.schema.metadata[KEY]))


def no_column(name: str, names: Sequence[str], option: str) -> BadInputError:
    """Say that a column is not there, with the nearest name that is."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return BadInputError(
        given=f"no column is called {name!r}",
        needed=f"one of {_listed(names)}",
        remedy=f"write `{option} {close[0] if close else names[-1]!r}`".replace("'", '"'),
    )


def _choose_target(gathered: Gathered, wanted: str | None) -> str:
    names = list(gathered.table.column_names)
    if gathered.target:
        return gathered.target
    if wanted:
        if wanted not in names:
            raise no_column(wanted, names, "--target")
        return wanted
    obvious = [name for name in names if name.lower() in _OBVIOUS]
    if len(obvious) == 1:
        return obvious[0]
    if wanted is not None or not _is_named(gathered):
        return ""
    raise BadInputError(
        given="no column is named as the target",
        needed=f"the column to predict, one of {_listed(names)}",
        remedy=f"write `--target {names[-1]}` if it is the last one",
    )


def _is_named(gathered: Gathered) -> bool:
    """Tell a table from a bare array, whose columns nobody has named."""
    return gathered.header or gathered.names.files != [""]


def _features(gathered: Gathered, taken: Collection[str]) -> tuple[Any, list[Finding]]:
    import pyarrow as pa

    table = gathered.table
    columns: dict[str, Settled] = {}
    counters: dict[str, Settled] = {}
    notes = []
    for place, name in enumerate(table.column_names):
        if name in taken:
            continue
        settled = settle(table.column(name))
        what, why = _useless(settled, name, first=place == 0) if _is_named(gathered) else ("", "")
        if settled.column is None:
            what, why = "column left out", settled.remark
        elif what:
            counters |= {name: settled} if settled.kind == "numbers" else {}
        else:
            columns[name] = settled
            what, why = ("mixed column", settled.remark) if settled.remark else ("", "")
        if what:
            notes.append(Finding(what=what, level="note", text=f"column {name!r} {why}"))
    columns = columns or counters
    if not columns:
        raise _nothing_to_learn(notes)
    raw = pa.table({name: settled.column for name, settled in columns.items()})
    meta = {
        "names": list(table.column_names),
        "header": gathered.header,
        "forms": {name: settled.form for name, settled in columns.items()},
    }
    return raw.replace_schema_metadata({KEY: json.dumps(meta)}), notes


def _useless(settled: Settled, name: str, *, first: bool) -> tuple[str, str]:
    """Tell a column whose values name the row instead of describing it, and say why."""
    if settled.column is None or settled.kind == "moments":
        return "", ""
    if settled.kind == "words":
        texts = levels(settled.column)
        rows = len(settled.column) - settled.column.null_count
        if rows < _MANY_ROWS or len(texts) < 0.9 * rows:
            return "", ""
        if sum(text.count(" ") for text in texts) > 2 * len(texts):
            return "free text", "holds free text, which a table cannot use, and is left out"
        return "id column", f"has {len(texts)} values in {rows} rows, as names do, and is left out"
    values = numbers(settled.column)
    if len(values) < _MANY_ROWS or not (values == np.round(values)).all():
        return "", ""
    if (first and (np.diff(values) == 1).all()) or (
        _IDS.fullmatch(name) and len(np.unique(values)) == len(values)
    ):
        return "id column", "numbers the rows and is left out"
    return "", ""


def _nothing_to_learn(notes: Sequence[Finding]) -> BadInputError:
    reason = "; ".join(note.text for note in notes[:3])
    return BadInputError(
        given=f"no column is left to learn from: {reason}" if reason else "there is only a target",
        needed="at least one column of numbers, dates or categories besides the target",
        remedy="add columns that describe each row",
    )


def _groups(column: Any) -> NDArray[np.object_]:
    groups = _labels(words(column))
    for place in np.flatnonzero(missing(groups)):
        groups[place] = f"row {place} alone"
    return groups


def _labels(written: Any) -> NDArray[np.object_]:
    return np.array([*levels(written), None], dtype=object)[codes(written)]


def settled_target(column: Any, name: str) -> Settled:
    """Find out what a column of answers is.

    Raises:
        BadInputError: if it can be no answer.
    """
    settled = settle(column)
    if settled.column is None:
        raise BadInputError(
            given=f"the target {name!r} {settled.remark}",
            needed="a column of numbers or of class names",
            remedy="write `--target COLUMN` with another column",
        )
    return settled


def _first_targets(column: Any, name: str) -> tuple[NDArray[Any], list[Finding]]:
    settled = settled_target(column, name)
    if settled.kind == "numbers":
        values = numbers(settled.column)
        if not settled.remark:
            return values, []
        if len(np.unique(values[~np.isnan(values)])) > _FEW_CLASSES:
            text = f"the target {name!r} {settled.remark}: rows with those are left out"
            return values, [Finding(what="mixed column", level="warning", text=text)]
    return _labels(words(column)), []


def _without_target_left_out(examples: Examples) -> Examples:
    assert examples.targets is not None
    void = missing(examples.targets)
    if not void.any():
        return examples
    if void.all():
        raise BadInputError(
            given=f"the target {examples.target!r} is missing in every row",
            needed="a column with the answers",
            remedy="write `--target COLUMN` with another column",
        )
    reason = f"no value in the target {examples.target!r}"
    faults = [Fault(name=name, reason=reason) for name in keep(examples, void).names]
    return keep(examples, ~void).replace(faults=(*examples.faults, *faults))


def _align(gathered: Gathered, details: Mapping[str, Any]) -> tuple[Any, list[Finding]]:
    """Give the columns the names they had in training, by their place if they have none."""
    table = gathered.table
    if gathered.header and (details["header"] or _needed(details) <= set(table.column_names)):
        return table, []
    names = list(details["names"])
    features = [source["name"] for source in details["sources"]]
    choices = (names, [name for name in names if name != details["target"]], features)
    fitting = next((choice for choice in choices if len(choice) == table.num_columns), None)
    if fitting is None:
        raise BadInputError(
            given=f"{table.num_columns} columns without the names that the model knows",
            needed=f"{len(names)} columns as in training, or {len(names) - 1} without the target",
            remedy="give the same columns in the same order",
        )
    notes = []
    if details["header"]:
        text = "the columns have no names: they were taken in the order of the training data"
        notes.append(Finding(what="no header", level="warning", text=text))
    return table.rename_columns(fitting), notes


def _needed(details: Mapping[str, Any]) -> set[str]:
    return {source["name"] for source in details["sources"] if source["needed"]}


def _as_trained(table: Any, details: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    lacking = sorted(_needed(details) - set(table.column_names))
    if lacking:
        close = difflib.get_close_matches(lacking[0], table.column_names, n=1)
        raise BadInputError(
            given=f"the column {lacking[0]!r} is not there",
            needed=f"the columns of the training data: {_listed(sorted(_needed(details)))}",
            remedy=f"rename {close[0]!r}" if close else f"add the column {lacking[0]!r}",
        )
    columns = {}
    for source in details["sources"]:
        if source["name"] in table.column_names:
            columns[source["name"]] = as_kind(
                table.column(source["name"]), source["kind"], source["form"]
            )
    meta = {
        "names": details["names"],
        "header": details["header"],
        "forms": {source["name"]: source["form"] for source in details["sources"]},
    }
    return pa.table(columns).replace_schema_metadata({KEY: json.dumps(meta)})


def as_kind(column: Any, kind: str, form: str) -> Any:
    """Read a raw column as the kind that was settled in training."""
    if kind == "words":
        return words(column)
    return moments(column, form) if kind == "moments" else from_numbers(numbers(column))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
