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
    """Give the numbers of a column, (N,), read-only; where one is missing, anything may stand."""
    array = whole(column)
    dtype = np.dtype(array.type.to_pandas_dtype())
    assert array.type.bit_width == 8 * dtype.itemsize
    if not len(array):
        return np.empty(0, dtype=dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def missing(column: Any) -> NDArray[np.bool_]:
    """Tell where a column has no value, (N,)."""
    array = whole(column)
    if not array.null_count:
        return np.zeros(len(array), dtype=bool)
    if array.buffers()[0] is None:  # a column of nothing else
        return np.ones(len(array), dtype=bool)
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    end = array.offset + len(array)
    return np.unpackbits(bits, count=end, bitorder="little")[array.offset :] == 0


def floats(column: Any) -> NDArray[np.float64]:
    """Give a column of numbers as float64, (N,), NaN where one is missing or infinite."""
    import pyarrow as pa

    plain = whole(column.cast(pa.float64(), safe=False))
    values = view(plain)
    void = missing(plain) | np.isinf(values)
    return np.where(void, np.nan, values) if void.any() else values


def stamps(column: Any) -> NDArray[Any]:
    """Give a column of timestamps in milliseconds, (N,), NaT where one is missing."""
    import pyarrow as pa

    ticks = whole(column.cast(pa.int64()))
    return np.where(missing(ticks), _NOTHING, view(ticks)).view("datetime64[ms]")


def from_numbers(values: NDArray[Any], *, void: NDArray[np.bool_] | None = None) -> Any:
    """Make an Arrow array of numbers.

    Args:
        values: (N,).
        void: where a value is missing, (N,); None if nowhere.
    """
    import pyarrow as pa

    values = np.ascontiguousarray(values)
    given = None if void is None else pa.py_buffer(np.packbits(~void, bitorder="little"))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [given, pa.py_buffer(values)])


def from_texts(texts: Sequence[str]) -> Any:
    """Make an Arrow array of strings."""
    import pyarrow as pa

    encoded = [text.encode(errors="replace") for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    assert ends[-1] < 1 << 31
    buffers = [None, pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)
