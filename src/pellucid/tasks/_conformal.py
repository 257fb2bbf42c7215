"""Sets and intervals that hold the truth as often as they say.

Idea: the network is wrong on new examples about as much as it was on held-out ones. Sort how wrong
it was there; whatever is no more wrong than the ceil((n + 1) level)-th of n is kept. If examples
are exchangeable, the truth is kept with probability `level` or more, whatever the network.

Source: Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random world"; split form: Lei,
G'Sell, Rinaldo, Tibshirani & Wasserman 2018, arXiv:1604.04173.
Departs: at most 1,000 order statistics are stored, so that the level can be named later; between
them the next larger one is taken, which can only make a set larger (by 0.1 % of coverage).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import BadInputError

_KEPT = 1000


def summarise(wrongness: NDArray[np.float64]) -> dict[str, Any]:
    """Keep what is needed of how wrong each held-out example was.

    Args:
        wrongness: nonconformity of the true answer, (N,); what is not finite is left out.
    """
    ordered = np.sort(wrongness[np.isfinite(wrongness)])
    count = len(ordered)
    kept = min(count, _KEPT)
    ranks = -(-np.arange(1, kept + 1) * count // max(kept, 1))
    return {"count": count, "scores": ordered[ranks - 1].tolist()}


def check_level(level: float) -> None:
    """Refuse what is no probability with which sets or intervals could hold the truth.

    Raises:
        BadInputError: if the level is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise BadInputError(
            given=f"level={level:g}",
            needed="a probability between 0 and 1",
            remedy="`level=0.9` holds the truth nine times in ten",
        )


def threshold(calibration: Mapping[str, Any], level: float) -> float:
    """Give the wrongness up to which an answer belongs in the set.

    Args:
        calibration: of the model; its "conformal" entry is what `summarise` gave.
        level: probability with which the set shall hold the truth, between 0 and 1.

    Returns:
        Infinity if there were too few held-out examples to promise that level (fewer than
        1 / (1 - level) - 1): then everything belongs in the set.

    Raises:
        BadInputError: if the level is not between 0 and 1.
        ValueError: if the calibration is damaged; the model file says so to the user.
    """
    check_level(level)
    count, kept = _checked(calibration.get("conformal", {"count": 0, "scores": []}))
    rank = math.ceil((count + 1) * level - 1e-9)  # 10 × 0.9 must not round up to 10
    if rank > count:
        return math.inf
    return kept[(rank - 1) * len(kept) // count]


def _checked(summary: Mapping[str, Any]) -> tuple[int, list[float]]:
    count, kept = summary["count"], summary["scores"]
    if type(count) is not int or not isinstance(kept, list) or len(kept) != min(count, _KEPT):
        raise ValueError("the conformal scores are damaged")
    if any(type(score) is not float for score in kept) or kept != sorted(kept):
        raise ValueError("the conformal scores are no sorted numbers")
    return count, kept
