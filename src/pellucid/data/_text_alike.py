"""Texts that are the same, and texts that are nearly the same.

Idea: texts that share most runs of a few letters are copies of each other, whatever was changed in
case, marks and blanks. The runs are counted in few numbers, each run in one of them with a sign,
both taken from its hash: counts of other texts then cancel out on average, on every machine alike.

Source: Weinberger, Dasgupta, Langford, Smola & Attenberg 2009, "Feature hashing for large scale
multitask learning", arXiv:0902.2206 (the signs); Steele, Lea & Flood 2014, "Fast splittable
pseudorandom number generators" (the mixing function).

Letters: N texts, D numbers in a vector.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32, UInt64

from pellucid.data._duplicates import NEAR

# Of 2,000 sentences of SST-2 and 2,000 news items, copies with one letter changed had a cosine
# above 0.8 in 96 and 100 % of cases, with a word in 20 changed in 89 and 100 %, cut by 5 % at the
# end in 97 and 100 %; of 6,920 other sentences no two that differ in more than marks were tied.
_COPIES = 0.8
_RUN = 5  # letters
_NUMBERS = 256
_READ = 4_096  # letters of a long text: half from its start, half from its end
_CHUNK = 1 << 16  # letters handled at once, which bounds memory
_ELSE = re.compile(r"[\W_]+")
_PRIME = np.uint64(0x100000001B3)
_MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def keys(texts: Sequence[str]) -> UInt64[np.ndarray, " N"]:
    """Hash the content of each text."""
    digests = [
        hashlib.blake2b(text.encode("utf-8", errors="replace"), digest_size=8).digest()
        for text in texts
    ]
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def vectors(texts: Sequence[str]) -> Float32[np.ndarray, "N D"]:
    """Give a vector of length 1 for each text that is alike for near-copies.

    All vectors share one direction, so that what counts as near for any kind of data, a cosine of
    0.99, is a cosine of 0.8 between the counts.
    """
    found = np.empty((len(texts), _NUMBERS + 1), np.float32)
    share = (1 - NEAR) / (1 - _COPIES)
    start = 0
    for plain in _chunks(texts):
        counts = _counts(plain)
        counts /= np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
        found[start : start + len(plain), 1:] = np.sqrt(share) * counts
        start += len(plain)
    found[:, 0] = np.sqrt(1 - share)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Give texts without case, marks and further blanks, some at a time."""
    waiting: list[str] = []
    size = 0
    for text in texts:
        if len(text) > _READ:
            text = f"{text[: _READ // 2]} {text[-_READ // 2 :]}"
        plain = _ELSE.sub(" ", text.casefold()).strip() or text
        waiting.append(f" {plain} ".ljust(_RUN))
        size += len(waiting[-1])
        if size > _CHUNK:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _counts(texts: Sequence[str]) -> Float32[np.ndarray, "N D"]:
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32)
    lengths = np.array([len(text) for text in texts])
    hashes = np.zeros(len(letters) - _RUN + 1, np.uint64)
    for place in range(_RUN):
        hashes = hashes * _PRIME + letters[place : place + len(hashes)]
    for shift, mixer in zip((30, 27), _MIXERS, strict=True):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * mixer
    of = np.repeat(np.arange(len(texts)), lengths)[: len(hashes)]
    inside = np.arange(len(hashes)) + _RUN <= np.cumsum(lengths)[of]
    signs = 1.0 - 2.0 * ((hashes >> np.uint64(20)) & np.uint64(1)).astype(np.float64)
    cells = of * _NUMBERS + (hashes >> np.uint64(56)).astype(np.int64)
    counts = np.bincount(cells[inside], signs[inside], len(texts) * _NUMBERS)
    return counts.reshape(len(texts), _NUMBERS).astype(np.float32)
