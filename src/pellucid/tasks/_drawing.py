"""Drawing what comes next from what a network expects.

Idea: a chance between 0 and 1 picks the code at which the summed probabilities pass it. Chances
come from outside, one for each row, so that what is drawn for one does not depend on the others.

Source: Holtzman, Buys, Du, Forbes & Choi 2020, "The curious case of neural text degeneration",
arXiv:1904.09751, section 3.1 (nucleus sampling).

Letters: B rows, V codes.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pellucid.errors import BadInputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawing:
    """How freely what comes next is drawn.

    Args:
        temperature: divides the log-odds: 1 draws as the network expects, less is more cautious,
            0 takes the likeliest each time.
        top_k: draw among so many likeliest codes; None for all.
        top_p: draw among the likeliest codes that hold this probability together; None for all.

    Raises:
        BadInputError: if one of them makes no sense.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise BadInputError(
                given=f"temperature {self.temperature:g}",
                needed="a number from 0 up",
                remedy="0.8 is cautious, 1 draws as the network expects, 0 takes the likeliest",
            )
        if self.top_k is not None and self.top_k < 1:
            raise BadInputError(
                given=f"top-k {self.top_k}",
                needed="a whole number from 1 up",
                remedy="leave it out to draw among all",
            )
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise BadInputError(
                given=f"top-p {self.top_p:g}",
                needed="a probability above 0 and at most 1",
                remedy="0.9 leaves out the unlikely tenth; leave it out to draw among all",
            )


def drawn(
    logits: Float[Tensor, "B V"], chances: Float[Tensor, " B"], how: Drawing
) -> Int[Tensor, " B"]:
    """Draw a code for each row.

    Args:
        logits: of the codes; those that are -infinity are never drawn.
        chances: from 0 to 1, one for each row.
        how: how freely.
    """
    if how.temperature == 0:
        return logits.argmax(dim=1)
    logits = logits.double() / how.temperature
    if how.top_k is None and how.top_p is None:
        return _picked(logits.softmax(dim=1), chances)
    ordered, codes = logits.sort(dim=1, descending=True, stable=True)
    kept = ordered[:, : how.top_k].softmax(dim=1)
    if how.top_p is not None:
        before = kept.cumsum(dim=1) - kept
        kept = kept.masked_fill(before >= how.top_p, 0.0)
    return codes.gather(1, _picked(kept, chances)[:, None])[:, 0]


def _picked(weights: Float[Tensor, "B V"], chances: Tensor) -> Int[Tensor, " B"]:
    sums = weights.cumsum(dim=1)
    wanted = (chances.to(sums) * sums[:, -1])[:, None].contiguous()
    places = torch.searchsorted(sums, wanted, right=True)[:, 0]
    # A chance of almost 1 may round up to the sum; the last code that can be drawn has it.
    last = (sums < sums[:, -1:]).sum(dim=1)
    return torch.minimum(places, last)
