"""Class activation: where a convolutional network found what speaks for its answer.

Idea: a feature map still knows where in the picture it is; each of its numbers, times how much the
answer leans on it, says how strongly that place speaks for the answer.

Source: Selvaraju, Cogswell, Das, Vedantam, Parikh & Batra 2017, "Grad-CAM", arXiv:1610.02391;
Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional
neural networks", arXiv:2011.08891 (slopes are not averaged over the map); Jiang, Zhang, Hou, Cheng
& Wei 2021, "LayerCAM", IEEE Transactions on Image Processing 30 (earlier, finer maps).
Departs: the last map of every size counts alike, since on the way to the answer maps get coarser
and see further than the place they stand for. What counts in a map is how far its numbers are from
those of the blank, times the mean of the slopes at both. Only the first view is looked at. The
shares claim no sum.

Letters: B batch, P parts, F features, H W height and width of a map.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.explaining import Case, Explainer, Subject, untouched
from pellucid.networks._committee import Committee
from pellucid.registry import explainer

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BETWEEN = {1: "linear", 2: "bilinear", 3: "trilinear"}


@explainer("class_activation")
class ClassActivation(Explainer):
    """Features of each size of map, weighed by their slopes and laid over the example."""

    name = "class_activation"
    sums = False

    def suits(self, subject: Subject) -> bool:
        x = torch.zeros(1, *subject.schema.shape, device=subject.device)
        return bool(_looked(subject, x, which=0))

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        several, parts = len(case.blanks), len(case.parts)
        nothing = torch.zeros(several, parts, dtype=torch.bool)
        blanks = case.covered(nothing, torch.arange(several))
        x = torch.cat([case.x[None], blanks])
        total = torch.zeros(parts)
        for features, slopes in _looked(subject, x, which=case.which):
            apart = features[:1] - features[1:]
            leaning = (slopes[:1] + slopes[1:]) / 2
            speaking = (apart * leaning).sum(dim=1, keepdim=True).mean(dim=0, keepdim=True)
            each = case.gathered(_laid_over(speaking, case.x))
            total += each / each.abs().sum().clamp_min(1e-30)
        return total


def _looked(
    subject: Subject, x: Float[Tensor, "B ..."], *, which: int
) -> list[tuple[Tensor, Tensor]]:
    """Give feature maps of x with the slope of the answer by each; none without convolutions."""
    network: Any = getattr(subject.network, "_orig_mod", subject.network)
    plain = replace(subject, network=network, views=False)
    with torch.inference_mode(False), torch.enable_grad(), untouched(network):
        seen = [_hooked(member, x.ndim) for member in _members(network)]
        answers = torch.full((len(x),), which, device=x.device)
        number = plain.numbers(x.clone().requires_grad_(), answers, exact=True).sum()
        maps = [map_ for found in seen for map_ in found.values()]
        if not maps or not number.requires_grad:
            return []
        slopes = torch.autograd.grad(number, maps, allow_unused=True)
    pairs = zip(maps, slopes, strict=True)
    return [(map_.detach(), slope) for map_, slope in pairs if slope is not None]


def _members(network: nn.Module) -> list[nn.Module]:
    return [*network.members] if isinstance(network, Committee) else [network]


def _hooked(network: nn.Module, dimensions: int) -> dict[torch.Size, Tensor]:
    """Fill, once the network is called, with its last map of each size from a convolution on."""
    found: dict[torch.Size, Tensor] = {}

    def keep(module: nn.Module, given: Any, maps: Any, *, convolves: bool) -> None:
        del module, given
        is_map = isinstance(maps, Tensor) and maps.ndim == dimensions and maps[0, 0].numel() > 1
        if is_map and maps.requires_grad and (convolves or found):
            found[maps.shape[2:]] = maps

    for module in network.modules():
        convolves = isinstance(module, _CONVOLUTIONS)
        module.register_forward_hook(partial(keep, convolves=convolves))
    return found


def _laid_over(map_: Float[Tensor, "1 1 ..."], x: Float[Tensor, "F ..."]) -> Float[Tensor, "F ..."]:
    size = x.shape[1:]
    spread = F.interpolate(map_, size=size, mode=_BETWEEN[len(size)], align_corners=False)
    return spread[0].expand_as(x)
