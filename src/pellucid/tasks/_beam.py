"""The likeliest readings of a row of frames, in the light of a language.

Idea: letters are put behind the best beginnings found so far; a beginning is as likely as all ways
in which the frames can say it, times how likely it is in the language.

Source: Hannun, Maas, Jurafsky & Ng 2014, "First-pass large vocabulary continuous speech recognition
using bi-directional recurrent DNNs", arXiv:1408.2873 (prefix search).
Departs: frames that are sure to say nothing are passed over at once, and letters that a frame
hardly says are not tried.

Letters: F frames, K tokens.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.tasks._phrases import Phrases

WIDTH = 12  # beginnings that are followed
_SURE = math.log(0.995)  # that a frame says nothing
_HARDLY = -7.0  # nats: what a frame says less surely is not tried
_MOST = 8  # letters tried in a frame
_NEVER = -1e30
_BACK = 16  # letters that the language may look back at


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """How much a language counts beside the sound.

    Args:
        language: nats of the language for a nat of the sound; 0 for the sound alone.
        letter: nats that a letter is worth, since every one costs something in a language.
    """

    language: float = 0.0
    letter: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One reading.

    Args:
        codes: that were said.
        sound: log-probability that the frames say them, of the ways that were followed.
        language: nats that they cost in the language.
        letters: how many.
    """

    codes: tuple[int, ...]
    sound: float
    language: float
    letters: int

    def worth(self, weights: Weights) -> float:
        """Give what readings are compared by."""
        return self.sound - weights.language * self.language + weights.letter * self.letters


class _Start:
    """One beginning: how likely it is with silence at its end, and without."""

    __slots__ = ("codes", "language", "letters", "silent", "spoken", "text")

    def __init__(self, codes: tuple[int, ...], text: str, language: float, letters: int) -> None:
        self.codes, self.text, self.language, self.letters = codes, text, language, letters
        self.silent = self.spoken = _NEVER

    @property
    def sound(self) -> float:
        return _sum(self.silent, self.spoken)


class Search:
    """Finds readings of frames, all of one language.

    Args:
        tokens: by code; the first is nothing.
        phrases: the language; None for the sound alone.
        weights: how much it counts while searching.
        width: beginnings that are followed.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        phrases: Phrases | None,
        weights: Weights,
        *,
        width: int = WIDTH,
    ) -> None:
        self.tokens, self.phrases, self.weights, self.width = tokens, phrases, weights, width

    def __call__(self, logs: NDArray[np.float32], *, before: str = "") -> list[Found]:
        """Give the readings of frames, (F, K) log-probabilities, the best first.

        Args:
            logs: of the frames.
            before: what was said before them, for the language.
        """
        first = _Start((), before[-_BACK:], 0.0, 0)
        first.silent = 0.0
        starts = [first]
        for frame in self._frames(logs):
            starts = self._heard(starts, frame)
        return self._ended(starts)

    def _frames(self, logs: NDArray[np.float32]) -> list[dict[int, float]]:
        """Give what each frame may say; one that is sure of nothing stands for all of a stretch."""
        found: list[dict[int, float]] = []
        quiet = False
        for sure, row in zip((logs[:, 0] > _SURE).tolist(), logs, strict=True):
            if sure and quiet:
                continue
            quiet = sure
            if sure:
                found.append({0: 0.0})
                continue
            likely = np.flatnonzero(row > _HARDLY)
            if len(likely) > _MOST:
                likely = likely[np.argsort(-row[likely], kind="stable")[:_MOST]]
            heard = dict(zip(likely.tolist(), row[likely].tolist(), strict=True))
            heard.setdefault(0, float(row[0]))
            found.append(heard)
        return found

    def _heard(self, starts: list[_Start], frame: Mapping[int, float]) -> list[_Start]:
        nothing = frame[0]
        if len(frame) == 1:
            for start in starts:
                start.silent, start.spoken = start.sound + nothing, _NEVER
            return starts
        found: dict[tuple[int, ...], _Start] = {}
        for start in starts:
            whole, last = start.sound, start.codes[-1] if start.codes else 0
            stays = _kept(found, start)
            stays.silent = _sum(stays.silent, whole + nothing)
            for code, log in frame.items():
                if code == 0:
                    continue
                if code == last:
                    stays.spoken = _sum(stays.spoken, start.spoken + log)
                    log += start.silent
                else:
                    log += whole
                if log > _NEVER / 2:
                    longer = self._longer(found, start, code)
                    longer.spoken = _sum(longer.spoken, log)
        rows = sorted(found.values(), key=self._worth, reverse=True)
        return rows[: self.width]

    def _longer(self, found: dict[tuple[int, ...], _Start], start: _Start, code: int) -> _Start:
        codes = (*start.codes, code)
        there = found.get(codes)
        if there is None:
            added = self.tokens[code]
            language = start.language
            if self.phrases is not None:
                language += self.phrases.nats(start.text, added)
            text = (start.text + added)[-_BACK:]
            there = found[codes] = _Start(codes, text, language, start.letters + len(added))
        return there

    def _worth(self, start: _Start) -> float:
        weights = self.weights
        return start.sound - weights.language * start.language + weights.letter * start.letters

    def _ended(self, starts: list[_Start]) -> list[Found]:
        found = []
        for start in starts:
            ending = 0.0 if self.phrases is None else self.phrases.ending(start.text)
            found.append(
                Found(
                    codes=start.codes,
                    sound=start.sound,
                    language=start.language + ending,
                    letters=start.letters,
                )
            )
        return sorted(found, key=lambda each: each.worth(self.weights), reverse=True)


def weighed(readings: Sequence[Sequence[Found]], wrong: Sequence[Sequence[int]]) -> Weights:
    """Choose the weights under which the best readings are wrong least often.

    Args:
        readings: of each recording.
        wrong: how many letters of each of them are wrong.
    """
    grid = [Weights(language=0.0, letter=0.0)]
    grid += [
        Weights(language=part / 10, letter=letter / 4)
        for part in range(1, 13)
        for letter in range(9)
    ]

    def errors(weights: Weights) -> int:
        total = 0
        for found, counts in zip(readings, wrong, strict=True):
            place = max(range(len(found)), key=lambda at: found[at].worth(weights))
            total += counts[place]
        return total

    return min(grid, key=errors)


def _kept(found: dict[tuple[int, ...], _Start], start: _Start) -> _Start:
    there = found.get(start.codes)
    if there is None:
        there = found[start.codes] = _Start(start.codes, start.text, start.language, start.letters)
    return there


def _sum(one: float, other: float) -> float:
    """Give the logarithm of the sum of two numbers given by theirs."""
    high, low = (one, other) if one > other else (other, one)
    return high if low < high - 40.0 else high + math.log1p(math.exp(low - high))
