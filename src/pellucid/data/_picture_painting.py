"""Draw a picture beside itself in grey, tinted by what each part, or pixel, added to the answer.

Idea: a tint over a coloured picture cannot be told from the picture; over grey it can.

Letters: H height, W width, C channels, P parts; Y X height and width as drawn.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8

from pellucid.data import Parts
from pellucid.data._lettering import cut, font, png
from pellucid.data._painting import (
    AGAINST,
    DARK,
    FOR,
    INK,
    LIGHT,
    PAPER,
    hatching,
    key,
    signed,
    strongest,
)
from pellucid.data._picture_rows import LUMINANCE

_PANEL = 420  # pixels of the longer side
_LEAST = 620  # pixels that the sheet is wide at least
_MARGIN, _GAP, _ROW = 20, 16, 26
_PIXELATED = 48  # pixels; smaller pictures are enlarged with their pixels to be seen
_DARKEST, _LIGHTEST = 90, 245  # grey that black and white become, so that a tint can be seen
_TINT = 0.85  # of the colour where a part is as strong as any
_DARK_BELOW = 160  # grey: lines are light on it
_STRONGEST = 0.99  # of pixels: the rest are drawn as strong as that one
_MOST = 5  # parts that are numbered
_LINE = 2  # pixels, around numbered parts


def painted(
    pixels: UInt8[np.ndarray, "H W C"],
    parts: Parts,
    shares: Float[np.ndarray, " P"],
    detail: Float[np.ndarray, "1 H W"] | None = None,
) -> bytes:
    """Give a PNG: the picture, the same tinted, and the strongest parts by name.

    Args:
        pixels: of the picture, as the network gets it.
        parts: into which it is divided.
        shares: what each added.
        detail: what single pixels added; None to tint each part evenly.
    """
    from PIL import Image, ImageDraw

    shares = np.nan_to_num(shares)
    numbered = strongest(shares, _MOST)
    shown = _enlarged(pixels)
    drawn = tinted(shown, parts, shares, numbered, detail)
    down, across = drawn.shape[:2]
    wide = max(2 * across + _GAP + 2 * _MARGIN, _LEAST)
    sheet = Image.new("RGB", (wide, 2 * _MARGIN + down + _ROW * (len(numbered) + 1)), PAPER)
    left = wide // 2 + _GAP // 2
    sheet.paste(Image.fromarray(shown), (wide // 2 - _GAP // 2 - across, _MARGIN))
    sheet.paste(Image.fromarray(drawn), (left, _MARGIN))
    pen = ImageDraw.Draw(sheet)
    for number, part in enumerate(numbered, start=1):
        row, column = middle(parts.of[0] == part)
        numbered_at(pen, number, (left + column * across, _MARGIN + row * down))
    top = _MARGIN + down + 16
    key(sheet, pen, _MARGIN, top)
    added = signed(shares[numbered].tolist())
    for number, (part, share) in enumerate(zip(numbered, added, strict=True), start=1):
        told = (parts.names[part], share)
        told_line(pen, number, told, (_MARGIN, top + number * _ROW, wide - _MARGIN))
    return png(sheet)


def _enlarged(pixels: UInt8[np.ndarray, "H W C"]) -> UInt8[np.ndarray, "Y X 3"]:
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = _PANEL / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")
    small = max(height, width) <= _PIXELATED
    ways = Image.Resampling
    return np.asarray(picture.resize(size, ways.NEAREST if small else ways.BICUBIC))


def tinted(
    shown: UInt8[np.ndarray, "Y X 3"],
    parts: Parts,
    shares: Float[np.ndarray, " P"],
    numbered: Sequence[int],
    detail: Float[np.ndarray, "1 H W"] | None = None,
) -> UInt8[np.ndarray, "Y X 3"]:
    """Give a picture in grey, tinted by what was added; outline the parts that are numbered.

    Args:
        shown: the picture, enlarged.
        parts: into which it is divided, whose numbers are enlarged to it.
        shares: of all parts, whether they are in this picture or not.
        numbered: places of the parts to outline.
        detail: what single pixels added, (1, H, W); None to tint each part evenly.
    """
    of = _spread(parts.of[0], shown.shape[:2])
    amounts = _even(shares, of) if detail is None else _smoothed(detail[0], shown)
    grey = shown.astype(np.float32) @ np.array(LUMINANCE, np.float32)
    grey = _DARKEST + grey * ((_LIGHTEST - _DARKEST) / 255)
    against = amounts < 0
    tint = (_TINT * np.abs(amounts)).astype(np.float32)[..., None]
    colours = np.where(against[..., None], AGAINST, FOR).astype(np.float32)
    drawn = grey[..., None] * (1 - tint) + colours * tint
    lined = against & (np.abs(amounts) >= 1 / 20) & hatching(*of.shape)
    lines = np.where(_means(grey, of) < _DARK_BELOW, LIGHT, DARK)
    drawn[lined] = 0.3 * drawn[lined] + 0.7 * lines[of[lined]]
    _outline(drawn, of, numbered)
    return drawn.round().astype(np.uint8)


def _even(
    shares: Float[np.ndarray, " P"], of: Int64[np.ndarray, "Y X"]
) -> Float[np.ndarray, "Y X"]:
    """Give each pixel the share of its part, from -1 to 1; 0 to what belongs to none."""
    most = max(np.abs(shares).max(initial=0.0), 1e-30)
    return np.append(shares / most, 0.0)[of]


def _smoothed(
    detail: Float[np.ndarray, "H W"], shown: UInt8[np.ndarray, "Y X 3"]
) -> Float[np.ndarray, "Y X"]:
    """Enlarge what single pixels added, from -1 to 1, so that the strongest few are at the ends."""
    from PIL import Image

    most = max(float(np.quantile(np.abs(detail), _STRONGEST)), 1e-30)
    down, across = shown.shape[:2]
    picture = Image.fromarray((detail / most).clip(-1, 1).astype(np.float32))
    pixelated = max(detail.shape) <= _PIXELATED
    if pixelated:
        return np.asarray(picture.resize((across, down), Image.Resampling.NEAREST))
    return np.asarray(picture.resize((across, down), Image.Resampling.BICUBIC)).clip(-1, 1)


def _means(
    grey: Float[np.ndarray, "Y X"], of: Int64[np.ndarray, "Y X"]
) -> Float[np.ndarray, "count 1"]:
    """Give how light each part is, and last what belongs to none; where there is none, anything."""
    count = int(of.max(initial=0)) + 2
    places = of.ravel() % count  # -1 is the last
    sums = np.bincount(places, grey.ravel(), count)
    return (sums / np.maximum(np.bincount(places, minlength=count), 1))[:, None]


def _spread(of: Int64[np.ndarray, "H W"], size: tuple[int, ...]) -> Int64[np.ndarray, "Y X"]:
    """Enlarge the numbers of parts, pixel by pixel."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, of.shape, strict=True))
    return of[rows[:, None], columns]


