"""A sheet of example pictures, class by class, as one PNG."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.data import Group
from pellucid.data._lettering import font, png, shortened

COLUMNS = 10
_TILE = 112  # pixels
_GAP = 6
_MARGIN = 24
_HEAD = 34  # height of the line above a class
_FOOT = 16  # height of the line below a picture that has a name of its own
_BETWEEN = 14
_PAPER, _INK, _FAINT, _FRAME = "#ffffff", "#1f2430", "#7a8194", "#e3e6ec"
_PIXELATED = 40  # pixels; smaller pictures are enlarged with their pixels to be seen


def draw_sheet(
    pixels: UInt8[np.ndarray, "N H W C"],
    groups: Sequence[Group],
    captions: Sequence[str],
    *,
    most: int = COLUMNS,
    side: int = _TILE,
) -> bytes:
    """Draw pictures under the titles of their groups.

    Args:
        pixels: the pictures.
        groups: title, a remark, and the pictures' places in the array; a title may be "".
        captions: one below each picture; empty for none.
        most: pictures side by side.
        side: of a picture on the sheet, pixels, the longer one.

    Returns:
        A PNG file.
    """
    from PIL import Image, ImageDraw

    height, width = pixels.shape[1:3]
    scale = side / max(height, width)
    tile = (max(1, round(width * scale)), max(1, round(height * scale)))
    foot = _FOOT if captions else 0
    columns = min(most, max((len(places) for _, _, places in groups), default=1))
    columns = max(columns, min(most, 4))
    tall = sum(_height(group, columns, tile[1] + foot) for group in groups) + 2 * _MARGIN - _BETWEEN
    wide = columns * (tile[0] + _GAP) - _GAP + 2 * _MARGIN
    sheet = Image.new("RGB", (wide, max(tall, 2 * _MARGIN)), _PAPER)
    pen = ImageDraw.Draw(sheet)
    top = _MARGIN
    for group in groups:
        title, remark, places = group
        _head(pen, title, remark, top, wide)
        first = top + (_HEAD if title else 0)
        for number, place in enumerate(places):
            across, down = number % columns, number // columns
            left = _MARGIN + across * (tile[0] + _GAP)
            upper = first + down * (tile[1] + foot + _GAP)
            _paste(sheet, pen, _tile(pixels[place], tile), (left, upper))
            if captions:
                _caption(pen, captions[place], (left, upper + tile[1] + 2), tile[0])
        top += _height(group, columns, tile[1] + foot)
    return png(sheet)


def _height(group: Group, columns: int, tile: int) -> int:
    rows = -(-len(group[2]) // columns)
    return (_HEAD if group[0] else 0) + rows * (tile + _GAP) - _GAP + _BETWEEN


def _head(pen: Any, title: str, remark: str, top: int, wide: int) -> None:
    if not title:
        return
    large, small = font(17), font(12)
    shown = shortened(pen, title, large, wide - 2 * _MARGIN - 160)
    pen.text((_MARGIN, top + 22), shown, font=large, fill=_INK, anchor="ls")
    left = _MARGIN + pen.textlength(shown, font=large) + 10
    pen.text((left, top + 22), remark, font=small, fill=_FAINT, anchor="ls")


def _caption(pen: Any, text: str, at: tuple[int, int], width: int) -> None:
    small = font(10)
    pen.text(at, shortened(pen, text, small, width), font=small, fill=_FAINT, anchor="la")


def _tile(pixels: UInt8[np.ndarray, "H W C"], size: tuple[int, int]) -> Any:
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    small = max(picture.size) <= _PIXELATED
    return picture.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def _paste(sheet: Any, pen: Any, tile: Any, at: tuple[int, int]) -> None:
    sheet.paste(tile, at)
    left, top = at
    # Without a line around it a white picture has no edge on white paper.
    pen.rectangle((left, top, left + tile.width - 1, top + tile.height - 1), outline=_FRAME)


def by_class(names: Sequence[str], codes: np.ndarray, places: Sequence[int]) -> list[Group]:
    """Give the groups of a sheet that shows some examples: a class each, with how many there are.

    Args:
        names: of the classes.
        codes: class of every example, (N,); -1 for none.
        places: of the examples shown.
    """
    found: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        found.setdefault(int(codes[place]), []).append(number)
    counts = np.bincount(codes + 1, minlength=len(names) + 1)
    return [
        (
            names[code] if code >= 0 else "no class",
            f"{len(numbers):,} of {int(counts[code + 1]):,}",
            numbers,
        )
        for code, numbers in found.items()
    ]
