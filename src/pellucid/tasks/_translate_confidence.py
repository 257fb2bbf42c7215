"""How good a translation is likely to be, from how likely the network finds it.

Idea: the mean log-probability of its tokens orders translations by their quality, but says nothing
in any unit. On the held-out side it is known which chrF went with it: the best rising steps through
these points turn the one into the other.

Source: Barlow, Bartholomew, Bremner & Brunk 1972, "Statistical inference under order restrictions"
(rising steps, by pooling neighbours that fall); Vovk, Gammerman & Shafer 2005, "Algorithmic
learning in a random world" (bounds that hold as often as they say).

Letters: N translations, S steps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_STEPS = 24
_RESIDUALS = 400


def learned(means: Values, quality: Values) -> dict[str, Any]:
    """Learn what quality goes with a mean log-probability.

    Args:
        means: nats a token of each translation, (N,), at most 0.
        quality: chrF of each as a share, (N,).

    Returns:
        As JSON: "at" and "quality", (S,) each, and "short", how far below what was foretold
        translations were, sorted.
    """
    means = np.nan_to_num(means, nan=-1e3, neginf=-1e3)
    order = np.argsort(means, kind="stable")
    parts = np.array_split(order, min(_STEPS, max(1, len(order) // 5)))
    at = np.array([means[part].mean() for part in parts])
    steps = _rising(
        np.array([quality[part].mean() for part in parts]),
        np.array([float(len(part)) for part in parts]),
    )
    foretold = np.interp(means, at, steps)
    short = np.sort(foretold - quality)
    kept = np.linspace(0, len(short) - 1, min(_RESIDUALS, len(short))).round().astype(np.int64)
    return {"at": at.tolist(), "quality": steps.tolist(), "short": short[kept].tolist()}


def foretold(means: Values, calibration: Mapping[str, Any], level: float) -> tuple[Values, Values]:
    """Give the quality that is expected, and the one that is reached with this probability.

    Args:
        means: nats a token, (N,).
        calibration: what `learned` gave; {} for the chance of a token itself.
        level: between 0 and 1.
    """
    means = np.nan_to_num(means, nan=-1e3, neginf=-1e3)
    if not calibration:
        plain = np.exp(np.minimum(means, 0.0))
        return plain, np.zeros_like(plain)
    at, steps = np.array(calibration["at"]), np.array(calibration["quality"])
    expected = np.interp(means, at, steps)
    short = np.array(calibration["short"])
    place = int(np.ceil((len(short) + 1) * level)) - 1
    below = short[place] if place < len(short) else 1.0
    return expected, np.clip(expected - below, 0.0, 1.0)


def _rising(values: Values, weights: Values) -> Values:
    """Pool neighbours until none falls."""
    blocks: list[list[float]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (one, heavy, count), (other, more, further) = blocks[-2:]
            mean = (one * heavy + other * more) / (heavy + more)
            blocks[-2:] = [[mean, heavy + more, count + further]]
    return np.concatenate([np.full(int(count), value) for value, _, count in blocks])
