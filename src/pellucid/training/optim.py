"""Which optimiser changes which weight.

Idea: a matrix has directions; Adam treats its entries one by one, so a few strong directions take
the whole step. Muon makes all directions of a step equally strong, which suits the hidden layers.
Everything that is no hidden matrix (vectors, embeddings, the first and the last layer) is AdamW's.

Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon); coefficients of the quintic iteration from there. Decoupled
weight decay: Loshchilov & Hutter 2019, arXiv:1711.05101.
Departs: convolutions are flattened to (out, in * height * width), as in cifar10-airbench; where the
matrices of several gates stand on one another, each of them is made orthogonal by itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.networks import Recipe

_QUINTIC = (3.4445, -4.7750, 2.0315)
_MOMENTUM = 0.6


class Optimizer:
    """Changes weights along their gradients, and says all it remembers as tensors.

    Not a `torch.optim.Optimizer`: making the first of those imports torch's compiler, which takes a
    second of the user's budget (EXPERIMENTS.md).

    Args:
        groups: each with "weights", "lr" and "decay"; whoever anneals a rate changes "lr".
    """

    def __init__(self, groups: Sequence[dict[str, Any]]) -> None:
        self.groups = list(groups)
        self.state: list[dict[str, Tensor]] = [
            self.begin(weight) for group in self.groups for weight in group["weights"]
        ]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self.groups:
            for weight in group["weights"]:
                weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Take one step along the gradients at hand; a weight without one stays."""
        start = 0
        for group in self.groups:
            end = start + len(group["weights"])
            pairs = zip(group["weights"], self.state[start:end], strict=True)
            moving = [(weight, state) for weight, state in pairs if weight.grad is not None]
            if moving:
                self.move(moving, group)
            start = end

    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        """Give what is remembered of a weight before the first step."""
        raise NotImplementedError

    def move(self, moving: list[tuple[Tensor, dict[str, Tensor]]], group: dict[str, Any]) -> None:
        """Change weights and what is remembered of them, in place."""
        raise NotImplementedError


class AdamW(Optimizer):
    """Steps scaled entry by entry; "betas" are 0.9 and 0.95 where a group says nothing."""

    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        return {
            "exp_avg": torch.zeros_like(weight),
            "exp_avg_sq": torch.zeros_like(weight),
            "step": torch.zeros((), dtype=torch.float32, device=weight.device),
        }

    def move(self, moving: list[tuple[Tensor, dict[str, Tensor]]], group: dict[str, Any]) -> None:
        beta1, beta2 = group.get("betas", (0.9, 0.95))
        steps = [state["step"].add_(1) for _, state in moving]
        torch._fused_adamw_(
            [weight for weight, _ in moving],
            [weight.grad for weight, _ in moving if weight.grad is not None],
            [state["exp_avg"] for _, state in moving],
            [state["exp_avg_sq"] for _, state in moving],
            [],
            steps,
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["decay"],
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class Muon(Optimizer):
    """Momentum whose every step is made orthogonal; for matrices and convolutions.

    The update has spectral norm near 1 before the rate; momentum is 0.6.
    """

    def begin(self, weight: Tensor) -> dict[str, Tensor]:
        return {"momentum": torch.zeros_like(weight)}

    def move(self, moving: list[tuple[Tensor, dict[str, Tensor]]], group: dict[str, Any]) -> None:
        for weight, state in moving:
            assert weight.grad is not None
            kept = state["momentum"].mul_(_MOMENTUM).add_(weight.grad)
            ahead = weight.grad.add(kept, alpha=_MOMENTUM)
            weight.mul_(1 - group["lr"] * group["decay"])
            parts = group.get("parts", 1)
            for part, along in zip(weight.chunk(parts), ahead.chunk(parts), strict=True):
                flat = along.reshape(len(along), -1)
                tall = max(1.0, flat.shape[0] / flat.shape[1]) ** 0.5
                part.add_(orthogonal(flat).reshape(part.shape), alpha=-group["lr"] * tall)


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


def optimizers(network: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """Make the optimisers of one part, each weight in exactly one of them."""
    hidden = _hidden(network) if recipe.muon else {}
    chosen = {id(weight) for weights in hidden.values() for weight in weights}
    rest = [w for w in network.parameters() if w.requires_grad and id(w) not in chosen]
    shaped = [w for w in rest if w.ndim >= 2]
    plain = [w for w in rest if w.ndim < 2]  # a bias or a scale pulled to zero says nothing
    how = {"lr": recipe.rate, "betas": (recipe.beta1, recipe.beta2)}
    made: list[Optimizer] = [
        AdamW(
            [
                {"weights": shaped, "decay": recipe.decay, **how},
                {"weights": plain, "decay": 0.0, **how},
            ]
        )
    ]
    if hidden:
        muon = {"lr": recipe.muon, "decay": recipe.decay}
        made.append(Muon([{"weights": hidden[n], "parts": n, **muon} for n in sorted(hidden)]))
    return made


def _hidden(network: nn.Module) -> dict[int, list[nn.Parameter]]:
    """Give the weights of linear and convolutional layers but the first and the last of them.

    And the matrices that a module names as such; each weight by how many stand on one another.
    """
    layers = [
        module
        for module in network.modules()
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
    ]
    found = [(1, layer.get_parameter("weight")) for layer in layers[1:-1]]
    for module in network.modules():
        named: Mapping[str, int] = getattr(module, "matrices", {})
        found += [(parts, module.get_parameter(name)) for name, parts in named.items()]
    hidden: dict[int, list[nn.Parameter]] = {}
    for parts, weight in found:
        if weight.requires_grad:
            hidden.setdefault(parts, []).append(weight)
    return hidden
