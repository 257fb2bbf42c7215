"""Which windows there are, and which of them are held out: those that come last.

Idea: time divides what is known from what is to come. A window whose future reaches over the border
would show one side what the other is judged by, so it is on neither.

Letters: N windows, L past, S season, H ahead.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding
from pellucid.data._series_windows import WindowNames, Windows
from pellucid.data._split import held_out_share
from pellucid.errors import BadInputError

_MOST_HELD = 0.35  # of the steps, for a horizon that is long for its series
_HORIZONS = 2  # that the held-out steps should hold
_FEWEST = 4  # windows to learn from
_ROOM = 0.5  # of the memory, for windows that must be copied


def choose_windows(windows: Windows, ask: Ask, where: str) -> tuple[Examples, list[Finding]]:
    """Give every window whose future is there, or the last of each line for a prediction.

    Args:
        windows: with their tracks, none chosen yet.
        ask: with a schema and not judged: the last ones are wanted.
        where: what the data are called.

    Raises:
        BadInputError: if there is none.
    """
    if ask.schema is not None and not ask.judged:
        of = np.arange(len(windows.tracks))
        end = np.array([len(track.truth) for track in windows.tracks], np.int64)
        return _examples(_at(windows, of, end), None), []
    of, end = _every(windows)
    if not len(of):
        longest = max(len(track.truth) for track in windows.tracks)
        raise BadInputError(
            given=f"{where}, which {refuse_short(longest, windows.past, windows.ahead)}",
            needed="more steps than the past and the horizon take together",
            remedy="give more rows, or ask for less with `--horizon` and `--past`",
        )
    notes: list[Finding] = []
    if len(windows.tracks) > 1:
        of, end, notes = _thinned(windows, of, end, ask)
    chosen = _at(windows, of, end)
    return _examples(chosen, chosen.targets()), notes


def divide(examples: Examples, ask: Ask, sides: Mapping[str, str] | None) -> Examples:
    """Say which windows are held out: those whose whole future comes after a border in time.

    Args:
        examples: windows.
        ask: what the user said.
        sides: of the files, by their names, where they name any; then those are the sides.

    Raises:
        BadInputError: if there are too few steps to learn from some and be judged by others.
    """
    windows: Windows = examples.raw
    if ask.whole and sides is None:
        return examples
    given = _given(windows, sides)
    if given is not None and (ask.whole or (given == "valid").any()):
        return examples.replace(sides=given)
    start = np.array([track.start for track in windows.tracks], np.int64)[windows.of] + windows.end
    counted = start if given is None else start[given != "test"]
    border = _border(counted, windows.ahead) if len(counted) else 0
    valid, train = start >= border, start + windows.ahead <= border
    if given is not None:
        valid, train = valid & (given != "test"), train & (given != "test")
    if not valid.any() or train.sum() < _FEWEST:
        needed = max(windows.past, windows.season) + 2 * windows.ahead + _FEWEST - 1
        longest = max(len(track.truth) for track in windows.tracks)
        raise BadInputError(
            given=f"{longest:,} steps, of which {windows.past:,} "
            f"{'is' if windows.past == 1 else 'are'} looked back at and {windows.ahead:,} foretold",
            needed=f"at least {needed:,}: some to learn from, and as many as the horizon to be "
            "judged by",
            remedy="give more rows, or ask for less with `--horizon` and `--past`",
        )
    found = np.full(len(windows), "gap", object)
    found[train], found[valid] = "train", "valid"
    if given is not None:
        found[given == "test"] = "test"
    return examples.replace(sides=found)


def _given(windows: Windows, sides: Mapping[str, str] | None) -> NDArray[np.object_] | None:
    """Give the side that the files of the windows name; None if they do not."""
    if sides is None:
        return None
    named = np.array([sides[track.name] or "train" for track in windows.tracks], dtype=object)
    return named[windows.of]


def refuse_short(length: int, past: int, ahead: int) -> str:
    """Say that a line is too short, as a clause."""
    more = f" and {ahead} ahead" if ahead else ""
    return f"has {length:,} steps, too few for {past:,} to look back at{more}"


def _border(start: NDArray[np.int64], ahead: int) -> int:
    """Give the first step that only the held-out side foretells.

    Args:
        start: the step that comes right after each window, in time, (N,).
        ahead: H.
    """
    last, first = int(start.max()) + ahead, int(start.min())
    steps = last - first
    share = max(held_out_share(steps), min(_HORIZONS * ahead / steps, _MOST_HELD))
    wish = last - max(round(share * steps), ahead)
    # Series that begin and end at different times: what counts is how many windows are held out.
    by_count = int(np.quantile(start, 1 - share, method="higher"))
    return max(min(wish, int(start.max())), min(by_count, wish), first + 1)


def _every(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give line and end of every window whose future is there."""
    first = max(windows.past, windows.season)
    ends = [np.arange(first, len(t.truth) - windows.ahead + 1) for t in windows.tracks]
    of = np.repeat(np.arange(len(ends)), [len(each) for each in ends])
    return of.astype(np.int64), np.concatenate(ends).astype(np.int64)


def _thinned(
    windows: Windows, of: NDArray[np.int64], end: NDArray[np.int64], ask: Ask
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[Finding]]:
    """Keep as many windows as fit into memory, evenly; those of several lines must be copied."""
    asked = windows.tracks[0].truth.shape[1]
    numbers = windows.past * len(windows.channels) + 2 * (windows.season + windows.ahead) * asked
    room = max(1, int(_ROOM * ask.memory / (4 * numbers)))
    if len(of) <= room:
        return of, end, []
    each = -(-len(of) // room)
    text = (
        f"one window in {each} is used: {-(-len(of) // each):,} of {len(of):,}, which is what "
        "the memory takes"
    )
    note = Finding(what="windows left out", level="note", text=text)
    return of[::each], end[::each], [note]


def _at(windows: Windows, of: NDArray[np.int64], end: NDArray[np.int64]) -> Windows:
    return replace(windows, of=of.astype(np.int64), end=end)


def _examples(windows: Windows, targets: NDArray[Any] | None) -> Examples:
    asked = ", ".join(windows.channels[: windows.tracks[0].truth.shape[1]])
    return Examples(
        kind="series",
        names=WindowNames(windows),
        raw=windows,
        target=asked if len(asked) < 80 else f"{asked[:76]} …",
        targets=targets,
    )
