"""Pictures of one size in one array, and which of its rows are meant.

Idea: taking some of the pictures notes their places and copies nothing; only who asks for the whole
gets rows of their own, on disk if they are too many for memory.

Letters: M pictures held, N pictures meant, H height, W width, C channels, D numbers in a vector.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from numpy.typing import NDArray

from pellucid.data._cache import spill

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as Pillow's mode L
THUMBNAIL = 16  # pixels; near-duplicates are told apart at this size
_BLOCK = 1 << 23  # bytes handled at once: fits a last-level cache


@dataclass(frozen=True, kw_only=True, slots=True)
class Pictures:
    """What the kind `image` reads from.

    Args:
        pixels: all pictures held, in memory or mapped.
        sizes: width and height of each as it was given, upright, pixels.
        grey: whether each showed no colour as it was given.
        places: rows meant, in order; None for all.
        most: bytes from which a copy of rows is mapped.
        folder: where a mapped copy goes.
    """

    pixels: UInt8[np.ndarray, "M H W C"]
    sizes: Int[np.ndarray, "M 2"]
    grey: Bool[np.ndarray, " M"]
    places: NDArray[np.int64] | None = None
    most: int = 1 << 28
    folder: Path = Path()

    def __len__(self) -> int:
        """Count the pictures meant."""
        return len(self.pixels) if self.places is None else len(self.places)

    def take(self, places: NDArray[np.int64]) -> "Pictures":
        """Mean only these, in this order."""
        return replace(self, places=places if self.places is None else self.places[places])

    def about(self) -> tuple[Int[np.ndarray, "N 2"], Bool[np.ndarray, " N"]]:
        """Give the sizes and the greyness of the pictures meant."""
        rows = slice(None) if self.places is None else self.places
        return self.sizes[rows], self.grey[rows]

    def blocks(self) -> Iterator[UInt8[np.ndarray, "_ H W C"]]:
        """Yield the pictures meant, in order, some megabytes at a time."""
        step = max(1, _BLOCK // max(1, int(np.prod(self.pixels.shape[1:]))))
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            yield self.pixels[rows if self.places is None else self.places[rows]]

    def whole(self) -> UInt8[np.ndarray, "N H W C"]:
        """Give the pictures meant as one array, without a copy where they lie in a row."""
        if self.places is None:
            return self.pixels
        if len(self.places) and (np.diff(self.places) == 1).all():
            return self.pixels[self.places[0] : self.places[-1] + 1]
        shape = (len(self), *self.pixels.shape[1:])
        if int(np.prod(shape)) > self.most:
            try:
                mapped: NDArray[np.uint8] = spill(self.blocks(), shape[1:], self.folder)
                return mapped
            except OSError:
                pass  # a full disk: memory may still do
        return self.pixels[self.places]

    def mirrored(self) -> "Pictures":
        """Give copies of the pictures meant, left and right exchanged."""
        sizes, grey = self.about()
        turned = np.ascontiguousarray(self.whole()[:, :, ::-1])
        return replace(self, pixels=turned, sizes=sizes, grey=grey, places=None)

    def sample(self, count: int) -> UInt8[np.ndarray, "_ H W C"]:
        """Give at most so many of the pictures, evenly from first to last."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))
        return self.pixels[chosen if self.places is None else self.places[chosen]]


def content_keys(pictures: Pictures) -> NDArray[np.uint64]:
    """Hash the pixels of each picture; the shape counts, since pixels alone do not show it."""
    shape = np.array(pictures.pixels.shape[1:], "<u4").tobytes()
    flat = (row for block in pictures.blocks() for row in block.reshape(len(block), -1))
    digests = b"".join(
        hashlib.blake2b(row.data, digest_size=8, person=shape).digest() for row in flat
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def thumbnail_vectors(pictures: Pictures) -> Float32[np.ndarray, "N D"]:
    """Shrink each picture to 16 × 16 grey pixels less their mean, of length 1 together.

    A change of brightness or contrast leaves such a vector as it is. A picture of one tone has
    nothing to compare, so its vector is zero.
    """
    height, width = pictures.pixels.shape[1:3]
    vectors = np.empty((len(pictures), min(THUMBNAIL, height) * min(THUMBNAIL, width)), np.float32)
    start = 0
    for block in pictures.blocks():
        vectors[start : start + len(block)] = shrunk(block).reshape(len(block), -1)
        start += len(block)
    vectors -= vectors.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # Shorter than half a grey level in each pixel is rounding, not a picture.
    told = lengths > 0.5 * np.sqrt(vectors.shape[1])
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=told)


def shrunk(pixels: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N _ _"]:
    """Shrink pictures to at most 16 × 16 grey pixels, from 0 to 255."""
    height, width, channels = pixels.shape[1:]
    weights = np.array(LUMINANCE if channels == 3 else (1.0,), np.float32)
    across = _areas(width).T
    across = (across[:, None, :] * weights[:, None]).reshape(width * channels, -1)
    rows = pixels.reshape(-1, width * channels).astype(np.float32) @ across
    return np.matmul(_areas(height), rows.reshape(len(pixels), height, -1))


def mean_and_deviation(
    pixels: UInt8[np.ndarray, "N H W C"],
) -> tuple[Float[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """Average each channel over pictures and places; the deviation is at least one grey level."""
    counts = [
        np.bincount(pixels[..., channel].ravel(), minlength=256)
        for channel in range(pixels.shape[3])
    ]
    shares = np.array(counts, np.float64) / max(1, pixels[..., 0].size)
    levels = np.arange(256.0)
    means = shares @ levels
    spread = np.sqrt(np.maximum(shares @ levels**2 - means**2, 1.0))
    return means, spread


def _areas(side: int) -> Float32[np.ndarray, "_ side"]:
    """Weights by which rows of pixels are averaged into at most 16, by the area they cover."""
    small = min(THUMBNAIL, side)
    edges = np.linspace(0, side, small + 1)
    starts = np.arange(side)
    covered = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return (np.maximum(covered, 0) * (small / side)).astype(np.float32)
