"""How much better than chance an explanation foretells what the network does.

Idea: parts are shown, from blank to whole, the largest share first, and covered in the same order;
a network that is rightly explained gains its answer early in the one and loses it early in the
other. The area between both curves, as a share of the range that the explained number goes through,
is the faithfulness: 1 if the first part shown is all it takes, 0 for chance, negative if the order
is the wrong way round.

Source: Samek, Binder, Montavon, Bach & Müller 2015, arXiv:1509.06321 (covering in the order of an
explanation, against random orders); Petsiuk, Das & Saenko 2018, arXiv:1806.07421 (insertion and
deletion).
Departs: the curves run over the share of the example that is shown, not over the count of parts,
so that an explainer gains nothing from large parts. They are divided by the range of the number
over all that was shown, not by f(x) - f(blank): where reasons for and against cancel that change is
near zero, and log-odds of what a network never saw in training go beyond both ends. Where every
part adds to the answer, both are the same; always the value lies in [-1, 1], and the sign of the
change does not matter. No random order needs to be subtracted: deletion in one order is insertion
in the reverse one, so that an order and its reverse score opposite values, chance is exactly 0, and
only its spread has to be measured.

Letters: P parts, S steps of a curve, M coverings, R blanks.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._evidence import Faithfulness

_ORDERS = 8  # drawn at random; each stands for its reverse, too
_STEPS = 12  # of the curve of the explanation and of the detector
_COARSE = 5  # of the curves of random orders, of which only the spread is needed
_NOISE = 0.05  # of the root mean square of what covering changes in x
_STREAM = 7919  # keeps random orders apart from what an explainer draws by the same seed


def measure(
    subject: Subject,
    case: Case,
    shares: Float[Tensor, " P"],
    explainer: Explainer,
    *,
    thorough: bool = True,
) -> Faithfulness:
    """Measure how well shares foretell what the network does when parts are shown or covered.

    The interval says what luck can do: 95 of 100 random orders of the same parts score within
    `high - value` of 0, by the t distribution with one degree of freedom for each random order.
    If `low` is above 0, fewer than one random order in forty does as well. Few parts, or one part
    that decides alone, leave much to luck; then `low` is below 0 for the best of explanations, and
    only many examples together (`_choosing.trust`) can tell a method from chance.

    Checks:

    * "chance_sd": standard deviation of what random orders score.
    * "detector": the value less that of ordering parts by how much x differs from the blank there
      (contrast, edges), which does not look at the network.
    * "foretold": correlation of the sum of the shares shown with the explained number over random
      coverings, among those that show about as much.
    * "gap": what the shares miss of the change that they claim to sum up to, as a share of it; 0
      for explainers that claim no sum.
    * "stability": correlation with the shares of the same example under small noise on its
      continuous numbers. Not of ranks: among parts that do not matter ranks are noise. Missing if
      there are no continuous numbers, or not asked for.
    * "concentration": how unequal the shares are, from 1 / P (all alike) to 1 (one part).
    * "change": what covering everything takes away from the number, in its unit.
    * "range": between the highest and the lowest number seen, in its unit.
    * "effect": the range in nats, or in standard deviations of a target that is a number.
    * "towards": the change as a share of the range; negative if a blank speaks more for the
      answer given than the example does.

    Costs about 115 answers and, if thorough, one more explanation.

    Args:
        subject: what is explained.
        case: the example.
        shares: of the explanation, finite.
        explainer: that gave them.
        thorough: explain the example once more under noise.
    """
    shares = shares.detach().cpu().float().nan_to_num(0.0, 0.0, 0.0)
    walks = _walked(subject, case, _curves(subject, case, shares))
    size = _size(subject, case, walks)
    value, detected, *chance = [walk.gained() / (size["range"] or 1.0) for walk in walks]
    if bool(shares.max() == shares.min()):
        value = 0.0  # says nothing, whatever order the parts happen to be in
    spread = math.sqrt(sum(each**2 for each in chance) / len(chance))
    luck = min(t_quantile(len(chance)) * spread, 1.0)
    checks = {
        "chance_sd": spread,
        "detector": value - detected,
        "foretold": _foretold(shares, walks[2:]),
        "gap": _gap(subject, case, shares) if explainer.sums else 0.0,
        "concentration": _concentration(shares),
        **size,
    }
    if thorough:
        checks |= _stability(subject, case, shares, explainer)
    low, high = max(value - luck, -1.0), min(value + luck, 1.0)
    return Faithfulness(value=value, low=low, high=high, checks=checks)


def t_quantile(freedom: int) -> float:
    """Give the 97.5 % quantile of Student's t, to 1 % from 2 degrees of freedom on.

    Source: Fisher & Cornish 1960, "The percentile points of distributions having known cumulants",
    Technometrics 2: the expansion around the normal quantile.
    """
    if freedom < 2:
        return 12.706
    z, each = 1.959964, 1 / freedom
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    fourth = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + first * each + second * each**2 + third * each**3 + fourth * each**4


def correlation(one: Tensor, other: Tensor) -> float:
    """Give Pearson's correlation; 0 where one of them does not vary."""
    one, other = one.double() - one.double().mean(), other.double() - other.double().mean()
    size = float(one.norm() * other.norm())
    return max(-1.0, min(float(one @ other) / size, 1.0)) if size > 1e-12 else 0.0


