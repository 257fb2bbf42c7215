"""Learning from answers that have no source: sources are made for them, and what it brings is told.

Idea: a network of the turned question makes a source for each of them. Whether such examples help
is known only afterwards, so half of the time goes to a network that learns without them: what they
brought is the difference at equal time, and nothing is lost where they brought nothing, since the
better network answers, or both together.

Source: Sennrich, Haddow & Birch 2016, arXiv:1511.06709 (back-translation).

Letters: N examples, M answers without a source.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid import _inference
from pellucid._brought import Brought
from pellucid._course import Course, Making
from pellucid._recording import Trained, only
from pellucid.data import Ask, Examples, Kind
from pellucid.data._batches import Supply
from pellucid.errors import BadInputError, BudgetError, InterruptedRunError
from pellucid.networks._committee import Committee
from pellucid.preparing import Prepared
from pellucid.tasks import Task
from pellucid.training.budget import Budget, Clock
from pellucid.training.choosing import Choice, build, choose_by_clock, choose_by_rule
from pellucid.training.learner import Habits, Learner
from pellucid.training.loop import Run, say, train
from pellucid.training.pace import Pace

_MOST = 3.0  # made examples for each one that was given
_LIMIT = 500_000  # of them in all: they lie in memory
_MAKING = 0.4  # of the time of the second network, for all that makes its examples
_LEARNING = 0.75  # of that, for learning the turned question
_TOGETHER = 512  # answers that sources are made for at once
_AT_ONCE = 1 << 13  # examples that are taken apart at once
_GROUPS = 10  # of held-out examples, each left out once, for the interval of a difference
_STUDENT = 2.262  # quantile 0.975 of Student's t with 9 degrees of freedom
_PREFIX = "made."


class Unpaired(Course):
    """Answers without a source, and what is made of them.

    Args:
        ready: the examples.
        source: where the answers are: raw data, or a list of files.
        ask: what was asked of the reading of the examples.
        limits: of the run.

    Attributes:
        ready: the examples; what was read beside them is told with them.

    Raises:
        BadInputError: if the task has no use for them, or none can be used.
    """

    networks = 2  # one without the made examples, one with them
    judging = 2.5  # both are judged again, and both together, when they are compared
    makes = True

    def __init__(self, ready: Prepared, source: Any, *, ask: Ask, limits: Budget) -> None:
        self.limits = limits
        self.turned = ready.task.turned()
        schema = self.turned.task.schema
        most = min(_LIMIT, math.ceil(_MOST * len(ready.train)))
        asked = replace(ask, schema=schema)
        read = [ready.kind.read(each, asked) for each in _each(source)]
        some = [_some(ready.kind, each, 2 * most, limits.seed) for each in read]
        found = _stacked([ready.kind.encode(each, schema) for each in some])
        good = self.turned.usable(found, _answers(ready))
        self.brought = Brought(given=sum(map(len, read)), usable=min(most, int(good.sum())))
        if not good.any():
            raise BadInputError(
                given=f"{len(found):,} unpaired answers, all of which stand among the examples or"
                " are too long",
                needed="others, in the language of the answers",
                remedy="leave --unpaired out, or name another file",
            )
        order = np.random.default_rng(limits.seed).permutation(np.flatnonzero(good))
        self._stored = found[order[:most]]
        both = f"{ready.fingerprint}+{hashlib.sha256(self._stored.tobytes()).hexdigest()[:16]}"
        super().__init__(replace(ready, fingerprint=both, said=(*ready.said, self.brought.said)))
        self._made: tuple[NDArray[Any], Tensor] | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Give what was made, to be kept; {} before."""
        if self._made is None:
            return {}
        stored, y = self._made
        score = torch.tensor([self.brought.turned], dtype=torch.float64)
        made = {"stored": torch.from_numpy(stored), "y": y, "score": score}
        return {_PREFIX + name: each for name, each in made.items()}

    def fold(self, number: int, making: Making, kept: Mapping[str, Tensor]) -> Prepared:
        """Give the first network what was given, and the second what was made of the rest, too."""
        if number == 0:
            return self.ready
        if f"{_PREFIX}y" in kept:
            self._made = kept[f"{_PREFIX}stored"].numpy(), kept[f"{_PREFIX}y"]
            self.brought.turned = float(kept[f"{_PREFIX}score"])
        if self._made is None:
            try:
                self._made = self._make(making)
            except BudgetError:  # what was learned before must not be lost
                self._made = self._stored[:0], self.ready.train.y[:0].cpu()
            except InterruptedRunError as error:
                raise InterruptedRunError(
                    f"stopped by {making.asked.name} while examples were made from unpaired"
                    " answers: the same command goes on from before that"
                ) from error
        self.brought.made = len(self._made[1])
        return self._widened(*self._made)

    def judged(self, fold: Prepared) -> Prepared:
        """Give what was given: no made example is ever held out."""
        del fold
        return self.ready

    def answering(self, trained: list[Trained], choice: Choice) -> list[Trained]:
        """Compare the network without and the one with what was made on what was held out."""
        networks = [each.learner.network.eval() for each in trained]
        which = self._best(networks, trained[0].ready, choice)
        told = self.brought.told(self.ready.task.metric, self.limits.steps)
        say(trained[-1].run, told)
        return only(trained, which)

    def record(self) -> dict[str, Any]:
        """Give what was made and what it brought."""
        return {"unpaired": asdict(self.brought)}

    def _best(self, networks: Sequence[nn.Module], ready: Prepared, choice: Choice) -> list[int]:
        task, side, told = ready.task, ready.valid, self.brought
        both = [*networks, Committee(networks)]
        outputs = [_outputs(network, ready, choice) for network in both]
        found = [task.score(each, side.y) for each in outputs]
        told.without, told.with_made, told.together = found
        told.low, told.high = _difference(task, outputs[1], outputs[0], side.y, self.limits.seed)
        sign = 1.0 if task.better == "higher" else -1.0
        best = max(range(3), key=lambda at: (sign * found[at], -at))
        told.answers = ("without", "with", "together")[best]
        return [[0], [1], [0, 1]][best]

    def _widened(self, stored: NDArray[Any], y: Tensor) -> Prepared:
        ready = self.ready
        plain, answers = _whole(ready.train)
        both = Supply(
            ready.kind,
            ready.task.schema,
            _stacked([plain, stored]),
            np.arange(len(plain) + len(stored)),
            _joined([answers, y]),
            device=str(ready.train.device),
        )
        return replace(ready, train=both)

    def _make(self, making: Making) -> tuple[NDArray[Any], Tensor]:
        """Learn the turned question, then write sources until the time is up."""
        task, ready, clock, choice = self.turned.task, self.ready, making.clock, making.choice
        until = clock.spent + _MAKING * making.seconds
        plain, answers = _whole(ready.train)
        stored, y = self.turned.examples(torch.from_numpy(plain.astype(np.float32)), answers)
        places = np.arange(len(stored))
        supply = Supply(ready.kind, task.schema, stored, places, y, device=str(ready.train.device))
        learner = self._learned(making, supply, _LEARNING * (until - clock.spent))
        network = learner.network.eval()
        self.brought.turned = self._turned_score(network, choice)
        parts: list[tuple[NDArray[Any], Tensor]] = []
        for start in range(0, len(self._stored), _TOGETHER):
            if parts and self.limits.steps is None and clock.spent > until:
                break
            some = self._stored[start : start + _TOGETHER]
            with torch.inference_mode(), choice.numerics.autocast():
                parts.append(self.turned.made(network, some))
        made = _stacked([each for each, _ in parts]), _joined([each for _, each in parts])
        return made[0], made[1].clone()

    def _learned(self, making: Making, supply: Supply, seconds: float) -> Learner:
        task, limits, name = self.turned.task, self.limits, making.choice.built["network"]
        clock = Clock(None if limits.steps is not None else seconds)
        if limits.steps is not None:
            own = choose_by_rule(task, supply, wish=name, steps=limits.steps)
        else:
            own = choose_by_clock(task, supply, wish=name, seed=limits.seed, seconds=seconds)
        network = build(own.built, task.schema, task.outputs, seed=limits.seed)
        habits = Habits(recipe=own.recipe, batch=own.batch, numerics=own.numerics, seed=limits.seed)
        learner = Learner(own.numerics.place(network), task, supply, habits)
        pace = Pace(clock, steps=limits.steps)
        run = Run(
            clock=clock,
            pace=pace,
            metric=task.metric,
            look=lambda: 0.0,
            looking=0.0,
            asked=making.asked,
        )
        train(learner, run)
        return learner

    def _turned_score(self, network: nn.Module, choice: Choice) -> float:
        """Give the main score of the turned question on a glance at what was held out."""
        task, most = self.turned.task, self.ready.task.glanced or len(self.ready.valid.y)
        side = self.ready.valid.sampled(most / len(self.ready.valid.y))
        x = self.ready.kind.tensor(torch.from_numpy(np.array(side.stored)), self.ready.task.schema)
        stored, y = self.turned.examples(x, side.y)
        outputs = _inference.outputs(
            network, stored, kind=self.ready.kind, task=task, numerics=choice.numerics.to_json()
        )
        return task.score(outputs, y)


