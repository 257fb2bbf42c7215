"""Raw data becomes two sides that a network can learn from and be judged by.

source ──read──▶ examples ──split──▶ train, valid, test ──describe──▶ schema ──encode──▶ arrays
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import registry
from pellucid._encoded import Encoded, Side
from pellucid._judged import known_alone
from pellucid.data import Ask, Examples, Fault, Finding, Kind
from pellucid.data._batches import Supply
from pellucid.data._opening import open_source
from pellucid.data._split import held_out_share, split
from pellucid.errors import BadInputError
from pellucid.tasks import Task

_HELD = 1_000  # examples that are enough to judge answers which take long to make
_FOLDS = 1_000_003  # between the seeds of two draws, so that folds of near seeds differ


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """Data that is ready to be learned from.

    Args:
        kind: of the data.
        task: with the schema.
        train: learned from.
        valid: held out.
        test: set apart by the folders, or None.
        fingerprint: of the split: depends on the content of the sides alone.
        faults: what was left out.
        notes: findings made while reading.
        said: what was decided, a sentence each.
        divide: gives the training and held-out side of another draw; None where the held-out side
            is given.
        learned: gives some of the training side, at these places of it, with their names.
    """

    kind: Kind
    task: Task
    train: Supply
    valid: Side
    test: Side | None
    fingerprint: str
    faults: tuple[Fault, ...]
    notes: tuple[Finding, ...]
    said: tuple[str, ...]
    divide: Callable[[int], tuple[Supply, Side]] | None = None
    learned: Callable[[NDArray[np.int64]], Side] | None = None

    def fold(self, number: int) -> "Prepared":
        """Give the same data with other examples held out; fold 0 is the data as it is."""
        if number == 0 or self.divide is None:
            return self
        train, valid = self.divide(number)
        return replace(self, train=train, valid=valid)

    def sampled(self, share: float) -> "Prepared":
        """Give the same data, to be judged by a fair sample of the held-out and the test side."""
        if share >= 1.0:
            return self
        test = None if self.test is None else self.test.sampled(share)
        return replace(self, valid=self.valid.sampled(share), test=test)


def prepare(
    data: Any, ask: Ask, *, task: str | None, valid: Any, seed: int, device: str
) -> Prepared:  # fmt: skip
    """Read, split, describe and encode.

    Args:
        data: raw data, as in `pellucid fit`.
        ask: what the user said about it.
        task: name of the task; None to read it off the targets.
        valid: raw data to be held out; None to split some off.
        seed: of the split.
        device: where batches are wanted.

    Raises:
        BadInputError: if nothing can be learned from this.
    """
    ask = replace(ask, task=task)
    if valid is not None:  # It is read twice, so each reading may take a third of the time.
        ask = replace(ask, reading=ask.reading / 3, whole=True)
    kind, examples = open_source(data, ask)
    chosen = _choose_task(task, examples, kind)
    examples = _targeted(examples, chosen)
    ask = replace(ask, task=chosen.name)
    given = None if valid is None else _targeted(open_source(valid, ask, kind=kind.name)[1], chosen)
    if given is not None:
        examples = _without(kind, examples, given)
    share = _share(chosen, len(examples))
    draw = partial(split, examples, kind.clusters(examples), kind.keys(examples), share=share)
    parts = draw(seed=seed)
    train_places = parts.train if given is None else np.union1d(parts.train, parts.valid)
    encoded = _encoded(kind, chosen, examples, train_places, device)
    answers = encoded.task
    train = encoded.answered(train_places)
    test = encoded.side(encoded.answered(parts.test, strict=False))
    notes = examples.notes
    if given is None:
        held = encoded.side(encoded.answered(parts.valid))
    else:
        again, held = _again(kind, answers, given, valid, ask)
        notes = tuple(dict.fromkeys((*notes, *again.notes)))

    def divide(number: int) -> tuple[Supply, Side]:
        other = draw(seed=seed + number * _FOLDS)
        train, held = encoded.answered(other.train), encoded.answered(other.valid)
        return encoded.supply(train), encoded.side(held)

    drawn = given is None and (examples.sides is None or not (examples.sides == "valid").any())
    return Prepared(
        kind=kind,
        task=answers,
        train=encoded.supply(train),
        valid=held,
        test=test if len(test.y) else None,
        fingerprint=parts.fingerprint,
        faults=examples.faults,
        notes=notes,
        said=parts.said if given is None else (f"{len(held.y):,} examples held out as given",),
        divide=divide if drawn else None,
        learned=lambda wanted: encoded.side(train.at(wanted)),
    )


def _share(chosen: type[Task], count: int) -> float | None:
    """Choose how much to hold out where answers are dear; None to choose by the count alone."""
    return min(held_out_share(count), _HELD / count) if chosen.made and count else None


def _again(kind: Kind, task: Task, given: Examples, valid: Any, ask: Ask) -> tuple[Examples, Side]:
    """Read what is held out again, now that it is known what the network needs to see of it."""
    read = kind.read(valid, replace(ask, schema=task.schema, judged=True))
    again = _compared(kind, _targeted(read, type(task)), given)
    encoded = Encoded(kind=kind, task=task, examples=again)
    return again, encoded.side(encoded.answered(np.arange(len(again))))


def _targeted(examples: Examples, chosen: type[Task]) -> Examples:
    """Leave out what has no target, if the task needs one.

    Raises:
        BadInputError: if nothing has one.
    """
    if not chosen.needs_targets:
        return examples
    kind: Kind = registry.kind[examples.kind]()
    kept = known_alone(kind, examples)
    if kept is None:
        goes_on = [name for name in _tasks(kind) if not registry.task[name].needs_targets]
        more = "".join(f", or `--task {name}` to ask for what comes next" for name in goes_on)
        raise BadInputError(
            given=f"{len(examples):,} examples, none of which says what the answer is",
            needed="one folder a class, or a table with a column that holds the answer",
            remedy=f"sort the files into folders by class, or write `--target COLUMN`{more}",
        )
    return kept.replace(notes=examples.notes)


def _tasks(kind: Kind) -> list[str]:
    return registry.task.taking(kind.name)


def _compared(kind: Kind, again: Examples, given: Examples) -> Examples:
    """Keep what the first reading had too: only that was compared with the training side."""
    if len(again) <= len(given):
        return again
    names = set(given.names)
    kept = [place for place, name in enumerate(again.names) if name in names]
    return kind.take(again, np.array(kept, np.int64)).replace(notes=given.notes)


def _without(kind: Kind, examples: Examples, given: Examples) -> Examples:
    """Leave out of training what the given held-out side holds too."""
    leaked = np.isin(kind.keys(examples), kind.keys(given))
    if not leaked.any():
        return examples
    lost = tuple(
        Fault(name=examples.names[place], reason="it is on the held-out side too")
        for place in np.flatnonzero(leaked).tolist()
    )
    kept = kind.take(examples, np.flatnonzero(~leaked))
    return kept.replace(faults=(*examples.faults, *lost), notes=examples.notes)


def _choose_task(wish: str | None, examples: Examples, kind: Kind) -> type[Task]:
    names = _tasks(kind)
    if wish is not None:
        if registry.task[wish] is not None and wish not in names:
            raise BadInputError(
                given=f"task {wish!r} for data of the kind {kind.name!r}",
                needed=f"one of {', '.join(names)}",
                remedy="leave --task out to have it read off the data",
            )
        return registry.task[wish]
    return max(
        (registry.task[name] for name in names), key=lambda each: each.suits(examples.targets)
    )


def _encoded(
    kind: Kind, chosen: type[Task], examples: Examples, train: NDArray[np.int64], device: str
) -> Encoded:
    """Learn the form of the data from the training side, and encode all of them."""
    side = kind.take(examples, train)
    answers = chosen.describe(side.targets)
    schema = replace(kind.describe(side), target=examples.target, **answers)
    return Encoded(kind=kind, task=chosen(schema), examples=examples, device=device)


def faults_as_json(faults: Sequence[Fault], most: int = 100) -> list[dict[str, str]]:
    """Give the first faults as JSON, for the record."""
    return [{"name": fault.name, "reason": fault.reason} for fault in faults[:most]]
