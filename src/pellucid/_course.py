"""The course of a run: how many networks it trains, what each learns from, and which answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from pellucid._recording import Trained
from pellucid.preparing import Prepared
from pellucid.training.budget import Clock
from pellucid.training.choosing import Choice
from pellucid.training.signals import Asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Making:
    """What getting ready for a network may spend.

    Args:
        choice: of the network.
        clock: of the whole command.
        seconds: left for getting ready and for the network that learns afterwards.
        asked: whether somebody asked to stop.
    """

    choice: Choice
    clock: Clock
    seconds: float
    asked: Asked


class Course:
    """One network, which learns from all that there is; other courses change what they must.

    Args:
        ready: the examples.

    Attributes:
        networks: how many are trained, each in its share of the time; None where the time decides.
        judging: times as long as judging every network once the judgement at the end takes.
        makes: whether examples are made before a later network learns.
    """

    networks: int | None = 1
    judging = 1.0
    makes = False

    def __init__(self, ready: Prepared) -> None:
        self.ready = ready

    def fold(self, number: int, making: Making, kept: Mapping[str, Tensor]) -> Prepared:
        """Give what a network learns from.

        Args:
            number: of the network, from 0.
            making: what getting ready may spend.
            kept: state of a run that goes on, in which `tensors` of that run are.

        Raises:
            InterruptedRunError: if a signal stopped it.
        """
        del number, making, kept
        return self.ready

    def tensors(self) -> dict[str, Tensor]:
        """Give what was got ready, to be kept with the state of the run."""
        return {}

    def judged(self, fold: Prepared) -> Prepared:
        """Give by what a network that learned from `fold` is judged."""
        return fold

    def answering(self, trained: list[Trained], choice: Choice) -> list[Trained]:
        """Give those of the networks that answer; what is said of it is said to the run."""
        del choice
        return trained

    def record(self) -> dict[str, Any]:
        """Give what the record says of the course beside its scores, as JSON."""
        return {}


class Divided(Course):
    """As many networks as the time is for, each with other examples held out."""

    networks = None

    def fold(self, number: int, making: Making, kept: Mapping[str, Tensor]) -> Prepared:
        """Give the same data with other examples held out."""
        del making, kept
        return self.ready.fold(number)
