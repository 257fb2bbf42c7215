"""How near translations are to those that people wrote.

Idea: what a score needs of each sentence is a few counts, and the score of a set is a function of
their sums; so one pass over the sentences gives the score and its bootstrap.

Source: Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation"; Post
2018, "A call for clarity in reporting BLEU scores", arXiv:1804.08771 (sacrebleu, whose counts and
signature these are); Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation".

Letters: N sentences, G lengths of runs.
"""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import MissingExtraError
from pellucid.tasks import Estimate, _scores

_WORDS, _LETTERS = 4, 6  # longest runs that are counted
_BETA = 2.0  # times as much that what is missing weighs as what is too much

Values = NDArray[np.float64]


def scores(found: Sequence[str], wanted: Sequence[str]) -> dict[str, Estimate]:
    """Give BLEU as it is written, BLEU without regard to case, and chrF, all from 0 to 100.

    Args:
        found: the translations.
        wanted: what people wrote, one each.
    """
    cased, lower, letters = _counted(found, wanted)
    statistics = {
        "bleu": partial(_bleu, cased),
        "bleu_lowercased": partial(_bleu, lower),
        "chrf": partial(_chrf, letters),
    }
    made = _scores.estimates(statistics, len(found))
    return {name: _scores.within(each, 0.0, 100.0) for name, each in made.items()}


def bleu(found: Sequence[str], wanted: Sequence[str]) -> float:
    """Give BLEU as it is written, and nothing more."""
    return _bleu(_words(found, wanted, lowercase=False), np.ones(len(found)))


def chrfs(found: Sequence[str], wanted: Sequence[str]) -> Values:
    """Give chrF of each sentence, (N,), from 0 to 100."""
    counts = _runs(found, wanted)
    one = np.zeros(len(counts))
    given = np.empty(len(counts))
    for place in range(len(counts)):
        one[place] = 1.0
        given[place] = _chrf(counts[place : place + 1], np.ones(1))
    return given


def signatures() -> dict[str, str]:
    """Give the signatures by which others can repeat the scores."""
    version = _package().__version__
    start = "nrefs:1|case:{}|eff:no|tok:13a|smooth:exp|version:"
    return {
        "bleu": start.format("mixed") + version,
        "bleu_lowercased": start.format("lc") + version,
        "chrf": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}",
    }


def _counted(found: Sequence[str], wanted: Sequence[str]) -> tuple[Values, Values, Values]:
    return (
        _words(found, wanted, lowercase=False),
        _words(found, wanted, lowercase=True),
        _runs(found, wanted),
    )


def _words(found: Sequence[str], wanted: Sequence[str], *, lowercase: bool) -> Values:
    """Give for each sentence: both lengths, then right runs and runs of each length, (N, 2 + 2 G).

    Words are cut as the scorer of the workshops on translation cuts them.
    """
    cut = _tokenizer()
    rows = np.zeros((len(found), 2 + 2 * _WORDS))
    for row, one, other in zip(rows, found, wanted, strict=True):
        told, right = (
            cut(text.lower() if lowercase else text).split()
            for text in (one.strip(), other.strip())
        )
        row[:2] = len(told), len(right)
        for size in range(1, _WORDS + 1):
            ours, theirs = _grams(told, size), _grams(right, size)
            row[2 * size] = (ours & theirs).total()
            row[2 * size + 1] = ours.total()
    return rows


def _grams(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[start:] for start in range(size)), strict=False))


def _bleu(rows: Values, weights: Values) -> float:
    sums = weights @ rows
    told, right = sums[:2]
    hits, runs = sums[2::2], sums[3::2]
    if told == 0 or hits[0] == 0:
        return 0.0
    logs, smooth = 0.0, 1.0
    for hit, run in zip(hits.tolist(), runs.tolist(), strict=True):
        if run == 0:
            return 0.0
        if hit == 0:
            smooth *= 2
        logs += math.log(100 * (hit / run if hit else 1 / (smooth * run)))
    short = 1.0 if told > right else math.exp(1 - right / told)
    return min(100.0, short * math.exp(logs / _WORDS))


def _runs(found: Sequence[str], wanted: Sequence[str]) -> Values:
    """Give for each sentence and length of run: told, wanted and right ones, (N, 3 G)."""
    rows = np.zeros((len(found), 3 * _LETTERS))
    for row, one, other in zip(rows, found, wanted, strict=True):
        told, right = ("".join(text.split()) for text in (one, other))
        for size in range(1, _LETTERS + 1):
            ours = Counter([told[at : at + size] for at in range(len(told) - size + 1)])
            theirs = Counter([right[at : at + size] for at in range(len(right) - size + 1)])
            part = 3 * (size - 1)
            row[part] = ours.total() if theirs else 0
            row[part + 1] = theirs.total()
            row[part + 2] = (ours & theirs).total()
    return rows


def _chrf(rows: Values, weights: Values) -> float:
    told, right, hits = (weights @ rows).reshape(_LETTERS, 3).T
    there = (told > 0) & (right > 0)
    if not there.any():
        return 0.0
    precision = (hits[there] / told[there]).mean()
    recall = (hits[there] / right[there]).mean()
    if not precision + recall:
        return 0.0
    factor = _BETA**2
    return float(100 * (1 + factor) * precision * recall / (factor * precision + recall))


def _tokenizer() -> Any:
    from importlib import import_module

    _package()
    return import_module("sacrebleu.tokenizers.tokenizer_13a").Tokenizer13a()


def _package() -> Any:
    try:
        import sacrebleu
    except ImportError as error:
        raise MissingExtraError(
            given="the package sacrebleu is not installed",
            needed="it, to score translations as all others do",
            remedy="pip install 'pellucid[translation]'",
        ) from error
    return sacrebleu
