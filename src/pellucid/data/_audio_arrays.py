"""Recordings that are given as arrays, with the rate they were made at.

`(samples, rate)` is one recording; `([samples, …], rate)` are several; `([samples, …], rate,
labels)` are several with their classes. Samples are (T,) or (T, C), floats from -1 to 1 or whole
numbers.

Letters: T samples, C channels.
"""

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
from jaxtyping import Float32, Int16
from numpy.typing import NDArray

from pellucid.data import Fault
from pellucid.data._audio_decoding import at_rate, mixed, one_channel, whole_numbers

_RATES = (1_000, 768_000)  # Hz: a number that may be a rate


def is_arrays(source: Any) -> TypeGuard[tuple[Any, ...]]:
    """Tell recordings with their rate from everything else."""
    if not isinstance(source, tuple) or len(source) not in (2, 3):
        return False
    rate = source[1]
    if not isinstance(rate, int | float | np.integer | np.floating) or isinstance(rate, bool):
        return False
    return bool(_RATES[0] <= rate <= _RATES[1]) and bool(_some(source[0]))


def sounds_in(
    source: tuple[Any, ...], rate: int
) -> tuple[dict[int, Int16[np.ndarray, " T"]], NDArray[np.object_] | None, tuple[Fault, ...]]:
    """Bring arrays to one rate and one channel.

    Args:
        source: as `is_arrays` knows it.
        rate: wanted, Hz.

    Returns:
        The good ones by their place, the labels of all, and what was left out.
    """
    found: dict[int, NDArray[np.int16]] = {}
    faults = []
    for place, given in enumerate(_some(source[0])):
        samples = _as_floats(np.asarray(given))
        if samples is None or not len(samples):
            faults.append(Fault(name=f"item {place}", reason="holds no sound (0 samples)"))
        elif not np.isfinite(samples).all():
            faults.append(Fault(name=f"item {place}", reason="holds values that are no numbers"))
        else:
            plain = mixed(samples, one_channel(samples))
            found[place] = whole_numbers(at_rate(plain, round(source[1]), rate))
    labels = np.array([*source[2]], dtype=object) if len(source) == 3 else None
    if labels is not None:
        labels = np.array([None if one is None else str(one) for one in labels], dtype=object)
    return found, labels, tuple(faults)


def _some(given: Any) -> Sequence[Any]:
    """Give several recordings as a list, and one as a list of one."""
    if isinstance(given, np.ndarray):
        return [given] if given.ndim == 1 or given.shape[-1] <= 8 else [*given]
    several = isinstance(given, list | tuple) and all(isinstance(g, np.ndarray) for g in given)
    return given if several else []


def _as_floats(given: NDArray[Any]) -> Float32[np.ndarray, "T C"] | None:
    if given.ndim not in (1, 2) or given.dtype.kind not in "iuf":
        return None
    scale = 1.0 if given.dtype.kind == "f" else 1 / (np.iinfo(given.dtype).max + 1)
    shift = -1.0 if given.dtype.kind == "u" else 0.0
    samples = given.astype(np.float32) * np.float32(scale * (2 if shift else 1)) + np.float32(shift)
    return samples[:, None] if samples.ndim == 1 else samples
