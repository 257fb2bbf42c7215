"""Pictures that are already in memory: arrays, pairs (x, y), and torch Datasets.

Letters: N examples, H height, W width, C channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.errors import BadInputError

_CHANNELS = (1, 3, 4)
_COLOURS = (3, 4)  # of a last axis: one picture in colour, since no picture is so narrow
_MISSING = -1  # a label that many Datasets use for "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What was in memory.

    Args:
        pixels: (N, H, W, C) with 1, 3 or 4 channels.
        targets: as in `Examples`; None where there are none.
        broken: examples that hold no numbers, by place.
    """

    pixels: UInt8[np.ndarray, "N H W C"]
    targets: NDArray[Any] | None
    broken: tuple[int, ...] = ()


def likeness(source: Any) -> float:
    """Tell how surely something in memory holds pictures, from 0 to 1."""
    if isinstance(source, tuple) and len(source) == 2:
        return likeness(source[0]) if hasattr(source[0], "shape") else 0.0
    shape = getattr(source, "shape", None)
    if shape is not None and not hasattr(source, "columns"):
        return _likeness_of_shape(tuple(shape), str(getattr(source, "dtype", "")))
    return 0.9 if is_dataset(source) and _is_picture(_first(source)) else 0.0


def is_dataset(source: Any) -> bool:
    """Tell whether this is a torch Dataset with a length, or written like one."""
    known = (str, bytes, list, tuple, dict)
    return (
        hasattr(source, "__getitem__")
        and hasattr(source, "__len__")
        and not (isinstance(source, known) or hasattr(source, "shape"))
    )


def read_arrays(source: Any) -> Given:
    """Read x, or a pair (x, y).

    Args:
        source: x of shape (N, H, W), (N, H, W, C) or (N, C, H, W), alone also (H, W, 3); uint8,
            bool, or floats in [0, 1] or [0, 255]. y of shape (N,), or (N, 1), or one-hot.

    Raises:
        BadInputError: if x holds no pictures, or y does not fit it.
    """
    x, y = source if isinstance(source, tuple) else (source, None)
    x = _array(x)
    one = y is None and x.ndim == 3 and x.shape[2] in _COLOURS
    pixels = _with_channels_last(x[None] if one else x)
    bytes_, broken = _as_bytes(pixels)
    targets = None if y is None else _targets(_array(y), len(pixels))
    return Given(pixels=bytes_, targets=targets, broken=broken)


def unpack_dataset(source: Any) -> tuple[list[Any], NDArray[Any] | None]:
    """Take a Dataset apart.

    Returns:
        The pictures, each a PIL image, a tensor or an array, and their targets if there are any.
    """
    items = [source[place] for place in range(len(source))]
    if not items or not isinstance(items[0], tuple | list):
        return items, None
    labels = [_plain(item[1]) for item in items]
    names = getattr(source, "classes", None)
    if names is not None and all(isinstance(label, int) for label in labels):
        labels = [str(names[label]) if 0 <= label < len(names) else None for label in labels]
    targets = np.array(labels, dtype=object)
    numeric = all(isinstance(label, float) for label in labels)
    return [item[0] for item in items], targets.astype(float) if numeric else _strings(labels)


def as_picture(item: Any) -> Any:
    """Give a PIL image for an item of a Dataset.

    Raises:
        BadInputError: if it is none.
    """
    from PIL import Image

    if isinstance(item, Image.Image):
        return item
    pixels = _array(item)
    pixels = _as_bytes(_with_channels_last(pixels[None] if pixels.ndim in (2, 3) else pixels))[0][0]
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _first(source: Any) -> Any:
    try:
        first = source[0]
    except Exception:  # someone else's code; it is no picture if it cannot be had
        return None
    return first[0] if isinstance(first, tuple | list) and first else first


def _is_picture(item: Any) -> bool:
    shape = getattr(item, "shape", None)
    if shape is None:
        return hasattr(item, "getbands")
    return len(shape) == 2 or (len(shape) == 3 and (shape[0] in _CHANNELS or shape[2] in _CHANNELS))


def _likeness_of_shape(shape: tuple[int, ...], dtype: str) -> float:
    channels = len(shape) == 4 and (shape[3] in _CHANNELS or shape[1] in _CHANNELS)
    if channels or (len(shape) == 3 and (min(shape[1:]) > 4 or shape[2] in _COLOURS)):
        return 0.9 if "uint8" in dtype else 0.6
    return 0.0


def _array(x: Any) -> NDArray[Any]:
    detach = getattr(x, "detach", None)
    if detach is not None:
        x = detach().cpu().numpy()
    return np.asarray(x)


def _with_channels_last(x: NDArray[Any]) -> NDArray[Any]:
    if x.ndim == 3 and x.size:
        return x[..., None]
    if x.ndim == 4 and x.size and x.shape[3] in _CHANNELS:
        return x
    if x.ndim == 4 and x.size and x.shape[1] in _CHANNELS:
        return x.transpose(0, 2, 3, 1)
    raise BadInputError(
        given=f"an array of shape {x.shape}",
        needed="(N, H, W), (N, H, W, C) or (N, C, H, W), with 1, 3 or 4 channels",
        remedy="reshape it, for example `x.reshape(-1, 28, 28)`",
    )


def _as_bytes(x: NDArray[Any]) -> tuple[UInt8[np.ndarray, "N H W C"], tuple[int, ...]]:
    """Give 0..255, and the places of pictures that hold a value which is no number."""
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x), ()
    if x.dtype == np.bool_:
        return np.ascontiguousarray(x).astype(np.uint8) * np.uint8(255), ()
    if x.dtype.kind not in "iuf":
        raise _unsuitable(f"an array of {x.dtype}")
    finite = np.isfinite(x).reshape(len(x), -1).all(axis=1)
    broken = tuple(int(place) for place in np.flatnonzero(~finite))
    known = x[finite] if broken else x
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    whole = _whole(x.dtype, high)
    if low < 0 or high > whole:
        raise _unsuitable(f"values from {low:g} to {high:g}")
    scaled = np.nan_to_num(x, posinf=0.0, neginf=0.0) * (255 / whole)
    return np.ascontiguousarray(np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)), broken


def _whole(dtype: np.dtype[Any], high: float) -> float:
    """Give the value that stands for white."""
    if dtype == np.uint16:
        return 65_535.0
    return 1.0 if dtype.kind == "f" and high <= 1 else 255.0


def _unsuitable(given: str) -> BadInputError:
    return BadInputError(
        given=f"{given} as pictures",
        needed="uint8, or values from 0 to 1 or from 0 to 255",
        remedy="give the pictures before they are normalised; that is done here",
    )


def _targets(y: NDArray[Any], count: int) -> NDArray[Any]:
    if len(y) != count:
        raise BadInputError(
            given=f"{count:,} pictures and {len(y):,} targets",
            needed="a target for each picture",
            remedy="check that x and y come from the same side of the data",
        )
    if y.ndim == 2 and y.shape[1] > 1 and (y.astype(float).sum(axis=1) == 1).all():
        y = y.argmax(axis=1)
    if y.ndim != 1:
        y = y.reshape(count, -1)
    if y.ndim == 2 and y.shape[1] != 1:
        raise BadInputError(
            given=f"targets of shape {y.shape}",
            needed="one target for each picture",
            remedy="choose a column: `(x, y[:, 0])`",
        )
    flat = y.reshape(count)
    return flat.astype(np.float64) if flat.dtype.kind == "f" else _strings(flat.tolist())


def _strings(labels: Sequence[Any]) -> NDArray[np.object_]:
    kept = [None if label is None or label == _MISSING else str(label) for label in labels]
    return np.array(kept, dtype=object)


def _plain(label: Any) -> Any:
    item = getattr(label, "item", None)
    return label if item is None else item()
