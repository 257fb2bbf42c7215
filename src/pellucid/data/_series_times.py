"""Read a column as times, whatever form they are written in.

Idea: times with an offset from Greenwich are read as that moment, so that summer time leaves no
hole and no hour twice; times without one are taken as they stand, and where an hour is left out in
spring and comes twice in autumn, the clock was changed and is changed back.

Letters: N rows.
"""

import re
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._arrow import from_texts, missing, stamps
from pellucid.data._series_rhythm import DAY, HOUR
from pellucid.data._values import codes, levels, moments, numbers, settle, words

_ENOUGH = 0.8  # share of the cells that must be times
_NAMES = re.compile(
    r"(.*[_ ])?(date|time|datetime|timestamp|ds|ts|day|month|year|week|period|quarter|hour|minute"
    r"|second|seconds|step|t|datum|zeit|jahr|date_time|index)", re.IGNORECASE,
)  # fmt: skip
_FORMS = (
    "%Y-%m", "%Y/%m", "%Y.%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y", "%Y %b",
    "%Y-%m-%d %H", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d, %Y", "%B %d, %Y",
    "%Y%m%d", "%Y%m%d %H:%M", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S",
    "%m/%d/%y", "%m/%d/%y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%y", "%d.%m.%y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p",
    "%Y-%m-%d %I:%M %p", "%d/%m/%Y %H.%M.%S", "%Y-%m-%d %H:%M:%S.%f",
)  # fmt: skip
_QUARTER = re.compile(r"(\d{4})[- ]?[Qq]([1-4])")
_WEEK = re.compile(r"(\d{4})-?W(\d{2})(?:-?([1-7]))?")
_OFFSET = re.compile(r"(?:[+-]\d{2}:?\d{2}|Z)$")
_NOTHING = np.iinfo(np.int64).min


def is_named_as_time(name: str) -> bool:
    """Tell by its name whether a column of numbers may hold times."""
    return _NAMES.fullmatch(name.strip()) is not None


def read_times(column: Any, name: str) -> NDArray[Any] | None:
    """Read a raw Arrow column as times, (N,): datetime64[ms], NaT where there is none.

    Numbers are times only under a name that says so: years, YYYYMMDD, seconds since 1970.

    Returns:
        None if too few of the cells are times.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        found = stamps(moments(column))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        found = _from_words(column)
    elif pa.types.is_integer(kind) and is_named_as_time(name):
        found = _from_integers(numbers(column))
    else:
        return None
    known = np.mean(~np.isnat(found)) if len(found) else 0.0
    return found if known >= _ENOUGH * (1 - _share_empty(column)) and known > 0 else None


def read_again(column: Any, name: str) -> NDArray[Any]:
    """Read a column that held times in training, however many of its cells do so now."""
    found = read_times(column, name)
    return np.full(len(column), "NaT", "datetime64[ms]") if found is None else found


def in_standard_time(ticks: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Change times of a clock that was put on in spring and back in autumn to one that was not.

    Args:
        ticks: ms, in the order of the rows, of one series.

    Returns:
        The times, and how many changes of the clock there were; none if it cannot be told.
    """
    if len(ticks) < 48:
        return ticks, 0
    if ticks[0] > ticks[-1]:  # the newest row comes first
        found, changes = in_standard_time(ticks[::-1])
        return found[::-1], changes
    gaps = np.diff(ticks)
    usual = int(np.median(gaps))
    if not 0 < usual <= HOUR:
        return ticks, 0
    on, back = gaps == usual + HOUR, gaps == usual - HOUR
    places = np.flatnonzero(on | back)
    if not back.any() or not _is_summer_time(ticks, places, back[places]):
        return ticks, 0
    changed = np.zeros(len(ticks), np.int64)
    changed[1:] = np.cumsum(np.where(on, -HOUR, np.where(back, HOUR, 0)))
    if back[places[0]]:
        changed -= HOUR
    return ticks + changed, len(places)


