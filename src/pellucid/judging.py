"""What was learned is judged and calibrated on the side that was held out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import _inference
from pellucid.explaining import Subject
from pellucid.explaining._cases import Cases, choose, shortened
from pellucid.explaining._choosing import trust
from pellucid.preparing import Prepared, Side
from pellucid.tasks import Estimate, Task
from pellucid.training.learner import Learner
from pellucid.training.numerics import Numerics

_EARLY = 0.12  # of the steps: until then a run that goes wrong is put right
_SOME = 16  # training examples that a cause is looked for in
_CANDIDATES = 4000  # training examples among which stored cases are chosen


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A trained network, seen from the held-out side.

    Args:
        calibration: what `task.calibrate` learned.
        views: whether averaging over views of an example lowers the loss.
        scores: "scores" with their intervals and "guess", as JSON; "test" with the same of the test
            side, where the folders set one apart.
        strange: a sentence if the outputs are degenerate; "" if not.
    """

    calibration: dict[str, Any]
    views: bool
    scores: dict[str, Any]
    strange: str


def glance(
    ready: Prepared, learner: Learner, numerics: Numerics, say: Callable[[str], None]
) -> float:
    """Give the main score on the held-out side, quickly; early on, answer what goes wrong.

    Args:
        ready: the data.
        learner: whose network is looked at; its steps become shorter if that is the answer.
        numerics: of the network.
        say: is told what goes wrong.
    """
    task, y = ready.task, ready.valid.y
    outputs = _outputs(ready, learner.network, numerics, ready.valid)
    if learner.share <= _EARLY and type(task).concern is not Task.concern:
        some = ready.train.batch(torch.arange(min(len(ready.train), _SOME)))["x"]
        concern = task.concern(outputs, y, some)
        if concern is not None:
            learner.slower *= concern[1]
            say(concern[0])
    return task.score(outputs, y)


def judge(
    folds: Sequence[tuple[Prepared, nn.Module]], network: nn.Module, numerics: Numerics
) -> Judged:
    """Calibrate and score on what was held out, and score on the test side if there is one.

    Args:
        folds: each network that was trained, with the data as it was divided for it.
        network: what will answer: the only one of them, or all of them together.
        numerics: of the networks.
    """
    ready = folds[0][0]
    task = ready.task
    y = _inference.joined([fold.valid.y.cpu() for fold, _ in folds], fill=0)
    outputs, views = _best_views(folds, y, numerics)
    calibration = task.calibrate(outputs, y)
    scores = _scored(ready, outputs, y, calibration)
    if ready.test is not None:
        tested = _outputs(ready, network, numerics, ready.test, views=views)
        scores["test"] = {
            "n": len(ready.test.y),
            **_scored(ready, tested, ready.test.y, calibration),
        }
    return Judged(
        calibration=calibration,
        views=views,
        scores=scores,
        strange=task.degenerate(outputs) or "",
    )


def account(
    ready: Prepared, subject: Subject, *, seed: int, seconds: float | None
) -> tuple[Cases, dict[str, Any]]:
    """Choose the cases that explanations point to, and measure which explainer to believe.

    Args:
        ready: the data, with what was held out from this network.
        subject: the network that will answer.
        seed: of the choice.
        seconds: for all of it; None for a fixed number of cases.
    """
    assert ready.learned is not None
    started = time.perf_counter()
    places = _spread(ready.train.y.cpu(), seed)
    train, held = ready.learned(places), ready.valid
    names = [str(name) for name in train.names], [str(name) for name in held.names]
    stored = [shortened(side.stored, ready.kind, ready.task) for side in (train, held)]
    cases = choose(stored[0], train.y, names[0], stored[1], held.y, names[1], seed=seed)
    left = None if seconds is None else max(0.0, seconds - (time.perf_counter() - started))
    return cases, trust(subject, cases, seconds=left)


def _spread(y: Tensor, seed: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Draw some thousand places, so that no more than those need be copied."""
    drawn = np.random.default_rng(seed).permutation(len(y))[:_CANDIDATES]
    if y.ndim > 1:
        return np.sort(drawn).astype(np.int64)
    # Rare targets must be among them: the first of each in the order drawn.
    order = np.random.default_rng(seed + 1).permutation(len(y))
    rare = order[np.unique(y.numpy()[order], return_index=True)[1]][:_CANDIDATES]
    return np.union1d(drawn, rare).astype(np.int64)


def _outputs(
    ready: Prepared, network: nn.Module, numerics: Numerics, side: Side, *, views: bool = False
) -> Tensor:
    return _inference.outputs(
        network,
        side.stored,
        kind=ready.kind,
        task=ready.task,
        numerics=numerics.to_json(),
        views=views,
    )


def _best_views(
    folds: Sequence[tuple[Prepared, nn.Module]], y: Tensor, numerics: Numerics
) -> tuple[Tensor, bool]:
    """Average over views of an example if that lowers the held-out loss."""
    ready = folds[0][0]
    plain = _held_out(folds, numerics, views=False)
    first = torch.from_numpy(ready.valid.stored[:1].copy())
    schema = ready.task.schema
    if len(ready.kind.views(ready.kind.tensor(first, schema), schema)) < 2:
        return plain, False
    mixed = _held_out(folds, numerics, views=True)
    better = _loss(ready, mixed, y) < _loss(ready, plain, y)
    return (mixed, True) if better else (plain, False)


def _held_out(
    folds: Sequence[tuple[Prepared, nn.Module]], numerics: Numerics, *, views: bool
) -> Tensor:
    return _inference.joined(
        [_outputs(fold, network, numerics, fold.valid, views=views) for fold, network in folds]
    )


def _loss(ready: Prepared, outputs: Tensor, y: Tensor) -> float:
    return float(ready.task.losses(outputs, y).mean())


def _scored(
    ready: Prepared, outputs: Tensor, y: Tensor, calibration: Mapping[str, Any]
) -> dict[str, Any]:
    scores = ready.task.scores(outputs, y, calibration)
    return {
        "scores": {name: _as_json(score) for name, score in scores.items()},
        "guess": ready.task.guess(y),
    }


def _as_json(score: Estimate) -> dict[str, float | None]:
    return {"value": score.value, "low": score.low, "high": score.high}
