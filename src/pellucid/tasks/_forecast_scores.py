"""Scores of forecasts, and 95 % intervals that know that windows overlap.

Idea: two windows that begin an hour apart foretell nearly the same hours, so thousands of them say
as much as the few that do not overlap. Blocks of neighbours are drawn instead of single windows,
each as long as an overlap lasts.

Source: Politis & Romano 1992, "A circular block-resampling procedure for stationary data"; Gneiting
& Raftery 2007, "Strictly proper scoring rules, prediction, and estimation" (interval score);
Hyndman & Koehler 2006, "Another look at measures of forecast accuracy" (MASE).
Departs: the error that MASE divides by is that of the value one season before on the same windows,
not on the training side; with few blocks the interval is as much wider as Student's t is.

Letters: N windows, H steps ahead, T steps of a window, A variables, R resamples.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid.tasks import Estimate

Sums = Mapping[str, NDArray[np.float64]]  # each (R, A)
_DRAWS = 200
_FEWEST = 10  # windows; a resample of fewer says nothing about the others
_SHOWN = 24  # steps of the horizon, at most
_PAIRS = 16  # of neighbouring windows that are looked at for an overlap
_NORMAL = 1.959964


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Some windows, foretold and true, in standard deviations of the training side.

    Args:
        means: what was foretold, (N, H, A).
        half: how far its intervals reach to either side, (N, H, A).
        future: what came next, (N, H, A), 0 where that is unknown.
        there: whether it is known, (N, H, A).
    """

    means: Float[Tensor, "N H A"]
    half: Float[Tensor, "N H A"]
    future: Float[Tensor, "N H A"]
    there: Bool[Tensor, "N H A"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Errors:
    """Sums over the steps of each window, (N, A), and over the windows at each step, (H, A).

    Args:
        windows: by name: "count" of the known values, and sums over them of "squares",
            "absolutes", "inside" an interval, its "width", and "interval" scores.
        steps: the same names.
        season: mean absolute difference from one season before, (A,).
    """

    windows: Sums
    steps: Sums
    season: NDArray[np.float64]

    @classmethod
    def of(cls, pieces: Iterable[Piece], level: float, season: NDArray[np.float64]) -> "Errors":
        """Add up the errors of all windows, piece by piece."""
        found = [_summed(piece, level) for piece in pieces]
        names = found[0][0]
        return cls(
            windows={name: np.concatenate([rows[name] for rows, _ in found]) for name in names},
            steps={name: np.sum([steps[name] for _, steps in found], axis=0) for name in names},
            season=season,
        )


def estimates(errors: Errors, *, block: int | None) -> dict[str, Estimate]:
    """Give each score with its interval, the main one first.

    Args:
        errors: of the windows, in the order of time.
        block: windows that overlap with one; None for no intervals.
    """
    count = len(errors.windows["count"])
    statistics = _statistics(errors.season)
    plain = {
        name: float(of(_resampled(errors, np.ones((1, count))))[0])
        for name, of in statistics.items()
    }
    if block is None or count < _FEWEST:
        return {name: Estimate(value=value) for name, value in plain.items()}
    sums = _resampled(errors, _weights(count, block))
    wider = _student(count / block - 1) / _NORMAL
    return {
        name: _estimate(plain[name], of(sums), wider, 1.0 if name == "coverage" else math.inf)
        for name, of in statistics.items()
    }  # fmt: skip


def breakdown(ours: Errors, guessed: Errors, names: Sequence[str], level: float) -> dict[str, Any]:
    """Give coverage, errors by variable and errors along the horizon, as JSON.

    Args:
        ours: of the model.
        guessed: of the guess, on the same windows.
        names: of the variables, A.
        level: of the intervals.
    """
    total = {name: float(of.sum()) for name, of in ours.steps.items()}
    known = max(total["count"], 1)
    steps = len(ours.steps["count"])
    shown = np.unique(np.linspace(0, steps - 1, min(_SHOWN, steps)).round().astype(np.int64))
    return {
        "coverage": {
            "level": level,
            "share": total["inside"] / known,
            "mean_width": total["width"] / known,
        },
        "variables": [
            {"name": name, **_row(ours.windows, guessed.windows, (slice(None), at))}
            for at, name in enumerate(names)
        ],
        "horizon": [
            {"step": at + 1, **_row(ours.steps, guessed.steps, (at, slice(None)))}
            for at in shown.tolist()
        ],
    }


def _row(ours: Sums, guessed: Sums, place: tuple[Any, Any]) -> dict[str, float]:
    count = max(float(ours["count"][place].sum()), 1.0)
    return {
        "mse": float(ours["squares"][place].sum()) / count,
        "guess": float(guessed["squares"][place].sum()) / count,
        "coverage": float(ours["inside"][place].sum()) / count,
    }


def beside(ours: Errors, guessed: Errors, *, block: int) -> dict[str, Any]:
    """Compare with the guess on the same windows, as JSON: what is left of its squared error.

    The same windows are hard for both, so the ratio is surer than either error.

    Args:
        ours: of the model.
        guessed: of the guess.
        block: windows that overlap with one.

    Returns:
        "ratio" with its 95 % interval "low" to "high" (None under ten windows), and "said", one
        sentence.
    """
    count = len(ours.windows["count"])
    ones = np.ones((1, count))
    value = float(_ratio(ours, guessed, ones)[0])
    found = Estimate(value=value)
    if count >= _FEWEST:
        drawn = _ratio(ours, guessed, _weights(count, block))
        found = _estimate(value, drawn, _student(count / block - 1) / _NORMAL, math.inf)
    better = found.high is not None and found.high < 1
    worse = found.low is not None and found.low > 1
    verdict = "It beats" if better else "It is worse than" if worse else "It does not surely beat"
    span = "" if found.low is None else f" ({found.low:.0%} to {found.high:.0%})"
    said = f"{verdict} what was there one season before: {value:.0%} of its squared error{span}."
    return {"ratio": value, "low": found.low, "high": found.high, "said": said}


def _ratio(
    ours: Errors, guessed: Errors, weights: Float[NDArray[np.float64], "R N"]
) -> NDArray[np.float64]:
    mine, other = (weights @ each.windows["squares"].sum(axis=1) for each in (ours, guessed))
    return mine / np.maximum(other, np.finfo(np.float64).tiny)


def block_length(windows: Float[Tensor, "N T A"]) -> int:
    """Tell how many windows after one still share a step with it, 1 if none does.

    Args:
        windows: what came next in each, in its own unit.
    """
    count, length = windows.shape[:2]
    if count < 2:
        return 1
    places = np.unique(np.linspace(0, count - 2, _PAIRS).astype(np.int64))
    lags = [_lag(windows[place], windows[place + 1]) for place in places.tolist()]
    lag = sorted(lags)[len(lags) // 2]
    return max(1, min(-(-length // lag), count // 2))


def _lag(one: Float[Tensor, "T A"], other: Float[Tensor, "T A"]) -> int:
    """Give the steps by which one window follows another; its length if they share none."""
    one, other = one.nan_to_num(0.0), other.nan_to_num(0.0)
    for steps in range(1, len(one)):
        if torch.equal(one[steps:], other[:-steps]):
            return steps
    return len(one)


def _summed(piece: Piece, level: float) -> tuple[Sums, Sums]:
    there = piece.there
    errors = ((piece.future - piece.means) * there).abs()
    half = piece.half
    # Twice the half width, and what lies outside counts 2 / (1 - level) times.
    missed = (errors - half).clamp(min=0) * (2 / (1 - level))
    found = {
        "count": there,
        "squares": errors.square(),
        "absolutes": errors,
        "inside": (errors <= half) & there,
        "width": 2 * half * there,
        "interval": (2 * half + missed) * there,
    }
    windows = {name: of.double().sum(dim=1).numpy() for name, of in found.items()}
    steps = {name: of.double().sum(dim=0).numpy() for name, of in found.items()}
    return windows, steps


def _statistics(
    season: NDArray[np.float64],
) -> dict[str, Callable[[Sums], NDArray[np.float64]]]:
    def pooled(name: str) -> Callable[[Sums], NDArray[np.float64]]:
        return lambda sums: sums[name].sum(axis=1) / np.maximum(sums["count"].sum(axis=1), 1)

    def scaled(sums: Sums) -> NDArray[np.float64]:
        each = sums["absolutes"] / np.maximum(sums["count"], 1)
        return (each / season).mean(axis=1)

    return {
        "mse": pooled("squares"),
        "mae": pooled("absolutes"),
        "mase": scaled,
        "coverage": pooled("inside"),
        "interval_score": pooled("interval"),
    }


def _resampled(errors: Errors, weights: Float[NDArray[np.float64], "R N"]) -> Sums:
    return {name: weights @ of for name, of in errors.windows.items()}


def _weights(count: int, block: int) -> Float[NDArray[np.float64], "R N"]:
    """Draw blocks of neighbours, the last followed by the first; count how often each comes."""
    random = np.random.default_rng(0)
    starts = random.integers(0, count, (_DRAWS, -(-count // block)))
    places = (starts[:, :, None] + np.arange(block)) % count
    flat = places.reshape(_DRAWS, -1)[:, :count]
    return np.stack([np.bincount(row, minlength=count) for row in flat]).astype(np.float64)


def _estimate(
    value: float, drawn: NDArray[np.float64], wider: float, most: float
) -> Estimate:  # fmt: skip
    low, high = np.percentile(drawn - drawn.mean(), [2.5, 97.5]) * wider
    return Estimate(
        value=value,
        low=max(0.0, value + min(float(low), 0.0)),
        high=min(most, value + max(float(high), 0.0)),
    )


def _student(freedom: float) -> float:
    """Give the 97.5 % point of Student's t, by the expansion of Cornish and Fisher.

    Source: Abramowitz & Stegun 1964, "Handbook of mathematical functions", chapter 26.
    """
    z, v = _NORMAL, max(1.0, freedom)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / v + second / v**2 + third / v**3
