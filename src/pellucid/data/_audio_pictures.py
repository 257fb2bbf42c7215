"""Recordings as pictures for people: spectrograms, and curves of loudness.

Letters: T samples, F frames, N bins of frequency, Y X height and width in pixels.
"""

import numpy as np
from jaxtyping import Float, Int16, UInt8

_WINDOW = 0.025  # s
_RANGE = 60.0  # dB, from the lightest to the darkest
_BINS = 512
_DARK = np.array([(255, 255, 255), (214, 222, 232), (130, 152, 182), (52, 76, 120), (16, 22, 48)])


def spectrogram(
    samples: Int16[np.ndarray, " T"], rate: int, *, frames: int
) -> Float[np.ndarray, "N F"]:
    """Give the loudness in dB over frequency and time, from 0 for the loudest down to -60.

    Args:
        samples: of one recording.
        rate: Hz.
        frames: F, evenly over the recording; however long it is, that is all that is computed.
    """
    size = min(_BINS, max(16, round(rate * _WINDOW)))
    padded = np.pad(samples[: size * frames] if len(samples) < size else samples, (0, 0))
    starts = np.linspace(0, max(0, len(padded) - size), frames).astype(np.int64)
    rows = np.zeros((frames, size), np.float32)
    for row, start in zip(rows, starts.tolist(), strict=True):
        piece = padded[start : start + size]
        row[: len(piece)] = piece
    rows = rows - rows.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(rows * np.hanning(size).astype(np.float32), _BINS, axis=1)) ** 2
    loud = 10 * np.log10(power.T + 1.0)
    return np.maximum(loud - loud.max(initial=0.0), -_RANGE)


def envelope(samples: Int16[np.ndarray, " T"], cells: int) -> Float[np.ndarray, " cells"]:
    """Give the level of equal stretches of a recording, from 0 to 1."""
    edges = np.linspace(0, len(samples), cells + 1).astype(np.int64)
    levels = [
        np.sqrt(np.square(samples[a : max(b, a + 1)], dtype=np.float64).mean())
        if a < len(samples)
        else 0.0
        for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]
    return np.array(levels) / 32_768


def picture(
    samples: Int16[np.ndarray, " T"], rate: int, *, height: int, width: int
) -> UInt8[np.ndarray, "Y X 3"]:
    """Draw a spectrogram: time to the right, frequency upwards, the loudest dark."""
    loud = spectrogram(samples, rate, frames=width)
    rows = np.linspace(len(loud) - 1, 1, height).round().astype(np.int64)
    shades = 1 + loud[rows] / _RANGE  # from 0 to 1
    at = shades * (len(_DARK) - 1)
    low = np.minimum(at.astype(np.int64), len(_DARK) - 2)
    share = (at - low)[..., None]
    return (_DARK[low] * (1 - share) + _DARK[low + 1] * share).round().astype(np.uint8)
