"""Which explanations say the same.

Idea: an explanation is a point whose coordinates are the shares of its areas; answers given for the
same reason lie together. A small group apart from the rest is how a model that is right for a wrong
reason shows itself.

Source: Lapuschkin, Wäldchen, Binder, Montavon, Samek & Müller 2019, "Unmasking Clever Hans
predictors and assessing what machines really learn", Nature Communications 10:1096 (clusters of
explanations). Arthur & Vassilvitskii 2007, "k-means++: the advantages of careful seeding";
Rousseeuw 1987, "Silhouettes" (how many there are).
Departs: k-means on the shares of areas in place of spectral clustering of shrunken heat maps.

Letters: N explanations, A areas, C groups.
"""

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

_MOST = 4  # groups of one answer
_APART = 0.45  # silhouette from which a division is more than a cut through one cloud
_STARTS, _ROUNDS = 4, 25
_FEWEST = 3  # explanations that make a group


def grouped(shares: Float[np.ndarray, "N A"], *, seed: int) -> Int[np.ndarray, " N"]:
    """Number the group of each explanation, the largest group first.

    Args:
        shares: comparable between explanations.
        seed: of the starts.
    """
    best = np.zeros(len(shares), dtype=np.int64)
    most = _APART
    for count in range(2, min(_MOST, len(shares) // _FEWEST) + 1):
        labels = _nearest_means(shares, count, np.random.default_rng(seed))
        if np.bincount(labels, minlength=count).min() < _FEWEST:
            continue
        apart = _silhouette(shares, labels)
        if apart > most + 1e-9:
            best, most = labels, apart
    order = np.argsort(-np.bincount(best), kind="stable")
    return np.argsort(order)[best]


def _nearest_means(
    points: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Divide points by k-means; of several starts, the one with the least spread."""
    best, least = np.zeros(len(points), dtype=np.int64), np.inf
    for _ in range(_STARTS):
        means = _spread_out(points, count, random)
        for _ in range(_ROUNDS):
            distances = _distances(points, means)
            labels = distances.argmin(axis=1)
            filled = [points[labels == one] for one in range(count)]
            moved = [
                rows.mean(axis=0) if len(rows) else means[one] for one, rows in enumerate(filled)
            ]
            if np.allclose(means, moved):
                break
            means = np.array(moved)
        spread = distances.min(axis=1).sum()
        if spread < least:
            best, least = labels, spread
    return best


def _spread_out(
    points: NDArray[np.float64], count: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Draw starts that lie apart: each next one with a chance by its squared distance."""
    chosen = [points[random.integers(len(points))]]
    while len(chosen) < count:
        weights = _distances(points, np.array(chosen)).min(axis=1)
        total = weights.sum()
        chance = weights / total if total > 0 else None
        chosen.append(points[random.choice(len(points), p=chance)])
    return np.array(chosen)


def _distances(points: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give squared distances, (N, C)."""
    crossed = points @ means.T
    squares = (points**2).sum(axis=1)[:, None] + (means**2).sum(axis=1) - 2 * crossed
    return np.maximum(squares, 0)


def _silhouette(points: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Average how much nearer each point lies to its own group than to the next, from -1 to 1."""
    distances = np.sqrt(_distances(points, points))
    sizes = np.bincount(labels)
    sums = np.stack([distances[:, labels == one].sum(axis=1) for one in range(len(sizes))], axis=1)
    own = sums[np.arange(len(points)), labels] / np.maximum(sizes[labels] - 1, 1)
    means = sums / sizes
    means[np.arange(len(points)), labels] = np.inf
    nearest = means.min(axis=1)
    return float(((nearest - own) / np.maximum(np.maximum(nearest, own), 1e-12)).mean())
