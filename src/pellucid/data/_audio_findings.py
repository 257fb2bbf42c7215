"""What is worth knowing of recordings before training.

Letters: N recordings.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Finding
from pellucid.data._audio_facts import Levels, levels
from pellucid.data._audio_recordings import Recordings
from pellucid.data._targets import as_classes

_SHOWN = 10
_SILENT = -66.0  # dB: of 16 bits the last four or five
_CLIPPED = 0.001  # share of samples at full scale
_OFFSET = 0.01  # of full scale
_SHORT = 0.1  # s
_TIMES_AS_LONG = 8.0  # as the middle one: what the kind keeps of one for classes
_GIVEN_AWAY = 0.95  # share of a class that was made otherwise than most others
_PAUSES = 0.7  # share of a recording that is quiet


def find(examples: Examples) -> list[Finding]:
    """Make every finding about the recordings themselves."""
    raw: Recordings = examples.raw
    found = levels(raw)
    return [
        *_levels(examples, raw, found),
        *_lengths(examples, raw, found),
        *_makes(examples, raw),
    ]


def _levels(examples: Examples, raw: Recordings, found: Levels) -> Iterator[Finding]:
    silent = found.peak <= _SILENT
    if silent.any():
        text = f"{_are(silent)} silent: nothing is louder than {_SILENT:.0f} dB; leave them out"
        yield _finding("silent", "warning", text, examples, silent)
    clipped = raw.about().clipped > _CLIPPED
    if clipped.any():
        text = (
            f"{_are(clipped)} clipped: more than one sample in a thousand is at full scale, where"
            " the tops of waves are cut off; record at a lower level"
        )
        yield _finding("clipped", "warning", text, examples, clipped)
    shifted = (np.abs(found.offset) > _OFFSET) & ~silent
    if shifted.any():
        most = float(np.abs(found.offset).max())
        text = (
            f"{_are(shifted)} shifted by a constant, up to {most:.1%} of full scale (DC offset);"
            " it is taken away in the network, but it points to a faulty sound card"
        )
        yield _finding("DC offset", "note", text, examples, shifted)


def _lengths(examples: Examples, raw: Recordings, found: Levels) -> Iterator[Finding]:
    seconds = raw.seconds
    middle = float(np.median(seconds))
    short = seconds < min(_SHORT, middle / 2)
    if short.any():
        text = f"{_are(short)} shorter than {_SHORT:g} s; listen whether they hold what they should"
        yield _finding("very short", "warning", text, examples, short)
    long = seconds > _TIMES_AS_LONG * middle
    if long.any():
        kept = "" if raw.transcribed else "; of these the loudest stretch is kept"
        text = (
            f"{_are(long)} more than {_TIMES_AS_LONG:g} times as long as the middle one,"
            f" {middle:.2f} s (the longest: {seconds.max():,.1f} s){kept}"
        )
        yield _finding("very long", "note", text, examples, long)
    pauses = found.quiet > _PAUSES
    if pauses.mean() > 0.1:
        text = (
            f"{_are(pauses)} mostly pause: more than {_PAUSES:.0%} of each is 40 dB below its"
            " loudest; cutting the pauses off makes learning faster"
        )
        yield _finding("mostly pause", "note", text, examples, pauses)


def _makes(examples: Examples, raw: Recordings) -> Iterator[Finding]:
    """Note recordings that were made in different ways, and classes that were."""
    about = raw.about()
    for name, values, unit in (("rates", about.rates, " Hz"), ("channels", about.channels, "")):
        counts = Counter(values.tolist())
        if len(counts) < 2:
            continue
        shown = ", ".join(f"{n:,} of {value:,}{unit}" for value, n in counts.most_common(4))
        away = _given_away(examples, values)
        text = f"recordings differ in their {name}: {shown}"
        if away:
            text += (
                f"; nearly all of {', '.join(repr(one) for one in away[:3])} were made otherwise"
                " than the rest, which may give the answer away"
            )
        else:
            text += f"; all are brought to {raw.rate:,} Hz and one channel"
        level = "warning" if away else "note"
        yield Finding(what=f"mixed {name}", level=level, text=text)


def _given_away(examples: Examples, values: NDArray[np.int64]) -> list[str]:
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None or raw_of(examples).transcribed:
        return []
    names, codes = classes
    found = []
    for code, name in enumerate(names):
        mine, theirs = values[codes == code], values[(codes >= 0) & (codes != code)]
        if not len(mine) or not len(theirs):
            continue
        usual, count = Counter(mine.tolist()).most_common(1)[0]
        if count >= _GIVEN_AWAY * len(mine) and (theirs == usual).mean() < 1 - _GIVEN_AWAY:
            found.append(name)
    return found


def raw_of(examples: Examples) -> Recordings:
    """Give the recordings of examples."""
    raw: Recordings = examples.raw
    return raw


def _finding(
    what: str, level: str, text: str, examples: Examples, which: NDArray[np.bool_]
) -> Finding:
    names = tuple(examples.names[place] for place in np.flatnonzero(which)[:_SHOWN])
    return Finding(what=what, level=level, text=text, examples=names)


def _are(which: NDArray[np.bool_]) -> str:
    count = int(which.sum())
    return "1 recording is" if count == 1 else f"{count:,} recordings are"
