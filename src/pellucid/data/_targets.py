"""Raw targets, as splitting and looking see them: classes where they are few, numbers otherwise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_DIFFERENT = 0.7  # of sentences
FEW = 20  # different whole numbers, up to which they are taken as names of classes

Classes = tuple[tuple[str, ...], NDArray[np.int64]]


def factorise(values: NDArray[np.object_]) -> Classes:
    """Number the different strings in alphabetical order.

    Args:
        values: strings, None where missing, (N,).

    Returns:
        The different strings, and the place of each value among them, (N,), -1 where missing.
    """
    listed = values.tolist()
    names = sorted({value for value in listed if value is not None})
    places: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    places[None] = -1
    codes = np.fromiter((places[value] for value in listed), np.int64, len(listed))
    return tuple(names), codes


def as_classes(targets: NDArray[np.object_] | NDArray[np.float64]) -> Classes | None:
    """Take targets as classes, if they are strings or few different whole numbers.

    Returns:
        The names in order and the code of each target, (N,), -1 where missing; None for quantities.
    """
    if targets.dtype.kind != "f":
        return factorise(targets.astype(object))
    known = np.isfinite(targets)
    values, found = np.unique(targets[known], return_inverse=True)
    if len(values) > FEW or not np.array_equal(values, np.round(values)):
        return None
    codes = np.full(len(targets), -1, np.int64)
    codes[known] = found
    return tuple(f"{value:g}" for value in values), codes


def are_texts(targets: NDArray[Any]) -> bool:
    """Tell whether targets are sentences, of which hardly two are the same, and no classes."""
    if targets.ndim > 1 or targets.dtype.kind == "f" or not len(targets):
        return False
    texts = [target for target in targets.tolist() if isinstance(target, str)]
    blanks = sum(text.strip().count(" ") for text in texts)
    return blanks > len(texts) and len(set(texts)) > _DIFFERENT * len(texts)


def missing(targets: NDArray[np.object_] | NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which targets are not there, (N,)."""
    if targets.dtype.kind == "f":
        return ~np.isfinite(targets)
    return np.fromiter((target is None for target in targets.tolist()), np.bool_, len(targets))
