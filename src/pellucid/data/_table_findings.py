"""What is worth knowing about the columns of a table before learning from it.

Idea: a column that alone predicts the target on rows it was not fitted to is either the answer
under another name or something that is known only afterwards; both spoil a model in use.

Letters: N rows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Finding
from pellucid.data._arrow import from_numbers, stamps, whole
from pellucid.data._columns import MOST_LEVELS
from pellucid.data._row_keys import cell_keys
from pellucid.data._targets import missing
from pellucid.data._values import Settled, codes, moments, numbers

_CERTAIN = 0.995  # share of classes, or of the variance, that one column may not explain
_BINS = 256
_SAMPLE = 20_000  # rows that the search for answers looks at
_FEWEST = 40  # rows below which nothing is proved
_MANY_MISSING = 0.5


def findings(examples: Examples) -> list[Finding]:
    """Find constant, repeated, telling, large and mostly empty columns."""
    raw = examples.raw
    columns = {name: raw.column(name) for name in raw.column_names}
    found = _constant(columns) + _missing(columns) + _large(columns) + _repeated(columns)
    return found + _telling(examples)


def _constant(columns: Mapping[str, Any]) -> list[Finding]:
    found = []
    for name, column in columns.items():
        keys = cell_keys(column)
        if (keys == keys[0]).all():
            text = f"column {name!r} has one value in all rows and is not used"
            found.append(Finding(what="constant column", level="note", text=text))
    return found


def _missing(columns: Mapping[str, Any]) -> list[Finding]:
    shares = {name: _share_missing(column) for name, column in columns.items()}
    order = sorted((name for name in shares if shares[name] > 0), key=lambda name: -shares[name])
    if not order:
        return []
    most = [f"{name!r} {shares[name]:.1%}" for name in order[:10]]
    text = f"values are missing in {len(order)} of {len(shares)} columns: {', '.join(most)}"
    level = "warning" if shares[order[0]] > _MANY_MISSING else "note"
    return [Finding(what="missing values", level=level, text=text)]


def _share_missing(column: Any) -> float:
    if Settled(column=column).kind == "numbers":
        return float(np.isnan(numbers(column)).mean())
    return column.null_count / len(column)


def _large(columns: Mapping[str, Any]) -> list[Finding]:
    found = []
    for name, column in columns.items():
        if Settled(column=column).kind != "words":
            continue
        count = len(np.unique(codes(whole(column))))
        if count > MOST_LEVELS:
            text = (
                f"column {name!r} has {count} categories: the {MOST_LEVELS} most frequent are "
                "told apart, the rest count as unknown"
            )
            found.append(Finding(what="large category", level="note", text=text))
    return found


def _repeated(columns: Mapping[str, Any]) -> list[Finding]:
    first: dict[bytes, str] = {}
    found = []
    for name, column in columns.items():
        content = cell_keys(column).tobytes()
        other = first.setdefault(content, name)
        if other != name:
            text = f"column {name!r} holds the same as {other!r}: one of them can go"
            found.append(Finding(what="repeated column", level="note", text=text))
    return found


def _telling(examples: Examples) -> list[Finding]:
    """Find columns that alone predict the target almost perfectly on rows held out."""
    targets = examples.targets
    if targets is None:
        return []
    places = np.flatnonzero(~missing(targets))
    places = np.random.default_rng(0).permutation(places)[:_SAMPLE].astype(np.int64)
    if len(places) < _FEWEST:
        return []
    targets, half = targets[places], len(places) // 2
    found = []
    for name in examples.raw.column_names:
        column = examples.raw.column(name).take(from_numbers(places))
        said = _explained(_cells(column, half), targets, half)
        if said:
            text = f"column {name!r} alone tells {said}: is it known before the answer is?"
            found.append(Finding(what="gives the answer away", level="warning", text=text))
    return found


def _cells(column: Any, half: int) -> NDArray[np.int64]:
    """Put each value into a bin learned on the first half, (N,), from 0; missing has its own."""
    kind = Settled(column=column).kind
    if kind == "words":
        return codes(whole(column)) + 1
    values = numbers(column) if kind == "numbers" else stamps(moments(column)).astype(float)
    seen = values[:half][~np.isnan(values[:half])]
    if not len(seen):
        return np.zeros(len(values), dtype=np.int64)
    distinct = np.unique(seen)
    if len(distinct) > _BINS:
        distinct = np.unique(np.quantile(seen, np.linspace(0, 1, _BINS)))
    edges = (distinct[1:] + distinct[:-1]) / 2
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values) + 1)


def _explained(cells: NDArray[np.int64], targets: NDArray[Any], half: int) -> str:
    classes, answer = np.unique(targets, return_inverse=True)
    if targets.dtype != object and len(classes) > 20:
        return _explained_number(cells, targets.astype(float), half)
    if len(classes) < 2:
        return ""
    table = np.zeros((cells.max() + 1, len(classes)), dtype=np.int64)
    np.add.at(table, (cells[:half], answer[:half]), 1)
    usual = table.sum(0).argmax()
    guess = np.where(table.sum(1) > 0, table.argmax(1), usual)
    right = float((guess[cells[half:]] == answer[half:]).mean())
    base = float((answer[half:] == usual).mean())
    # Where one class is nearly all there is, being right nearly always shows nothing.
    if right > _CERTAIN and 1 - right < 0.1 * (1 - base):
        return f"the class of {right:.1%} of rows held out"
    return ""


def _explained_number(cells: NDArray[np.int64], targets: NDArray[np.float64], half: int) -> str:
    counts = np.bincount(cells[:half], minlength=cells.max() + 1)
    sums = np.bincount(cells[:half], weights=targets[:half], minlength=cells.max() + 1)
    mean = targets[:half].mean()
    guess = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
    held = targets[half:]
    total = float(((held - held.mean()) ** 2).sum())
    explained = 1 - float(((held - guess[cells[half:]]) ** 2).sum()) / total if total else 0.0
    return (
        f"{explained:.1%} of the target's variance on rows held out" if explained > _CERTAIN else ""
    )
