"""Draw a clip as a strip of frames, with what each region of each span of time added.

Idea: above, frames as they follow one another; below, a frame for each span, in grey, its regions
tinted where they spoke for or against.

Letters: T frames, H height, W width, P parts.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from pellucid.data import Parts
from pellucid.data._lettering import font, png
from pellucid.data._painting import FAINT, PAPER, key, signed, strongest
from pellucid.data._picture_painting import middle, numbered_at, tinted, told_line
from pellucid.data._video_clips import Form
from pellucid.data._video_parts import spans_of

_WIDTH, _MARGIN, _GAP, _ROW, _AXIS = 900, 20, 6, 26, 22
_SMALL = 8  # frames of the strip
_TALLEST = 300  # pixels of a frame
_PIXELATED = 40  # pixels; smaller frames are enlarged with their pixels to be seen
_MOST = 6  # parts that are named
_INNER = _WIDTH - 2 * _MARGIN


def painted(
    frames: UInt8[np.ndarray, "T H W 3"],
    seconds: float,
    parts: Parts,
    shares: Float[np.ndarray, " P"],
) -> bytes:
    """Give a PNG: the strip, the spans tinted, and the strongest parts by name.

    Args:
        frames: of the clip, as the network gets them.
        seconds: how long it is, s.
        parts: into which it is divided.
        shares: what each added.
    """
    from PIL import Image, ImageDraw

    shares = np.nan_to_num(shares)
    named = strongest(shares, _MOST)
    form = Form(frames=len(frames), height=frames.shape[1], width=frames.shape[2])
    spans = [place for span in spans_of(form) for place in [span[len(span) // 2]]]
    strip = np.unique(np.linspace(0, len(frames) - 1, min(_SMALL, len(frames))).round().astype(int))
    small, large = _tile(form, len(strip)), _tile(form, len(spans))
    tall = 2 * _MARGIN + small[1] + large[1] + 2 * _AXIS + _ROW * (len(named) + 1)
    sheet = Image.new("RGB", (_WIDTH, tall), PAPER)
    pen = ImageDraw.Draw(sheet)
    times = (np.arange(len(frames)) + 0.5) * seconds / len(frames)
    for number, place in enumerate(strip.tolist()):
        at = (_MARGIN + number * (small[0] + _GAP), _MARGIN)
        sheet.paste(Image.fromarray(_enlarged(frames[place], small)), at)
        _caption(pen, f"{times[place]:.2f} s", (at[0], at[1] + small[1]))
    top = _MARGIN + small[1] + _AXIS
    for number, place in enumerate(spans):
        at = (_MARGIN + number * (large[0] + _GAP), top)
        own = Parts(of=parts.of[:, place], names=parts.names, where=parts.where)
        drawn = tinted(_enlarged(frames[place], large), own, shares, named)
        sheet.paste(Image.fromarray(drawn), at)
        _numbers(pen, own, named, (at, large))
        _caption(pen, _span(seconds, number, len(spans)), (at[0], at[1] + large[1]))
    _legend(sheet, pen, top + large[1] + _AXIS + 6, parts, shares, named)
    return png(sheet)


def _legend(
    sheet: Any,
    pen: Any,
    top: int,
    parts: Parts,
    shares: Float[np.ndarray, " P"],
    named: Sequence[int],
) -> None:
    key(sheet, pen, _MARGIN, top)
    added = signed(shares[np.array(named, np.int64)].tolist())
    for number, (part, share) in enumerate(zip(named, added, strict=True), start=1):
        told = (parts.names[part], share)
        told_line(pen, number, told, (_MARGIN, top + number * _ROW, _WIDTH - _MARGIN))


def _numbers(
    pen: Any,
    own: Parts,
    named: Sequence[int],
    box: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """Number the strongest parts that are in this frame."""
    (left, top), (wide, high) = box
    for number, part in enumerate(named, start=1):
        inside = own.of[0] == part
        if inside.any():
            row, column = middle(inside)
            numbered_at(pen, number, (left + column * wide, top + row * high))


def _tile(form: Form, count: int) -> tuple[int, int]:
    """Give the width and height that so many frames side by side are drawn at."""
    wide = (_INNER - (count - 1) * _GAP) // count
    scale = min(wide / form.width, _TALLEST / form.height)
    return max(1, int(form.width * scale)), max(1, int(form.height * scale))


def _enlarged(
    frame: UInt8[np.ndarray, "H W 3"], size: tuple[int, int]
) -> UInt8[np.ndarray, "_ _ 3"]:
    from PIL import Image

    ways = Image.Resampling
    small = max(frame.shape[:2]) <= _PIXELATED
    picture = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize(size, ways.NEAREST if small else ways.BICUBIC))


def _span(seconds: float, number: int, count: int) -> str:
    return f"{seconds * number / count:.2f} to {seconds * (number + 1) / count:.2f} s"


def _caption(pen: Any, text: str, at: tuple[int, int]) -> None:
    pen.text((at[0], at[1] + 3), text, font=font(12), fill=FAINT, anchor="la")
