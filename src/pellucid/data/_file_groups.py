"""Who speaks, or from where something is, read off the names of files.

Idea: people name recordings by fields, as in `7_jackson_32.wav` or `nohash_0a7c_3.wav`. A field
that all names have, that is no running number, and whose values each occur in several files and in
several classes, says from whom or from where recordings are: these belong on one side of a split.

Letters: N files.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Finding
from pellucid.data._found import Found
from pellucid.data._targets import as_classes

_FIELDS = re.compile(r"[_\-. @]+")
_FEWEST, _EACH = 3, 3  # groups, and files of one on average
_LEAST = 12  # files that names are read off
_SPREAD = 0.5  # share of the groups that occur in several classes, at least
_SHARED = 0.5  # of the groups: where so many are on the test side that is given, they stay together


def groups_in(names: Sequence[str], targets: NDArray[Any] | None) -> NDArray[np.object_] | None:
    """Give the group of each file as its name tells it, (N,); None where names tell none.

    Args:
        names: of the files, with or without folders.
        targets: classes, None where missing; None where there are none.
    """
    classes = None if targets is None else as_classes(targets)
    if len(names) < _LEAST or classes is None:
        return None
    rows = [_FIELDS.split(Path(name).stem) for name in names]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
        return None
    of = [None if code < 0 else classes[0][code] for code in classes[1].tolist()]
    found = [
        np.array(values, dtype=object)
        for values in zip(*rows, strict=True)
        if _is_group(values, of)
    ]
    # Where several fields may be it, the finest: it holds together the least that must be.
    return max(found, key=lambda values: len(set(values.tolist())), default=None)


def kept_apart(
    groups: NDArray[np.object_], sides: NDArray[np.object_] | None
) -> bool:  # fmt: skip
    """Tell whether the sides that are given keep groups apart, as far as they say anything."""
    if sides is None:
        return True
    judged = np.isin(sides, ("valid", "test"))
    one, other = set(groups[judged].tolist()), set(groups[~judged].tolist())
    return len(one & other) <= _SHARED * min(len(one), len(other))


def grouped(found: Found, told: str) -> Found:
    """Read groups off the names of files where no column tells them.

    Args:
        found: the files.
        told: what is said of groups that are found, after "the names of the files tell N".
    """
    if found.groups is not None:
        return found
    groups = groups_in(found.names, found.targets)
    if groups is None or not kept_apart(groups, found.sides):
        return found
    values = sorted(set(groups.tolist()))
    shown = ", ".join(repr(value) for value in values[:3])
    text = f"the names of the files tell {len(values):,} {told.format(shown=f'({shown}, …)')}"
    note = Finding(what="groups in names", level="note", text=text)
    return replace(found, groups=groups, notes=(*found.notes, note))


def _is_group(values: Sequence[str], classes: Sequence[Any]) -> bool:
    different = set(values)
    if not _FEWEST <= len(different) <= len(values) / _EACH:
        return False
    if all(value.isdecimal() for value in different):  # a running number, or the class
        return False
    pairs = {(value, of) for value, of in zip(values, classes, strict=True) if of is not None}
    if any(value == of for value, of in pairs):
        return False
    counts: dict[str, int] = {}
    for value, _ in pairs:
        counts[value] = counts.get(value, 0) + 1
    several = sum(count > 1 for count in counts.values())
    return several >= _SPREAD * len(different)
