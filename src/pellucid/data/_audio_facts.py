"""What can be said of a recording cheaply, so that recordings can be grouped by it.

Letters: N recordings, T samples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int16
from numpy.typing import NDArray

from pellucid.data._audio_recordings import Recordings
from pellucid.data._audio_waves import powers

_CELL = 256  # samples, of which a level is taken
_LOUDEST = 32_767
_SILENCE = -120.0  # dB, of what has no level


@dataclass(frozen=True, kw_only=True, slots=True)
class Levels:
    """How loud recordings are.

    Args:
        level: of the whole, dB below full scale.
        peak: of the loudest sample, dB below full scale.
        offset: mean of the samples as a share of full scale.
        quiet: share of the stretches that are 40 dB below the loudest, or more.
    """

    level: Float[np.ndarray, " N"]
    peak: Float[np.ndarray, " N"]
    offset: Float[np.ndarray, " N"]
    quiet: Float[np.ndarray, " N"]


def levels(recordings: Recordings) -> Levels:
    """Measure each recording."""
    rows = np.array([_measured(one) for one in recordings], np.float64).reshape(-1, 4)
    return Levels(level=rows[:, 0], peak=rows[:, 1], offset=rows[:, 2], quiet=rows[:, 3])


def facts(recordings: Recordings) -> dict[str, NDArray[np.float64]]:
    """Give the length, s, the level, dB, and the rate and channels of the file of each, (N,)."""
    about = recordings.about()
    return {
        "seconds": recordings.seconds.round(2),
        "level": levels(recordings).level.round(1),
        "rate": about.rates.astype(np.float64),
        "channels": about.channels.astype(np.float64),
    }


def _measured(samples: Int16[np.ndarray, " T"]) -> tuple[float, float, float, float]:
    edges = np.append(np.arange(0, len(samples), _CELL), len(samples))
    sums = powers(samples, edges)
    power = sums / np.diff(edges)
    quiet = float((power <= power.max() * 1e-4).mean())
    peak = max(abs(int(samples.max())), abs(int(samples.min())))
    offset = float(samples.mean(dtype=np.float64)) / _LOUDEST
    level = float(sums.sum() / len(samples)) ** 0.5
    return _decibels(level), _decibels(peak), offset, quiet


def _decibels(level: float) -> float:
    return max(_SILENCE, 20 * float(np.log10(max(level, 1e-9) / _LOUDEST)))
