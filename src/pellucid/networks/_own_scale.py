"""Windows that bring the level and the size of their own series, for any network.

Idea: a network is shown each variable with the level of its series taken off and in units of its
size, and what it foretells is put back into both, so that a series a thousand times as large is
foretold as well, even if no series of training was so large.

Source: Salinas, Flunkert, Gasthaus & Januschowski 2020, "DeepAR: probabilistic forecasting with
autoregressive recurrent networks" (a scale for each series, by which inputs are divided and outputs
multiplied).
Departs: level and size are those of all that was known up to the end of the window, and the network
does not see them: with few series it would tell by them which one it is, and learn that by heart.

Letters: B batch, L steps of the past, C channels, A variables, H steps ahead, K outputs.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

State = tuple[Tensor, ...]
Builder = Callable[..., nn.Module]


class OwnScale(nn.Module):
    """A network that sees series in their own scale.

    Args:
        network: takes (B, L, C) and gives (B, K), or (B, M, K).
        variables: A.
        horizon: H.
    """

    def __init__(self, network: nn.Module, *, variables: int, horizon: int) -> None:
        super().__init__()
        self.network = network
        self.variables, self.horizon = variables, horizon

    def forward(self, x: Float[Tensor, "B L C"]) -> Float[Tensor, "B *M K"]:
        given = self.network(self._own(x, x[:, -1:]))
        return self._back(given, x[:, -1])

    def _own(self, x: Float[Tensor, "B *L C"], told: Tensor) -> Tensor:
        """Show the variables in units of their size, by the levels and sizes of the steps told."""
        count = self.variables
        level, size = told[..., -2 * count : -count], told[..., -count:].exp()
        return torch.cat([(x[..., :count] - level) / size, x[..., count : -2 * count]], dim=-1)

    def _back(self, given: Tensor, told: Tensor) -> Tensor:
        """Put a forecast back into the units that all series share."""
        count = self.variables
        level, log = told[..., -2 * count : -count], told[..., -count:]
        while level.ndim < given.ndim:
            level, log = level.unsqueeze(1), log.unsqueeze(1)
        level, log = level[..., None, :], log[..., None, :]
        means, logs = given.float().unflatten(-1, (self.horizon, count, 2)).unbind(-1)
        return torch.stack([means * log.exp() + level, logs + log], dim=-1).flatten(-3)


class OwnSteps(OwnScale):
    """The same for a network that remembers; every step is shown by what is told with it."""

    def each(
        self, x: Float[Tensor, "B T C"], state: State | None = None
    ) -> tuple[Float[Tensor, "B T K"], State]:
        """Give the outputs after every step, and the memory of them all."""
        network: Any = self.network
        given, state = network.each(self._own(x, x), state)
        return self._back(given, x), state

    def step(
        self, x: Float[Tensor, "B C"], state: State | None = None
    ) -> tuple[Float[Tensor, "B K"], State]:
        """Read one step more: the outputs after it, and the memory."""
        network: Any = self.network
        given, state = network.step(self._own(x, x), state)
        return self._back(given, x), state


def own_scale(builder: Builder) -> Builder:
    """Decorate a builder: where the schema asks for it, its network sees series in their scale."""

    def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
        if not schema.own_scale:
            return builder(schema, outputs, size=size)
        count = len(schema.variables)
        if outputs != 2 * schema.ahead * count:  # a question of the user's own
            return builder(replace(schema, own_scale=False), outputs, size=size)
        past, channels = schema.shape
        plain = replace(schema, own_scale=False, shape=(past, channels - 2 * count))
        network = builder(plain, outputs, size=size)
        wrapper = OwnSteps if hasattr(network, "step") else OwnScale
        return wrapper(network, variables=count, horizon=schema.ahead)

    build.__doc__ = builder.__doc__
    return build
