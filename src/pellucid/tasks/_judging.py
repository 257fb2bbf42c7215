"""Classified examples beside the truth, and what there is to say of them.

Letters: N examples, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.tasks import _scores

_MOST_SHOWN = 100  # classes; past that a confusion matrix has more cells than a reader


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """Probabilities and what follows from them, one row an example.

    Args:
        likely: probability of each class, (N, K).
        y: true class, (N,).
        answered: likeliest class, (N,).
        confidence: probability of that, (N,).
        right: 1 where it is the true class, else 0, (N,).
        losses: negative log probability of the true class, nats, (N,).
        bins: bin of the confidence, (N,).
    """

    likely: NDArray[np.float64]
    y: NDArray[np.int64]
    answered: NDArray[np.int64]
    confidence: NDArray[np.float64]
    right: NDArray[np.float64]
    losses: NDArray[np.float64]
    bins: NDArray[np.int64]

    @classmethod
    def of(cls, likely: NDArray[np.float64], y: NDArray[np.int64]) -> "Judged":
        """Judge probabilities, (N, K), by true classes, (N,)."""
        answered = likely.argmax(axis=1)
        confidence = likely.max(axis=1)
        true = likely[np.arange(len(y)), y]
        return cls(
            likely=likely,
            y=y,
            answered=answered,
            confidence=confidence,
            right=(answered == y).astype(np.float64),
            losses=-np.log(np.maximum(true, np.finfo(np.float64).tiny)),
            bins=_scores.bins_of(confidence),
        )


def breakdown(judged: Judged, classes: Sequence[str]) -> dict[str, Any]:
    """Give calibration by bin, every class by itself, and which is taken for which."""
    count = len(classes)
    cells = np.bincount(judged.y * count + judged.answered, minlength=count**2)
    confusion = cells.reshape(count, count)
    return {
        "calibration": {"ece": _error(judged), "reliability": _reliability(judged)},
        "per_class": _per_class(confusion, classes),
        "confusion": confusion.tolist() if count <= _MOST_SHOWN else None,
    }


def _error(judged: Judged) -> float:
    gaps = judged.confidence - judged.right
    return _scores.calibration_error(judged.bins, gaps, np.ones(len(gaps)))


def _reliability(judged: Judged) -> list[dict[str, float]]:
    rows = []
    for place in np.unique(judged.bins).tolist():
        inside = judged.bins == place
        rows.append(
            {
                "low": place / _scores.BINS,
                "high": (place + 1) / _scores.BINS,
                "count": int(inside.sum()),
                "confidence": float(judged.confidence[inside].mean()),
                "accuracy": float(judged.right[inside].mean()),
            }
        )
    return rows


def _per_class(confusion: NDArray[np.int64], classes: Sequence[str]) -> dict[str, dict[str, Any]]:
    hits, counts, answered = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        name: {
            "precision": _ratio(hits[place], answered[place]),
            "recall": _ratio(hits[place], counts[place]),
            "count": int(counts[place]),
        }
        for place, name in enumerate(classes)
    }


def _ratio(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
