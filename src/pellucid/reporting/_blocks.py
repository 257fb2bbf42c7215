"""What a page is made of: sections of blocks, which say what is shown and not how it looks.

The template draws each block by its name; nothing here or there knows a kind of data or a task.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pellucid.reporting._figures import Figure


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """A paragraph."""

    text: str
    block: ClassVar[str] = "words"


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """A sentence that stands out.

    Args:
        text: the sentence.
        tone: "bad", "good" or "plain".
    """

    text: str
    tone: str = "plain"
    block: ClassVar[str] = "notice"


@dataclass(frozen=True, kw_only=True, slots=True)
class Items:
    """Sentences one below the other."""

    texts: tuple[str, ...]
    block: ClassVar[str] = "items"


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Names and what they stand for.

    Args:
        rows: name and value.
        code: whether the values are typed by a machine: commands, fingerprints.
    """

    rows: tuple[tuple[str, str], ...]
    code: bool = False
    block: ClassVar[str] = "facts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a table.

    Args:
        text: in it.
        shade: how dark its ground is, from 0 to 1.
        tone: "good" or "bad", the colour of the shade or the bar.
        bar: length of a bar beside the text, from 0 to 1; None for no bar.
    """

    text: str
    shade: float = 0.0
    tone: str = ""
    bar: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under a head; the first cell of each row names it.

    Args:
        caption: what is shown, above it.
        head: names of the columns.
        rows: as many cells as the head has names.
        words: columns that hold words and not figures, by place.
        dense: whether many narrow columns shall fit side by side.
        note: what a reader must know, below it.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: tuple[int, ...] = (0,)
    dense: bool = False
    note: str = ""
    block: ClassVar[str] = "table"

    @property
    def barred(self) -> tuple[bool, ...]:
        """Tell for each column whether bars stand in it."""
        return tuple(
            any(row[place].bar is not None for row in self.rows) for place in range(len(self.head))
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One example with its explanation.

    Args:
        title: its name.
        answer: what it was taken for.
        truth: what it is; "" if unknown.
        reliable: whether the explanation can be relied on.
        verdict: that in words.
        picture: a data URI; "" for none.
        shown: what the picture shows, for those who do not see it.
        sound: a data URI of what is to be heard; "" for nothing.
        parts: the strongest, as a table.
        remarks: sentences below.
    """

    title: str
    answer: str
    truth: str
    reliable: bool
    verdict: str
    picture: str
    shown: str
    parts: Table
    remarks: tuple[str, ...] = ()
    sound: str = ""
    block: ClassVar[str] = "card"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture by itself.

    Args:
        picture: a data URI.
        shown: what it shows, for those who do not see it.
        caption: below it.
    """

    picture: str
    shown: str
    caption: str
    block: ClassVar[str] = "picture"


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """Something that a model wrote, line by line as it did."""

    text: str
    block: ClassVar[str] = "quote"


Block = Words | Notice | Items | Facts | Table | Card | Figure | Picture | Quote


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One heading and what stands under it.

    Args:
        name: of the anchor, one word.
        title: the heading.
        blocks: in order.
    """

    name: str
    title: str
    blocks: tuple[Block, ...] = field(default_factory=tuple)


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str | Cell]],
    *,
    words: Sequence[int] = (0,),
    dense: bool = False,
    note: str = "",
) -> Table:
    """Make a table of cells and plain words."""
    cells = tuple(
        tuple(cell if isinstance(cell, Cell) else Cell(text=cell) for cell in row) for row in rows
    )
    return Table(
        caption=caption, head=tuple(head), rows=cells, words=tuple(words), dense=dense, note=note
    )


def counted(count: int, noun: str = "example") -> str:
    """Write a number of things: "1 example", "2,000 examples"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def data_uri(picture: bytes) -> str:
    """Put a PNG, JPEG or WAV file into an address that fetches nothing; "" if it is none."""
    if picture.startswith(b"RIFF"):
        return f"data:audio/wav;base64,{base64.b64encode(picture).decode('ascii')}"
    if picture.startswith(b"\x89PNG\r\n\x1a\n"):
        form = "png"
    elif picture.startswith(b"\xff\xd8\xff"):
        form = "jpeg"
    else:
        return ""
    return f"data:image/{form};base64,{base64.b64encode(picture).decode('ascii')}"
