"""The parts of a picture, with names that a person can point at and their place in the file.

Idea: what is covered together should look alike (superpixels), what is compared between pictures
should lie in the same place (a grid). Both are found in the picture as the network gets it, and
traced back through cropping and resizing to pixels of the file.

Letters: N pictures, H height, W width, C channels, P parts.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int64, UInt8
from numpy.typing import NDArray

from pellucid.data import Parts
from pellucid.data._picture_rows import Pictures
from pellucid.data._pictures import Form, seen
from pellucid.data._superpixels import perceived, superpixels

_CELL = 4  # pixels that a cell is long at least, where that leaves enough of them
_FEW = 5  # cells along a side that even the smallest pictures are cut into
_MANY, _MORE = 7, 8  # cells along a side of a small picture, and of a large one
_LARGE = 112  # pixels
_FIELDS, _MORE_FIELDS = 7, 9  # of the fixed grid
_DOWN = ("top", "upper", "middle", "lower", "bottom")
_ACROSS = ("far left", "left", "middle", "right", "far right")
_HUE = np.array([1.0, 2.0, 2.0])  # hue tells parts apart more than lightness does
_COLOURS = {
    "black": (0, 0, 0),
    "dark grey": (72, 72, 72),
    "grey": (128, 128, 128),
    "light grey": (195, 195, 195),
    "white": (255, 255, 255),
    "red": (215, 30, 35),
    "dark red": (110, 20, 25),
    "brown": (115, 75, 45),
    "orange": (245, 140, 30),
    "yellow": (245, 225, 50),
    "beige": (215, 195, 155),
    "olive": (110, 110, 45),
    "light green": (150, 210, 110),
    "green": (60, 150, 60),
    "dark green": (30, 70, 35),
    "turquoise": (60, 175, 170),
    "light blue": (145, 195, 235),
    "blue": (45, 90, 200),
    "dark blue": (25, 35, 90),
    "purple": (130, 60, 160),
    "lilac": (190, 160, 215),
    "pink": (240, 140, 180),
}


def pieces(stored: UInt8[np.ndarray, "N H W C"], pictures: Pictures, form: Form) -> list[Parts]:
    """Cut each picture into superpixels, about 49 of them.

    Args:
        stored: in the form of the model.
        pictures: the same as they were read.
        form: of the model.
    """
    most = _MANY if max(form.height, form.width) < _LARGE else _MORE
    grid = (_cells(form.height, most), _cells(form.width, most))
    found = []
    for pixels, frame in zip(stored, _frames(pictures, form), strict=True):
        of = superpixels(pixels, grid)
        found.append(Parts(of=of[None], names=_piece_names(pixels, of), where=_where(of, frame)))
    return found


def fields(pictures: Pictures, form: Form) -> list[Parts]:
    """Lay the same grid over all pictures.

    Args:
        pictures: as they were read.
        form: of the model.
    """
    most = _FIELDS if max(form.height, form.width) < _LARGE else _MORE_FIELDS
    down, across = min(most, form.height), min(most, form.width)
    rows = np.arange(form.height) * down // form.height
    columns = np.arange(form.width) * across // form.width
    of = rows[:, None] * across + columns
    names = _field_names(down, across)
    frames = _frames(pictures, form)
    where = {frame: _where(of, frame) for frame in set(frames)}
    return [Parts(of=of[None], names=names, where=where[frame]) for frame in frames]


@dataclass(frozen=True, slots=True)
class _Frame:
    """The rectangle of a file that the network sees, and the whole of it, pixels of the file."""

    left: float
    top: float
    across: float
    down: float
    width: int
    height: int


def _frames(pictures: Pictures, form: Form) -> list[_Frame]:
    high, wide = pictures.pixels.shape[1:3]
    left, top, across, down = seen((wide, high), form.width, form.height)
    frames = []
    for width, height in pictures.about()[0].tolist():
        # What was read may have been brought to a size once before.
        outer = seen((width, height), wide, high)
        unit, unit_down = outer[2] / wide, outer[3] / high
        begin = (outer[0] + left * unit, outer[1] + top * unit_down)
        frames.append(_Frame(*begin, across * unit, down * unit_down, width, height))
    return frames


def _where(of: Int64[np.ndarray, "H W"], frame: _Frame) -> tuple[list[int], ...]:
    """Give the box around each part: left, top, width and height in pixels of the file."""
    height, width = of.shape
    rows, columns = _extent(of), _extent(of.T)
    lefts, rights = (frame.left + columns * (frame.across / width)).round().astype(int)
    tops, bottoms = (frame.top + rows * (frame.down / height)).round().astype(int)
    # Where the file is smaller than the form, several parts share a pixel of it.
    lefts, tops = np.minimum(lefts, frame.width - 1), np.minimum(tops, frame.height - 1)
    sides = [np.maximum(rights - lefts, 1), np.maximum(bottoms - tops, 1)]
    return tuple(np.stack([lefts, tops, *sides], axis=1).tolist())


def _extent(of: Int64[np.ndarray, "H W"]) -> Int64[np.ndarray, "2 P"]:
    """Give the first row of each part and the one after its last."""
    count = int(of.max()) + 1
    first, last = np.full(count, len(of)), np.zeros(count, np.int64)
    row = np.broadcast_to(np.arange(len(of))[:, None], of.shape)
    np.minimum.at(first, of, row)
    np.maximum.at(last, of, row + 1)
    return np.stack([first, last])


def _cells(length: int, most: int) -> int:
    return min(max(length // _CELL, min(length, _FEW)), most)


def _piece_names(
    pixels: UInt8[np.ndarray, "H W C"], of: Int64[np.ndarray, "H W"]
) -> tuple[str, ...]:
    height, width = of.shape
    rows = _means(np.mgrid[:height, :width].reshape(2, -1).T, of) + 0.5
    down = (rows[:, 0] * len(_DOWN) / height).astype(int)
    across = (rows[:, 1] * len(_ACROSS) / width).astype(int)
    colours = perceived(pixels).reshape(height * width, -1)
    words = _colour_words(_means(colours, of))
    plain = [
        f"{_place(_DOWN[row], _ACROSS[column])}, {word}"
        for row, column, word in zip(down, across, words, strict=True)
    ]
    return _numbered(plain)


def _place(row: str, column: str) -> str:
    if row == column:
        return "centre"
    if row in ("top", "bottom") and column.startswith("far"):
        return f"{row} {column.removeprefix('far ')} corner"
    if row == "middle":
        return column
    return f"{row} {column}"


def _colour_words(colours: Float[np.ndarray, "P K"]) -> list[str]:
    known = perceived(np.array([*_COLOURS.values()], np.uint8))
    words = [*_COLOURS]
    if colours.shape[1] == 1:
        known, words = known[:5, :1], words[:5]
    apart = ((colours[:, None] - known) * _HUE[: known.shape[1]]) ** 2
    return [words[place] for place in apart.sum(axis=2).argmin(axis=1)]


def _means(values: NDArray[Any], of: Int64[np.ndarray, "H W"]) -> Float[np.ndarray, "P _"]:
    labels = of.ravel()
    sums = np.stack([np.bincount(labels, one) for one in values.T], axis=1)
    return sums / np.bincount(labels)[:, None]


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    """Tell equal names apart by numbers, in reading order."""
    several = {name for name, count in Counter(names).items() if count > 1}
    seen_so_far: Counter[str] = Counter()
    told = []
    for name in names:
        seen_so_far[name] += 1
        told.append(f"{name} {seen_so_far[name]}" if name in several else name)
    return tuple(told)


@lru_cache(maxsize=16)
def _field_names(down: int, across: int) -> tuple[str, ...]:
    corners = {
        (0, 0): "top left corner",
        (0, across - 1): "top right corner",
        (down - 1, 0): "bottom left corner",
        (down - 1, across - 1): "bottom right corner",
    }
    cells = [(row, column) for row in range(down) for column in range(across)]
    named = corners if down > 1 and across > 1 else {}
    return tuple(named.get(cell, f"row {cell[0] + 1}, column {cell[1] + 1}") for cell in cells)
