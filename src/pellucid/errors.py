"""The errors a user can meet.

    PellucidError
    ├── BadInputError          the data or an argument cannot be used (also a ValueError)
    │   ├── BudgetError        the budget is too small for the smallest network
    │   ├── ModelFileError     a model file is damaged, foreign or from a newer version
    │   └── MissingExtraError  the work needs a package that is not installed
    ├── SavingError            the disk did not take what had to be kept (also an OSError)
    └── InterruptedRunError    a signal stopped the run after its checkpoint was saved

Every message says what was given, what is needed, and what to do next.
"""


class PellucidError(Exception):
    """Base of every error that pellucid raises on purpose."""


class BadInputError(PellucidError, ValueError):
    """The data or an argument cannot be used as it is.

    Args:
        given: what was found, with its value and its place (file, row, column, argument).
        needed: what would have been accepted.
        remedy: the next step, as a command or a line of code wherever there is one.
    """

    # The parts default to "" because a worker process rebuilds an error from its text alone.
    def __init__(self, given: str, needed: str = "", remedy: str = "") -> None:
        super().__init__(_sentence(given, needed, remedy))


class BudgetError(BadInputError):
    """The budget is too small for the smallest network that fits the data."""


class ModelFileError(BadInputError):
    """A model file is damaged, is no model file, or was written by a newer version."""


class MissingExtraError(BadInputError):
    """A package that only some users need is not installed."""


class SavingError(PellucidError, OSError):
    """The disk did not take what had to be kept; what was saved before is untouched."""

    def __init__(self, given: str, needed: str = "", remedy: str = "") -> None:
        super().__init__(_sentence(given, needed, remedy))


class InterruptedRunError(PellucidError):
    """SIGINT or SIGTERM stopped the run; the same call again goes on from its checkpoint."""


def _sentence(given: str, needed: str, remedy: str) -> str:
    parts = [given]
    parts += [f"needed: {needed}"] if needed else []
    parts += [f"remedy: {remedy}"] if remedy else []
    return "\n  ".join(parts)
