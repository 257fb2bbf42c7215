"""Convolution and long short-term memory that look back: for words as they come.

Idea: what was said so far is remembered, so each step costs the same however long one has listened;
a third of a second of what comes next is waited for, since a letter is heard in what follows it.

Source: Amodei et al. 2015, "Deep Speech 2", arXiv:1512.02595, section 3.7 (row convolution: a few
steps of the future, each number by itself).
Departs: the memory is an LSTM; the spectrogram keeps its level, since the loudest part of a
recording may still be to come.

Letters: B batch, T samples, S steps of 40 ms, W width, F frames, K outputs.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._frames import Front, Saying
from pellucid.networks.rnn import Layers
from pellucid.registry import network

SIZES = ((2, 192), (3, 320), (4, 448))  # layers, and units
_AHEAD = 8  # steps of 40 ms


class Glance(nn.Module):
    """Add a few steps of the future to each step, each number weighed by itself.

    Args:
        width: W.
        steps: how many.
    """

    def __init__(self, width: int, steps: int) -> None:
        super().__init__()
        weight = torch.zeros(steps + 1, width)
        weight[0] = 1.0
        self.weight = nn.Parameter(weight)

    def forward(self, h: Float[Tensor, "B S W"]) -> Float[Tensor, "B S W"]:
        steps = len(self.weight)
        ahead = F.pad(h, (0, 0, 0, steps - 1))
        weight = self.weight.T[:, None].to(h.dtype)
        return F.conv1d(ahead.transpose(1, 2), weight, groups=h.shape[2]).transpose(1, 2)


class Listener(nn.Module):
    """Says what was said, frame by frame, a third of a second after it was.

    Args:
        front: from sound to steps.
        layers: the memory.
        outputs: K.

    Attributes:
        waits: seconds of sound behind a frame that it may depend on.
    """

    half_width = True

    def __init__(self, front: Front, layers: Layers, outputs: int) -> None:
        super().__init__()
        self.front = front
        self.layers = layers
        self.glance = Glance(layers.width, _AHEAD)
        self.say = Saying(layers.width, outputs)
        self.waits = (_AHEAD + 1) * 0.04

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B F K"]:
        steps, count = self.front(x)
        heard, _ = self.layers(steps, None, count)
        return self.say(F.relu(self.glance(heard)), count)


@network("listener", takes=["audio"])
@recipe(
    Recipe(
        sizes=len(SIZES),
        passes=10.0,
        batch=16,
        rate=1e-3,
        muon=0.05,
        decay=0.02,
        clip=1.0,
        contender=False,  # who hears all of it hears better
        says=True,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> Listener:
    """Widen and deepen: from two layers of 192 units to four of 448."""
    count, units = SIZES[size - 1]
    front = Front(schema.rate, units, causal=True)
    return Listener(front, Layers("lstm", units, units, layers=count, dropout=0.3), outputs)