def _outline(
    drawn: Float[np.ndarray, "Y X 3"], of: Int64[np.ndarray, "Y X"], numbered: Sequence[int]
) -> None:
    """Draw a dark line inside the edge of each numbered part, and a light one inside of that."""
    chosen = np.isin(of, numbered)
    inner = _near_edge(of, 2 * _LINE) & chosen
    drawn[inner] = 255
    drawn[_near_edge(of, _LINE) & chosen] = (31, 36, 48)


def _near_edge(of: Int64[np.ndarray, "Y X"], most: int) -> Bool[np.ndarray, "Y X"]:
    """Tell which pixels are at most so far from another part, or from the end of the picture."""
    edge = np.zeros(of.shape, bool)
    edge[:most] = edge[-most:] = True
    edge[:, :most] = edge[:, -most:] = True
    for step in (most // 2, most):
        down, across = of[step:] != of[:-step], of[:, step:] != of[:, :-step]
        edge[step:] |= down
        edge[:-step] |= down
        edge[:, step:] |= across
        edge[:, :-step] |= across
    return edge


def middle(inside: Bool[np.ndarray, "H W"]) -> tuple[float, float]:
    """Find the pixel of a part next to its middle: its row and column as shares of the picture."""
    rows, columns = np.nonzero(inside)
    apart = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    place = int(apart.argmin())
    height, width = inside.shape
    return (float(rows[place]) + 0.5) / height, (float(columns[place]) + 0.5) / width


def numbered_at(pen: Any, number: int, at: tuple[float, float]) -> None:
    """Draw a number in a circle."""
    across, down = at
    pen.ellipse((across - 10, down - 10, across + 10, down + 10), fill=PAPER, outline=INK, width=1)
    pen.text((across, down), f"{number}", font=font(14, bold=True), fill=INK, anchor="mm")


def told_line(pen: Any, number: int, told: tuple[str, str], place: tuple[int, int, int]) -> None:
    """Write the number of a part, its name and its share."""
    name, share = told
    left, top, right = place
    numbered_at(pen, number, (left + 11, top + 7))
    letters = font(14)
    name = cut(pen, name, letters, right - left - 150)
    pen.text((left + 34, top + 7), name, font=letters, fill=INK, anchor="lm")
    pen.text((right, top + 7), share, font=font(14, bold=True), fill=INK, anchor="rm")
