"""From rows in any order to lines: one value a step, nothing between, gaps filled from the past.

Letters: N rows, T steps of one line, V columns.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault, Finding
from pellucid.data._series_columns import Frame
from pellucid.data._series_rhythm import Rhythm, infer, infer_numbers
from pellucid.data._series_times import in_standard_time

_ROOM = 20  # steps a row, above which the times are too uneven for a grid
_SPARE = 1_000
_LARGEST = 1e30  # beyond it float32 and what is computed with it overflow

Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One series on its grid.

    Args:
        name: of the series; "" where there is one.
        start: place of its first step, as its `Rhythm` counts.
        raw: what was there, (T, V), NaN where nothing was.
    """

    name: str
    start: int
    raw: Values


@dataclass(kw_only=True)
class Repairs:
    """What had to be done to the rows, counted."""

    unsorted: int = 0
    doubled: int = 0
    merged: int = 0
    missing: int = 0
    steps: int = 0
    clocks: int = 0
    huge: int = 0
    timeless: int = 0
    uneven: bool = False
    unnamed: bool = False
    other: str = ""
    gaps: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def told(self, where: str, rhythm: Rhythm) -> list[Finding]:
        """Say aloud what was done."""
        return [
            Finding(what=what, level=level, text=text)
            for count, what, level, text in self._sentences(where, rhythm)
            if count
        ]

    def _sentences(self, where: str, rhythm: Rhythm) -> list[tuple[int, str, str, str]]:
        share = self.missing / max(self.steps, 1)
        level = "warning" if share > 0.05 else "note"
        some = f", such as {self.gaps[0]}" if self.gaps else ""
        return [
            (self.unnamed, "no times", "warning",
             f"{where} has no column of times: its rows are taken as steps of equal length"),
            (self.uneven, "uneven times", "warning",
             f"the times of {where} are uneven: they were put on a grid of one step every "
             f"{rhythm.told}" if rhythm.unit != "steps" else
             f"the times of {where} are too uneven for any grid: rows are taken as equal steps"),
            (self.unsorted, "unsorted times", "warning",
             f"{self.unsorted:,} rows of {where} were out of order and were sorted by time"),
            (self.doubled, "repeated times", "warning",
             f"{self.doubled:,} rows of {where} repeat a time: the last one of each was kept"),
            (self.merged, "several rows a step", "note",
             f"{self.merged:,} rows of {where} fall into a step that has one already: the last of "
             "each was kept"),
            (self.clocks, "summer time", "warning",
             f"the clock of {where} was changed {self.clocks} times: its times are read as "
             "standard time"),
            (self.missing, "gaps", level,
             f"{self.missing:,} of {self.steps:,} steps ({share:.1%}) of {where} are missing"
             f"{some}: networks see the last value before, and no score counts them"),
            (self.huge, "endless numbers", "warning",
             f"{self.huge:,} numbers of {where} are infinite or beyond 1e30 and count as missing"),
            (bool(self.other), "another rhythm", "warning",
             f"{where} has a row every {self.other}: answers may mean nothing"),
            (self.timeless, "no time", "warning",
             f"{self.timeless:,} rows of {where} have no time that can be read and are left out"),
        ]  # fmt: skip


def lay(
    frame: Frame, columns: list[str], rhythm: Rhythm | None
) -> tuple[list[Line], Rhythm, Repairs]:
    """Lay the rows of each series on a grid.

    Args:
        frame: the rows.
        columns: names of those to keep, in this order; all are numbers.
        rhythm: of a trained model; None to find it.

    Returns:
        The lines in the order of their names, the rhythm, and what was repaired.
    """
    done = Repairs(unnamed=frame.axis == "steps")
    values = _plain(frame, columns, done)
    known = ~np.isnan(frame.when)
    done.timeless = int((~known).sum())
    when, code, values = frame.when[known], frame.code[known], values[known]
    if frame.axis == "time":
        when = _one_clock(when, code, done)
    elif frame.axis == "steps":
        when = _numbered(code)
    done.unsorted = _out_of_order(when, code)
    order = np.lexsort((when, code))
    when, code, values = when[order], code[order], values[order]
    when, code, values = _last_of_each(when, code, values, done)
    if rhythm is not None and rhythm.unit == "time":
        done.other = _other_rhythm(when, code, rhythm)
    rhythm = rhythm or _found(frame.axis, when, code, done)
    place = rhythm.places(when).astype(np.float64)
    if _too_wide(place, code):
        rhythm, place = Rhythm(unit="steps"), _numbered(code)
        done.uneven = True
    before = done.doubled
    place, code, values = _last_of_each(place, code, values, done)
    done.merged, done.doubled = done.doubled - before, before
    return _gridded(frame, place.astype(np.int64), code, values, rhythm, done), rhythm, done


