"""The parts of a clip, spans of time × regions, and what it is where nothing happens.

Idea: people point at when and where. Every clip is divided into the same spans and regions; each
has its place in seconds and in pixels of the file.

Letters: B batch, N clips, C channels, T frames, H height, W width, S spans.
"""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pellucid.data import Parts
from pellucid.data._picture_blanks import blurred
from pellucid.data._pictures import seen
from pellucid.data._video_clips import Clips, Form

SPANS, DOWN, ACROSS = 4, 4, 4
_WHEN = ("first", "second", "third", "last")
_ROWS = ("top", "upper", "lower", "bottom")
_COLUMNS = ("far left", "left", "right", "far right")


def divided(clips: Clips, form: Form) -> list[Parts]:
    """Give the spans and regions of each clip, named by seconds."""
    of = grid(form)
    return [_parts(clips, place, form, of, shared=False) for place in range(len(clips))]


def shared(clips: Clips, form: Form) -> list[Parts]:
    """Give the same, named by parts of the time, so that names are the same in all clips."""
    of = grid(form)
    return [_parts(clips, place, form, of, shared=True) for place in range(len(clips))]


@lru_cache(maxsize=8)
def grid(form: Form) -> Int64[np.ndarray, "1 T H W"]:
    """Number each pixel of each frame by its part."""
    spans, down, across = counts(form)
    when = np.arange(form.frames) * spans // form.frames
    rows = np.arange(form.height) * down // form.height
    columns = np.arange(form.width) * across // form.width
    of = (when[:, None, None] * down + rows[:, None]) * across + columns
    return of[None].astype(np.int64)


def counts(form: Form) -> tuple[int, int, int]:
    """Give how many spans, rows and columns a clip is divided into."""
    return min(SPANS, form.frames), min(DOWN, form.height), min(ACROSS, form.width)


def blanks(x: Float[Tensor, "B C T H W"], others: Float[Tensor, "N C T H W"]) -> dict[str, Tensor]:
    """Give the ways of showing that nothing happens, by name, each (1, B, C, T, H, W).

    Where the ground goes on standing still, nothing new is seen; what stands there all the time is
    taken away by the blur.

    Args:
        x: normalised to a mean of 0 on the training side.
        others: clips of the training side; N may be 0.
    """
    still = x.sort(dim=2).values[:, :, (x.shape[2] - 1) // 2].unsqueeze(2).expand_as(x)
    flat = x.transpose(1, 2).flatten(0, 1)
    smooth = blurred(flat).unflatten(0, (len(x), x.shape[2])).transpose(1, 2)
    found = {"standing still": still, "blurred": smooth}
    if len(others):
        found["average clip"] = others.mean(dim=(0, 2), keepdim=True)[0].to(x).expand_as(x)
    found["mean colour"] = torch.zeros_like(x)
    return {name: blank[None] for name, blank in found.items()}


def _parts(
    clips: Clips, place: int, form: Form, of: Int64[np.ndarray, "1 T H W"], *, shared: bool
) -> Parts:
    facts = clips.about()
    seconds, size = float(facts.seconds[place]), facts.sizes[place].tolist()
    spans, down, across = counts(form)
    times = _edges(spans, form.frames) * (seconds / form.frames)
    boxes = _boxes((size[0], size[1]), form)
    names: list[str] = []
    where: list[Any] = []
    for span in range(spans):
        first, last = float(times[span]), float(times[span + 1])
        when = f"{_when(span, spans)} of the time" if shared else f"{first:.2f} to {last:.2f} s"
        for region, box in enumerate(boxes):
            row, column = divmod(region, across)
            names.append(f"{when}, {_region(row, down, column, across)}")
            where.append({"seconds": [round(first, 3), round(last, 3)], "box": box})
    return Parts(of=of, names=tuple(names), where=tuple(where))


def _boxes(size: tuple[int, int], form: Form) -> list[list[int]]:
    """Give left, top, width and height of each region, in pixels of the file."""
    left, top, wide, high = seen(size, form.width, form.height)
    _, down, across = counts(form)
    lefts = left + _edges(across, form.width) * (wide / form.width)
    tops = top + _edges(down, form.height) * (high / form.height)
    return [
        [round(a), round(b), max(1, round(c) - round(a)), max(1, round(d) - round(b))]
        for b, d in itertools.pairwise(tops)
        for a, c in itertools.pairwise(lefts)
    ]


def _edges(count: int, length: int) -> Float[np.ndarray, " _"]:
    """Give where parts begin, and the end: place p of `length` is in part p × count // length."""
    return np.array([-(-part * length // count) for part in range(count + 1)], np.float64)


def _when(span: int, spans: int) -> str:
    return f"{_WHEN[span]} quarter" if spans == SPANS else f"part {span + 1} of {spans}"


def _region(row: int, down: int, column: int, across: int) -> str:
    if down != DOWN or across != ACROSS:
        return f"row {row + 1}, column {column + 1}"
    if _ROWS[row] in ("top", "bottom") and _COLUMNS[column].startswith("far"):
        return f"{_ROWS[row]} {_COLUMNS[column].removeprefix('far ')} corner"
    return f"{_ROWS[row]} {_COLUMNS[column]}"


def spans_of(form: Form) -> Sequence[range]:
    """Give the frames of each span."""
    edges = _edges(counts(form)[0], form.frames).astype(int).tolist()
    return [range(a, b) for a, b in itertools.pairwise(edges)]
