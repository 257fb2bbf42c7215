"""The forms in which a network reads a text: characters, words or pieces, as codes.

Idea: every form has a floor of a few codes from which any text can be spelled, so nothing is ever
unknown: characters that training never saw are written as halves of their bytes, words as bytes,
pieces are made of bytes. Code 0 is nothing, code 1 the end of a text.

Source: Sennrich, Haddow & Birch 2016, "Neural machine translation of rare words with subword
units", arXiv:1508.07909 (byte-pair encoding).

Letters: T tokens, V codes.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError

NOTHING, END = 0, 1
END_SIGN = "\x03"  # "end of text", as ASCII has it; no text that was read holds one
UNKNOWN = "<unk>"  # as texts with a closed vocabulary write a word that is outside of it
_FIRST = 2  # code after those of nothing and of the end
_HALVES = 16
_BYTES = 256
_RUN = re.compile(r"\n|\x03|[^\s\x03]+")

_MOST_KEPT = 8
_KEPT: "dict[int, tuple[Any, Form]]" = {}

Codes = NDArray[np.int32]
Span = tuple[int, int]


class Form(ABC):
    """How a text becomes codes and codes become a text."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Count the codes that there are, V."""

    @abstractmethod
    def codes(self, text: str) -> Codes:
        """Give the codes of a text, (T,)."""

    @abstractmethod
    def spans(self, text: str) -> list[Span]:
        """Say where in the text each of its codes is from: start and end, in characters."""

    @abstractmethod
    def text(self, codes: Codes) -> str:
        """Give the text of codes, as near as can be."""

    @abstractmethod
    def widths(self) -> NDArray[np.int64]:
        """Give the bytes of UTF-8 that each code stands for, (V,)."""

    @abstractmethod
    def to_json(self) -> Any:
        """Give what `form_of` builds the form from."""

    def many(self, texts: Sequence[str]) -> list[Codes]:
        """Give the codes of many texts."""
        return [self.codes(text) for text in texts]


class Characters(Form):
    """One code a character."""

    name = "characters"

    def __init__(self, letters: str) -> None:
        self.letters = letters
        self._first = _FIRST + _HALVES
        points = _points(letters)
        table = np.zeros(int(points.max(initial=3)) + 1, np.int32)
        table[points] = self._first + np.arange(len(points))
        table[ord(END_SIGN)] = END
        self._table = table

    @property
    def size(self) -> int:
        return self._first + len(self.letters)

    def codes(self, text: str) -> Codes:
        points = _points(text)
        known = points < len(self._table)
        codes = np.where(known, self._table[np.where(known, points, 0)], 0)
        return codes if codes.all() else self._spelled(text, codes)

    def spans(self, text: str) -> list[Span]:
        codes = self.codes(text)
        if len(codes) == len(text):
            return [(place, place + 1) for place in range(len(text))]
        counts = [len(self.codes(letter)) for letter in text]
        return [(at, at + 1) for at, count in enumerate(counts) for _ in range(count)]

    def text(self, codes: Codes) -> str:
        parts, waiting = [], bytearray()
        for half, high in _halves(codes):
            if half is not None:
                waiting.append(half)
                continue
            parts.append(waiting.decode(errors="replace"))
            waiting.clear()
            parts.append(END_SIGN if high == END else self.letters[high - self._first])
        return "".join([*parts, waiting.decode(errors="replace")])

    def widths(self) -> NDArray[np.int64]:
        plain = [len(letter.encode(errors="replace")) for letter in self.letters]
        # The second half of a byte brings it; which half a code is cannot be told from it alone.
        return np.array([0, 0, *[1] * _HALVES, *plain], np.int64)

    def to_json(self) -> str:
        return self.letters

    def _spelled(self, text: str, codes: Codes) -> Codes:
        parts, done = [], 0
        for place in np.flatnonzero(codes == 0).tolist():
            raw = np.frombuffer(text[place].encode(errors="replace"), np.uint8)
            halves = np.stack([raw >> 4, raw & 15], axis=1).ravel()
            parts += [codes[done:place], (halves + _FIRST).astype(np.int32)]
            done = place + 1
        return np.concatenate([*parts, codes[done:]])


