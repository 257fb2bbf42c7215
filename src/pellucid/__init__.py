"""Raw data in; a network, learned within the time you allow; out, a model that says why.

    pellucid.look(data)              what is there, what is broken, what leaks
    pellucid.fit(data, budget=...)   a model, learned, calibrated and scored within the budget
    pellucid.load(path)              a model that was saved

The names below are all there is to know; everything else may change. They are imported when they
are first used, because torch takes seconds of somebody's time.
"""

import importlib
from typing import TYPE_CHECKING, Any

from pellucid.errors import (
    BadInputError,
    BudgetError,
    InterruptedRunError,
    MissingExtraError,
    ModelFileError,
    PellucidError,
    SavingError,
)

if TYPE_CHECKING:
    from pellucid.fitting import fit
    from pellucid.looking import look
    from pellucid.model import Model, load
    from pellucid.training.budget import Budget

__all__ = [
    "BadInputError",
    "Budget",
    "BudgetError",
    "InterruptedRunError",
    "MissingExtraError",
    "Model",
    "ModelFileError",
    "PellucidError",
    "SavingError",
    "fit",
    "load",
    "look",
]
__version__ = "0.1.0"

_HOMES = {
    "Budget": "pellucid.training.budget",
    "Model": "pellucid.model",
    "fit": "pellucid.fitting",
    "load": "pellucid.model",
    "look": "pellucid.looking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
