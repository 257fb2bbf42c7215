"""A sheet of spectrograms, class by class, as one PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.data import Examples
from pellucid.data._audio_pictures import picture
from pellucid.data._audio_recordings import Recordings
from pellucid.data._picture_sheet import by_class, draw_sheet
from pellucid.data._targets import as_classes

_HEIGHT, _WIDTH = 84, 112  # pixels
_LONG = 28  # letters of a caption


def sheet(examples: Examples, places: Sequence[int]) -> bytes:
    """Draw the recordings at these places, each with its length below."""
    raw: Recordings = examples.raw
    drawn = [picture(raw.samples(p), raw.rate, height=_HEIGHT, width=_WIDTH) for p in places]
    pixels = np.stack(drawn) if drawn else np.zeros((0, _HEIGHT, _WIDTH, 3), np.uint8)
    seconds = raw.seconds
    lengths = [f"{seconds[place]:.2f} s" for place in places]
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None or raw.transcribed:
        said = [_said(examples, place) for place in places]
        captions = [f"{a} {b}" for a, b in zip(lengths, said, strict=True)]
        return draw_sheet(pixels, [("", "", [*range(len(drawn))])], captions)
    return draw_sheet(pixels, by_class(classes[0], classes[1], places), lengths)


def _said(examples: Examples, place: int) -> str:
    target = None if examples.targets is None else examples.targets[place]
    return Path(examples.names[place]).name if target is None else str(target)[:_LONG]
