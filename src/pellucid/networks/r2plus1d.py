"""Convolutions over places and over time in turn, for clips.

Idea: a movement is a pattern in time, as a thing is a pattern in a picture, so small filters look
along time as well. One over places and then one over time see what one over both at once sees, with
fewer weights, and learn it more easily.

Source: Tran, Wang, Torresani, Ray, LeCun & Paluri 2018, "A closer look at spatiotemporal
convolutions for action recognition", arXiv:1711.11248.
Departs: a network of a few layers, shaped as `resnet.py`; how each frame differs from the one
before is given beside it; a maximum over places and a mean over time before the last layer.

Letters: B batch, C channels, T frames, H height, W width, K outputs.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._clips import (
    Block,
    Change,
    Framewise,
    Halve,
    HalveTime,
    Timewise,
    stem,
    unit,
    widths_of,
)
from pellucid.registry import network

_WIDTHS = (16, 32, 48, 64)  # of the first stage, by size; bf16 wants multiples of 16
_LEAST = 4  # frames that are left of the time


class R2Plus1D(nn.Module):
    """Stages of blocks, each over places and then over time; later stages halve time, too.

    Args:
        channels: of the input.
        outputs: numbers per example that the task asks for.
        widths: channels of each stage.
        frames: of a clip.
    """

    def __init__(self, channels: int, outputs: int, *, widths: Sequence[int], frames: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [Change(), *stem(2 * channels, widths[0])]
        layers += unit(Timewise(widths[0], widths[0]))
        width = widths[0]
        for stage, wider in enumerate(widths):
            if stage > 0:
                layers += unit(Framewise(width, wider, 3, padding=1, bias=False), Halve())
                width = wider
                if frames // 2 >= _LEAST:
                    layers.append(HalveTime())
                    frames //= 2
            layers.append(Block(width, over_time=True))
        self.body = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B K"]:
        return self.head(self.drop(self.body(x).amax(dim=(3, 4)).mean(dim=2)))


@network("r2plus1d", takes=["video"])
@recipe(
    Recipe(
        sizes=len(_WIDTHS),
        passes=3.0,
        most=1.0,
        batch=32,
        rate=0.01,
        muon=0.04,
        smoothing=0.1,
        decay=0.02,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> R2Plus1D:
    """Each size is wider than the one before."""
    widths = widths_of(schema, _WIDTHS[size - 1])
    return R2Plus1D(schema.shape[0], outputs, widths=widths, frames=schema.shape[1])
