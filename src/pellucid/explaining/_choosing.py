"""Which blank covers, and which explainer speaks for a model: both are measured, not believed.

Idea: no explainer is the best for every network. Each that suits the network explains the same
held-out examples, which neither training nor the choice of weights has seen, and the one that
foretells best what this very network does is the one whose explanations are shown. How much is left
of its explanations when the network has forgotten what it learned says whether they are about the
network at all.

Source: Adebayo, Gilmer, Muelly, Goodfellow, Hardt & Kim 2018, "Sanity checks for saliency maps",
arXiv:1810.03292 (weights drawn anew; rank correlation of absolute shares).
Departs: weights are drawn anew by permuting those of each tensor, so that each layer keeps the
sizes that its input and its norms are used to, and all layers are at once.

Letters: N H examples, P parts, R blanks.
"""

import copy
import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid import registry
from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._cases import Cases
from pellucid.explaining._faithfulness import correlation, measure, ranks, t_quantile

_CASES = 24  # held-out examples that methods are measured on, in time
_WITHOUT_CLOCK = 12  # if nobody set a time
_LEAST = 4  # of them, if the time allows
_ENOUGH = 2  # of them, or nothing is known
_FORGOTTEN = 8  # of them that the network with weights drawn anew is explained on
_OTHERS = 256  # training examples that blanks may be made of
_NUMBERS = 1 << 22  # of input in them
_MEASURING = 0.8  # of the time; the rest is for the network with weights drawn anew
_CHEAPER = 1.5  # times; a method that much cheaper wins a tie
_TIE = 0.05  # of faithfulness; what differs by more is no tie, however few cases there were
_GRADIENTS = 6  # answers that one answer with gradients in float32 costs, about


def choose_blank(
    subject: Subject, x: Float[Tensor, "..."], which: int, others: Float[Tensor, "N ..."]
) -> tuple[str, Float[Tensor, "R ..."]]:
    """Choose the way of showing nothing that an example is compared with.

    A blank that the network takes for the answer itself cannot show what speaks for it. So it is
    the first, most natural one that takes away at least half of the most that any of them takes
    away from the number explained.

    Args:
        subject: what is explained.
        x: the example, (*schema.shape).
        which: the answer that is explained.
        others: examples of the training side; N may be 0.

    Returns:
        Its name, and R blanks for this example, whose effects are averaged.
    """
    blanks = subject.kind.blanks(x[None], subject.schema, others)
    rows = torch.cat([x[None], *(each[:, 0] for each in blanks.values())])
    outputs = subject.asked(rows)
    answers = torch.full((len(rows),), which, device=outputs.device)
    numbers = subject.task.explained(outputs, answers, subject.calibration).cpu()
    several = [len(each) for each in blanks.values()]
    taken = torch.stack([numbers[0] - part.mean() for part in numbers[1:].split(several)])
    if int(subject.task.rivals(outputs[:1])[0]) < 0 or float(taken.max()) <= 0:
        taken = taken.abs()  # where less is an answer, too, or nothing speaks for this one
    first = int((taken >= taken.max() / 2).int().argmax())
    name = list(blanks)[first]
    return name, blanks[name][:, 0]


def suiting(subject: Subject) -> dict[str, Explainer]:
    """Give the explainers that can explain a network, by name."""
    known, kind = registry.explainer, subject.schema.kind
    names = [name for name in known if not known.takes(name) or kind in known.takes(name)]
    made: dict[str, Explainer] = {name: known[name]() for name in names}
    return {name: one for name, one in made.items() if one.suits(subject)}


