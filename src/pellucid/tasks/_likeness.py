"""How alike are two sets of pictures, as an eye sees them?

Idea: no single number says whether what was made is good. How far the two clouds of features are
from each other says how wrong it is on the whole; whether what was made lies among the real says
how believable it is, and whether the real lie among what was made says how much of them it covers.

Source: Fréchet distance of two normal distributions: Dowson & Landau 1982, and Heusel et al. 2017,
arXiv:1706.08500, who took it of features; kernel: Bińkowski, Sutherland, Arbel & Gretton 2018,
arXiv:1801.01401; its interval from blocks: Zaremba, Gretton & Blaschko 2013, arXiv:1307.1954;
precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991; density and coverage: Naeem, Oh,
Uh, Choi & Yoo 2020, arXiv:2002.09797.
Departs: the features are those of an eye of our own (`_eye.py`), so the distance is no FID and is
never called so. Its interval is a jackknife over ten groups, because a bootstrap repeats pictures
and that alone makes distributions differ. No more than 5,000 pictures of a side are looked at for
their neighbours.

Letters: N M pictures of two sets, F features.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pellucid.tasks import Estimate

NEAREST = 3  # neighbours that make up a ball, for precision and recall
DENSE = 5  # for density and coverage
_MOST = 5000  # pictures of a side whose neighbours are looked for
_ROWS = 1024
_GROUPS = 10
_FEWEST = 40  # pictures of a side, below which there are no intervals
_STUDENT = 2.262157  # 97.5 % point of Student's distribution with nine degrees of freedom
_NORMAL = 1.959964


def distance(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> float:
    """Give the Fréchet distance of two sets of features, as if both were normal.

    It is the squared distance of the means plus how far the covariances are apart. With features
    as an eye gives them, two sets of the same pictures come near 0 (the fewer pictures, the less
    near), and one and the same real picture for all of a set to about 2 F.
    """
    first, second = _moments(real), _moments(made)
    root = _root(first[1])
    crossed = torch.linalg.eigvalsh(root @ second[1] @ root).clamp(min=0).sqrt().sum()
    spread = torch.trace(first[1]) + torch.trace(second[1]) - 2 * crossed
    return float((first[0] - second[0]).square().sum() + spread.clamp(min=0))


def kernel(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> float:
    """Give the squared mean discrepancy by the kernel (x·y / F + 1)³, unbiased.

    It is 0 on average, and as often below 0 as above, if both are of the same distribution, however
    few there are.
    """
    if min(len(real), len(made)) < 2:
        return math.nan
    own, other = _alike(real, real), _alike(made, made)
    within = (own.sum() - own.trace()) / (len(real) * (len(real) - 1))
    beside = (other.sum() - other.trace()) / (len(made) * (len(made) - 1))
    return float(within + beside - 2 * _alike(real, made).mean())


def distance_estimate(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> Estimate:
    """Give `distance` with a 95 % interval."""
    value = distance(real, made)
    if min(len(real), len(made)) < _FEWEST:
        return Estimate(value=value)
    left_out = [distance(_without(real, group), _without(made, group)) for group in range(_GROUPS)]
    found = torch.tensor(left_out, dtype=torch.float64)
    variance = (_GROUPS - 1) / _GROUPS * (found - found.mean()).square().sum()
    half = _STUDENT * math.sqrt(float(variance))
    return Estimate(value=value, low=max(0.0, value - half), high=value + half)


def kernel_estimate(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> Estimate:
    """Give `kernel` as the mean over ten blocks that share no picture, with a 95 % interval."""
    if min(len(real), len(made)) < _FEWEST:
        return Estimate(value=kernel(real, made))
    blocks = [kernel(real[group::_GROUPS], made[group::_GROUPS]) for group in range(_GROUPS)]
    found = torch.tensor(blocks, dtype=torch.float64)
    half = _STUDENT * float(found.std()) / math.sqrt(_GROUPS)
    value = float(found.mean())
    return Estimate(value=value, low=value - half, high=value + half)


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhood:
    """Which pictures lie among those of the other set.

    Args:
        believable: for each made picture, whether it lies as near to a real one as that one's
            third nearest real neighbour.
        covered: for each real picture, whether it lies as near to a made one as that one's third
            nearest made neighbour.
        dense: for each made picture, in how many of the balls of five real neighbours it lies, as a
            share of five: 1 on average where both are alike.
        met: for each real picture, whether a made one lies in its ball of five real neighbours.
    """

    believable: Bool[Tensor, " M"]
    covered: Bool[Tensor, " N"]
    dense: Float[Tensor, " M"]
    met: Bool[Tensor, " N"]

    def estimates(self) -> dict[str, Estimate]:
        """Give precision, recall, density and coverage with 95 % intervals."""
        return {
            "precision": _mean(self.believable, most=1.0),
            "recall": _mean(self.covered, most=1.0),
            "density": _mean(self.dense, most=math.inf),
            "coverage": _mean(self.met, most=1.0),
        }


def neighbourhood(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> Neighbourhood:
    """Find which pictures lie among those of the other set; both must hold two at least."""
    real, made = real[:_MOST].float(), made[:_MOST].float()
    small, large = _radii(real, NEAREST), _radii(real, DENSE)
    reach = _radii(made, NEAREST)
    believable, dense, nearest = [], [], torch.full((len(real),), math.inf)
    covered = torch.zeros(len(real), dtype=torch.bool)
    for start in range(0, len(made), _ROWS):
        apart = torch.cdist(made[start : start + _ROWS], real)
        believable.append((apart <= small).any(dim=1))
        dense.append((apart <= large).sum(dim=1) / min(DENSE, len(real) - 1))
        covered |= (apart <= reach[start : start + _ROWS, None]).any(dim=0)
        nearest = torch.minimum(nearest, apart.min(dim=0).values)
    return Neighbourhood(
        believable=torch.cat(believable),
        covered=covered,
        dense=torch.cat(dense).double(),
        met=nearest <= large,
    )


def estimates(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> dict[str, Estimate]:
    """Give every likeness there is with its 95 % interval, the Fréchet distance first."""
    real, made = real.double(), made.double()
    return {
        "distance": distance_estimate(real, made),
        "kernel": kernel_estimate(real, made),
        **neighbourhood(real, made).estimates(),
    }


def values(real: Float[Tensor, "N F"], made: Float[Tensor, "M F"]) -> dict[str, float]:
    """Give every likeness there is, without intervals."""
    real, made = real.double(), made.double()
    found = {"distance": distance(real, made), "kernel": kernel(real[:_MOST], made[:_MOST])}
    shares = neighbourhood(real, made).estimates()
    return found | {name: share.value for name, share in shares.items()}


def guess(features: int) -> dict[str, float]:
    """Give what one real picture would score, shown again and again: believable, and alone.

    Args:
        features: F; features vary by that much altogether, so the expected distance is twice F.
    """
    return {"distance": 2.0 * features, "precision": 1.0, "recall": 0.0, "coverage": 0.0}


def nearest(some: Float[Tensor, "N F"], among: Float[Tensor, "M F"]) -> Float[Tensor, " N"]:
    """Give how far each is from the nearest of the others."""
    rows = [
        torch.cdist(some[start : start + _ROWS].float(), among.float()).min(dim=1).values
        for start in range(0, len(some), _ROWS)
    ]
    return torch.cat(rows) if rows else torch.zeros(0)


def repeated(made_near: Float[Tensor, " M"], real_near: Float[Tensor, " N"]) -> Estimate:
    """Give the share of made pictures nearer to a training one than 99 % of held-out ones are.

    About 1 % is what a new real picture gives; much more says that training pictures are repeated.
    """
    return _mean(made_near < torch.quantile(real_near.float(), 0.01), most=1.0)


def distinct(features: Float[Tensor, "N F"]) -> Float[Tensor, "M F"]:
    """Leave out rows that stand there again; the others keep their order."""
    _, of = torch.unique(features, dim=0, return_inverse=True)
    first = torch.full((int(of.max()) + 1 if len(of) else 0,), len(of))
    first.scatter_reduce_(0, of, torch.arange(len(of)), reduce="amin")
    return features[first.sort().values]


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    features = features.double()
    mean = features.mean(dim=0)
    apart = features - mean
    return mean, apart.T @ apart / max(1, len(features) - 1)


def _root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=0).sqrt()) @ vectors.T


def _alike(some: Tensor, others: Tensor) -> Tensor:
    return (some.double() @ others.double().T / some.shape[1] + 1) ** 3


def _without(features: Tensor, group: int) -> Tensor:
    kept = torch.arange(len(features)) % _GROUPS != group
    return features[kept]


def _radii(features: Tensor, count: int) -> Float[Tensor, " N"]:
    """Give the distance of each to its nearest others, itself not counted."""
    count = min(count, len(features) - 1)
    rows = [
        torch.cdist(features[start : start + _ROWS], features).topk(count + 1, largest=False)
        for start in range(0, len(features), _ROWS)
    ]
    return torch.cat([row.values[:, -1] for row in rows])


def _mean(values: Tensor, *, most: float) -> Estimate:
    """Average values of pictures that are taken as independent of each other."""
    each = values.double()
    value = float(each.mean())
    half = _NORMAL * float(each.std()) / math.sqrt(len(each)) if len(each) >= _FEWEST else None
    if half is None:
        return Estimate(value=value)
    return Estimate(value=value, low=max(0.0, value - half), high=min(most, value + half))
