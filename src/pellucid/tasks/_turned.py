"""The same question asked the other way round, so that answers alone can be learned from.

Letters: N examples, M answers without a source.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from torch import Tensor, nn

if TYPE_CHECKING:
    from pellucid.tasks import Task


class Turned(ABC):
    """Turns examples round, and answers without a source into examples.

    Attributes:
        task: the turned question; what it reads are the answers to the plain one.
    """

    task: "Task"

    @abstractmethod
    def examples(self, x: Tensor, y: Tensor) -> tuple[NDArray[Any], Tensor]:
        """Give the examples of the turned question.

        Args:
            x: of the plain one, (N, *schema.shape).
            y: its encoded answers.

        Returns:
            What is stored of them, as `Kind.encode` gives it, and their encoded answers.
        """

    @abstractmethod
    def made(self, network: nn.Module, stored: NDArray[Any]) -> tuple[NDArray[Any], Tensor]:
        """Make examples of the plain question from answers that have no source.

        Args:
            network: that has learned the turned question, in use.
            stored: the answers, encoded with the schema of the turned task, (M, *stored).

        Returns:
            As `examples` gives them, of the plain question; what came out useless is left out.
        """

    @abstractmethod
    def usable(self, stored: NDArray[Any], y: Tensor) -> NDArray[Any]:
        """Mark the answers without a source, (M,), that are whole and none of those in y."""
