"""Signs that a network does not translate: one sentence for all, endless repetition, copies.

Source: Holtzman et al. 2020, "The curious case of neural text degeneration", arXiv:1904.09751
(repetition); Khayrallah & Koehn 2018, arXiv:1805.12282 (copies of the source).

Letters: N sentences.
"""

from collections import Counter
from collections.abc import Sequence

_FEWEST = 50  # sentences, below which nothing follows
_SAME = 0.2  # share of the inputs that get one and the same sentence
_LOOPS = 0.1  # share of the translations that repeat themselves
_COPIES = 0.2  # share of the translations that are their source
_RUN = 3  # words that stand several times in a row
_LONG = 4  # words, from which on a copy is none by chance


def strange(sources: Sequence[str], found: Sequence[str]) -> str | None:
    """Say in a sentence, with the remedy, if translations show that nothing was learned.

    Args:
        sources: what was read; all "" where it is not known.
        found: its translations, one each.
    """
    if len(found) < _FEWEST:
        return None
    count = len(found)
    sentence, most = Counter(found).most_common(1)[0]
    if most == count and not sentence:
        return f"the network gives no words to all {count} held-out examples: train it for longer"
    if most > _SAME * count and len(set(sources)) > count / 2:
        return (
            f"the network gives one and the same sentence, {sentence[:60]!r}, to {most:,} of "
            f"{count:,} held-out examples, as one does that does not look at its input: give a "
            "longer --budget, or more pairs"
        )
    loops = [text for text in found if repeats(text)]
    if len(loops) > _LOOPS * count:
        return (
            f"{len(loops):,} of {count:,} translations repeat themselves, such as "
            f"{loops[0][:80]!r}: give a longer --budget, or leave out pairs that are no sentences"
        )
    copies = sum(_copied(source, text) for source, text in zip(sources, found, strict=True))
    if copies > _COPIES * count:
        return (
            f"{copies:,} of {count:,} translations are copies of their source: look whether many "
            "targets are in the language of the sources, and leave them out"
        )
    return None


def repeats(text: str) -> bool:
    """Tell whether words or runs of a few of them stand again and again in a row."""
    words = text.casefold().split()
    for size in range(1, 5):
        for start in range(len(words) - _RUN * size + 1):
            run = words[start : start + size]
            if all(words[start + n * size : start + (n + 1) * size] == run for n in range(_RUN)):
                return True
    return False


def _copied(source: str, text: str) -> bool:
    words = source.casefold().split()
    return len(words) >= _LONG and words == text.casefold().split()
