"""The form of the data: all that stages after reading know of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Schema:
    """What is known of the form of the data; it travels with the model.

    Args:
        kind: name of the kind of data, as in `pellucid list kinds`.
        shape: shape of one example as a network takes it, without the batch.
        cardinalities: for tables, one entry a column: how many codes a category can have, 0 for a
            number; for text a single entry, how many codes a token can have. Empty where x holds
            only numbers.
        target: what is asked, in the user's word: a column, or "class" for class folders.
        classes: names of the classes, in the order of the outputs; empty for a number.
        shares: how frequent each class is on the training side; the guess comes from here.
        mean: mean of a numeric target on the training side, in its own unit.
        scale: standard deviation of the same, in its own unit; never 0.
        ahead: how many steps past the end of x are asked for: 0 if the answer is about x itself,
            1 for the next token, a horizon for a forecast. Where it is not 0, what a network
            answers at a step may depend on that step and those before it alone.
        season: steps after which a series repeats itself, at least 1; 0 where nothing is foretold.
            The answer that a forecast has to beat is what was there one season before.
        variables: names of the quantities that are foretold; they are the first channels of x.
        means: mean of each variable on the training side, in its own unit; x is scaled by it.
        scales: standard deviation of the same; never 0.
        rate: samples a second of x, Hz, where x is a sound; 0 where it is none.
        tokens: what transcripts are spelled with, in the order of the outputs: characters or pieces
            of words, the first of them nothing. Empty where no transcript is asked for.
        language: how often sequences of letters occur in the transcripts of the training side.
        details: what the kind needs to read and encode a raw file again, as JSON; only that kind
            looks inside.
    """

    kind: str
    shape: tuple[int, ...]
    cardinalities: tuple[int, ...] = ()
    target: str = ""
    classes: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    mean: float = 0.0
    scale: float = 1.0
    ahead: int = 0
    season: int = 0
    variables: tuple[str, ...] = ()
    means: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    rate: float = 0.0
    tokens: tuple[str, ...] = ()
    language: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types that `from_json` reads back to an equal schema."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Schema":
        """Rebuild a schema from what `to_json` gave.

        Raises:
            TypeError, KeyError, ValueError: if it is no schema; the model file says so to the user.
        """
        names = ["shape", "cardinalities", "classes", "shares", "variables", "means", "scales"]
        names += ["tokens"]
        fixed = {name: tuple(given[name]) for name in names if name in given}
        return cls(**{**given, **fixed})
