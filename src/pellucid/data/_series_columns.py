"""Which column of a table is the time, which names the series, and which are asked for.

Idea: a column is what its content makes it: times can be read as times, and the name of a series
makes the times of its rows different from each other. What the user names goes before.

A column is known in advance if its name starts with "known", as in "known: price", or if the user
named what is asked for and it goes on after that has ended, for the whole horizon.

Letters: N rows.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._series_times import is_named_as_time, read_times
from pellucid.data._table_reading import no_column
from pellucid.data._values import Settled, codes, levels, numbers, settle, words
from pellucid.errors import BadInputError

_KNOWN = re.compile(r"known[\s:_.-].*", re.IGNORECASE)
_SERIES = re.compile(
    r"series|series[_ ]?id|unique[_ ]?id|item[_ ]?id|item|store|id|name|symbol|ticker|sensor|"
    r"station|entity|group|key|country|region|meter|device|patient|subject|product|sku",
    re.IGNORECASE,
)
_COUNTERS = re.compile(r"|index|unnamed: \d+|column 1|row|nr|no\.?|id", re.IGNORECASE)
_REPEATED = 0.8  # distinct times a row; below it there must be several series
_APART = 0.9  # distinct times a row and series that a name of series must make
_TAIL = 2  # steps that a column must go on to be known in advance; one may be missing by chance
_EVEN = 0.6  # share of equal steps of a column that counts
_MOST_LEVELS = 16  # of a word that does not change within a series


@dataclass(frozen=True, kw_only=True, slots=True)
class Roles:
    """What each column of a table is for.

    Args:
        time: name of the column of times; "" if the rows say none.
        series: names of the columns that together name the series; empty if there is one.
        asked: numbers that are asked for.
        past: other numbers, known up to now.
        known: numbers known in advance.
        static: numbers and words that do not change within a series.
    """

    time: str = ""
    series: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Roles":
        """Rebuild them from what `to_json` gave."""
        plain: dict[str, Any] = {
            name: value if name == "time" else tuple(value) for name, value in given.items()
        }
        return cls(**plain)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The rows of a table as arrays.

    Args:
        when: of each row, (N,) float64: ms since 1970, numbers of a column, or the row's number;
            NaN where a time cannot be read.
        axis: which of them: "time", "numbers" or "steps".
        series: names of the series.
        code: place of each row's series among them, (N,).
        columns: settled columns by name: float64 (N,), or words as an object array.
        left: names of columns that are not used, and why.
    """

    when: NDArray[np.float64]
    axis: str
    series: list[str]
    code: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]
    left: tuple[tuple[str, str], ...] = ()


def find_time(table: Any, *, but: Sequence[str] = ()) -> tuple[str, str, NDArray[np.float64]]:
    """Find the column of times.

    Args:
        table: an Arrow table.
        but: columns that are something else.

    Returns:
        Its name ("" if there is none), the axis as in `Frame`, and the values.
    """
    names = [name for name in table.column_names if name not in but]
    names.sort(key=lambda name: not is_named_as_time(name))
    for name in names:
        found = read_times(table.column(name), name)
        if found is not None:
            return name, "time", as_ticks(found)
    for name in names:
        if is_named_as_time(name) and _counts(table.column(name)):
            return name, "numbers", numbers(table.column(name))
    return "", "steps", np.arange(table.num_rows, dtype=np.float64)


def as_ticks(times: NDArray[Any]) -> NDArray[np.float64]:
    """Give datetime64[ms] as float64, NaN where there is none."""
    return np.where(np.isnat(times), np.nan, times.astype(np.int64).astype(np.float64))


