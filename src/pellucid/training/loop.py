"""The training loop. There is one, and this is it.

It takes steps until the plan says that the time is up, looks at the held-out side now and then,
keeps checkpoints, stops when asked, and goes back to a good state when the loss is no number.
Watching it changes nothing: chance depends on (seed, step) alone.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pellucid.errors import InterruptedRunError, PellucidError, SavingError
from pellucid.training.budget import Clock
from pellucid.training.checkpoint import Checkpoint, Kept
from pellucid.training.learner import Learner
from pellucid.training.pace import Pace
from pellucid.training.progress import Progress, Watch
from pellucid.training.signals import Asked
from pellucid.training.threads import Crew

LOOKS = 20  # at the held-out side, at most
_LOOKING = 0.03  # share of the time that looking may take
_KEEPING = 0.015  # share of the time that checkpoints may take
_RETRIES = 5  # times that a loss which is no number sends the run back


@dataclass(kw_only=True)
class Run:
    """What the loop needs besides the learner, and what it writes down.

    Args:
        clock: of the whole command.
        pace: plans the steps.
        metric: name of the main score.
        look: gives the main score on the held-out side.
        looking: seconds that one look takes, as far as is known.
        looked: held-out examples that the last look went over.
        checkpoint: where the state is kept; None to keep nothing.
        facts: more to keep in the checkpoint: the choices made.
        watch: is told how far the run is.
        asked: whether to stop.
        every: seconds between checkpoints.
        done: tensors of networks of the same committee that are trained already, kept too.
        drawn: gives a picture of what the network makes; None if it makes nothing to be drawn.
        reserving: gives the seconds to reserve for what follows training, and those of a look from
            now on, from those of the last look.
        crew: finds out on how many threads steps are fastest; None to leave that alone.
    """

    clock: Clock
    pace: Pace
    metric: str
    look: Callable[[], float]
    looking: float
    looked: int = 1
    checkpoint: Checkpoint | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    watch: Watch | None = None
    asked: Asked = field(default_factory=Asked)
    every: float = 10.0
    done: dict[str, Tensor] = field(default_factory=dict)
    drawn: Callable[[], bytes] | None = None
    reserving: Callable[[float], tuple[float, float]] | None = None
    crew: Crew | None = None
    curve: dict[str, list[float]] = field(
        default_factory=lambda: {
            name: [] for name in ("seconds", "step", "loss", "score_seconds", "score")
        }
    )
    said: list[str] = field(default_factory=list)
    loss: float | None = None
    kept_at: float = 0.0
    keeping: float = 0.05
    good: tuple[dict[str, Tensor], dict[str, Any]] | None = None
    retries: int = 0
    told_at: float = 0.0


def train(learner: Learner, run: Run, kept: Kept | None = None) -> None:
    """Lower the task's loss until the plan is fulfilled.

    Args:
        learner: is changed in place.
        run: limits and habits; its curve and what was said are filled in.
        kept: the state to go on from.

    Raises:
        InterruptedRunError: if a signal asked to stop; the state is kept first.
        PellucidError: if the loss is no number again and again.
    """
    if kept is not None:
        learner.restore(kept.tensors, kept.facts["learner"])
        run.curve = kept.facts["curve"]
        run.said += kept.facts["said"]
    learner.network.train()
    run.kept_at = run.clock.spent
    _remember(learner, run)
    looks = _looks(run, learner.share)
    while not run.pace.over(learner.step):
        if run.asked.name:
            _stop(learner, run)
        _step(learner, run)
        wrong = learner.inspect()
        if wrong:
            say(run, f"at {learner.share:.0%} of the run: {wrong}")
        if looks and learner.share >= looks[0] and not run.pace.over(learner.step):
            _look(learner, run, looks)
        if run.clock.spent - run.kept_at > run.every:
            _keep(learner, run)
        _tell(learner, run)


def _step(learner: Learner, run: Run) -> None:
    pieces, started = learner.pieces, time.perf_counter()
    run.pace.begin()
    loss = learner.learn((1.0 - learner.share) / run.pace.remaining(learner.step))
    if run.crew is None or run.crew.usual:
        run.pace.end()
    if run.crew is not None:
        run.crew.tell(time.perf_counter() - started)
    if learner.pieces > pieces:
        say(
            run,
            f"memory ran out at a batch of {learner.order.batch}: it is now computed in"
            f" {learner.pieces} pieces, with the same arithmetic",
        )
    if not math.isfinite(loss):
        _go_back(learner, run)
        return
    run.loss = loss if run.loss is None else 0.95 * run.loss + 0.05 * loss


def _go_back(learner: Learner, run: Run) -> None:
    """Answer a loss that is no number: the last good state, at half the rate."""
    run.retries += 1
    if run.retries > _RETRIES or run.good is None:
        raise PellucidError(
            f"the loss was no number {run.retries} times, the last time at step {learner.step:,}\n"
            "  needed: data and a network with finite outputs\n"
            "  remedy: `pellucid look` at the data; try another --network"
        )
    step, slower = learner.step, learner.slower
    learner.restore(*run.good)
    learner.slower = slower / 2
    say(
        run,
        f"the loss was no number at step {step:,}: going back to step {learner.step:,} with"
        f" {learner.slower:g} of the learning rate",
    )


def _looks(run: Run, share: float) -> list[float]:
    """Plan at which shares of the schedule to look at the held-out side."""
    left = run.pace.time_left
    count = LOOKS if math.isinf(left) else int(_LOOKING * left / max(run.looking, 1e-3))
    count = max(1, min(LOOKS, count))
    run.pace.interruptions = 0.0 if math.isinf(left) else count * run.looking
    return [at for at in ((place + 1) / (count + 1) for place in range(count)) if at > share]


def _look(learner: Learner, run: Run, looks: list[float]) -> None:
    start = time.monotonic()
    score = run.look()
    learner.network.train()
    took = time.monotonic() - start
    run.looking = max(took, min(run.looking / 2, 2 * took))  # one quick look proves little
    if run.reserving is not None:
        run.pace.reserve, run.looking = run.reserving(run.looking)
    while looks and looks[0] <= learner.share:
        looks.pop(0)
    looks[:] = _fewer(looks, run)
    run.pace.interruptions = len(looks) * run.looking
    run.curve["score_seconds"].append(round(run.clock.spent, 3))
    run.curve["score"].append(score)
    _mark(learner, run)


def _fewer(looks: list[float], run: Run) -> list[float]:
    """Leave out looks for which the time is too short, now that it is known what one takes."""
    left = run.clock.left - run.pace.reserve
    if math.isinf(left):
        return looks
    most = int(_LOOKING * max(0.0, left) / max(run.looking, 1e-3))
    if len(looks) <= most:
        return looks
    return [looks[(2 * place + 1) * len(looks) // (2 * most)] for place in range(most)]


def _mark(learner: Learner, run: Run) -> None:
    if run.loss is not None:
        run.curve["seconds"].append(round(run.clock.spent, 3))
        run.curve["step"].append(learner.step)
        run.curve["loss"].append(run.loss)


def _remember(learner: Learner, run: Run) -> None:
    """Keep a copy of a good state in memory, to go back to."""
    tensors = {key: value.detach().clone() for key, value in learner.tensors().items()}
    finite = all(
        bool(torch.isfinite(value).all())
        for key, value in tensors.items()
        if key.startswith("network.") and value.is_floating_point()
    )
    if finite:
        run.good = (tensors, learner.numbers())


def _keep(learner: Learner, run: Run) -> None:
    """Keep the state in memory and on disk; a disk that does not take it stops nothing."""
    start = time.monotonic()
    _remember(learner, run)
    if run.checkpoint is not None and run.good is not None:
        try:
            run.checkpoint.keep({**run.good[0], **run.done}, _facts(run))
        except SavingError as error:
            say(run, f"no checkpoint could be kept, the run goes on: {error}")
    run.kept_at = run.clock.spent
    run.keeping = time.monotonic() - start
    run.every = max(run.every, run.keeping / _KEEPING)


def _facts(run: Run) -> dict[str, Any]:
    assert run.good is not None
    return {
        **run.facts,
        "learner": run.good[1],
        "spent": run.clock.spent,
        "curve": run.curve,
        "said": run.said,
    }


def _stop(learner: Learner, run: Run) -> None:
    _keep(learner, run)
    where = f"kept in {run.checkpoint.folder}" if run.checkpoint else "not kept: no --out was given"
    raise InterruptedRunError(
        f"stopped by {run.asked.name} at step {learner.step:,}, {where}; the same command goes on"
    )


def say(run: Run, sentence: str) -> None:
    """Write a sentence down and tell whoever watches."""
    run.said.append(sentence)
    if run.watch is not None:
        run.watch(
            Progress(
                stage="training", spent=run.clock.spent, budget=run.clock.seconds, said=sentence
            )
        )


def _tell(learner: Learner, run: Run) -> None:
    spent = run.clock.spent
    if spent - run.told_at < 0.25:
        return
    run.told_at = spent
    if len(run.curve["seconds"]) < 4000:
        _mark(learner, run)
    if run.watch is None:
        return
    scores = run.curve["score"]
    run.watch(
        Progress(
            stage="training",
            spent=spent,
            budget=run.clock.seconds,
            step=learner.step,
            steps=round(learner.step + run.pace.remaining(learner.step)),
            loss=run.loss,
            score=scores[-1] if scores else None,
            metric=run.metric,
            next=f"checkpoint in {max(0.0, run.every - spent + run.kept_at):.0f} s",
            curve=run.curve,
            drawn=run.drawn,
        )
    )
