"""Scores as functions of the weight of each example, and their 95 % intervals.

Idea: a resample of the data is the same data with other weights, so one function gives both the
score (all weights 1) and its bootstrap.

Source: Efron & Tibshirani 1993, "An introduction to the bootstrap" (percentile interval).
Departs: all scores share the same resamples, and the resampled values are moved by their own bias.
A calibration error is a sum of absolute values, which noise can only raise: without the move, the
interval of a well calibrated model would lie wholly above its value.

Letters: N examples, K classes.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from pellucid.tasks import Estimate

Values = NDArray[np.float64]  # (N,)
Places = NDArray[np.int64]  # (N,)
Statistic = Callable[[Values], float]  # weights (N,) → score; NaN where it is not defined

BINS = 15
_DRAWS = 200
_GROUPS, _GROUPED = 10, 10  # groups of like answers at most, and examples of one at least
_FEWEST = 10  # a resample of fewer examples says nothing about the others


def estimates(statistics: Mapping[str, Statistic], count: int) -> dict[str, Estimate]:
    """Give each score with its interval.

    Args:
        statistics: take weights, (N,), that sum to N.
        count: N; under ten there are no intervals.
    """
    ones = np.ones(count)
    plain = {name: statistic(ones) for name, statistic in statistics.items()}
    if count < _FEWEST:
        return {name: Estimate(value=value) for name, value in plain.items()}
    random = np.random.default_rng(0)
    drawn: dict[str, list[float]] = {name: [] for name in statistics}
    for _ in range(_DRAWS):
        picked = random.integers(0, count, count)
        weights = np.bincount(picked, minlength=count).astype(np.float64)
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    return {name: _estimate(value, np.array(drawn[name])) for name, value in plain.items()}


def _estimate(value: float, drawn: Values) -> Estimate:
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) == 0:
        return Estimate(value=value)
    low, high = np.percentile(drawn - drawn.mean() + value, [2.5, 97.5])
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)))


def share(right: int, count: int) -> Estimate:
    """Estimate a share of yes-or-no outcomes.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    normal, value = 1.959964, right / count
    spread = 1 + normal**2 / count
    middle = (value + normal**2 / (2 * count)) / spread
    half = normal * math.sqrt(value * (1 - value) / count + normal**2 / (4 * count**2)) / spread
    return Estimate(
        value=value,
        low=max(0.0, min(middle - half, value)),
        high=min(1.0, max(middle + half, value)),
    )


def within(found: Estimate, least: float, most: float) -> Estimate:
    """Cut an interval to the values that a score can have: the move by the bias can leave them."""
    if found.low is None or found.high is None:
        return found
    return Estimate(value=found.value, low=max(least, found.low), high=min(most, found.high))


def mean(values: Values, weights: Values) -> float:
    """Average values."""
    return float(weights @ values / weights.sum())


def balanced_accuracy(y: Places, right: Values, weights: Values) -> float:
    """Average the share of right answers over the classes that occur."""
    counts = np.bincount(y, weights)
    hits = np.bincount(y, weights * right)
    seen = counts > 0
    return float((hits[seen] / counts[seen]).mean())


def calibration_error(bins: Places, gaps: Values, weights: Values) -> float:
    """Average, over bins of confidence, how far confidence lies from accuracy.

    Args:
        bins: of each example's top probability, see `bins_of`.
        gaps: top probability minus 1 where right, minus 0 where wrong.
        weights: of the examples.

    Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599 (expected calibration error).
    """
    sums = np.bincount(bins, weights * gaps, minlength=BINS)
    return float(np.abs(sums).sum() / weights.sum())


def bins_of(confidence: Values) -> Places:
    """Number the bin of each top probability: 15 of equal width, the upper end belonging to it."""
    return np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(np.int64)


def root_mean_square(errors: Values, weights: Values) -> float:
    """Give the root of the mean square."""
    return math.sqrt(mean(errors**2, weights))


def explained(errors: Values, y: Values, weights: Values) -> float:
    """Give R², the share of the variance of y that is explained; NaN where y does not vary."""
    total = float(weights @ (y - mean(y, weights)) ** 2)
    return 1 - float(weights @ errors**2) / total if total > 0 else math.nan


def agreement(predicted: Values, truth: Values) -> list[dict[str, float]]:
    """Set what was foretold beside what came, as JSON.

    Returns:
        One row for each of up to ten equally large groups of like predictions: "count",
        "predicted" and "true", their means, and "low" to "high", where eight in ten true ones lie.
    """
    order = np.argsort(predicted, kind="stable")
    rows = []
    for inside in np.array_split(order, max(1, min(_GROUPS, len(order) // _GROUPED))):
        low, high = np.percentile(truth[inside], [10, 90]).tolist()
        rows.append(
            {
                "count": len(inside),
                "predicted": float(predicted[inside].mean()),
                "true": float(truth[inside].mean()),
                "low": low,
                "high": high,
            }
        )
    return rows
