"""Files that are decoded once: what one run had no time for, the next goes on with.

Idea: files are decoded in an order of which every first part is a fair sample of all, and what
comes out goes to the disk in that order, with what the files said beside it. So a run that had no
time for all of them leaves a part that the next one goes on from.

Letters: N rows.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._cache import MAPPED, Writer, load
from pellucid.data._picture_sample import fair_order

_COPIED = 64 << 20  # bytes copied at a time

Rows = NDArray[np.uint8]  # (n, *row) of one file
Found = tuple[Rows, Mapping[str, float]] | str  # and what the file said; or what is wrong with it
Late = Callable[[], bool]  # whether the time is up; no file is begun from then on


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoding:
    """How files of one kind are decoded and kept.

    Args:
        decode: decodes the files at these places in their order, a chunk of them at a time, until
            it is late.
        row: shape of one row.
        told: names of what each file says.
        rows: which of them says how many rows a file has; "" where each has one.
        file: where it is kept; None where decoding takes no longer than reading would.
        seconds: that decoding may take.
        expected: bytes that will about be written.
    """

    decode: Callable[[Sequence[int], Late], Iterator[Sequence[Found]]]
    row: tuple[int, ...]
    told: Sequence[str]
    rows: str = ""
    file: Path | None
    seconds: float
    expected: int = 0


@dataclass(slots=True)
class Tally:
    """What was decoded, in the order it lies in; grows while files are decoded.

    Args:
        told: what the good files said, by name.
        places: of the good files among all.
        faults: place of each broken file, and what is wrong with it.
    """

    told: dict[str, list[float]]
    places: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def keep(self, places: Sequence[int], found: Sequence[Found]) -> list[Rows]:
        """Note what was decoded and give the rows of the good files."""
        good = []
        for place, each in zip(places, found, strict=True):
            if isinstance(each, str):
                self.faults.append((place, each))
                continue
            rows, told = each
            self.places.append(place)
            for name, value in told.items():
                self.told[name].append(value)
            good.append(rows)
        return good

    @property
    def seen(self) -> set[int]:
        """The places of all files that were opened."""
        return {*self.places, *(place for place, _ in self.faults)}

    def column(self, name: str, kind: type, order: NDArray[np.int64]) -> NDArray[Any]:
        """Give what the files said under a name, in this order, as an array of this type."""
        return np.array(self.told[name], kind)[order]

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {**self.told, "places": self.places, "faults": self.faults}

    @classmethod
    def from_json(cls, given: Mapping[str, Any], how: Decoding, rows: int) -> "Tally":
        """Read what `to_json` gave.

        Args:
            given: as it was stored.
            how: it was decoded.
            rows: that lie beside it.

        Raises:
            TypeError, KeyError, ValueError: if it is no such thing, or does not fit the rows.
        """
        told = {name: [*given[name]] for name in how.told}
        places = [*given["places"]]
        faults = [(int(place), str(reason)) for place, reason in given["faults"]]
        counted = sum(told[how.rows]) if how.rows else len(places)
        if any(len(each) != len(places) for each in told.values()) or counted != rows:
            raise ValueError("not what was stored")
        return cls(told=told, places=places, faults=faults)


Decoded = tuple[Rows, Tally]


def fair(names: Sequence[str], strata: Sequence[Any], ask: Ask) -> list[int]:
    """Give the order to decode in: any order will do where there is time for all of them."""
    return fair_order(names, strata) if math.isfinite(ask.reading) else [*range(len(names))]


def decoded_rows(how: Decoding, order: Sequence[int], ask: Ask) -> Decoded:
    """Decode files, or take what an earlier run decoded, in the time that reading may take.

    Args:
        how: they are decoded and kept.
        order: places of the files, those that matter first.
        ask: says how large what lies in memory may be, and whether to go on.
    """
    if how.file is None:
        return _in_memory(how, order)
    kept = _reused(how, how.file, ask)
    done = kept[1].seen if kept else set()
    rest = [place for place in order if place not in done]
    if kept is not None and (not rest or not ask.further):
        return kept
    with contextlib.suppress(OSError):  # a full disk: memory may still do
        _to_disk(how, how.file, rest, kept)
        kept = _reused(how, how.file, ask)
        if kept is not None:
            return kept
    return _in_memory(how, order)


def _in_memory(how: Decoding, order: Sequence[int]) -> Decoded:
    tally = _empty(how)
    pieces = [np.zeros((0, *how.row), np.uint8), *_pieces(how, order, tally)]
    return pieces[1] if len(pieces) == 2 else np.concatenate(pieces), tally


def _to_disk(how: Decoding, file: Path, rest: Sequence[int], kept: Decoded | None) -> None:
    tally = kept[1] if kept else _empty(how)
    with Writer(file, expected=how.expected) as writer:
        if kept is not None:
            step = max(1, _COPIED // math.prod(how.row))
            for start in range(0, len(kept[0]), step):
                writer.append(kept[0][start : start + step])
        for piece in _pieces(how, rest, tally):
            writer.append(piece)
        writer.finish(tally.to_json())


def _pieces(how: Decoding, order: Sequence[int], tally: Tally) -> Iterator[Rows]:
    """Decode in this order until the time is up, noting in the tally what lies where."""
    end, start = monotonic() + how.seconds, 0
    for found in how.decode(order, lambda: monotonic() >= end):
        yield from tally.keep(order[start : start + len(found)], found)
        start += len(found)


def _empty(how: Decoding) -> Tally:
    return Tally(told={name: [] for name in how.told})


def _reused(how: Decoding, file: Path, ask: Ask) -> Decoded | None:
    """Take rows from a file of the cache; None if it is absent or damaged."""
    kept = load(file, how.row, mapped_past=ask.memory // MAPPED)
    if kept is None:
        return None
    try:
        return kept.array, Tally.from_json(kept.facts, how, len(kept.array))
    except (TypeError, KeyError, ValueError):
        return None
