"""Pairs that teach nothing good are left out, each with the reason.

Idea: one wrong pair among a hundred costs little, but what is wrong in files of pairs is wrong by
the thousand: empty sides, sources that were copied, sentences of another pair, and sides that were
exchanged. Each of these can be told from the pair and from what is usual in the same data.

Source: Khayrallah & Koehn 2018, "On the impact of various types of noise on neural machine
translation", arXiv:1805.12282 (what noise costs; copied sources cost most).
Departs: which language a side is in is told by the data themselves: by runs of three letters that
are frequent on one side and not on the other.

Letters: N pairs, R runs of letters.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault, Finding
from pellucid.data._pairs_found import Found
from pellucid.errors import BadInputError

LONGEST = 2_000  # characters of a sentence that is learned from
_WORDS = 3  # of a copied sentence; a name alone is the same in both languages
_APART = 3.0  # times the usual ratio of lengths
_SHORT = 12  # characters, below which a ratio says nothing
_RUNS = 1 << 14
_SURE = 4.0  # nats a line by which the other language must explain it better
_LEAST = 200  # pairs, below which what is usual is not known
_SHOWN = 10

Flags = NDArray[np.bool_]
Rule = Callable[[Found], Flags]


def without_empty(found: Found) -> Found:
    """Leave out pairs of which a side is empty.

    Raises:
        BadInputError: if nothing is left.
    """
    if found.targets is None and not any(map(str.strip, found.sources)):
        raise BadInputError(
            given="an empty text" if len(found.sources) == 1 else "nothing but empty lines",
            needed="a sentence to translate",
            remedy="write one: `pellucid predict MODEL --text 'A sentence.'`",
        )
    reason = "it is empty" if found.targets is None else "a side of it is empty"
    return _without(found, [("empty side", reason, _empty)])


def cleaned(found: Found) -> Found:
    """Leave out pairs that cannot be learned from, and say how many and why.

    Raises:
        BadInputError: if nothing is left.
    """
    rules: list[tuple[str, str, Rule]] = [
        ("empty side", "a side of it is empty", _empty),
        ("too long", f"a side is longer than {LONGEST:,} characters", _long),
        ("copied", "the target is a copy of the source", _copied),
        ("far-off lengths", "its sides differ too much in length to be translations", _unlike),
        ("wrong language", "its target reads like the language of the sources", _strange),
        ("duplicates", "the same pair stands before it", _repeated),
    ]
    return _without(found, rules)


def _without(found: Found, rules: Sequence[tuple[str, str, Rule]]) -> Found:
    given, faults, notes = found, list(found.faults), list(found.notes)
    for what, reason, rule in rules:
        lost = np.flatnonzero(rule(found)).tolist() if len(found.sources) else []
        if not lost:
            continue
        faults += [Fault(name=found.names[place], reason=reason) for place in lost]
        notes.append(_note(what, reason, [found.names[place] for place in lost], given))
        gone = set(lost)
        found = found.kept([n for n in range(len(found.sources)) if n not in gone])
    if not len(found.sources):
        reasons = Counter(fault.reason for fault in faults).most_common(2)
        told = "; ".join(f"{count:,} times {reason}" for reason, count in reasons)
        raise BadInputError(
            given=f"{len(given.sources):,} pairs, none of which can be used: {told or 'no lines'}",
            needed="sentences and their translations",
            remedy="check that the two sides are in two languages, line by line, the source first",
        )
    return found.replace(faults=tuple(faults), notes=tuple(notes))


def _note(what: str, reason: str, names: Sequence[str], given: Found) -> Finding:
    share = len(names) / max(1, len(given.sources))
    count = "1 pair is" if len(names) == 1 else f"{len(names):,} pairs ({100 * share:.2g} %) are"
    return Finding(
        what=what,
        level="warning",
        text=f"{count} left out, such as {names[0]}: {reason}",
        examples=tuple(names[:_SHOWN]),
    )


def _pairs(found: Found) -> Iterator[tuple[str, str]]:
    return zip(found.sources, found.targets or (), strict=True)


def _flags(values: Iterator[bool], count: int) -> Flags:
    return np.fromiter(values, np.bool_, count)


def _empty(found: Found) -> Flags:
    count = len(found.sources)
    flags = _flags((not source.strip() for source in found.sources), count)
    if found.targets is None:
        return flags
    return flags | _flags((not target.strip() for target in found.targets), count)


def _long(found: Found) -> Flags:
    return _flags((max(map(len, pair)) > LONGEST for pair in _pairs(found)), len(found.sources))


def _copied(found: Found) -> Flags:
    def copied(source: str, target: str) -> bool:
        words = source.casefold().split()
        return len(words) >= _WORDS and words == target.casefold().split()

    return _flags((copied(*pair) for pair in _pairs(found)), len(found.sources))


def _unlike(found: Found) -> Flags:
    sizes = np.array([[len(side) for side in pair] for pair in _pairs(found)], np.float64)
    ratios = np.log(sizes[:, 1] + 3) - np.log(sizes[:, 0] + 3)
    usual = np.median(ratios) if len(ratios) >= _LEAST else 0.0
    far = np.abs(ratios - usual) > np.log(_APART if len(ratios) >= _LEAST else 2 * _APART)
    return far & (sizes.max(axis=1) > _SHORT)


def _strange(found: Found) -> Flags:
    if len(found.sources) < _LEAST:
        return np.zeros(len(found.sources), np.bool_)
    sources, targets = _runs(found.sources), _runs(found.targets or ())
    one, other = (np.log(_frequent(side)) for side in (sources, targets))
    nats = _summed(targets, other - one)
    return nats < -_SURE


def _repeated(found: Found) -> Flags:
    seen: set[tuple[str, str]] = set()

    def repeated(pair: tuple[str, str]) -> bool:
        known = pair in seen
        seen.add(pair)
        return known

    return _flags((repeated(pair) for pair in _pairs(found)), len(found.sources))


def _runs(texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """Number the runs of three letters of each text."""
    found = []
    for text in texts:
        letters = np.frombuffer(f" {text.casefold()} ".encode("utf-32-le", "replace"), np.uint32)
        mixed = letters.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        whole = mixed[:-2] * np.uint64(31) + mixed[1:-1] * np.uint64(17) + mixed[2:]
        found.append((whole >> np.uint64(50)).astype(np.int64) % _RUNS)
    return found


def _frequent(runs: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Give how frequent each run is, (R,)."""
    counts = np.bincount(np.concatenate(runs), minlength=_RUNS) + 1.0
    return np.asarray(counts / counts.sum(), np.float64)


def _summed(runs: Sequence[NDArray[np.int64]], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up the values of the runs of each text, (N,)."""
    return np.array([values[some].sum() for some in runs], np.float64)
