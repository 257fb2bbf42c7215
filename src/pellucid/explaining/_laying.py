"""Explanations of many examples, laid over each other.

Idea: areas have the same names in all examples (`Kind.areas`), so their shares can be averaged and
compared; each explanation counts alike, whatever the size of its numbers.

Letters: N examples explained, A areas, R blanks, K outputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pellucid.data import Examples, Parts
from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._choosing import suiting

_QUICK = ("integrated_gradients", "occlusion")
_LEAST = 40  # explanations that a method must be quick enough for
_PATIENCE = 0.5  # seconds for one explanation that nobody waits for
_PROBES = 8  # examples that a blank is chosen by
_HALF = 0.5  # of what any blank takes away, that the first one must


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What looking at many examples may take.

    Args:
        seconds: of time; None to do all that is worth doing, the same on every machine.
        seed: of whatever is drawn.
    """

    seconds: float | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Laid:
    """Explanations of some examples over the areas that they share.

    Args:
        places: of the examples explained, among all.
        x: of the network, for each of them.
        which: the answer explained of each.
        names: of the areas.
        parts: of each example; not every area need be in every example.
        shares: of each area, as a share of the sum of their absolute values; 0 where an example
            does not have the area.
        there: whether each example has each area.
        blanks: what each example looks like where nothing is there.
        blank: the name of that.
        method: the explainer.
        fixed: whether all examples are equally long, so that a place in one is a place in another.
    """

    places: Int[np.ndarray, " N"]
    x: Float[Tensor, "N ..."]
    which: Int[Tensor, " N"]
    names: tuple[str, ...]
    parts: tuple[Parts, ...]
    shares: Float[np.ndarray, "N A"]
    there: Bool[np.ndarray, "N A"]
    blanks: Float[Tensor, "R N ..."]
    blank: str
    method: str
    fixed: bool = True

    def aligned(self) -> Int[Tensor, "..."] | None:
        """Give the area of each number of x, if it is the same in all examples; else None."""
        first = self.parts[0]
        if not self.fixed:
            return None
        for one in self.parts:
            if one is first or (one.names == first.names and np.array_equal(one.of, first.of)):
                continue
            return None
        return torch.from_numpy(first.of).expand(self.x.shape[1:]).to(self.x.device)


def lay(
    subject: Subject,
    examples: Examples,
    which: Int[Tensor, " N"],
    others: Float[Tensor, "M ..."],
    *,
    trust: Mapping[str, Any],
    limits: Limits,
) -> Laid:
    """Explain examples in their order, as many as there is time for, and lay the shares together.

    Args:
        subject: what is explained.
        examples: at least one.
        which: the answer to explain of each.
        others: training examples that blanks may be made of.
        trust: names the method that speaks for the model; {} if nobody measured that.
        limits: of the time.
    """
    stored = subject.kind.encode(examples, subject.schema)
    x, sizes = subject.x(stored), subject.kind.sizes(stored, subject.schema)
    areas = subject.kind.areas(examples, subject.schema)
    name, blanks = _blanks(subject, x, which, others)
    ends = [x.shape[1]] * len(x) if sizes is None else np.maximum(sizes, 1).tolist()
    cases = [
        Case(
            x=x[place, :end],
            parts=areas[place],
            blanks=blanks[:, place, :end],
            which=int(which[place]),
            seed=limits.seed,
        )
        for place, end in enumerate(ends)
    ]
    explainer, rows = _explain(subject, _methods(subject, trust), cases, limits.seconds)
    count = len(rows)
    names, shares, there = _columns(areas[:count], rows)
    return Laid(
        places=np.arange(count),
        x=x[:count],
        which=which[:count],
        names=names,
        parts=tuple(areas[:count]),
        shares=shares,
        there=there,
        blanks=blanks[:, :count],
        blank=name,
        method=explainer.name,
        fixed=sizes is None,
    )


def _columns(
    areas: Sequence[Parts], rows: Sequence[Tensor]
) -> tuple[tuple[str, ...], Float[np.ndarray, "N A"], Bool[np.ndarray, "N A"]]:
    """Give the names of all areas, and a column for each: its shares, and who has it."""
    names = tuple(dict.fromkeys(name for parts in areas for name in parts.names))
    column = {name: place for place, name in enumerate(names)}
    shares = np.zeros((len(rows), len(names)))
    there = np.zeros(shares.shape, bool)
    for place, row in enumerate(rows):
        total = float(row.abs().sum())
        at = [column[name] for name in areas[place].names]
        np.add.at(shares[place], at, row.double().numpy() / (total or 1.0))
        there[place, at] = present(areas[place])
    return names, shares, there


def present(parts: Parts) -> Bool[np.ndarray, " P"]:
    """Tell which parts an example has at all: a word that is not there is nowhere."""
    return np.isin(np.arange(len(parts)), parts.of)


def encoded(subject: Subject, examples: Examples) -> Float[Tensor, "N ..."]:
    """Give x of examples, on the device of the network."""
    return subject.x(subject.kind.encode(examples, subject.schema))


def _blanks(
    subject: Subject, x: Tensor, which: Tensor, others: Tensor
) -> tuple[str, Float[Tensor, "R N ..."]]:
    """Give the kind's first blank that changes at least half as much as any of them does."""
    few = slice(0, _PROBES)
    asked = which[few].to(x.device)
    whole = _number(subject, x[few], asked)
    numbers = bool((subject.task.rivals(subject.asked(x[:1])) < 0).any())
    changes = {}
    for name, several in subject.kind.blanks(x[few], subject.schema, others).items():
        taken = whole - torch.stack([_number(subject, one, asked) for one in several]).mean(dim=0)
        changes[name] = float((taken.abs() if numbers else taken.clamp(min=0)).mean())
    enough = _HALF * max(changes.values())
    name = next(name for name, change in changes.items() if change >= enough)
    return name, subject.kind.blanks(x, subject.schema, others)[name]


def _number(subject: Subject, x: Tensor, which: Tensor) -> Float[Tensor, " N"]:
    return subject.task.explained(subject.asked(x.contiguous()), which, subject.calibration)


def _explain(
    subject: Subject, methods: list[Explainer], cases: list[Case], seconds: float | None
) -> tuple[Explainer, list[Tensor]]:
    """Explain cases by the first method that is quick enough, or else by the quickest."""
    start = monotonic()
    tried: list[tuple[float, Explainer, Tensor]] = []
    for method in methods:
        began = monotonic()
        first = method.shares(subject, cases[0])
        tried.append((monotonic() - began, method, first))
        if seconds is None or tried[-1][0] * min(_LEAST, len(cases)) <= seconds - (began - start):
            break
    else:
        tried.sort(key=lambda one: -one[0])
    _, method, first = tried[-1]
    rows = [first]
    for case in cases[1:]:
        if seconds is not None and monotonic() - start > seconds:
            break
        rows.append(method.shares(subject, case))
    return method, [row.nan_to_num(0.0, 0.0, 0.0) for row in rows]


def _methods(subject: Subject, trust: Mapping[str, Any]) -> list[Explainer]:
    """Give the explainers to try, the best first."""
    best = str(trust.get("method", ""))
    score = trust.get("scores", {}).get(best, {})
    wanted = [best] if (score.get("seconds") or 0.0) <= _PATIENCE else []
    suits = suiting(subject)
    return [suits[name] for name in dict.fromkeys([*wanted, *_QUICK]) if name in suits]
