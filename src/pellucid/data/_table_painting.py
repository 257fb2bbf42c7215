"""Draw what each column of a row added to the answer, as bars."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from pellucid.data._lettering import cut, font, png
from pellucid.data._painting import FAINT, INK, PAPER, fill, key, signed

_MOST = 15  # columns with a bar of their own
_ROW, _BAR = 30, 18  # pixels
_WIDE, _MARGIN, _NAMES, _GAP, _NUMBER = 860, 20, 330, 14, 90
_AXIS = (176, 182, 194)


def painted(names: Sequence[str], values: Sequence[str], shares: Float[np.ndarray, " P"]) -> bytes:
    """Give a PNG with a bar for each column, the strongest on top; weak ones are summed up.

    Args:
        names: of the columns.
        values: what the row has in them, in words.
        shares: what each added.
    """
    from PIL import Image, ImageDraw

    bars = _bars(names, values, np.nan_to_num(shares))
    sheet = Image.new("RGB", (_WIDE, 2 * _MARGIN + _ROW * (len(bars) + 1)), PAPER)
    pen = ImageDraw.Draw(sheet)
    key(sheet, pen, _MARGIN, _MARGIN)
    zero, unit = _scale([share for _, _, share in bars])
    top = _MARGIN + _ROW
    pen.line((zero, top, zero, top + _ROW * len(bars)), fill=_AXIS)
    added = signed([share for _, _, share in bars])
    for (name, value, share), text in zip(bars, added, strict=True):
        middle = top + _ROW // 2
        _name(pen, name, value, middle)
        _bar(sheet, pen, (zero, middle, zero + round(share * unit)), text)
        top += _ROW
    return png(sheet)


def _bars(
    names: Sequence[str], values: Sequence[str], shares: Float[np.ndarray, " P"]
) -> list[tuple[str, str, float]]:
    order = np.argsort(-np.abs(shares), kind="stable").tolist()
    # One column more is no longer than a line that sums it up.
    own = order if len(order) <= _MOST + 1 else order[:_MOST]
    bars = [(names[place], values[place], float(shares[place])) for place in own]
    rest = order[len(own) :]
    if rest:
        bars.append((f"{len(rest)} others together", "", float(shares[rest].sum())))
    return bars


def _scale(shares: Sequence[float]) -> tuple[int, float]:
    """Give where zero is and how many pixels one is, so that bars and their numbers find room."""
    least, most = min([0.0, *shares]), max([0.0, *shares])
    left = _MARGIN + _NAMES + (_NUMBER if least < 0 else _GAP)
    right = _WIDE - _MARGIN - _NUMBER
    if most == least:
        return left, 0.0
    unit = (right - left) / (most - least)
    return round(left - least * unit), unit


def _name(pen: Any, name: str, value: str, middle: int) -> None:
    """Write "hours = 38" flush with the bars, the name faint."""
    letters = font(14)
    right = _MARGIN + _NAMES
    sign = ""
    if value:
        value, sign = cut(pen, value, letters, _NAMES / 2), " = "
        pen.text((right, middle), value, font=letters, fill=INK, anchor="rm")
        right -= round(pen.textlength(value, font=letters))
    name = cut(pen, name, letters, right - _MARGIN - pen.textlength(sign, font=letters))
    pen.text((right, middle), name + sign, font=letters, fill=FAINT, anchor="rm")


def _bar(sheet: Any, pen: Any, at: tuple[int, int, int], text: str) -> None:
    zero, middle, end = at
    left, right = sorted((zero, end))
    if right > left:
        box = (left, middle - _BAR // 2, right, middle + _BAR // 2)
        fill(sheet, box, against=end < zero)
    against = text.startswith("−")
    place, anchor = (left - 8, "rm") if against else (right + 8, "lm")
    pen.text((place, middle), text, font=font(14, bold=True), fill=INK, anchor=anchor)
