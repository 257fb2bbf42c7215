"""Whether an area alone decides: what stands there is pasted from one example into another.

Idea: explanations say what an answer rests on; pasting proves it. If a corner of a picture of class
k, put into pictures of other classes, turns their answers into k, while all the rest of that
picture does not, then the corner decides and not what the picture shows. The same holds for one
column of a row. No label of truth is needed, and nobody has to know what a corner is.

Source: Vig, Gehrmann, Belinkov, Qian, Nevo, Singer & Shieber 2020, "Investigating gender bias in
language models using causal mediation analysis", arXiv:2004.12265 (exchange one part between two
inputs and measure the answer); the question whether a model is right for the wrong reason:
Lapuschkin et al. 2019, Nature Communications 10:1096.
Departs: parts of the raw input are exchanged, not states within the network.

Letters: N examples, M pairs, S masks, D donors, E recipients of each, K outputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pellucid.explaining import Subject

_TOGETHER = 1 << 24  # numbers of input that are pasted together at once
_BEST = 4  # one donor in so many is looked at alone: a mark need not be in all of a class


@dataclass(frozen=True, kw_only=True, slots=True)
class Graft:
    """What pasting one area from examples of one answer into others does, and into them.

    Args:
        size: of the area, as a share of the numbers of x.
        way: how far towards the answer of its donor an example moved, of the whole way between
            the two in the unit of the task; 1 is all the way.
        rest_way: the same for pasting everything but the area.
        turned: share of the examples whose answer became that of the donor; for numbers the way.
        rest_turned: the same for everything but the area.
        best_turned: the same for the area of the quarter of the donors that turn most, found on
            other pairs than it is measured on.
        alike: how much less what stands there differs among the donors than among all, from 0
            (as much) to 1 (it is the same in all donors).
        pairs: of donor and recipient.
        best_pairs: that `best_turned` was measured on.
    """

    size: float
    way: float
    rest_way: float
    turned: float
    rest_turned: float
    best_turned: float
    alike: float
    pairs: int
    best_pairs: int

    @property
    def given(self) -> float:
        """How much of its donors' answer the area brings along, from 0 to 1."""
        return min(1.0, max(0.0, (self.way + self.turned) / 2))

    @property
    def lost(self) -> float:
        """How much of their answer is lost where the area is replaced, from 0 to 1."""
        return min(1.0, max(0.0, 1 - (self.rest_way + self.rest_turned) / 2))

    @property
    def weight(self) -> float:
        """What the area decides of the answer, from 0 to 1; a half if it is worth all the rest.

        The geometric mean: pasting anything can spoil an answer, and an answer that anything
        brings about is not the area's doing. What brings the answer along nearly always weighs by
        that alone, since a network may know the real reason, too, and not lose its answer.
        """
        return max(math.sqrt(self.given * self.lost), self.given**2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pool:
    """Examples to exchange areas between.

    Args:
        x: (N, *schema.shape), on the device of the network.
        outputs: of the network.
        chosen: its answers.
    """

    x: Float[Tensor, "N ..."]
    outputs: Float[Tensor, "N K"]
    chosen: Int[Tensor, " N"]

    @classmethod
    def of(cls, subject: Subject, x: Float[Tensor, "N ..."]) -> "Pool":
        """Ask the network about examples."""
        if not len(x):
            nothing = torch.zeros(0, subject.task.outputs, device=x.device)
            return cls(x=x, outputs=nothing, chosen=torch.zeros(0, dtype=torch.int64))
        outputs = subject.asked(x)
        return cls(x=x, outputs=outputs, chosen=subject.task.chosen(outputs))

    def with_more(self, more: "Pool") -> "Pool":
        """Give the examples of both."""
        if not len(more.x):
            return self
        return Pool(
            x=torch.cat([self.x, more.x]),
            outputs=torch.cat([self.outputs, more.outputs]),
            chosen=torch.cat([self.chosen, more.chosen]),
        )


class Grafting:
    """Pastes areas between examples and measures what that does to the answers.

    Args:
        subject: what is asked.
        area: of each number of x, -1 for none.
        donors: examples to take from.
        recipients: examples to paste into.
        seed: of the pairs.
    """

    def __init__(
        self,
        subject: Subject,
        area: Int[Tensor, "..."],
        donors: Pool,
        recipients: Pool,
        *,
        seed: int,
    ) -> None:
        self.subject = subject
        self.area = area
        self.donors = donors
        self.recipients = recipients
        self.seed = seed
        self.numbers = bool((subject.task.rivals(recipients.outputs[:1]) < 0).any())

    def scan(self, which: int, sets: Sequence[Sequence[int]], pairs: int) -> list[Graft]:
        """Paste several sets of areas, one after the other, between the same few pairs.

        Args:
            which: answer of the donors.
            sets: of areas to paste together.
            pairs: for each.
        """
        return self._grafts(which, sets, self._pairs(which, pairs, 1), each=1)

    def graft(self, which: int, areas: Sequence[int], *, donors: int, each: int) -> Graft:
        """Paste several areas at once, and in turn everything but them.

        Args:
            which: answer of the donors.
            areas: to paste together.
            donors: how many to take from.
            each: recipients of each donor, an even number.
        """
        (found,) = self._grafts(which, [areas], self._pairs(which, donors, each), each=each)
        return found

    def _grafts(
        self, which: int, sets: Sequence[Sequence[int]], pairs: tuple[Tensor, Tensor], *, each: int
    ) -> list[Graft]:
        giving, taking = pairs
        # Small batches would cost a call each: as many sets as fit go together.
        step = max(1, _TOGETHER // (2 * len(giving) * self.area.numel()))
        found = []
        for start in range(0, len(sets), step):
            insides = [self._inside(areas) for areas in sets[start : start + step]]
            masks = torch.stack([mask for inside in insides for mask in (inside, ~inside)])
            outputs = self._pasted(giving, taking, masks)
            both = zip(insides, outputs[::2], outputs[1::2], strict=True)
            found += [self._measured(which, pairs, inside, two, each) for inside, *two in both]
        return found

    def _measured(
        self,
        which: int,
        pairs: tuple[Tensor, Tensor],
        inside: Bool[Tensor, "..."],
        outputs: Sequence[Float[Tensor, "M K"]],
        each: int,
    ) -> Graft:
        giving, taking = pairs
        start = self._explained(self.recipients.outputs[taking], which)
        end = self._explained(self.donors.outputs[giving], which)
        way, rest_way = (_way(self._explained(one, which), start, end) for one in outputs)
        turned, rest_turned = (self._turned(one, which) for one in outputs)
        best_turned, best_pairs = _best(turned.view(-1, each))
        return Graft(
            size=float(inside.double().mean()),
            way=way,
            rest_way=rest_way,
            turned=way if self.numbers else float(turned.mean()),
            rest_turned=rest_way if self.numbers else float(rest_turned.mean()),
            best_turned=best_turned,
            alike=self._alike(giving, taking, inside),
            pairs=len(giving),
            best_pairs=best_pairs,
        )

    def _inside(self, areas: Sequence[int]) -> Bool[Tensor, "..."]:
        return torch.isin(self.area, torch.tensor(list(areas), device=self.area.device))

    def possible(self, which: int, least: int) -> bool:
        """Tell whether there are enough examples with and without an answer."""
        return min(len(self._giving(which)), len(self._taking(which))) >= least

    def _giving(self, which: int) -> Int[Tensor, " N"]:
        return (self.donors.chosen == which).nonzero()[:, 0]

    def _taking(self, which: int) -> Int[Tensor, " N"]:
        if self.numbers:
            return torch.arange(len(self.recipients.x), device=self.recipients.chosen.device)
        return (self.recipients.chosen != which).nonzero()[:, 0]

    def _pairs(self, which: int, donors: int, each: int) -> tuple[Tensor, Tensor]:
        """Draw donors without, and recipients with repetition; a donor's pairs lie together."""
        random = np.random.default_rng([self.seed, which, donors])
        giving, taking = self._giving(which), self._taking(which)
        chosen = random.permutation(len(giving))
        chosen = np.resize(chosen, donors) if each == 1 else chosen[:donors]
        picked = random.integers(len(taking), size=len(chosen) * each)
        given = giving[torch.from_numpy(chosen)].repeat_interleave(each)
        return given, taking[torch.from_numpy(picked)]

    def _pasted(
        self, giving: Tensor, taking: Tensor, masks: Bool[Tensor, "S ..."]
    ) -> Float[Tensor, "S M K"]:
        """Take from the donors where a mask is true, else from the recipients."""
        donors, recipients = self.donors.x[giving], self.recipients.x[taking]
        x = torch.where(masks[:, None], donors, recipients).flatten(0, 1)
        return self.subject.asked(x).view(len(masks), len(giving), -1)

    def _explained(self, outputs: Tensor, which: int) -> Float[Tensor, " M"]:
        asked = torch.full((len(outputs),), which, device=outputs.device)
        subject = self.subject
        return subject.task.explained(outputs, asked, subject.calibration)

    def _turned(self, outputs: Tensor, which: int) -> Float[Tensor, " M"]:
        return (self.subject.task.chosen(outputs) == which).float()

    def _alike(self, giving: Tensor, taking: Tensor, inside: Tensor) -> float:
        """Compare how much the area differs among donors with how much among all."""
        own = self.donors.x[giving.unique()][:, inside].double()
        all_of_them = torch.cat([own, self.recipients.x[taking.unique()][:, inside].double()])
        whole = float(all_of_them.var(dim=0).mean())
        if len(own) < 2 or whole <= 0:
            return 0.0
        return max(0.0, 1 - float(own.var(dim=0).mean()) / whole)


def _way(reached: Tensor, start: Tensor, end: Tensor) -> float:
    """Give how much of the way from start to end was gone, over all pairs."""
    ahead = end - start
    whole = float(ahead.abs().sum())
    return float((ahead.sign() * (reached - start)).sum()) / whole if whole > 0 else 0.0


def _best(turned: Float[Tensor, "D E"]) -> tuple[float, int]:
    """Choose the donors that turn most on half of their pairs, and count on the other half.

    Returns:
        The share that they turn, and the number of pairs that it was counted on.
    """
    half = turned.shape[1] // 2
    if half == 0:
        return float(turned.mean()), len(turned)
    order = turned[:, :half].mean(dim=1).argsort(descending=True, stable=True)
    counted = turned[order[: max(1, len(order) // _BEST)], half:]
    return float(counted.mean()), counted.numel()
