"""Hash the rows of a table so that equal rows have equal keys, on every machine.

Idea: each distinct value is hashed once, numbers by their bits and words by their letters; the
hashes of a row are mixed with the name of their column and added, so that the order of the columns
does not count.

Source: the mixing function is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, "Fast
splittable pseudorandom number generators").

Letters: N rows.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._arrow import whole
from pellucid.data._cells import number
from pellucid.data._values import Settled, codes, levels, numbers

_NOTHING = np.uint64(0x9E3779B97F4A7C15)


def row_keys(table: Any) -> NDArray[np.uint64]:
    """Hash each row of an Arrow table of settled columns, (N,)."""
    keys = np.zeros(table.num_rows, dtype=np.uint64)
    for name in table.column_names:
        keys += _mix(cell_keys(table.column(name)) ^ _of_text(f"column {name}"))
    return _mix(keys)


def cell_keys(column: Any) -> NDArray[np.uint64]:
    """Hash each cell of a settled column, (N,); a number hashes alike in whatever form it came."""
    if Settled(column=column).kind != "words":
        return _of_numbers(numbers(column))
    column = whole(column)
    texts = levels(column)
    values = np.array([number(text) for text in texts], dtype=np.float64)
    words = np.array([_of_text(text) for text in texts] + [_NOTHING], dtype=np.uint64)
    words[:-1] = np.where(np.isnan(values), words[:-1], _of_numbers(values))
    return words[codes(column)]


def _of_text(text: str) -> np.uint64:
    digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _of_numbers(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    plain = np.where(values == 0, 0.0, values)  # there is a zero with a minus sign
    return np.where(np.isnan(values), _NOTHING, _mix(plain.view(np.uint64)))


def _mix(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
