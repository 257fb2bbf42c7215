"""Which of the examples that were read a model is scored on, and what is right for them."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Examples, Fault, Kind
from pellucid.errors import BadInputError
from pellucid.tasks import Task
from pellucid.tasks._targets import known


def tested(kind: Kind, examples: Examples) -> tuple[Examples, list[str]]:
    """Keep the test side where folders name one; say so in a sentence."""
    if examples.sides is None or not (examples.sides == "test").any():
        return examples, []
    places = np.flatnonzero(examples.sides == "test")
    note = f"the test side alone: {len(places):,} of {len(examples):,} examples"
    kept = kind.take(examples, places).replace(faults=examples.faults)
    return kept, [note] if len(places) < len(examples) else []


def targeted(kind: Kind, task: Task, examples: Examples) -> tuple[Examples, tuple[Fault, ...]]:
    """Leave out the examples without a target, if the task needs any.

    Raises:
        BadInputError: if none has a target.
    """
    if not task.needs_targets:
        return examples, examples.faults
    kept = known_alone(kind, examples)
    if kept is None:
        raise BadInputError(
            given=f"none of {len(examples):,} examples says what is right",
            needed=f"the target {task.schema.target!r} of each example, as in training",
            remedy="give data with targets, or write `pellucid predict` to get answers",
        )
    return kept, kept.faults


def known_alone(kind: Kind, examples: Examples) -> Examples | None:
    """Leave out the examples without a target, each named as a fault; None if none has one."""
    there = None if examples.targets is None else known(examples.targets)
    if there is None or not there.any():
        return None
    if there.all():
        return examples
    lost = tuple(
        Fault(name=examples.names[place], reason="it has no target")
        for place in np.flatnonzero(~there).tolist()
    )
    kept = kind.take(examples, np.flatnonzero(there))
    return kept.replace(faults=(*examples.faults, *lost))


def truths(task: Task, examples: Examples) -> Tensor:
    """Encode what is right: y, (N,); zeros where a task needs no targets and there are none."""
    if examples.targets is None:
        return torch.zeros(len(examples), dtype=torch.int64)
    return task.encode(examples.targets)


def varied(task: Task, y: Tensor) -> bool:
    """Tell whether the same answer for all would be wrong, y being (N,) or (N, H, C)."""
    return not task.needs_targets or bool((y[1:] != y[:1]).any())


def picked(rows: NDArray[Any], places: NDArray[np.int64]) -> NDArray[Any]:
    """Give rows by their places, as a view where they follow each other.

    Windows of a series overlap in memory: copied, they would take hundreds of times as much.
    """
    if len(places) and np.array_equal(places, np.arange(places[0], places[0] + len(places))):
        return rows[places[0] : places[0] + len(places)]
    return rows[places]
