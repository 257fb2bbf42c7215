"""What is worth knowing about series before learning from them.

Letters: T steps, V variables.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Finding
from pellucid.data._series_windows import Windows

_MANY_MISSING = 0.2
_PART = 0.2  # of the steps: the first and the last part that are compared
_MOVED = 1.0  # standard deviations between them that are worth saying
_SHOWN = 10
_UNEVEN = 4.0  # times as long as the shortest


def findings(examples: Examples) -> list[Finding]:
    """Find constant and missing variables, shifts in time, and series of unlike length."""
    raw: Windows = examples.raw
    names = raw.channels[: raw.tracks[0].truth.shape[1]]
    truths = [track.truth for track in raw.tracks]
    said = any(note.what == "constant variable" for note in examples.notes)
    found = ([] if said else _constant(truths, names)) + _missing(truths, names)
    if raw.ahead:
        return found + _moved(truths, names) + _held_out(examples)
    return found + _lengths(raw)


def _constant(truths: list[NDArray[np.float32]], names: tuple[str, ...]) -> list[Finding]:
    low = np.fmin.reduce([np.fmin.reduce(each, axis=0, initial=np.inf) for each in truths])
    high = np.fmax.reduce([np.fmax.reduce(each, axis=0, initial=-np.inf) for each in truths])
    still = [name for name, flat in zip(names, low >= high, strict=True) if flat]
    if not still:
        return []
    text = f"{_listed(still)} never changes: there is nothing to learn about it"
    return [Finding(what="constant variable", level="warning", text=text)]


def _missing(truths: list[NDArray[np.float32]], names: tuple[str, ...]) -> list[Finding]:
    count = sum(len(each) for each in truths)
    shares = sum(np.isnan(each).sum(axis=0) for each in truths) / max(count, 1)
    some = [(n, s) for n, s in zip(names, np.atleast_1d(shares), strict=True) if s > 0]
    if not some:
        return []
    some.sort(key=lambda pair: -pair[1])
    shown = ", ".join(f"{name!r} {share:.1%}" for name, share in some[:_SHOWN])
    text = f"values are missing in {len(some)} of {len(names)} variables: {shown}"
    level = "warning" if some[0][1] > _MANY_MISSING else "note"
    return [Finding(what="missing values", level=level, text=text)]


def _moved(truths: list[NDArray[np.float32]], names: tuple[str, ...]) -> list[Finding]:
    """Compare the level of the first and of the last part of the longest series."""
    values = max(truths, key=len).astype(np.float64)
    part = int(_PART * len(values))
    if part < 2:
        return []
    found = []
    for place, name in enumerate(names):
        first, last = values[:part, place], values[-part:, place]
        first, last = first[~np.isnan(first)], last[~np.isnan(last)]
        if not len(first) or not len(last):
            continue
        spread = np.sqrt((first.var() + last.var()) / 2)
        by = float(last.mean() - first.mean())
        if abs(by) > _MOVED * max(spread, 1e-12):
            found.append(f"{name!r} from {first.mean():.4g} to {last.mean():.4g}")
    if not found:
        return []
    text = (
        f"{len(found)} of {len(names)} variables {'has' if len(found) == 1 else 'have'} another "
        f"level at the end than at the beginning: {', '.join(found[:_SHOWN])}; what was learned "
        "early may not hold later"
    )
    return [Finding(what="shift in time", level="warning", text=text)]


def _held_out(examples: Examples) -> list[Finding]:
    if examples.sides is None:
        return []
    held = np.flatnonzero(examples.sides == "valid")
    gap = int((examples.sides == "gap").sum())
    text = (
        f"the last {len(held):,} of {len(examples):,} windows are held out, from "
        f"{examples.names[int(held[0])]} on; {gap:,} whose future reaches over the border are on "
        "neither side"
    )
    return [Finding(what="sides", level="note", text=text)]


def _lengths(raw: Windows) -> list[Finding]:
    short, long = int(raw.end.min()), int(raw.end.max())
    if long < _UNEVEN * max(short, 1):
        return []
    text = (
        f"series have {short:,} to {long:,} steps: short ones begin with nothing, and of very long "
        "ones the end is looked at"
    )
    return [Finding(what="unlike lengths", level="note", text=text)]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
