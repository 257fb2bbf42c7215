"""What is worth knowing before training, for every kind of data.

Each function looks for one thing and gives the findings it made, most often none.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Fault, Finding
from pellucid.data._targets import as_classes, factorise, missing

SHOWN = 10  # names given with a finding
UNEVEN = 10.0  # times as many in the largest class as in the smallest
VERY_UNEVEN = 50.0

Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What the examples are like, apart from their names and targets.

    Args:
        keys: the content hash of each, (N,).
        clusters: the near-duplicate cluster of each, (N,).
    """

    keys: NDArray[np.uint64]
    clusters: Numbers


def find_all(examples: Examples, content: Content) -> list[Finding]:
    """Make every finding that needs no knowledge of the kind, the gravest first."""
    found = [
        *_on_sides(examples, content),
        *contradicting(examples, content),
        *broken(examples.faults),
        *_on_targets(examples),
        *repeated(examples, content),
    ]
    return sorted(found, key=lambda finding: ("error", "warning", "note").index(finding.level))


def broken(faults: Sequence[Fault]) -> list[Finding]:
    """Count the examples that were left out, by reason."""
    if not faults:
        return []
    reasons = Counter(re.sub(r"\d[\d,.]*", "…", fault.reason) for fault in faults)
    shown = "; ".join(f"{count:,} × {reason}" for reason, count in reasons.most_common(4))
    more = "; and others" if len(reasons) > 4 else ""
    text = f"{_examples(len(faults))} cannot be used and will be left out: {shown}{more}"
    names = tuple(f"{fault.name}: {fault.reason}" for fault in faults[:SHOWN])
    return [Finding(what="broken", level="warning", text=text, examples=names)]


def repeated(examples: Examples, content: Content) -> list[Finding]:
    """Find examples of equal content, and others that are nearly equal."""
    _, firsts, equal = np.unique(content.keys, return_index=True, return_inverse=True)
    copies = np.bincount(equal)[equal] > 1
    found = []
    if copies.any():
        text = (
            f"{_examples(int(copies.sum()))} have the same content as another; "
            f"{len(equal) - len(firsts):,} could go without loss"
        )
        names = _names(examples, _grouped(equal, copies))
        found.append(Finding(what="exact duplicates", level="note", text=text, examples=names))
    near, sizes = _near(equal, firsts, content.clusters)
    if near.any():
        text = (
            f"{_examples(int(near.sum()))} are nearly the same as another (the largest cluster has "
            f"{sizes.max():,}); a split drawn here keeps them together"
        )
        names = _names(examples, _grouped(content.clusters, near))
        found.append(Finding(what="near duplicates", level="note", text=text, examples=names))
    return found


def contradicting(examples: Examples, content: Content) -> list[Finding]:
    """Find examples of the same or nearly the same content with different classes."""
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None:
        return []
    _, equal = np.unique(content.keys, return_inverse=True)
    exact = _disputed(equal, classes[1])
    near = _disputed(content.clusters, classes[1]) & ~exact
    found = []
    for places, alike, numbers, so in (
        (exact, "the same", equal, "no model can get them all right"),
        (near, "nearly the same", content.clusters, "some of the labels may be wrong"),
    ):
        if not places.any():
            continue
        text = (
            f"{_examples(int(places.sum()))} ({100 * places.mean():.2g} %) have {alike} content "
            f"as another but a different class: {so}; look at them, and correct the labels"
        )
        shown = [
            f"{examples.names[place]}: {classes[0][classes[1][place]]}"
            for place in _grouped(numbers, places)[:SHOWN].tolist()
        ]
        found.append(
            Finding(what="contradicting labels", level="warning", text=text, examples=tuple(shown))
        )
    return found


def overlapping(
    one: tuple[Examples, Content], other: tuple[Examples, Content], sides: tuple[str, str]
) -> list[Finding]:
    """Find content on one side that is also on the other, exactly or nearly.

    Args:
        one: examples of the side that is judged by, with clusters numbered together with the other.
        other: examples of the side that is learned from.
        sides: what the two are called: ("test", "training").
    """
    exact = np.isin(one[1].keys, other[1].keys)
    near = np.isin(one[1].clusters, other[1].clusters) & ~exact
    found = []
    for places, alike in ((exact, "are also"), (near, "have a near-duplicate")):
        if not places.any():
            continue
        text = (
            f"{places.sum():,} of {len(places):,} {sides[0]} examples "
            f"({100 * places.mean():.2g} %) {alike} on the {sides[1]} side: a score on them "
            "promises too much; take them out of one side"
        )
        what = f"{sides[0]}/{sides[1]} overlap"
        numbers = "keys" if alike == "are also" else "clusters"
        pairs = _pairs(one, other, np.flatnonzero(places)[:SHOWN], numbers)
        found.append(Finding(what=what, level="warning", text=text, examples=pairs))
    return found


def _on_targets(examples: Examples) -> list[Finding]:
    """Find missing targets, classes that are too few or too small, and uneven ones."""
    if examples.targets is None:
        return []
    gone = missing(examples.targets)
    found = []
    if gone.any():
        target = examples.target or "target"
        text = f"{_examples(int(gone.sum()))} have no {target} and cannot be learned from"
        names = _names(examples, np.flatnonzero(gone))
        found.append(Finding(what="missing targets", level="warning", text=text, examples=names))
    classes = as_classes(examples.targets)
    if classes is None:
        constant = not gone.all() and np.ptp(examples.targets[~gone]) == 0
        return found + ([_nothing_to_tell("every target is the same number")] if constant else [])
    return found + _on_classes(examples, *classes)


