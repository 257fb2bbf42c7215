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

_GAP = 0.2  # of the mean size of a step's shares: what may be missing from the sum of one step
_DEEPEST = 12  # times that a step is halved: then it is a jump, and has no gradient
_MOST = 256  # steps of one walk that may be open at once
_TURNING = 16  # walks at least, where codes turn at random moments


def walked(
    subject: Subject, case: Case, *, width: float, walks: int, steps: int
) -> Float[Tensor, " P"]:
    """Give what each part adds, averaged over walks from every blank to the example.

    The gradient in the middle of a step says what each part adds in that step, its ends say what
    all of them add together. A step where these two differ is halved; what little is then missing
    is spread over the parts in proportion to the size of their shares, first in each step, then
    over all. Where more is missing than parts were seen to add, it stays missing: gradients tell
    nothing there, and the sum shall show it.

    Args:
        subject: whose number is explained.
        case: the example.
        width: share of a walk that a part is on its way; 1 for the straight line, on which all
            parts move at once, less for walks on which each sets out at a moment of its own.
        walks: at least so many; each blank begins equally many.
        steps: of each walk, at first.
    """
    paths = _Paths.drawn(subject, case, width=width, walks=walks)
    open_, shares = paths.divided(math.ceil(steps / paths.stretches))
    change = shares.sum() + (open_.end - open_.begin).sum()
    allowed = 0.0
    for depth in range(_DEEPEST + 1):
        moved, middle = paths.moved(open_)
        missing = open_.end - open_.begin - moved.sum(dim=1)
        if depth == 0:
            allowed = _GAP * float(moved.abs().sum(dim=1).mean())
        again = missing.abs() > allowed
        if depth == _DEEPEST or 2 * int(again.sum()) > _MOST * len(paths.start):
            again[:] = False
        shares += _completed(moved, missing, most=1.0)[~again].sum(dim=0)
        if not again.any():
            break
        open_ = open_.halved(middle, again)
    left = change - shares.sum()
    shares = _completed(shares[None], left[None], most=_GAP)[0]
    return (shares / len(paths.start)).float().cpu()


