"""From shares that are laid over each other to reasons that a person can read.

Letters: N explanations, A areas.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from pellucid.explaining._areas import cluster
from pellucid.explaining._grouping import grouped
from pellucid.explaining._reliance import Cluster
from pellucid.explaining._wrongness import Doubt

_LEADING = 0.5  # of the largest mean share, that an area leads with
_MOST = 5  # leading areas
_STRONGEST = 10  # one area in so many counts as among the strongest of an example
_CLUSTERED = 12  # explanations that are worth dividing
_SHOWN = 5  # examples of a cluster that are named
_FEWEST = 3  # examples that have a leading area
_SAME = 0.9  # alikeness from which content is said to be the same


def leading(
    mean: Float[np.ndarray, " A"], where: Sequence[Any], there: Int[np.ndarray, " A"]
) -> list[tuple[int, ...]]:
    """Give the areas with the largest mean shares, those that touch together, the first first.

    Args:
        mean: share of each area.
        where: of each area.
        there: how many examples have each; what few have is no habit.
    """
    mean = np.where(there >= min(_FEWEST, there.max()), mean, 0.0)
    order = np.argsort(-mean, kind="stable")[:_MOST]
    strong = [int(at) for at in order if mean[at] > 0 and mean[at] >= _LEADING * mean[order[0]]]
    found = [tuple(areas) for areas in cluster(strong, where)]
    return sorted(found, key=lambda areas: -float(mean[list(areas)].sum()))


def consistency(
    shares: Float[np.ndarray, "N A"], areas: Sequence[int], there: Bool[np.ndarray, "N A"]
) -> float:
    """Tell in what share of the explanations one of the areas is among the strongest tenth.

    Args:
        shares: of the areas in each explanation.
        areas: places of those that are asked about.
        there: whether each example has each area; those that have none of them do not count.
    """
    having = there[:, list(areas)].any(axis=1)
    if not having.any():
        return 0.0
    own = np.where(there, shares, -np.inf)[having]
    most = -(-there[having].sum(axis=1) // _STRONGEST)
    rank = np.argsort(np.argsort(-own, axis=1, kind="stable"), axis=1, kind="stable")
    return float((rank[:, list(areas)] < most[:, None]).any(axis=1).mean())


def typical(shares: Float[np.ndarray, "N A"]) -> int:
    """Find the explanation that is nearest to the mean of all."""
    return int(((shares - shares.mean(axis=0)) ** 2).sum(axis=1).argmin())


def clusters(
    shares: Float[np.ndarray, "N A"],
    answer: str,
    where: Sequence[Any],
    names: tuple[Sequence[str], Sequence[str]],
    *,
    seed: int,
) -> list[Cluster]:
    """Divide the explanations of one answer by what they rest on, the largest cluster first.

    Args:
        shares: of the areas in each explanation.
        answer: that they explain, in the user's words.
        where: of each area.
        names: of the areas, and of the examples.
        seed: of the starts.
    """
    labels = grouped(shares, seed=seed) if len(shares) >= _CLUSTERED else np.zeros(len(shares), int)
    areas, examples = names
    found = []
    for label in range(int(labels.max()) + 1):
        rows = np.flatnonzero(labels == label)
        mean = shares[rows].mean(axis=0)
        first = next(iter(leading(mean, where, (shares[rows] != 0).sum(axis=0))), ())
        apart = ((shares[rows] - mean) ** 2).sum(axis=1)
        nearest = rows[np.argsort(apart, kind="stable")][:_SHOWN]
        found.append(
            Cluster(
                answer=answer,
                size=len(rows),
                of=len(shares),
                areas=tuple(areas[at] for at in first),
                share=float(mean[list(first)].sum()),
                examples=tuple(examples[at] for at in nearest),
            )
        )
    return found


def sentence(doubt: Doubt, name: str, answer: str, areas: int) -> str:
    """Say what speaks against a reason.

    Args:
        doubt: what pasting it did.
        name: of the area.
        answer: of the donors, in the user's words; "" for numbers.
        areas: that an example has.
    """
    graft = doubt.graft
    small = f"{graft.size:.0%} of the example" if doubt.place else f"one of {areas} areas"
    same = ", looks nearly the same in all of them" if graft.alike >= _SAME and answer else ""
    if not answer:
        return (
            f"pasted into other examples, {name} alone moves the answer {graft.way:.0%} of the way "
            f"to that of the example it is from, all the rest {max(0.0, graft.rest_way):.0%}; "
            f"it is {small}: is it known when the question is asked, and should it decide?"
        )
    if doubt.partial:
        return (
            f"pasted into other examples, {name} of some that are answered {answer!r} turns "
            f"{graft.best_turned:.0%} of their answers into {answer!r}, though it is {small}: "
            "does it belong there?"
        )
    return (
        f"pasted into other examples, {name} alone turns {graft.turned:.0%} of their answers into "
        f"{answer!r}, all the rest of such examples {graft.rest_turned:.0%}; it is {small}{same}: "
        f"does it belong to {answer!r}?"
    )
