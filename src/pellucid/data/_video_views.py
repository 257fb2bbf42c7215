"""Other views of a clip that mean the same: mirrored, cropped, faster, later, in other light.

Idea: a view helps if it could have been in the data, and it is the same for all frames of a clip,
or the view itself would move. Where the classes differ in which way things move, a mirrored clip
would be one of another class, so nothing is mirrored.

Source: views by crop and mirror: Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with
deep convolutional neural networks", section 4.1.
Departs: whether to mirror is read off the data; a part of the time is played slower, so that it
fills the whole.

Letters: B batch, N clips, C channels, T frames, H height, W width.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data._picture_views import may_flip as may_flip_pictures
from pellucid.data._targets import as_classes, factorise
from pellucid.data._video_alike import mirrored_stills, sided, stills
from pellucid.data._video_clips import Clips, Form

_CROP = (0.5, 1.0)  # share of the area
_LONGER = 4 / 3  # side ratio of a crop, at most
_LIGHT = 0.2  # contrast, as a factor of 1 ± this; brightness, in standard deviations
_SLOWER = 0.25  # share of the time that may be left out
_SMALL = 40  # pixels; clips that are smaller are moved and not cropped
_SHUFFLES = 200  # ways of dealing the classes out by chance that the true one is compared with
_FEWEST = 12  # clips, below which nothing can be told

Plan = Mapping[str, Any]


def plan(form: Form, *, flip: bool) -> dict[str, Any]:
    """Say, as data, which views of clips of this form are made.

    Returns:
        flip: whether half of the clips are mirrored; area: the least share of it that is left;
        light: see `_LIGHT`; slower: the share of the time that may be left out.
    """
    large = min(form.height, form.width) > _SMALL
    return {
        "flip": flip,
        "area": _CROP[0] if large else 0.8,
        "light": _LIGHT if large else 0.0,
        "slower": _SLOWER if form.frames >= 8 else 0.0,
    }


def may_flip(
    clips: Clips, targets: NDArray[Any] | None, groups: NDArray[Any] | None = None
) -> bool:
    """Tell whether mirrored clips could be clips of the same data and class.

    Args:
        clips: of the training side.
        targets: their classes or numbers.
        groups: what was filmed at one place goes the same way for that reason alone.
    """
    if targets is not None and _told_by_direction(sided(clips), targets, groups):
        return False
    return may_flip_pictures(stills(clips), mirrored_stills(clips), targets, scenery=True)


def varied(
    x: Float[Tensor, "B C T H W"], plan: Plan, generator: torch.Generator
) -> Float[Tensor, "B C T H W"]:
    """Give one other view of each clip.

    Args:
        x: normalised clips on any device.
        plan: as `plan` gives it.
        generator: on the CPU; all chance comes from it.
    """
    count, frames = len(x), x.shape[2]
    chance = torch.rand(9, count, generator=generator)
    flips = chance[0] < (0.5 if plan["flip"] else 0.0)
    x = x.permute(0, 2, 1, 3, 4).reshape(count * frames, x.shape[1], *x.shape[3:])
    if plan["slower"]:
        x = _slower(x, frames, 1 - plan["slower"] * chance[1], chance[2])
    x = _cropped(x, frames, (plan["area"], 1.0), flips, chance[3:7])
    if plan["light"]:
        by = plan["light"] * (2 * chance[7:].repeat_interleave(frames, dim=1) - 1)
        light = by.to(x)[:, :, None, None, None]
        x = torch.addcmul(light[1], x, 1 + light[0])
    return x.unflatten(0, (count, frames)).permute(0, 2, 1, 3, 4)


def _slower(
    x: Float[Tensor, "F C H W"], frames: int, part: Float[Tensor, " B"], start: Float[Tensor, " B"]
) -> Float[Tensor, "F C H W"]:
    """Play a part of the time in the whole of it, each frame mixed of the two that are nearest.

    Were the nearest alone shown, some would be shown twice, and nothing would move between them.
    """
    at = (start * (1 - part))[:, None] * (frames - 1) + part[:, None] * torch.arange(frames)
    low = at.long().clamp(0, frames - 1)
    first = torch.arange(len(part))[:, None] * frames
    high = first + (low + 1).clamp(max=frames - 1)
    share = (at - low).flatten().to(x)[:, None, None, None]
    return torch.lerp(
        x.index_select(0, (first + low).flatten().to(x.device)),
        x.index_select(0, high.flatten().to(x.device)),
        share,
    )


def _cropped(
    x: Float[Tensor, "F C H W"],
    frames: int,
    shares: tuple[float, float],
    flips: Tensor,
    chance: Float[Tensor, "_ B"],
) -> Float[Tensor, "F C H W"]:
    """Cut the same part out of all frames of a clip and enlarge it to the whole."""
    height, width = x.shape[2:]
    area = shares[0] + (shares[1] - shares[0]) * chance[0]
    ratio = torch.exp((2 * chance[1] - 1) * math.log(_LONGER) / 2)
    tall, wide = (area.sqrt() / ratio).clamp(max=1), (area.sqrt() * ratio).clamp(max=1)
    down = (2 * chance[2] - 1) * (1 - tall)
    across = (2 * chance[3] - 1) * (1 - wide)
    wide = torch.where(flips, -wide, wide)
    grid = torch.empty(len(wide), height, width, 2)
    grid[..., 0] = (wide[:, None] * _centres(width) + across[:, None])[:, None, :]
    grid[..., 1] = (tall[:, None] * _centres(height) + down[:, None])[:, :, None]
    grid = grid.to(x).repeat_interleave(frames, dim=0)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _centres(side: int) -> Float[Tensor, " side"]:
    return (2 * torch.arange(side) + 1) / side - 1


def _told_by_direction(
    sides: Float32[np.ndarray, "N D"], targets: NDArray[Any], groups: NDArray[Any] | None
) -> bool:
    """Tell whether classes differ in which way things move, more than dealt out by chance."""
    codes = _codes(targets)
    known = codes >= 0
    if known.sum() < _FEWEST or not sides.any():
        return False
    places = np.arange(len(codes)) if groups is None else factorise(groups)[1]
    places = np.where(places < 0, len(codes) + np.arange(len(codes)), places)
    # What lies in one group and one class counts once, or a few places would look like many.
    units, of = np.unique(np.stack([places, codes])[:, known], axis=1, return_inverse=True)
    of = of.ravel()
    sums = np.stack([np.bincount(of, column) for column in sides[known].T], axis=1)
    means = sums / np.bincount(of)[:, None]
    values = (means - means.mean(axis=0)) / (means.std(axis=0) + 1e-9)
    random = np.random.default_rng(0)
    chance = [_between(values, random.permutation(units[1])) for _ in range(_SHUFFLES)]
    true = _between(values, units[1])
    return any(
        one > max(others) for one, others in zip(true, zip(*chance, strict=True), strict=True)
    )


def _codes(targets: NDArray[Any]) -> NDArray[np.int64]:
    """Number the classes, or the quarters that numbers lie in; -1 where missing."""
    if targets.dtype.kind == "f":
        edges = np.nanquantile(targets, (0.25, 0.5, 0.75)) if np.isfinite(targets).any() else ()
        return np.where(np.isfinite(targets), np.digitize(targets, edges), -1).astype(np.int64)
    classes = as_classes(targets)
    return np.full(len(targets), -1, np.int64) if classes is None else classes[1]


def _between(values: Float[np.ndarray, "U D"], codes: NDArray[np.int64]) -> tuple[float, float]:
    """Give how much of the variance lies between the classes: the most of one, and of all."""
    counts = np.maximum(np.bincount(codes), 1)[:, None]
    sums = np.stack([np.bincount(codes, column) for column in values.T], axis=1)
    each = (sums**2 / counts).sum(axis=0)
    return float(each.max()), float(each.sum())
