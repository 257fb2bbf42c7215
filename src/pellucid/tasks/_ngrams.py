"""Counts of what follows what: a model of texts, learned at once, that no network was taught by.

Idea: what two texts have in common in short runs of tokens can be counted, so a few thousand texts
make a judge of others that neither of two rivals was trained against.

Source: Witten & Bell 1991, "The zero-frequency problem" (how much probability is left for what was
never seen after the same tokens); interpolated, as in Chen & Goodman 1998, TR-10-98, section 2.

Letters: N texts, L tokens of a text, V codes, R places at which a token was foretold.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Values = NDArray[np.float64]


class Cost(NamedTuple):
    """What texts cost, each by itself.

    Args:
        sums: nats, (N,).
        counts: of the tokens that were foretold, (N,).
    """

    sums: Values
    counts: Values


class _Table(NamedTuple):
    keys: Codes  # sorted
    counts: Values

    def of(self, keys: Codes) -> Values:
        """Look counts up; 0 for what was never met."""
        places = np.searchsorted(self.keys, keys).clip(max=max(0, len(self.keys) - 1))
        if not len(self.keys):
            return np.zeros(len(keys))
        return np.where(self.keys[places] == keys, self.counts[places], 0.0)


class Trigrams:
    """Foretells a token from the two before it.

    Args:
        texts: (N, L), 0 behind the end of a shorter text.
        codes: V.
    """

    def __init__(self, texts: Codes, codes: int) -> None:
        self.codes = codes
        runs, _ = runs_of(texts)
        self._orders = []
        for order in (1, 2, 3):
            keys = _keys(runs[:, 3 - order :], codes)
            grams = _Table(*_counted(keys))
            before = grams.keys // codes  # what a run goes on from
            totals = _Table(*_counted(keys // codes))
            kinds = _Table(*_counted(before))
            self._orders.append((grams, totals, kinds))

    def cost(self, texts: Codes) -> Cost:
        """Give what texts, (N, L), cost."""
        runs, rows = runs_of(texts)
        chance = np.full(len(runs), 1.0 / max(1, self.codes - 1))
        for order, (grams, totals, kinds) in enumerate(self._orders, start=1):
            keys = _keys(runs[:, 3 - order :], self.codes)
            total, new = totals.of(keys // self.codes), kinds.of(keys // self.codes)
            known = total > 0
            mixed = (grams.of(keys) + new * chance) / np.where(known, total + new, 1.0)
            chance = np.where(known, mixed, chance)
        nats = -np.log(chance)
        count = len(texts)
        sums = np.bincount(rows, nats, minlength=count).astype(np.float64)
        return Cost(sums, np.bincount(rows, minlength=count).astype(np.float64))


def runs_of(texts: Codes) -> tuple[Codes, Codes]:
    """Give every token but the first of each text with the two before it, (R, 3), and whose it is.

    Before the first of a text stands 0.
    """
    before = np.pad(texts, ((0, 0), (1, 0)))[:, : texts.shape[1] - 1]
    runs = np.stack([before, texts[:, :-1], texts[:, 1:]], axis=2)
    there = texts[:, 1:] != 0
    return runs[there].astype(np.int64), np.nonzero(there)[0]


def _keys(runs: Codes, codes: int) -> Codes:
    keys = np.zeros(len(runs), np.int64)
    for column in runs.T:
        keys = keys * codes + column
    return keys


def _counted(keys: Codes) -> tuple[Codes, Values]:
    found, counts = np.unique(keys, return_counts=True)
    return found, counts.astype(np.float64)
