"""Where the data rather than the model may be at fault, and for whom the model is weak.

Idea: a label that the model hardly believes, of an example it did not learn from, is more often a
slip than a discovery; and a mean score hides the groups that it does not hold for.

Source: Northcutt, Jiang & Chuang 2021, "Confident learning: estimating uncertainty in dataset
labels", arXiv:1911.00068 (a class's own typical confidence decides what counts as confident; the
count of confident disagreements estimates how many labels are wrong). Tukey 1977, "Exploratory data
analysis" (fences at three quartile ranges are "far out").
Departs: labels are ranked by how much likelier another one is than that given, in nats, less how
often those two are taken for each other anyway, so that a pair of classes that look alike does not
fill the list; numbers by their residuals.

Letters: N examples, K outputs, G groups.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid.tasks import Calibration, Estimate, Task

_SHRUNK = 5.0  # examples that a class must have before its own confidence outweighs that of all
_MOST_LEVELS = 50  # of one column that are looked at, the most frequent
_NEARLY_ALL = 0.95  # a group of more than this share is the whole
_ALPHA = 0.05
_FENCE = 3.0  # quartile ranges above the upper quartile
_LEAST = 1e-12  # probability
_FEW_VALUES = 5  # distinct numbers that are groups of their own


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """One example whose given answer may be wrong.

    Args:
        name: of the example.
        place: among the examples.
        given: its answer in the data, in the user's words.
        likelier: what the model takes it for.
        given_probability: of the given answer, as the model sees it; None for a number.
        likelier_probability: of the likelier one; None for a number.
    """

    name: str
    place: int
    given: str
    likelier: str
    given_probability: float | None = None
    likelier_probability: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Examples that have something in common, and the model's score on them.

    Args:
        name: of what they have in common: a column, or the target.
        value: that they share: a level, or "18 to 25".
        n: how many they are.
        score: on them, with its 95 % interval.
        whole: the score on all examples.
    """

    name: str
    value: str
    n: int
    score: Estimate
    whole: float

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return asdict(self)


def suspects(
    outputs: Float[Tensor, "N K"],
    y: Tensor,
    task: Task,
    calibration: Calibration,
    names: Sequence[str],
    *,
    count: int | None = None,
) -> list[Suspect]:
    """List the examples whose given answer is likeliest to be wrong, the likeliest first.

    None are listed where no answers are given (`Task.needs_targets`).

    Args:
        outputs: of a network that did not learn from these examples.
        y: the given answers, as `task.encode` gave them.
        task: that the outputs answer.
        calibration: of the model.
        names: of the examples.
        count: how many to list; None for as many as there seem to be.
    """
    if not len(y) or task.made or not task.needs_targets:
        return []
    outputs = outputs.float().cpu()
    if bool((task.rivals(outputs) < 0).any()):
        return _far_out(outputs, y.cpu(), task, calibration, names, count)
    return _unlikely(outputs, y.cpu(), task, calibration, names, count)


def weakest(
    task: Task,
    outputs: Float[Tensor, "N K"],
    y: Tensor,
    columns: Mapping[str, NDArray[Any]],
    *,
    calibration: Calibration,
    least: int = 20,
) -> list[Group]:
    """Find the groups that the model is clearly worse for than for all, the worst first.

    A group is reported if an interval that holds with 95 % for all the groups tried at once
    (Bonferroni) lies wholly on the worse side of the score of the whole.

    Args:
        task: with its `metric`.
        outputs: on held-out examples.
        y: their answers, as `task.encode` gave them.
        columns: what else is known of them, by name: numbers, cut into quartiles, or words. The
            answers themselves are added.
        calibration: of the model.
        least: examples that a group needs.
    """
    outputs, y = outputs.float().cpu(), y.cpu()
    if not len(y):
        return []
    whole = task.score(outputs, y)
    sign = 1.0 if task.better == "higher" else -1.0
    groups = list(_groups(task, outputs, y, columns, least))
    wider = NormalDist().inv_cdf(1 - _ALPHA / 2 / max(1, len(groups))) / NormalDist().inv_cdf(0.975)
    found = []
    for name, value, inside in groups:
        rows = torch.from_numpy(np.flatnonzero(inside))
        if sign * (whole - task.score(outputs[rows], y[rows])) <= 0:
            continue
        score = task.estimate(outputs[rows], y[rows], calibration)
        if _is_worse(score, whole, sign, wider):
            found.append(Group(name=name, value=value, n=len(rows), score=score, whole=whole))
    return sorted(found, key=lambda group: sign * group.score.value)


