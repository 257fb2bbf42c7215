"""What a picture looks like where nothing is there.

Idea: a covering must take evidence away and bring none of its own. Where the ground of a picture
goes on, a network sees nothing new. A plain ground has one colour; in a photo a patch of one colour
is itself a thing with edges, and a blur has none. Flat grey, the mean of the training side, is to
many networks a sure sign of some class, so that it comes last.

Letters: B batch, N pictures, C channels, H height, W width.
"""

import torch
from jaxtyping import Float
from torch import Tensor

_BLURRED = 0.2  # of the longer side: the deviation of the blur
_PLAIN = 0.25  # deviations of the training side, by which half a border differs from its median


def blanks(x: Float[Tensor, "B C H W"], others: Float[Tensor, "N C H W"]) -> dict[str, Tensor]:
    """Give the ways of showing nothing, by name, the most natural first, each (1, B, C, H, W).

    Args:
        x: normalised to a mean of 0 on the training side.
        others: pictures of the training side; N may be 0.
    """
    smooth = blurred(x)
    found = {"surroundings": _surroundings(x, smooth), "blurred": smooth}
    if len(others):
        found["average picture"] = others.mean(dim=0).to(x).expand_as(x)
    found["mean colour"] = torch.zeros_like(x)
    return {name: blank[None] for name, blank in found.items()}


def blurred(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    """Blur pictures until nothing in them can be told."""
    deviation = _BLURRED * max(x.shape[-2:])
    down, across = (_smoothing(side, deviation, x) for side in x.shape[-2:])
    return down @ x @ across.T


def _surroundings(
    x: Float[Tensor, "B C H W"], smooth: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B C H W"]:
    """Let the ground go on: the colour of the border if that is plain, else what lies around."""
    border = torch.cat([x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]], dim=2)
    ground = _median(border)
    apart = _median((border - ground).abs()).amax(dim=1, keepdim=True)
    return torch.where(apart[..., None] < _PLAIN, ground[..., None], smooth)


def _median(values: Float[Tensor, "B C _"]) -> Float[Tensor, "B C 1"]:
    ordered = values.sort(dim=2).values  # a median of CUDA's own may not repeat
    middle = (ordered.shape[2] - 1) // 2
    return ordered[:, :, middle : middle + 1]


def _smoothing(side: int, deviation: float, x: Tensor) -> Float[Tensor, "side side"]:
    """Give the weights of a Gaussian blur along one side; at its ends they still sum up to one."""
    places = torch.arange(side, device=x.device, dtype=x.dtype)
    return (-((places[:, None] - places) ** 2) / (2 * deviation**2)).softmax(dim=1)
