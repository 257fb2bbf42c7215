"""Short texts, one a line, told from a long text that goes on from line to line.

Idea: lines that go on from each other are about the same things, so neighbours share rare words far
more often than lines far apart do; and a line that is broken for want of room ends anywhere. Short
texts of their own do neither.

Measured: of neighbours, and of lines far apart, share a rare word: 40 and 2 % of the sentences of
the Penn Treebank, 4 and 0.6 % of the lines of plays (of which 18 % are empty), 3.3 and 1.0 % of
captions, because photographs were described in the order in which they were taken.

Letters: N lines.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

_FEWEST = 100  # different lines: of fewer than that nothing can be told
_LOOKED_AT = 20_000  # lines
_BLANK = 0.01  # of the lines, at most, are empty where lines are texts
_MIDDLE, _LONG = 200, 1_000  # characters that half of the lines, and 99 of 100, have at most
_RARE = 0.01  # of the lines hold a rare word, at most
_SHARED = 0.1  # of neighbours share a rare word beyond what lines far apart do, at most
_CLOSED = 0.5  # of the lines, at least, end as a sentence does
_NAMES = 2.5  # words of a line, up to which it is a name and need not end so
_WORD = re.compile(r"\w+")


def are_texts(text: str) -> bool:
    """Tell short texts, one a line, from one text that goes on from line to line."""
    every = text.rstrip("\n").split("\n")
    lines = lines_of(text)
    if len(set(lines)) < _FEWEST or len(lines) < (1 - _BLANK) * len(every):
        return False
    lengths = np.array([len(line) for line in lines])
    if np.median(lengths) > _MIDDLE or np.quantile(lengths, 0.99) > _LONG:
        return False
    some = lines[:_LOOKED_AT]
    words = np.mean([len(line.split()) for line in some])
    closed = np.mean([_is_closed(line) for line in some])
    return bool(closed >= _CLOSED or words <= _NAMES) and not _go_on(some)


def lines_of(text: str) -> list[str]:
    """Give the texts, one a line; empty lines are none."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def _is_closed(line: str) -> bool:
    return not (line[-1].isalnum() or line[-1] in ",;:-–—")


def _go_on(lines: Sequence[str]) -> bool:
    """Tell whether neighbours share more than lines that are far apart."""
    words = [frozenset(_WORD.findall(line.lower())) for line in lines]
    counts = Counter(word for some in words for word in some)
    most = max(2.0, _RARE * len(lines))
    rare = [{word for word in some if 1 < counts[word] <= most} for some in words]
    half = len(rare) // 2
    pairs = (zip(rare, rare[start:], strict=False) for start in (1, half))
    near, far = (np.mean([not one.isdisjoint(other) for one, other in some]) for some in pairs)
    return bool(near - far > _SHARED)
