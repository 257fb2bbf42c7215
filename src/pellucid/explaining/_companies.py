"""Shares from a sample of coverings: what the Shapley methods have in common.

Letters: M coverings, P parts, R blanks.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pellucid.explaining import Case, Subject


def sampled(
    subject: Subject, case: Case, *, count: int, evening: float = 0.0
) -> Float[Tensor, " P"]:
    """Give the weighted sum of parts that foretells best what coverings do to the number explained.

    The shares sum up to the change, whatever the sample.

    Args:
        subject: what is explained.
        case: the example, of two parts at least.
        count: M, of the coverings that are asked for, in pairs of complements.
        evening: how strongly shares are drawn to being even, as a multiple of what the sample says
            of one part: less than the truth is better than chance where the sample is small.
    """
    parts, several, pairs = len(case.parts), len(case.blanks), max(1, count // 2)
    half = _companies(parts, pairs, torch.Generator().manual_seed(case.seed))
    shown = torch.cat([half, ~half])
    blank = (torch.arange(pairs) % several).repeat(2)
    ends = torch.zeros(several + 1, parts, dtype=torch.bool)
    ends[0] = True
    numbers = _asked(
        subject,
        case,
        torch.cat([ends, shown]),
        torch.cat([torch.zeros(1, dtype=torch.int64), torch.arange(several), blank]),
    )
    whole, nothing, found = numbers[0], numbers[1 : several + 1], numbers[several + 1 :]
    size = shown.sum(dim=1)
    even = size / parts  # of the change: what parts that are all alike would add
    beyond = found - nothing[blank] - even * (whole - nothing[blank])
    weight = 1 / (size * (parts - size))
    uneven = _fitted(shown.double() - even[:, None], beyond, weight, evening)
    return (uneven + (whole - nothing.mean()) / parts).float()


def _companies(parts: int, pairs: int, random: torch.Generator) -> Bool[Tensor, "M P"]:
    """Draw companies of all sizes up to half of the parts; of each size, every part is in as many.

    Companies of one size are cut one after the other from random orders of the parts.
    """
    sizes = 1 + torch.arange(pairs) * (parts // 2) // pairs
    first = sizes.cumsum(dim=0) - sizes
    orders = int(first[-1]) // parts + 1
    place = torch.rand(orders, parts, generator=random).argsort(dim=1)[first // parts]
    return (place - first[:, None]) % parts < sizes[:, None]


def _asked(
    subject: Subject, case: Case, shown: Bool[Tensor, "M P"], blank: Int[Tensor, " M"]
) -> Float[Tensor, " M"]:
    """Give the number explained for each covering, asking for equal ones once."""
    rows = torch.cat([shown, blank[:, None]], dim=1)
    unique, places = rows.unique(dim=0, return_inverse=True)
    numbers = subject.shown(case, unique[:, :-1].bool(), blank=unique[:, -1])
    return numbers.double()[places]


def _fitted(
    features: Float[Tensor, "M P"],
    target: Float[Tensor, " M"],
    weight: Float[Tensor, " M"],
    evening: float,
) -> Float[Tensor, " P"]:
    """Give the weighted least squares whose terms sum up to zero."""
    weighted = features * weight[:, None]
    # Rows sum up to zero, so that a constant is left open; the ones set it to zero.
    square = features.T @ weighted
    drawn = evening * square.diagonal().mean() * torch.eye(len(square))
    square = square + drawn + torch.ones_like(square)
    moment = weighted.T @ target
    if evening:
        terms = torch.linalg.solve(square, moment)
    else:  # there may be fewer coverings than parts
        terms = torch.linalg.lstsq(square, moment, driver="gelsd").solution
    return terms - terms.mean()
