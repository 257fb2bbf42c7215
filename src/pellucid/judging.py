"""What was learned is judged and calibrated on the side that was held out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pellucid import _inference
from pellucid.explaining import Subject
from pellucid.explaining._cases import Cases, choose, shortened
from pellucid.explaining._choosing import trust
from pellucid.preparing import Prepared, Side
from pellucid.tasks import Estimate
from pellucid.training.learner import Learner
from pellucid.training.loop import Run, say
from pellucid.training.numerics import Numerics

_SETTLED = 0.4  # of the run, after which a network that answers all alike is worth a word
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


def look(ready: Prepared, learner: Learner, numerics: Numerics, run: Run) -> float:
    """Give the main score on as much of the held-out side as is enough, quickly.

    Where answers are made, what is degenerate in them is said once the network should have learned
    better.
    """
    task, side = ready.task, glanced(ready)
    outputs = _outputs(ready, learner.network, numerics, side)
    strange = task.degenerate(outputs) if task.made and learner.share > _SETTLED else None
    if strange and not any("(so far" in told for told in run.said):
        say(run, f"{strange} (so far: {learner.share:.0%} of the run is done)")
    return task.score(outputs, side.y)


def glanced(ready: Prepared) -> Side:
    """Give the part of the held-out side that a look during training is content with."""
    count, most = len(ready.valid.y), ready.task.glanced
    if most is None or count <= most:
        return ready.valid
    places = np.linspace(0, count - 1, most).round().astype(np.int64)
    return Side(stored=ready.valid.stored[places], y=ready.valid.y[torch.from_numpy(places)])


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
    y = _together([fold.valid.y.cpu() for fold, _ in folds])
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


def _together(several: Sequence[Tensor]) -> Tensor:
    """Put targets together; sequences become as long as the longest of them."""
    if several[0].ndim != 2:
        return torch.cat(list(several))
    longest = max(y.shape[1] for y in several)
    return torch.cat([functional.pad(y, (0, longest - y.shape[1])) for y in several])


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
    return torch.cat(
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
