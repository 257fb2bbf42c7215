"""How likely a text is in the language of the training transcripts, letter by letter.

Idea: how often a letter followed the last few letters says how likely it is to follow them again;
where those few were never seen, fewer of them say so less surely.

Source: Witten & Bell 1991, "The zero-frequency problem", IEEE Trans. Inf. Theory 37 (how much to
trust a context: by how many different letters followed it); Hannun et al. 2014, arXiv:1412.5567
(a language model beside the sound).
Departs: over letters, so that no word is impossible; counts are cut to the commonest, so that a
model file stays small.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

ORDER = 7  # letters, the one that is foretold among them
_MOST = 150_000  # sequences that are kept
_EDGE = "\n"  # before the first and behind the last letter of a transcript


def counted(texts: Sequence[str]) -> dict[str, int]:
    """Count sequences of up to `ORDER` letters in normalised transcripts; keep the commonest."""
    counts: Counter[str] = Counter()
    for text in texts:
        line = f"{_EDGE}{text}{_EDGE}"
        for length in range(1, ORDER + 1):
            counts.update(line[at : at + length] for at in range(len(line) - length + 1))
    kept = sorted(counts.items(), key=lambda item: (-item[1], len(item[0]), item[0]))[:_MOST]
    return dict(kept)


class Phrases:
    """A language, as far as the counts of its sequences of letters tell.

    Args:
        counts: of sequences, as `counted` gave them.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts
        followed: Counter[str] = Counter()
        kinds: Counter[str] = Counter()
        for sequence, count in counts.items():
            followed[sequence[:-1]] += count
            kinds[sequence[:-1]] += 1
        self._followed, self._kinds = followed, kinds
        self._letters = max(2, kinds[""])
        self.share = lru_cache(maxsize=1 << 18)(self._share)

    def nats(self, before: str, added: str) -> float:
        """Give the cost of some letters behind others; "" behind the end costs nothing."""
        whole, cost = _EDGE + before, 0.0
        for letter in added:
            cost -= math.log(self.share(whole[1 - ORDER :], letter))
            whole += letter
        return cost

    def ending(self, text: str) -> float:
        """Give the cost of a text that ends here."""
        return self.nats(text, _EDGE)

    def _share(self, before: str, letter: str) -> float:
        total = self._followed.get(before, 0)
        if not total:
            return self.share(before[1:], letter) if before else 1.0 / self._letters
        shorter = self.share(before[1:], letter) if before else 1.0 / self._letters
        kinds = self._kinds[before]
        return (self._counts.get(before + letter, 0) + kinds * shorter) / (total + kinds)
