"""IDX files, in which MNIST and its successors come.

Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits", section "File formats".
Departs: only bytes (type 0x08) are read; no other type holds pictures or labels in practice.

Letters: N examples, H height, W width, C channels.
"""

import gzip
import math
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.data._sources import side_of
from pellucid.errors import BadInputError

_NAMED = re.compile(r"(.*?)images(.*)idx([34])(.*)", re.IGNORECASE)
_BYTES = 0x08  # the type code of unsigned bytes
_TIGHTEST = 1032  # bytes that deflate can make of one, at the very most


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A file of pictures and the file of their labels.

    Args:
        images: the file of pictures.
        labels: the file of labels beside it; None where there is none.
        side: "train", "valid", "test" or "", by the file's name.
    """

    images: Path
    labels: Path | None
    side: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What pairs hold, one pair after the other.

    Args:
        pixels: (N, H, W, C).
        labels: (N,); None if a pair has none.
        counts: examples of each pair.
    """

    pixels: UInt8[np.ndarray, "N H W C"]
    labels: UInt8[np.ndarray, " N"] | None
    counts: tuple[int, ...]


def pairs_in(folder: Path) -> list[Pair]:
    """Find the pairs in a folder, training first; none is an empty list."""
    try:
        files = sorted(path for path in folder.iterdir() if _NAMED.match(path.name))
    except OSError:
        return []
    found = [pair_of(file) for file in files]
    return sorted(_one_each(found), key=lambda pair: (pair.side != "train", pair.images.name))


def pair_of(images: Path) -> Pair:
    """Find the labels that belong to a file of pictures."""
    named = _NAMED.match(images.name)
    if named is None:
        return Pair(images=images, labels=None, side="")
    stem = f"{named[1]}labels{named[2]}idx1{named[4]}"
    bare = stem.removesuffix(".gz")
    candidates = [images.with_name(name) for name in (stem, bare, f"{bare}.gz")]
    labels = next((path for path in candidates if path.is_file()), None)
    words = [side_of(word) for word in re.split(r"[^a-z0-9]+", named[1].lower())]
    return Pair(images=images, labels=labels, side=next(filter(None, words), ""))


def is_idx(path: Path) -> bool:
    """Tell by its first bytes whether a file holds pictures as IDX, gzipped or plain."""
    try:
        with _opened(path) as file:
            head = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(head) == 4 and head[:3] == bytes((0, 0, _BYTES)) and head[3] in (3, 4)


def read_pairs(pairs: Collection[Pair]) -> Contents:
    """Read pictures and labels, straight into one array.

    Raises:
        BadInputError: if a file is no IDX file, is cut short or damaged, or does not fit the rest.
    """
    shapes = [_shape(pair.images, (3, 4)) for pair in pairs]
    if len({shape[1:] for shape in shapes}) > 1:
        raise BadInputError(
            given=f"pictures of different sizes: {', '.join(str(shape[1:]) for shape in shapes)}",
            needed="the same height and width in all files of one folder",
            remedy="give the path of one of the files",
        )
    counts = tuple(shape[0] for shape in shapes)
    pixels = np.empty((sum(counts), *shapes[0][1:]), np.uint8)
    whole = all(pair.labels is not None for pair in pairs)
    labels = np.empty(sum(counts), np.uint8) if whole else None
    start = 0
    for pair, count in zip(pairs, counts, strict=True):
        rows = slice(start, start + count)
        _fill(pair.images, pixels[rows])
        if labels is not None and pair.labels is not None:
            _check_count(pair, count)
            _fill(pair.labels, labels[rows])
        start += count
    return Contents(pixels=_with_channels(pixels, pairs), labels=labels, counts=counts)


def _one_each(pairs: list[Pair]) -> list[Pair]:
    """Keep one of a file and its gzipped twin."""
    return list({pair.images.name.removesuffix(".gz"): pair for pair in pairs}.values())


def _opened(path: Path) -> Any:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if zipped else path.open("rb")


def _shape(path: Path, dimensions: Collection[int]) -> tuple[int, ...]:
    """Read the header, and refuse one that claims more than the file can hold."""
    try:
        with _opened(path) as file:
            head = file.read(4)
            axes = head[3] if len(head) == 4 and head[:3] == bytes((0, 0, _BYTES)) else 0
            sizes = file.read(4 * axes)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if axes not in dimensions or len(sizes) < 4 * axes:
        raise _damaged(path, f"begins with {head.hex(' ') or 'nothing'}, which is no IDX of bytes")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    if math.prod(shape) > path.stat().st_size * _TIGHTEST or 0 in shape:
        raise _damaged(path, f"claims the shape {shape}, more than its size allows")
    return shape


def _fill(path: Path, array: UInt8[np.ndarray, "..."]) -> None:
    target = array.data.cast("B")
    try:
        with _opened(path) as file:
            file.read(4 + 4 * array.ndim)
            got = 0
            while got < len(target) and (more := file.readinto(target[got:])):
                got += more
            surplus = len(file.read(1))  # also lets gzip check its checksum
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if got < len(target) or surplus:
        held = "more" if surplus else f"{got:,}"
        raise _damaged(path, f"claims {len(target):,} bytes and holds {held}")


def _check_count(pair: Pair, count: int) -> None:
    assert pair.labels is not None
    (labels,) = _shape(pair.labels, (1,))
    if labels != count:
        raise BadInputError(
            given=f"{count:,} pictures in {pair.images.name}, {labels:,} in {pair.labels.name}",
            needed="a label for each picture",
            remedy="fetch both files again from the same place",
        )


def _with_channels(
    pixels: UInt8[np.ndarray, "..."], pairs: Collection[Pair]
) -> UInt8[np.ndarray, "N H W C"]:
    if pixels.ndim == 3:
        return pixels[..., None]
    if pixels.shape[3] in (1, 3):
        return pixels
    raise _damaged(next(iter(pairs)).images, f"has pictures of the shape {pixels.shape[1:]}")


def _damaged(path: Path, why: str) -> BadInputError:
    return BadInputError(
        given=f"{path} {why}" if why.startswith(("claims", "begins", "has")) else f"{path}: {why}",
        needed="a whole IDX file of bytes, gzipped or plain",
        remedy="fetch it again; it may have been cut short on the way",
    )
