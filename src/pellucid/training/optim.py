"""Which optimiser changes which weight.

Idea: a matrix has directions; Adam treats its entries one by one, so a few strong directions take
the whole step. Muon makes all directions of a step equally strong, which suits the hidden layers.
Everything that is no hidden matrix (vectors, embeddings, the first and the last layer) is AdamW's.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon); coefficients of the quintic iteration from there. Decoupled
weight decay: Loshchilov & Hutter 2019, arXiv:1711.05101.
Departs: convolutions are flattened to (out, in * height * width), as in cifar10-airbench.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.networks import Recipe

_QUINTIC = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose every step is made orthogonal.

    Args:
        weights: matrices, or convolutions of any dimension.
        lr: length of a step; the update has spectral norm near 1 before it.
        momentum: how much of the earlier gradients a step keeps.
        decay: decoupled weight decay.
        iterations: of the Newton-Schulz iteration; five bring every singular value near 1.
    """

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.6,
        decay: float = 0.0,
        iterations: int = 5,
    ) -> None:
        defaults = {"lr": lr, "momentum": momentum, "decay": decay, "iterations": iterations}
        super().__init__(weights, defaults)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step along the gradients at hand."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: nn.Parameter, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        kept = state["momentum"].mul_(group["momentum"]).add_(gradient)
        ahead = gradient.add(kept, alpha=group["momentum"])
        flat = ahead.reshape(len(ahead), -1)
        update = orthogonal(flat, iterations=group["iterations"]).reshape(weight.shape)
        tall = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
        weight.mul_(1 - group["lr"] * group["decay"])
        weight.add_(update, alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor, *, iterations: int = 5) -> Tensor:
    """Bring all singular values of a matrix near 1 (between about 0.7 and 1.2).

    Args:
        matrix: (R, C).
        iterations: of the quintic Newton-Schulz iteration, in bfloat16.
    """
    first, third, fifth = _QUINTIC
    x = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(iterations):
        square = x @ x.T
        x = first * x + (third * square + fifth * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)


def optimizers(network: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Make the optimisers of one part, each weight in exactly one of them."""
    hidden = _hidden(network) if recipe.muon else []
    chosen = {id(weight) for weight in hidden}
    rest = [w for w in network.parameters() if w.requires_grad and id(w) not in chosen]
    plain = [w for w in rest if w.ndim < 2]
    shaped = [w for w in rest if w.ndim >= 2]
    groups = [
        {"params": shaped, "weight_decay": recipe.decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    made: list[torch.optim.Optimizer] = []
    if rest:
        made.append(torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.95), fused=True))
    if hidden:
        made.append(Muon(hidden, lr=recipe.muon, decay=recipe.decay))
    return made


def _hidden(network: nn.Module) -> list[nn.Parameter]:
    """Give the weights of linear and convolutional layers but the first and the last of them."""
    layers = [
        module
        for module in network.modules()
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
    ]
    weights = [layer.get_parameter("weight") for layer in layers[1:-1]]
    return [weight for weight in weights if weight.requires_grad]
