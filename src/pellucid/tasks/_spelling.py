"""How words are written as codes and read again: by characters, or by pieces that were learned.

Idea: what is spoken are words, not commas and capitals, so a transcript is learned and judged in
lower case without punctuation. Much text is spelled by pieces that occur often, little text by
characters, of which even one hour of speech has enough of each.

Source: Sennrich, Haddow & Birch 2016, arXiv:1508.07909 (pieces by merging the commonest pair).
Departs: a text is spelled by the longest piece that fits, from left to right; no piece crosses the
end of a word.

Letters: N transcripts, L codes of the longest.
"""

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NOTHING = ""  # token 0: nothing new was said
_KEPT = "'"  # punctuation that is heard: "it's" is no "its"
_ENOUGH = 400_000  # characters of transcripts, some eight hours, from which pieces are learned
_PIECES = 256  # tokens, characters among them
_LONGEST = 6  # characters of a piece


def normalised(text: str) -> str:
    """Give the words that are spoken: lower case, no punctuation, single spaces."""
    text = (
        unicodedata.normalize("NFC", text)
        .casefold()
        .replace("\N{RIGHT SINGLE QUOTATION MARK}", _KEPT)
    )
    kept = "".join(letter if _spoken(letter) else " " for letter in text)
    words = (word.strip(_KEPT) for word in kept.split())
    return " ".join(word for word in words if word)


def tokens_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Choose what normalised transcripts are spelled with; the first token is nothing."""
    letters = sorted(set("".join(texts)))
    found = [NOTHING, *letters]
    if sum(map(len, texts)) >= _ENOUGH:
        found += _pieces(texts, _PIECES - len(found))
    return tuple(found)


class Speller:
    """Writes normalised text as codes, and reads codes.

    Args:
        tokens: by code; the first is nothing.
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self._codes = {token: code for code, token in enumerate(tokens) if token}
        longest_first = sorted(self._codes, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) + "|.", re.DOTALL)

    @property
    def unknown(self) -> int:
        """The code of a character that no token spells."""
        return len(self.tokens)

    def codes(self, text: str) -> list[int]:
        """Spell a normalised text."""
        return [self._codes.get(each, self.unknown) for each in self._pattern.findall(text)]

    def text(self, codes: Sequence[int]) -> str:
        """Read codes; one that no token has is shown as a box."""
        known = self.tokens
        return "".join(known[code] if code < len(known) else "\N{WHITE SQUARE}" for code in codes)

    def table(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Spell many texts, (N, L), 0 behind the end of a shorter one."""
        rows = [self.codes(text) for text in texts]
        table = np.zeros((len(rows), max(map(len, rows), default=0) or 1), np.int64)
        for row, codes in zip(table, rows, strict=True):
            row[: len(codes)] = codes
        return table

    def texts(self, table: NDArray[np.int64]) -> list[str]:
        """Read a table of codes."""
        return [self.text(row[row > 0].tolist()) for row in table]


def _spoken(letter: str) -> bool:
    return letter == _KEPT or unicodedata.category(letter)[0] in "LMN"


def _pieces(texts: Sequence[str], count: int) -> list[str]:
    """Merge the commonest pair of neighbours again and again."""
    words = Counter(word for text in texts for word in text.split())
    spelled = {word: list(word) for word in words}
    found: list[str] = []
    while len(found) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in spelled.items():
            for pair in itertools.pairwise(parts):
                if len(pair[0]) + len(pair[1]) <= _LONGEST:
                    pairs[pair] += words[word]
        if not pairs:
            break
        first, second = max(pairs, key=lambda pair: (pairs[pair], pair))
        found.append(first + second)
        for parts in spelled.values():
            _merge(parts, first, second)
    return found


def _merge(parts: list[str], first: str, second: str) -> None:
    place = 0
    while place < len(parts) - 1:
        if parts[place] == first and parts[place + 1] == second:
            parts[place : place + 2] = [first + second]
        place += 1
