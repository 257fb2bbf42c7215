"""Draw a recording with what each stretch of it added to the answer, and words where they are.

Idea: above, the sound as people who work with it know it: its wave and its spectrogram, tinted
where a stretch spoke for or against; below, one bar for each stretch, on the same axis of time.

Letters: T samples, P parts, Y X height and width in pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int16, UInt8

from pellucid.data import Parts
from pellucid.data._audio_pictures import envelope, picture
from pellucid.data._lettering import cut, font, png
from pellucid.data._painting import AGAINST, FAINT, FOR, INK, PAPER, fill, key, signed, strongest

_WIDTH, _MARGIN = 860, 20
_WAVE, _TALL, _BARS, _AXIS, _WORDS, _ROW = 60, 190, 90, 26, 24, 24
_TINT = 0.45  # of the colour where a part is as strong as any
_MOST = 8  # parts that are named
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800)  # s, apart
_INNER = _WIDTH - 2 * _MARGIN

Word = tuple[float, float, str]  # from, to, s, and what was said


def painted(
    samples: Int16[np.ndarray, " T"],
    rate: int,
    parts: Parts,
    shares: Float[np.ndarray, " P"],
    words: Sequence[Word] = (),
) -> bytes:
    """Give a PNG: wave and spectrogram, tinted, a bar for each part, and the strongest by name.

    Args:
        samples: of the recording.
        rate: Hz.
        parts: into which it is divided; `where` is in seconds, or in shares of the whole.
        shares: what each added.
        words: to be written under the sound.
    """
    from PIL import Image, ImageDraw

    shares = np.nan_to_num(shares)
    seconds = len(samples) / rate
    named = strongest(shares, _MOST)
    below = _MARGIN + _WAVE + _TALL
    tall = below + _AXIS + (_WORDS if words else 0) + _BARS + 2 * _MARGIN + _ROW * (1 + len(named))
    sheet = Image.new("RGB", (_WIDTH, tall), PAPER)
    pen = ImageDraw.Draw(sheet)
    spans = [_pixels(where, seconds, parts) for where in parts.where]
    shown = np.concatenate([_wave(samples), picture(samples, rate, height=_TALL, width=_INNER)])
    sheet.paste(Image.fromarray(_tinted(shown, spans, shares)), (_MARGIN, _MARGIN))
    _axis(pen, below, seconds)
    top = below + _AXIS
    if words:
        _write(pen, words, top, seconds)
        top += _WORDS
    _bars(sheet, pen, top, spans, shares)
    top += _BARS + _MARGIN
    key(sheet, pen, _MARGIN, top)
    for place, share in zip(named, signed(shares[named].tolist()), strict=True):
        top += _ROW
        name = cut(pen, parts.names[place], font(14), _INNER - 120)
        pen.text((_MARGIN, top + 7), name, font=font(14), fill=INK, anchor="lm")
        pen.text(
            (_WIDTH - _MARGIN, top + 7), share, font=font(14, bold=True), fill=INK, anchor="rm"
        )
    return png(sheet)


def _pixels(where: Any, seconds: float, parts: Parts) -> tuple[int, int]:
    """Give the first pixel of a part and the one behind its last."""
    whole = 1.0 if parts.names[0].endswith("eighth") else max(seconds, 1e-9)
    first, last = (round(_INNER * min(1.0, max(0.0, at / whole))) for at in where)
    return first, max(last, first + 1)


def _wave(samples: Int16[np.ndarray, " T"]) -> UInt8[np.ndarray, "Y X 3"]:
    """Draw the level over time as a band around a middle line."""
    loud = envelope(samples, _INNER)
    high = np.minimum(1.0, loud / max(float(loud.max(initial=0.0)), 1e-9)) * (_WAVE / 2 - 4)
    away = np.abs(np.arange(_WAVE) - _WAVE / 2 + 0.5)
    inside = away[:, None] <= np.maximum(high, 0.6)
    return np.where(inside[..., None], 90, 255).astype(np.uint8).repeat(3, axis=2)


def _tinted(
    shown: UInt8[np.ndarray, "Y X 3"],
    spans: Sequence[tuple[int, int]],
    shares: Float[np.ndarray, " P"],
) -> UInt8[np.ndarray, "Y X 3"]:
    drawn = shown.astype(np.float32)
    most = max(float(np.abs(shares).max(initial=0.0)), 1e-30)
    for (first, last), share in zip(spans, shares.tolist(), strict=True):
        tint = _TINT * abs(share) / most
        colour = np.array(FOR if share > 0 else AGAINST, np.float32)
        drawn[:, first:last] = drawn[:, first:last] * (1 - tint) + colour * tint
        drawn[::3, first : first + 1] = 150
    return drawn.round().astype(np.uint8)


def _axis(pen: Any, top: int, seconds: float) -> None:
    """Mark the time."""
    apart = next((tick for tick in _TICKS if seconds / tick <= 12), seconds / 8)
    for number in range(int(seconds / apart + 1e-6) + 1):
        at = _MARGIN + round(_INNER * number * apart / max(seconds, 1e-9))
        pen.line((at, top, at, top + 5), fill=INK)
        said = f"{number * apart:g} s" if not number else f"{number * apart:.4g}"
        pen.text(
            (min(at, _WIDTH - _MARGIN - 12), top + 7), said, font=font(12), fill=FAINT, anchor="ma"
        )


def _write(pen: Any, words: Sequence[Word], top: int, seconds: float) -> None:
    """Write each word where it was said."""
    letters = font(13)
    for first, last, word in words:
        left = _MARGIN + _INNER * first / max(seconds, 1e-9)
        right = _MARGIN + _INNER * last / max(seconds, 1e-9)
        pen.line((left, top + 2, max(right - 1, left + 1), top + 2), fill=FAINT)
        pen.text(((left + right) / 2, top + 5), word, font=letters, fill=INK, anchor="ma")


def _bars(
    sheet: Any,
    pen: Any,
    top: int,
    spans: Sequence[tuple[int, int]],
    shares: Float[np.ndarray, " P"],
) -> None:
    """Draw what each part added, upwards for the answer and downwards against it."""
    most = max(float(np.abs(shares).max(initial=0.0)), 1e-30)
    up, down = float(max(shares.max(initial=0.0), 0.0)), float(max(-shares.min(initial=0.0), 0.0))
    zero = top + 4 + round((_BARS - 8) * up / max(up + down, 1e-30))
    for (first, last), share in zip(spans, shares.tolist(), strict=True):
        tall = round((_BARS - 8) * abs(share) / max(up + down, most))
        if not tall:
            continue
        left, right = _MARGIN + first + 1, _MARGIN + max(last - 1, first + 2)
        box = (left, zero - tall, right, zero) if share > 0 else (left, zero, right, zero + tall)
        fill(sheet, box, against=share < 0)
    pen.line((_MARGIN, zero, _WIDTH - _MARGIN, zero), fill=INK)
