"""What is said of series that were read: what will be foretold from what.

Letters: T steps, V columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Finding
from pellucid.data._series_columns import Frame, Roles, last_known
from pellucid.data._series_leads import Lead, strongest
from pellucid.data._series_lines import Line
from pellucid.data._series_rhythm import Rhythm

_TAIL = 2  # rows by which a column must have ended before; one may be missing by chance
_MOSTLY = 0.5  # of the series


def going_on(raw: NDArray[np.float32], asked: int) -> int:
    """Count the steps at the end of a line, (T, V), in which nothing asked is there."""
    there = np.flatnonzero(~np.isnan(raw[:, :asked]).all(axis=1))
    return len(raw) - 1 - int(there[-1]) if len(there) else 0


def left_out(frame: Frame) -> list[Finding]:
    """Say which columns are not used."""
    return [
        Finding(what="column left out", level="note", text=f"column {name!r} {why}")
        for name, why in frame.left
    ]


def told(
    lines: Sequence[Line], roles: Roles, rhythm: Rhythm, reach: tuple[int, int, int]
) -> list[Finding]:
    """Say what will be foretold from what.

    Args:
        lines: one a series.
        roles: of the columns.
        rhythm: of all lines.
        reach: past, season and horizon, in steps.
    """
    past, season, ahead = reach
    again = (
        f"repeats itself after {rhythm.span(season)}"
        if season > 1
        else "does not repeat itself clearly"
    )
    text = (
        f"{f'{len(lines):,} series' if len(lines) > 1 else 'one series'} of "
        f"{sum(len(line.raw) for line in lines):,} steps, one every {rhythm.told}, which {again}: "
        f"{'1 step is' if ahead == 1 else f'{ahead:,} steps are'} foretold from {past:,}"
    )
    notes = [Finding(what="series", level="note", text=text)]
    values = [line.raw[:, : len(roles.asked)] for line in lines]
    if all(np.nanmax(each, initial=-np.inf) <= np.nanmin(each, initial=np.inf) for each in values):
        text = "what shall be foretold never changes: there is nothing to learn about it"
        notes.append(Finding(what="constant variable", level="warning", text=text))
    if roles.known:
        shown = ", ".join(repr(name) for name in roles.known[:10])
        text = f"{shown} counts as known in advance: networks see it {ahead:,} steps early"
        notes.append(Finding(what="known in advance", level="note", text=text))
    return notes


def said_of_leads(leads: Sequence[Lead], names: Sequence[str]) -> list[Finding]:
    """Say which columns tell of others; nothing if none does.

    Args:
        leads: the strongest first.
        names: of the channels.
    """
    if not leads:
        return []
    first = leads[0]
    text = (
        f"the past of {names[first.channel]!r} tells of {names[first.variable]!r} what its own "
        f"past does not: with both {first.left:.1%} of the squared error is left on windows set "
        "apart"
    )
    others = [names[place] for place in strongest(leads) if place != first.channel]
    if others:
        text += f"; {', '.join(map(repr, others))} {'leads' if len(others) == 1 else 'lead'} too"
    return [Finding(what="series", level="note", text=text)]


def maybe_known(frame: Frame, roles: Roles) -> list[Finding]:
    """Say which columns go on where others have ended, so that they may be known in advance."""
    ends = {name: last_known(frame, name) for name in roles.asked}
    last = np.max(list(ends.values()), axis=0)
    further = [name for name, end in ends.items() if (end == last).mean() > _MOSTLY]
    ended = [name for name in ends if name not in further]
    rows = [
        int((frame.when[frame.code == place] > ends[name][place]).sum())
        for name in ended
        for place in range(len(frame.series))
    ]
    if not ended or not further or np.median(rows) < _TAIL:
        return []
    text = (
        f"{', '.join(map(repr, further[:5]))} {'goes' if len(further) == 1 else 'go'} on where "
        f"{', '.join(map(repr, ended[:5]))} {'has' if len(ended) == 1 else 'have'} ended: to use "
        f"what is known in advance, name what shall be foretold: `--target {ended[0]}`"
    )
    return [Finding(what="known in advance", level="warning", text=text)]


def unknown_future(lines: Sequence[Line], roles: Roles, ahead: int) -> list[Finding]:
    """Say which columns ought to be known in advance and are not."""
    first = len(roles.asked) + len(roles.past)
    short = [line for line in lines if going_on(line.raw, len(roles.asked)) < ahead]
    if not roles.known or not short or first == short[0].raw.shape[1]:
        return []
    text = (
        f"{', '.join(map(repr, roles.known[:5]))} should be known for the {ahead:,} steps that are "
        "asked for: rows without the other columns can say it; the last value is taken to stay"
    )
    return [Finding(what="not known in advance", level="warning", text=text)]
