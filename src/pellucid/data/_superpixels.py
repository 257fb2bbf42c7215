"""Cut a picture into pieces that look alike and hang together.

Idea: k-means in colour and place at once. Each cell of a grid starts one piece, and a pixel goes to
that one of the nine pieces around it which is nearest in both; place keeps flat grounds in compact
cells, colour draws the pieces to the edges.

Source: Achanta, Shaji, Smith, Lucchi, Fua & Süsstrunk 2012, "SLIC superpixels compared to
state-of-the-art superpixel methods", IEEE TPAMI 34(11). Colours: Ottosson 2020, "A perceptual color
space for image processing" (Oklab).
Departs: what a step in place weighs against one in colour is not set but measured: it is how much
colours vary within the cells of the grid, so that noise does not fray the pieces and faint edges
count in a faint picture.

Letters: H height, W width, C channels, K colour axes (1 grey, 3 else), G cells of the grid, S
pixels of the largest cell, F features of a pixel (K colours, 2 places).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float32, Int, Int64, UInt8
from numpy.typing import NDArray

from pellucid.data._components import components

_ROUNDS = 5
# What a step of one cell weighs, in deviations of the colours within a cell. With 2 a light square
# in noise is cut out best: its overlap with the pieces mostly inside it is 0.63, 0.83, 0.89 and
# 0.85 for 1, 1.5, 2 and 3 (pictures of 24 to 128 pixels, noise of 5 to 50, an edge of 100).
_PLACE = 2.0
_FAINTEST = 0.02  # of the way from black to white: edges below that are not followed
_LEAST = 1 / 3  # of a cell: smaller pieces go to a neighbour
_LINEAR = np.arange(256) / 255  # sRGB, decoded below
_LINEAR = np.where(_LINEAR <= 0.04045, _LINEAR / 12.92, ((_LINEAR + 0.055) / 1.055) ** 2.4)
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OPPONENTS = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def superpixels(
    pixels: UInt8[np.ndarray, "H W C"], grid: tuple[int, int]
) -> Int64[np.ndarray, "H W"]:
    """Number the piece that each pixel belongs to, from 0, in reading order of their first pixels.

    Args:
        pixels: of one picture.
        grid: cells down and across that the pieces start from, at least one pixel each.
    """
    height, width = pixels.shape[:2]
    tiling = _tiling(height, width, *grid)
    colours = perceived(pixels).reshape(height * width, -1)
    labels = _clustered(colours, tiling)
    pieces = _connected(labels.reshape(height, width), height * width / tiling.count * _LEAST)
    return pieces if pieces.any() else _connected(tiling.home.reshape(height, width), 0)


def perceived(pixels: UInt8[np.ndarray, "*any C"]) -> Float32[np.ndarray, "*any K"]:
    """Give colours as they are seen: lightness from 0 to 1, and green to red, blue to yellow."""
    if pixels.shape[-1] == 1:
        return np.cbrt(_LINEAR).astype(np.float32)[pixels]
    cones = _LINEAR.astype(np.float32)[pixels] @ _CONES.T.astype(np.float32)
    return np.cbrt(cones) @ _OPPONENTS.T.astype(np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tiling:
    """A grid laid over pictures of one size.

    Args:
        home: the cell of each pixel.
        members: the pixels of each cell, some of them twice where a cell is smaller than others.
        around: each cell and its eight neighbours, some of them twice at the border.
        places: row and column of each pixel, in cells.
    """

    home: Int64[np.ndarray, " HW"]
    members: Int64[np.ndarray, "G S"]
    around: Int64[np.ndarray, "G 9"]
    places: Float32[np.ndarray, "HW 2"]

    @property
    def count(self) -> int:
        """Count the cells, G."""
        return len(self.members)


@lru_cache(maxsize=16)
def _tiling(height: int, width: int, down: int, across: int) -> _Tiling:
    rows, columns = _members(height, down), _members(width, across)
    members = rows[:, None, :, None] * width + columns[None, :, None, :]
    members = members.reshape(down * across, -1)
    home = np.empty(height * width, np.int64)
    home[members] = np.arange(down * across)[:, None]
    cells = [np.clip(np.arange(n)[:, None] + (-1, 0, 1), 0, n - 1) for n in (down, across)]
    around = cells[0][:, None, :, None] * across + cells[1][None, :, None, :]
    row, column = np.mgrid[:height, :width].reshape(2, -1)
    places = np.stack([row * (down / height), column * (across / width)], axis=1)
    return _Tiling(
        home=home,
        members=members,
        around=around.reshape(down * across, 9),
        places=places.astype(np.float32),
    )


def _members(length: int, cells: int) -> Int64[np.ndarray, "cells _"]:
    """Cut a side into cells, the last pixel repeated in those that are one shorter."""
    edges = np.arange(cells + 1) * length // cells
    steps = np.arange(np.diff(edges).max())
    return np.minimum(edges[:-1, None] + steps, edges[1:, None] - 1)


def _clustered(colours: Float32[np.ndarray, "HW K"], tiling: _Tiling) -> Int64[np.ndarray, " HW"]:
    means = _means(colours, tiling.home, tiling.count)
    varied = ((colours - means[tiling.home]) ** 2).sum(axis=1).mean()
    step = _PLACE * max(float(varied) ** 0.5, _FAINTEST)
    features = np.concatenate([colours, step * tiling.places], axis=1)
    tiles = features[tiling.members].transpose(0, 2, 1)
    labels = tiling.home.copy()
    centres = _means(features, labels, tiling.count)
    for _ in range(_ROUNDS):
        near = centres[tiling.around]
        # The square of the distance, less that of the pixel itself, which is the same for all nine.
        distances = (near**2).sum(axis=2)[:, :, None] - 2 * (near @ tiles)
        chosen = distances.argmin(axis=1)
        labels[tiling.members] = np.take_along_axis(tiling.around, chosen, axis=1)
        found = _means(features, labels, tiling.count)
        centres = np.where(np.isnan(found), centres, found)
    return labels


def _means(
    features: Float32[np.ndarray, "HW F"], labels: Int64[np.ndarray, " HW"], count: int
) -> Float32[np.ndarray, "G F"]:
    sums = [np.bincount(labels, one, count) for one in features.T]
    with np.errstate(invalid="ignore"):
        return (np.stack(sums, axis=1) / np.bincount(labels, minlength=count)[:, None]).astype(
            np.float32
        )


def _connected(labels: Int[np.ndarray, "H W"], least: float) -> Int64[np.ndarray, "H W"]:
    """Tell apart pieces of one label that do not touch, and give small ones to a neighbour."""
    starts = np.ones(labels.shape, bool)
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    runs = (starts.cumsum() - 1).reshape(labels.shape)  # of one label, along a row
    one, other = _touching(runs, starts)
    label = labels[starts]
    alike = label[one] == label[other]
    piece = components(len(label), one[alike], other[alike])
    lengths = np.bincount(runs.ravel())
    while True:
        sizes = np.bincount(piece, lengths)
        small = np.flatnonzero(sizes < least)
        if not len(small) or len(sizes) == 1:
            return piece[runs]
        hosts = _largest_neighbours(piece[one], piece[other], sizes)
        piece = components(len(sizes), small, hosts[small])[piece]


def _touching(
    runs: Int64[np.ndarray, "H W"], starts: NDArray[np.bool_]
) -> tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]:
    """Give the pairs of runs that lie side by side or one above the other."""
    beside = starts[:, 1:]
    above = starts[1:] | starts[:-1]  # at no other pixel does a pair begin
    one = np.concatenate([runs[:, :-1][beside], runs[:-1][above]])
    return one, np.concatenate([runs[:, 1:][beside], runs[1:][above]])


def _largest_neighbours(
    one: Int64[np.ndarray, " _"], other: Int64[np.ndarray, " _"], sizes: NDArray[Any]
) -> Int64[np.ndarray, " _"]:
    apart = one != other
    ends = np.concatenate([one[apart], other[apart]])
    others = np.concatenate([other[apart], one[apart]])
    count = len(sizes)
    ranks = sizes[others].astype(np.int64) * count + others
    best = np.zeros(count, np.int64)
    np.maximum.at(best, ends, ranks)
    return best % count
