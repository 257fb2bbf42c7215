"""The linear network's own weights: nothing is estimated.

Idea: what a weighted sum adds up is already divided among its inputs: weight times what the number
is above the blank, or the difference of two levels of a category.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365,
section 3: shares along the straight line, here in closed form.
Departs: each part's products of weights and inputs are had at once by showing it alone; the network
is additive, so that is exact. For a number, or two classes, what is explained is itself a weighted
sum of the inputs, and the shares are those products. The log-odds of one among more classes are
bent; along the straight line the outputs move straight, so the share is each output's product times
the mean slope of the log-odds by that output on this line, a mean over one number, done to six
digits. Both sum up to the change.

Letters: K outputs, P parts, R blanks, N places on the line.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid import _inference
from pellucid.explaining import Case, Explainer, Subject
from pellucid.networks._committee import Committee
from pellucid.networks.linear import Linear
from pellucid.registry import explainer

_PLACES = 2048  # cost next to nothing: the network is not asked again


@explainer("weights")
class Weights(Explainer):
    """The products of weights and inputs, for networks that are weighted sums."""

    name = "weights"
    sums = True

    def suits(self, subject: Subject) -> bool:
        return _sums_up(getattr(subject.network, "_orig_mod", subject.network))

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        parts, several = len(case.parts), len(case.blanks)
        nothing = torch.zeros(1, parts, dtype=torch.bool)
        shown = torch.cat([nothing, torch.eye(parts, dtype=torch.bool)])
        rows = shown.repeat(several, 1)
        blank = torch.arange(several).repeat_interleave(len(shown))
        outputs = _outputs(subject, case, rows, blank).view(several, len(shown), -1)
        begin, products = outputs[:, 0], outputs[:, 1:] - outputs[:, :1]
        slope = _mean_slope(subject, case, begin, begin + products.sum(dim=1))
        return torch.einsum("rpk,rk->p", products, slope).div(several).float()


def _sums_up(network: nn.Module) -> bool:
    """Tell whether a network is a weighted sum of numbers and levels, or a committee of such."""
    if isinstance(network, Committee):
        return all(_sums_up(member) for member in network.members)
    if isinstance(network, nn.Sequential):
        return all(isinstance(layer, nn.Flatten | nn.Linear) for layer in network)
    return isinstance(network, Linear | nn.Linear)


def _outputs(subject: Subject, case: Case, rows: Tensor, blank: Tensor) -> Float[Tensor, "N K"]:
    size = _inference.batch_size(subject.schema)
    with torch.no_grad():
        found = [
            subject.outputs(case.covered(shown, which), exact=True).double().cpu()
            for shown, which in zip(rows.split(size), blank.split(size), strict=True)
        ]
    return torch.cat(found)


def _mean_slope(
    subject: Subject, case: Case, begin: Float[Tensor, "R K"], end: Float[Tensor, "R K"]
) -> Float[Tensor, "R K"]:
    """Give the mean slope of the number explained by each output on the line between outputs."""
    place = ((torch.arange(_PLACES, dtype=begin.dtype) + 0.5) / _PLACES)[:, None, None]
    with torch.inference_mode(False), torch.enable_grad():
        line = (begin + place * (end - begin)).flatten(0, 1).requires_grad_()
        which = torch.full((len(line),), case.which)
        number = subject.task.explained(line, which, subject.calibration)
        (slope,) = torch.autograd.grad(number.sum(), line)
    return slope.view(_PLACES, *begin.shape).mean(dim=0)
