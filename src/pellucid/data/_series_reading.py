"""From a table to windows of the past and what came next.

Idea: what there is to foretell is decided once, while learning, and kept in the schema; whoever
reads again needs the same columns at the same rhythm, and no more rows than the past takes.

Letters: T steps of a line, C channels, A variables asked for, L past, S season, H ahead.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._series_columns import (
    Frame,
    Roles,
    as_ticks,
    find_series,
    find_time,
    named_series,
    settled_columns,
    share_out,
)
from pellucid.data._series_leads import Lead, leads_of, strongest
from pellucid.data._series_lines import Line, filled, lay
from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_scale import own_channels
from pellucid.data._series_season import horizon_of, past_of, season_of
from pellucid.data._series_sides import choose_windows, divide, refuse_short
from pellucid.data._series_times import read_again as times_again
from pellucid.data._series_told import (
    going_on,
    left_out,
    maybe_known,
    said_of_leads,
    told,
    unknown_future,
)
from pellucid.data._series_windows import Track, Windows
from pellucid.data._table_sources import Gathered
from pellucid.data._values import numbers
from pellucid.errors import BadInputError

_SEASON_FROM = 0.8  # share of a line that may say how soon it repeats itself; the rest is held out


def read_first(gathered: Gathered, ask: Ask) -> Examples:
    """Read windows to learn from.

    Raises:
        BadInputError: if nothing can be foretold: no numbers, too few steps, all missing.
    """
    frame, names = framed(gathered, ())
    roles = share_out(frame, ask.target, gathered.table.column_names, ahead=ask.ahead)
    roles = replace(roles, time=names[0], series=names[1:])
    levels = _levels(frame, roles)
    lines, rhythm, repairs = lay(frame, _numeric(frame, roles), None)
    _refuse_empty(lines, roles)
    past, season, ahead = _reach(lines, rhythm, roles, ask)
    form = {
        "roles": roles.to_json(),
        "levels": levels,
        "names": list(gathered.table.column_names),
        "header": gathered.header,
        "axis": frame.axis,
        "files": _by_file(gathered),
    }
    made = _Making(form, roles, levels, rhythm, (past, season, ahead))
    tracks, faults = made.tracks(gathered, frame, lines)
    where = _where(gathered)
    notes = [*gathered.notes, *left_out(frame), *repairs.told(where, rhythm)]
    notes += told(lines, roles, rhythm, (past, season, ahead))
    leads = _leading(lines, roles, past, ahead)
    form["leads"] = list(strongest(leads))
    notes += [] if ask.target else maybe_known(frame, roles)
    notes += said_of_leads(leads, (*roles.asked, *roles.past))
    sides = _sides(gathered)
    windows = made.windows(tracks)
    if sum(sides is None or sides[track.name] in ("", "train") for track in tracks) > 1:
        still = len(made.channels) - made.moving
        form["own"] = own_channels(windows, len(roles.asked), still)
    examples, more = choose_windows(windows, ask, where)
    examples = examples.replace(faults=(*gathered.faults, *faults), notes=(*notes, *more))
    return divide(examples, ask, sides)


def read_again(gathered: Gathered, ask: Ask) -> Examples:
    """Read windows as a trained model needs them.

    With `ask.judged` every window whose future is there; else the last one of each series.

    Raises:
        BadInputError: if a column that the model uses is not there, or no series is long enough.
    """
    assert ask.schema is not None
    form, schema = dict(ask.schema.details["form"]), ask.schema
    roles = Roles.from_json(form["roles"])
    table, notes = _aligned(gathered, form, roles)
    gathered = replace(gathered, table=table)
    frame, lacking = _framed_again(gathered, form, roles)
    rhythm = Rhythm.from_json(schema.details["rhythm"])
    if frame.axis != form["axis"]:
        rhythm = Rhythm(unit="steps")
    lines, rhythm, repairs = lay(frame, _numeric(frame, roles), rhythm)
    _refuse_empty(lines, roles)
    reach = (int(schema.details["past"]), schema.season, schema.ahead)
    made = _Making(form, roles, form["levels"], rhythm, reach)
    tracks, faults = made.tracks(gathered, frame, lines, last=not ask.judged)
    where = _where(gathered)
    said = [*gathered.notes, *notes, *lacking, *repairs.told(where, rhythm)]
    said += [] if ask.judged else unknown_future(lines, roles, schema.ahead)
    examples, more = choose_windows(made.windows(tracks), ask, where)
    return examples.replace(faults=(*gathered.faults, *faults), notes=(*said, *more))


class _Making:
    """What makes tracks and windows of lines."""

    def __init__(
        self,
        form: dict[str, Any],
        roles: Roles,
        levels: dict[str, list[str]],
        rhythm: Rhythm,
        reach: tuple[int, int, int],
    ) -> None:
        self.form, self.roles, self.levels, self.rhythm = form, roles, levels, rhythm
        self.past, self.season, self.ahead = reach
        worded = [f"{name} {level}" for name, found in levels.items() for level in found]
        plain = [name for name in roles.static if name not in levels]
        self.channels = (*roles.asked, *roles.past, *roles.known, *plain, *worded)
        self.moving = len(roles.asked) + len(roles.past) + len(roles.known)

    def windows(self, tracks: Sequence[Track]) -> Windows:
        """Give no window yet, of these tracks."""
        nothing = np.empty(0, np.int64)
        return Windows(
            tracks=tracks,
            of=nothing,
            end=nothing,
            past=self.past,
            season=self.season,
            ahead=self.ahead,
            rhythm=self.rhythm,
            channels=self.channels,
            form=self.form,
        )

    def tracks(
        self, gathered: Gathered, frame: Frame, lines: Sequence[Line], *, last: bool = False
    ) -> tuple[list[Track], list[Fault]]:
        """Turn lines into tracks; a line too short for one window is a fault."""
        found, faults = [], []
        file = gathered.names.files[0] if len(set(gathered.names.files)) == 1 else ""
        for line in lines:
            name = f"{file} {line.name}".strip() or "series"
            track = self._track(name, line, frame)
            least = self.past + (0 if last else self.ahead)
            if len(track.truth) < least or (not last and len(track.truth) < self.season + 1):
                reason = refuse_short(len(track.truth), self.past, 0 if last else self.ahead)
                faults.append(Fault(name=name, reason=reason))
            else:
                found.append(track)
        if not found:
            shown = faults[0]
            raise BadInputError(
                given=f"{shown.name} {shown.reason}",
                needed=f"at least {self.past:,} {'step' if self.past == 1 else 'steps'} to look "
                "back at" + ("" if last else f" and {self.ahead:,} to be judged by"),
                remedy="give rows that begin earlier"
                if last
                else "give more rows, or ask for less with `--horizon` and `--past`",
            )
        return found, faults

    def _track(self, name: str, line: Line, frame: Frame) -> Track:
        count, roles = len(self.roles.asked), self.roles
        truth = line.raw[:, :count]
        length = len(truth) - going_on(truth, count) if np.isfinite(truth).any() else 0
        after = count + len(roles.past)
        known = line.raw[:, after : after + len(roles.known)]
        parts = [filled(line.raw[:length, :after]), _shifted(known, length, self.ahead)]
        parts.append(self._static(line, frame, length))
        seen = np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)
        truth = np.array(truth[:length], np.float32)
        return Track(name=name, start=line.start, seen=seen, truth=truth)

    def _static(self, line: Line, frame: Frame, length: int) -> NDArray[np.float32]:
        """Give what does not change within a series, the same at every step."""
        if not self.roles.static:
            return np.empty((length, 0), np.float32)
        row = int(np.flatnonzero(frame.code == frame.series.index(line.name))[0])
        plain = [
            float(frame.columns[name][row]) for name in self.roles.static if name not in self.levels
        ]
        for name, levels in self.levels.items():
            plain += [float(frame.columns[name][row] == level) for level in levels]
        return np.tile(np.array(plain, np.float32), (length, 1))


def framed(gathered: Gathered, but: Sequence[str]) -> tuple[Frame, tuple[str, ...]]:
    """Read the rows of a table as arrays.

    Returns:
        The rows, and the names of the columns of times ("" for none) and of series.
    """
    table = gathered.table
    time, axis, when = find_time(table, but=but)
    taken = [*but, *([time] if time else [])]
    several = _by_file(gathered)
    series = () if several else find_series(table, when, but=taken, timed=bool(time))
    columns, left = settled_columns(table, [*taken, *series])
    names, code = _series(gathered, series)
    frame = Frame(when=when, axis=axis, series=names, code=code, columns=columns, left=tuple(left))
    return frame, (time, *series)


def _framed_again(
    gathered: Gathered, form: dict[str, Any], roles: Roles
) -> tuple[Frame, list[Finding]]:
    table, notes = gathered.table, []
    axis, when = form["axis"], np.arange(table.num_rows, dtype=np.float64)
    if roles.time and roles.time in table.column_names:
        column = table.column(roles.time)
        when = as_ticks(times_again(column, roles.time)) if axis == "time" else numbers(column)
    else:
        axis = "steps"
    series = [name for name in roles.series if name in table.column_names]
    columns: dict[str, NDArray[Any]] = {}
    settled, _ = settled_columns(table, [name for name in (roles.time, *series) if name])
    for name in (*roles.asked, *roles.past, *roles.known, *roles.static):
        if name in form["levels"]:
            columns[name] = settled.get(name, np.full(table.num_rows, "", object)).astype(str)
        elif name in table.column_names:
            columns[name] = numbers(table.column(name))
        else:
            columns[name] = np.full(table.num_rows, np.nan)
            text = f"the column {name!r} is not there: its mean is taken to be there"
            notes.append(Finding(what="missing column", level="warning", text=text))
    names, code = _series(gathered, series)
    return Frame(when=when, axis=axis, series=names, code=code, columns=columns), notes


def _series(gathered: Gathered, series: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    if _by_file(gathered):
        return list(gathered.names.files), np.asarray(gathered.names.file, np.int64)
    return named_series(gathered.table, series)


def _by_file(gathered: Gathered) -> bool:
    return len(set(gathered.names.files)) > 1


def _sides(gathered: Gathered) -> dict[str, str] | None:
    """Give the side that each file's name says."""
    if gathered.sides is None:
        return None
    files = gathered.names.files
    return dict(zip(np.array(files)[gathered.names.file].tolist(), gathered.sides, strict=True))


