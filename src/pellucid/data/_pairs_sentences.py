"""Long sources, divided into their sentences, since those are what was learned.

Letters: N sources, M pieces of them.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples
from pellucid.data._text_forms import Form

if TYPE_CHECKING:
    from pellucid.data import Kind

_ENDS = re.compile(r"(?<=[.!?…])[\"'”’»)]*\s+|(?<=[。！？])|\n+")
_CLAUSES = re.compile(r"(?<=[,;:–—、，；])\s*")


def apart(
    kind: "Kind", examples: Examples, form: Form, longest: int
) -> tuple[Examples, NDArray[np.int64], Sequence[str]]:
    """Divide what is longer than a network can read.

    Args:
        kind: of the examples.
        examples: N sources.
        form: in which they are read.
        longest: codes that a network can read.

    Returns:
        The pieces, M examples; the source that each is from, (M,); and what stood before each
        piece in it, "" before the first.
    """
    texts: list[str] = []
    owners: list[int] = []
    between: list[str] = []
    for place, text in enumerate(examples.raw):
        parts = [text] if len(text.encode()) <= longest else _cut(text, form, longest)
        texts += parts
        owners += [place] * len(parts)
        between += ["", *[" "] * (len(parts) - 1)]
    if len(texts) == len(examples):
        return examples, np.arange(len(examples)), between
    places = np.array(owners, np.int64)
    return kind.take(examples, places).replace(raw=examples.raw.of(texts)), places, between


def _cut(text: str, form: Form, longest: int) -> list[str]:
    """Cut at the ends of sentences, then of clauses, then of words, where it is too long."""
    if len(form.codes(text)) <= longest:
        return [text]
    for ends in (_ENDS, _CLAUSES):
        parts = [part.strip() for part in ends.split(text) if part.strip()]
        if len(parts) > 1:
            return [piece for part in parts for piece in _cut(part, form, longest)]
    words = text.split()
    if len(words) > 1:
        middle = len(words) // 2
        halves = (" ".join(words[:middle]), " ".join(words[middle:]))
        return [piece for half in halves for piece in _cut(half, form, longest)]
    middle = len(text) // 2
    return [piece for half in (text[:middle], text[middle:]) for piece in _cut(half, form, longest)]