def _is_summer_time(
    ticks: NDArray[np.int64], places: NDArray[np.int64], back: NDArray[np.bool_]
) -> bool:
    """Tell whether leaps are in turn on and back, at night, months apart."""
    if len(back) > 1 and (back[1:] == back[:-1]).any():
        return False
    hours = ticks[places] % DAY // HOUR
    weekday = (ticks[places] // DAY + 3) % 7
    apart = np.diff(ticks[places]) > 90 * DAY
    return bool((hours <= 4).all() and np.isin(weekday, (5, 6)).all() and apart.all())


def _share_empty(column: Any) -> float:
    return float(missing(column).mean()) if len(column) else 1.0


def _from_words(column: Any) -> NDArray[Any]:
    settled = settle(column)
    if settled.column is not None and settled.kind == "moments":
        return stamps(settled.column)
    written = words(column)
    texts = levels(written)
    if not texts or sum(text[:1].isdigit() or text[-1:].isdigit() for text in texts[:50]) == 0:
        return np.full(len(column), "NaT", "datetime64[ms]")
    known = _from_iso(texts)
    if np.isnat(known).mean() > 1 - _ENOUGH:
        known = _from_loose(texts)
    return np.append(known, np.datetime64("NaT", "ms"))[codes(written)]


def _from_iso(texts: list[str]) -> NDArray[Any]:
    import pyarrow as pa

    offset = sum(bool(_OFFSET.search(text)) for text in texts[:50]) > len(texts[:50]) / 2
    kind = pa.timestamp("ms", tz="UTC") if offset else pa.timestamp("ms")
    try:
        return stamps(from_texts(texts).cast(kind))
    except (pa.ArrowException, ValueError):
        return np.array([_one_iso(text) for text in texts], "datetime64[ms]")


def _one_iso(text: str) -> Any:
    try:
        moment = datetime.fromisoformat(text)
        return _naive(moment)
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "ms")


def _naive(moment: datetime) -> Any:
    if moment.tzinfo is not None:
        moment = (moment - (moment.utcoffset() or moment - moment)).replace(tzinfo=None)
    return np.datetime64(moment, "ms")


def _from_loose(texts: list[str]) -> NDArray[Any]:
    some = texts[:: max(1, len(texts) // 50)]
    form = max(_FORMS, key=lambda each: sum(_parsed(text, each) is not None for text in some))
    found = [_odd(text) if (when := _parsed(text, form)) is None else when for text in texts]
    return np.array(found, "datetime64[ms]")


def _parsed(text: str, form: str) -> Any:
    try:
        return np.datetime64(datetime.strptime(text, form), "ms")
    except (ValueError, OverflowError):
        return None


def _odd(text: str) -> Any:
    quarter, week = _QUARTER.fullmatch(text), _WEEK.fullmatch(text)
    try:
        if quarter is not None:
            return np.datetime64(f"{quarter[1]}-{3 * int(quarter[2]) - 2:02}-01", "ms")
        if week is not None:
            day = datetime.fromisocalendar(int(week[1]), int(week[2]), int(week[3] or 1))
            return np.datetime64(day, "ms")
    except ValueError:
        pass
    return np.datetime64("NaT", "ms")


def _from_integers(values: NDArray[np.float64]) -> NDArray[Any]:
    known = values[~np.isnan(values)]
    nothing = np.full(len(values), "NaT", "datetime64[ms]")
    if not len(known):
        return nothing
    low, high = known.min(), known.max()
    if low >= 1000 and high < 3000:
        return _written(values, "{:04.0f}-01-01")
    if low >= 1e5 and high < 3e5 and ((known % 100 >= 1) & (known % 100 <= 12)).all():
        return _written(values * 100 + 1, "")
    if low >= 1e7 and high < 3e7:
        return _written(values, "")
    for least, factor in ((1e8, 1e3), (1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6)):
        if low >= least and high < least * 1e3:
            ticks = np.where(np.isnan(values), 0, values) * factor
            return np.where(np.isnan(values), nothing, ticks.astype("datetime64[ms]"))
    return nothing


def _written(values: NDArray[np.float64], form: str) -> NDArray[Any]:
    distinct, place = np.unique(values, return_inverse=True)
    texts = [
        "" if np.isnan(one) else form.format(one) if form else _dashed(one) for one in distinct
    ]
    return np.array([_one_iso(text) for text in texts], "datetime64[ms]")[place]


def _dashed(value: float) -> str:
    text = f"{value:08.0f}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"
