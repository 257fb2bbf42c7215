"""Connected components: what hangs together when some pairs do.

Source: Shiloach & Vishkin 1982, "An O(log n) parallel connectivity algorithm" (hook the roots, then
jump over pointers).
"""

import numpy as np
from numpy.typing import NDArray


def components(
    count: int, first: NDArray[np.int64], second: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Number the connected components of the places 0 to count - 1, in order of first appearance.

    Args:
        count: N, how many places there are.
        first: one end of each link.
        second: the other end.

    Returns:
        The component of each place, (N,), from 0.
    """
    parent = np.arange(count)
    low, high = np.minimum(first, second), np.maximum(first, second)
    while len(low):
        np.minimum.at(parent, high, low)
        parent = _roots(parent)
        one, other = parent[low], parent[high]
        apart = one != other
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
    return np.unique(parent, return_inverse=True)[1].astype(np.int64)


def united(labels: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unite two partitions of the same places: whatever either holds together stays together."""
    count = len(labels)
    if not count:
        return np.zeros(0, np.int64)
    places = np.arange(count)
    return components(count, *_links(labels, other, places))


def _links(
    labels: NDArray[np.int64], other: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Link each place to the first of its own label, and to the first of its other label."""
    ends = []
    for partition in (labels, other):
        _, firsts, inverse = np.unique(partition, return_index=True, return_inverse=True)
        ends.append(firsts[inverse])
    return np.concatenate([places, places]), np.concatenate(ends)


def _roots(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    while True:
        jumped = parent[parent]
        if np.array_equal(jumped, parent):
            return parent
        parent = jumped