def filled(raw: Values) -> Values:
    """Fill what is missing with the last value before it, (T, V); NaN where there is none."""
    there = ~np.isnan(raw)
    if there.all():
        return raw
    rows = np.where(there, np.arange(len(raw))[:, None], 0)
    np.maximum.accumulate(rows, axis=0, out=rows)
    return np.take_along_axis(raw, rows, axis=0)


def _plain(frame: Frame, columns: list[str], done: Repairs) -> NDArray[np.float64]:
    values = np.empty((len(frame.when), len(columns)))
    for place, name in enumerate(columns):
        values[:, place] = frame.columns[name]
    with np.errstate(invalid="ignore"):
        huge = np.abs(values) > _LARGEST
    done.huge = int(huge.sum())
    values[huge] = np.nan
    return values


def _one_clock(
    when: NDArray[np.float64], code: NDArray[np.int64], done: Repairs
) -> NDArray[np.float64]:
    found = when.copy()
    for each in np.unique(code)[:_SPARE]:
        rows = np.flatnonzero(code == each)
        ticks, changes = in_standard_time(when[rows].astype(np.int64))
        if changes:
            found[rows] = ticks
            done.clocks += changes
    return found


def _numbered(code: NDArray[np.int64]) -> NDArray[np.float64]:
    """Number the rows of each series from 0."""
    order = np.argsort(code, kind="stable")
    starts = np.searchsorted(code[order], code[order])
    found = np.empty(len(code))
    found[order] = np.arange(len(code)) - starts
    return found


def _out_of_order(when: NDArray[np.float64], code: NDArray[np.int64]) -> int:
    order = np.argsort(code, kind="stable")
    back = (np.diff(when[order]) < 0) & (np.diff(code[order]) == 0)
    return int(back.sum())


def _last_of_each(
    when: NDArray[np.float64], code: NDArray[np.int64], values: NDArray[np.float64], done: Repairs
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Keep the last row of each time, which a correction is, with what only earlier ones know."""
    twin = (np.diff(when) == 0) & (np.diff(code) == 0)
    if not twin.any():
        return when, code, values
    done.doubled += int(twin.sum())
    kept = np.append(~twin, True)
    firsts = np.maximum.accumulate(np.where(np.append(True, ~twin), np.arange(len(when)), 0))
    rows = np.where(np.isnan(values), firsts[:, None], np.arange(len(when))[:, None])
    values = np.take_along_axis(values, np.maximum.accumulate(rows, axis=0), axis=0)
    return when[kept], code[kept], values[kept]


def _found(axis: str, when: NDArray[np.float64], code: NDArray[np.int64], done: Repairs) -> Rhythm:
    if axis == "steps":
        return Rhythm(unit="steps")
    cuts = np.flatnonzero(np.diff(code)) + 1
    if axis == "numbers":
        return infer_numbers(np.split(when, cuts))
    rhythm, regular = infer(np.split(when.astype(np.int64), cuts))
    done.uneven = not regular
    return rhythm


def _other_rhythm(when: NDArray[np.float64], code: NDArray[np.int64], rhythm: Rhythm) -> str:
    """Say how often rows come if that is not as often as the model knows; "" if it is."""
    gaps = np.diff(when)[np.diff(code) == 0]
    usual = float(np.median(gaps)) if len(gaps) else rhythm.every
    if 0.7 < usual / rhythm.every < 1.4:
        return ""
    found = Rhythm(unit="time", every=round(usual, -3) or usual)
    return f"{found.told}, the model was trained on one every {rhythm.told}"


def _too_wide(place: NDArray[np.float64], code: NDArray[np.int64]) -> bool:
    if not len(place):
        return False
    gaps = np.where(np.diff(code) == 0, np.diff(place), 0)
    return bool(gaps.sum() > _ROOM * len(place) + _SPARE)


def _gridded(
    frame: Frame,
    place: NDArray[np.int64],
    code: NDArray[np.int64],
    values: NDArray[np.float64],
    rhythm: Rhythm,
    done: Repairs,
) -> list[Line]:
    lines = []
    for each in range(len(frame.series)):
        low, high = np.searchsorted(code, (each, each + 1))
        if low == high:
            continue
        own = place[low:high]
        raw = np.full((own[-1] - own[0] + 1, values.shape[1]), np.nan, np.float32)
        raw[own - own[0]] = values[low:high]
        done.steps += len(raw)
        done.missing += len(raw) - len(own)
        if len(raw) > len(own) and len(done.gaps) < 3:
            first = int(own[np.flatnonzero(np.diff(own) > 1)[0]]) + 1
            done.gaps.append(rhythm.text(np.array([first]))[0])
        lines.append(Line(name=frame.series[each], start=int(own[0]), raw=raw))
    return lines
