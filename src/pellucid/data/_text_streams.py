"""Long texts cut into stretches, and short ones as they are, to learn what comes next in them.

Idea: what is held out are whole parts, spread over a long text, so that the rest still tells of all
that the text is about; stretches follow each other and share one token, so every token but the
first is asked for once. Of short texts, one a line, some are held out, drawn from what they say.

Letters: N stretches.
"""

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Finding
from pellucid.data._split import held_out_share
from pellucid.data._text_forms import END_SIGN
from pellucid.data._text_found import Found
from pellucid.data._text_learning import chosen_form, short_form
from pellucid.data._text_lines import are_texts, lines_of

STRETCH = 2_048  # tokens, at most, of characters and words
CROP = 256  # tokens that one step of training reads
_PIECES = 6_144  # characters of a stretch of pieces; about 3 to 5 of them are one piece
_SHARE = 0.05  # of the text that is held out
_RUNS = 8  # parts that are held out of a long text: its end is about other things than the rest
_RUN = 4_096  # characters of such a part, at least
_MOST = 1 << 21  # characters held out, at most: past that a score hardly gets surer


class Piece(NamedTuple):
    """A text, or a part of one, that stays on one side.

    Args:
        text: as it is written.
        name: of it.
        side: "train", "valid", "test" or "".
        first: whether it begins where a text begins.
    """

    text: str
    name: str
    side: str
    first: bool = True


def stretched(found: Found, *, form: str | None, whole: bool, ended: bool = True) -> Found:
    """Cut texts into stretches; the last part is held out, by texts where there are several.

    Args:
        found: the texts.
        form: in which they are read; None to choose it.
        whole: hold nothing out.
        ended: whether several texts are at their ends; else they are there to be continued.
    """
    chosen = form or chosen_form(found.texts, stream=True)
    sides = found.sides
    if whole or (sides is not None and (sides == "valid").any()):
        pieces = [
            Piece(*each) for each in zip(found.texts, found.names, _sides(found), strict=True)
        ]
    else:
        pieces = _held_out(found, chosen)
    last = END_SIGN if ended and len(found.texts) > 1 else ""
    return _put(found, pieces, chosen, last)


def lined(found: Found, *, form: str | None, whole: bool, ended: bool = True) -> Found:
    """Give the lines of texts as short texts of their own, some of them held out.

    Args:
        found: texts of short texts, one a line.
        form: in which they are read; None to choose it.
        whole: hold nothing out.
        ended: whether texts are at their ends; else they are there to be continued.
    """
    files = zip(found.texts, found.names, _sides(found), strict=True)
    pieces = [
        Piece(line, f"{name} line {number + 1}", side)
        for text, name, side in files
        for number, line in enumerate(lines_of(text))
    ]
    chosen = form or short_form([piece.text for piece in pieces])
    if not (whole or any(piece.side == "valid" for piece in pieces)):
        share = held_out_share(len(pieces))
        pieces = [piece._replace(side=piece.side or _drawn(piece, share)) for piece in pieces]
    said = f"{len(pieces):,} short texts, one a line"
    note = Finding(what="text", level="note", text=said)
    put = _put(found, pieces, chosen, END_SIGN if ended else "")
    return put.replace(lines=True, notes=(*found.notes, note))


def holds_lines(found: Found) -> bool:
    """Tell whether the lines of what was found are short texts of their own."""
    return len(found.texts) > 0 and all(are_texts(text) for text in found.texts)


def _drawn(piece: Piece, share: float) -> str:
    """Draw a side from what a text says: equal ones are on one side, whatever their order."""
    chance = zlib.crc32(piece.text.encode(errors="replace")) / (1 << 32)
    return "valid" if chance < share else "train"


def _put(found: Found, pieces: Sequence[Piece], chosen: str, last: str) -> Found:
    """Put pieces in the place of texts, cut to stretches."""
    texts: list[str] = []
    names: list[str] = []
    given: list[str] = []
    for piece in pieces:
        cut = _cut(piece, chosen, last)
        texts += cut
        parts = [f"{piece.name} part {n + 1}" for n in range(len(cut))]
        names += parts if len(parts) > 1 else [piece.name]
        given += [piece.side] * len(cut)
    return found.replace(
        texts=texts,
        names=names,
        target="",
        targets=None,
        groups=None,
        sides=np.array(given, object) if any(given) else None,
        form=chosen,
    )


