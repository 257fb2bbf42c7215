"""A vector for each recording that is alike for near-duplicates.

Idea: the same recording, saved again by another program, louder, or with a little noise, has the
same loudness in the same band at the same time; another recording of the same word has not. So the
loudness of bands over equal stretches of time is compared, less the mean of each band.

Letters: N recordings, T samples, D numbers in a vector.
"""

import numpy as np
from jaxtyping import Float32, Int16

from pellucid.data._audio_recordings import Recordings

_STRETCHES, _EACH = 24, 3  # of time, and windows looked at in each
_BANDS = 16
_WINDOW = 512
_RANGE = 5.0  # powers of ten below the loudest that count
_FLAT = 0.5  # of a power of ten: recordings that vary less are of one tone


def vectors(recordings: Recordings) -> Float32[np.ndarray, "N D"]:
    """Give vectors of length 1; those of recordings in which nothing changes are 0."""
    found = np.zeros((len(recordings), _STRETCHES * _BANDS), np.float32)
    window = np.hanning(_WINDOW).astype(np.float32)
    edges = np.unique(np.geomspace(3, _WINDOW // 2, _BANDS + 1).astype(np.int64))
    edges = np.concatenate([edges, np.full(_BANDS + 1 - len(edges), edges[-1])])
    for row, samples in zip(found, recordings, strict=True):
        row[:] = _vector(samples, window, edges)
    return found


def _vector(
    samples: Int16[np.ndarray, " T"], window: Float32[np.ndarray, " _"], edges: np.ndarray
) -> Float32[np.ndarray, " D"]:
    count = _STRETCHES * _EACH
    starts = np.linspace(0, max(0, len(samples) - _WINDOW), count).astype(np.int64)
    padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
    pieces = padded[starts[:, None] + np.arange(_WINDOW)].astype(np.float32)
    power = np.abs(np.fft.rfft(pieces * window, axis=1)) ** 2
    bands = np.add.reduceat(power, edges[:-1].clip(max=power.shape[1] - 1), axis=1)
    grid = bands.reshape(_STRETCHES, _EACH, _BANDS).mean(axis=1)
    loud = np.log10(grid / max(float(grid.max()), 1e-9) + 10**-_RANGE)
    loud -= loud.mean(axis=0)
    length = float(np.linalg.norm(loud))
    if length < _FLAT:
        return np.zeros(_STRETCHES * _BANDS, np.float32)
    return (loud / length).ravel().astype(np.float32)
