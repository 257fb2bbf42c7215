"""Picture files become one array, once: a later run takes it from the cache.

Letters: N pictures, H height, W width, C channels.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._cache import MAPPED, SUFFIX, Writer, cache_folder, key_of, load
from pellucid.data._pictures import Decoded, Form, decode_all

_WORTH_CACHING = 64  # pictures; fewer are decoded as fast as a cache is read


@dataclass(slots=True)
class Tally:
    """What decoding says of pictures, besides their pixels.

    Args:
        places: of each good picture among all that were given.
        sizes: width and height of each good one as it was given, pixels.
        grey: whether each good one shows no colour.
        faults: place and reason of each broken one.
        seen: good and broken ones together.
        kept: whether the cache has all this; it is not said in the cache.
    """

    places: list[int] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    grey: list[bool] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    seen: int = 0
    kept: bool = False

    def keep(
        self, chunk: Sequence[Decoded | str], places: Sequence[int]
    ) -> list[UInt8[np.ndarray, "H W C"]]:
        """Note each of a chunk, which came from these places; give the pixels of the good ones."""
        good = []
        for place, found in zip(places, chunk, strict=True):
            if isinstance(found, str):
                self.faults.append((place, found))
                continue
            self.places.append(place)
            self.sizes.append((found.width, found.height))
            self.grey.append(found.grey)
            good.append(found.pixels)
        self.seen += len(chunk)
        return good

    def in_order(self, order: Sequence[int]) -> "Tally":
        """Give the same with the good ones in this order, and the broken ones by place."""
        return replace(
            self,
            places=[self.places[at] for at in order],
            sizes=[self.sizes[at] for at in order],
            grey=[self.grey[at] for at in order],
            faults=sorted(self.faults),
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        facts = asdict(self)
        del facts["kept"]
        return facts

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Tally":
        """Read what `to_json` gave; raises nearly anything if it is no such thing."""
        return cls(
            places=[int(place) for place in given["places"]],
            sizes=[(int(width), int(height)) for width, height in given["sizes"]],
            grey=[bool(grey) for grey in given["grey"]],
            faults=[(int(place), str(reason)) for place, reason in given["faults"]],
            seen=int(given["seen"]),
            kept=True,
        )


Read = tuple[NDArray[np.uint8], Tally]


class ColourError(Exception):
    """Pictures that all seemed grey are not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Files:
    """Where the cache has pictures.

    Args:
        whole: all of them, in the order given.
        begun: those that an earlier run had the time for, in the order given.
    """

    whole: Path
    begun: Path


def cache_files(paths: Sequence[Path], form: Form, ask: Ask) -> Files:
    """Name the files in the cache.

    Raises:
        ColourError: if an earlier run found colour where now grey is expected.
    """
    folder, key = cache_folder(ask.cache), key_of(paths, ("image",))

    def named(form: Form) -> Files:
        name = f"{key}-{form.height}x{form.width}x{form.channels}"
        return Files(whole=folder / f"{name}{SUFFIX}", begun=folder / f"{name}-begun{SUFFIX}")

    colour = named(replace(form, channels=3))
    may_be_grey = form.channels == 1 and ask.schema is None
    if may_be_grey and (colour.whole.exists() or colour.begun.exists()):
        raise ColourError
    return named(form)


def decoded(paths: Sequence[Path], form: Form, ask: Ask) -> Read:
    """Decode all files, or take what an earlier run decoded.

    Raises:
        ColourError: if the form is grey, no model asked for it, and one of them is not.
    """
    large = is_large(len(paths), form, ask)
    if not large and len(paths) < _WORTH_CACHING:
        return in_memory(paths, form, ask)
    file = cache_files(paths, form, ask).whole
    kept = reused(file, form, ask, len(paths))
    if kept is None and large:
        with contextlib.suppress(OSError):  # a full disk: memory may still do
            _to_disk(paths, form, file, ask)
            kept = reused(file, form, ask, len(paths))
    if kept is not None:
        check_grey(kept[1], form, ask)
        return kept
    pixels, tally = in_memory(paths, form, ask)
    if not large:
        with contextlib.suppress(OSError), Writer(file, expected=pixels.nbytes) as writer:
            writer.append(pixels)
            writer.finish(tally.to_json())
    return pixels, tally


def reused(file: Path, form: Form, ask: Ask, count: int, *, part: bool = False) -> Read | None:
    """Take pictures from a file of the cache; None if it is absent or damaged.

    Args:
        file: in the cache.
        form: of the pictures.
        ask: says how much may lie in memory.
        count: how many pictures were given.
        part: some of them are enough.
    """
    kept = load(file, row_of(form), mapped_past=ask.memory // MAPPED)
    if kept is None:
        return None
    try:
        tally = Tally.from_json(kept.facts)
        fits = len(kept.array) == len(tally.places) == len(tally.sizes) == len(tally.grey)
        sound = fits and tally.seen == len(tally.places) + len(tally.faults)
        right = tally.seen == count or (part and max(tally.places, default=-1) < count)
    except (TypeError, KeyError, ValueError):
        return None
    return (kept.array, tally) if sound and right else None


def in_memory(sources: Sequence[Any], form: Form, ask: Ask) -> Read:
    """Decode files, or pictures that Pillow has opened, into an array in memory.

    Raises:
        ColourError: as `decoded` does.
    """
    pixels, tally = filled(sources, form)
    check_grey(tally, form, ask)
    return pixels, tally


def filled(sources: Sequence[Any], form: Form) -> Read:
    """Do the same, in whatever colour the form has."""
    pixels = np.empty((len(sources), *row_of(form)), np.uint8)
    tally = Tally()
    for chunk in decode_all(sources, form):
        start = len(tally.places)
        for place, one in enumerate(tally.keep(chunk, _next(tally, chunk)), start):
            pixels[place] = one
    return pixels[: len(tally.places)], tally


def check_grey(tally: Tally, form: Form, ask: Ask) -> None:
    """Notice colour where grey was expected; a trained model that knows grey only makes it grey.

    Raises:
        ColourError: if there is some.
    """
    if form.channels == 1 and ask.schema is None and not all(tally.grey):
        raise ColourError


def row_of(form: Form) -> tuple[int, int, int]:
    """Give the shape of one picture."""
    return form.height, form.width, form.channels


def is_large(count: int, form: Form, ask: Ask) -> bool:
    """Tell whether so many pictures belong on disk."""
    return count * int(np.prod(row_of(form))) > ask.memory // MAPPED


def _to_disk(paths: Sequence[Path], form: Form, file: Path, ask: Ask) -> None:
    tally = Tally()
    with Writer(file, expected=len(paths) * int(np.prod(row_of(form)))) as writer:
        for chunk in decode_all(paths, form):
            if good := tally.keep(chunk, _next(tally, chunk)):
                writer.append(np.stack(good))
            check_grey(tally, form, ask)
        writer.finish(tally.to_json())


def _next(tally: Tally, chunk: Sequence[Any]) -> range:
    return range(tally.seen, tally.seen + len(chunk))
