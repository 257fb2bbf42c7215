"""Convolutions on a spectrogram, for recordings with a class.

Idea: what a sound is shows in a picture of time and pitch, so a network of pictures can hear. A
pattern means the same wherever in time it lies, and nearly so a little higher or lower, but not in
another octave: what was found is gathered over time alone, for each of a few bands by itself.

Source: Sainath & Parada 2015, "Convolutional neural networks for small-footprint keyword spotting"
(convolutions on log-mel features); He, Zhang, Ren & Sun 2016, arXiv:1512.03385 (blocks that
correct); Park et al. 2019, "SpecAugment", arXiv:1904.08779 (masks).
Departs: every layer knows where a recording ends, so that an answer does not depend on what it
shares a batch with; both the mean and the maximum over time are kept; bands are moved as another
throat would move them while training.

Letters: B batch, T samples, C D channels, M bands, F frames, K outputs.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._spectrogram import LogMel, within
from pellucid.registry import network

BANDS = 64
_FEWEST = 16  # frames that a recording is taken to have at least
_WIDTHS = ((16, 32, 48, 64), (32, 64, 96, 128), (48, 96, 144, 192), (64, 128, 192, 256))  # by size
_DEPTHS = ((1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1), (2, 2, 2, 2))  # blocks a stage, by size
_DROPPED = 0.2  # share of what is gathered that is left out while training


class Unit(nn.Module):
    """A 3x3 convolution, a pooling if that is wanted, normalisation, and 0 behind the end.

    Args:
        channels: in.
        outputs: out.
        pool: of bands and of frames; 1 for none.
    """

    def __init__(self, channels: int, outputs: int, pool: tuple[int, int] = (1, 1)) -> None:
        super().__init__()
        self.convolve = nn.Conv2d(channels, outputs, 3, padding=1, bias=False)
        self.pool = pool
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, h: Float[Tensor, "B C M F"], there: Tensor) -> Float[Tensor, "B D m f"]:
        h = self.convolve(h)
        if self.pool != (1, 1):
            h = F.max_pool2d(h, self.pool)
        return F.relu(self.norm(h)) * there


class Block(nn.Module):
    """Two units, added to what came in.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Unit(channels, channels), Unit(channels, channels)

    def forward(self, h: Float[Tensor, "B C M F"], there: Tensor) -> Float[Tensor, "B C M F"]:
        return h + self.second(self.first(h, there), there)


class SoundNet(nn.Module):
    """A spectrogram, stages of blocks, and what they found over time.

    Args:
        front: makes the spectrogram.
        outputs: numbers per example that the task asks for.
        widths: channels of each stage; the first two stages halve time, all halve pitch.
        depths: blocks in each stage.
    """

    def __init__(
        self, front: LogMel, outputs: int, *, widths: Sequence[int], depths: Sequence[int]
    ) -> None:
        super().__init__()
        self.front = front
        self.bands = nn.BatchNorm1d(front.bands)
        self.stem = nn.Conv2d(1, widths[0], 4, stride=2, padding=1, bias=False)
        self.start = nn.BatchNorm2d(widths[0])
        self.stages = nn.ModuleList()
        width = widths[0]
        for stage, (wider, depth) in enumerate(zip(widths, depths, strict=True)):
            if stage:
                self.stages.append(Unit(width, wider, (2, 2 if stage < 3 else 1)))
                width = wider
            self.stages.extend(Block(width) for _ in range(depth))
        left = front.bands // 2 ** len(widths)
        self.gather = nn.Conv2d(width, width, (left, 1), bias=False)
        self.gathered = nn.BatchNorm2d(width)
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        h, frames = self.features(x)
        there = within(frames, h.shape[2])[:, None].to(h.dtype)
        mean = (h * there).sum(dim=2) / frames[:, None].to(h.dtype)
        most = h.masked_fill(there == 0, -torch.inf).amax(dim=2)
        found = torch.cat([mean, most], dim=1)
        return self.head(F.dropout(found, _DROPPED, self.training))

    def features(
        self, x: Float[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B C F"], Int64[Tensor, " B"]]:
        """Give what is found at each step of time, and how many steps each recording has."""
        loud, frames = self.front(x)
        short = _FEWEST - loud.shape[2]
        loud, frames = F.pad(self.bands(loud), (0, max(0, short))), frames.clamp(min=_FEWEST)
        h = loud * within(frames, loud.shape[2])[:, None]
        frames = frames // 2
        h = self.stem(h[:, None].contiguous(memory_format=torch.channels_last))
        h = F.relu(self.start(h)) * _where(frames, h.shape[3], h)
        for unit in self.stages:
            if isinstance(unit, Unit):
                frames = frames // unit.pool[1]
                h = unit(h, _where(frames, h.shape[3] // unit.pool[1], h))
            else:
                h = unit(h, _where(frames, h.shape[3], h))
        h = F.relu(self.gathered(self.gather(h)))
        return h.squeeze(2), frames


def _where(frames: Int64[Tensor, " B"], count: int, like: Tensor) -> Float[Tensor, "B 1 1 count"]:
    return within(frames, count)[:, None, None].to(like.dtype)


@network("soundnet", takes=["audio"])
@recipe(
    Recipe(
        sizes=len(_WIDTHS),
        passes=6.0,
        most=1.0,
        batch=64,
        rate=0.004,
        muon=0.04,
        smoothing=0.1,
        decay=0.02,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> SoundNet:
    """Each size is wider than the one before, the fourth deeper too."""
    front = LogMel(schema.rate, bands=BANDS, warp=0.12, masks=(1, 1))
    return SoundNet(front, outputs, widths=_WIDTHS[size - 1], depths=_DEPTHS[size - 1])