def _unlikely(
    outputs: Tensor,
    y: Tensor,
    task: Task,
    calibration: Calibration,
    names: Sequence[str],
    count: int | None,
) -> list[Suspect]:
    chosen, rivals = task.chosen(outputs), task.rivals(outputs)
    other = torch.where(chosen == y, rivals, chosen)
    most = 1 + int(torch.maximum(y, other).max())
    # The number explained is a log-odds wherever an answer has rivals.
    given = task.explained(outputs.double(), y, calibration)
    likelier = task.explained(outputs.double(), other, calibration).sigmoid().clamp(min=_LEAST)
    doubt = likelier.log() - F.logsigmoid(given) - _confusion(likelier, y, other).log()
    if count is None:
        confident = likelier >= _typical(given.sigmoid(), y, most)[other]
        count = int(((chosen != y) & confident).sum())
    order = doubt.argsort(descending=True, stable=True)[:count].tolist()
    return [
        Suspect(
            name=names[place],
            place=place,
            given=task.answer_name(int(y[place])),
            likelier=task.answer_name(int(other[place])),
            given_probability=float(given[place].sigmoid()),
            likelier_probability=float(likelier[place]),
        )
        for place in order
    ]


def _confusion(likelier: Tensor, y: Tensor, other: Tensor) -> Float[Tensor, " N"]:
    """Give how much the examples given an answer are taken for another on average, by pairs."""
    pairs, of = torch.unique(torch.stack([y, other]), dim=1, return_inverse=True)
    sums = torch.zeros(pairs.shape[1], dtype=likelier.dtype).index_add_(0, of, likelier)
    given = torch.bincount(y)[y]
    return (sums[of] + 1 / len(y.unique())) / (given + 1)


def _typical(values: Tensor, y: Tensor, most: int) -> Float[Tensor, " G"]:
    """Average over the examples of each given answer, drawn to the mean of all where few."""
    sums = torch.zeros(most, dtype=values.dtype).index_add_(0, y, values)
    return (sums + _SHRUNK * values.mean()) / (torch.bincount(y, minlength=most) + _SHRUNK)


def _far_out(
    outputs: Tensor,
    y: Tensor,
    task: Task,
    calibration: Calibration,
    names: Sequence[str],
    count: int | None,
) -> list[Suspect]:
    """List the residuals beyond Tukey's outer fence, the largest first."""
    # Of squares: their root is as far off as the number is.
    size = task.losses(outputs, y).detach().double().clamp(min=0).sqrt()
    if size.shape != (len(y),):
        return []
    if count is None:
        low, high = size.quantile(0.25), size.quantile(0.75)
        count = int((size > high + _FENCE * (high - low)).sum())
    order = size.argsort(descending=True, stable=True)[:count]
    given = task.told(y[order])
    chosen = task.chosen(outputs[order])
    likelier = task.explained(outputs[order].double(), chosen, calibration).tolist()
    return [
        Suspect(name=names[place], place=place, given=word, likelier=f"{number:.6g}")
        for place, word, number in zip(order.tolist(), given, likelier, strict=True)
    ]


def _is_worse(score: Estimate, whole: float, sign: float, wider: float) -> bool:
    """Tell whether the widened interval lies wholly on the worse side of the whole."""
    end = score.high if sign > 0 else score.low
    if end is None:
        return False
    return sign * (score.value + wider * (end - score.value)) < sign * whole


def _groups(
    task: Task, outputs: Tensor, y: Tensor, columns: Mapping[str, NDArray[Any]], least: int
) -> Iterator[tuple[str, str, Bool[np.ndarray, " N"]]]:
    """Yield the groups that are large enough and not nearly all: name, value, who belongs."""
    given: dict[str, NDArray[Any]] = {}
    if not bool((task.rivals(outputs) < 0).any()):
        words = {int(place): task.answer_name(int(place)) for place in y.unique()}
        target = task.schema.target or "answer"
        given[target] = np.array([words[int(place)] for place in y], dtype=object)
    for name, values in {**columns, **given}.items():
        cut = _quartiles(values) if values.dtype.kind in "biuf" else _levels(values)
        for value, inside in cut:
            if least <= inside.sum() <= _NEARLY_ALL * len(y):
                yield name, value, inside


def _levels(values: NDArray[Any]) -> Iterator[tuple[str, Bool[np.ndarray, " N"]]]:
    counts = Counter(values.tolist())
    for level, _ in counts.most_common(_MOST_LEVELS):
        inside = np.array([value == level for value in values.tolist()])
        yield ("missing" if level is None or level == "" else str(level)), inside


def _quartiles(values: NDArray[Any]) -> Iterator[tuple[str, Bool[np.ndarray, " N"]]]:
    """Cut at the quartiles; a few distinct values are groups of their own."""
    values = values.astype(np.float64)
    there = np.isfinite(values)
    distinct = np.unique(values[there])
    if not there.all():
        yield "missing", ~there
    if len(distinct) <= _FEW_VALUES:
        for value in distinct.tolist():
            yield f"{value:.6g}", values == value
        return
    edges = np.unique(np.quantile(values[there], [0.25, 0.5, 0.75], method="inverted_cdf"))
    bounds = [-np.inf, *edges.tolist(), np.inf]
    for low, high in pairwise(bounds):
        inside = there & (values > low) & (values <= high)
        if inside.any():
            yield f"{values[inside].min():.6g} to {values[inside].max():.6g}", inside