def others(subject: Subject, cases: Cases | None) -> Float[Tensor, "N ..."]:
    """Give some training examples that blanks may be made of, evenly spread; none without cases."""
    if cases is None:
        return torch.zeros(0, *subject.schema.shape, device=subject.device)
    most = min(_OTHERS, max(1, _NUMBERS // math.prod(subject.schema.shape)))
    return subject.x(cases.spread(most))


def trust(subject: Subject, cases: Cases, *, seconds: float | None) -> dict[str, Any]:
    """Measure how well each suitable explainer foretells what this network does.

    All methods explain the same held-out examples in turn. Those tie with the method of the highest
    mean faithfulness whose difference from it, example by example, is no more than 0.05 and has 0
    in its 95 % interval. Of these, methods whose shares sum up go before the others: reasons that
    can stand in for each other get their shares, where covering one at a time would find none. Of
    them the best is chosen, or the cheapest of those that take at most two thirds of the answers of
    the network for one explanation.

    Args:
        subject: the model.
        cases: its stored examples; those held out are used.
        seconds: that it may take; the network answers no more once they are over. Methods that
            would not get to four examples within it are left out, the slowest first and those whose
            shares sum up last. None for 12 examples, the same at each call.

    Returns:
        As plain JSON; empty if no examples are held out, nothing suits, or the time was not enough.
        "method": name of the chosen explainer.
        "scores": by name, the mean faithfulness "value" with its 95 % interval over examples, "low"
        and "high"; "cost", answers of the network for one explanation, those with gradients counted
        six times; and "seconds" for one, None if nobody asked for the time.
        "cases": how many examples.
        "randomised": mean rank correlation of the absolute shares by the chosen method with those
        of a network whose weights are drawn anew; near 1, it does not explain what was learned.
        Missing if the time was not enough.
    """
    clock = _Clock(seconds=seconds)
    methods = suiting(subject)
    if not len(cases.held) or not methods:
        return {}
    rows: dict[str, list[_Row]] = {}
    seen: list[Case] = []
    found: dict[str, Any] = {}
    with suppress(_TooLateError), _ending(subject.network, clock):
        _measured(subject, cases, methods, clock, (rows, seen))
    count = min((len(each) for each in rows.values()), default=0)
    if count < min(_ENOUGH, len(cases.held)):
        return found
    rows = {name: each[:count] for name, each in rows.items()}
    chosen = _chosen(rows, methods)
    found |= {
        "method": chosen,
        "scores": {name: _score(each, timed=seconds is not None) for name, each in rows.items()},
        "cases": count,
    }
    with suppress(_TooLateError), _ending(subject.network, clock):
        spare = clock.left() / max(rows[chosen][0].seconds, 1e-6)
        several = seen[: int(max(1, min(_FORGOTTEN, count, spare)))]
        found["randomised"] = _remembered(subject, methods[chosen], several)
    return found


def redrawn(network: nn.Module, *, seed: int) -> nn.Module:
    """Give a copy of a network that has forgotten what it learned; the network itself is kept.

    The numbers of each weight tensor change places. Running means and variances stay.
    """
    forgetful = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in forgetful.parameters():
            places = torch.randperm(weights.numel(), generator=generator).to(weights.device)
            weights.copy_(weights.flatten()[places].view_as(weights))
    return forgetful


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """One method on one example: faithfulness, answers and time of the explanation, time in all."""

    value: float
    cost: float
    seconds: float
    whole: float


@dataclass(kw_only=True, slots=True)
class _Clock:
    """What is left of the time, s; without limit if nobody set one."""

    seconds: float | None
    started: float = field(default_factory=time.perf_counter)

    def left(self) -> float:
        if self.seconds is None:
            return math.inf
        return self.seconds - (time.perf_counter() - self.started)

    def allows(self, more: float) -> bool:
        spare = 0.0 if self.seconds is None else self.seconds * (1 - _MEASURING)
        return self.left() - spare >= more

    def over(self) -> bool:
        return not self.allows(0.0)

    def affordable(
        self, rows: Mapping[str, list[_Row]], methods: Mapping[str, Explainer]
    ) -> dict[str, list[_Row]]:
        """Keep the quickest methods that can explain the least number of examples in time.

        Those whose shares sum up come first: of several that tie, one of them is chosen.
        """
        if self.seconds is None:
            return dict(rows)
        quickest = sorted(rows, key=lambda name: (not methods[name].sums, rows[name][0].whole))
        needed = np.cumsum([rows[name][0].whole for name in quickest]) * _LEAST
        kept = quickest[: max(1, int((needed <= self.seconds * _MEASURING).sum()))]
        return {name: each for name, each in rows.items() if name in kept}


def _measured(
    subject: Subject,
    cases: Cases,
    methods: Mapping[str, Explainer],
    clock: _Clock,
    found: tuple[dict[str, list[_Row]], list[Case]],
) -> None:
    """Let the methods explain one held-out example after the other, while there is time.

    Args:
        subject: the model.
        cases: its stored examples.
        methods: that suit it.
        clock: says what is left.
        found: what each method did, and the examples, are added to it, so that whatever was done
            is there when the time is over.
    """
    rows, seen = found
    around = others(subject, cases)
    most = _CASES if clock.seconds is not None else _WITHOUT_CLOCK
    places = np.random.default_rng(0).permutation(len(cases.held))[:most]
    seen.append(_case(subject, cases, int(places[0]), around))
    for name in sorted(methods, key=lambda name: not methods[name].sums):
        if not rows or not clock.over():
            rows[name] = [_row(subject, seen[0], methods[name])]
    for name in rows.keys() - clock.affordable(rows, methods).keys():
        del rows[name]
    for place in places[1:].tolist():
        if len(seen) >= _LEAST and not clock.allows(_cost_of_round(rows)):
            break
        seen.append(_case(subject, cases, place, around))
        for name, each in rows.items():
            each.append(_row(subject, seen[-1], methods[name]))


def _case(subject: Subject, cases: Cases, place: int, others: Tensor) -> Case:
    stored = np.array(cases.held[place : place + 1])
    x = subject.posed(subject.x(stored))
    (parts,) = subject.kind.parts(subject.kind.restore(stored, subject.schema), subject.schema)
    which = int(subject.task.chosen(subject.asked(x))[0])
    parts = subject.task.divided(parts, x[0], which)
    _, blanks = choose_blank(subject, x[0], which, others)
    return Case(x=x[0], parts=parts, blanks=blanks, which=which, seed=place)


def _row(subject: Subject, case: Case, explainer: Explainer) -> _Row:
    started = time.perf_counter()
    with _counted(subject.network) as answered:
        shares = explainer.shares(subject, case)
    explained = time.perf_counter()
    faithfulness = measure(subject, case, shares, explainer, thorough=False)
    return _Row(
        value=faithfulness.value,
        cost=float(sum(answered)),
        seconds=explained - started,
        whole=time.perf_counter() - started,
    )


class _TooLateError(Exception):
    """The time is over; raised in the place of an answer of the network."""


@contextmanager
def _ending(network: nn.Module, clock: _Clock) -> Iterator[None]:
    """Let the network answer only while there is time."""

    def ask(module: nn.Module, given: tuple[Any, ...]) -> None:
        del module, given
        if clock.left() < 0:
            raise _TooLateError

    handle = network.register_forward_pre_hook(ask)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _counted(network: nn.Module) -> Iterator[list[int]]:
    """Count what a network answers meanwhile; unlike time, that is the same on each machine."""
    answered: list[int] = []

    def count(module: nn.Module, given: tuple[Any, ...]) -> None:
        del module
        answered.append(len(given[0]) * (_GRADIENTS if torch.is_grad_enabled() else 1))

    handle = network.register_forward_pre_hook(count)
    try:
        yield answered
    finally:
        handle.remove()


def _cost_of_round(rows: Mapping[str, Sequence[_Row]]) -> float:
    return sum(float(np.mean([row.whole for row in each])) for each in rows.values())


def _chosen(rows: Mapping[str, Sequence[_Row]], methods: Mapping[str, Explainer]) -> str:
    values = {name: np.array([row.value for row in each]) for name, each in rows.items()}
    costs = {name: float(np.mean([row.cost for row in each])) for name, each in rows.items()}
    means = {name: float(each.mean()) for name, each in values.items()}
    best = max(means, key=lambda name: means[name])
    ties = [name for name in values if _ties(values[best] - values[name])]
    ties = [name for name in ties if methods[name].sums] or ties
    best = max(ties, key=lambda name: means[name])
    cheap = [name for name in ties if costs[name] * _CHEAPER <= costs[best]]
    return min(cheap, key=lambda name: (costs[name], -means[name]), default=best)


def _ties(lead: NDArray[np.float64]) -> bool:
    return float(lead.mean()) <= min(_TIE, _half_width(lead))


def _half_width(values: NDArray[np.float64]) -> float:
    """Give half of the 95 % interval of a mean, by the t distribution; 1 where nothing is known."""
    if len(values) < 2:
        return 1.0
    return t_quantile(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))


def _score(rows: Sequence[_Row], *, timed: bool) -> dict[str, float | None]:
    values = np.array([row.value for row in rows])
    value, half = float(values.mean()), _half_width(values)
    return {
        "value": value,
        "low": max(value - half, -1.0),
        "high": min(value + half, 1.0),
        "cost": float(np.mean([row.cost for row in rows])),
        "seconds": float(np.mean([row.seconds for row in rows])) if timed else None,
    }


def _remembered(subject: Subject, explainer: Explainer, seen: Sequence[Case]) -> float:
    """Compare with a network that forgot what it learned, by the ranks of absolute shares."""
    forgetful = dataclasses.replace(subject, network=redrawn(subject.network, seed=0))
    alike = []
    for case in seen:
        own, other = (explainer.shares(each, case).cpu() for each in (subject, forgetful))
        alike.append(correlation(ranks(own.abs()), ranks(other.abs())))
    return float(np.mean(alike))