def _outputs(network: nn.Module, ready: Prepared, choice: Choice) -> Tensor:
    return _inference.outputs(
        network,
        ready.valid.stored,
        kind=ready.kind,
        task=ready.task,
        numerics=choice.numerics.to_json(),
    )


def _each(source: Any) -> list[Any]:
    """Give the files of a list of files one by one, and anything else as it is."""
    if isinstance(source, str):
        return [Path(source)]
    given = list(source) if isinstance(source, list | tuple) else [source]
    files = [isinstance(each, Path) or (isinstance(each, str) and _is_file(each)) for each in given]
    return [Path(each) for each in given] if given and all(files) else [source]


def _some(kind: Kind, examples: Examples, most: int, seed: int) -> Examples:
    """Draw some examples where there are more than are needed."""
    if len(examples) <= most:
        return examples
    drawn = np.random.default_rng(seed).permutation(len(examples))[:most]
    return kind.take(examples, np.sort(drawn))


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # a sentence that is too long to be a name
        return False


def _answers(ready: Prepared) -> Tensor:
    """Give all answers that are known, those of the held-out and the test side among them."""
    held = [ready.valid.y] if ready.test is None else [ready.valid.y, ready.test.y]
    return _joined([ready.train.y.cpu(), *(each.cpu() for each in held)])


