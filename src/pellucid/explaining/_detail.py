"""Detail: where within its part the share of each part lies.

Idea: how much a part counts is best asked by covering it; where in it the network looks is told by
gradients, at the price of a few answers. So each part keeps its share, and its numbers differ from
each other as integrated gradients do, brought to the scale on which the shares themselves differ.
Shown in that order, single pixels foretell what a network does better than either alone
(EXPERIMENTS.md).

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365.
Departs: a few steps, in the numerics of the model: nothing here must sum up, since the shares do.

Letters: P parts.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pellucid.explaining import Case, Subject

_STEPS = 8


def refined(subject: Subject, case: Case, shares: Float[Tensor, " P"]) -> Float[Tensor, "..."]:
    """Spread shares over the numbers of their parts, each part's sum being its share.

    Args:
        subject: whose number is explained; it has a gradient (`_paths.differentiable`).
        case: the example.
        shares: of its parts.

    Returns:
        As `Case.of`, on the CPU: what belongs to the same part along an axis of size 1, such as the
        colours of a pixel, is added up. 0 for what belongs to no part.
    """
    of = case.of.cpu()
    even = spread(case, shares / _each(case, torch.ones(of.shape)).clamp(min=1))
    slopes = moved(subject, case, steps=_STEPS)
    means = _each(case, slopes) / _each(case, torch.ones(of.shape)).clamp(min=1)
    within = torch.where(of >= 0, slopes - spread(case, means), torch.zeros(()))
    inside = of >= 0
    scale = even[inside].std() / within[inside].std().clamp_min(1e-30)
    return even + within * scale.nan_to_num(0.0, 0.0, 0.0)


def moved(subject: Subject, case: Case, *, steps: int) -> Float[Tensor, "..."]:
    """Give what single numbers of x add on the straight line from the blanks to the example.

    Returns:
        As `refined`; it sums up only about to the change of the number.
    """
    blank = case.blanks.mean(dim=0)
    way = case.x - blank
    moments = (torch.arange(steps, device=way.device) + 0.5) / steps
    with torch.inference_mode(False), torch.enable_grad():
        x = blank + moments.view(-1, *[1] * way.ndim) * way
        x = x.detach().clone().requires_grad_()
        which = torch.full((steps,), case.which, device=way.device)
        (slope,) = torch.autograd.grad(subject.numbers(x, which).sum(), x)
    return _folded(slope.float().mean(dim=0) * way, case).cpu()


def spread(case: Case, each: Float[Tensor, " P"]) -> Float[Tensor, "..."]:
    """Give every number of x what its part has, as `Case.of`; 0 to what belongs to no part."""
    return torch.cat([each.cpu().float(), torch.zeros(1)])[case.of.cpu()]


def _folded(numbers: Tensor, case: Case) -> Tensor:
    """Add up along the axes that the parts do not divide."""
    of = case.of
    shape = (1,) * (numbers.ndim - of.ndim) + tuple(of.shape)
    alone = [axis for axis, size in enumerate(shape) if size == 1 and numbers.shape[axis] > 1]
    folded = numbers.sum(dim=alone, keepdim=True) if alone else numbers
    return folded.reshape(of.shape)


def _each(case: Case, numbers: Tensor) -> Float[Tensor, " P"]:
    """Add up over each part what is given as `Case.of`."""
    places = (case.of.cpu() % (len(case.parts) + 1)).flatten()  # -1 is the last
    sums = torch.zeros(len(case.parts) + 1)
    return sums.index_add_(0, places, numbers.flatten().float())[:-1]
