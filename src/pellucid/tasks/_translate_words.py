"""Which tokens of a translation are which of its words.

Letters: L tokens, R numbers of x with an answer behind the source, P parts.
"""

import re
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Parts
from pellucid.data._text_forms import END, Form

_WORD = re.compile(r"['’]?\w+(?:['’\-]\w+)*|[^\w\s]+")


class Words:
    """Tells the words of answers.

    Args:
        form: in which they are written.
        codes: V.
    """

    def __init__(self, form: Form, codes: int) -> None:
        self.form = form
        self.codes = codes

    def of(self, codes: Int[Tensor, " L"]) -> tuple[list[str], NDArray[np.int64]]:
        """Give the words of an answer, and the word that each token belongs to, -1 for none."""
        return _words_of(self.form, tuple(codes.tolist()))

    def places(self, codes: Int[Tensor, " L"], which: int) -> Bool[Tensor, " L"]:
        """Mark the tokens of one word, counted from 1; all tokens for 0."""
        if which == 0:
            return codes != 0
        return torch.from_numpy(self.of(codes)[1] == which - 1).to(codes.device)

    def written(self, x: Float[Tensor, " R"]) -> Int[Tensor, " R"]:
        """Give the codes of the answer behind a source, 0 where the source is."""
        found = x.long()
        return (found % self.codes) * (found >= self.codes)


def spans(text: str) -> list[tuple[int, int]]:
    """Give where the words of an answer start and end, in characters."""
    return [found.span() for found in _WORD.finditer(text)]


def widened(parts: Parts, x: Float[Tensor, " R"], codes: int, form: Form, which: int) -> Parts:
    """Add to the words of a source the words that were written before the one explained.

    Args:
        parts: of the source.
        x: the source, and the answer behind it.
        codes: V.
        form: in which both are read.
        which: the word, counted from 1; for 0, the whole answer, nothing is added.
    """
    words = Words(form, codes)
    written = words.written(x)
    start = int((written != 0).int().argmax()) if bool(written.any()) else len(x)
    of = np.full(len(x), -1, np.int64)
    own = np.broadcast_to(parts.of, (len(parts.of),))[:start]
    of[: len(own)] = own
    names, where = list(parts.names), list(parts.where)
    if which > 1:
        told, belongs = words.of(written[start:])
        for place, word in enumerate(told[: which - 1]):
            of[start:][belongs == place] = len(names)
            names.append(f"{word} (written, word {place + 1})")
            where.append(["written", place + 1])
    return Parts(of=of, names=tuple(names), where=tuple(where))


@lru_cache(maxsize=256)
def _words_of(form: Form, codes: tuple[int, ...]) -> tuple[list[str], NDArray[np.int64]]:
    kept = [place for place, code in enumerate(codes) if code > END]
    row = np.array([codes[place] for place in kept], np.int32)
    text = form.text(row)
    ends = [len(form.text(row[: place + 1])) for place in range(len(row))]
    words = [(found.start(), found[0]) for found in _WORD.finditer(text)]
    starts = np.array([start for start, _ in words], np.int64)
    belongs = np.full(len(codes), -1, np.int64)
    for place, end in zip(kept, ends, strict=True):
        belongs[place] = max(0, int(np.searchsorted(starts, end - 1, side="right")) - 1)
    return [word for _, word in words], belongs
