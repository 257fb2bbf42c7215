"""Other views of a picture that mean the same: mirrored, moved, cropped, lit differently.

Idea: a view helps if it could have been in the data. A mirrored shoe could, a mirrored digit could
not; so mirrored pictures are compared with the others. If they are much further from every other
picture than pictures are from each other, or are like pictures of another class, nothing is
mirrored.

Source: views by crop and mirror: Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with
deep convolutional neural networks", section 4.1. Crop by area and side ratio: Szegedy et al. 2015,
arXiv:1409.4842, section 6.
Departs: whether to mirror is read off the data.

Letters: B batch, N examples, H height, W width, C channels, D numbers in a vector.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Float32
from numpy.typing import NDArray
from torch import Tensor

# Paired median of the ratio of two distances: to the nearest other picture, mirrored and not. It
# was 1.4 for garments (Fashion-MNIST), 1.0 for flowers and for insects, 3.1 for handwritten digits,
# 2.3 for printed letters and 2.6 for printed digits in colours.
STRANGE = 1.75
# Of mirrored pictures that are near to others, so many more than of others are near to another
# class: 0.05 for garments, up to 0.15 for 61 photos of insects, 1.0 for printed "b" and "d".
CONFUSED = 0.3
_NEAR = 1.5  # times the median distance to the nearest
_ASKED = 600  # pictures that are mirrored
_AMONG = 2_400  # pictures that they are compared with
_FEW = 40  # pictures, below which nothing can be told and pictures are mirrored
_SMALL = 40  # pixels; larger pictures may be cropped
_CROP = (0.4, 1.0)  # share of the area
_LONGER = 4 / 3  # side ratio of a crop, at most
_LIGHT = 0.2  # contrast, as a factor of 1 ± this; brightness, in standard deviations

Plan = Mapping[str, Any]


def plan(height: int, width: int, channels: int, *, flip: bool) -> dict[str, Any]:
    """Say, as data, which views of pictures of this form are made.

    Returns:
        flip: whether half of the pictures are mirrored; shift: pixels by which they are moved at
        most; crop: least and greatest share of the area, or None; light: see `Image.augment`.
    """
    side = min(height, width)
    photos = side > _SMALL and channels == 3
    return {
        "flip": flip,
        "shift": 0 if photos else max(1, round(side / (28 if side <= _SMALL else 12))),
        "crop": list(_CROP) if photos else None,
        "light": _LIGHT if photos else 0.0,
    }


def may_flip(
    vectors: Float32[np.ndarray, "N D"],
    mirrored: Float32[np.ndarray, "N D"],
    targets: NDArray[Any] | None,
    *,
    scenery: bool = False,
) -> bool:
    """Tell whether mirrored pictures could be pictures of the same data and class.

    Args:
        vectors: of length 1, one a picture.
        mirrored: of the same pictures, mirrored.
        targets: their classes, as strings; None or numbers if they cannot be told by class.
        scenery: whether many were taken at one place: then each has others that are near to it, and
            that a mirrored one has none says nothing.
    """
    order = np.random.default_rng(0).permutation(len(vectors))
    if len(vectors) < _FEW:
        return True
    asked = order[: min(_ASKED, len(order) // 4)]
    among = order[len(asked) : len(asked) + _AMONG]
    own, near = _nearest(vectors[asked], vectors[among])
    turned, near_turned = _nearest(mirrored[asked], vectors[among])
    if not scenery and np.median((turned + 1e-3) / (own + 1e-3)) > STRANGE:
        return False
    if targets is None or targets.dtype.kind == "f":
        return True
    limit = _NEAR * float(np.median(own))
    wrong = _wrong(targets[asked], targets[among[near]], own <= limit)
    wrong_turned = _wrong(targets[asked], targets[among[near_turned]], turned <= limit)
    return wrong_turned - wrong <= CONFUSED


def varied(
    x: Float[Tensor, "B C H W"], plan: Plan, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    """Give one other view of each picture.

    Args:
        x: normalised pictures on any device.
        plan: as `plan` gives it.
        generator: on the CPU; all chance comes from it.
    """
    flips = torch.rand(len(x), generator=generator) < (0.5 if plan["flip"] else 0.0)
    if plan["crop"]:
        x = _cropped(x, plan["crop"], flips, generator)
    else:
        x = _moved(x, int(plan["shift"]), flips, generator)
    return _lit(x, float(plan["light"]), generator) if plan["light"] else x


def _nearest(
    asked: Float32[np.ndarray, "Q D"], among: Float32[np.ndarray, "N D"]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give the distance (1 - cosine) to the nearest and its place."""
    likeness = asked @ among.T
    places = likeness.argmax(axis=1)
    return 1 - likeness[np.arange(len(asked)), places], places


