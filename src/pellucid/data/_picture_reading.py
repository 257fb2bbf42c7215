"""From what the user gave to pictures of one size, with their classes.

Letters: N examples, H height, W width, C channels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._cache import MAPPED, cache_folder
from pellucid.data._found import Found
from pellucid.data._media import TARGET, Medium
from pellucid.data._media_decoded import none_usable
from pellucid.data._picture_decoding import (
    ColourError,
    Read,
    Tally,
    decoded,
    filled,
    in_memory,
)
from pellucid.data._picture_rows import Pictures
from pellucid.data._picture_sample import Allowance, allowance, decoded_in_time, fair_order
from pellucid.data._pictures import SUFFIXES, Decoded, Form, decode, is_grey, probe, quiet
from pellucid.data._working_size import working_size

MEDIUM = Medium(
    one="picture",
    many="pictures",
    suffixes=SUFFIXES,
    formats="JPEG, PNG, WebP, GIF, TIFF, BMP or PPM",
    checked="open one of them in a viewer",
)
_PROBED = 200  # headers read to learn how large the pictures are
_TASTED = 16  # pictures decoded to learn whether they are grey


def read_files(found: Found, ask: Ask) -> Examples:
    """Decode files, or take what an earlier run decoded.

    Raises:
        BadInputError: if none of them can be used.
        BudgetError: if `ask.reading` was enough for hardly any.
    """
    read: Callable[[Sequence[Any], Form, Ask], Read] = decoded
    if math.isfinite(ask.reading):
        end = monotonic() + ask.reading
        allowed = Allowance(order=_fair_order(found), late=lambda: monotonic() >= end)
        read = partial(decoded_in_time, allowed=allowed)
    return _examples(found, *_in_one_form(found.paths, ask, read), ask)


def read_opened(pictures: Sequence[Any], targets: NDArray[Any] | None, ask: Ask) -> Examples:
    """Bring pictures that Pillow has opened to one size.

    Raises:
        BadInputError: if none of them can be used.
    """
    names = [f"item {place}" for place in range(len(pictures))]
    target = "" if targets is None else TARGET
    found = Found(paths=(), names=names, target=target, targets=targets)
    return _examples(found, *_in_one_form(pictures, ask, in_memory), ask)


def as_pictures(pixels: UInt8[np.ndarray, "N H W C"], ask: Ask) -> Pictures:
    """Bring an array of pictures to the form that the schema or the budget asks for.

    Nothing is copied if it has that form already.
    """
    count, height, width, channels = pixels.shape
    form = _form_of_schema(ask)
    if form is None:
        high, wide = working_size([(width, height)], count, ask.seconds, made=_made(ask))
        grey = channels == 1 or (channels == 3 and is_grey(pixels))
        form = Form(height=high, width=wide, channels=1 if grey else 3)
    return Pictures(
        pixels=fitted(pixels, form),
        sizes=np.full((count, 2), (width, height), np.int32),
        grey=np.full(count, channels == 1),
        most=ask.memory // MAPPED,
        folder=cache_folder(ask.cache),
    )


def fitted(pixels: UInt8[np.ndarray, "N _ _ _"], form: Form) -> UInt8[np.ndarray, "N _ _ _"]:
    """Bring an array of pictures to a form; nothing is copied if it has that form already."""
    from PIL import Image

    if pixels.shape[1:] == (form.height, form.width, form.channels):
        return pixels
    flat = pixels[..., 0] if pixels.shape[3] == 1 else pixels
    return filled([Image.fromarray(one) for one in flat], form)[0]


def _fair_order(found: Found) -> list[int]:
    count = len(found.paths)
    classes = [""] * count
    if found.targets is not None and found.targets.dtype.kind != "f":
        classes = found.targets.tolist()
    sides = [""] * count if found.sides is None else found.sides.tolist()
    return fair_order(found.names, [*zip(sides, classes, strict=True)])


def _made(ask: Ask) -> bool:
    """Tell whether pictures are to be made."""
    return ask.task == "generate_image"


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
    except ColourError:
        return read(sources, replace(form, channels=3), ask)


def _form_of(sources: Sequence[Any], ask: Ask) -> Form:
    with quiet():
        probed = [probe(source) for source in _spread(sources, _PROBED)]
        sizes = [size for size in probed if size is not None]
        height, width = working_size(sizes, len(sources), ask.seconds, made=_made(ask))
        tiny = Form(height=32, width=32, channels=3)
        tasted = [decode(source, tiny) for source in _spread(sources, _TASTED)]
    grey = all(one.grey for one in tasted if isinstance(one, Decoded))
    return Form(height=height, width=width, channels=1 if grey else 3)


def _spread(sources: Sequence[Any], count: int) -> Sequence[Any]:
    return sources[:: max(1, -(-len(sources) // count))]


def _examples(found: Found, pixels: NDArray[np.uint8], tally: Tally, ask: Ask) -> Examples:
    faults = (
        *found.faults,
        *(Fault(name=found.names[place], reason=reason) for place, reason in tally.faults),
    )
    if not tally.places:
        raise none_usable(faults, MEDIUM)
    kept = np.array(tally.places, dtype=np.int64)
    whole = len(kept) == len(found.names)
    return Examples(
        kind="image",
        names=found.names if whole else [found.names[place] for place in tally.places],
        raw=Pictures(
            pixels=pixels,
            sizes=np.array(tally.sizes, np.int32).reshape(-1, 2),
            grey=np.array(tally.grey, np.bool_),
            most=ask.memory // MAPPED,
            folder=cache_folder(ask.cache),
        ),
        target=found.target,
        targets=None if found.targets is None else found.targets[kept],
        groups=None if found.groups is None else found.groups[kept],
        sides=None if found.sides is None else found.sides[kept],
        faults=faults,
        notes=(*found.notes, *_sampled(tally, len(found.names), ask)),
    )


def _sampled(tally: Tally, count: int, ask: Ask) -> tuple[Finding, ...]:
    if tally.seen == count:
        return ()
    text = (
        f"{tally.seen:,} of {count:,} pictures were decoded in the {allowance(ask)} that reading"
        " may take, the same share of every class; "
    )
    text += (
        "the same command again continues where this one stopped"
        if tally.kept
        else "a longer budget leaves time for more"
    )
    return (Finding(what="a sample", level="warning", text=text),)
