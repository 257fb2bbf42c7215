"""A convolutional network looks at each frame, and a recurrent memory reads what it saw.

Idea: what was seen is kept in a memory, so an answer may depend on what came before what. Frames
are read in both directions, since the whole clip is there.

Source: Donahue et al. 2015, "Long-term recurrent convolutional networks for visual recognition and
description", arXiv:1411.4389; Hochreiter & Schmidhuber 1997, "Long short-term memory", Neural
Computation 9.
Departs: how each frame differs from the one before is given beside it; both are learned together
from scratch; what the memory says at all times is averaged beside what the frames say.

Letters: B batch, C channels, T frames, H height, W width, K outputs.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._clips import Change, stages, stem, widths_of
from pellucid.networks._recurrence import Recurrence
from pellucid.registry import network

_SIZES = ((16, 64), (32, 128), (48, 192))  # width of the first stage, and units of the memory


class FrameLSTM(nn.Module):
    """Stages of blocks on each frame, the maximum over places, a memory in both directions.

    Args:
        channels: of the input.
        outputs: numbers per example that the task asks for.
        widths: channels of each stage.
        units: that remember, in each direction.
    """

    def __init__(self, channels: int, outputs: int, *, widths: Sequence[int], units: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Change(), *stem(2 * channels, widths[0]), *stages(widths, depth=1)
        )
        self.memory = Recurrence("lstm", widths[-1], units, backwards=True)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(widths[-1] + 2 * units, outputs)

    def forward(self, x: Float[Tensor, "B C T H W"]) -> Float[Tensor, "B K"]:
        seen = self.body(x).amax(dim=(3, 4)).transpose(1, 2)
        read, _ = self.memory(self.drop(seen))
        found = torch.cat([seen.mean(dim=1), read.mean(dim=1)], dim=1)
        return self.head(self.drop(found))

    @property
    def matrices(self) -> dict[str, int]:
        """The hidden matrices of the memory, four gates on one another in each."""
        return {
            f"memory.{name}": 4 for name, _ in self.memory.named_parameters() if "weight" in name
        }


@network("framelstm", takes=["video"])
@recipe(
    Recipe(
        sizes=len(_SIZES),
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
def build(schema: Schema, outputs: int, *, size: int) -> FrameLSTM:
    """Each size is wider than the one before, and remembers more."""
    width, units = _SIZES[size - 1]
    return FrameLSTM(schema.shape[0], outputs, widths=widths_of(schema, width), units=units)
