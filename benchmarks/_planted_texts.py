"""Texts of invented words whose class has one known reason, made by seed.

Idea: a text is filling, words that mean nothing, and, among them, a reason: one or two words whose
presence or order decides. Reason and filling have random numbers of their own, so the same reason
can be put into another filling and another reason into the same. A third class, "neither", shows
no reason, so the other two have to be known by words that are there and can be covered.

Letters: N examples, P parts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import NEITHER, Planted, of_spans

CLASSES = ("one", "other", NEITHER)
SYLLABLES = ("ba", "do", "fe", "gi", "ku", "la", "mo", "ne", "pi", "ru", "sa", "to", "ve", "zu")
TURNS = "nok"  # the word that turns the next one round
TELLING = (("tolara", "mivena"), ("sukedo", "rabine"))  # words that speak for each class


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        shortest: words of a text.
        longest: the same.
        words: that mean nothing.
        apart: words that may stand between two that belong together.
        flipped: share of the answers in training that are wrong.
        examples: to learn from.
    """

    shortest: int
    longest: int
    words: int
    apart: int
    flipped: float
    examples: int


LEVELS = {
    1: Level(12, 20, words=60, apart=1, flipped=0.0, examples=3000),
    2: Level(16, 32, words=300, apart=2, flipped=0.02, examples=5000),
    3: Level(24, 48, words=1000, apart=3, flipped=0.05, examples=7000),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A word that is put into a text.

    Args:
        word: itself.
        true: whether it is a reason; None where it speaks for either, so that it does not count.
    """

    word: str
    true: bool | None = True


Random = np.random.Generator
Drawing = Callable[[int, Random], list[Told]]


@dataclass(frozen=True, slots=True)
class Texts:
    """A way of planting a reason in texts, in one difficulty: see `Design`.

    Args:
        name: a key of `TALES`.
        level: a key of `LEVELS`.
    """

    name: str
    level: int
    signed = True

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        level = LEVELS[self.level]
        texts: list[str] = []
        truth, y = np.empty(count, object), np.empty(count, object)
        for place in range(count):
            reason = np.random.default_rng([5, seed, place])
            label = int(reason.integers(3))
            shown = (1 - label if label < 2 else label) if swapped else label
            told = TALES[self.name](shown, reason)
            length = int(reason.integers(level.shortest, level.longest + 1))
            places = _places(self.name, len(told), length, level, reason)
            around = np.random.default_rng([6, seed if scenery is None else scenery, place])
            words = [Told(_word(number), true=False) for number in _drawn(length, level, around)]
            for at, one in zip(places, told, strict=True):
                words[at] = one
            wrong = training and around.random() < level.flipped
            y[place] = CLASSES[int(around.integers(3)) if wrong else shown]
            texts.append(" ".join(one.word for one in words))
            truth[place] = _marks(words)
        return Planted(x=texts, y=y, truth=truth)

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        return pellucid.fit((planted.x, planted.y), budget=budget, seed=seed, task="classify")

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        del model
        return of_spans([part.where for part in explanation.parts], planted.truth[place])


def _one_word(shown: int, random: Random) -> list[Told]:
    """One word decides."""
    del random
    return [] if shown == 2 else [Told(TELLING[shown][0])]


def _either(shown: int, random: Random) -> list[Told]:
    """Either of two words decides, or both of them."""
    if shown == 2:
        return []
    count = int(random.integers(1, 3))
    return [Told(word) for word in random.permutation(TELLING[shown])[:count].tolist()]


def _negation(shown: int, random: Random) -> list[Told]:
    """A word decides, unless the one before it turns it round.

    A word that is turned round speaks for one class alone and for the other in company.
    """
    turned = bool(random.integers(2))
    if shown == 2:
        # What turns may stand there with nothing to turn.
        return [Told(TURNS, true=False)] if turned else []
    word = TELLING[1 - shown if turned else shown][0]
    return [Told(TURNS), Told(word, true=None)] if turned else [Told(word)]


def _order(shown: int, random: Random) -> list[Told]:
    """Two words decide by which of them comes first; one of them alone says nothing."""
    pair = [TELLING[0][0], TELLING[1][0]]
    if shown == 2:
        return [Told(str(random.choice(pair)), true=False)]
    return [Told(word) for word in (pair if shown == 0 else pair[::-1])]


TALES: dict[str, Drawing] = {
    "word": _one_word,
    "either": _either,
    "negation": _negation,
    "order": _order,
}


def _places(name: str, count: int, length: int, level: Level, random: Random) -> list[int]:
    """Choose where the words of a reason stand, in their order."""
    if count < 2:
        return random.integers(length, size=count).tolist()
    if name == "either":
        return sorted(random.permutation(length)[:count].tolist())
    apart = 1 if name == "negation" else 1 + int(random.integers(level.apart))
    first = int(random.integers(length - apart))
    return [first, first + apart]


def _drawn(length: int, level: Level, random: Random) -> list[int]:
    """Draw words that mean nothing, few of them often, as in a language."""
    share = random.random(length)
    return (level.words**share).astype(int).tolist()


def _word(number: int) -> str:
    """Spell the number of a word."""
    found = ""
    number += len(SYLLABLES)  # two syllables at least
    while number:
        number, syllable = divmod(number, len(SYLLABLES))
        found += SYLLABLES[syllable]
    return found


def _marks(words: list[Told]) -> NDArray[np.float64]:
    """Say of each character whether it is a reason: 1, 0, or NaN where that does not count."""
    known = {True: 1.0, False: 0.0, None: np.nan}
    spelled = [[known[one.true]] * len(one.word) + [0.0] for one in words]
    return np.array([mark for letters in spelled for mark in letters][:-1])
