"""The average of what a convolutional network sees in each frame: the network to beat.

Idea: many things that are done can be told from a single picture. Frames in any other order give
the same answer, so what a network for clips adds to this is what it makes of motion.

Source: Karpathy, Toderici, Shetty, Leung, Sukthankar & Fei-Fei 2014, "Large-scale video
classification with convolutional neural networks" (single frames beside fusions over time); the
layers are those of `resnet.py`.
Departs: features are averaged and not answers, and learned on all frames of a clip at once.

Letters: B batch, C channels, T frames, H height, W width, K outputs.
"""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._clips import stages, stem, widths_of
from pellucid.registry import network

_WIDTHS = (16, 32, 48)  # of the first stage, by size; bf16 wants multiples of 16


class FrameMean(nn.Module):
    """Stages of blocks on each frame, the maximum over places, the mean over frames.

    Args:
        channels: of the input.
        outputs: numbers per example that the task asks for.
        widths: channels of each stage.
        depth: blocks in each stage.
    """

    def __init__(self, channels: int, outputs: int, *, widths: Sequence[int], depth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*stem(channels, widths[0]), *stages(widths, depth))
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(widths[-1], outputs)

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B K"]:
        return self.head(self.drop(self.body(x).amax(dim=(3, 4)).mean(dim=2)))


@network("framemean", takes=["video"])
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
        contender=False,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> FrameMean:
    """Each size is wider than the one before."""
    widths = widths_of(schema, _WIDTHS[size - 1])
    return FrameMean(schema.shape[0], outputs, widths=widths, depth=1)
