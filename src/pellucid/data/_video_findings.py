"""What is worth knowing of clips before training.

Letters: N clips.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Finding
from pellucid.data._targets import as_classes
from pellucid.data._video_alike import motions
from pellucid.data._video_clips import Clips

TIMES_AS_LONG = 4.0  # as the middle one: frames then lie so much further apart
_SHOWN = 10
_MIXED = 2.0  # times as wide or high as another
_RATES = 1.1  # times the rate of another
_STILL = 0.25  # grey levels that a pixel changes by from frame to frame, at least, where one moves
_GIVEN_AWAY = 0.95  # share of a class that was made otherwise than most others


def find(examples: Examples) -> list[Finding]:
    """Make every finding about the clips themselves."""
    raw: Clips = examples.raw
    return [*_sizes(examples, raw), *_rates(examples, raw), *_lengths(examples, raw)]


def _sizes(examples: Examples, raw: Clips) -> Iterator[Finding]:
    sizes = raw.about().sizes
    least, most = sizes.min(axis=0), sizes.max(axis=0)
    if (most >= _MIXED * least).any():
        text = (
            f"widths run from {least[0]:,} to {most[0]:,} and heights from {least[1]:,} to"
            f" {most[1]:,} pixels; all are brought to {raw.form.width} × {raw.form.height}"
        )
        yield Finding(what="mixed sizes", level="note", text=text)
    away = _given_away(examples, sizes[:, 0] * 100_000 + sizes[:, 1])
    if away:
        text = (
            f"nearly all clips of {', '.join(map(repr, away[:3]))} have a size of their own, which"
            " may give the answer away; cut them alike"
        )
        yield Finding(what="sizes by class", level="warning", text=text)


def _rates(examples: Examples, raw: Clips) -> Iterator[Finding]:
    rates = raw.about().rates.round(1)
    if rates.max() >= _RATES * max(rates.min(), 1e-9):
        text = (
            f"rates run from {rates.min():g} to {rates.max():g} frames a second; frames are taken"
            " by time, so that it does not matter"
        )
        away = _given_away(examples, rates)
        if away:
            text = (
                f"rates run from {rates.min():g} to {rates.max():g} frames a second, and nearly all"
                f" clips of {', '.join(map(repr, away[:3]))} have one of their own: how they were"
                " made may give the answer away"
            )
        yield Finding(what="mixed rates", level="warning" if away else "note", text=text)


def _lengths(examples: Examples, raw: Clips) -> Iterator[Finding]:
    facts = raw.about()
    middle = float(np.median(facts.seconds))
    long = facts.seconds > TIMES_AS_LONG * middle
    if long.any():
        text = (
            f"{_are(long)} more than {TIMES_AS_LONG:g} times as long as the middle one,"
            f" {middle:.2f} s (the longest: {facts.seconds.max():,.1f} s); their"
            f" {raw.form.frames} frames lie further apart, so cut them into clips of one length"
        )
        yield _finding("very long", "warning", text, examples, long)
    single = facts.counts < 2
    if single.any():
        text = f"{_are(single)} of one frame: nothing can move in them"
        yield _finding("one frame", "warning", text, examples, single)
    still = (motions(raw) < _STILL) & ~single
    if still.any():
        text = f"{_are(still)} still: hardly a pixel changes from frame to frame"
        yield _finding("still", "note", text, examples, still)


def _given_away(examples: Examples, values: NDArray[np.generic]) -> list[str]:
    """Name the classes of which nearly all have a value that hardly any other clip has."""
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None:
        return []
    names, codes = classes
    found = []
    for code, name in enumerate(names):
        mine, theirs = values[codes == code], values[(codes >= 0) & (codes != code)]
        if len(mine) < 2 or not len(theirs):
            continue
        own, counts = np.unique(mine, return_counts=True)
        usual, count = own[counts.argmax()], int(counts.max())
        if count >= _GIVEN_AWAY * len(mine) and (theirs == usual).mean() < 1 - _GIVEN_AWAY:
            found.append(name)
    return found


def _finding(
    what: str, level: str, text: str, examples: Examples, which: NDArray[np.bool_]
) -> Finding:
    names = tuple(examples.names[place] for place in np.flatnonzero(which)[:_SHOWN])
    return Finding(what=what, level=level, text=text, examples=names)


def _are(which: NDArray[np.bool_]) -> str:
    count = int(which.sum())
    return "1 clip is" if count == 1 else f"{count:,} clips are"
