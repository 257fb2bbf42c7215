"""What was learned is judged and calibrated on the side that was held out."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import _inference
from pellucid._encoded import Side
from pellucid.explaining import Subject
from pellucid.explaining._cases import Cases, choose, shortened
from pellucid.explaining._choosing import trust
from pellucid.preparing import Prepared
from pellucid.tasks import Estimate, Task
from pellucid.training.learner import Learner
from pellucid.training.loop import Run, say
from pellucid.training.numerics import Numerics

_FIRST = 64  # held-out examples of a first look
_FOLLOWING = 4  # looks planned, from which on the first may be a rough one
_QUICK = 0.25  # s, for a look that need not be tried on a few examples first
_SOME = 16  # training examples that a cause of trouble is looked for in
_CANDIDATES = 4000  # training examples among which stored cases are chosen
_MADE = 1.4  # the same where answers are made
_FEWEST = 2  # glances that calibration and intervals may take where an example has one view


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A trained network, seen from the held-out side.

    Args:
        calibration: what `task.calibrate` learned.
        views: whether averaging over views of an example lowers the loss.
        scores: "scores" with their intervals and "guess", as JSON; "test" with the same of the test
            side, where the folders set one apart.
        strange: a sentence if the outputs are degenerate; "" if not.
        verdict: a sentence that must be said when training ends; "" for none.
    """

    calibration: dict[str, Any]
    views: bool
    scores: dict[str, Any]
    strange: str
    verdict: str = ""


def look(ready: Prepared, learner: Learner, numerics: Numerics, run: Run) -> float:
    """Give the main score on as much of the held-out side as is enough, quickly.

    The first look, where others follow or it might take long, is at a few examples: then it is
    known how long a look takes here. What the task finds to go astray is answered, and said once.
    """
    task, side = ready.task, glanced(ready)
    others = run.pace.interruptions > _FOLLOWING * run.looking
    if not run.curve["score"] and (others or run.looking > _QUICK):
        side = side.sampled(_FIRST / len(side.y))
    run.looked = len(side.y)
    outputs = _outputs(ready, learner.network, numerics, side)
    if type(task).concern is not Task.concern:
        some = ready.train.batch(torch.arange(min(len(ready.train), _SOME)))["x"]
        trouble = task.concern(outputs, side.y, some, learner.share)
        if trouble is not None:
            sentence = learner.answer(trouble)
            if not any(_alike(sentence, told) for told in run.said):
                say(run, f"at {learner.share:.0%} of the run: {sentence}")
    return task.score(outputs, side.y)


def _alike(sentence: str, told: str) -> bool:
    """Tell whether a sentence was said, maybe with other figures."""
    return re.sub(r"\d+", "0", sentence) in re.sub(r"\d+", "0", told)


def glanced(ready: Prepared) -> Side:
    """Give the part of the held-out side that a look during training is content with."""
    count, most = len(ready.valid.y), ready.task.glanced
    return ready.valid if most is None else ready.valid.sampled(most / count)


def looks_of(ready: Prepared) -> tuple[float, float]:
    """Say how many glances at all that is held out the judgement takes as long as.

    Returns:
        What each network takes for what was held out from it; what each of them takes for the test
        side besides.
    """
    views = max(_FEWEST, _views(ready))
    tests = len(ready.test.y) / len(ready.valid.y) if ready.test is not None else 0.0
    if ready.task.made:  # answered once, and explanations of a few of them
        return _MADE, tests
    return 1.0 + views, views * tests


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
        verdict=task.verdict(outputs, y),
    )


def account(
    ready: Prepared, subject: Subject, run: Run, *, seed: int, seconds: float | None
) -> tuple[Cases | None, dict[str, Any]]:
    """Choose the cases that explanations point to, and measure which explainer to believe.

    Args:
        ready: the data, with what was held out from this network.
        subject: the network that will answer.
        run: hears why it could not be done, if it could not.
        seed: of the choice.
        seconds: for all of it; None for a fixed number of cases.
    """
    try:
        return _accounted(ready, subject, seed=seed, seconds=seconds)
    # A network of the user's own or an explainer may fail in any way; what was learned is done.
    except Exception as error:
        say(run, f"explanations could not be measured: {type(error).__name__}: {error}")
        return None, {}


def _accounted(
    ready: Prepared, subject: Subject, *, seed: int, seconds: float | None
) -> tuple[Cases, dict[str, Any]]:
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
    if not ready.task.varies or _views(ready) < 2:
        return plain, False
    mixed = _held_out(folds, numerics, views=True)
    better = _loss(ready, mixed, y) < _loss(ready, plain, y)
    return (mixed, True) if better else (plain, False)


def _views(ready: Prepared) -> int:
    """Count the views of an example."""
    first = torch.from_numpy(ready.valid.stored[:1].copy())
    schema = ready.task.schema
    return len(ready.kind.views(ready.kind.tensor(first, schema), schema))


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
