"""Convolutions on the wave itself, for recordings with a class.

Idea: a spectrogram throws the phase away and fixes the bands. Filters that are learned from the
wave keep what they need, at the price of more data: they must find out first what a tone is.

Source: Dai, Dai, Qu, Li & Das 2017, "Very deep convolutional neural networks for raw waveforms",
arXiv:1610.00087 (a long first filter with a large step, then filters of three).
Departs: filters begin as tones in a window, evenly over the mel scale, half a turn apart, and may
change from there; every layer knows where a recording ends.

Letters: B batch, T samples, C D channels, F frames, K outputs.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._spectrogram import ends, mels_between, within
from pellucid.registry import network

_WINDOW, _STEP = 0.016, 0.005  # s, of the first filters
_LOWEST = 60.0  # Hz
_WIDTHS = ((64, 96, 128, 192), (128, 192, 256, 384))  # by size
_QUIETEST = 1e-3  # of what a filter gives: below, its logarithm is nearly straight
_FEWEST = 32  # steps that a recording is taken to have at least
_DROPPED = 0.2  # share of what is gathered that is left out while training


class Filters(nn.Module):
    """How loud the wave is in filters that are learned.

    Args:
        rate: samples a second, Hz.
        count: of filters, half of them a quarter of a turn later than the others.
    """

    def __init__(self, rate: float, count: int) -> None:
        super().__init__()
        self.size, self.step = round(rate * _WINDOW) | 1, max(1, round(rate * _STEP))
        tones = mels_between(_LOWEST, 0.95 * rate / 2, count // 2)
        at = (torch.arange(self.size) - self.size // 2) / rate
        turns = 2 * math.pi * tones[:, None] * at
        window = torch.hann_window(self.size, periodic=False)
        first = torch.cat([turns.cos(), turns.sin()]) * window
        self.weight = nn.Parameter(first[:, None] / first.norm(dim=1)[:, None, None])

    def forward(self, x: Float[Tensor, "B T"]) -> tuple[Float[Tensor, "B C F"], Tensor]:
        """Give the loudness after each step, 0 behind the end, and how many steps there are."""
        counts = ends(x)
        level = (x.square().sum(dim=1) / counts.clamp(min=1)).sqrt().clamp(min=1e-5)
        around = (self.size // 2, max(self.size // 2, _FEWEST * self.step - x.shape[1]))
        h = F.conv1d(F.pad(x / level[:, None], around)[:, None], self.weight, stride=self.step)
        steps = (-(-counts // self.step)).clamp(min=_FEWEST)
        tones = self.weight.shape[0] // 2
        power = h[:, :tones].square() + h[:, tones:].square()
        return (power + _QUIETEST).log() * within(steps, h.shape[2])[:, None], steps


class RawNet(nn.Module):
    """Learned filters, then convolutions over time.

    Args:
        front: listens to the wave.
        outputs: numbers per example that the task asks for.
        widths: channels of each stage; each but the first halves time.
    """

    def __init__(self, front: Filters, outputs: int, *, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.front = front
        width = front.weight.shape[0] // 2
        self.norm = nn.BatchNorm1d(width)
        self.layers, self.norms = nn.ModuleList(), nn.ModuleList()
        for wider in widths:
            for _ in range(2):
                self.layers.append(nn.Conv1d(width, wider, 3, padding=1, bias=False))
                self.norms.append(nn.BatchNorm1d(wider))
                width = wider
        self.head = nn.Linear(2 * width, outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        h, steps = self.front(x)
        there = within(steps, h.shape[2])[:, None]
        h = self.norm(h) * there
        for place, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            h = layer(h)
            if place and place % 2 == 0:
                h, steps = F.max_pool1d(h, 2), steps // 2
                there = within(steps, h.shape[2])[:, None]
            h = F.gelu(norm(h)) * there
        mean = h.sum(dim=2) / steps[:, None]
        most = h.masked_fill(there == 0, -torch.inf).amax(dim=2)
        found = torch.cat([mean, most.to(mean.dtype)], dim=1)
        return self.head(F.dropout(found, _DROPPED, self.training))


@network("rawnet", takes=["audio"])
@recipe(
    Recipe(
        sizes=len(_WIDTHS),
        passes=8.0,
        most=12.0,
        batch=64,
        rate=0.003,
        muon=0.03,
        smoothing=0.1,
        decay=0.02,
        contender=False,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> RawNet:
    """Double the widths; the filters are as many as the first stage is wide, twice."""
    widths = _WIDTHS[size - 1]
    return RawNet(Filters(schema.rate, 2 * widths[0]), outputs, widths=widths)
