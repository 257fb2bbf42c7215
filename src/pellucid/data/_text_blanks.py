"""What a text looks like where words are covered.

Idea: a word that is not there is the plainest blank, and networks are made to pass over it; but a
text with holes is like none that was learned from, so a second blank fills the holes with words
that other texts have there.

Letters: B batch, T tokens, N other texts, R blanks.
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_OTHERS = 16


def blanks(x: Float[Tensor, "B T"], others: Float[Tensor, "N O"]) -> dict[str, Tensor]:
    """Give the ways of showing nothing, by name, each (R, B, T).

    Args:
        x: codes, 0 behind the end.
        others: texts of the training side; N may be 0.
    """
    found = {"nothing": x.new_zeros(1, *x.shape)}
    sizes = others.ne(0).sum(dim=1).cpu().numpy()
    usable = np.flatnonzero(sizes)
    if len(usable):
        count = min(_OTHERS, len(usable))
        chosen = usable[np.linspace(0, len(usable) - 1, count).round().astype(np.int64)]
        rows = [_repeated(others[place], x.shape[1]) for place in chosen.tolist()]
        filled = torch.stack(rows)[:, None].to(x).expand(-1, len(x), -1)
        found["others"] = torch.where(x.ne(0), filled, torch.zeros_like(x))
    return found


def _repeated(other: Float[Tensor, " O"], length: int) -> Float[Tensor, " T"]:
    """Bring a text to a length by reading it again from its start."""
    words = other[other.ne(0)]
    places = torch.arange(length, device=other.device) % len(words)
    return words[places]
