"""A translation, how good it is likely to be, and what else it might have been."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pellucid.tasks import Answer

_DOUBTFUL = 0.35  # chrF as a share, below which hardly a sentence says what its source says


@dataclass(frozen=True, kw_only=True, slots=True)
class Translation(Answer):
    """One translation.

    Args:
        text: of it.
        confidence: chrF that such a translation has on average, as a share: 1 is what a person
            wrote, letter by letter.
        at_least: the chrF that it reaches with the probability that was asked for.
        others: the next likeliest translations, each with its share of the chance of all given.
        log_probability: of its tokens together, nats; the network's own.
        lost: numbers, addresses and the like that stand in the source and not in the translation.
    """

    made: ClassVar[bool] = True
    text: str
    confidence: float
    at_least: float
    others: tuple[tuple[str, float], ...] = ()
    log_probability: float = 0.0
    lost: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "translation": self.text,
            "confidence": self.confidence,
            "at_least": self.at_least,
            "log_probability": self.log_probability,
            "n_best": [{"translation": text, "share": share} for text, share in self.others],
            "lost": list(self.lost),
        }

    def doubt(self) -> str:
        if self.lost:
            return f"the translation does not say {', '.join(self.lost)}"
        if self.at_least < _DOUBTFUL:
            return f"translations like this one are no better than chrF {100 * self.at_least:.0f}"
        return ""

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 400 else f"{self.text[:399]}…"
        return f"{shown}  ({self.confidence:.0%})"


def joined(parts: Sequence[Translation], between: Sequence[str]) -> Translation:
    """Put the translations of the parts of one text together; its doubts are those of the worst."""
    if len(parts) == 1:
        return parts[0]
    text = "".join(space + part.text for space, part in zip(between, parts, strict=True))
    sizes = [max(1, len(part.text)) for part in parts]
    mean = sum(s * part.confidence for s, part in zip(sizes, parts, strict=True)) / sum(sizes)
    return replace(
        parts[0],
        text=text,
        confidence=mean,
        at_least=min(part.at_least for part in parts),
        others=(),
        log_probability=sum(part.log_probability for part in parts),
        lost=tuple(dict.fromkeys(each for part in parts for each in part.lost)),
    )
