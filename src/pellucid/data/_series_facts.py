"""What else is known of each window, so that the kinds that a model is weak for can be found.

Letters: N windows, A variables asked for.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._series_rhythm import DAY, HOUR
from pellucid.data._series_windows import Windows

_VARIABLES = 8
_WEEK = np.array(
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"], dtype=object
)


def facts(raw: Windows) -> dict[str, NDArray[Any]]:
    """Give the level and spread of each variable, the share missing, the series and the time."""
    asked = raw.tracks[0].truth.shape[1] if raw.tracks else 0
    names = raw.channels[: min(asked, _VARIABLES)]
    measured = {
        **{f"{name}, mean": np.full(len(raw), np.nan) for name in names},
        **{f"{name}, spread": np.full(len(raw), np.nan) for name in names},
        "share missing": np.zeros(len(raw)),
    }
    for track in np.unique(raw.of).tolist():
        rows = np.flatnonzero(raw.of == track)
        for name, values in _of_track(raw, track, rows, names).items():
            measured[name][rows] = values
    found: dict[str, NDArray[Any]] = dict(measured)
    if not raw.ahead:
        found["steps"] = raw.end.astype(np.float64)
        return found
    if len({track.name for track in raw.tracks}) > 1:
        found["series"] = np.array([track.name for track in raw.tracks], dtype=object)[raw.of]
    return {**found, **_calendar(raw)}


def _of_track(
    raw: Windows, track: int, rows: NDArray[np.int64], names: tuple[str, ...]
) -> dict[str, NDArray[np.float64]]:
    one, ends = raw.tracks[track], raw.end[rows]
    starts = np.maximum(ends - raw.past, 0) if raw.past else np.zeros_like(ends)
    values = one.seen[:, : len(names)].astype(np.float64)
    centre = np.nanmean(values, axis=0) if len(values) and np.isfinite(values).any() else 0.0
    moved = np.nan_to_num(values - centre)
    count = np.maximum(ends - starts, 1)[:, None]
    mean = _between(moved, starts, ends) / count
    square = _between(np.square(moved), starts, ends) / count
    spread = np.sqrt(np.maximum(square - np.square(mean), 0))
    void = _between(np.isnan(one.truth).mean(axis=1, keepdims=True), starts, ends) / count
    found = {f"{name}, mean": (mean + centre)[:, place] for place, name in enumerate(names)}
    found |= {f"{name}, spread": spread[:, place] for place, name in enumerate(names)}
    return {**found, "share missing": void[:, 0]}


def _between(
    values: NDArray[np.float64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return sums[ends] - sums[starts]


def _calendar(raw: Windows) -> dict[str, NDArray[Any]]:
    """Give the hour, the weekday and the month of the first step that is foretold."""
    if raw.rhythm.unit not in ("time", "months", "business days"):
        return {}
    start = np.array([track.start for track in raw.tracks], np.int64)
    ticks = np.asarray(raw.rhythm.ticks(start[raw.of] + raw.end), np.int64)
    months = ticks.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    found: dict[str, NDArray[Any]] = {"month": months.astype(np.float64)}
    if raw.rhythm.unit == "months":
        return found
    if raw.rhythm.unit == "business days" or raw.rhythm.every <= DAY:
        found["weekday"] = _WEEK[(ticks // DAY + 3) % 7]
    if raw.rhythm.unit == "time" and raw.rhythm.every < DAY:
        found["hour"] = (ticks % DAY // HOUR).astype(np.float64)
    return found
