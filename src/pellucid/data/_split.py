"""Which examples are learned from, and which are held out to judge what was learned.

Idea: whatever is tied together (a group, a cluster of near-duplicates) goes to one side whole, and
the side is drawn from the content alone, so renaming or reordering files changes nothing.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples
from pellucid.data._components import united
from pellucid.data._targets import are_texts, as_classes, factorise
from pellucid.errors import BadInputError

# A held-out score is only as sure as the number of examples behind it: 200 give ± 7 points at 50 %,
# 3,000 give ± 2. So little data must give up a larger share, and much data need not.
COUNTS = (1_000, 5_000, 20_000, 60_000)
SHARES = (0.20, 0.15, 0.10, 0.05)
MOST = 10_000  # held-out examples; ± 1 point, and scoring them stays a small part of the time
_APART = ("test", "gap")  # sides that are neither learned from nor held out
BINS = 10  # quantiles of a numeric target that both sides share evenly

Numbers = NDArray[np.int64]
Keys = NDArray[np.uint64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Split:
    """The sides of the data, as places among the examples, in ascending order.

    Args:
        train: learned from.
        valid: held out: decides when to stop, calibrates, and gives the score while training.
        test: set apart by the folders; never looked at in training.
        said: what was decided, a sentence each.
        fingerprint: depends on the content of each side alone, not on names or order.
    """

    train: Numbers
    valid: Numbers
    test: Numbers
    said: tuple[str, ...]
    fingerprint: str


def split(
    examples: Examples,
    clusters: Numbers,
    keys: Keys,
    *,
    share: float | None = None,
    seed: int,
) -> Split:
    """Divide examples into sides that share no group and no near-duplicate.

    Sides that the folders give are respected; otherwise some are held out, evenly by class or by
    size of the target. What lies between the sides ("gap") is on neither.

    Args:
        examples: what was read.
        clusters: the near-duplicate cluster of each, (N,).
        keys: the content hash of each, (N,).
        share: how much to hold out, between 0 and 1; None to choose by the size of the data.
        seed: another seed holds others out.

    Raises:
        BadInputError: if there is nothing to divide: one example, one group, only a test side.
    """
    if share is not None and not 0 < share < 1:
        raise BadInputError(
            given=f"share={share:g}",
            needed="a share of the examples between 0 and 1, both excluded",
            remedy="leave it out, or hold out a fifth: share=0.2",
        )
    sides = examples.sides if examples.sides is not None else np.full(len(examples), "", object)
    test = np.flatnonzero(sides == "test")
    clusters = united(clusters, np.unique(keys, return_inverse=True)[1].astype(np.int64))
    units = _units(examples, clusters)
    if (sides == "valid").any():
        train, valid, said = _given(sides, clusters, units)
    else:
        train, valid, said = _drawn(
            examples, np.flatnonzero(~np.isin(sides, _APART)), units, keys, share, seed
        )
    said += _on_test(train, test, clusters)
    fingerprint = _fingerprint(keys[train], keys[valid], keys[test])
    return Split(train=train, valid=valid, test=test, said=tuple(said), fingerprint=fingerprint)


def held_out_share(count: int) -> float:
    """Choose how much of so many examples to hold out."""
    share = float(np.interp(np.log(max(count, 1)), np.log(COUNTS), SHARES))
    return min(share, MOST / max(count, 1))


def _units(examples: Examples, clusters: Numbers) -> Numbers:
    """Number what must stay together: clusters, united with the groups where they are known."""
    if examples.groups is None:
        return clusters
    _, codes = factorise(examples.groups)
    lone = codes < 0
    codes[lone] = codes.max(initial=0) + 1 + np.arange(lone.sum())
    return united(clusters, codes)


def _given(
    sides: NDArray[np.object_], clusters: Numbers, units: Numbers
) -> tuple[Numbers, Numbers, list[str]]:
    """Take the held-out side from the folders, and training without what would give it away."""
    valid = np.flatnonzero(sides == "valid")
    train = np.flatnonzero((sides != "valid") & ~np.isin(sides, _APART))
    # Only what lies between two sides in time is set apart like this.
    how = "what comes last in time" if (sides == "gap").any() else "the one given"
    said = [
        f"the held-out side is {how}: {len(valid):,} {'example' if len(valid) == 1 else 'examples'}"
    ]
    twins = np.isin(clusters[train], clusters[valid])
    tied = np.isin(units[train], units[valid]) & ~twins
    for found, what in ((twins, "are near-duplicates of"), (tied, "share a group with")):
        if found.any():
            said.append(
                f"{_count(found, 'training')} that {what} held-out examples are left out of "
                "training"
            )
    kept = train[~twins & ~tied]
    if not len(kept):
        raise BadInputError(
            given=f"{len(valid)} held-out and {len(train)} training examples, none of them apart",
            needed="a training side with no group and no near-duplicate of the held-out one",
            remedy="put other examples under train/, or take the valid/ folder away to have the "
            "held-out side drawn",
        )
    return kept, valid, said


def _drawn(
    examples: Examples,
    pool: Numbers,
    units: Numbers,
    keys: Keys,
    share: float | None,
    seed: int,
) -> tuple[Numbers, Numbers, list[str]]:
    """Hold out a share of the pool, unit by unit."""
    unit = np.unique(units[pool], return_inverse=True)[1]
    _check_divisible(examples, len(pool), unit)
    chosen = share or held_out_share(len(pool))
    order = _first_members(unit, keys[pool])
    dice = _mixed(keys[pool][order], seed)
    sizes = np.bincount(unit)
    targets = None if examples.targets is None else examples.targets[pool]
    targets = None if targets is None or targets.ndim > 1 else targets
    strata, names = _strata(targets, unit, keys[pool])
    held = _choose(strata, sizes, dice, chosen)
    aim = chosen * len(pool)
    # Few large groups cannot be shared out by class; the size of the side matters more.
    if not aim / 2 <= sizes[held].sum() <= 2 * aim:
        strata = np.zeros_like(strata)
        held = _choose(strata, sizes, dice, chosen)
    away = np.isin(unit, np.flatnonzero(held))
    said = [_sentence(away, examples, sizes, even=bool(strata.any()))]
    said += _never_held_out(names, targets, away)
    return pool[~away], pool[away], said


def _check_divisible(examples: Examples, count: int, unit: Numbers) -> None:
    if unit.max(initial=-1) >= 1:
        return
    together = "are near-duplicates of each other" if examples.groups is None else "are one group"
    if count > 1:
        given = f"{count:,} examples that all {together}"
    else:
        given = f"{count} example{'' if count else 's'} to learn from"
    raise BadInputError(
        given=given,
        needed="at least two examples that have nothing to do with each other: one to learn from, "
        "one to judge by",
        remedy="add examples; several per class, from different occasions",
    )


def _strata(
    targets: NDArray[np.object_] | NDArray[np.float64] | None, unit: Numbers, keys: Keys
) -> tuple[Numbers, tuple[str, ...]]:
    """Give the stratum of each unit: its commonest class, or the quantile of its number."""
    count = int(unit.max()) + 1
    if targets is None:
        return np.zeros(count, np.int64), ()
    if are_texts(targets):
        return np.zeros(count, np.int64), ()
    classes = as_classes(targets)
    if classes is not None:
        return _commonest(unit, classes[1], count), classes[0]
    numbers = np.where(np.isfinite(targets), targets, np.nan).astype(np.float64)
    firsts = numbers[_first_members(unit, keys, numbers)]
    edges = np.nanquantile(firsts, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, firsts).astype(np.int64), ()


def _commonest(unit: Numbers, codes: Numbers, count: int) -> Numbers:
    """Find the commonest code of each unit; of equally common ones the lowest."""
    span = codes.max(initial=0) + 2
    pairs, sizes = np.unique(unit * span + codes + 1, return_counts=True)
    units, found = np.divmod(pairs, span)
    order = np.lexsort((-found, sizes, units))
    strata = np.empty(count, np.int64)
    strata[units[order]] = found[order]  # the last one written is the commonest
    return strata


def _choose(strata: Numbers, sizes: Numbers, dice: Keys, share: float) -> NDArray[np.bool_]:
    """Choose units at random within each stratum until its share is reached."""
    totals = np.bincount(strata, sizes)
    # With two or three examples of a class one is held out; from six on at least two.
    least = np.clip(totals // 3, 1, 2)
    quota = np.maximum(totals * share, least)[strata]
    lone = np.bincount(strata)[strata] < 2
    # Units larger than the quota come last, so that one giant does not shut out all others.
    order = np.lexsort((dice, sizes > quota, strata))
    ends = np.cumsum(sizes[order])
    starts = np.searchsorted(strata[order], strata[order])
    before = ends - sizes[order] - (ends - sizes[order])[starts]
    held = np.zeros(len(sizes), np.bool_)
    first = np.arange(len(order)) == starts
    held[order] = (before + sizes[order] / 2 <= quota[order]) | first
    return held & ~lone


def _first_members(unit: Numbers, keys: Keys, ties: NDArray[np.float64] | None = None) -> Numbers:
    """Give the place of the member of each unit whose key is smallest."""
    columns = (keys, unit) if ties is None else (ties, keys, unit)
    order = np.lexsort(columns)
    return order[np.searchsorted(unit[order], np.arange(unit.max() + 1))]


def _mixed(keys: Keys, seed: int) -> Keys:
    """Draw a number for each key that depends on it and the seed alone.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (the mixing
    function of SplitMix64).
    """
    mixed = keys.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))


def _sentence(away: NDArray[np.bool_], examples: Examples, sizes: Numbers, *, even: bool) -> str:
    share = 100 * away.mean()
    text = f"{away.sum():,} of {len(away):,} examples ({share:.1f} %) are held out"
    if even:
        text += ", evenly over the targets"
    if examples.groups is not None:
        text += ", no group on both sides"
    elif (sizes > 1).any():
        text += ", no near-duplicates on both sides"
    return text


def _never_held_out(
    names: tuple[str, ...],
    targets: NDArray[np.object_] | NDArray[np.float64] | None,
    away: NDArray[np.bool_],
) -> list[str]:
    classes = None if targets is None or not names else as_classes(targets)
    if classes is None:
        return []
    codes = classes[1] + 1
    total = np.bincount(codes, minlength=len(names) + 1)[1:]
    held = np.bincount(codes[away], minlength=len(names) + 1)[1:]
    bare = np.flatnonzero((total > 0) & (held == 0))
    if not len(bare):
        return []
    shown = ", ".join(f"{names[place]!r} ({total[place]:,})" for place in bare[:5])
    more = f" and {len(bare) - 5:,} more" if len(bare) > 5 else ""
    return [f"too few separate examples to hold one out, so all stay in training: {shown}{more}"]


def _on_test(train: Numbers, test: Numbers, clusters: Numbers) -> list[str]:
    if not len(test):
        return []
    said = [f"the test side given, {len(test):,} examples, stays out of training"]
    twins = np.isin(clusters[train], clusters[test])
    if twins.any():
        said.append(
            f"{_count(twins, 'training')} are near-duplicates of test examples: the test score "
            "will be too good by them"
        )
    return said


def _count(found: NDArray[np.bool_], side: str) -> str:
    number = int(found.sum())
    return f"{number:,} {side} example{'' if number == 1 else 's'}"


def _fingerprint(*sides: Keys) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for keys in sides:
        digest.update(len(keys).to_bytes(8, "little"))
        digest.update(np.sort(keys).astype("<u8").tobytes())
    return digest.hexdigest()
