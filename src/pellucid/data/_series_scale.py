"""The level and the size of each window's own series, from its own past alone.

Idea: of several series in one file one may be a thousand times as large as another. A window is
read, and errors in it are counted, in units of how much its own series moved up to the end of the
window; what comes later has no say in it.

Letters: N windows, T steps, C channels.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

    from pellucid.data._series_windows import Track, Windows

_LEAST = 1e-3  # of its level: what a series moves at least, as far as it is scaled
_FEW, _UNSURE = 8, 0.1  # steps that say little of how much a series moves; then this of its level
_FLAG = 3  # distinct values of a column, such as a holiday, that mean the same in all series


def own_channels(raw: "Windows", asked: int, static: int) -> list[bool]:
    """Tell of each channel whether it is scaled for each series by itself.

    What does not change within a series tells series apart, and flags mean the same in all.

    Args:
        raw: with its tracks.
        asked: channels that are asked for, the first ones.
        static: channels that do not change, the last ones.
    """
    channels = len(raw.channels)
    found = [True] * asked
    for place in range(asked, channels):
        some = [np.unique(track.seen[:, place]) for track in raw.tracks[:_FEW]]
        distinct = np.unique(np.concatenate(some))
        flag = np.isfinite(distinct).sum() <= _FLAG
        found.append(place < channels - static and not flag)
    return found


def levels(track: "Track", ends: NDArray[np.int64], own: list[bool]) -> NDArray[np.float32]:
    """Give the mean and the standard deviation of a series up to each end, (N, 2, C).

    NaN where nothing is known, where nothing moved yet, and in channels that are not scaled so.
    """
    if track.levels is not None:
        return np.repeat(track.levels[None], len(ends), axis=0)
    values = track.seen.astype(np.float64)
    values[:, : track.truth.shape[1]] = track.truth  # what was filled in was never there
    there = ~np.isnan(values)
    first = np.take_along_axis(values, there.argmax(axis=0)[None], axis=0) if len(values) else 0.0
    moved = np.nan_to_num(values - first)  # sums of squares of large numbers would lose digits
    count = _up_to(there.astype(np.float64), ends)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _up_to(moved, ends) / count
        spread = np.sqrt(np.maximum(_up_to(np.square(moved), ends) / count - np.square(mean), 0))
    mean = mean + np.nan_to_num(first)
    spread = np.where(count > 0, np.maximum(spread, least_size(np.abs(mean), count)), np.nan)
    spread[spread <= 0] = np.nan
    found = np.stack([mean, spread], axis=1)
    found[:, :, ~np.array(own)] = np.nan
    return found.astype(np.float32)


def least_size(level: NDArray[np.float64], count: NDArray[np.float64] | int) -> NDArray[np.float64]:
    """Give what a series of this level is taken to move at least, seen for so many steps."""
    return np.where(np.asarray(count) < _FEW, _UNSURE, _LEAST) * level


def typical(raw: "Windows", own: list[bool]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the usual level and size of each channel over windows, (C,) both; NaN for none."""
    found = [
        levels(raw.tracks[track], raw.end[raw.of == track][::10], own)
        for track in np.unique(raw.of).tolist()
    ]
    every = np.concatenate(found).astype(np.float64)
    known = np.isfinite(every).any(axis=0)
    middle = np.full(known.shape, np.nan)
    middle[known] = np.nanmedian(every[:, known], axis=0)
    return middle[0], middle[1]


def own_scaled(
    stored: "torch.Tensor", means: "torch.Tensor", scales: "torch.Tensor", asked: int
) -> "torch.Tensor":
    """Turn windows with their levels into x, (B, L, C + 2A); see `Schema.own_scale`.

    Args:
        stored: (B, L + 2, C), level and size last, NaN where they are those of all series.
        means: of all series, (C,); 0 for what is asked.
        scales: the same.
        asked: channels that are asked for, A.
    """
    import torch

    rows = stored[:, :-2]
    level = torch.where(stored[:, -2].isnan(), means, stored[:, -2])[:, None]
    size = torch.where(stored[:, -1].isnan(), scales, stored[:, -1])[:, None]
    wanted = torch.where(rows.isnan(), level, rows)[..., :asked] / scales[:asked]
    others = ((rows - level) / size)[..., asked:].nan_to_num(nan=0.0)
    told = [level[..., :asked] / scales[:asked], (size / scales)[..., :asked].log()]
    constant = torch.cat(told, dim=2).expand(-1, rows.shape[1], -1)
    return torch.cat([wanted, others, constant], dim=2).float()


def _up_to(values: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum the steps before each end, (N, C)."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return sums[ends]
