"""From what the user gave to pictures of one size, with their classes.

Letters: N examples, H height, W width, C channels.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._cache import SUFFIX, Writer, cache_folder, key_of, load
from pellucid.data._picture_rows import Pictures
from pellucid.data._pictures import Decoded, Form, decode, decode_all, is_grey, probe, quiet
from pellucid.data._working_size import working_size
from pellucid.errors import BadInputError

TARGET = "class"  # what is asked where no column has a name
_PROBED = 200  # headers read to learn how large the pictures are
_TASTED = 16  # pictures decoded to learn whether they are grey
_WORTH_CACHING = 64  # pictures; fewer are decoded as fast as a cache is read
_MAPPED = 4  # decoded pictures larger than memory divided by this are mapped


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Picture files, and what is known of each, all in the same order.

    Args:
        paths: the files.
        names: how the user knows them.
        target: as in `Examples`.
        targets: as in `Examples`.
        groups: as in `Examples`.
        sides: as in `Examples`.
        faults: what was left out before any file was opened.
        notes: findings made on the way.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    target: str = ""
    targets: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    sides: NDArray[Any] | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()


@dataclass(slots=True)
class _Tally:
    """What decoding says of pictures, besides their pixels."""

    places: list[int] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    grey: list[bool] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    seen: int = 0

    def keep(self, chunk: Sequence[Decoded | str]) -> list[UInt8[np.ndarray, "H W C"]]:
        """Note each of a chunk; give the pixels of the good ones."""
        good = []
        for place, found in enumerate(chunk, self.seen):
            if isinstance(found, str):
                self.faults.append((place, found))
                continue
            self.places.append(place)
            self.sizes.append((found.width, found.height))
            self.grey.append(found.grey)
            good.append(found.pixels)
        self.seen += len(chunk)
        return good

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "_Tally":
        return cls(
            places=[int(place) for place in given["places"]],
            sizes=[(int(width), int(height)) for width, height in given["sizes"]],
            grey=[bool(grey) for grey in given["grey"]],
            faults=[(int(place), str(reason)) for place, reason in given["faults"]],
            seen=int(given["seen"]),
        )


Read = tuple[NDArray[np.uint8], _Tally]


class _ColourError(Exception):
    """Pictures that all seemed grey are not."""


def read_files(found: Found, ask: Ask) -> Examples:
    """Decode files, or take what an earlier run decoded.

    Raises:
        BadInputError: if none of them can be used.
    """
    return _examples(found, *_in_one_form(found.paths, ask, _decoded), ask)


def read_opened(pictures: Sequence[Any], targets: NDArray[Any] | None, ask: Ask) -> Examples:
    """Bring pictures that Pillow has opened to one size.

    Raises:
        BadInputError: if none of them can be used.
    """
    names = [f"item {place}" for place in range(len(pictures))]
    target = "" if targets is None else TARGET
    found = Found(paths=(), names=names, target=target, targets=targets)
    return _examples(found, *_in_one_form(pictures, ask, _in_memory), ask)


def as_pictures(pixels: UInt8[np.ndarray, "N H W C"], ask: Ask) -> Pictures:
    """Bring an array of pictures to the form that the schema or the budget asks for.

    Nothing is copied if it has that form already.
    """
    count, height, width, channels = pixels.shape
    form = _form_of_schema(ask)
    if form is None:
        high, wide = working_size([(width, height)], count, ask.seconds)
        grey = channels == 1 or (channels == 3 and is_grey(pixels))
        form = Form(height=high, width=wide, channels=1 if grey else 3)
    return Pictures(
        pixels=fitted(pixels, form),
        sizes=np.full((count, 2), (width, height), np.int32),
        grey=np.full(count, channels == 1),
        most=ask.memory // _MAPPED,
        folder=cache_folder(ask.cache),
    )


def fitted(pixels: UInt8[np.ndarray, "N _ _ _"], form: Form) -> UInt8[np.ndarray, "N _ _ _"]:
    """Bring an array of pictures to a form; nothing is copied if it has that form already."""
    from PIL import Image

    if pixels.shape[1:] == (form.height, form.width, form.channels):
        return pixels
    flat = pixels[..., 0] if pixels.shape[3] == 1 else pixels
    return _filled([Image.fromarray(one) for one in flat], form)[0]


def _form_of_schema(ask: Ask) -> Form | None:
    if ask.schema is None:
        return None
    channels, height, width = ask.schema.shape
    return Form(height=height, width=width, channels=channels)


def _in_one_form(
    sources: Sequence[Any], ask: Ask, read: Callable[[Sequence[Any], Form, Ask], Read]
) -> Read:
    form = _form_of_schema(ask)
    if form is not None:
        return read(sources, form, ask)
    form = _form_of(sources, ask)
    try:
        return read(sources, form, ask)
    except _ColourError:
        return read(sources, replace(form, channels=3), ask)


def _form_of(sources: Sequence[Any], ask: Ask) -> Form:
    with quiet():
        probed = [probe(source) for source in _spread(sources, _PROBED)]
        sizes = [size for size in probed if size is not None]
        height, width = working_size(sizes, len(sources), ask.seconds)
        tiny = Form(height=32, width=32, channels=3)
        tasted = [decode(source, tiny) for source in _spread(sources, _TASTED)]
    grey = all(one.grey for one in tasted if isinstance(one, Decoded))
    return Form(height=height, width=width, channels=1 if grey else 3)


def _spread(sources: Sequence[Any], count: int) -> Sequence[Any]:
    return sources[:: max(1, -(-len(sources) // count))]


def _decoded(paths: Sequence[Path], form: Form, ask: Ask) -> Read:
    row = (form.height, form.width, form.channels)
    file = cache_folder(ask.cache) / f"{key_of(paths, ('image', row))}{SUFFIX}"
    past = ask.memory // _MAPPED
    large = len(paths) * int(np.prod(row)) > past
    worth = large or len(paths) >= _WORTH_CACHING
    kept = _reused(file, row, past, len(paths)) if worth else None
    if kept is None and large:
        with contextlib.suppress(OSError):  # a full disk: memory may still do
            _to_disk(paths, form, file, ask)
            kept = _reused(file, row, past, len(paths))
    if kept is not None:
        _check_grey(kept[1], form, ask)
        return kept
    pixels, tally = _in_memory(paths, form, ask)
    if worth and not large:
        with contextlib.suppress(OSError), Writer(file, expected=pixels.nbytes) as writer:
            writer.append(pixels)
            writer.finish(asdict(tally))
    return pixels, tally


def _reused(file: Path, row: tuple[int, int, int], past: int, count: int) -> Read | None:
    kept = load(file, row, mapped_past=past)
    if kept is None:
        return None
    try:
        tally = _Tally.from_json(kept.facts)
        fits = len(kept.array) == len(tally.places) == len(tally.sizes) == len(tally.grey)
        sound = fits and tally.seen == count == len(tally.places) + len(tally.faults)
    except (TypeError, KeyError, ValueError):
        return None
    return (kept.array, tally) if sound else None


def _in_memory(sources: Sequence[Any], form: Form, ask: Ask) -> Read:
    pixels, tally = _filled(sources, form)
    _check_grey(tally, form, ask)
    return pixels, tally


def _filled(sources: Sequence[Any], form: Form) -> Read:
    pixels = np.empty((len(sources), form.height, form.width, form.channels), np.uint8)
    tally = _Tally()
    for chunk in decode_all(sources, form):
        start = len(tally.places)
        for place, one in enumerate(tally.keep(chunk), start):
            pixels[place] = one
    return pixels[: len(tally.places)], tally


def _to_disk(paths: Sequence[Path], form: Form, file: Path, ask: Ask) -> None:
    tally = _Tally()
    expected = len(paths) * form.height * form.width * form.channels
    with Writer(file, expected=expected) as writer:
        for chunk in decode_all(paths, form):
            if good := tally.keep(chunk):
                writer.append(np.stack(good))
            _check_grey(tally, form, ask)
        writer.finish(asdict(tally))


def _check_grey(tally: _Tally, form: Form, ask: Ask) -> None:
    """Notice colour where grey was expected; a trained model that knows grey only makes it grey."""
    if form.channels == 1 and ask.schema is None and not all(tally.grey):
        raise _ColourError


def _examples(found: Found, pixels: NDArray[np.uint8], tally: _Tally, ask: Ask) -> Examples:
    faults = (
        *found.faults,
        *(Fault(name=found.names[place], reason=reason) for place, reason in tally.faults),
    )
    if not tally.places:
        raise _nothing(faults)
    kept = np.array(tally.places, dtype=np.int64)
    whole = len(kept) == len(found.names)
    return Examples(
        kind="image",
        names=found.names if whole else [found.names[place] for place in tally.places],
        raw=Pictures(
            pixels=pixels,
            sizes=np.array(tally.sizes, np.int32).reshape(-1, 2),
            grey=np.array(tally.grey, np.bool_),
            most=ask.memory // _MAPPED,
            folder=cache_folder(ask.cache),
        ),
        target=found.target,
        targets=None if found.targets is None else found.targets[kept],
        groups=None if found.groups is None else found.groups[kept],
        sides=None if found.sides is None else found.sides[kept],
        faults=faults,
        notes=found.notes,
    )


def _nothing(faults: Sequence[Fault]) -> BadInputError:
    shown = "; ".join(f"{fault.name} {fault.reason}" for fault in faults[:3])
    more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
    return BadInputError(
        given=f"none of {len(faults):,} pictures can be used: {shown}{more}",
        needed="at least one whole JPEG, PNG, WebP, GIF, TIFF, BMP or PPM",
        remedy="open one of them in a viewer; if that fails too, fetch them again",
    )