def ranks(numbers: Float[Tensor, " P"]) -> Float[Tensor, " P"]:
    """Rank from 0, ties by their mean."""
    below = (numbers[None] < numbers[:, None]).sum(dim=1)
    alike = (numbers[None] == numbers[:, None]).sum(dim=1)
    return below + (alike - 1) / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class _Curve:
    """Which parts are shown at each step of one order; the others are, when it is covered."""

    areas: Float[Tensor, " S"]
    shown: Bool[Tensor, "S P"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Walk:
    """The explained number along one order: with its first parts shown, and with them covered."""

    curve: _Curve
    shown: Float[Tensor, " S"]
    covered: Float[Tensor, " S"]

    def gained(self) -> float:
        """Give insertion less deletion: the mean over areas, in the unit of the number."""
        return float(torch.trapezoid(self.shown - self.covered, self.curve.areas.double()))

    def coverings(self) -> tuple[Tensor, Tensor, Tensor]:
        """Give which parts each covering shows, how much that is in all, and the number then."""
        areas = self.curve.areas
        return (
            torch.cat([self.curve.shown, ~self.curve.shown]).float(),
            torch.cat([areas, 1 - areas]),
            torch.cat([self.shown, self.covered]),
        )


def _curves(subject: Subject, case: Case, shares: Tensor) -> list[_Curve]:
    """Give the curve of the shares, that of the detector, and those of random orders."""
    sizes = case.gathered(torch.ones_like(case.x, dtype=torch.float32))
    generator = torch.Generator().manual_seed(case.seed + _STREAM)
    detected = _detected(subject, case) / sizes.clamp(min=1.0)
    luck = [torch.randperm(len(sizes), generator=generator) for _ in range(_ORDERS)]
    return [
        _curve(_falling(shares, generator), sizes, _STEPS),
        _curve(_falling(detected, generator), sizes, _STEPS),
        *(_curve(order, sizes, _COARSE) for order in luck),
    ]


def _falling(shares: Tensor, generator: torch.Generator) -> Int[Tensor, " P"]:
    """Order parts by falling share; ties fall as chance has it, not by their place."""
    drawn = torch.randperm(len(shares), generator=generator)
    return drawn[torch.argsort(shares[drawn], descending=True, stable=True)]


def _curve(order: Int[Tensor, " P"], sizes: Float[Tensor, " P"], steps: int) -> _Curve:
    """Choose the steps: close at both ends, where good orders are steep, and symmetric."""
    reached = torch.cat([sizes.new_zeros(1), sizes[order].cumsum(0)]) / sizes.sum()
    wanted = (torch.arange(1, steps) * (math.pi / 2 / steps)).sin().square()
    nearest = (reached - wanted[:, None]).abs().argmin(dim=1)
    counts = torch.cat([nearest.new_tensor([0, len(order)]), nearest]).unique()
    ranked = torch.empty_like(order)
    ranked[order] = torch.arange(len(order))
    return _Curve(areas=reached[counts], shown=ranked < counts[:, None])


def _detected(subject: Subject, case: Case) -> Float[Tensor, " P"]:
    """Give how much x differs from its blank in each part, whatever the network makes of it."""
    differs = (case.x.float() - case.blanks.float()).square()
    coded = ~_continuous(subject, case)
    differs = torch.where(coded, (case.x != case.blanks).float(), differs)
    return case.gathered(differs.mean(dim=0))


def _continuous(subject: Subject, case: Case) -> Bool[Tensor, "..."]:
    """Tell which numbers of x measure something; codes of categories do not."""
    codes = torch.tensor(subject.schema.cardinalities or (0,), device=case.x.device)
    measured = codes == 0 if case.x.is_floating_point() else torch.zeros_like(codes).bool()
    return measured.expand_as(case.x)


def _walked(subject: Subject, case: Case, curves: Sequence[_Curve]) -> list[_Walk]:
    """Answer all coverings in one call, each of them once."""
    rows = torch.cat([side for curve in curves for side in (curve.shown, ~curve.shown)])
    different, which = rows.byte().unique(dim=0, return_inverse=True)
    numbers = subject.shown(case, different.bool()).double()
    if not bool(numbers.isfinite().all()):
        numbers = torch.zeros_like(numbers)  # nothing can be foretold of such a network
    sides = iter(numbers[which].split([len(each.shown) for each in curves for _ in range(2)]))
    return [_Walk(curve=each, shown=next(sides), covered=next(sides)) for each in curves]


def _foretold(shares: Tensor, walks: Sequence[_Walk]) -> float:
    """Correlate sums of shares with the number, among coverings that show about as much."""
    each = [walk.coverings() for walk in walks]
    shown, areas, numbers = (torch.cat(column) for column in zip(*each, strict=True))
    alike = (10 * areas).round()
    alike = (alike[None] == alike[:, None]).double()
    alike = alike / alike.sum(dim=1, keepdim=True)
    sums = (shown @ shares).double()
    return correlation(sums - alike @ sums, numbers - alike @ numbers)


def _gap(subject: Subject, case: Case, shares: Tensor) -> float:
    ends = torch.tensor([[False], [True]]).expand(2, len(shares))
    blank, whole = subject.shown(case, ends, exact=True).double().tolist()
    missed = abs(float(shares.double().sum()) - (whole - blank))
    return missed / max(abs(whole - blank), 1e-9) if math.isfinite(missed) else 1.0


def _concentration(shares: Tensor) -> float:
    size = float(shares.abs().sum())
    return float((shares / size).square().sum()) if size > 0 else 1 / len(shares)


def _size(subject: Subject, case: Case, walks: Sequence[_Walk]) -> dict[str, float]:
    numbers = torch.cat([side for walk in walks for side in (walk.shown, walk.covered)])
    span = float(numbers.max() - numbers.min())
    change = float(walks[0].covered[0] - walks[0].shown[0])
    towards = change / (span or 1.0)
    return {
        "change": change,
        "range": span,
        "effect": span / _scale(subject, case),
        "towards": towards if _is_given_class(subject, case) else abs(towards),
    }


def _scale(subject: Subject, case: Case) -> float:
    """Give the standard deviation of what is explained; 1 where that is nats."""
    schema = subject.schema
    count = len(schema.scales)
    if not schema.ahead or case.which >= count:
        return schema.scale
    # A series that is scaled by itself tells its size in the last channels of x.
    own = float(case.x[-1, case.which - count].exp()) if schema.own_scale else 1.0
    return schema.scales[case.which] * own


def _is_given_class(subject: Subject, case: Case) -> bool:
    """Tell whether the example should speak for this answer: it was given, and others were not.

    For a number, less than the blank has is an answer like any other.
    """
    outputs = subject.asked(case.x[None])
    rival = int(subject.task.rivals(outputs)[0])
    return rival >= 0 and int(subject.task.chosen(outputs)[0]) == case.which


def _stability(
    subject: Subject, case: Case, shares: Tensor, explainer: Explainer
) -> dict[str, float]:
    measured = _continuous(subject, case) & (case.of >= 0).expand_as(case.x)
    if not bool(measured.any()):
        return {}
    differs = (case.x - case.blanks)[:, measured]
    generator = torch.Generator().manual_seed(case.seed + _STREAM)
    noise = torch.randn(case.x.shape, generator=generator).to(case.x.device)
    noise = noise * measured * (_NOISE * differs.square().mean().sqrt())
    again = explainer.shares(subject, dataclasses.replace(case, x=case.x + noise))
    return {"stability": correlation(shares, again.detach().cpu().nan_to_num(0.0, 0.0, 0.0))}
