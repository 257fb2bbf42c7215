"""Layers for clips: convolutions over the places of each frame, and over time at each place.

Idea: a batch of clips lies in memory with its channels side by side, so that all frames, and all
places of them, are pictures to a convolution in two dimensions without a copy. What is fast for
pictures is fast for clips.

Source: Tran, Wang, Torresani, Ray, LeCun & Paluri 2018, "A closer look at spatiotemporal
convolutions for action recognition", arXiv:1711.11248 (convolutions over places and over time
apart).

Letters: B batch, C D channels, T frames, H height, W width.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

GROWTH = (1, 2, 4, 6, 8)  # width of each stage, in widths of the first
_FASTER = 3.0  # change from frame to frame is so much smaller than what is seen


class Framewise(nn.Conv2d):
    """A convolution over the places of each frame."""

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B D T h w"]:
        return frames_apart(super().forward(frames(x)), x)


class Timewise(nn.Conv2d):
    """A convolution over time at each place.

    Args:
        channels: in.
        outputs: out.
        reach: frames that it sees.
    """

    def __init__(self, channels: int, outputs: int, reach: int = 3) -> None:
        super().__init__(channels, outputs, (reach, 1), padding=(reach // 2, 0), bias=False)

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B D T H W"]:
        return super().forward(x.flatten(3)).unflatten(3, x.shape[3:])


class Norm(nn.BatchNorm2d):
    """Normalise each channel over clips, frames and places."""

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B C T H W"]:
        return super().forward(x.flatten(3)).unflatten(3, x.shape[3:])


class Halve(nn.Module):
    """Keep the largest of each 2 × 2 places of each frame."""

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B C T h w"]:
        return frames_apart(F.max_pool2d(frames(x), 2), x)


class HalveTime(nn.Module):
    """Average each two frames that follow one another; the last of an odd number stays alone."""

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B C t H W"]:
        mean = F.avg_pool2d(x.flatten(3), (2, 1), ceil_mode=True, count_include_pad=False)
        return mean.unflatten(3, x.shape[3:])


class Block(nn.Module):
    """What is added to what came in: two convolutions over places, or one over each of both.

    Args:
        channels: in and out.
        over_time: whether the second is over time.
    """

    def __init__(self, channels: int, *, over_time: bool) -> None:
        super().__init__()
        self.correction = nn.Sequential(
            *unit(Framewise(channels, channels, 3, padding=1, bias=False)),
            *unit(
                Timewise(channels, channels)
                if over_time
                else Framewise(channels, channels, 3, padding=1, bias=False)
            ),
        )

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B C T H W"]:
        return x + self.correction(x)


class Change(nn.Module):
    """Add to each frame how it differs from the one before; the first differs in nothing."""

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B D T H W"]:
        before = torch.cat([x[:, :, :1], x[:, :, :-1]], dim=2)
        return torch.cat([x, _FASTER * (x - before)], dim=1)


def unit(convolution: Framewise | Timewise, *between: nn.Module) -> list[nn.Module]:
    """Give a convolution, what comes between, a normalisation and a nonlinearity."""
    return [convolution, *between, Norm(convolution.out_channels), nn.GELU()]


def stem(channels: int, width: int) -> list[nn.Module]:
    """Give a first convolution, which halves the frames."""
    return unit(Framewise(channels, width, 4, stride=2, padding=1, bias=False))


def widths_of(schema: Schema, width: int) -> list[int]:
    """Give the channels of each stage: as many halvings as bring a frame to three or four pixels.

    Args:
        schema: of the clips.
        width: of the first stage.
    """
    side = min(schema.shape[2:])
    halvings = max(1, min(len(GROWTH), round(math.log2(max(8, side) / 4))))
    return [width * growth for growth in GROWTH[:halvings]]


def stages(widths: Sequence[int], depth: int) -> list[nn.Module]:
    """Give stages that look at each frame by itself; each after the first halves it.

    Args:
        widths: channels of each stage.
        depth: blocks in each stage.
    """
    layers: list[nn.Module] = []
    width = widths[0]
    for stage, wider in enumerate(widths):
        if stage > 0:
            layers += unit(Framewise(width, wider, 3, padding=1, bias=False), Halve())
            width = wider
        layers += [Block(width, over_time=False) for _ in range(depth)]
    return layers


def frames(x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "F C H W"]:
    """Give all frames of all clips as pictures."""
    flat = x.transpose(1, 2).flatten(0, 1)
    return flat.contiguous(memory_format=torch.channels_last)


def frames_apart(flat: Float[Tensor, "F D h w"], x: Tensor) -> Float[Tensor, "B D T h w"]:
    """Give pictures as the frames of the clips that they were."""
    return flat.unflatten(0, (-1, x.shape[2])).transpose(1, 2)
