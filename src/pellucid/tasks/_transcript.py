"""What was said, word by word: when, and how surely.

Idea: a word is as sure as the frames that spell it; how sure such words were right on what was held
out makes that a probability.

Source: Platt 1999, "Probabilistic outputs for support vector machines" (a logistic curve learned on
held-out answers).
Departs: the curve is over two numbers, the mean and the least log-probability of the letters.

Letters: W words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.networks import FRAME
from pellucid.tasks import Answer
from pellucid.tasks._ctc import aligned
from pellucid.tasks._spelling import Speller

_PLAIN = (2.0, 1.0, 0.5)  # the curve where nothing was learned
_RIDGE = 0.1  # of a weak prior at the plain curve
_LOWEST = -8.0  # nats; what is less sure than this is as unsure


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """One word that was heard.

    Args:
        text: of the word.
        start: when it begins, s from the start of the recording.
        end: when it ends, s.
        confidence: probability that it is right, calibrated.
    """

    text: str
    start: float
    end: float
    confidence: float

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {
            "word": self.text,
            "start": round(self.start, 2),
            "end": round(self.end, 2),
            "confidence": round(self.confidence, 4),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Transcript(Answer):
    """What was said in one recording.

    Args:
        text: all of it, in lower case without punctuation.
        words: one by one.
        level: share of the words that are wished to be right.
    """

    text: str
    words: tuple[Word, ...]
    level: float = 0.9

    @property
    def confidence(self) -> float:
        """The share of the words that are expected to be right; 0 where none was heard."""
        if not self.words:
            return 0.0
        return sum(word.confidence for word in self.words) / len(self.words)

    def to_json(self) -> dict[str, Any]:
        words = [word.to_json() for word in self.words]
        return {"transcript": self.text, "confidence": round(self.confidence, 4), "words": words}

    def words_at(self) -> Sequence[tuple[float, float, str]]:
        return [(word.start, word.end, word.text) for word in self.words]

    def doubt(self) -> str:
        if not self.words:
            return "no word was heard"
        if self.confidence >= self.level:
            return ""
        unsure = sorted(self.words, key=lambda word: word.confidence)[:3]
        named = ", ".join(repr(word.text) for word in unsure)
        return f"only {self.confidence:.0%} of the words are likely right; least sure: {named}"

    def __str__(self) -> str:
        if not self.words:
            return "no word was heard"
        shown = self.text if len(self.text) <= 60 else self.text[:59] + "…"
        return f"{shown} ({self.confidence:.0%} sure)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A word before it is known how sure it is.

    Args:
        text: of the word.
        start: s.
        end: s.
        mean: log-probability of its letters, where each is said most surely.
        least: of the one least sure.
    """

    text: str
    start: float
    end: float
    mean: float
    least: float


def words_of(logs: NDArray[np.float32], codes: Sequence[int], speller: Speller) -> list[Heard]:
    """Find when each word was said.

    Args:
        logs: log-probabilities of frames, (F, K).
        codes: that were read from them.
        speller: reads codes.
    """
    if not codes:
        return []
    spans = aligned(logs[None], np.array([codes], np.int64))[0].tolist()
    found: list[Heard] = []
    letters: list[tuple[str, list[int], float]] = []
    for code, span in zip(codes, spans, strict=True):
        sure = float(logs[span[0] : max(span[1], span[0] + 1), code].max())
        for place, part in enumerate(speller.tokens[code].split(" ")):
            if place:
                found += _joined(letters, span[0])
                letters = []
            if part:
                letters.append((part, span, max(sure, _LOWEST)))
    return found + _joined(letters)


def confidences(heard: Sequence[Heard], curve: Sequence[float]) -> list[float]:
    """Give the probability that each word is right."""
    sure = _features(heard) @ np.asarray(curve)
    found: list[float] = (1 / (1 + np.exp(-np.clip(sure, -30, 30)))).tolist()
    return found


def curve_of(heard: Sequence[Heard], right: Sequence[bool]) -> list[float]:
    """Learn from held-out words how sure they are, by Newton's method."""
    x, y = _features(heard), np.asarray(right, np.float64)
    curve = plain = np.asarray(_PLAIN)
    for _ in range(20):
        p = 1 / (1 + np.exp(-np.clip(x @ curve, -30, 30)))
        slope = x.T @ (p - y) + _RIDGE * (curve - plain)
        bend = (x * (p * (1 - p))[:, None]).T @ x + _RIDGE * np.eye(3)
        curve = curve - np.linalg.solve(bend, slope)
    return [float(each) for each in curve]


def curve_in(calibration: Mapping[str, Any]) -> Sequence[float]:
    """Read the curve that `curve_of` learned, or a plain one.

    Raises:
        ValueError: if it is none.
    """
    given = calibration.get("confidence", list(_PLAIN))
    if not isinstance(given, list) or len(given) != len(_PLAIN):
        raise ValueError("the confidence is no curve")
    if not all(type(each) in (int, float) and abs(each) < 1e6 for each in given):
        raise ValueError("the confidence is no curve of numbers")
    return given


def _features(heard: Sequence[Heard]) -> NDArray[np.float64]:
    rows = [(1.0, word.mean, word.least) for word in heard]
    return np.array(rows, np.float64).reshape(-1, 3)


def _joined(letters: Sequence[tuple[str, list[int], float]], gap: int = 0) -> list[Heard]:
    """Join letters to a word that lasts until the gap behind it, at the frame given."""
    if not letters:
        return []
    sure = [each for _, _, each in letters]
    return [
        Heard(
            text="".join(text for text, _, _ in letters),
            start=letters[0][1][0] * FRAME,
            end=max(letters[-1][1][1], gap) * FRAME,
            mean=sum(sure) / len(sure),
            least=min(sure),
        )
    ]
