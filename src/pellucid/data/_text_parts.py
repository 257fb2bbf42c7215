"""The parts of a text: its words, runs of words where it is long, and words that many texts share.

Idea: a person points at words, whatever a network reads; so codes are put together to the words
that they are from. A text of more words than anyone reads one by one is divided at its sentences
and clauses, as evenly as those allow. What many texts have in common is no place in them but a
word: so that explanations of many texts can be laid over each other, each word that tells the most
about the answer is a part wherever it stands, and all other words are one part together.

Source: Church & Hanks 1990, "Word association norms, mutual information, and lexicography" (how
much a word tells).

Letters: P parts, L longest text, N texts.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Parts
from pellucid.data._delimited import unique_names
from pellucid.data._targets import as_classes
from pellucid.data._text_forms import END_SIGN, Form, Span

MOST = 64  # parts
_AREAS = 40
_OTHERS = "all other words"
_WORD = re.compile(r"['’]?\w+(?:['’\-]\w+)*|[^\w\s\x03]+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_SENTENCE, _CLAUSE = re.compile(r"[.!?…。！？\n]+"), re.compile(r"[,;:–—、，；()]+")
_UNDIVIDED = 8  # words; a shorter run is not divided
_NAMED = 60  # characters of a run of words that name it
_LEAST = 4  # texts that a word must be in to tell anything
_SPREAD = 5  # quantiles of a number that a word may tell apart
_TEXTS = 10_000  # looked at to find the words that tell the most
_KNOWN = 3_000  # words weighed
_LETTERS = 2_000_000  # the same


def divided(text: str, form: Form, longest: int) -> Parts:
    """Divide a text into words, or into runs of words where there are too many.

    Args:
        text: as it is written.
        form: in which it is read.
        longest: L, tokens that are read of it.
    """
    spans = form.spans(text)[:longest]
    end = spans[-1][1] if spans else 0
    words = _words(text, end)
    runs = [[word] for word in words] if len(words) <= MOST else _runs(text, words)
    where = [(run[0][0], run[-1][1]) for run in runs]
    of = _parts_of(spans, [start for start, _ in where], longest)
    used = np.unique(of[of >= 0])
    kept = [where[place] for place in used.tolist()]
    names, _ = unique_names([_named(text[start:end]) for start, end in kept])
    of = np.where(of >= 0, np.searchsorted(used, of), -1)
    return Parts(of=of, names=tuple(names), where=tuple([start, end] for start, end in kept))


def shared(text: str, form: Form, longest: int, words: Sequence[str]) -> Parts:
    """Divide a text into the words that many texts share, each wherever it stands.

    Args:
        text: as it is written.
        form: in which it is read.
        longest: L, tokens that are read of it.
        words: that are parts; all others are one part together.
    """
    spans = form.spans(text)[:longest]
    found = _words(text, spans[-1][1] if spans else 0)
    places = {word: place for place, word in enumerate(words)}
    kinds = np.array([places.get(_plain(text[a:b]), len(words)) for a, b in found], np.int64)
    of = _parts_of(spans, [start for start, _ in found], longest)
    names = (*words, _OTHERS)
    return Parts(of=np.where(of >= 0, kinds[of], -1), names=names, where=names)


def occurrences(text: str, parts: Parts) -> tuple[str, ...]:
    """Say of each part that is a word wherever it stands how often it does; "" of all others."""
    if all(not isinstance(where, str) for where in parts.where):
        return ("",) * len(parts)
    counts = Counter(_plain(text[start:end]) for start, end in _words(text, len(text)))
    return tuple(f"{counts[name]} times" if counts[name] > 1 else "" for name in parts.names)


def stretches(text: str, parts: Parts) -> list[tuple[int, int, int]]:
    """Say where in a text each of its parts stands: start, end and part, in their order."""
    if any(not isinstance(where, str) for where in parts.where):
        return [(int(start), int(end), part) for part, (start, end) in enumerate(parts.where)]
    part_of = {word: part for part, word in enumerate(parts.names)}
    words = [(start, end, _plain(text[start:end])) for start, end in _words(text, len(text))]
    return [(start, end, part_of.get(word, len(parts) - 1)) for start, end, word in words]


def telling(texts: Sequence[str], targets: NDArray[Any] | None) -> list[str]:
    """Give the words that tell the most about the target, the most telling first.

    Args:
        texts: of the training side.
        targets: of the same; None for the most frequent words.
    """
    middle = max(1, sum(map(len, texts)) // max(1, len(texts)))
    some = texts[: min(_TEXTS, max(1, _LETTERS // middle))]
    sets = [plain_words(text) for text in some]
    counts = Counter(word for each in sets for word in each)
    known = [word for word, count in counts.items() if count >= min(_LEAST, len(some))]
    if targets is None:
        worth = {word: float(counts[word]) for word in known}
    else:
        known = sorted(known, key=lambda word: (-counts[word], word))[:_KNOWN]
        worth = _information(sets, _classes(targets[: len(some)]), known)
    ranked = sorted(known, key=lambda word: (-worth[word], word))[:_AREAS]
    return ranked or sorted(counts)[:1]


def plain_words(text: str) -> set[str]:
    """Give the different words of a text, whatever their case."""
    plain = _plain(text)
    words = set(_WORD.findall(plain))
    if plain.isascii():
        return words
    return {part for word in words for part in (word if _UNSPACED.search(word) else (word,))}


def _words(text: str, end: int) -> list[Span]:
    """Find words and marks; where no blanks stand between words, each character is one."""
    spans: list[Span] = []
    for found in _WORD.finditer(text, 0, end):
        start, stop = found.span()
        if _UNSPACED.search(found[0]):
            spans += [(place, place + 1) for place in range(start, stop)]
        else:
            spans.append((start, stop))
    return spans or [(0, max(1, end))]


def _runs(text: str, words: Sequence[Span]) -> list[list[Span]]:
    """Put words together to sentences, of which some are joined or divided if it must be."""
    runs: list[list[Span]] = [[]]
    for (start, end), (after, _) in pairwise([*words, (words[-1][1], 0)]):
        runs[-1].append((start, end))
        if after > end and _SENTENCE.search(text, start, after):
            runs.append([])
    runs = _joined([run for run in runs if run])
    while len(runs) < MOST // 2:
        longest = max(range(len(runs)), key=lambda place: len(runs[place]))
        if len(runs[longest]) < _UNDIVIDED:
            break
        runs[longest : longest + 1] = _halves(text, runs[longest])
    return runs


def _halves(text: str, run: list[Span]) -> list[list[Span]]:
    """Divide a run at the clause nearest its middle, or there if no clause ends near it."""
    middle = len(run) // 2
    ends = [
        place + 1
        for place, (start, end) in enumerate(run[:-1])
        if _CLAUSE.search(text, start, end) and abs(place + 1 - middle) <= len(run) // 4
    ]
    cut = min(ends, key=lambda place: abs(place - middle), default=middle)
    return [run[:cut], run[cut:]]


def _joined(runs: list[list[Span]]) -> list[list[Span]]:
    """Put neighbours together until there are few enough, the shortest first."""
    while len(runs) > MOST:
        sizes = [len(one) + len(other) for one, other in pairwise(runs)]
        place = int(np.argmin(sizes))
        runs[place : place + 2] = [runs[place] + runs[place + 1]]
    return runs


def _parts_of(spans: Sequence[Span], starts: Sequence[int], longest: int) -> NDArray[np.int64]:
    """Say which part each token is in: the last one that starts before the token ends."""
    of = np.full(longest, -1, np.int64)
    if spans:
        lasts = np.array([max(first, last - 1) for first, last in spans])
        of[: len(spans)] = np.maximum(0, np.searchsorted(starts, lasts, side="right") - 1)
    return of


def _named(words: str) -> str:
    name = " ".join(words.replace(END_SIGN, "").split()) or "…"
    if len(name) <= _NAMED:
        return name
    start, _, _ = name[: _NAMED // 2].rpartition(" ")
    _, _, end = name[-_NAMED // 2 :].partition(" ")
    return f"{start or name[: _NAMED // 2]} … {end or name[-_NAMED // 2 :]}"


def _plain(word: str) -> str:
    return word.casefold()


def _classes(targets: NDArray[Any]) -> NDArray[np.int64]:
    found = as_classes(targets)
    if found is not None:
        return found[1]
    edges = np.nanquantile(targets.astype(np.float64), np.linspace(0, 1, _SPREAD + 1)[1:-1])
    return np.searchsorted(edges, targets).astype(np.int64)


def _information(
    sets: Sequence[set[str]], classes: NDArray[np.int64], known: Sequence[str]
) -> dict[str, float]:
    """Give how many nats it tells about the class whether each word is in a text."""
    rows = {word: place for place, word in enumerate(known)}
    number = int(classes.max(initial=0)) + 1
    inside = np.zeros((len(known), number))
    for words, place in zip(sets, classes.tolist(), strict=True):
        if place >= 0:
            inside[[rows[word] for word in words if word in rows], place] += 1
    total = np.bincount(classes[classes >= 0], minlength=number)
    gain = _entropy(total[None]) - (
        inside.sum(axis=1) * _entropy(inside)
        + (total - inside).sum(axis=1) * _entropy(total - inside)
    ) / max(1, total.sum())
    return dict(zip(known, gain.tolist(), strict=True))


def _entropy(counts: NDArray[Any]) -> NDArray[np.float64]:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
