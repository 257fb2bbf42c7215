"""Near-duplicates: examples so alike that one of them gives the other away.

Idea: the same picture, saved twice, gives two thumbnails that point the same way; so look for pairs
of vectors at a small angle that are clearly nearer to each other than to anything else, and unite
the pairs. Up to a few thousand examples every pair is compared. Past that, examples are sorted
several times by a few random signs, only neighbours in such an order are compared, and what looks
near in a few directions is checked in all of them.

Source: Charikar 2002, "Similarity estimation techniques from rounding algorithms" (signs of random
projections); Hernández & Stolfo 1995, "The merge/purge problem for large databases" (sort several
times, compare within a window); Lowe 2004, "Distinctive image features from scale-invariant
keypoints" (a match must be much nearer than the next).
Departs: signs are taken in the whitened leading directions of the data, so that pictures that all
look alike still spread over the buckets.

Letters: N examples, M different examples, D numbers in a vector, P leading directions.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from pellucid.data._components import components

# For grey thumbnails of 16 x 16 less their mean. Of 1,497 photos, copies saved as poor JPEG, halved
# or with 30 % more contrast were found in 99.7 % of cases, 20 % brighter in 97 %, and cut by 1 % at
# each edge in 76 %; different photos were never above 0.96.
NEAR = 0.99
# Where all things are alike, as trousers are in Fashion-MNIST, 0.99 alone means little: it would
# tie 9 % of the 60,000 garments, 1,822 of them in one chain. So a pair must also be at most half as
# far apart as each is from the nearest that is not near: 0.5 %, at most four in a cluster.
APART = 0.5
EXACT_UP_TO = 6_000  # examples; comparing all pairs takes under half a second up to there
TABLES = 10
WINDOW = 12  # neighbours looked at in each order; bounds the work however alike all examples are
DIRECTIONS = 24
SAMPLE = 8_192  # examples that the leading directions are learned from
ROWS = 2_048  # rows handled at once, which bounds memory
PRODUCTS = 100_000_000  # dot products spent on finding how far the others are
LEAST = 4_096  # examples that others are looked for among, at least

Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def near_duplicates(
    vectors: Float[np.ndarray, "N D"], *, threshold: float = NEAR
) -> Int[np.ndarray, " N"]:
    """Number the clusters of near-duplicates; the order of the examples does not matter.

    Args:
        vectors: float32, of length 1 each; a vector of zeros is near only to others of zeros.
        threshold: cosine similarity from which two examples may be near-duplicates.

    Returns:
        The cluster of each example, from 0; an example with no near-duplicate is a cluster too.
    """
    order, firsts = _distinct(vectors)
    different = vectors[order[firsts]]
    find = _all_pairs if len(different) <= EXACT_UP_TO else _likely_pairs
    found = components(
        len(different), *_outstanding(different, find(different, threshold), threshold)
    )
    clusters = np.empty(len(vectors), np.int64)
    clusters[order] = found[np.cumsum(firsts) - 1]
    return clusters


def _distinct(
    vectors: Float[np.ndarray, "N D"],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give an order that depends on content alone, and where in it each new content starts.

    All that follows works in this order, so that rounding cannot depend on the order of the files.
    """
    digits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    random = np.random.default_rng(0)
    multipliers = random.integers(0, 2**64, digits.shape[1], np.uint64)
    hashes = np.empty(len(digits), np.uint64)
    for start in range(0, len(digits), ROWS):
        rows = slice(start, start + ROWS)
        hashes[rows] = digits[rows].astype(np.uint64) @ multipliers
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order[1:]] == hashes[order[:-1]])
    same = same[(digits[order[same]] == digits[order[same + 1]]).all(axis=1)]
    firsts = np.ones(len(digits), np.bool_)
    firsts[same + 1] = False
    return order, firsts


def _all_pairs(vectors: Float[np.ndarray, "M D"], threshold: float) -> Pairs:
    first, second = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, len(vectors), ROWS):
        rows, columns = np.nonzero(vectors[start : start + ROWS] @ vectors[start:].T >= threshold)
        above = rows < columns
        first.append(rows[above] + start)
        second.append(columns[above] + start)
    return np.concatenate(first), np.concatenate(second)