def _where(gathered: Gathered) -> str:
    files = gathered.names.files
    return f"{len(files)} files" if len(set(files)) > 1 else files[0] or "the data"


def _aligned(gathered: Gathered, form: dict[str, Any], roles: Roles) -> tuple[Any, list[Finding]]:
    """Give the columns the names they had in training, by their place if they have none."""
    table, needed = gathered.table, set(roles.asked)
    if needed <= set(table.column_names) and (gathered.header or not form["header"]):
        return table, []
    own = [*roles.asked, *roles.past, *roles.known]
    for names in (form["names"], [n for n in form["names"] if n != roles.time], own):
        if not gathered.header and len(names) == table.num_columns:
            text = "the columns have no names: they were taken in the order of the training data"
            notes = (
                [Finding(what="no header", level="warning", text=text)] if form["header"] else []
            )
            return table.rename_columns(list(names)), notes
    lacking = sorted(needed - set(table.column_names))
    raise BadInputError(
        given=f"the column {lacking[0] if lacking else roles.asked[0]!r} is not there",
        needed=f"the columns of the training data: {', '.join(own[:20])}",
        remedy="add the column, or give rows without names in the order of the training data",
    )


def _numeric(frame: Frame, roles: Roles) -> list[str]:
    return [*roles.asked, *roles.past, *roles.known]


