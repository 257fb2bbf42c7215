"""At what times the steps of a series lie: every hour, every month, every working day.

Idea: every step gets a whole number, its place, so that gaps are places where nothing stands; what
the places mean in time is kept beside them, and is all that is needed to name the steps to come.

Letters: N times, D differences between neighbours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000  # ms
_LEAST_MONTH = 27 * DAY
_REGULAR = 0.9  # share of the differences that are whole steps
_FEW = 8  # times below which no weekend proves anything
_SLACK = 0.02  # of a step
_UNITS = ((7 * DAY, "week"), (DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))
_NICE = tuple(
    [1, 10, 100]
    + [SECOND * n for n in (1, 2, 5, 10, 15, 30)]
    + [MINUTE * n for n in (1, 2, 5, 10, 15, 20, 30)]
    + [HOUR * n for n in (1, 2, 3, 4, 6, 8, 12)]
    + [DAY, 7 * DAY]
)

Ticks = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """How places turn into times and back.

    Args:
        unit: "time" (equal steps), "months", "business days", "numbers" (a column that counts in a
            unit of its own) or "steps" (rows that say no time).
        every: length of a step: ms, months, business days, or in the unit of the column.
        origin: when place 0 is: ms since 1970, or in the unit of the column.
        at_end: months are named by their last day.
    """

    unit: str
    every: float = 1.0
    origin: float = 0.0
    at_end: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Rhythm":
        """Rebuild it from what `to_json` gave."""
        return cls(**given)

    @property
    def told(self) -> str:
        """The length of a step in words: "hour", "15 minutes"."""
        if self.unit == "months":
            return _counted(*((self.every / 12, "year") if self.every % 12 == 0 else
                              (self.every, "month")))  # fmt: skip
        if self.unit != "time":
            return "business day" if self.unit == "business days" else "step"
        size, name = next(((s, n) for s, n in _UNITS if self.every % s == 0), (1, "millisecond"))
        return _counted(self.every / size, name)

    def span(self, steps: int) -> str:
        """Say how long so many steps are: "12 hours", "30 minutes"."""
        if self.unit == "months":
            return _counted(steps * self.every, "month", one="1 month")
        if self.unit != "time":
            name = "business day" if self.unit == "business days" else "step"
            return _counted(steps, name, one=f"1 {name}")
        whole = steps * self.every
        weeks = self.every % (7 * DAY) == 0
        units = [(s, n) for s, n in _UNITS if whole % s == 0 and (weeks or n != "week")]
        size, name = units[0] if units else (1, "millisecond")
        return _counted(whole / size, name, one=f"1 {name}")

    def places(self, when: NDArray[Any]) -> Ticks:
        """Give the place of each time, (N,): ms, or numbers of the column."""
        if self.unit == "months":
            months = _months(when.astype(np.int64)) - _months(np.array([self.origin], np.int64))
            return np.round(months / self.every).astype(np.int64)
        if self.unit == "business days":
            return np.busday_count(_day(self.origin), _days(when.astype(np.int64))).astype(np.int64)
        return np.round((when - self.origin) / self.every).astype(np.int64)

    def ticks(self, places: Ticks) -> NDArray[Any]:
        """Give the time of each place, (N,): ms, or numbers of the column."""
        if self.unit == "months":
            return self._month_ticks(places)
        if self.unit == "business days":
            days = np.busday_offset(_day(self.origin), places, roll="forward")
            return days.astype("datetime64[ms]").astype(np.int64) + int(self.origin) % DAY
        return self.origin + places * self.every

    def text(self, places: Ticks) -> list[str]:
        """Name the time of each place as a person would write it."""
        ticks = self.ticks(np.asarray(places, np.int64))
        if self.unit == "steps":
            return [f"step {round(float(tick))}" for tick in ticks]
        if self.unit == "numbers":
            return [f"{tick:.10g}" for tick in ticks.tolist()]
        whole = np.asarray(ticks, np.int64).astype("datetime64[ms]")
        written = np.datetime_as_string(whole, "D" if self._names_days() else "ms")
        return [_short(moment) for moment in written.tolist()]

    def place_of(self, text: str) -> int | None:
        """Find the place of a time as `text` wrote it; None if it is none."""
        try:
            if self.unit in ("steps", "numbers"):
                when = np.array([float(text.removeprefix("step "))])
            else:
                when = np.array([text], "datetime64[ms]").astype(np.int64)
        except ValueError:
            return None
        return int(self.places(when)[0])

    def _names_days(self) -> bool:
        """Tell whether steps are days or longer and begin at midnight."""
        long = self.unit != "time" or self.every % DAY == 0
        return long and self.origin % DAY == 0

    def _month_ticks(self, places: Ticks) -> Ticks:
        first = int(_months(np.array([self.origin], np.int64))[0])
        months = (first + places * int(self.every)).astype("datetime64[M]")
        start = months.astype("datetime64[ms]").astype(np.int64)
        following = (months + 1).astype("datetime64[ms]").astype(np.int64)
        if self.at_end:
            return following - DAY + int(self.origin) % DAY
        origin = np.array([self.origin], np.int64).astype("datetime64[ms]")
        inside = (origin - origin.astype("datetime64[M]")).astype(np.int64)
        return np.minimum(start + inside, following - DAY + inside % DAY)


def infer(times: Sequence[Ticks]) -> tuple[Rhythm, bool]:
    """Find the rhythm that the times of one or more series have in common.

    Args:
        times: of each series, ms since 1970, ascending and without repetition.

    Returns:
        The rhythm, and whether nearly all times keep to it.
    """
    origin = float(min(int(each[0]) for each in times if len(each)))
    gaps = np.concatenate([np.diff(each) for each in times])
    if not len(gaps):
        return Rhythm(unit="time", every=DAY, origin=origin), True
    whole = np.unique(np.concatenate(times))
    usual = _commonest(gaps)
    months = _monthly(whole, origin) if np.median(gaps) >= _LEAST_MONTH else None
    if months is not None:
        return months, True
    if usual == DAY and _has_no_weekends(whole):
        return Rhythm(unit="business days", origin=origin), True
    every = usual if (gaps == usual).mean() >= 0.5 else _nice(float(np.median(gaps)))
    steps = gaps / every
    regular = (np.abs(steps - np.round(steps)) <= _SLACK) & (steps > 0.5)
    if regular.mean() >= _REGULAR:
        return Rhythm(unit="time", every=float(every), origin=origin), True
    every = _nice(float(np.median(gaps)))
    return Rhythm(unit="time", every=float(every), origin=origin // every * every), False


def infer_numbers(values: Sequence[NDArray[np.float64]]) -> Rhythm:
    """Find the rhythm of a column that counts in a unit of its own."""
    gaps = np.concatenate([np.diff(each) for each in values])
    origin = float(min(each[0] for each in values if len(each)))
    every = float(np.median(gaps)) if len(gaps) else 1.0
    return Rhythm(unit="numbers", every=every if every > 0 else 1.0, origin=origin)


def _monthly(times: Ticks, origin: float) -> Rhythm | None:
    """Give the rhythm of times that all lie on the same day of their months."""
    moments = times.astype("datetime64[ms]")
    months = moments.astype("datetime64[M]")
    day = (moments.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(int)
    at_end = bool((day == length - 1).all())
    if not at_end and not (day == np.minimum(day.max(), length - 1)).all():
        return None
    steps: Ticks = np.diff(months.astype(np.int64)).astype(np.int64)
    every = int(np.gcd.reduce(steps)) if len(steps) else 1
    usual = int(_commonest(steps)) if len(steps) else 1
    every = usual if (steps % usual == 0).mean() >= _REGULAR else max(1, every)
    return Rhythm(unit="months", every=float(every), origin=origin, at_end=at_end)


def _has_no_weekends(times: Ticks) -> bool:
    if len(times) < _FEW or times[-1] - times[0] < 14 * DAY:
        return False
    days = times // DAY
    return bool(((days + 3) % 7 < 5).all())  # 1970 began on a Thursday


def _commonest(values: Ticks) -> int:
    found, counts = np.unique(values, return_counts=True)
    return int(found[counts.argmax()])


def _nice(gap: float) -> int:
    """Give the step that a person would have chosen, nearest to a gap in ms."""
    if gap > 10 * DAY:
        return max(1, round(gap / DAY)) * DAY
    return min(_NICE, key=lambda each: abs(np.log(max(gap, 1.0) / each)))


def _months(ticks: Ticks) -> Ticks:
    return ticks.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)


def _days(ticks: Ticks) -> NDArray[Any]:
    return ticks.astype("datetime64[ms]").astype("datetime64[D]")


def _day(tick: float) -> Any:
    return _days(np.array([tick], np.int64))[0]


def _short(moment: str) -> str:
    """Leave out of "2021-03-15T00:00:00.000" whatever says nothing."""
    text = moment.removesuffix(".000").replace("T", " ")
    return text.removesuffix(":00") if text.count(":") == 2 else text


def _counted(count: float, noun: str, *, one: str = "") -> str:
    if count == 1:
        return one or noun
    return f"{count:g} {noun}s"
