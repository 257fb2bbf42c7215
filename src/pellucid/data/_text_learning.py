"""Which form texts are read in, and what it learns from the training side.

Idea: of a text to be continued, characters say all there is to learn while it is short; where
every word comes from a fixed list, words are read whole; a long text is read in pieces, which are
fewer than its characters, and so are short texts, one a line, where there are many: what is made
of them is then made of words. Texts with labels are read in pieces, few where there is little text:
rare words then share their stems.

Letters: N texts, V codes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._text_forms import (
    END_SIGN,
    UNKNOWN,
    Characters,
    Form,
    Pieces,
    Words,
    tokenizers,
)

# Measured on SST-2 with counts of runs of pieces: whole words 77.9 %, 8,000 pieces 78, 4,000 79.4,
# 2,000 80.0, 1,000 80.4.
_PIECES, _FEWEST, _MOST = 1_200, 1_000, 16_000  # for a million characters; bounds
_TWICE = 2  # times that a pair must occur to become a piece
_TAUGHT = 20_000_000  # characters that pieces are learned from, at most
_CHARACTERS = 4_000_000  # up to which a text to be continued is read as characters
_SEVERAL, _ENOUGH = 4.0, 100_000  # words of a short text, characters of all: enough for pieces
_LOOKED_AT = 2_000  # short texts
_CLOSED = 50_000  # words, below which nothing follows from how often each occurs
_COUNTED = 2_000_000  # words counted to tell
_ONCE = 0.002  # of the different words, at most, occur once where the vocabulary is closed
_UNKNOWN = 0.001  # of all words are "<unk>", at least, where a text writes that


def chosen_form(texts: Sequence[str], *, stream: bool) -> str:
    """Choose the form in which texts are read.

    Args:
        texts: to learn from.
        stream: whether they are to be continued.
    """
    if not stream:
        return "pieces"
    words = Counter[str]()
    for text in texts:
        words.update(text.split())
        if words.total() > _COUNTED:
            break
    if is_closed(words):
        return "words"
    return "characters" if sum(map(len, texts)) <= _CHARACTERS else "pieces"


def short_form(texts: Sequence[str]) -> str:
    """Choose the form of short texts: of several words each, and many of them, in pieces."""
    some = texts[:: max(1, len(texts) // _LOOKED_AT)]
    words = float(np.mean([len(text.split()) for text in some]))
    enough = sum(map(len, texts)) >= _ENOUGH and words >= _SEVERAL
    return "pieces" if enough else "characters"


def is_closed(words: Counter[str]) -> bool:
    """Tell a text whose words all come from a fixed list, so that none occurs but once."""
    if words.total() < _CLOSED:
        return False
    once = sum(count == 1 for count in words.values())
    return words[UNKNOWN] > _UNKNOWN * words.total() or once <= _ONCE * len(words)


def learned(texts: Sequence[str], form: str, *, stream: bool, pieces: int = _PIECES) -> Form:
    """Learn the codes of a form.

    Args:
        texts: of the training side.
        form: "characters", "words" or "pieces".
        stream: whether they are to be continued: then a text need not start with a word.
        pieces: how many, for a million characters; their number grows by the square root.

    Raises:
        MissingExtraError: if pieces are wanted and the package that learns them is not there.
    """
    if form == "characters":
        return Characters(_letters(texts))
    if form == "words":
        return Words(_words(texts))
    return Pieces(_pieces(texts, pieces, spaced=not stream))


def shares(codes: Sequence[NDArray[Any]], size: int) -> tuple[float, ...]:
    """Say how frequent each code is, (V,); they add up to 1."""
    total = np.zeros(size, np.int64)
    for some in codes:
        total += np.bincount(some, minlength=size)
    return tuple((total / max(1, total.sum())).tolist())


def _letters(texts: Sequence[str]) -> str:
    found: set[str] = set()
    for text in texts:
        found |= set(text)
    return "".join(sorted(found - {END_SIGN}))


def _words(texts: Sequence[str]) -> list[str]:
    found = Counter[str]()
    for text in texts:
        found.update(Words.split(text))
    del found[END_SIGN]
    return sorted(found, key=lambda word: (-found[word], word))


def _pieces(texts: Sequence[str], wanted: int, *, spaced: bool) -> str:
    package = tokenizers()
    millions = sum(map(len, texts)) / 1e6
    engine = package.Tokenizer(package.models.BPE())
    engine.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    engine.decoder = package.decoders.ByteLevel()
    trainer = package.trainers.BpeTrainer(
        vocab_size=round(min(_MOST, max(_FEWEST, wanted * math.sqrt(millions)))),
        min_frequency=_TWICE,
        initial_alphabet=sorted(package.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    engine.train_from_iterator(_taught(texts), trainer)
    return str(engine.to_str())


def _taught(texts: Sequence[str]) -> list[str]:
    """Choose an even sample of texts to learn pieces from, where there are very many."""
    step = max(1, sum(map(len, texts)) // _TAUGHT)
    return [text.replace(END_SIGN, "") for text in texts[::step]]
