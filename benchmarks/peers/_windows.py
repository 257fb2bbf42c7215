"""Three CSV files of a series as windows, scaled by the mean and deviation of the first.

The second and third begin with the past of their first window, so that no window is dropped.
"""

from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Values = NDArray[np.float32]


def sides(paths: list[Path]) -> list[Values]:
    """Read the columns after the first of each file, in standard deviations of the first file."""
    read = [
        np.loadtxt(path, delimiter=",", skiprows=1, usecols=_numbers(path), dtype=np.float64)
        for path in paths
    ]
    mean, scale = read[0].mean(axis=0), read[0].std(axis=0)
    return [((side - mean) / scale).astype(np.float32) for side in read]


def windows(values: Values, past: int, horizon: int) -> tuple[Values, Values]:
    """Give all pasts, (N, L, C), and what followed, (N, H, C)."""
    views = sliding_window_view(values, past + horizon, axis=0).transpose(0, 2, 1)
    return views[:, :past], views[:, past:]


def _numbers(path: Path) -> range:
    with path.open(encoding="utf-8") as file:
        return range(1, file.readline().count(",") + 1)
