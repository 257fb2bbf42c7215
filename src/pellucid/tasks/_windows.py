"""A long recording is heard in windows that overlap, in memory that does not grow with it.

Idea: what is said in the middle of a window does not depend on what lies far outside, so the
outputs of middles stand side by side as if all had been heard at once.

Letters: B batch, T samples, F frames, K outputs.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks import FRAME

_LEAST, _MOST = 10.0, 40.0  # seconds of a window
_EDGE = 2.0  # seconds at each end of a window that only help to understand its middle


def window(longest: float) -> float:
    """Choose how many seconds are heard at once: not much more than while learning.

    Args:
        longest: recording that was learned from, s.
    """
    return min(max(1.5 * longest, _LEAST), _MOST)


def heard(
    network: nn.Module, x: Float[Tensor, "B T"], *, rate: float, longest: float
) -> Float[Tensor, "B F K"]:
    """Give the outputs for recordings of any length.

    Args:
        network: that answers frame by frame.
        x: samples.
        rate: of them, Hz.
        longest: recording that was learned from, s.
    """
    whole = window(longest)
    if x.shape[1] <= whole * rate:
        return network(x)
    frame = round(FRAME * rate) * 2  # where steps of networks begin
    edge, width = round(_EDGE * rate / frame) * frame, round(whole * rate / frame) * frame
    found = []
    for start in range(0, x.shape[1], width - 2 * edge):
        left = max(0, start - edge)
        part = x[:, left : start + width - edge]
        inside = slice(2 * (start - left) // frame, 2 * (start + width - 2 * edge - left) // frame)
        found.append(network(part)[:, inside])
    return torch.cat(found, dim=1)