def _on_classes(examples: Examples, names: tuple[str, ...], codes: Numbers) -> list[Finding]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    if len(names) < 2:
        return [_nothing_to_tell(f"there is one class only: {', '.join(names) or 'none'}")]
    found = []
    single = np.flatnonzero(counts == 1)
    if len(single):
        text = (
            f"{len(single):,} of {len(names):,} classes have one example, so nothing can tell "
            f"whether they are learned: {_listed(names, single)}"
        )
        shown = _names(examples, np.flatnonzero(np.isin(codes, single)))
        found.append(Finding(what="classes of one", level="warning", text=text, examples=shown))
    most, least = int(counts.argmax()), int(counts.argmin())
    ratio = counts[most] / counts[least]
    if ratio >= UNEVEN:
        text = (
            f"{names[most]!r} has {counts[most]:,} examples, {names[least]!r} {counts[least]:,}: "
            f"always answering {names[most]!r} is right in {100 * counts[most] / counts.sum():.1f} "
            "% of cases; judge by balanced accuracy too"
        )
        level = "warning" if ratio >= VERY_UNEVEN else "note"
        found.append(Finding(what="uneven classes", level=level, text=text))
    return found


def _nothing_to_tell(given: str) -> Finding:
    text = f"{given}; a model needs at least two different answers to learn"
    return Finding(what="one answer", level="error", text=text)


def _on_sides(examples: Examples, content: Content) -> list[Finding]:
    """Find what the sides given by the folders share."""
    if examples.sides is None:
        return []
    parts = {}
    for side, places in _sides(examples.sides).items():
        names = [examples.names[place] for place in places.tolist()]
        part = Content(keys=content.keys[places], clusters=content.clusters[places])
        parts[side] = (Examples(kind=examples.kind, names=names, raw=None), part)
    found = []
    for one, other in (("test", "training"), ("valid", "training"), ("test", "valid")):
        if one in parts and other in parts:
            found += overlapping(parts[one], parts[other], (one, other))
    return found + _straddling(examples)


def _straddling(examples: Examples) -> list[Finding]:
    if examples.groups is None or examples.sides is None:
        return []
    names, codes = factorise(examples.groups)
    sides = _sides(examples.sides)
    seen = np.zeros(len(names), np.int64)
    for places in sides.values():
        known = codes[places]
        seen[np.unique(known[known >= 0])] += 1
    both = np.flatnonzero(seen > 1)
    if not len(both):
        return []
    text = (
        f"{len(both):,} of {len(names):,} groups are on more than one side: "
        f"{_listed(names, both)}; a score across them promises too much"
    )
    return [Finding(what="groups on both sides", level="warning", text=text)]


def _sides(sides: NDArray[np.object_]) -> dict[str, Numbers]:
    places = {
        "training": np.flatnonzero((sides != "valid") & (sides != "test")),
        "valid": np.flatnonzero(sides == "valid"),
        "test": np.flatnonzero(sides == "test"),
    }
    return {side: found for side, found in places.items() if len(found)}


def _near(equal: Numbers, firsts: Numbers, clusters: Numbers) -> tuple[NDArray[np.bool_], Numbers]:
    """Tell which examples have another of different content in their cluster."""
    different = np.bincount(clusters[firsts], minlength=int(clusters.max(initial=0)) + 1)
    near = different[clusters] > 1
    return near, np.bincount(clusters[near]) if near.any() else different


def _disputed(numbers: Numbers, codes: Numbers) -> NDArray[np.bool_]:
    """Tell which examples share a number with one of another class."""
    known = codes >= 0
    count = int(numbers.max(initial=-1)) + 1
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, numbers[known], codes[known])
    np.maximum.at(high, numbers[known], codes[known])
    return known & (low < high)[numbers]


def _grouped(numbers: Numbers, places: NDArray[np.bool_]) -> Numbers:
    """Give the marked places, those of one number next to each other, in order of appearance."""
    marked = np.flatnonzero(places)
    _, firsts, inverse = np.unique(numbers[marked], return_index=True, return_inverse=True)
    return marked[np.lexsort((marked, firsts[inverse]))]


def _pairs(
    one: tuple[Examples, Content],
    other: tuple[Examples, Content],
    places: Numbers,
    numbers: str,
) -> tuple[str, ...]:
    mine, theirs = getattr(one[1], numbers), getattr(other[1], numbers)
    return tuple(
        f"{one[0].names[place]} ~ {other[0].names[int((theirs == mine[place]).argmax())]}"
        for place in places.tolist()
    )


def _names(examples: Examples, places: Numbers) -> tuple[str, ...]:
    return tuple(str(examples.names[place]) for place in places[:SHOWN].tolist())


def _listed(names: Sequence[str], places: Numbers) -> str:
    shown = ", ".join(repr(names[place]) for place in places[:5].tolist())
    return shown + (f" and {len(places) - 5:,} more" if len(places) > 5 else "")


def _examples(count: int) -> str:
    return f"{count:,} example{'' if count == 1 else 's'}"
