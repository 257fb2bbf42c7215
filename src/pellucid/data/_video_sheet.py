"""A sheet of clips, class by class, each as three of its frames, as one PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from pellucid.data import Examples, Group
from pellucid.data._picture_sheet import by_class, draw_sheet
from pellucid.data._targets import as_classes
from pellucid.data._video_clips import Clips

_FRAMES = 3  # of each clip
_WIDE = 264  # pixels of the three together
_COLUMNS = 4


def sheet(examples: Examples, places: Sequence[int]) -> bytes:
    """Draw the clips at these places, each with its length below."""
    raw: Clips = examples.raw
    form, facts = raw.form, raw.about()
    drawn = [_side_by_side(raw.frames(place)) for place in places]
    empty = np.zeros((0, form.height, _FRAMES * form.width, 3), np.uint8)
    pixels = np.stack(drawn) if drawn else empty
    lengths = [f"{facts.seconds[place]:.2f} s" for place in places]
    classes = None if examples.targets is None else as_classes(examples.targets)
    groups: list[Group] = [("", "", [*range(len(drawn))])]
    if classes is None:
        told = [_told(examples, place) for place in places]
        lengths = [f"{a} {b}" for a, b in zip(lengths, told, strict=True)]
    else:
        groups = by_class(classes[0], classes[1], places)
    return draw_sheet(pixels, groups, lengths, most=_COLUMNS, side=_WIDE)


def _side_by_side(frames: UInt8[np.ndarray, "T H W 3"]) -> UInt8[np.ndarray, "H _ 3"]:
    chosen = ((np.arange(_FRAMES) + 0.5) * len(frames) / _FRAMES).astype(np.int64)
    return np.concatenate([*frames[chosen]], axis=1)


def _told(examples: Examples, place: int) -> str:
    target = None if examples.targets is None else examples.targets[place]
    return Path(examples.names[place]).name if target is None else f"{target:.4g}"
