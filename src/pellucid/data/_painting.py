"""What all drawn explanations share: colours, hatching, signed numbers.

Idea: orange and blue are told apart by nearly all eyes, and what speaks against is hatched and has
a minus sign, for those who see or print no colour.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from pellucid.data._lettering import font

FOR, AGAINST = (226, 113, 29), (40, 104, 172)
LIGHT, DARK = (172, 202, 234), (17, 58, 104)  # lines of the hatching, on dark and on light ground
PAPER, INK, FAINT = "#ffffff", "#1f2430", "#5f6678"
_STEP, _THICK = 8, 2  # pixels, of the hatching
_FAINTEST = 0.1  # of the strongest: parts below that are not numbered
_KEYS = (("speaks for the answer", False), ("speaks against it", True))

Box = tuple[int, int, int, int]  # left, top, right, bottom, pixels


def strongest(shares: Float[np.ndarray, " P"], most: int) -> list[int]:
    """Give the places of the parts worth naming, the strongest first, at most so many."""
    strength = np.abs(shares)
    order = np.argsort(-strength, kind="stable")[:most].tolist()
    least = _FAINTEST * strength.max(initial=0.0)
    return [place for place in order if strength[place] >= least > 0]


def signed(shares: Sequence[float]) -> list[str]:
    """Write shares with their signs, all to the third digit of the strongest."""
    most = max((abs(share) for share in shares), default=0.0)
    if not most:
        return ["0"] * len(shares)
    digits = 2 - math.floor(math.log10(most))
    if not -6 <= digits <= 8:
        return [f"{share:+.2e}".replace("-", "−") for share in shares]
    written = [f"{share:+,.{max(digits, 0)}f}".replace("-", "−") for share in shares]
    return [text if text.strip("+−0.") else text[1:] for text in written]


def hatching(height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """Tell which pixels are on diagonal lines."""
    return (np.arange(height)[:, None] + np.arange(width) + _STEP // 2) % _STEP < _THICK


def fill(sheet: Any, box: Box, *, against: bool) -> None:
    """Fill a box of a sheet with the colour of what speaks for, or against and hatched."""
    from PIL import Image

    left, top, right, bottom = box
    if not against:
        sheet.paste(FOR, box)
        return
    lines = hatching(bottom - top, right - left)
    colours = np.array([AGAINST, LIGHT], np.uint8)
    sheet.paste(Image.fromarray(colours[lines.astype(np.int64)]), (left, top))


def key(sheet: Any, pen: Any, left: int, top: int) -> None:
    """Say in one line what the colours mean."""
    letters = font(13)
    for text, against in _KEYS:
        fill(sheet, (left, top, left + 26, top + 14), against=against)
        pen.text((left + 34, top + 7), text, font=letters, fill=FAINT, anchor="lm")
        left += 34 + round(pen.textlength(text, font=letters)) + 28
