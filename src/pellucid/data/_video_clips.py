"""Clips of one form in one array, and which of them are meant.

Idea: a clip is kept as a few frames, evenly over its time, all of one size. Taking some of the
clips notes their places and copies nothing.

Letters: M clips held, N clips meant, T frames, H height, W width.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray

from pellucid.data._cache import spill

_BLOCK = 1 << 23  # bytes handled at once: fits a last-level cache


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The one form that all clips are brought to; in colour always.

    Args:
        frames: T.
        height: rows of pixels.
        width: columns of pixels.
    """

    frames: int
    height: int
    width: int

    @property
    def row(self) -> tuple[int, int, int, int]:
        """The shape of one clip as it is kept."""
        return self.frames, self.height, self.width, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the files said of their clips.

    Args:
        seconds: from the first frame to the end of the last, s.
        rates: frames a second, on average.
        counts: frames in the file.
        sizes: width and height, upright, pixels.
    """

    seconds: Float[np.ndarray, " M"]
    rates: Float[np.ndarray, " M"]
    counts: Int[np.ndarray, " M"]
    sizes: Int[np.ndarray, "M 2"]

    def take(self, places: NDArray[np.int64]) -> "Facts":
        """Give those at these places."""
        return Facts(**{field.name: getattr(self, field.name)[places] for field in fields(Facts)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Clips:
    """What the kind `video` reads from.

    Args:
        pixels: the frames of all, in memory or mapped.
        facts: what the files said.
        places: clips meant, in order; None for all.
        most: bytes from which a copy of clips is mapped.
        folder: where a mapped copy goes.
    """

    pixels: UInt8[np.ndarray, "M T H W 3"]
    facts: Facts
    places: NDArray[np.int64] | None = None
    most: int = 1 << 28
    folder: Path = Path()

    def __len__(self) -> int:
        """Count the clips meant."""
        return len(self.pixels) if self.places is None else len(self.places)

    @property
    def form(self) -> Form:
        """The form of all of them."""
        frames, height, width = self.pixels.shape[1:4]
        return Form(frames=frames, height=height, width=width)

    def take(self, places: NDArray[np.int64]) -> "Clips":
        """Mean only these, in this order."""
        return replace(self, places=places if self.places is None else self.places[places])

    def about(self) -> Facts:
        """Give what the files said of the clips meant."""
        return self.facts if self.places is None else self.facts.take(self.places)

    def frames(self, place: int) -> UInt8[np.ndarray, "T H W 3"]:
        """Give the frames of one; a view."""
        return self.pixels[place if self.places is None else int(self.places[place])]

    def blocks(self) -> Iterator[UInt8[np.ndarray, "_ T H W 3"]]:
        """Yield the clips meant, in order, some megabytes at a time."""
        step = max(1, _BLOCK // max(1, int(np.prod(self.pixels.shape[1:]))))
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            yield self.pixels[rows if self.places is None else self.places[rows]]

    def whole(self) -> UInt8[np.ndarray, "N T H W 3"]:
        """Give the clips meant as one array, without a copy where they are all."""
        if self.places is None:
            return self.pixels
        if len(self.places) * self.pixels[:1].nbytes > self.most:
            try:
                mapped: NDArray[np.uint8] = spill(self.blocks(), self.form.row, self.folder)
                return mapped
            except OSError:
                pass  # a full disk: memory may still do
        return self.pixels[self.places]

    def sample(self, count: int) -> UInt8[np.ndarray, "_ T H W 3"]:
        """Give at most so many of the clips, evenly from first to last."""
        chosen = np.unique(np.linspace(0, len(self) - 1, min(count, len(self))).astype(np.int64))
        return self.pixels[chosen if self.places is None else self.places[chosen]]

    def keys(self) -> NDArray[np.uint64]:
        """Hash the pixels of each; the form counts, since pixels alone do not show it."""
        shape = np.array(self.pixels.shape[1:], "<u4").tobytes()
        digests = b"".join(
            hashlib.blake2b(np.ascontiguousarray(one).data, digest_size=8, person=shape).digest()
            for block in self.blocks()
            for one in block
        )
        return np.frombuffer(digests, "<u8").astype(np.uint64)


def plain_facts(count: int, form: Form, seconds: float) -> Facts:
    """Give facts of clips that come from no file."""
    return Facts(
        seconds=np.full(count, seconds),
        rates=np.full(count, form.frames / seconds),
        counts=np.full(count, form.frames, np.int64),
        sizes=np.tile(np.array([[form.width, form.height]], np.int64), (count, 1)),
    )
