"""How a text reads to a model, in the units that people use."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pellucid.tasks import Answer, Estimate

HIGHEST = 200.0  # nats; past that a perplexity says nothing more


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading(Answer):
    """How a text reads to the model, and what it expects next.

    Args:
        likeliest: the likeliest next tokens with their probabilities, calibrated.
        tokens: that were foretold: all but the first; None if only what is next was asked.
        nats_per_token: mean cost of those; None if there are none.
        bits_per_byte: the same, per byte of the text.
        surprising: the tokens that cost most, with their place in the text and their nats.
    """

    likeliest: Mapping[str, float]
    tokens: int | None = None
    nats_per_token: float | None = None
    bits_per_byte: float | None = None
    surprising: tuple[tuple[str, int, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        following = {"next": dict(self.likeliest)}
        if self.tokens is None:
            return following
        surprising = [
            {"token": token, "place": place, "nats": nats} for token, place, nats in self.surprising
        ]
        return {
            "bits_per_byte": self.bits_per_byte,
            "nats_per_token": self.nats_per_token,
            "tokens": self.tokens,
            "surprising": surprising,
            **following,
        }

    def __str__(self) -> str:
        shown = ", ".join(
            f"{token[:12]!r} {share:.0%}" for token, share in list(self.likeliest.items())[:3]
        )
        if self.bits_per_byte is None:
            return f"next: {shown}"
        return f"{self.bits_per_byte:.3f} bits per byte; next: {shown}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lengths:
    """How many bytes, characters and words a token stands for, on average; a line end is a word."""

    bytes: float
    characters: float
    words: float

    @classmethod
    def of(cls, texts: Sequence[str], tokens: int) -> "Lengths":
        """Count them in texts that so many tokens make."""
        whole = "\n".join(texts)  # one line end too many for each but one is within the rounding
        lines = whole.count("\n") - len(texts) + 1
        return cls(
            bytes=sum(len(text.encode(errors="replace")) for text in texts) / tokens,
            characters=sum(map(len, texts)) / tokens,
            words=(len(whole.split()) + lines) / tokens,
        )


def in_words(found: Estimate, lengths: Lengths) -> dict[str, Estimate]:
    """Give nats per token in the units that people use; the end of a line is a word."""
    bits = partial(_per, math.log(2) * lengths.bytes)
    return {
        "nats_per_token": found,
        "bits_per_byte": _each(found, bits),
        "nats_per_character": _each(found, partial(_per, lengths.characters)),
        "perplexity_per_word": _each(
            found, lambda nats: math.exp(min(HIGHEST, _per(lengths.words, nats)))
        ),
    }


def _each(found: Estimate, convert: Callable[[float], float]) -> Estimate:
    if found.low is None or found.high is None:
        return Estimate(value=convert(found.value))
    return Estimate(value=convert(found.value), low=convert(found.low), high=convert(found.high))


def _per(length: float, nats: float) -> float:
    return nats / length if length > 0 else 0.0