def find_series(
    table: Any, when: NDArray[np.float64], *, but: Sequence[str], timed: bool
) -> tuple[str, ...]:
    """Find the columns that name the series; none if there is one series."""
    names = [name for name in table.column_names if name not in but]
    if not timed:
        named = [n for n in names if _SERIES.fullmatch(n) and _is_wordy(table.column(n))]
        return tuple(named[:1])
    known = ~np.isnan(when)
    if not known.any() or len(np.unique(when[known])) >= _REPEATED * known.sum():
        return ()
    place = np.unique(when, return_inverse=True)[1].astype(np.int64)
    groups = {n: code for n in names if (code := _groups(table.column(n), n)) is not None}
    return _separating(groups, place)


def _separating(
    groups: Mapping[str, NDArray[np.int64]], place: NDArray[np.int64]
) -> tuple[str, ...]:
    """Choose the one or two columns of groups within which times do not repeat."""
    chosen: tuple[str, ...] = ()
    code, best = np.zeros(len(place), np.int64), 0.0
    for _ in range(2):
        shares = {n: _distinct(code, each, place) for n, each in groups.items() if n not in chosen}
        name = max(
            shares, key=lambda n: (round(shares[n], 2), bool(_SERIES.fullmatch(n))), default=""
        )
        if not name or shares[name] < best + 0.05:
            break
        chosen, best = (*chosen, name), shares[name]
        code = code * (groups[name].max() + 1) + groups[name]
        if best >= _APART:
            break
    return chosen if best >= 0.5 else ()


def _distinct(*codes: NDArray[np.int64]) -> float:
    return len(np.unique(np.stack(codes, axis=1), axis=0)) / len(codes[0])


