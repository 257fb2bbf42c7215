"""Draw a text with what each of its parts added to the answer.

Idea: the text as a person reads it; what speaks for the answer lies on orange, what speaks against
it on blue under hatching, the stronger the deeper, and the strongest have their number beneath.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from pellucid.data import Parts
from pellucid.data._lettering import cut, font, png
from pellucid.data._painting import (
    AGAINST,
    FAINT,
    FOR,
    INK,
    PAPER,
    hatching,
    key,
    signed,
    strongest,
)
from pellucid.data._text_forms import END_SIGN
from pellucid.data._text_parts import stretches

_WIDE, _MARGIN = 860, 24  # pixels
_LETTERS, _SMALL = 18, 11  # pixels
_LINE = 46  # from one line to the next
_HEIGHT = 26  # of the ground behind a word
_NUMBERED = 12  # parts, at most
_LINES = 40  # drawn at most; what follows is summed up
_AROUND = 12  # pixels that a number may reach over its word
_DEEPEST, _FAINTEST = 0.75, 0.05  # how much of the colour lies behind a word
_HATCHED = 0.35  # how much of the colour is in the lines

Box = tuple[int, int, int, int]


class Word(NamedTuple):
    """What stands between blanks, where it is drawn.

    Args:
        text: as it is written.
        part: that it belongs to, -1 for none.
        left: pixels.
        line: from 0.
        width: pixels.
        first: whether its part starts with it.
    """

    text: str
    part: int
    left: int
    line: int
    width: int
    first: bool


def painted(text: str, parts: Parts, shares: Float[np.ndarray, " P"]) -> bytes:
    """Give a PNG of a text, each part on the colour of what it added.

    Args:
        text: as it is written.
        parts: of it, each with its start and end in characters.
        shares: what each added.
    """
    from PIL import Image, ImageDraw

    shares = np.nan_to_num(shares)
    words, whole = _laid(text, parts)
    lines = max((word.line for word in words), default=0) + 1
    tall = 2 * _MARGIN + 24 + _LINE * lines + (24 if not whole else 0)
    page = Image.new("RGB", (_WIDE, tall), PAPER)
    pen = ImageDraw.Draw(page)
    key(page, pen, _MARGIN, _MARGIN)
    most = float(np.abs(shares).max(initial=0.0))
    for word in words:
        top = _MARGIN + 30 + word.line * _LINE
        if word.part >= 0 and most:
            box = (word.left - 1, top, word.left + word.width + 1, top + _HEIGHT)
            _ground(page, box, float(shares[word.part]) / most)
        pen.text((word.left, top + 3), word.text, font=font(_LETTERS), fill=INK)
    _numbers(pen, words, shares)
    if not whole:
        said = "and what follows, which is not drawn"
        pen.text((_MARGIN, tall - _MARGIN - 14), said, font=font(13), fill=FAINT)
    return png(page)


def _laid(text: str, parts: Parts) -> tuple[list[Word], bool]:
    """Break a text into lines; tell whether all of it found room."""
    from PIL import Image, ImageDraw

    pen = ImageDraw.Draw(Image.new("RGB", (8, 8)))
    letters = font(_LETTERS)
    blank = round(pen.textlength(" ", font=letters))
    words: list[Word] = []
    left, line, before, last = _MARGIN, 0, 0, -1
    for start, end, part in _pieces(text, parts):
        gap = text[before:start]
        before = end
        shown = cut(pen, _visible(text[start:end]), letters, _WIDE - 2 * _MARGIN)
        width = round(pen.textlength(shown, font=letters))
        left += blank if gap and words else 0
        if "\n" in gap or left + width > _WIDE - _MARGIN:
            left, line = _MARGIN, line + (1 if words else 0)
        if line >= _LINES:
            return words, False
        words.append(Word(shown, part, left, line, width, part != last))
        left, last = left + width, part
    return words, True


def _pieces(text: str, parts: Parts) -> list[tuple[int, int, int]]:
    """Cut a text at blanks and where parts start or end: start, end and part of each piece."""
    places = stretches(text, parts)
    cuts = {0, len(text), *(place for start, end, _ in places for place in (start, end))}
    cuts |= {place for place, letter in enumerate(text) if letter.isspace()}
    cuts |= {place + 1 for place, letter in enumerate(text) if letter.isspace()}
    edges = sorted(place for place in cuts if place <= len(text))
    starts = np.array([start for start, _, _ in places])
    found = []
    for start, end in pairwise(edges):
        if _visible(text[start:end]):
            at = int(np.searchsorted(starts, start, side="right")) - 1
            inside = at >= 0 and start < places[at][1]
            found.append((start, end, places[at][2] if inside else -1))
    return found


def _visible(text: str) -> str:
    return text.replace(END_SIGN, "").strip()


def _ground(page: Any, box: Box, strength: float) -> None:
    """Fill the ground of a word, hatched where it speaks against; strength is from -1 to 1."""
    from PIL import Image

    deep = abs(strength)
    if deep < _FAINTEST:
        return
    left, top, right, bottom = box
    colour = np.array(FOR if strength > 0 else AGAINST, np.float64)
    paper = np.full((bottom - top, right - left, 3), 255.0)
    mix = np.full(paper.shape[:2], deep * _DEEPEST)
    if strength < 0:
        # Lines on a lighter ground, so that letters stay readable and grey prints tell.
        mix = deep * (_DEEPEST - _HATCHED) + hatching(*mix.shape) * _HATCHED
    filled = paper + (colour - paper) * mix[..., None]
    page.paste(Image.fromarray(filled.round().astype(np.uint8)), (left, top))


def _numbers(pen: Any, words: Sequence[Word], shares: Float[np.ndarray, " P"]) -> None:
    """Write the shares of the strongest parts beneath the first of their words."""
    wanted = strongest(shares, _NUMBERED)
    texts = dict(zip(wanted, signed([float(shares[place]) for place in wanted]), strict=True))
    taken: dict[int, float] = {}
    seen: set[int] = set()
    for word in words:
        if word.part not in texts or not word.first or word.part in seen:
            continue
        seen.add(word.part)
        text = texts[word.part]
        width = pen.textlength(text, font=font(_SMALL, bold=True))
        left = max(word.left, taken.get(word.line, 0.0))
        if left > word.left + word.width + _AROUND or left + width > _WIDE:
            continue
        taken[word.line] = left + width + 4
        top = _MARGIN + 30 + word.line * _LINE + _HEIGHT + 1
        pen.text((left, top), text, font=font(_SMALL, bold=True), fill=INK)