def _joined(several: Sequence[Tensor]) -> Tensor:
    return _inference.joined(several, fill=0)


def _stacked(several: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Put what is stored on one another; shorter rows are filled up with 0."""
    widest = max(each.shape[1] for each in several)
    return np.concatenate([np.pad(each, ((0, 0), (0, widest - each.shape[1]))) for each in several])


def _whole(supply: Supply) -> tuple[NDArray[Any], Tensor]:
    """Give what a network sees of all examples, in codes, and their answers."""
    parts = [
        supply.batch(places)["x"].cpu().numpy().astype(np.uint16)
        for places in torch.arange(len(supply)).split(_AT_ONCE)
    ]
    return _stacked(parts), supply.y.cpu()


def _difference(
    task: Task, one: Tensor, other: Tensor, y: Tensor, seed: int
) -> tuple[float, float]:
    """Give the 95 % interval of the difference of two scores on the same examples.

    Source: Kott 2001, "The delete-a-group jackknife", Journal of Official Statistics 17.
    """
    parts = np.array_split(np.random.default_rng(seed).permutation(len(y)), _GROUPS)
    found = []
    for part in parts:
        kept = torch.from_numpy(np.setdiff1d(np.arange(len(y)), part))
        found.append(task.score(one[kept], y[kept]) - task.score(other[kept], y[kept]))
    whole = task.score(one, y) - task.score(other, y)
    spread = (_GROUPS - 1) ** 0.5 * float(np.std(found))
    return whole - _STUDENT * spread, whole + _STUDENT * spread
