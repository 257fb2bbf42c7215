"""One linear layer over the past of a series: the network to beat, and hard to beat.

Idea: the value to come is a weighted sum of what was there, one season before above all; each
variable is foretold from its own past by the same weights.

Source: Zeng, Chen, Zhang & Xu 2023, "Are transformers effective for time series forecasting?",
arXiv:2205.13504 (linear layers from past to horizon); Li, Qi, Li & Xu 2023, "Revisiting long-term
time series forecasting: an investigation on linear mapping", arXiv:2305.10721 (one of them, on
normalised windows).
Departs: the weights start as the mean over the seasons of the past, and say how sure they are.

Letters: B batch, L steps of the past, C channels, H steps ahead, S steps of a season, N series,
K outputs.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._horizon import Horizon
from pellucid.networks._own_scale import own_scale
from pellucid.registry import network


class Seasonal(nn.Linear):
    """A weighted sum of the past for each step ahead: at first the mean of the same phase.

    Args:
        past: L.
        horizon: H.
        season: S; where it is 1, or longer than the past, the sum starts as the last value.
    """

    def __init__(self, past: int, horizon: int, season: int) -> None:
        super().__init__(past, horizon)
        nn.init.zeros_(self.bias)
        nn.init.zeros_(self.weight)
        seasons, season = (past // season, season) if 1 < season <= past else (1, 1)
        steps = torch.arange(horizon)
        with torch.no_grad():
            for back in range(1, seasons + 1):
                self.weight[steps, past - back * season + steps % season] = 1 / seasons

    def forward(self, x: Float[Tensor, "N L"]) -> Float[Tensor, "N H"]:
        # Half width would cost digits of the forecast itself, and saves nothing here.
        with torch.autocast(x.device.type, enabled=False):
            return super().forward(x.float())


def habits(schema: Schema) -> Recipe:
    """Give the recipe: what other columns tell is learned from nothing, faster and for longer."""
    plain = Recipe(sizes=1, passes=0.8, most=1.0, batch=32, rate=5e-4, ahead=True)
    if not schema.leads and not schema.early:
        return plain
    return replace(plain, passes=4.0, rate=3e-3)


@network("seasonal", takes=["series"])
@recipe(habits)
@own_scale
def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
    """One size only: a weighted sum has no depth to add."""
    del size
    past, channels = schema.shape
    variables = len(schema.variables)
    if outputs != 2 * schema.ahead * variables:  # a question of the user's own
        return nn.Sequential(nn.Flatten(), nn.Linear(past * channels, outputs))
    course = Seasonal(past, schema.ahead, max(1, schema.season))
    return Horizon(course, schema)
