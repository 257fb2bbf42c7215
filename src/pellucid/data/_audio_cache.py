"""Decoded recordings, kept on disk so that a second run does not decode again.

Idea: what is decoded goes to the disk a chunk at a time, in an order of which every first part is a
fair sample of all, and where each recording lies is noted beside it. So a run that had no time for
all of them leaves a part that the next one goes on from.

Letters: S samples of all.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._audio_decoding import Sound, decode_all
from pellucid.data._audio_recordings import Facts
from pellucid.data._cache import SUFFIX, Writer, cache_folder, key_of, load
from pellucid.data._picture_sample import fair_order

_WORTH_CACHING = 64  # files
_LARGE = 16 << 20  # bytes of files that are cached however few they are
_CHUNK = 48 << 20  # bytes of files that are decoded between two writes
_MAPPED = 4  # a mapped array takes more than this part of the memory
_NUMBERS = ("places", "lengths", "rates", "channels", "bits", "clipped")


@dataclass(slots=True)
class Tally:
    """What was decoded, in the order it lies in; grows while files are decoded.

    Args:
        places: of the good files among all.
        lengths: samples.
        rates: of the files, Hz.
        channels: of the files.
        bits: a sample of the files.
        clipped: share of samples at full scale.
        faults: place of each broken file, and what is wrong with it.
    """

    places: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    rates: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    bits: list[int] = field(default_factory=list)
    clipped: list[float] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def keep(self, places: Sequence[int], found: Sequence[Sound | str]) -> list[NDArray[np.int16]]:
        """Note what was decoded and give the samples of the good ones."""
        good = []
        for place, sound in zip(places, found, strict=True):
            if isinstance(sound, str):
                self.faults.append((place, sound))
                continue
            self.places.append(place)
            self.lengths.append(len(sound.samples))
            self.rates.append(sound.rate)
            self.channels.append(sound.channels)
            self.bits.append(sound.bits)
            self.clipped.append(round(sound.clipped, 6))
            good.append(sound.samples)
        return good

    @property
    def seen(self) -> set[int]:
        """The places of all files that were opened."""
        return {*self.places, *(place for place, _ in self.faults)}

    def facts(self, order: NDArray[np.int64]) -> Facts:
        """Give what the files said, in this order."""
        return Facts(
            rates=np.array(self.rates, np.int64)[order],
            channels=np.array(self.channels, np.int64)[order],
            bits=np.array(self.bits, np.int64)[order],
            clipped=np.array(self.clipped, np.float64)[order],
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {name: getattr(self, name) for name in (*_NUMBERS, "faults")}

    @classmethod
    def from_json(cls, given: Mapping[str, Any], samples: int) -> "Tally":
        """Read what `to_json` gave.

        Args:
            given: as it was stored.
            samples: that lie beside it.

        Raises:
            TypeError, KeyError, ValueError: if it is no such thing, or does not fit the samples.
        """
        lists = {name: [*given[name]] for name in _NUMBERS}
        faults = [(int(place), str(reason)) for place, reason in given["faults"]]
        if len({len(one) for one in lists.values()}) > 1 or sum(lists["lengths"]) != samples:
            raise ValueError("not what was stored")
        return cls(**lists, faults=faults)


Decoded = tuple[NDArray[np.int16], Tally]


def decoded(
    paths: Sequence[Path], names: Sequence[str], strata: Sequence[Any], rate: int, ask: Ask
) -> Decoded:
    """Decode files, or take what an earlier run decoded, in the time that reading may take.

    Args:
        paths: of the files.
        names: of them.
        strata: what is to be in proportion where not all can be decoded, such as the class.
        rate: that all are brought to, Hz.
        ask: says how long, and where decoded data is kept.
    """
    small = len(paths) < _WORTH_CACHING and sum(map(_bytes, paths)) < _LARGE
    if small:
        return _in_memory(paths, [*range(len(paths))], rate)
    file = cache_folder(ask.cache) / f"{key_of(paths, ('audio', rate))}{SUFFIX}"
    kept = _reused(file, ask)
    done = kept[1].seen if kept else set()
    rest = [place for place in _order(names, strata, ask) if place not in done]
    if kept is not None and (not rest or not ask.further):
        return kept
    with contextlib.suppress(OSError):  # a full disk: memory may still do
        _to_disk(paths, rest, rate, file, kept, ask)
        kept = _reused(file, ask)
        if kept is not None:
            return kept
    return _in_memory(paths, _order(names, strata, ask), rate, ask)


def _order(names: Sequence[str], strata: Sequence[Any], ask: Ask) -> list[int]:
    return fair_order(names, strata) if math.isfinite(ask.reading) else [*range(len(names))]


def _in_memory(
    paths: Sequence[Path], order: Sequence[int], rate: int, ask: Ask | None = None
) -> Decoded:
    tally = Tally()
    pieces = [np.zeros(0, np.int16), *_pieces(paths, order, rate, tally, ask)]
    return pieces[1] if len(pieces) == 2 else np.concatenate(pieces), tally


def _to_disk(
    paths: Sequence[Path],
    rest: Sequence[int],
    rate: int,
    file: Path,
    kept: Decoded | None,
    ask: Ask,
) -> None:
    tally = kept[1] if kept else Tally()
    with Writer(file, expected=0) as writer:
        if kept is not None:
            for start in range(0, len(kept[0]), _CHUNK):
                writer.append(_as_bytes(kept[0][start : start + _CHUNK]))
        for piece in _pieces(paths, rest, rate, tally, ask):
            writer.append(_as_bytes(piece))
        writer.finish(tally.to_json())


def _pieces(
    paths: Sequence[Path], order: Sequence[int], rate: int, tally: Tally, ask: Ask | None
) -> Iterator[NDArray[np.int16]]:
    """Decode in this order until the time is up, noting in the tally what lies where."""
    end = math.inf if ask is None else monotonic() + ask.reading
    for part in _chunks(paths, order):
        start = 0
        for found in decode_all([paths[p] for p in part], rate, late=lambda: monotonic() >= end):
            yield from tally.keep(part[start : start + len(found)], found)
            start += len(found)
        if start < len(part):
            return


def _chunks(paths: Sequence[Path], order: Sequence[int]) -> Iterator[list[int]]:
    """Divide files so that what is decoded of a part fits into memory easily."""
    part: list[int] = []
    held = 0
    for place in order:
        size = _bytes(paths[place])
        if part and held + size > _CHUNK:
            yield part
            part, held = [], 0
        part.append(place)
        held += size
    yield part


def _reused(file: Path, ask: Ask) -> Decoded | None:
    """Take recordings from a file of the cache; None if it is absent or damaged."""
    kept = load(file, (2,), mapped_past=ask.memory // _MAPPED)
    if kept is None:
        return None
    try:
        tally = Tally.from_json(kept.facts, len(kept.array))
    except (TypeError, KeyError, ValueError):
        return None
    return kept.array.reshape(-1).view(np.int16), tally


def _as_bytes(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(samples).view(np.uint8)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
