"""Texts as they were found, before it is settled what is asked of them.

Letters: N texts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Fault, Finding

_WORDS, _LETTERS = 400, 4_000  # that are read of a text with a label; about 500 and 1,000 pieces
_BLANKS = re.compile(r"(?<=\S)\s+(?=\S)")
_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Texts with all that stood beside them.

    Args:
        texts: as they are written, N.
        names: one each.
        target: name of what is asked; "" where no labels are.
        targets: labels, (N,), as in `Examples.targets`.
        groups: (N,) object, or None.
        sides: "train", "valid", "test" or "" for each, (N,) object; None if nothing says.
        columns: of a table that the texts are from; empty for files.
        all_columns: of that table.
        header: whether the table names its columns.
        form: in which they were cut into stretches; "" where nothing was cut.
        lines: whether each is a line of a file of short texts.
        faults: what was left out.
        notes: how it was read.
    """

    texts: Sequence[str]
    names: Sequence[str]
    target: str = ""
    targets: NDArray[Any] | None = None
    groups: NDArray[np.object_] | None = None
    sides: NDArray[np.object_] | None = None
    columns: tuple[str, ...] = ()
    all_columns: tuple[str, ...] = ()
    header: bool = False
    form: str = ""
    lines: bool = False
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()

    def replace(self, **changes: Any) -> "Found":
        """Give a copy with some fields changed."""
        return replace(self, **changes)

    def examples(self, *, stream: bool) -> Examples:
        """Give examples.

        Args:
            stream: whether they are stretches of longer texts, to be continued.
        """
        texts = Texts(
            self.texts,
            stream=stream,
            form=self.form,
            lines=self.lines,
            columns=self.columns,
            all_columns=self.all_columns,
            header=self.header,
        )
        return Examples(
            kind="text",
            names=self.names,
            raw=texts,
            target=self.target,
            targets=self.targets,
            groups=self.groups,
            sides=self.sides,
            faults=self.faults,
            notes=self.notes,
        )


def bounded(found: Found) -> Found:
    """Cut texts that are longer than can be afforded, and say so."""
    ends = [_end(text) for text in found.texts]
    cut = [place for place, end in enumerate(ends) if end < len(found.texts[place])]
    if not cut:
        return found
    count = "1 text is" if len(cut) == 1 else f"{len(cut):,} texts are"
    said = (
        f"{count} longer than {_WORDS} words or {_LETTERS:,} characters: what follows is not read"
    )
    names = tuple(found.names[place] for place in cut[:_SHOWN])
    note = Finding(what="cut at the end", level="note", text=said, examples=names)
    texts = [text[:end] for text, end in zip(found.texts, ends, strict=True)]
    return found.replace(texts=texts, notes=(*found.notes, note))


def _end(text: str) -> int:
    """Give the place where a text is cut."""
    if len(text) <= _WORDS:  # characters, so fewer words
        return len(text)
    words = islice(_BLANKS.finditer(text), _WORDS - 1, None)
    found = next(words, None)
    return min(len(text) if found is None else found.start(), _LETTERS)


class Texts(list[str]):
    """Texts, with what has to be known to read others alike.

    Args:
        texts: as they were read, clean.
        stream: whether they are stretches of longer texts, to be continued.
        form: in which stretches were cut; "" where nothing was cut.
        lines: whether each is a line of a file of short texts.
        columns: of the table that they are from; empty for files.
        all_columns: of that table.
        header: whether it names its columns.
    """

    def __init__(  # noqa: PLR0913 - each is a fact about how they were read
        self,
        texts: Sequence[str] = (),
        *,
        stream: bool = False,
        form: str = "",
        lines: bool = False,
        columns: tuple[str, ...] = (),
        all_columns: tuple[str, ...] = (),
        header: bool = False,
    ) -> None:
        super().__init__(texts)
        self.stream = stream
        self.form = form
        self.lines = lines
        self.columns = columns
        self.all_columns = all_columns
        self.header = header

    def take(self, places: NDArray[np.int64]) -> "Texts":
        """Give the texts at these places, in this order."""
        return self.of([self[place] for place in places.tolist()])

    def of(self, texts: Sequence[str]) -> "Texts":
        """Give other texts that were read in the same way."""
        return Texts(
            texts,
            stream=self.stream,
            form=self.form,
            lines=self.lines,
            columns=self.columns,
            all_columns=self.all_columns,
            header=self.header,
        )
