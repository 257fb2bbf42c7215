"""Segments of the past, read by a recurrent network, beside one linear layer, for series.

Idea: a straight weighted sum foretells what goes on as it was; a small recurrent network reads the
same window in segments of a season and adds what depends on how the segments follow each other. The
steps ahead are decoded segment by segment, all at once, so no error is fed back.

Source: Lin, Lin, Wu, Zhao, Mo & Zhang 2023, "SegRNN: segment recurrent neural network for long-term
time series forecasting", arXiv:2308.11200; Zeng, Chen, Zhang & Xu 2023, "Are transformers effective
for time series forecasting?", arXiv:2205.13504 (the linear layer).
Departs: the recurrent part corrects a linear one and starts at zero; windows are normalised by
their own mean and spread; variables share all weights. It is not chosen by itself: on the series
tried it was no better than its linear part alone (EXPERIMENTS.md).

Letters: N series, L steps of the past, H steps ahead, S steps of a segment, P segments of the past,
G segments ahead, U units.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._horizon import Horizon
from pellucid.networks._own_scale import own_scale
from pellucid.networks._recurrence import Recurrence
from pellucid.networks.seasonal import Seasonal
from pellucid.registry import network

UNITS = (32, 64, 128)  # by size


class Segments(nn.Module):
    """A linear layer and a recurrent correction of it.

    Args:
        linear: gives (N, H) of (N, L).
        horizon: H.
        segment: S.
        units: U.
        dropout: share of what the recurrent part hands on that is left out while training.
    """

    def __init__(
        self, linear: nn.Module, *, horizon: int, segment: int, units: int, dropout: float
    ) -> None:
        super().__init__()
        self.linear = linear
        self.horizon, self.segment, self.dropout = horizon, segment, dropout
        self.enter = nn.Linear(segment, units)
        self.read = Recurrence("gru", units, units)
        self.places = nn.Parameter(torch.randn(-(-horizon // segment), units))
        self.decode = Recurrence("gru", units, units)
        self.leave = nn.Linear(units, segment)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, x: Float[Tensor, "N L"]) -> Float[Tensor, "N H"]:
        short = -x.shape[1] % self.segment
        parts = F.pad(x, (short, 0)).unflatten(1, (-1, self.segment))
        entered = F.relu(self.enter(parts))
        _, (state,) = self.read(F.dropout(entered, self.dropout, self.training))
        # Each segment ahead is one step on from the same memory.
        count = len(self.places)
        places = self.places.repeat(len(x), 1)
        decoded, _ = self.decode.step(places, (state.repeat_interleave(count, dim=0),))
        decoded = F.dropout(decoded, self.dropout, self.training)
        added = self.leave(decoded).reshape(len(x), -1)[:, : self.horizon]
        return self.linear(x) + added


@network("segments", takes=["series"])
@recipe(
    Recipe(sizes=len(UNITS), passes=0.8, most=1.5, batch=32, rate=5e-4, ahead=True, contender=False)
)
@own_scale
def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
    """Widen the recurrent part: 32, 64, 128 units; more only overfits."""
    past, channels = schema.shape
    horizon, variables = schema.ahead, len(schema.variables)
    if outputs != 2 * horizon * variables:  # a question of the user's own
        return nn.Sequential(nn.Flatten(), nn.Linear(past * channels, outputs))
    season = max(1, schema.season)
    course = Segments(
        Seasonal(past, horizon, season),
        horizon=horizon,
        segment=_segment(past, season),
        units=UNITS[size - 1],
        dropout=0.5,
    )
    return Horizon(course, schema)


def _segment(past: int, season: int) -> int:
    """Give the steps of a segment: a season, or an eighth of the past where that is no use."""
    return season if 4 <= season <= past // 3 else max(1, -(-past // 8))
