"""Decoded recordings: each a stretch of samples behind the one before.

Letters: S samples of all.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask
from pellucid.data._audio_decoding import Sound, decode_all
from pellucid.data._audio_recordings import Facts
from pellucid.data._cache import SUFFIX, cache_folder, key_of
from pellucid.data._media_cache import Decoding, Found, Late, Tally, decoded_rows, fair

_WORTH_CACHING = 64  # files
_LARGE = 16 << 20  # bytes of files that are cached however few they are
_CHUNK = 48 << 20  # bytes of files that are decoded between two writes
_ROW = (2,)  # bytes of a sample
_TOLD = ("lengths", "rates", "channels", "bits", "clipped")


def decoded(
    paths: Sequence[Path], names: Sequence[str], strata: Sequence[Any], rate: int, ask: Ask
) -> tuple[NDArray[np.int16], Tally]:
    """Decode files, or take what an earlier run decoded, in the time that reading may take.

    Args:
        paths: of the files.
        names: of them.
        strata: what is to be in proportion where not all can be decoded, such as the class.
        rate: that all are brought to, Hz.
        ask: says how long, and where decoded data is kept.

    Returns:
        All samples (S,), and what the files said: "lengths" says how many samples each has.
    """

    def decode(order: Sequence[int], late: Late) -> Iterator[Sequence[Found]]:
        for part in _chunks(paths, order):
            done = 0
            for found in decode_all([paths[place] for place in part], rate, late=late):
                done += len(found)
                yield [each if isinstance(each, str) else _noted(each) for each in found]
            if done < len(part):
                return

    small = len(paths) < _WORTH_CACHING and sum(map(_bytes, paths)) < _LARGE
    how = Decoding(
        decode=decode,
        row=_ROW,
        told=_TOLD,
        rows="lengths",
        file=None if small else _file(paths, rate, ask),
        seconds=math.inf if small else ask.reading,
    )
    order = [*range(len(paths))] if small else fair(names, strata, ask)
    rows, tally = decoded_rows(how, order, ask)
    return rows.reshape(-1).view(np.int16), tally


def facts(tally: Tally, order: NDArray[np.int64]) -> Facts:
    """Give what the files said, in this order."""
    return Facts(
        rates=tally.column("rates", np.int64, order),
        channels=tally.column("channels", np.int64, order),
        bits=tally.column("bits", np.int64, order),
        clipped=tally.column("clipped", np.float64, order),
    )


def _noted(sound: Sound) -> Found:
    told = {
        "lengths": len(sound.samples),
        "rates": sound.rate,
        "channels": sound.channels,
        "bits": sound.bits,
        "clipped": round(sound.clipped, 6),
    }
    return np.ascontiguousarray(sound.samples).view(np.uint8).reshape(-1, *_ROW), told


def _file(paths: Sequence[Path], rate: int, ask: Ask) -> Path:
    return cache_folder(ask.cache) / f"{key_of(paths, ('audio', rate))}{SUFFIX}"


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


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