def _sides(found: Found) -> NDArray[np.object_]:
    return np.full(len(found.texts), "", object) if found.sides is None else found.sides


def _held_out(found: Found, form: str) -> list[Piece]:
    """Hold out the last texts, or some parts of the only one."""
    every = [Piece(*each) for each in zip(found.texts, found.names, _sides(found), strict=True)]
    free = [piece for piece in every if piece.side != "test"]
    aim = min(_SHARE * sum(len(piece.text) for piece in free), _MOST)
    sides = _divided(free[0], aim, form) if len(free) == 1 else _last_texts(free, aim)
    return [*sides, *(piece for piece in every if piece.side == "test")]


def _last_texts(pieces: Sequence[Piece], aim: float) -> list[Piece]:
    sides: list[Piece] = []
    held = 0.0
    for piece in reversed(pieces):
        side = "train" if held and held + len(piece.text) / 2 > aim else "valid"
        held += len(piece.text) if side == "valid" else aim
        sides.insert(0, piece._replace(side=side))
    if sides[0].side == "valid":  # something must be left to learn from
        sides[0] = sides[0]._replace(side="train")
    return sides


def _divided(piece: Piece, aim: float, form: str) -> list[Piece]:
    """Hold out the end of a text, or several runs of it, if it is long enough.

    Every part but the first begins with the last token of the one before.
    """
    text = piece.text
    runs = int(min(_RUNS, max(1, aim // _RUN)))
    each, apart = aim / runs, len(text) / runs
    starts = [(n + 0.5) * apart - each / 2 for n in range(runs)] if runs > 1 else [len(text) - aim]
    edges = [edge for start in starts for edge in (start, start + each)]
    cuts = [_boundary(text, min(len(text), round(edge)), form) for edge in edges]
    parts: list[Piece] = []
    for place, (start, end) in enumerate(pairwise([0, *cuts, len(text)])):
        shared = _before(text, start, form) if place else 0
        if shared < 0 or start >= end:
            continue
        side = "valid" if place % 2 else "train"
        name = f"{piece.name} from {start}" if place else piece.name
        parts.append(Piece(text[shared:end], name, side, first=not place))
    return parts if len(parts) > 1 else [piece]


def _before(text: str, middle: int, form: str) -> int:
    """Give the place where the last token before the middle begins; -1 if there is none."""
    shared = middle - 1
    while form != "characters" and shared > 0 and not text[shared - 1].isspace():
        shared -= 1
    return shared if 0 < shared < middle else -1


def _boundary(text: str, middle: int, form: str) -> int:
    """Give the place nearest after the middle where this form may be cut."""
    while form != "characters" and middle < len(text) and not text[middle].isspace():
        middle += 1
    return middle


def _cut(piece: Piece, form: str, last: str) -> list[str]:
    text = f"{END_SIGN if piece.first else ''}{piece.text}{last}"
    if form == "characters":
        return _by_characters(text)
    return _by_words(text) if form == "words" else _by_blanks(text)


def _by_characters(text: str) -> list[str]:
    step = STRETCH - 1
    return [text[start : start + STRETCH] for start in range(0, max(1, len(text) - 1), step)]


def _by_words(text: str) -> list[str]:
    apart = text.replace("\n", " \n ").replace(END_SIGN, f" {END_SIGN} ")
    words = re.findall(r"\n|\S+", apart)
    step = STRETCH - 1
    starts = range(0, max(1, len(words) - 1), step)
    return [" ".join(words[start : start + STRETCH]) for start in starts]


def _by_blanks(text: str) -> list[str]:
    """Cut before a blank where there is one; the last word of a stretch begins the next, too."""
    parts: list[str] = []
    start = 0
    while True:
        end = start + _PIECES
        if end >= len(text):
            return [*parts, text[start:]]
        blank = text.rfind(" ", end - 256, end)
        end = blank if blank > 0 else end
        parts.append(text[start:end])
        shared = text.rfind(" ", max(start + 1, end - 64), end)
        start = shared if shared > start else end - 1
