"""Words that must stand in a translation as they stand in the source, such as names.

Idea: a name that was never learned from is spelled wrongly, or translated into something. Which
word of the translation stands for it cannot be read off the name, which told the network nothing.
But all other words of the source can be left out, one by one, and what no other word explains is
what stands for the name.

Source: Li, Monroe & Jurafsky 2016, arXiv:1612.08220 (erasure; see `tasks/_translate_alignment.py`);
Luong et al. 2015, "Addressing the rare word problem in neural machine translation",
arXiv:1410.8206 (words that are copied once it is known where they belong).

Letters: P source words, Q words of the translation.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.tasks._translate_alignment import alignment
from pellucid.tasks._translate_words import spans
from pellucid.tasks.translate import Translate

if TYPE_CHECKING:
    from pellucid.model import Model

_LEAST = -1.0  # nats that a word may lose more without another word than without the name


def kept(model: "Model", source: str, translation: str, words: Sequence[str]) -> str:
    """Put words of a source into its translation where they were changed.

    Args:
        model: that translated.
        source: one text.
        translation: of it.
        words: names that must not be changed; each may be of several words.

    Returns:
        The translation; unchanged where every name stands in it, or where no word stands for one.
    """
    for name in sorted(words, key=len, reverse=True):
        for place in _where(name, source):
            if missing(source, translation, [name]):
                translation = _put(model, (source, translation), name, place)
    return translation


def missing(source: str, translation: str, words: Sequence[str]) -> list[str]:
    """Give the words that stand in a source and not as often in its translation."""
    return [name for name in words if len(_where(name, source)) > len(_where(name, translation))]


def _put(model: "Model", pair: tuple[str, str], name: str, place: tuple[int, int]) -> str:
    """Write a name over the words of the translation that rest on it."""
    source, translation = pair
    where, lost = _resting(model, source, translation)
    asked = [
        column for column, (start, end) in enumerate(where) if start < place[1] and end > place[0]
    ]
    found = spans(translation)
    if not asked or lost.shape[0] != len(found):
        return translation
    words = np.array([any(map(str.isalnum, translation[a:b])) for a, b in found])
    own = np.where(words, _left_over(lost, asked), -np.inf)
    rows = _run(own, len(name.split()))
    if rows is None:
        return translation
    first, last = rows
    return translation[: found[first][0]] + name + translation[found[last][1] :]


def _left_over(lost: NDArray[np.float64], asked: list[int]) -> NDArray[np.float64]:
    """Give how little each word rests on others than those that are asked about, (Q,), nats."""
    others = np.delete(lost, asked, axis=1)
    return np.asarray(lost[:, asked].max(axis=1) - others.max(axis=1, initial=0.0), np.float64)


def _run(own: NDArray[np.float64], most: int) -> tuple[int, int] | None:
    """Give the first and last of the words in a row that are left over most, at most so many."""
    top = int(own.argmax())
    if own[top] < _LEAST:
        return None
    first = last = top
    while last - first + 1 < most:
        before = own[first - 1] if first > 0 else -np.inf
        after = own[last + 1] if last + 1 < len(own) else -np.inf
        if max(before, after) < _LEAST:
            break
        first, last = (first - 1, last) if before > after else (first, last + 1)
    return first, last


def _resting(
    model: "Model", source: str, translation: str
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Give the place of each source word, and what the words of a translation lose without it."""
    subject, task = model.why.subject, model.task
    assert isinstance(task, Translate)
    one = subject.kind.read([{"text": source}], Ask(schema=subject.schema))
    x = subject.x(subject.kind.encode(one, subject.schema))
    posed = task.answered(x, [translation])
    (parts,) = subject.kind.parts(one, subject.schema)
    names, _, lost = alignment(posed[0], parts, subject.asked, task.words)
    return [(int(start), int(end)) for start, end in parts.where], lost[:, : len(names)]


def _where(name: str, text: str) -> list[tuple[int, int]]:
    found = re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    return [each.span() for each in found]