def _wrong(asked: NDArray[Any], found: NDArray[Any], near: NDArray[np.bool_]) -> float:
    """Share of the near ones that are of another class."""
    return float((asked != found)[near].mean()) if near.any() else 0.0


def _moved(
    x: Float[Tensor, "B C H W"],
    shift: int,
    flips: Bool[Tensor, " B"],
    generator: torch.Generator,
) -> Float[Tensor, "B C H W"]:
    """Move and mirror by one lookup; what comes in at an edge is what lay inside it, mirrored."""
    count, _, height, width = x.shape
    by = torch.randint(-shift, shift + 1, (2, count, 1), generator=generator)
    rows = _reflected(torch.arange(height) + by[0], height)
    columns = _reflected(torch.arange(width) + by[1], width)
    columns = torch.where(flips[:, None], width - 1 - columns, columns)
    picture = torch.arange(count)[:, None, None]
    places = (picture * height + rows[:, :, None]) * width + columns[:, None, :]
    pixels = x.permute(0, 2, 3, 1).reshape(count * height * width, -1)
    moved = pixels.index_select(0, places.flatten().to(x.device))
    return moved.view(count, height, width, -1).permute(0, 3, 1, 2)


def _reflected(places: Tensor, side: int) -> Tensor:
    last = side - 1
    return (last - (last - places.abs()).abs()).clamp(0, last)


def _cropped(
    x: Float[Tensor, "B C H W"],
    shares: tuple[float, float] | list[float],
    flips: Bool[Tensor, " B"],
    generator: torch.Generator,
) -> Float[Tensor, "B C H W"]:
    """Cut a part out of each picture and enlarge it to the whole, mirrored or not."""
    count, _, height, width = x.shape
    area, ratio, down, across = torch.rand(4, count, generator=generator)
    area = shares[0] + (shares[1] - shares[0]) * area
    ratio = torch.exp((2 * ratio - 1) * math.log(_LONGER) / 2)
    tall = (area.sqrt() / ratio).clamp(max=1)
    wide = (area.sqrt() * ratio).clamp(max=1)
    wide = torch.where(flips, -wide, wide)
    columns = _along(width, wide, (2 * across - 1) * (1 - wide.abs()))
    rows = _along(height, tall, (2 * down - 1) * (1 - tall))
    grid = torch.empty(count, height, width, 2, device=x.device, dtype=x.dtype)
    grid[..., 0] = columns[:, None, :].to(x.device)
    grid[..., 1] = rows[:, :, None].to(x.device)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _along(
    side: int, share: Float[Tensor, " B"], middle: Float[Tensor, " B"]
) -> Float[Tensor, "B side"]:
    """Places to look at along one side, from -1 to 1, for a part of it around a middle."""
    centres = (2 * torch.arange(side) + 1) / side - 1
    return share[:, None] * centres + middle[:, None]


def _lit(
    x: Float[Tensor, "B C H W"], light: float, generator: torch.Generator
) -> Float[Tensor, "B C H W"]:
    by = light * (2 * torch.rand(2, len(x), 1, 1, 1, generator=generator) - 1)
    by = by.to(x.device, x.dtype)
    # One pass gives both the light and the layout that convolutions want.
    lit = torch.empty_like(x, memory_format=torch.channels_last)
    return torch.addcmul(by[1], x, 1 + by[0], out=lit)
