"""Which training examples pushed the answer where it is?

Idea: the last layer is a weighted sum of what it sees, so what one training example more or less
would change in it can be computed without training again: an example pushes an answer as far as the
two look alike to the last layer, and as far as it wanted that answer to be another.

Source: Koh & Liang 2017, "Understanding black-box predictions via influence functions",
arXiv:1703.04730; on the last layer alone, as a product of a likeness and a wish: Yeh, Kim, Yen &
Ravikumar 2018, "Representer point selection for explaining deep neural networks",
arXiv:1811.09720, and, with plain products, Pruthi, Liu, Kale & Sundararajan 2020, TracIn,
arXiv:2002.08484. The trace of a Hessian from random signs: Hutchinson 1990.
Departs: the curvature of the loss in the outputs of an example is taken to be the same in all
directions, its mean, so that one matrix of the size of the features does for all outputs (exact for
squares and for two classes). The layers below are taken as they are: what an example did to them is
not seen. Only stored cases are weighed, as if they had been all there were.

Letters: N training cases, B examples, E features with a 1 for the bias, K outputs.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.explaining import Subject
from pellucid.tasks import Task

DAMPING = 0.1
_EXACT = 32  # outputs up to which the curvature is exact; beyond, as many random signs
_SEED = 1990


class Influence:
    """What each training case does to the number explained, through the last layer.

    -(h_xᵀ A⁻¹ h_i) (g_x · g_i), where A = Σ c_i h_i h_iᵀ / N + λ I, h is what the layer sees, g_i
    the slope of a case's loss in its outputs, g_x that of the number explained, and c_i the
    curvature of the loss. Positive where learning from the case raised the number.

    Args:
        seen: h of the cases, (N, E), with a 1 for the bias where the layer has one.
        slopes: g of the cases, (N, K).
        curvature: c of the cases, (N,).
        damping: λ as a share of the mean eigenvalue of the sum. It stands for the weight decay of
            training and keeps directions that no case shows from deciding everything.
    """

    def __init__(
        self,
        seen: Float[Tensor, "N E"],
        slopes: Float[Tensor, "N K"],
        curvature: Float[Tensor, " N"],
        *,
        damping: float = DAMPING,
    ) -> None:
        self._slopes = slopes.double()
        self._weighed = _Weighed(seen.double(), curvature.double(), damping)

    def of(self, seen: Float[Tensor, "B E"], slopes: Float[Tensor, "B K"]) -> Float[Tensor, "B N"]:
        """Give the push of every case on each example.

        Args:
            seen: h of the examples.
            slopes: of the number explained in the outputs.
        """
        likeness = self._weighed.likeness(seen.double())
        return -(likeness * (slopes.double() @ self._slopes.T)).float()


def slopes(task: Task, outputs: Float[Tensor, "N K"], y: Tensor) -> Float[Tensor, "N K"]:
    """Give the slope of the loss of each example in its outputs."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        outputs = outputs.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(_loss(task, outputs, y), outputs)
    return found


def curvature(task: Task, outputs: Float[Tensor, "N K"], y: Tensor) -> Float[Tensor, " N"]:
    """Give the trace of the Hessian of the loss of each example in its outputs, at least 0."""
    total = torch.zeros(len(outputs), device=outputs.device)
    with torch.inference_mode(mode=False), torch.enable_grad():
        outputs = outputs.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(_loss(task, outputs, y), outputs, create_graph=True)
        if not slope.requires_grad:  # a straight loss has none
            return total
        for probe, weight in _probes(outputs):
            (row,) = torch.autograd.grad((slope * probe).sum(), outputs, retain_graph=True)
            total += weight * (row * probe).sum(dim=1)
    return total.clamp(min=0)


def slopes_explained(
    subject: Subject, outputs: Float[Tensor, "B K"], which: Int[Tensor, " B"]
) -> Float[Tensor, "B K"]:
    """Give the slope of the number explained in the outputs."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        outputs = outputs.detach().clone().requires_grad_()
        numbers = subject.task.explained(outputs, which, subject.calibration)
        (found,) = torch.autograd.grad(numbers.sum(), outputs)
    return found


def _loss(task: Task, outputs: Tensor, y: Tensor) -> Tensor:
    return task.loss(nn.Identity(), {"x": outputs, "y": y}, "whole").sum()


def _probes(outputs: Tensor) -> Iterator[tuple[Tensor, float]]:
    """Yield directions whose weighted curvatures sum up to the trace."""
    count = outputs.shape[1]
    if count <= _EXACT:
        yield from ((axis, 1.0) for axis in torch.eye(count, device=outputs.device))
        return
    chance = torch.Generator().manual_seed(_SEED)
    for _ in range(_EXACT):
        signs = torch.randint(2, outputs.shape, generator=chance) * 2.0 - 1.0
        yield signs.to(outputs.device), 1 / _EXACT


class _Weighed:
    """A, as a triangle of the size of whichever is fewer, features or cases.

    Args:
        h: what the layer sees of the cases.
        c: curvature of their losses.
        damping: as of `Influence`.
    """

    def __init__(self, h: Float[Tensor, "N E"], c: Float[Tensor, " N"], damping: float) -> None:
        count, width = h.shape
        self._h = h
        self._bent = h * c.sqrt()[:, None]
        # Where no loss is curved, all that is left is the plain product of TracIn.
        self._decay = float(damping * self._bent.square().sum() / (count * width)) or 1.0
        self._narrow = width <= count
        if self._narrow:
            whole, least = self._bent.T @ self._bent / count, self._decay
        else:
            whole, least = self._bent @ self._bent.T, count * self._decay
        whole.diagonal().add_(least)
        self._triangle = torch.linalg.cholesky(whole)

    def likeness(self, seen: Float[Tensor, "B E"]) -> Float[Tensor, "B N"]:
        """Give h_xᵀ A⁻¹ h_i of examples and cases."""
        if self._narrow:
            return torch.cholesky_solve(seen.T, self._triangle).T @ self._h.T
        known = torch.cholesky_solve(self._bent @ seen.T, self._triangle)
        return (seen - known.T @ self._bent) @ self._h.T / self._decay