def all_numbers(subject: Subject) -> bool:
    """Tell whether nothing in x is a code."""
    return not bool(_codes(subject, torch.device("cpu")).any())


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
class _Steps:
    """Steps of walks.

    Args:
        walk: that each is of.
        low: the moment it begins at, from 0 to 1.
        high: the moment it ends at.
        turned: the parts whose codes are those of the example.
        begin: the number explained, where it begins.
        end: and where it ends.
    """

    walk: Int[Tensor, " N"]
    low: Float[Tensor, " N"]
    high: Float[Tensor, " N"]
    turned: Bool[Tensor, "N P"]
    begin: Float[Tensor, " N"]
    end: Float[Tensor, " N"]

    def halved(self, middle: Float[Tensor, " N"], which: Bool[Tensor, " N"]) -> "_Steps":
        """Give both halves of some of the steps.

        Args:
            middle: the number explained, in the middle of each step.
            which: those that are halved.
        """
        half = (self.low + self.high) / 2
        bounds = [(self.low, half, self.begin, middle), (half, self.high, middle, self.end)]
        low, high, begin, end = (
            torch.cat(two)[which.repeat(2)] for two in zip(*bounds, strict=True)
        )
        walk, turned = self.walk[which].repeat(2), self.turned[which].repeat(2, 1)
        return _Steps(walk=walk, low=low, high=high, turned=turned, begin=begin, end=end)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Paths:
    """Walks from the blanks to one example.

    Args:
        subject: whose number is explained.
        case: the example.
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
        turning = case.gathered(differ.float()).nonzero()[:, 0]
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

    def divided(self, steps: int) -> tuple[_Steps, Float[Tensor, " P"]]:
        """Divide all stretches into steps, and give what the turns between them add, summed."""
        order = self.turns[:, self.turning].argsort(dim=1)
        turns = self.turns[:, self.turning].gather(1, order)
        ends = torch.ones(len(turns), 1, device=turns.device)
        low, high = torch.cat([0 * ends, turns], dim=1), torch.cat([turns, ends], dim=1)
        # Just after a turn, what it turned has turned; at the start, nothing has.
        after = torch.cat([-ends, turns], dim=1)
        turned = self.turns[:, None] <= after[..., None]
        share = torch.arange(steps + 1, device=turns.device) / steps
        moment = low[..., None] + (high - low)[..., None] * share
        walk = torch.arange(len(turns), device=turns.device)[:, None, None].expand_as(moment)
        turned = turned[:, :, None].expand(-1, -1, steps + 1, -1)
        asked = walk.flatten(), moment.flatten(), turned.flatten(0, 2)
        number = self._asked(*asked).view(moment.shape)
        added = torch.zeros(len(turns), len(self.case.parts), dtype=number.dtype)
        added = added.to(number.device)
        added.scatter_(1, self.turning[order], number[:, 1:, 0] - number[:, :-1, -1])
        divided = _Steps(
            walk=walk[..., 1:].flatten(),
            low=moment[..., :-1].flatten(),
            high=moment[..., 1:].flatten(),
            turned=turned[:, :, 1:].flatten(0, 2),
            begin=number[..., :-1].flatten(),
            end=number[..., 1:].flatten(),
        )
        return divided, added.sum(dim=0)

    def moved(self, steps: _Steps) -> tuple[Float[Tensor, "N P"], Float[Tensor, " N"]]:
        """Give what parts add in each step, by the slope in its middle, and the number there."""
        size = _inference.batch_size(self.subject.schema)
        middle = (steps.low + steps.high) / 2
        columns = (steps.walk, middle, steps.high - steps.low, steps.turned)
        rows = zip(*(column.split(size) for column in columns), strict=True)
        shares, numbers = zip(*(self._moved(*several) for several in rows), strict=True)
        return torch.cat(shares), torch.cat(numbers)

    def _moved(
        self, walk: Tensor, moment: Tensor, long: Tensor, turned: Tensor
    ) -> tuple[Tensor, Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            x = self._position(walk, moment, turned).detach().requires_grad_()
            number = self._numbers(x)
            (slope,) = torch.autograd.grad(number.sum(), x)
        passed = self._passed(walk, moment)
        speed = (passed > 0) & (passed < 1)
        way = (self.case.x - self.start[walk]) * ~self.codes
        by_number = (slope * way * speed).flatten(1)
        shares = by_number.new_zeros(len(walk), len(self.case.parts) + 1)
        of = self.case.of.expand_as(self.case.x).flatten() % shares.shape[1]
        shares.index_add_(1, of, by_number)  # what is always shown goes to the last, left out
        shares = shares[:, :-1].double() * (long / self.width)[:, None]
        return shares, number.detach().double()

    def _asked(self, walk: Tensor, moment: Tensor, turned: Tensor) -> Float[Tensor, " N"]:
        size = _inference.batch_size(self.subject.schema)
        rows = zip(walk.split(size), moment.split(size), turned.split(size), strict=True)
        with torch.no_grad():
            found = [self._numbers(self._position(*several)) for several in rows]
        return torch.cat(found).double()

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


def _completed(
    shares: Float[Tensor, "N P"], missing: Float[Tensor, " N"], *, most: float
) -> Float[Tensor, "N P"]:
    """Spread what is missing from each sum in proportion to the size of its shares.

    Args:
        shares: that should sum up.
        missing: from each sum.
        most: share of the sizes that may be missing; where it is more, nothing is spread.
    """
    sizes = shares.abs().sum(dim=1)
    spread = missing * (missing.abs() <= most * sizes) / sizes.clamp_min(1e-30)
    return shares + shares.abs() * spread[:, None]


def _codes(subject: Subject, device: torch.device) -> Bool[Tensor, "..."]:
    cardinalities = subject.schema.cardinalities or (0,)
    return torch.tensor(cardinalities, device=device) > 0


def _moments(walks: int, parts: int, random: torch.Generator) -> Float[Tensor, "J P"]:
    """Draw moments from 0 to 1, spread evenly over the parts of a walk; every second is mirrored.

    A part that comes early on one walk comes late on the next, so that most of what the order
    does cancels out.
    """
    half = math.ceil(walks / 2)
    ranks = torch.rand(half, parts, generator=random).argsort(dim=1)
    one = (ranks + torch.rand(half, parts, generator=random)) / parts
    return torch.stack([one, 1 - one], dim=1).flatten(0, 1)[:walks]
