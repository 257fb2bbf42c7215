"""What would have to change for another answer?

Idea: take the training example with the other answer that is most like this one, and put its parts
in the place of this one's, the most effective first, until the answer turns; then put back
whatever was not needed. If no such example turns it, parts are blanked instead. So what is proposed
is something that really occurred, and the change is as small as a greedy search finds it.

Source: Goyal, Wu, Ernst, Batra, Parikh & Lee 2019, "Counterfactual visual explanations",
arXiv:1904.07451 (greedy exchange of parts with an example of the other class); trying again only
what promised most when it was last tried: Minoux 1978, "Accelerated greedy algorithms for
maximizing submodular set functions".
Departs: parts of the raw example change places and not cells of a feature map, so that what is
shown was really asked of the network, and several donors are tried side by side. A number, which
has no next likeliest answer, is taken to the other side of the mean of training. Where examples
have lengths, as texts have, a place in one is no place in another: then parts are blanked.

Letters: N training cases, D donors, P parts, M examples that are asked, K outputs.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pellucid.data import Examples
from pellucid.explaining import Case, Subject
from pellucid.explaining._evidence import Change, Contrast
from pellucid.explaining.neighbours import Recall

_MOST = 10  # changes
_ASKED = 96  # examples that one step may ask the network about
_AGAIN = 6  # parts that are tried again for each donor after the first step


def contrast(
    subject: Subject,
    examples: Examples,
    place: int,
    case: Case,
    recall: Recall | None,
    shares: Float[Tensor, " P"],
) -> Contrast | None:
    """Find the fewest parts that have to change for the next likeliest answer.

    If the answer that is explained is not the one that the model gives, it is the other answer.

    Args:
        subject: what is explained.
        examples: raw.
        place: of the example among them.
        case: the same example.
        recall: the training cases; None if there are none.
        shares: of the parts; where there are too many to be tried, the largest are.

    Returns:
        None if the task has no other answer.
    """
    outputs = subject.asked(case.x[None])
    goal = _goal(subject, case, outputs)
    if goal is None:
        return None
    order = torch.argsort(shares.abs(), descending=True, stable=True)[:_ASKED].tolist()
    most = max(1, _ASKED // len(order))
    places = [] if recall is None or not _alike(recall) else _donors(goal, recall, case.x, most)
    best: _Trial | None = None
    if recall is not None and places:
        best = _Search(subject, goal, replace(case, blanks=recall.x(places)), order).best(outputs)
    if best is None or not best.reached:
        blanked = replace(case, blanks=case.blanks[:most])
        other = _Search(subject, goal, blanked, order).best(outputs)
        if best is None or other.reached:
            best, places = other, []
    return Contrast(
        answer=goal.name,
        changes=_changes(subject, examples, place, case, recall, (best, places)),
        found=best.reached,
        like=recall.cases.names[places[best.donor]] if recall and places and best.reached else "",
        number=goal.number(outputs),
        after=goal.number(best.outputs),
    )


class _Goal(ABC):
    """The other answer: its name, and how near to it some outputs are."""

    name: str

    def __init__(self, subject: Subject, which: int) -> None:
        self.subject = subject
        self.which = which

    @abstractmethod
    def reached(self, outputs: Float[Tensor, "M K"]) -> Bool[Tensor, " M"]:
        """Tell which outputs come to the other answer."""

    @abstractmethod
    def nearness(self, outputs: Float[Tensor, "M K"]) -> Float[Tensor, " M"]:
        """Give a number that is the larger, the nearer outputs are to the other answer."""

    @abstractmethod
    def taught(self, y: Tensor) -> Bool[Tensor, " N"]:
        """Tell which targets are the other answer."""

    def explained(self, outputs: Float[Tensor, "M K"], which: int) -> Float[Tensor, " M"]:
        """Give the number that is explained, for any answer."""
        every = torch.full((len(outputs),), which, device=outputs.device)
        return self.subject.task.explained(outputs, every, self.subject.calibration)

    def number(self, outputs: Float[Tensor, "1 K"]) -> float:
        """Give the number that is explained here."""
        return float(self.explained(outputs, self.which)[0])


class _Other(_Goal):
    """One of several answers."""

    def __init__(self, subject: Subject, which: int, aim: int) -> None:
        super().__init__(subject, which)
        self.aim = aim
        self.name = subject.task.answer_name(aim)

    def reached(self, outputs: Float[Tensor, "M K"]) -> Bool[Tensor, " M"]:
        return self.subject.task.chosen(outputs) == self.aim

    def nearness(self, outputs: Float[Tensor, "M K"]) -> Float[Tensor, " M"]:
        return self.explained(outputs, self.aim)

    def taught(self, y: Tensor) -> Bool[Tensor, " N"]:
        return y == self.aim


class _Beyond(_Goal):
    """A number on the other side of the mean of training."""

    def __init__(self, subject: Subject, which: int, outputs: Float[Tensor, "1 K"]) -> None:
        super().__init__(subject, which)
        self.mean = subject.schema.mean
        self.sign = 1.0 if self.number(outputs) <= self.mean else -1.0
        side = "above" if self.sign > 0 else "below"
        self.name = f"{subject.task.answer_name(which)} {side} {self.mean:.4g}"

    def reached(self, outputs: Float[Tensor, "M K"]) -> Bool[Tensor, " M"]:
        return self.nearness(outputs) > 0

    def nearness(self, outputs: Float[Tensor, "M K"]) -> Float[Tensor, " M"]:
        return self.sign * (self.explained(outputs, self.which) - self.mean)

    def taught(self, y: Tensor) -> Bool[Tensor, " N"]:
        return torch.ones(len(y), dtype=torch.bool)


@dataclass
class _Trial:
    """What was tried with the parts of one donor."""

    donor: int
    left: dict[int, float]  # what each part that was not taken promised when it was last tried
    outputs: Float[Tensor, "1 K"]
    nearness: float
    taken: list[int] = field(default_factory=list)
    reached: bool = False

    @property
    def live(self) -> bool:
        """Tell whether any part may lead nearer to the goal, or at least not away from it."""
        return not self.reached and max(self.left.values(), default=-1.0) >= 0

    def promising(self, most: int) -> list[int]:
        """Give the parts that promise most; of equals, the first in order."""
        return sorted(self.left, key=lambda part: -self.left[part])[:most]


class _Search:
    """A greedy exchange of parts with donors, all of them side by side.

    Args:
        subject: what is explained.
        goal: the other answer.
        case: the example; its blanks are the donors.
        order: parts that may be exchanged, the most promising first.
    """

    def __init__(self, subject: Subject, goal: _Goal, case: Case, order: list[int]) -> None:
        self.subject = subject
        self.goal = goal
        self.case = case
        self.order = order

    def best(self, outputs: Float[Tensor, "1 K"]) -> _Trial:
        """Give the donor that needed the fewest changes, or came nearest if none reached the goal.

        Of several that need as few, it is the first.

        Args:
            outputs: for the example as it is.
        """
        start = float(self.goal.nearness(outputs)[0])
        trials = [
            _Trial(donor, dict.fromkeys(self.order, math.inf), outputs, start)
            for donor in range(len(self.case.blanks))
        ]
        for step in range(_MOST):
            live = [trial for trial in trials if trial.live]
            if len(live) == 0 or any(trial.reached for trial in trials):
                break
            self._step(live, most=_AGAIN if step else len(self.order))
        best = next((trial for trial in trials if trial.reached), None)
        if best is None:
            return max(trials, key=lambda trial: trial.nearness)
        self._shorten(best)
        return best

    def _step(self, live: list[_Trial], *, most: int) -> None:
        tried = [trial.promising(max(1, min(most, _ASKED // len(live)))) for trial in live]
        sets = [
            (trial.donor, [*trial.taken, part])
            for trial, parts in zip(live, tried, strict=True)
            for part in parts
        ]
        outputs = self._ask(sets)
        for trial, parts, given in zip(live, tried, outputs.split([*map(len, tried)]), strict=True):
            self._advance(trial, parts, given)

    def _advance(self, trial: _Trial, parts: list[int], outputs: Float[Tensor, "M K"]) -> None:
        """Take the part that leads nearest to the goal, unless all lead away from it."""
        gains = self.goal.nearness(outputs).double() - trial.nearness
        reached = self.goal.reached(outputs)
        trial.left.update(zip(parts, gains.tolist(), strict=True))
        allowed = reached if reached.any() else gains >= 0
        if allowed.any():
            best = int(gains.masked_fill(~allowed, -torch.inf).argmax())
            trial.taken = [*trial.taken, parts[best]]
            del trial.left[parts[best]]
            self._settle(trial, outputs[best : best + 1])

    def _shorten(self, trial: _Trial) -> None:
        """Put back what was not needed, and sort the rest: the most needed first."""
        while len(trial.taken) > 1:
            parts = trial.taken
            sets = [[other for other in parts if other != part] for part in parts]
            outputs = self._ask([(trial.donor, one) for one in sets])
            reached, nearness = self.goal.reached(outputs), self.goal.nearness(outputs)
            if not reached.any():
                trial.taken = [parts[one] for one in torch.argsort(nearness, stable=True).tolist()]
                return
            spare = int(nearness.masked_fill(~reached, -torch.inf).argmax())
            trial.taken = sets[spare]
            self._settle(trial, outputs[spare : spare + 1])

    def _settle(self, trial: _Trial, outputs: Float[Tensor, "1 K"]) -> None:
        trial.outputs = outputs
        trial.nearness = float(self.goal.nearness(outputs)[0])
        trial.reached = bool(self.goal.reached(outputs)[0])

    def _ask(self, sets: list[tuple[int, list[int]]]) -> Float[Tensor, "M K"]:
        """Give the outputs with sets of parts taken from donors."""
        kept = torch.ones(len(sets), len(self.case.parts), dtype=torch.bool)
        for row, (_, parts) in enumerate(sets):
            kept[row, parts] = False
        donors = torch.tensor([donor for donor, _ in sets])
        return self.subject.asked(self.case.covered(kept, donors))


def _goal(subject: Subject, case: Case, outputs: Float[Tensor, "1 K"]) -> _Goal | None:
    rival = int(subject.task.rivals(outputs)[0])
    if rival < 0:
        return _Beyond(subject, case.which, outputs) if subject.task.outputs == 1 else None
    if int(subject.task.chosen(outputs)[0]) != case.which:
        return _Other(subject, case.which, case.which)
    return _Other(subject, case.which, rival)


def _alike(recall: Recall) -> bool:
    """Tell whether a place in one example is the same place in another: not if lengths differ."""
    schema = recall.subject.schema
    return recall.subject.kind.sizes(recall.cases.stored[:1], schema) is None


def _donors(goal: _Goal, recall: Recall, x: Float[Tensor, "..."], most: int) -> list[int]:
    """Find the nearest training cases that have the other answer, and get it from the network."""
    there = goal.reached(recall.outputs) & goal.taught(recall.cases.y)
    near = recall.similarities(x).masked_fill(~there, -torch.inf)
    order = torch.argsort(near, descending=True, stable=True)
    return order[: min(most, int(there.sum()))].tolist()


def _changes(
    subject: Subject,
    examples: Examples,
    place: int,
    case: Case,
    recall: Recall | None,
    found: tuple[_Trial, list[int]],
) -> tuple[Change, ...]:
    trial, places = found
    if not trial.reached:
        return ()
    parts = case.parts
    given = needed = subject.kind.tell(examples, place, parts)
    if recall is None or not places:
        needed = ("",) * len(parts)
    else:
        stored = np.array(recall.cases.stored[[places[trial.donor]]])
        needed = subject.kind.tell(subject.kind.restore(stored, subject.schema), 0, parts)
    return tuple(
        Change(
            name=parts.names[part], where=parts.where[part], given=given[part], needed=needed[part]
        )
        for part in trial.taken
    )
