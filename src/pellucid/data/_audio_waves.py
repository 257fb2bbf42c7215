"""Recordings as they are stored, and as a network takes them.

Idea: recordings have lengths, and silence is no end. So the one number that no sample has stands
behind the end of what is stored; and in x, where 0 must stand there, a silent sample is a number so
small that nobody hears it, but not 0.

Letters: B batch, N recordings, L longest, T samples.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int16
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data._audio_recordings import Recordings
from pellucid.data._cache import cache_folder, spill

BEHIND = -32_768  # stored behind the end of a recording
SILENT = 2.0**-24  # of x, where a sample is 0
_SCALE = 2.0**-15
_BLOCK = 1 << 23  # samples handled at once
_MAPPED = 1 << 29  # bytes, from which what is stored lies in a mapped file


def stored(recordings: Recordings, longest: int | None) -> Int16[np.ndarray, "N L"]:
    """Give recordings as rows of one length.

    Args:
        recordings: of any lengths.
        longest: samples that are kept of each, its loudest stretch; None for all.
    """
    kept = [bounds(one, longest) for one in recordings]
    width = max((end - start for start, end in kept), default=1)
    if len(kept) == 1:  # however long it is, it need not be copied
        return recordings.samples(0)[slice(*kept[0])][None]
    if 2 * width * len(kept) > _MAPPED:
        try:
            blocks = (rows.view(np.uint8) for rows in _blocks(recordings, kept, width))
            mapped = spill(blocks, (2 * width,), cache_folder(None))
        except OSError:  # a full disk: memory may still do
            pass
        else:
            return mapped.view(np.int16)
    return np.concatenate([np.empty((0, width), np.int16), *_blocks(recordings, kept, width)])


def bounds(samples: Int16[np.ndarray, " T"], longest: int | None) -> tuple[int, int]:
    """Give the first sample that is kept of a recording, and the one behind the last."""
    if longest is None or len(samples) <= longest:
        return 0, len(samples)
    return _loudest(samples, longest)


def sizes(rows: Int16[np.ndarray, "N L"]) -> NDArray[np.int64]:
    """Count the samples of each stored recording."""
    step = max(1, _BLOCK // max(1, rows.shape[1]))
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(rows), step):
        there = rows[start : start + step, ::-1] != BEHIND
        found.append(np.where(there.any(axis=1), rows.shape[1] - there.argmax(axis=1), 0))
    return np.concatenate(found).astype(np.int64)


def tensor(rows: Int16[Tensor, "B L"]) -> Float[Tensor, "B T"]:
    """Give x of stored recordings, as long as the longest of them."""
    there = rows.ne(BEHIND)
    used = there.any(dim=0).nonzero()
    longest = int(used[-1]) + 1 if len(used) else 1
    rows, there = rows[:, :longest], there[:, :longest]
    x = rows.to(torch.float32) * _SCALE
    return torch.where(rows.eq(0), SILENT, x) * there


def cut(rows: Int16[np.ndarray, "N L"]) -> list[Int16[np.ndarray, " _"]]:
    """Give stored recordings without what stands behind their ends."""
    return [row[:size] for row, size in zip(rows, sizes(rows).tolist(), strict=True)]


def powers(samples: Int16[np.ndarray, " T"], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum the squares of the samples between edges, with little memory however many they are.

    Args:
        samples: of one recording.
        edges: rising; the last may be the end.
    """
    found = np.zeros(len(edges) - 1)
    each = max(1, int(edges[-1] - edges[0]) // max(1, len(found)))
    step = max(1, _BLOCK // 8 // each)
    for first in range(0, len(found), step):
        part = edges[first : first + step + 1]
        loud = np.square(samples[part[0] : part[-1]], dtype=np.float64)
        found[first : first + step] = np.add.reduceat(loud, part[:-1] - part[0])
    return found


def _blocks(
    recordings: Recordings, kept: list[tuple[int, int]], width: int
) -> Iterator[Int16[np.ndarray, "_ L"]]:
    step = max(1, _BLOCK // width)
    for first in range(0, len(kept), step):
        part = kept[first : first + step]
        rows = np.full((len(part), width), BEHIND, np.int16)
        for place, (row, (start, end)) in enumerate(zip(rows, part, strict=True), first):
            row[: end - start] = recordings.samples(place)[start:end]
        yield rows


def _loudest(samples: Int16[np.ndarray, " T"], longest: int) -> tuple[int, int]:
    """Find the stretch of a length that holds the most power, to a hundredth of it."""
    step = max(1, longest // 100)
    wide = longest // step
    sums = np.cumsum(np.append(0.0, powers(samples, np.arange(0, len(samples), step))))
    start = int((sums[wide:] - sums[:-wide]).argmax()) * step
    start = min(start, len(samples) - longest)
    return start, start + longest
