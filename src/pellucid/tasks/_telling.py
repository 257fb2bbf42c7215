"""What a task tells: a score with its interval, an answer, and what goes astray while learning."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A score with its 95 % interval.

    Args:
        value: the score, in its own unit.
        low: lower end of the interval; None where no interval can be given.
        high: upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Learning that goes astray, and what is done about it.

    Args:
        sentence: what is wrong and what is done, in plain words, with the figures in it.
        back: whether the weights go back to where nothing was wrong.
        balance: by part: factor on its rate from now on; a part that is not named keeps its own.
    """

    sentence: str
    back: bool = False
    balance: Mapping[str, float] = field(default_factory=dict)


class Answer(ABC):
    """One decoded prediction; each task has its own.

    Attributes:
        made: whether it was made and is not one of a few; see `Task`.
    """

    made: ClassVar[bool] = False

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types, the answer itself first."""

    def over(self, past: Mapping[str, NDArray[Any]], times: Sequence[str]) -> "Answer":
        """Give the same answer between what came before and the times it speaks of.

        The default knows of no time. See `Kind.course`.
        """
        del past, times
        return self

    def words_at(self) -> Sequence[tuple[float, float, str]]:
        """Give what the answer says of when: start, end, s, and a word; the default knows none."""
        return ()

    def doubt(self) -> str:
        """Say why it should be left to a person at the level asked for; "" if it need not be."""
        return ""
