"""What raw targets are: missing, numbers, or numbers that only stand for classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_CODES = 20  # more whole numbers than this are a quantity


def numeric(targets: NDArray[Any]) -> bool:
    """Tell whether targets are numbers; the other form is strings."""
    return targets.dtype.kind in "biuf"


def known(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark the targets that are there, (N,): neither None nor NaN nor infinite.

    Of what comes next, (N, H, C), any number is enough.
    """
    if targets.ndim > 1:
        return np.isfinite(targets).reshape(len(targets), -1).any(axis=1)
    if numeric(targets):
        return np.isfinite(targets.astype(np.float64))
    return np.array([value is not None and value == value for value in targets], dtype=np.bool_)


def coded(values: NDArray[Any]) -> bool:
    """Tell whether numbers look like codes of classes and not like a quantity.

    They do if there are just two values, or if they are the whole numbers 0 … K-1 or 1 … K with K
    at most 20 and most of them occur twice. A rating from 3 to 9 starts elsewhere: a quantity.
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) == 2:
        return True
    if not 2 < len(distinct) <= _MOST_CODES or distinct[0] not in (0, 1):
        return False
    in_a_row = np.array_equal(distinct, distinct[0] + np.arange(len(distinct)))
    return in_a_row and bool(np.mean(counts >= 2) > 0.5)


def class_name(value: Any) -> str:
    """Name the class that a raw target stands for: 1.0 is "1", text is itself."""
    if isinstance(value, str):
        return value
    number = float(value)
    return str(int(number)) if number.is_integer() else repr(number)


def in_order(names: list[str]) -> list[str]:
    """Sort names of classes: by number if all are numbers, else as text."""
    try:
        return sorted(names, key=lambda name: (float(name), name))
    except ValueError:
        return sorted(names)