def _likely_pairs(vectors: Float[np.ndarray, "M D"], threshold: float) -> Pairs:
    """Find nearly all pairs: near examples share the signs of some table, and stand close in it.

    Of examples that sure pairs tie together already, no further pairs are given.
    """
    leading, scales = _leading(vectors)
    bits = max(1, int(np.log2(len(vectors))) - 2)
    random = np.random.default_rng(0)
    # A part of the distance can only be smaller than the whole, so this leaves no pair out.
    near = 2 - 2 * threshold + 1e-4
    clusters, first, second = np.arange(len(vectors)), [], []
    for _ in range(TABLES):
        planes = random.standard_normal((leading.shape[1], bits + 1)).astype(np.float32)
        heights = (leading / scales) @ planes
        codes = (heights[:, :bits] > 0) @ (1 << np.arange(bits))
        order = np.lexsort((heights[:, bits], codes))
        one, other = _neighbours(leading[order], codes[order], near)
        one, other = order[one], order[other]
        apart = clusters[one] != clusters[other]
        one, other = one[apart], other[apart]
        likeness = _likeness(vectors, one, other)
        first.append(one[likeness >= threshold])
        second.append(other[likeness >= threshold])
        sure = likeness >= _sure(threshold)
        links = clusters[one[sure]], clusters[other[sure]]
        clusters = components(len(vectors), *links)[clusters]
    return _once(np.concatenate(first), np.concatenate(second), len(vectors))


def _leading(
    vectors: Float[np.ndarray, "M D"],
) -> tuple[Float[np.ndarray, "M P"], Float[np.ndarray, " P"]]:
    """Give coordinates in the directions of greatest spread, and the spread in each."""
    sample = vectors[:SAMPLE]
    middle = sample.mean(axis=0)
    spread, directions = np.linalg.eigh(np.cov(sample - middle, rowvar=False).astype(np.float64))
    chosen = np.argsort(spread)[::-1][:DIRECTIONS]
    scales = np.sqrt(np.maximum(spread[chosen], 1e-8)).astype(np.float32)
    return (vectors - middle) @ directions[:, chosen].astype(np.float32), scales


def _neighbours(
    leading: Float[np.ndarray, "M P"], codes: Int[np.ndarray, " M"], near: float
) -> Pairs:
    """Find places within the window that share a bucket and are near in the leading directions."""
    first, second = [], []
    for step in range(1, WINDOW + 1):
        places = np.flatnonzero(codes[step:] == codes[:-step])
        gap = leading[places + step] - leading[places]
        places = places[np.einsum("mp,mp->m", gap, gap) <= near]
        first.append(places)
        second.append(places + step)
    return np.concatenate(first), np.concatenate(second)


def _outstanding(vectors: Float[np.ndarray, "M D"], pairs: Pairs, threshold: float) -> Pairs:
    """Keep the pairs that are sure, or much nearer to each other than to all others."""
    one, other = pairs
    likeness = _likeness(vectors, one, other)
    kept = likeness >= _sure(threshold)
    asked = np.unique(np.concatenate([one[~kept], other[~kept]]))
    next_best = np.ones(len(vectors), np.float32)
    next_best[asked] = _next_best(vectors, asked, threshold)
    allowed = APART**2 * (1 - np.maximum(next_best[one], next_best[other]))
    kept |= 1 - likeness <= allowed
    return one[kept], other[kept]


def _next_best(
    vectors: Float[np.ndarray, "M D"], asked: Int[np.ndarray, " A"], threshold: float
) -> Float[np.ndarray, " A"]:
    """Give the likeness of each asked example to the nearest that is below the threshold."""
    # The order is one of hashes, so the first few are a fair sample of all.
    among = vectors[: max(LEAST, PRODUCTS // max(len(asked), 1))].T
    found = np.empty(len(asked), np.float32)
    for start in range(0, len(asked), 128):
        rows = slice(start, start + 128)
        likeness = vectors[asked[rows]] @ among
        found[rows] = np.where(likeness < threshold, likeness, -1).max(axis=1)
    return found


def _likeness(
    vectors: Float[np.ndarray, "M D"], one: NDArray[np.int64], other: NDArray[np.int64]
) -> Float[np.ndarray, " pairs"]:
    found = np.empty(len(one), np.float32)
    for start in range(0, len(one), ROWS):
        rows = slice(start, start + ROWS)
        found[rows] = np.einsum("md,md->m", vectors[one[rows]], vectors[other[rows]])
    return found


def _sure(threshold: float) -> float:
    """Give the likeness from which a pair is kept wherever the others are."""
    return 1 - APART**2 * (1 - threshold)


def _once(one: NDArray[np.int64], other: NDArray[np.int64], count: int) -> Pairs:
    return np.divmod(np.unique(np.minimum(one, other) * count + np.maximum(one, other)), count)