def _groups(column: Any, name: str) -> NDArray[np.int64] | None:
    """Number the groups of a column of names; None if it is none."""
    settled = settle(column)
    if settled.column is None or settled.kind == "moments":
        return None
    if settled.kind == "words":
        found = codes(settled.column) + 1
    else:
        values = numbers(settled.column)
        if not _SERIES.fullmatch(name) or (values[~np.isnan(values)] % 1).any():
            return None
        found = np.unique(values, return_inverse=True)[1].astype(np.int64)
    return found if len(np.unique(found)) <= max(2, len(found) // 2) else None


def _is_wordy(column: Any) -> bool:
    settled = settle(column)
    return settled.column is not None and settled.kind == "words"


def _counts(column: Any) -> bool:
    """Tell whether a column of numbers grows within runs, as seconds or steps do."""
    settled = settle(column)
    if settled.column is None or settled.kind != "numbers":
        return False
    values = numbers(settled.column)
    gaps = np.diff(values[~np.isnan(values)])
    if not len(gaps):
        return False
    usual = np.median(gaps[gaps > 0]) if (gaps > 0).any() else np.nan
    return bool((np.abs(gaps - usual) <= 0.1 * usual).mean() > _EVEN)


def named_series(table: Any, names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Give the names of the series and the place of each row's series among them."""
    if not names:
        return [""], np.zeros(table.num_rows, np.int64)
    written = [words(table.column(name)) for name in names]
    parts = [np.array([*levels(each), "no name"], dtype=object)[codes(each)] for each in written]
    joined = np.array([" ".join(row) for row in zip(*parts, strict=True)], dtype=object)
    found, code = np.unique(joined.astype(str), return_inverse=True)
    return found.tolist(), code.astype(np.int64)


def settled_columns(
    table: Any, but: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], list[tuple[str, str]]]:
    """Settle every other column as numbers or words.

    Returns:
        The columns, and those that cannot be used with the reason.
    """
    found: dict[str, NDArray[Any]] = {}
    left: list[tuple[str, str]] = []
    for place, name in enumerate(table.column_names):
        if name in but:
            continue
        settled = settle(table.column(name))
        if settled.column is None:
            left.append((name, settled.remark))
        elif settled.kind == "moments":
            left.append((name, "holds times, which are not foretold, and is left out"))
        elif settled.kind == "words":
            texts = np.array([*levels(settled.column), ""], dtype=object)
            found[name] = texts[codes(settled.column)]
        elif place == 0 and _numbers_rows(settled, name):
            left.append((name, "numbers the rows and is left out"))
        else:
            found[name] = numbers(settled.column)
    return found, left


def _numbers_rows(settled: Settled, name: str) -> bool:
    values = numbers(settled.column)
    named = _COUNTERS.fullmatch(name.strip()) is not None
    return named and len(values) > 2 and bool((np.diff(values) == 1).all())


def share_out(
    frame: Frame, wanted: str | None, names: Sequence[str], *, ahead: int | None = None
) -> Roles:
    """Say which columns are asked for, known in advance, or known up to now.

    Args:
        frame: the rows.
        wanted: what the user asked for, names with commas between them; None or "" for every
            column of numbers.
        names: of all columns, for messages.
        ahead: steps that are foretold, where the user said so.

    Raises:
        BadInputError: if a column that is asked for is not there or holds no numbers.
    """
    numeric = [name for name, each in frame.columns.items() if each.dtype != object]
    asked = _asked(wanted, numeric, names)
    several = len(frame.series) > 1
    static = [n for n in frame.columns if several and n not in asked and _is_static(frame, n)]
    there = [n for n in numeric if np.isfinite(frame.columns[n]).any() and n not in static]
    known = [n for n in there if n not in asked and _KNOWN.fullmatch(n)]
    rest = [n for n in there if n not in known]
    known += _going_on(frame, rest, asked, ahead or _TAIL)
    chosen = asked or rest
    if not chosen:
        raise _nothing_asked(numeric)
    past = [n for n in rest if n not in {*chosen, *known}]
    return Roles(asked=tuple(chosen), known=tuple(known), past=tuple(past), static=tuple(static))


def _nothing_asked(numeric: Sequence[str]) -> BadInputError:
    shown = ", ".join(repr(name) for name in numeric[:5])
    return BadInputError(
        given=f"every value of {shown} is missing" if numeric else "no column holds numbers",
        needed="at least one column of numbers to foretell",
        remedy="write `--target COLUMN`, or check how the numbers are written",
    )


def _asked(wanted: str | None, numeric: Sequence[str], names: Sequence[str]) -> list[str]:
    if not wanted:
        return []
    parts = [wanted] if wanted in names else [part.strip() for part in wanted.split(",")]
    for part in parts:
        if part not in names:
            raise no_column(part, names, "--target")
        if part not in numeric:
            raise BadInputError(
                given=f"the column {part!r} holds no numbers",
                needed=f"a column of numbers, such as {', '.join(numeric[:5]) or 'none here'}",
                remedy="name another column, or `--task classify` to tell whole series apart",
            )
    return list(dict.fromkeys(part for part in parts if part))


def _going_on(frame: Frame, names: Sequence[str], asked: Sequence[str], least: int) -> list[str]:
    """Find the columns that go on for so many rows in which nothing asked is there any more."""
    if not asked:
        return []
    end = np.stack([last_known(frame, name) for name in asked]).max(axis=0)
    after = frame.when > end[frame.code]
    found = []
    for name in names:
        there = after & np.isfinite(frame.columns[name])
        rows = np.bincount(frame.code[there], minlength=len(frame.series))
        if name not in asked and (rows >= least).mean() > 0.5:
            found.append(name)
    return found


def last_known(frame: Frame, name: str) -> NDArray[np.float64]:
    """Give the last time at which each series knows a column, (S,); -inf for never."""
    found = np.full(len(frame.series), -np.inf)
    there = np.isfinite(frame.columns[name]) & ~np.isnan(frame.when)
    np.maximum.at(found, frame.code[there], frame.when[there])
    return found


def _is_static(frame: Frame, name: str) -> bool:
    """Tell whether a column has one value within each series, and not the same in all."""
    found, code = np.unique(frame.columns[name].astype(str), return_inverse=True)
    pairs = np.unique(np.stack([frame.code, code.astype(np.int64)], axis=1), axis=0)
    few = len(found) <= _MOST_LEVELS or frame.columns[name].dtype != object
    return len(pairs) == len(frame.series) and len(found) > 1 and few
