"""How wide the intervals of a forecast must be to hold what they promise.

Idea: on the held-out side the truth was off by so many scales, at this step and for this variable.
Steps beside each other are alike, so they are taken together in bands, and between the middles of
two bands the width goes in a straight line.

Source: Vovk, Gammerman & Shafer 2005, "Algorithmic learning in a random world" (the rank that holds
a new example with at least the probability asked for).
Departs: windows that overlap are not exchangeable; the promise is kept as far as the errors of
other times are like those of the held-out side.

Letters: N windows, H steps ahead, A variables, G bands.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid.tasks._conformal import check_level

_LEVELS = (*(place / 20 for place in range(1, 20)), 0.96, 0.97, 0.98, 0.99, 0.995, 0.999)
_MOST_BANDS = 48
_KEPT = 1000  # bands times variables, about, that a model file has room for


def summarise(off: Float[Tensor, "N H A"], count: int) -> dict[str, Any]:
    """Keep, for some levels, how far off the truth was at that share of the held-out windows.

    Args:
        off: distance of the truth from the forecast, in scales; NaN where no truth is known.
        count: held-out windows, N or more.
    """
    horizon, variables = off.shape[1:]
    bands = max(1, min(_MOST_BANDS, horizon, max(8, _KEPT // max(variables, 1))))
    parts = [band.flatten(0, 1) for band in off.tensor_split(bands, dim=1)]
    edges = [places.double().mean().item() for places in torch.arange(horizon).tensor_split(bands)]
    kept = torch.stack([_ranked(part, count) for part in parts], dim=1)
    finite = [
        [[at if math.isfinite(at) else None for at in row] for row in rows]
        for rows in kept.tolist()
    ]  # fmt: skip
    return {"count": count, "steps": edges, "levels": list(_LEVELS), "widths": finite}


def _ranked(off: Float[Tensor, "N A"], count: int) -> Float[Tensor, "L A"]:
    """Give the distance at the rank of each level; infinite where nothing is known."""
    ordered = off.nan_to_num(torch.inf).sort(dim=0).values
    known = ordered.isfinite().sum(dim=0)
    shares = torch.tensor(_LEVELS, dtype=torch.float64)[:, None] * (1 + 1 / max(count, 1))
    ranks = (shares * known - 1e-9).ceil().long().clamp(min=1)
    ranks = torch.minimum(ranks, known.clamp(min=1))
    return ordered.gather(0, ranks - 1)


def widths(
    calibration: Mapping[str, Any], level: float, *, steps: int, variables: int
) -> NDArray[np.float64] | None:
    """Give the scales that an interval reaches to either side, (H, A).

    Args:
        calibration: of the model; its "conformal" entry is what `summarise` gave.
        level: probability with which an interval shall hold the truth, between 0 and 1.
        steps: H.
        variables: A.

    Returns:
        None if too few windows were held out to promise that level; infinite for what was never
        seen there.

    Raises:
        BadInputError: if the level is not between 0 and 1.
        ValueError: if the calibration is damaged; the model file says so to the user.
    """
    check_level(level)
    summary = calibration.get("conformal")
    place = next((at for at, known in enumerate(_LEVELS) if known >= level - 1e-9), None)
    if summary is None or place is None:
        return None
    middles, kept = _checked(summary, variables)
    if math.ceil((summary["count"] + 1) * level - 1e-9) > summary["count"]:
        return None
    places = np.arange(steps)
    return np.stack([_between(places, middles, row) for row in kept[place].T], axis=1)


def _between(
    places: NDArray[np.int64], middles: NDArray[np.float64], row: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Give the width at each step, in a straight line between the bands that have one."""
    there = np.isfinite(row)
    if not there.any():
        return np.full(len(places), np.inf)
    return np.interp(places, middles[there], row[there])


def _checked(
    summary: Mapping[str, Any], variables: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    try:
        middles = np.array(summary["steps"], np.float64)
        kept = np.array(summary["widths"], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError("the widths of intervals are damaged") from error
    whole = kept.shape == (len(_LEVELS), len(middles), variables)
    if not whole or summary["levels"] != list(_LEVELS) or type(summary["count"]) is not int:
        raise ValueError("the widths of intervals are damaged")
    return middles, kept
