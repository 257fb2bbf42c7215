"""Altering what a critic sees, so that it cannot learn a few pictures by heart.

Idea: real and made pictures are altered alike, by chance and only some of them. An artist that made
altered pictures would be found out by those that are left alone, so none of it shows in the end;
and gradients flow through the alterations back to the artist.

Source: Karras et al. 2020, "Training generative adversarial networks with limited data",
arXiv:2006.06676 (what does not leak); Zhao et al. 2020, "Differentiable augmentation for
data-efficient GAN training", arXiv:2006.10738 (translation, cutout and colour).
Departs: one bilinear lookup does mirroring, moving, turning and enlarging at once.

Letters: B batch, C channels, H height, W width.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

_MOVED = 0.125  # of the side, at most
_TURNED = 0.2  # radians, at most
_ENLARGED = 0.2  # as a factor of 2 to ± this
_CUT = 0.4  # of the side
_LIGHTER = 0.3  # in standard deviations of x
_STARKER = 0.3  # as a factor of 2 to ± this


def altered(x: Float[Tensor, "B C H W"], strength: float) -> Float[Tensor, "B C H W"]:
    """Alter a share of the pictures, chance coming from torch's own generator.

    Args:
        x: pictures, normalised.
        strength: probability of each way of altering, for each picture, from 0 to 1.
    """
    chance = torch.rand(4, len(x))  # on the CPU, so that a device draws as another does
    moved, lit, starker, cut = (chance < strength).to(x.device)
    x = _moved(x, moved)
    if x.shape[1] > 1:
        x = _lit(x, lit, starker)
    return x * _kept(x, cut)


def _moved(x: Float[Tensor, "B C H W"], which: Tensor) -> Float[Tensor, "B C H W"]:
    """Move, turn and enlarge some pictures; what comes in at an edge is what lay there."""
    across, down, angle, size = (torch.rand(4, len(x)).to(x.device) * 2 - 1) * which
    scale = torch.exp2(_ENLARGED * size)
    cos, sin = scale * torch.cos(_TURNED * angle), scale * torch.sin(_TURNED * angle)
    rows = [cos, -sin, 2 * _MOVED * across, sin, cos, 2 * _MOVED * down]
    places = F.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), [*x.shape], align_corners=False)
    moved = F.grid_sample(x.float(), places, padding_mode="border", align_corners=False)
    return torch.where(which.view(-1, 1, 1, 1), moved, x)


def _lit(x: Float[Tensor, "B C H W"], lit: Tensor, starker: Tensor) -> Float[Tensor, "B C H W"]:
    """Make some pictures lighter or darker, and some starker or duller."""
    light, contrast, colour = (torch.rand(3, len(x), 1, 1, 1).to(x.device) * 2 - 1).unbind()
    light = light * lit.view(-1, 1, 1, 1)
    contrast, colour = (each * starker.view(-1, 1, 1, 1) for each in (contrast, colour))
    grey, mean = x.mean(dim=1, keepdim=True), x.mean(dim=(1, 2, 3), keepdim=True)
    x = grey + (x - grey) * torch.exp2(2 * _STARKER * colour)
    return mean + (x - mean) * torch.exp2(_STARKER * contrast) + _LIGHTER * light


def _kept(x: Float[Tensor, "B C H W"], which: Tensor) -> Float[Tensor, "B 1 H W"]:
    """Give 0 in a square of some pictures, 1 elsewhere."""
    height, width = x.shape[2:]
    down, across = torch.rand(2, len(x), 1).to(x.device)
    rows = (torch.arange(height, device=x.device) / height - down).abs() < _CUT / 2
    columns = (torch.arange(width, device=x.device) / width - across).abs() < _CUT / 2
    cut = rows[:, :, None] & columns[:, None, :] & which.view(-1, 1, 1)
    return (~cut)[:, None].to(x.dtype)
