"""Which variables tell of others what these do not tell of themselves.

Idea: two weighted sums foretell a variable on windows that were set apart: of its own past, and of
its own past and another's. Where the second is much less wrong, the other leads, and a network
should look at it; where it is not, looking at it would only teach chance.

Source: Granger 1969, "Investigating causal relations by econometric models and cross-spectral
methods" (what another's past adds to one's own); Saunders, Gammerman & Vovk 1998, "Ridge regression
learning algorithm in dual variables".
Departs: judged on later windows instead of by a test on the same ones.

Letters: T steps, N windows to learn from, M to be judged by, L past, C channels, Q steps foretold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_LEARNED, _JUDGED = 360, 180  # windows
_PART = 0.7  # of the steps, to learn from
_STEPS = 4  # of the horizon, evenly
_LONGEST = 512  # steps of the past
_LINES, _TARGETS = 8, 8
_TRIED = 3  # channels for each variable: those that go best with what it does not say itself
_RIDGES = (1e-2, 1e-1, 1.0, 10.0)  # times the mean of the diagonal
_BETTER = 0.2  # of the squared error that must go, and half of it in each half of the windows
_MOST = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Lead:
    """One channel that tells of another.

    Args:
        channel: place of the one that leads.
        variable: place of the one that is told of.
        left: share of the squared error that is left.
    """

    channel: int
    variable: int
    left: float


def leads_of(lines: Sequence[NDArray[np.float32]], asked: int, past: int, ahead: int) -> list[Lead]:
    """Find the channels that lead, the strongest first.

    Args:
        lines: early part of each series, (T, C), gaps filled: what is asked for comes first.
        asked: variables asked for.
        past: L.
        ahead: steps foretold.
    """
    past = min(past, _LONGEST)
    long = sorted(lines, key=len, reverse=True)[:_LINES]
    long = [line for line in long if _border(len(line), past) + ahead < len(line)]
    long = [line for line in long if past + ahead < _border(len(line), past)]
    if not long or long[0].shape[1] < 2:
        return []
    seen, later = _windows([_even(line) for line in long], past, ahead)
    if len(seen[0]) < 40 or len(later[0]) < 20:
        return []
    found = [lead for place in range(min(asked, _TARGETS)) for lead in _of(place, seen, later)]
    return sorted(found, key=lambda lead: lead.left)


def strongest(leads: Sequence[Lead]) -> tuple[int, ...]:
    """Give the channels that lead, a few at most."""
    return tuple(sorted(list(dict.fromkeys(lead.channel for lead in leads))[:_MOST]))


def _even(line: NDArray[np.float32]) -> Values:
    values = line.astype(np.float64)
    there = np.isfinite(values)
    count = np.maximum(there.sum(axis=0), 1)
    values = np.where(there, values, 0.0)
    values = np.where(there, values - values.sum(axis=0) / count, 0.0)
    spread = np.sqrt(np.square(values).sum(axis=0) / count)
    return values / np.where(spread > 0, spread, 1.0)


def _border(length: int, past: int) -> int:
    """Give the first step that only later windows foretell."""
    return past + int(_PART * (length - past))


Side = tuple[Values, Values]  # pasts (N, C, L), and what came (N, C, Q)


def _windows(lines: Sequence[Values], past: int, ahead: int) -> tuple[Side, Side]:
    """Give windows to learn from and later ones to be judged by; no future is in both."""
    steps = np.unique(np.linspace(0, ahead - 1, _STEPS).round().astype(np.int64))
    sides: tuple[list[tuple[Values, Values]], list[tuple[Values, Values]]] = ([], [])
    for line in lines:
        border = _border(len(line), past)
        spans = ((past, border - ahead, _LEARNED), (border, len(line) - ahead, _JUDGED))
        for side, (first, last, count) in zip(sides, spans, strict=True):
            ends = np.unique(np.linspace(first, max(first, last), count // len(lines)).astype(int))
            views = np.lib.stride_tricks.sliding_window_view(line, past, axis=0)
            future = line[ends[:, None] + steps] - line[ends - 1][:, None]
            side.append((views[ends - past], future.transpose(0, 2, 1)))
    learned, judged = (
        tuple(np.concatenate(each) for each in zip(*side, strict=True)) for side in sides
    )
    return (learned[0], learned[1]), (judged[0], judged[1])


def _of(variable: int, seen: Side, later: Side) -> list[Lead]:
    """Find what leads one variable."""
    y, truth = seen[1][:, variable], later[1][:, variable]
    if not (y.std() > 0 and truth.std() > 0):
        return []
    own = _Kernel.of(seen[0][:, variable, :], later[0][:, variable, :], last=True)
    error, fitted = own.error(y, truth)
    found = []
    for channel in _likely(variable, seen[0], y - fitted):
        other = _Kernel.of(seen[0][:, channel, :], later[0][:, channel, :], last=False)
        both, _ = own.plus(other).error(y, truth)
        halves = [
            float(both[part].sum() / max(error[part].sum(), 1e-12))
            for part in (slice(None, len(error) // 2), slice(len(error) // 2, None))
        ]
        left = float(both.sum() / max(error.sum(), 1e-12))
        if left < 1 - _BETTER and max(halves) < 1 - _BETTER / 2:
            found.append(Lead(channel=channel, variable=variable, left=left))
    return found


def _likely(variable: int, pasts: Values, rest: Values) -> list[int]:
    """Give the channels a step of which goes best with what was not foretold, (N, Q)."""
    centred = pasts - pasts.mean(axis=2, keepdims=True)
    scaled = centred / np.maximum(centred.std(axis=0), 1e-9)
    rest = (rest - rest.mean(axis=0)) / np.maximum(rest.std(axis=0), 1e-9)
    alike = np.abs(np.einsum("ncl,nq->clq", scaled, rest, optimize=True)).max(axis=(1, 2))
    alike[variable] = -1
    return np.argsort(-alike)[: min(_TRIED, pasts.shape[1] - 1)].tolist()


@dataclass(frozen=True, slots=True)
class _Kernel:
    """Products of windows with those learned from: (N, N) of these, (M, N) of later ones."""

    inner: Values
    outer: Values

    @classmethod
    def of(cls, seen: Values, later: Values, *, last: bool) -> "_Kernel":
        """Take windows, (N, L), from their last value, or from their mean."""
        seen, later = (
            each - (each[:, -1:] if last else each.mean(axis=1, keepdims=True))
            for each in (seen, later)
        )
        return cls(seen @ seen.T, later @ seen.T)

    def plus(self, other: "_Kernel") -> "_Kernel":
        return _Kernel(self.inner + other.inner, self.outer + other.outer)

    def error(self, y: Values, truth: Values) -> tuple[Values, Values]:
        """Give the least squared error of later windows, (M,), and what is learned of y, (N, Q)."""
        middle = y.mean(axis=0)
        diagonal = float(np.trace(self.inner)) / len(self.inner)
        best: tuple[Values, Values] | None = None
        for ridge in _RIDGES:
            moved = self.inner + ridge * max(diagonal, 1e-12) * np.eye(len(self.inner))
            weights = np.linalg.solve(moved, y - middle)
            error = np.square(self.outer @ weights + middle - truth).sum(axis=1)
            if best is None or error.sum() < best[0].sum():
                best = error, self.inner @ weights + middle
        assert best is not None
        return best
