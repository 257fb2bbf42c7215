"""Shares along paths: what each part adds on the way from nothing there to what is there.

Idea: walk from a blank to the example and add up, step by step, how much the number explained
changes for each part that moves; whatever way is walked, the steps sum up to the whole change.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365,
section 3 (path methods); Aumann & Shapley 1974, "Values of non-atomic games" (the straight line).
Departs: a code of a category cannot be half-way, so it turns at one moment of each walk and what
that changes is measured instead of integrated; moments are drawn evenly over the walk, so with
categories alone this is the Shapley value and with numbers alone the integral.

Letters: J walks, N moments, P parts, R blanks.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pellucid import _inference
from pellucid.explaining import Case, Subject

_GAP = 0.05  # of the sizes of all shares: what may be missing from their sum after integrating
_MOST = 300  # moments of one walk; more were not found to help
_TURNING = 16  # walks at least, where codes turn at random moments


def walked(
    subject: Subject, case: Case, *, width: float, walks: int, moments: int
) -> Float[Tensor, " P"]:
    """Give what each part adds, averaged over walks from every blank to the example.

    Gradients are taken at a few moments of each walk, and at three times as many as long as the sum
    of the shares is far from the change; what is then missing is spread in proportion to their
    size. A gap larger than 5 % of the sizes stays, for that would hide that gradients tell nothing.

    Args:
        subject: whose number is explained.
        case: the example.
        width: share of a walk that a part is on its way; 1 for the straight line, on which all
            parts move at once, less for walks on which each sets out at a moment of its own.
        walks: at least so many; each blank begins equally many.
        moments: of each walk, at first.
    """
    paths = _Paths.drawn(subject, case, width=width, walks=walks)
    jumps = paths.jumps()
    change = paths.change()
    steps = math.ceil(moments / paths.stretches)
    flow = paths.flow(_evenly(steps))
    while True:
        shares = jumps + case.gathered(flow)
        missing = change - float(shares.sum())
        small = abs(missing) <= _GAP * float(shares.abs().sum())
        if small or 3 * steps * paths.stretches > _MOST:
            break
        # The middles of steps are the middles of every third of thirds: nothing is asked twice.
        steps *= 3
        fresh = _evenly(steps)[torch.arange(steps) % 3 != 1]
        flow = flow / 3 + paths.flow(fresh) * (2 / 3)
    return shares + missing * shares.abs() / shares.abs().sum().clamp_min(1e-30) * small


def differentiable(subject: Subject) -> bool:
    """Tell whether the number explained has a gradient by anything that is not a code."""
    if bool(_codes(subject, torch.device("cpu")).all()):
        return False
    x = torch.zeros(1, *subject.schema.shape, device=subject.device, requires_grad=True)
    which = torch.zeros(1, dtype=torch.int64, device=subject.device)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            number = subject.numbers(x, which, exact=True)
            (slope,) = torch.autograd.grad(number.sum(), x, allow_unused=True)
    except RuntimeError:  # what torch says of outputs that no gradient leads to
        return False
    return slope is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Paths:
    """Walks from the blanks to one example.

    Args:
        start: where each walk begins.
        codes: True for the numbers of x that are codes; broadcasts to x.
        leaves: when each part sets out, from 0 to 1 - width.
        turns: when the codes of each part turn, from 0 to 1.
        turning: places of the parts whose codes turn in any of the walks.
        width: share of a walk that a part is on its way.
    """

    subject: Subject
    case: Case
    start: Float[Tensor, "J ..."]
    codes: Bool[Tensor, "..."]
    leaves: Float[Tensor, "J P"]
    turns: Float[Tensor, "J P"]
    turning: Int[Tensor, " D"]
    width: float

    @classmethod
    def drawn(cls, subject: Subject, case: Case, *, width: float, walks: int) -> "_Paths":
        """Draw walks in pairs of opposite order, from every blank equally many."""
        several, parts = len(case.blanks), len(case.parts)
        nothing = torch.zeros(several, parts, dtype=torch.bool)
        blanks = case.covered(nothing, torch.arange(several))
        codes = _codes(subject, case.x.device)
        differ = (codes & (blanks != case.x)).any(dim=0)
        turning = case.gathered(differ.double()).nonzero()[:, 0]
        walks = max(walks, _TURNING) if len(turning) else walks
        each = math.ceil(walks / several)
        random = torch.Generator().manual_seed(case.seed)
        leaves = (1 - width) * _moments(each * several, parts, random)
        turns = leaves + width * _moments(each * several, parts, random)
        return cls(
            subject=subject,
            case=case,
            start=blanks.repeat_interleave(each, dim=0),
            codes=codes,
            leaves=leaves.to(case.x.device),
            turns=turns.to(case.x.device),
            turning=turning.to(case.x.device),
            width=width,
        )

    @property
    def stretches(self) -> int:
        """Count the stretches of a walk between which codes turn."""
        return len(self.turning) + 1

    def change(self) -> float:
        """Give what the example adds over the mean of its blanks."""
        with torch.no_grad():
            begin = self._numbers(self.start).mean()
            end = self._numbers(self.case.x[None])[0]
        return float(end - begin)

    def jumps(self) -> Float[Tensor, " P"]:
        """Give what the turning of each part's codes changes, the mean over the walks."""
        shares = torch.zeros(len(self.case.parts))
        if len(self.turning) == 0:
            return shares
        turns = self.turns[:, self.turning]
        walk = torch.arange(len(turns), device=turns.device).repeat_interleave(turns.shape[1])
        moment = turns.flatten()
        done = self.turns[walk]
        with torch.no_grad():
            after = self._along(walk, moment, done <= moment[:, None])
            before = self._along(walk, moment, done < moment[:, None])
        shares[self.turning.cpu()] = (after - before).view(turns.shape).mean(dim=0).float().cpu()
        return shares

    def flow(self, places: Float[Tensor, " N"]) -> Float[Tensor, "..."]:
        """Integrate what each number of x adds while it moves, the mean over the walks.

        Args:
            places: in each stretch, from 0 to 1, where gradients are taken; all weigh the same.
        """
        walk, moment, weight = self._laid_out(places.to(self.start.device))
        total = torch.zeros_like(self.case.x, dtype=torch.float32)
        size = _inference.batch_size(self.subject.schema)
        rows = zip(walk.split(size), moment.split(size), weight.split(size), strict=True)
        for several in rows:
            total += self._step(*several)
        return total

    def _laid_out(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give walk, moment and weight of every place in every stretch, flat."""
        turns = self.turns[:, self.turning].sort(dim=1).values
        ends = torch.ones(len(turns), 1, device=turns.device)
        low, high = torch.cat([0 * ends, turns], dim=1), torch.cat([turns, ends], dim=1)
        moment = low[..., None] + (high - low)[..., None] * places
        weight = ((high - low)[..., None] / (len(places) * len(turns))).expand_as(moment)
        walk = torch.arange(len(turns), device=turns.device)[:, None, None].expand_as(moment)
        return walk.flatten(), moment.flatten(), weight.flatten()

    def _step(self, walk: Tensor, moment: Tensor, weight: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            x = self._position(walk, moment, self.turns[walk] < moment[:, None])
            x = x.detach().requires_grad_()
            number = self._numbers(x)
            (slope,) = torch.autograd.grad(number.sum(), x)
        passed = self._passed(walk, moment)
        moving = (passed > 0) & (passed < 1)
        speed = moving * (weight / self.width).view(-1, *[1] * self.case.of.ndim)
        way = (self.case.x - self.start[walk]) * ~self.codes
        return (slope * way * speed).sum(dim=0)

    def _along(self, walk: Tensor, moment: Tensor, turned: Tensor) -> Tensor:
        size = _inference.batch_size(self.subject.schema)
        rows = zip(walk.split(size), moment.split(size), turned.split(size), strict=True)
        return torch.cat([self._numbers(self._position(*several)) for several in rows])

    def _position(self, walk: Tensor, moment: Tensor, turned: Tensor) -> Tensor:
        begin, end = self.start[walk], self.case.x
        between = begin + self._passed(walk, moment) * (end - begin)
        return torch.where(self.codes, torch.where(turned[:, self.case.of], end, begin), between)

    def _passed(self, walk: Tensor, moment: Tensor) -> Tensor:
        """Give the share of its way that each part has passed, spread over its numbers."""
        passed = ((moment[:, None] - self.leaves[walk]) / self.width).clamp(0, 1)
        return passed[:, self.case.of]

    def _numbers(self, x: Tensor) -> Tensor:
        which = torch.full((len(x),), self.case.which, device=x.device)
        return self.subject.numbers(x, which, exact=True)


def _codes(subject: Subject, device: torch.device) -> Bool[Tensor, "..."]:
    cardinalities = subject.schema.cardinalities or (0,)
    return torch.tensor(cardinalities, device=device) > 0


def _evenly(steps: int) -> Float[Tensor, " N"]:
    return (torch.arange(steps) + 0.5) / steps


def _moments(walks: int, parts: int, random: torch.Generator) -> Float[Tensor, "J P"]:
    """Draw moments from 0 to 1, spread evenly over the parts of a walk; every second is mirrored.

    A part that comes early on one walk comes late on the next, so that most of what the order
    does cancels out.
    """
    half = math.ceil(walks / 2)
    ranks = torch.rand(half, parts, generator=random).argsort(dim=1)
    one = (ranks + torch.rand(half, parts, generator=random)) / parts
    return torch.stack([one, 1 - one], dim=1).flatten(0, 1)[:walks]
