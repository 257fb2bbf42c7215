"""Decoded clips, kept on disk so that a second run does not decode again.

Idea: clips are decoded in an order of which every first part is a fair sample of all, and kept in
that order with what their files said. So a run that had no time for all of them leaves a part that
the next one goes on from.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._cache import SUFFIX, Writer, cache_folder, key_of, load
from pellucid.data._picture_sample import fair_order
from pellucid.data._video_clips import Facts, Form
from pellucid.data._video_decoding import Clip, decode_all
from pellucid.data._video_folders import frames_in

MAPPED = 4  # decoded clips larger than memory divided by this are mapped
_WORTH_CACHING = 8  # clips; fewer are decoded as fast as a cache is read
_CHUNK = 64  # clips written at a time
_NUMBERS = ("places", "seconds", "rates", "counts", "widths", "heights")


@dataclass(slots=True)
class Tally:
    """What was decoded, in the order it lies in; grows while clips are decoded.

    Args:
        places: of the good clips among all.
        seconds: how long each is, s.
        rates: frames a second.
        counts: frames in the file.
        widths: upright, pixels.
        heights: upright, pixels.
        faults: place of each broken clip, and what is wrong with it.
    """

    places: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)

    def keep(
        self, places: Sequence[int], found: Sequence[Clip | str]
    ) -> list[UInt8[np.ndarray, "T H W 3"]]:
        """Note what was decoded and give the frames of the good ones."""
        good = []
        for place, clip in zip(places, found, strict=True):
            if isinstance(clip, str):
                self.faults.append((place, clip))
                continue
            self.places.append(place)
            self.seconds.append(round(clip.seconds, 4))
            self.rates.append(round(clip.rate, 4))
            self.counts.append(clip.count)
            self.widths.append(clip.width)
            self.heights.append(clip.height)
            good.append(clip.pixels)
        return good

    @property
    def seen(self) -> set[int]:
        """The places of all clips that were opened."""
        return {*self.places, *(place for place, _ in self.faults)}

    def facts(self, order: NDArray[np.int64]) -> Facts:
        """Give what the files said, in this order."""
        sizes = np.array([self.widths, self.heights], np.int64).T.reshape(-1, 2)
        return Facts(
            seconds=np.array(self.seconds, np.float64)[order],
            rates=np.array(self.rates, np.float64)[order],
            counts=np.array(self.counts, np.int64)[order],
            sizes=sizes[order],
        )

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {name: getattr(self, name) for name in (*_NUMBERS, "faults")}

    @classmethod
    def from_json(cls, given: Mapping[str, Any], count: int) -> "Tally":
        """Read what `to_json` gave.

        Args:
            given: as it was stored.
            count: of the clips that lie beside it.

        Raises:
            TypeError, KeyError, ValueError: if it is no such thing, or does not fit the clips.
        """
        lists = {name: [*given[name]] for name in _NUMBERS}
        faults = [(int(place), str(reason)) for place, reason in given["faults"]]
        if {len(one) for one in lists.values()} != {count}:
            raise ValueError("not what was stored")
        return cls(**lists, faults=faults)


Decoded = tuple[NDArray[np.uint8], Tally]


def decoded(
    paths: Sequence[Path], names: Sequence[str], strata: Sequence[Any], form: Form, ask: Ask
) -> Decoded:
    """Decode clips, or take what an earlier run decoded, in the time that reading may take.

    Args:
        paths: of the files or folders of frames.
        names: of them.
        strata: what is to be in proportion where not all can be decoded, such as the class.
        form: that all are brought to.
        ask: says how long, and where decoded data is kept.
    """
    order = _order(names, strata, ask)
    if len(paths) < _WORTH_CACHING:
        return _in_memory(paths, order, form, ask)
    file = cache_folder(ask.cache) / f"{key_of(_files(paths), ('video', form))}{SUFFIX}"
    kept = _reused(file, form, ask)
    done = kept[1].seen if kept else set()
    rest = [place for place in order if place not in done]
    if kept is not None and (not rest or not ask.further):
        return kept
    with contextlib.suppress(OSError):  # a full disk: memory may still do
        _to_disk(paths, rest, form, file, kept, ask)
        kept = _reused(file, form, ask)
        if kept is not None:
            return kept
    return _in_memory(paths, order, form, ask)


def _order(names: Sequence[str], strata: Sequence[Any], ask: Ask) -> list[int]:
    return fair_order(names, strata) if math.isfinite(ask.reading) else [*range(len(names))]


def _files(paths: Sequence[Path]) -> list[Path]:
    """Give the files that decide what is decoded: of a folder, its frames."""
    found: list[Path] = []
    for path in paths:
        found += [path, *frames_in(path)] if path.is_dir() else [path]
    return found


def _in_memory(paths: Sequence[Path], order: Sequence[int], form: Form, ask: Ask) -> Decoded:
    tally = Tally()
    blocks = [np.zeros((0, *form.row), np.uint8), *_blocks(paths, order, form, tally, ask)]
    return np.concatenate(blocks), tally


def _to_disk(
    paths: Sequence[Path],
    rest: Sequence[int],
    form: Form,
    file: Path,
    kept: Decoded | None,
    ask: Ask,
) -> None:
    tally = kept[1] if kept else Tally()
    with Writer(file, expected=len(paths) * int(np.prod(form.row))) as writer:
        if kept is not None:
            for start in range(0, len(kept[0]), _CHUNK):
                writer.append(kept[0][start : start + _CHUNK])
        for block in _blocks(paths, rest, form, tally, ask):
            writer.append(block)
        writer.finish(tally.to_json())


def _blocks(
    paths: Sequence[Path], order: Sequence[int], form: Form, tally: Tally, ask: Ask
) -> Iterator[NDArray[np.uint8]]:
    """Decode in this order until the time is up, noting in the tally what lies where."""
    end = monotonic() + ask.reading
    start = 0
    for found in decode_all([paths[p] for p in order], form, late=lambda: monotonic() >= end):
        good = tally.keep(order[start : start + len(found)], found)
        start += len(found)
        if good:
            yield np.stack(good)


def _reused(file: Path, form: Form, ask: Ask) -> Decoded | None:
    """Take clips from a file of the cache; None if it is absent or damaged."""
    kept = load(file, form.row, mapped_past=ask.memory // MAPPED)
    if kept is None:
        return None
    try:
        return kept.array, Tally.from_json(kept.facts, len(kept.array))
    except (TypeError, KeyError, ValueError):
        return None