def _levels(frame: Frame, roles: Roles) -> dict[str, list[str]]:
    """Give the words that each static column of words can have."""
    worded = [name for name in roles.static if frame.columns[name].dtype == object]
    return {name: sorted(set(frame.columns[name].tolist()) - {""}) for name in worded}


def _reach(lines: Sequence[Line], rhythm: Rhythm, roles: Roles, ask: Ask) -> tuple[int, int, int]:
    """Choose past, season and horizon where the user did not.

    Raises:
        BadInputError: if the user's cannot be.
    """
    for name, steps in (("horizon", ask.ahead), ("past", ask.past)):
        if steps is not None and steps < 1:
            raise BadInputError(
                given=f"--{name} {steps}",
                needed="a number of steps, at least 1",
                remedy=f"write `--{name} 24`, or leave it out to have it chosen",
            )
    count = len(roles.asked)
    further = max(going_on(line.raw, count) for line in lines)
    early = [
        filled(line.raw[: max(2, int(len(line.raw) * _SEASON_FROM)), :count]) for line in lines
    ]
    length = int(np.median([len(line.raw) for line in lines]))
    season = season_of(early, rhythm)
    ahead = ask.ahead or further or horizon_of(season, length, rhythm)
    room = length - (1 if ask.whole else 2) * ahead
    past = ask.past or max(1, min(past_of(season, ahead, length), max(room // 2, 1)))
    return past, season if season <= max(past, room // 2) else 1, ahead


def _leading(lines: Sequence[Line], roles: Roles, past: int, ahead: int) -> list[Lead]:
    """Find the columns whose past tells of others, on what may be learned from."""
    count = len(roles.asked) + len(roles.past)
    early = [filled(line.raw[: int(len(line.raw) * _SEASON_FROM), :count]) for line in lines]
    return leads_of(early, len(roles.asked), past, ahead)


def _shifted(known: NDArray[np.float32], length: int, ahead: int) -> NDArray[np.float32]:
    """Show at each step what is known of the one that lies so many ahead, (length, V)."""
    out = np.full((length, known.shape[1]), np.nan, np.float32)
    there = known[ahead : ahead + length]
    out[: len(there)] = there
    return filled(out)


def _refuse_empty(lines: Sequence[Line], roles: Roles) -> None:
    count = len(roles.asked)
    if not any(np.isfinite(line.raw[:, :count]).any() for line in lines):
        shown = ", ".join(roles.asked[:5])
        raise BadInputError(
            given=f"every value of {shown} is missing" if lines else "no row has a time",
            needed="numbers to learn from" if lines else "times that can be read, one a row",
            remedy="check how numbers and times are written, such as 2016-07-01 13:00",
        )
