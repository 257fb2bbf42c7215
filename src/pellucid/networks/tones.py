"""How loud each band is, and how much it changes, for recordings: the network to beat.

Idea: a hum, a siren and a voice have other bands and other rhythms; what comes first and what last
is forgotten. Where that answers the question, nothing that knows of time should be asked.

Source: Tzanetakis & Cook 2002, "Musical genre classification of audio signals" (means and
deviations of spectral features over a recording); Cox 1958, "The regression analysis of binary
sequences" (a weighted sum for a choice).

Letters: B batch, T samples, M bands, F frames, K outputs.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._spectrogram import LogMel, within
from pellucid.registry import network


class Tones(nn.Module):
    """A weighted sum of the mean, the deviation and the change of each band.

    Args:
        front: makes the spectrogram.
        outputs: numbers per example that the task asks for.
    """

    def __init__(self, front: LogMel, outputs: int) -> None:
        super().__init__()
        self.front = front
        self.norm = nn.BatchNorm1d(3 * front.bands)
        self.head = nn.Linear(3 * front.bands, outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        loud, frames = self.front(x)
        there = within(frames, loud.shape[2])[:, None]
        count = frames.clamp(min=1)[:, None]
        mean = loud.sum(dim=2) / count
        apart = ((loud - mean[:, :, None]) * there).square().sum(dim=2) / count
        change = (loud[:, :, 1:] - loud[:, :, :-1]) * there[:, :, 1:]
        changes = change.square().sum(dim=2) / count
        spread = [(each + 1e-4).sqrt() for each in (apart, changes)]
        return self.head(self.norm(torch.cat([mean, *spread], dim=1)))


@network("tones", takes=["audio"])
@recipe(Recipe(sizes=1, passes=4.0, most=20.0, batch=64, rate=0.01, decay=0.05, contender=False))
def build(schema: Schema, outputs: int, *, size: int) -> Tones:
    """One size only: a weighted sum has no depth to add."""
    del size
    return Tones(LogMel(schema.rate, bands=40), outputs)
