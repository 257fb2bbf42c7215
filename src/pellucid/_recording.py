"""The record of a run: what was asked, what was chosen, and what really happened."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from pellucid.networks._committee import Committee
from pellucid.preparing import Prepared, faults_as_json
from pellucid.training.budget import Budget
from pellucid.training.choosing import Choice
from pellucid.training.learner import Learner
from pellucid.training.loop import Run

EXIT = 0.3  # seconds that a process takes to end after its model is saved
_FULL = 0.92  # of the budget: a run that uses less says why


class Trained(NamedTuple):
    """A network, with the data as it was divided for it and the way it was trained."""

    ready: Prepared
    learner: Learner
    run: Run


def held_out(trained: Sequence[Trained]) -> int:
    """Count what was held out; what was held out from several networks counts once."""
    return sum({id(each.ready): len(each.ready.valid.y) for each in trained}.values())


def sampled(trained: Sequence[Trained], share: float) -> list[Trained]:
    """Give networks with a fair sample of what was held out from each."""
    found = {id(each.ready): each.ready.sampled(share) for each in trained}
    return [each._replace(ready=found[id(each.ready)]) for each in trained]


def only(trained: Sequence[Trained], which: Sequence[int]) -> list[Trained]:
    """Give some of the networks, each with the account of the whole run, which the last has."""
    return [trained[place]._replace(run=trained[-1].run) for place in which]


def answering(
    trained: Sequence[Trained],
) -> tuple[nn.Module, list[tuple[Prepared, nn.Module]]]:
    """Give what answers, and with what was held out from whom it is judged."""
    several = [each.learner.network.eval() for each in trained]
    network = several[0] if len(several) == 1 else Committee(several)
    if len({id(each.ready) for each in trained}) == 1:
        return network, [(trained[0].ready, network)]
    return network, [(each.ready, each.learner.network) for each in trained]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A run that is over but for its saving.

    Args:
        limits: what it might spend.
        out: where the model goes; None for nowhere.
        spent: seconds until now.
        times: seconds of each stage.
        choice: what was trained, and why.
        trained: each network.
    """

    limits: Budget
    out: Path | None
    spent: float
    times: Mapping[str, float]
    choice: Choice
    trained: Sequence[Trained]


def recorded(ran: Recorded, judged: Mapping[str, Any]) -> dict[str, Any]:
    """Write down what really happened, as JSON.

    Args:
        ran: the run.
        judged: "scores", "guess", and "test" if there was a test side.
    """
    ready, learner, run = ran.trained[-1]
    seconds = ran.limits.seconds
    return {
        "summary": _summary(ran, judged),
        "choice": {"reason": ran.choice.reason, "tried": list(ran.choice.tried)},
        "data": {
            "fingerprint": ready.fingerprint,
            "faults": len(ready.faults),
            "first_faults": faults_as_json(ready.faults),
            "notes": [note.text for note in ready.notes],
        },
        "clock": {name: round(took, 3) for name, took in ran.times.items()},
        "training": {
            "batch": ran.choice.batch,
            "pieces": learner.pieces,
            "seed": ran.limits.seed,
            "numerics": ran.choice.numerics.to_json(),
            "seconds_per_step": run.pace.per_step,
        },
        "said": run.said,
        "curve": {
            **run.curve,
            "metric": ready.task.metric,
            "guess": judged["guess"].get(ready.task.metric),
            "budget": seconds if seconds is not None else ran.spent,
        },
        "machine": _machine(),
    }


def _summary(ran: Recorded, judged: Mapping[str, Any]) -> dict[str, Any]:
    """Give what `pellucid fit --json` prints."""
    ready, learner, _ = ran.trained[-1]
    weights = sum(weight.numel() for weight in learner.network.parameters())
    summary = {
        "task": ready.task.name,
        "target": ready.task.schema.target,
        "kind": ready.kind.name,
        "network": ran.choice.built,
        "weights": weights * len(ran.trained),
        "n_train": len(ready.train),
        "n_valid": held_out(ran.trained),
        **judged,
        "seconds": round(ran.spent, 2),
        "budget": ran.limits.seconds,
        "steps": sum(each.learner.step for each in ran.trained),
        "passes": round(sum(each.learner.passes for each in ran.trained), 2),
        "reason": _reason(ran),
    }
    return summary if ran.out is None else {**summary, "model": str(ran.out)}


def _reason(ran: Recorded) -> str:
    """Say why a run ended before its budget was spent; "" if it was not."""
    _, learner, run = ran.trained[-1]
    if ran.limits.steps is not None:
        return f"a run of {ran.limits.steps} steps"
    if ran.spent + EXIT >= _FULL * run.clock.seconds:
        return ""
    if learner.step < run.pace.most:
        return (
            f"{run.pace.reserve:.0f} s were kept for judging and for measuring explanations, which"
            " took less"
        )
    text = f"{learner.passes:.0f} passes over {len(learner.supply):,} examples"
    return f"{text} are enough for a network of this kind: more were found not to help"


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }
