"""Between Arrow and numpy, by their memory.

Idea: the ways that Arrow itself offers import pandas wherever it is installed, which costs every
command a good part of a second; the memory of both is laid out alike, so a view is enough.

Letters: N values.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NOTHING = np.iinfo(np.int64).min  # as numpy writes "not a time"


def whole(column: Any) -> Any:
    """Give the array of a column that may lie in chunks."""
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def view(column: Any) -> NDArray[Any]:
    """Give the numbers of a column, (N,), read-only; none may be missing."""
    array = whole(column)
    width = array.type.bit_width // 8
    dtype = np.dtype(array.type.to_pandas_dtype())
    assert array.null_count == 0
    assert width == dtype.itemsize
    if not len(array):
        return np.empty(0, dtype=dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * width)


def floats(column: Any) -> NDArray[np.float64]:
    """Give a column of numbers as float64, (N,), NaN where one is missing or infinite."""
    import pyarrow as pa

    plain = column.cast(pa.float64(), safe=False)
    if plain.null_count:
        plain = plain.fill_null(float("nan"))
    values = view(plain)
    infinite = np.isinf(values)
    return np.where(infinite, np.nan, values) if infinite.any() else values


def stamps(column: Any) -> NDArray[np.datetime64]:
    """Give a column of timestamps in milliseconds, (N,), NaT where one is missing."""
    import pyarrow as pa

    ticks = view(column.cast(pa.int64()).fill_null(pa.scalar(_NOTHING, pa.int64())))
    return ticks.view("datetime64[ms]")


def truths(column: Any) -> NDArray[np.bool_]:
    """Give a column of truth values without missing ones, (N,)."""
    import pyarrow as pa

    return view(column.cast(pa.uint8())).astype(bool)


def from_numbers(values: NDArray[Any]) -> Any:
    """Make an Arrow array of numbers."""
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def from_texts(texts: Sequence[str]) -> Any:
    """Make an Arrow array of strings."""
    import pyarrow as pa

    encoded = [text.encode(errors="replace") for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    assert ends[-1] < 1 << 31
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)
