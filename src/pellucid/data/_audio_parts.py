"""The parts of a recording, spans of time, and what it is like where nothing is heard.

Idea: people point at a stretch of time. It begins and ends where it is quiet, so that covering it
cuts no sound in two and makes no click of its own.

Letters: B batch, N other recordings, T samples, L longest, R blanks, P parts.
"""

import itertools

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int16
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Parts
from pellucid.data._audio_recordings import Recordings
from pellucid.data._audio_waves import SILENT, bounds, powers

_SPAN = 0.05  # s, that a part is wished to be long
_FEWEST, _MOST = 6, 24  # parts
_AREAS = 8
_CELLS = 8  # in a part, among which the quietest is looked for
_OTHERS = 8
_CELL = 128  # samples, of which a level is taken
_QUIET = 0.1  # of the stretches of a recording: those that noise is taken from


def divided(recordings: Recordings, shape: int, longest: int | None) -> list[Parts]:
    """Give the spans of each recording.

    Args:
        recordings: raw.
        shape: L, samples of the longest x.
        longest: samples that are kept of one; None for all.
    """
    return [_parts(one, recordings.rate, shape, longest) for one in recordings]


def shared(recordings: Recordings, shape: int, longest: int | None) -> list[Parts]:
    """Divide each recording into equal spans, which have the same names in all."""
    names = tuple(f"{_ordinal(place)} eighth" for place in range(_AREAS))
    where = tuple([place / _AREAS, (place + 1) / _AREAS] for place in range(_AREAS))
    found = []
    for one in recordings:
        start, end = bounds(one, longest)
        cuts = np.linspace(0, end - start, _AREAS + 1).round().astype(np.int64)
        found.append(Parts(of=_of(cuts, max(shape, end - start)), names=names, where=where))
    return found


def blanks(x: Float[Tensor, "B T"], others: Float[Tensor, "N O"]) -> dict[str, Tensor]:
    """Give the ways of hearing nothing, by name, each (R, B, T).

    Args:
        x: 0 behind the end.
        others: recordings of the training side; N may be 0.
    """
    there = x.ne(0)
    found = {
        "silence": torch.where(there, SILENT, 0.0)[None].to(x),
        "noise": _noise(x, there)[None],
    }
    ends = others.ne(0).sum(dim=1).tolist()
    usable = [place for place, end in enumerate(ends) if end > 1]
    if usable:
        chosen = np.unique(np.linspace(0, len(usable) - 1, _OTHERS).round().astype(np.int64))
        rows = [_repeated(others[usable[p], : ends[usable[p]]], x) for p in chosen.tolist()]
        found["others"] = torch.stack(rows) * there
    return found


def _parts(
    samples: Int16[np.ndarray, " T"], rate: int, shape: int, longest: int | None
) -> Parts:  # fmt: skip
    start, end = bounds(samples, longest)
    cuts = _cuts(samples[start:end], rate)
    names, where = [], []
    for first, last in itertools.pairwise(((cuts + start) / rate).tolist()):
        names.append(f"{first:.3f} to {last:.3f} s")
        where.append([round(first, 4), round(last, 4)])
    return Parts(of=_of(cuts, max(shape, end - start)), names=tuple(names), where=tuple(where))


def _cuts(samples: Int16[np.ndarray, " T"], rate: int) -> NDArray[np.int64]:
    """Cut into about equal spans, each cut moved to the quietest place nearby."""
    length = len(samples)
    count = min(_MOST, max(_FEWEST, round(length / rate / _SPAN)), max(1, length // 2))
    if length < count * _CELLS * 4:  # too short for quiet places
        return np.unique(np.linspace(0, length, count + 1).astype(np.int64))
    size = length / (count * _CELLS)
    edges = (np.arange(count * _CELLS + 1) * size).astype(np.int64)
    power = powers(samples, edges)
    cuts = [0]
    for place in range(1, count):
        near = np.arange(place * _CELLS - _CELLS // 4, place * _CELLS + _CELLS // 4 + 1)
        quietest = int(near[power[near].argmin()])
        cuts.append(int((edges[quietest] + edges[quietest + 1]) // 2))
    return np.array([*cuts, length], np.int64)


def _of(cuts: NDArray[np.int64], shape: int) -> NDArray[np.int64]:
    of = np.full(shape, -1, np.int64)
    for number, (first, last) in enumerate(itertools.pairwise(cuts.tolist())):
        of[first:last] = number
    return of


def _noise(x: Float[Tensor, "B T"], there: Tensor) -> Float[Tensor, "B T"]:
    """Give noise as loud as the quiet stretches of each recording; the same for the same one."""
    power = F.avg_pool1d(x[:, None].square(), _CELL, ceil_mode=True, count_include_pad=False)[:, 0]
    ends = -(-there.sum(dim=1, keepdim=True) // _CELL)
    behind = torch.arange(power.shape[1], device=x.device) >= ends
    ordered = power.masked_fill(behind, torch.inf).sort(dim=1).values
    quiet = ordered.gather(1, ((ends - 1).clamp(min=0) * _QUIET).long())
    # numpy, since its first numbers are the same however many are drawn.
    drawn = np.random.default_rng(0).standard_normal(x.shape[1], np.float32)
    noise = torch.from_numpy(drawn).to(x) * quiet.clamp(max=1.0).sqrt()
    return torch.where(noise.eq(0), SILENT, noise) * there


def _repeated(other: Float[Tensor, " O"], x: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Bring another recording to the length of x by playing it again."""
    places = torch.arange(x.shape[1], device=other.device) % len(other)
    return other[places].to(x).expand_as(x)


def _ordinal(place: int) -> str:
    return ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "last")[place]