class Words(Form):
    """One code for what stands between blanks, and one for the end of a line.

    A word that is not known is "<unk>" where that is known, as in texts whose vocabulary is closed;
    else it is spelled in bytes.

    Args:
        known: the words.
    """

    name = "words"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = tuple(known)
        self._first = _FIRST + (0 if UNKNOWN in self.known else _BYTES)
        self._codes = {word: self._first + place for place, word in enumerate(self.known)}
        self._unknown = self._codes.get(UNKNOWN, 0)
        self._codes[END_SIGN] = END

    @property
    def size(self) -> int:
        return self._first + len(self.known)

    def codes(self, text: str) -> Codes:
        words = self.split(text)
        found = [self._codes.get(word, 0) for word in words]
        if not all(found):
            return np.array(self._spelled(words, found), np.int32)
        return np.array(found, np.int32)

    @staticmethod
    def split(text: str) -> list[str]:
        """Give the words of a text, in their order."""
        found: list[str] = _RUN.findall(text)
        return found

    def spans(self, text: str) -> list[Span]:
        spans = []
        for found in _RUN.finditer(text):
            word = found[0]
            many = 1 if word in self._codes else len(self._spelled([word], [0]))
            spans += [found.span()] * many
        return spans

    def text(self, codes: Codes) -> str:
        parts: list[bytes] = []
        for code in codes.tolist():
            if code >= self._first:
                parts.append(b" " + self.known[code - self._first].encode(errors="replace"))
            elif code >= _FIRST:
                parts.append(bytes([code - _FIRST]))
            elif code == END:
                parts.append(b" " + END_SIGN.encode())
        text = b"".join(parts).decode(errors="replace").removeprefix(" ")
        return text.replace(" \n", "\n").replace("\n ", "\n")

    def widths(self) -> NDArray[np.int64]:
        plain = [len(word.encode(errors="replace")) + (word != "\n") for word in self.known]
        return np.array([0, 0, *[1] * (self._first - _FIRST), *plain], np.int64)

    def to_json(self) -> Any:
        return list(self.known)

    def _spelled(self, words: Sequence[str], found: Sequence[int]) -> list[int]:
        codes: list[int] = []
        for word, code in zip(words, found, strict=True):
            if code or self._unknown:
                codes.append(code or self._unknown)
            else:  # A blank before it, or two such words would run together.
                codes += [_FIRST + byte for byte in f" {word}".encode(errors="replace")]
        return codes


class Pieces(Form):
    """Frequent pieces of words, down to single bytes.

    Args:
        trained: a tokenizer of the package `tokenizers`, as it writes itself down.
    """

    name = "pieces"

    def __init__(self, trained: str) -> None:
        self._trained = trained
        self._engine = tokenizers().Tokenizer.from_str(trained)
        self._spaced = bool(self._engine.pre_tokenizer.add_prefix_space)

    @property
    def size(self) -> int:
        return _FIRST + int(self._engine.get_vocab_size())

    def codes(self, text: str) -> Codes:
        return self.many([text])[0]

    def many(self, texts: Sequence[str]) -> list[Codes]:
        if any(END_SIGN in text for text in texts):
            return [self._with_ends(text) for text in texts]
        found = self._engine.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(one.ids, np.int32) + _FIRST for one in found]

    def spans(self, text: str) -> list[Span]:
        spans: list[Span] = []
        start = 0
        for part in re.split(f"({END_SIGN})", text):
            if part == END_SIGN:
                spans.append((start, start + 1))
            else:
                found = self._engine.encode(part, add_special_tokens=False).offsets
                spans += [(start + first, start + last) for first, last in found]
            start += len(part)
        return spans

    def text(self, codes: Codes) -> str:
        texts, start = [], 0
        for place in [*np.flatnonzero(codes == END).tolist(), len(codes)]:
            some = codes[start:place]
            ids = (some[some >= _FIRST] - _FIRST).tolist()
            texts.append(self._engine.decode(ids, skip_special_tokens=False))
            start = place + 1
        # A blank that was put before the first word, so that it reads as inside, goes again.
        if self._spaced and not (len(codes) and codes[0] == END):
            texts[0] = texts[0].removeprefix(" ")
        return END_SIGN.join(texts)

    def widths(self) -> NDArray[np.int64]:
        pieces = sorted(self._engine.get_vocab().items(), key=lambda pair: pair[1])
        return np.array([0, 0, *[len(piece) for piece, _ in pieces]], np.int64)

    def to_json(self) -> str:
        return self._trained

    def _with_ends(self, text: str) -> Codes:
        parts = re.split(f"({END_SIGN})", text)
        plain = iter(self.many([part for part in parts if part != END_SIGN]))
        end = np.array([END], np.int32)
        return np.concatenate([end if part == END_SIGN else next(plain) for part in parts])


def learned_from(details: Mapping[str, Any]) -> Form:
    """Give the form that the details of a schema hold; the last few are kept."""
    given = details["codes"]
    # What is kept holds the object itself, so no other one can have its number meanwhile.
    kept = _KEPT.get(id(given))
    if kept is None:
        kept = given, _build(str(details["form"]), given)
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[id(given)] = kept
    return kept[1]


def tokenizers() -> Any:
    """Import the package that learns pieces.

    Raises:
        MissingExtraError: if it is not installed.
    """
    try:
        import tokenizers as package
    except ImportError as error:
        raise MissingExtraError(
            given="the package tokenizers is not installed",
            needed="it, for texts that are read in pieces of words",
            remedy="pip install 'pellucid[text]'",
        ) from error
    return package


def _build(name: str, given: Any) -> Form:
    if name == Characters.name:
        return Characters(given)
    return Words(given) if name == Words.name else Pieces(given)


def _points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", errors="replace"), np.uint32)


def _halves(codes: Codes) -> "list[tuple[int | None, int]]":
    """Give the bytes that two halves each make, and the codes that are none."""
    found: list[tuple[int | None, int]] = []
    high: int | None = None
    for code in codes.tolist():
        half = code - _FIRST
        if not 0 <= half < _HALVES:
            high = None
            found += [(None, code)] if code else []
        elif high is None:
            high = half
        else:
            found.append((high << 4 | half, 0))
            high = None
    return found
