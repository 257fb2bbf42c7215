"""Clips that are given as arrays, alone or with their classes.

Letters: N clips, T frames, H height, W width, C channels (1 or 3).
"""

from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.data import Examples, Fault
from pellucid.data._video_clips import Clips, Form, plain_facts
from pellucid.data._video_folders import RATE
from pellucid.errors import BadInputError

_SEVERAL = 5  # axes of an array that can be nothing but clips: (N, T, H, W, C)


def is_arrays(source: Any) -> bool:
    """Tell whether this is an array of clips, (N, T, H, W, C), alone or with one class each."""
    x = source[0] if isinstance(source, tuple) and len(source) == 2 else source
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return len(shape) == _SEVERAL and shape[-1] in (1, 3)


def in_arrays(source: Any) -> Examples:
    """Read clips from an array: (T, H, W) and (T, H, W, C) are one clip, (N, T, H, W, C) many.

    Raises:
        BadInputError: if it is no such array, or holds what is no picture.
    """
    pair = isinstance(source, tuple) and len(source) == 2
    x, y = source if pair else (source, None)
    given = _many(np.asarray(x))
    whole = np.isfinite(given).all(axis=(1, 2, 3, 4)) if given.dtype.kind == "f" else None
    kept = np.arange(len(given)) if whole is None else np.flatnonzero(whole)
    broken = np.setdiff1d(np.arange(len(given)), kept)
    if not len(kept):
        raise _refused(given, "in which every clip holds NaN or infinity")
    pixels = _bytes(given[kept])
    frames, height, width = pixels.shape[1:4]
    form = Form(frames=frames, height=height, width=width)
    targets = None if y is None else _targets(np.asarray(y), len(given))[kept]
    return Examples(
        kind="video",
        names=[f"item {place}" for place in kept.tolist()],
        raw=Clips(pixels=pixels, facts=plain_facts(len(pixels), form, frames / RATE)),
        target="" if targets is None else "class",
        targets=targets,
        faults=tuple(
            Fault(name=f"item {place}", reason="holds NaN or infinity") for place in broken.tolist()
        ),
    )


def _many(x: NDArray[Any]) -> NDArray[Any]:
    """Give (N, T, H, W, C).

    Raises:
        BadInputError: if it has another shape or holds no numbers.
    """
    if x.ndim == 3:
        x = x[None, ..., None]
    elif x.ndim == 4:
        x = x[None]
    if x.ndim != _SEVERAL or x.shape[-1] not in (1, 3) or not x.size or x.dtype.kind not in "uif":
        raise _refused(x, "")
    return x


def _bytes(x: NDArray[Any]) -> UInt8[np.ndarray, "N T H W 3"]:
    """Give 0 to 255 in three channels; numbers that are not whole lie between 0 and 1.

    Raises:
        BadInputError: if numbers lie elsewhere.
    """
    if x.dtype != np.uint8:
        most = 1.0 if x.dtype.kind == "f" and x.max() <= 1 else 255.0
        if x.min() < 0 or x.max() > most:
            raise _refused(x, f"of numbers from {x.min():g} to {x.max():g}")
        x = np.rint(x * (255.0 / most)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(x, (*x.shape[:-1], 3)))


def _targets(y: NDArray[Any], count: int) -> NDArray[Any]:
    """Give classes as strings and quantities as they are.

    Raises:
        BadInputError: if there is not one for each clip.
    """
    if y.shape != (count,):
        raise BadInputError(
            given=f"{count:,} clips and answers of shape {y.shape}",
            needed="one answer for each clip",
            remedy="give (x, y) with len(x) == len(y)",
        )
    return y.astype(np.float64) if y.dtype.kind == "f" else y.astype(str).astype(object)


def _refused(x: NDArray[Any], why: str) -> BadInputError:
    return BadInputError(
        given=f"an array of shape {x.shape} {why}".rstrip(),
        needed="clips: (T, H, W), (T, H, W, 3) or (N, T, H, W, 3), from 0 to 255 or from 0 to 1",
        remedy="`x.transpose` brings axes into this order",
    )
