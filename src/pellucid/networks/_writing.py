"""Texts drawn from a network that tells what comes next, many side by side.

Idea: chances come from outside, so that the same ones draw the same text, and two networks, or two
temperatures, can be compared on the same luck. A text that is at its end costs nothing more.

Letters: B texts, M tokens of a text at most, V codes, N places, K draws.
"""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

END = 1  # code of the end of a text; 0 is nothing


@torch.no_grad()
def written(
    network: nn.Module,
    first: Float[Tensor, " B"],
    chances: Float[Tensor, "B M"],
    *,
    temperature: float = 1.0,
) -> Float[Tensor, "B M"]:
    """Write texts; 0 stands behind the end of a shorter one.

    Args:
        network: offers `step`; is used as it is, in training mode or not.
        first: the code that each text begins with.
        chances: from 0 to 1; the first column is not used.
        temperature: divides the log-odds.
    """
    writer: Any = network
    texts = torch.zeros_like(chances, dtype=torch.float32)
    texts[:, 0] = first
    rows = torch.arange(len(first), device=first.device)
    code, state = first.float(), None
    with torch.autocast(first.device.type, enabled=False):
        for place in range(1, chances.shape[1]):
            outputs, state = writer.step(code, state)
            drawn = picked(outputs.float() / temperature, chances[rows, place, None])
            code = drawn[:, 0].float()
            texts[rows, place] = code
            on = code != END
            if not on.all():
                rows, code = rows[on], code[on]
                state = tuple(some[on] for some in state)
            if not len(rows):
                break
    return texts


def picked(logits: Float[Tensor, "N V"], chances: Float[Tensor, "N K"]) -> Int64[Tensor, "N K"]:
    """Draw codes; never 0, which is nothing."""
    sums = logits[:, 1:].softmax(dim=1).cumsum(dim=1)
    found = torch.searchsorted(sums, chances.to(sums) * sums[:, -1:], right=True)
    return found.clamp(max=sums.shape[1] - 1) + 1
