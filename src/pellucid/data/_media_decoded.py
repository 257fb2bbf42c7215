"""Decoded media become examples: what was decoded of what was found, and what that says.

Letters: N files that could be decoded.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._found import Found
from pellucid.data._media import Medium
from pellucid.data._media_cache import Tally
from pellucid.errors import BadInputError


def strata(found: Found, *, classes: bool = True) -> list[Any]:
    """Give what is to be in proportion where not all files can be decoded: side, and class.

    Args:
        found: the files.
        classes: whether targets are classes; numbers never are.
    """
    sides = [""] * len(found.paths) if found.sides is None else found.sides.tolist()
    if found.targets is None or found.targets.dtype.kind == "f" or not classes:
        return sides
    return [*zip(sides, found.targets.tolist(), strict=True)]


def examples_of(
    kind: str,
    medium: Medium,
    found: Found,
    tally: Tally,
    ask: Ask,
    raw: Callable[[NDArray[np.int64]], Any],
) -> Examples:
    """Put what was decoded into the order of what was found.

    Args:
        kind: of the data.
        medium: what its files are called.
        found: the files, and what is known of them.
        tally: what decoding noted.
        ask: of the reading.
        raw: gives the raw data in an order of what was decoded, (N,).

    Raises:
        BadInputError: if nothing could be decoded.
    """
    reasons = sorted(tally.faults)
    faults = (
        *found.faults,
        *(Fault(name=found.names[place], reason=reason) for place, reason in reasons),
    )
    if not tally.places:
        raise none_usable(faults, medium)
    places = np.array(tally.places, np.int64)
    order = np.argsort(places)
    kept = places[order]
    chosen = {
        field: None if (column := getattr(found, field)) is None else column[kept]
        for field in ("targets", "groups", "sides")
    }
    return Examples(
        kind=kind,
        names=[found.names[place] for place in kept.tolist()],
        raw=raw(order),
        target=found.target,
        faults=faults,
        notes=(*found.notes, *_sampled(len(tally.seen), len(found.paths), medium, ask)),
        **chosen,
    )


def none_usable(faults: Sequence[Fault], medium: Medium) -> BadInputError:
    """Say that no file can be used, and why the first ones cannot."""
    shown = "; ".join(f"{fault.name} {fault.reason}" for fault in faults[:3])
    more = f"; and {len(faults) - 3:,} more" if len(faults) > 3 else ""
    return BadInputError(
        given=f"none of {len(faults):,} {medium.many} can be used: {shown}{more}",
        needed=f"at least one whole {medium.formats}",
        remedy=f"{medium.checked}; if that fails too, fetch them again",
    )


def _sampled(seen: int, count: int, medium: Medium, ask: Ask) -> tuple[Finding, ...]:
    if seen == count:
        return ()
    text = (
        f"{seen:,} of {count:,} {medium.many} were decoded in the {ask.reading:.0f} s that reading"
        " may take, the same share of every class; the same command again continues where this one"
        " stopped"
    )
    return (Finding(what="a sample", level="warning", text=text),)
