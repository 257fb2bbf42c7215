"""Made data whose reason is known, and how an explanation is held against it.

Idea: a part of a picture is true if it holds a quarter of one mark, or if half of it is mark. Other
parts that hold some of a mark, or of which a tenth lies in the box around one, do not count: parts
need not follow the edge of a mark, and a hollow makes a ring. The rest is false.
A column is false if the answer never uses it, true if it moved this very answer, and does not count
if the rule uses it but it hardly mattered here. A stretch of a text or a series is true if it holds
a quarter of a reason or half of it is one.

Letters: N examples, P parts, H W height and width, F columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

NEITHER = "neither"  # the class of pictures in which no reason is present
OF_MARK, OF_PART, BESIDE = 0.25, 0.5, 0.1
MATTERS = 0.33  # of the effect of the column that mattered most


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Planted:
    """Examples with their reasons.

    Args:
        x: as `model.explain` takes it: pictures (N, H, W, C), an Arrow table of N rows, a list of
            N texts, or a list of N Arrow tables that are a series each.
        y: the answers, (N,): strings, or float64.
        truth: for pictures, (N, H, W), the number of the mark that each pixel belongs to, from 1,
            the same but negative in the rest of the box around it, 0 elsewhere; for tables, (N, F),
            how much each column moved the answer, 0 if it is never used; for texts, (N,) arrays
            that say of each character whether it is a reason: 1, 0, or NaN where that does not
            count; for series, (N, T, C) the same of each value.
    """

    x: Any
    y: NDArray[Any]
    truth: NDArray[Any]


class Design(Protocol):
    """One way of planting a reason, in one difficulty.

    Attributes:
        signed: whether reasons speak for the answer. In a table what speaks against it is a reason,
            too, for it not to be surer.
    """

    signed: bool

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        """Make examples.

        Args:
            count: N.
            seed: of the reasons and, unless `scenery` is given, of everything else.
            scenery: of everything else: the same seed gives the same reasons in other scenery.
            swapped: plant in each example the reason of another answer, all else the same.
            training: for learning from; a shortcut goes with the class there alone.
        """

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        """Let pellucid learn a model from examples."""

    def labels(self, model: Any, planted: Planted, place: int, explanation: Any) -> Any:
        """Tell of each part of an explanation whether it is true: 1, 0, or NaN: (P,)."""


def of_parts(of: NDArray[np.int64], marks: NDArray[np.int8]) -> NDArray[np.float64]:
    """Tell which parts of a picture are its reason: 1, 0, or NaN where that does not count.

    Args:
        of: the part that each pixel belongs to, (H, W), -1 for none.
        marks: as in `Planted.truth`, (H, W).
    """
    count = int(of.max()) + 1

    def held(where: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(of[where & (of >= 0)], minlength=count)

    area = np.maximum(held(of >= 0), 1)
    inked, boxed = held(marks > 0), held(marks != 0)
    found = np.where((inked > 0) | (boxed >= BESIDE * area), np.nan, 0.0)
    found[inked >= OF_PART * area] = 1
    for mark in range(1, int(marks.max()) + 1):
        found[held(marks == mark) >= OF_MARK * (marks == mark).sum()] = 1
    return found


def of_columns(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell which columns are the reason of one answer: 1, 0, or NaN where that does not count.

    Args:
        effects: how much each column moved it, (F,); 0 for those that are never used.
    """
    least = MATTERS * effects.max()
    return np.select([effects == 0, effects >= least], [0.0, 1.0], np.nan)


def of_spans(where: Sequence[Sequence[int]], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell which stretches are a reason: 1, 0, or NaN where that does not count.

    Args:
        where: start and end of each.
        marks: of each place, (T,), as in `Planted.truth`.
    """
    return np.array([judged(marks[start:end], marks) for start, end in where])


def judged(inside: NDArray[np.float64], marks: NDArray[np.float64]) -> float:
    """Tell whether what is inside a part is a reason: 1, 0, or NaN where that does not count.

    Args:
        inside: marks of the places in the part.
        marks: of all places.
    """
    true = float((inside == 1).sum())
    # Where several words are reasons, each of them is a mark of its own, about as long.
    if true and (true >= OF_PART * inside.size or true >= OF_MARK * (marks == 1).sum()):
        return 1.0
    return float("nan") if true or np.isnan(inside).any() else 0.0


def auroc(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """Give the chance that a true part scores above a false one, ties counting half.

    Returns:
        NaN if there is no true or no false part.
    """
    true, false = scores[labels == 1], scores[labels == 0]
    if not len(true) or not len(false):
        return float("nan")
    gap = true[:, None] - false[None]
    return float((gap > 0).mean() + (gap == 0).mean() / 2)
