"""Convolution and attention by turns, for what was said.

Idea: what a sound is depends on its neighbours, which a convolution hears, and on what was said
elsewhere, which attention finds; each block does both between two halves of a perceptron.

Source: Gulati et al. 2020, "Conformer: convolution-augmented transformer for speech recognition",
arXiv:2005.08100, section 2.
Departs: positions turn questions and keys, in a window (as in `transformer`), where theirs are
added to what is compared; a layer norm stands in the convolution module, since batches of speech
are padded.

Letters: B batch, T samples, S steps, D width, F frames, K outputs.
"""

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._frames import Front, Saying
from pellucid.networks._spectrogram import within
from pellucid.networks.transformer import Attention
from pellucid.registry import network

SIZES = ((4, 128), (8, 192), (12, 256))  # blocks, and width
_KERNEL = 15  # steps that a convolution hears
_CONTEXT = 128  # steps that attention reaches on either side
_HEAD = 64
_DROPOUT = 0.15


class Half(nn.Sequential):
    """A perceptron, half of which is added.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.SiLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(4 * width, width),
            nn.Dropout(_DROPOUT),
        )


class Neighbours(nn.Module):
    """A convolution over steps, each number by itself, between two that mix numbers.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.gate = nn.Linear(width, 2 * width)
        self.near = nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(
        self, h: Float[Tensor, "B S D"], there: Bool[Tensor, "B S"]
    ) -> Float[Tensor, "B S D"]:
        h = F.glu(self.gate(self.before(h)), dim=2) * there[:, :, None]
        h = self.near(h.transpose(1, 2)).transpose(1, 2)
        return self.drop(self.mix(F.silu(self.norm(h))))


class Block(nn.Module):
    """Half a perceptron, attention, convolution, the other half.

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = Half(width), Half(width)
        self.norm = nn.LayerNorm(width)
        self.attention = Attention(width, width // _HEAD, context=_CONTEXT, causal=False)
        self.neighbours = Neighbours(width)
        self.end = nn.LayerNorm(width)
        self.drop = nn.Dropout(_DROPOUT)

    def forward(
        self, h: Float[Tensor, "B S D"], there: Bool[Tensor, "B S"]
    ) -> Float[Tensor, "B S D"]:
        h = h + 0.5 * self.first(h)
        found, _ = self.attention(self.norm(h), there, None)
        h = h + self.drop(found)
        h = h + self.neighbours(h, there)
        return self.end(h + 0.5 * self.last(h))


class Conformer(nn.Module):
    """Says what was said, frame by frame, having heard all of it.

    Args:
        front: from sound to steps.
        width: D.
        depth: blocks.
        outputs: K.
    """

    half_width = True

    def __init__(self, front: Front, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.front = front
        self.drop = nn.Dropout(_DROPOUT)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.say = Saying(width, outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B F K"]:
        h, count = self.front(x)
        there = within(count, h.shape[1]) > 0
        h = self.drop(h)
        for block in self.blocks:
            h = block(h, there)
        return self.say(h, count)


@network("conformer", takes=["audio"])
@recipe(
    Recipe(
        sizes=len(SIZES),
        passes=12.0,
        batch=16,
        rate=1e-3,
        muon=0.02,
        decay=0.02,
        clip=1.0,
        contender=False,  # not measured to be better than `bilstm` on an hour of speech
        says=True,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> Conformer:
    """Widen and deepen: from four blocks of 128 to twelve of 256."""
    depth, width = SIZES[size - 1]
    return Conformer(Front(schema.rate, width), width, depth, outputs)
