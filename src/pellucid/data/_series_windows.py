"""Stretches of lines: the windows that a forecast looks at, or whole lines that are told apart.

Idea: a window is two numbers, its line and its end, so that a hundred thousand of them cost nothing
until a batch is asked for; windows of one line that follow each other are a view into it.

Letters: N windows, L steps of the past, T steps of a line, C channels, A variables asked for,
S steps of a season, H steps ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_scale import levels

_ODD = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it can be divided by modulo 2^64
_VOID = np.uint32(0x7FC00000)  # the bits of every NaN
_MOST_STEPS = 1024  # of a whole line; longer ones are averaged

Numbers = NDArray[np.int64]
Values = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    """One line as windows see it.

    Args:
        name: as its windows are named, before the time: "ETTh1.csv", "shop.csv store 3".
        start: place of its first step, as the rhythm counts.
        seen: what may be looked at, gaps filled from the past, (T, C).
        truth: what was there of what is asked, NaN where nothing was, (T, A).
        levels: level and size of each channel, (2, C), where they are known from elsewhere.
    """

    name: str
    start: int
    seen: Values
    truth: Values
    levels: Values | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of some lines; what `Examples.raw` is for series.

    Args:
        tracks: the lines.
        of: the line of each window, (N,).
        end: the step of the line that comes right after each window, (N,).
        past: L; 0 for whole lines.
        season: S.
        ahead: H; 0 for whole lines.
        rhythm: of all lines.
        channels: name of each channel, C.
        form: what the schema has to keep besides, as JSON; "own" tells of each channel whether it
            is scaled for each series by itself, and is empty or absent where none is.
    """

    tracks: Sequence[Track]
    of: Numbers
    end: Numbers
    past: int
    season: int
    ahead: int
    rhythm: Rhythm
    channels: tuple[str, ...]
    form: dict[str, Any]

    def __len__(self) -> int:
        return len(self.of)

    def take(self, places: Numbers) -> "Windows":
        """Give the windows at these places."""
        return replace(self, of=self.of[places], end=self.end[places])

    def values(self, place: int) -> Values:
        """Give what one window shows, (L, C), or (T, C) of a whole line."""
        track, end = self.tracks[int(self.of[place])], int(self.end[place])
        return track.seen[max(0, end - self.past) if self.past else 0 : end]

    def places(self, place: int) -> Numbers:
        """Give the places in time of the steps of one window."""
        track, end = self.tracks[int(self.of[place])], int(self.end[place])
        return track.start + np.arange(end - len(self.values(place)), end)

    def one_run(self) -> bool:
        """Tell whether these are windows of one line that follow each other."""
        return bool(
            len(self.of) > 0 and (self.of == self.of[0]).all() and (np.diff(self.end) == 1).all()
        )

    @property
    def own(self) -> list[bool]:
        """Which channels are scaled for each series by itself; none where all series are alike."""
        found: list[bool] = self.form.get("own", [])
        return found

    def stored(self) -> Values:
        """Give all windows, (N, L, C): a view into the line where they follow each other.

        Where each series is scaled by itself, (N, L + 2, C): level and size come last.
        """
        if self.own:
            return self._with_levels()
        if self.one_run():
            views = _views(self.tracks[int(self.of[0])].seen, self.past)
            first = int(self.end[0]) - self.past
            return views[first : first + len(self)]
        out = np.empty((len(self), self.past, len(self.channels)), np.float32)
        for track, rows in self._by_track():
            out[rows] = _views(self.tracks[track].seen, self.past)[self.end[rows] - self.past]
        return out

    def targets(self) -> Values:
        """Give the last season of each window and what came next, (N, S + H, A).

        A view where windows follow each other. Where each series is scaled by itself,
        (N, 1 + S + H, A): its size comes first.
        """
        length = self.season + self.ahead
        if self.own:
            return self._with_sizes(length)
        if self.one_run():
            views = _views(self.tracks[int(self.of[0])].truth, length)
            first = int(self.end[0]) - self.season
            return views[first : first + len(self)]
        asked = self.tracks[0].truth.shape[1]
        out = np.empty((len(self), length, asked), np.float32)
        for track, rows in self._by_track():
            out[rows] = _views(self.tracks[track].truth, length)[self.end[rows] - self.season]
        return out

    def keys(self) -> NDArray[np.uint64]:
        """Hash what each window shows, and when it ends where that is known, (N,)."""
        keys = np.zeros(len(self), np.uint64)
        for track, rows in self._by_track():
            one = self.tracks[track]
            ends = self.end[rows]
            keys[rows] = _rolled(one.seen, ends, self.past or int(ends.max()))
            if self.ahead and self.rhythm.unit != "steps":
                keys[rows] ^= _mixed((one.start + ends).astype(np.uint64) * _ODD)
        return _mixed(keys)

    def _with_levels(self) -> Values:
        out = np.empty((len(self), self.past + 2, len(self.channels)), np.float32)
        for track, rows in self._by_track():
            one, ends = self.tracks[track], self.end[rows]
            out[rows, : self.past] = _views(one.seen, self.past)[ends - self.past]
            out[rows, self.past :] = levels(one, ends, self.own)
        return out

    def _with_sizes(self, length: int) -> Values:
        asked = self.tracks[0].truth.shape[1]
        out = np.empty((len(self), 1 + length, asked), np.float32)
        for track, rows in self._by_track():
            one, ends = self.tracks[track], self.end[rows]
            out[rows, 0] = levels(one, ends, self.own)[:, 1, :asked]
            out[rows, 1:] = _views(one.truth, length)[ends - self.season]
        return out

    def _by_track(self) -> list[tuple[int, Numbers]]:
        order = np.argsort(self.of, kind="stable")
        tracks, starts = np.unique(self.of[order], return_index=True)
        return list(zip(tracks.tolist(), np.split(order, starts[1:]), strict=True))


class WindowNames(Sequence[str]):
    """Names such as "ETTh1.csv 2016-07-15 00:00", made only when they are asked for.

    Args:
        windows: that are named by their line and the time of their last step.
    """

    def __init__(self, windows: Windows) -> None:
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows)

    @overload
    def __getitem__(self, place: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "WindowNames": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "str | WindowNames":
        if isinstance(place, slice):
            return self.take(np.arange(len(self))[place])
        track = self.windows.tracks[int(self.windows.of[place])]
        if not self.windows.ahead:
            return track.name
        last = track.start + int(self.windows.end[place]) - 1
        return f"{track.name} {self.windows.rhythm.text(np.array([last]))[0]}".strip()

    def take(self, places: Numbers) -> "WindowNames":
        """Give the names at these places."""
        return WindowNames(self.windows.take(places))


def picked(rows: NDArray[Any], places: Numbers) -> NDArray[Any]:
    """Give rows by their places, as a view where they follow each other."""
    if len(places) and (np.diff(places) == 1).all():
        return rows[places[0] : places[0] + len(places)]
    return rows[places]


def _views(values: Values, length: int) -> Values:
    """Give every window of a line, (T - length + 1, length, V), without a copy."""
    found = np.lib.stride_tricks.sliding_window_view(values, length, axis=0, writeable=True)
    return np.moveaxis(found, 2, 1)


def _rolled(values: Values, ends: Numbers, length: int) -> NDArray[np.uint64]:
    """Hash the stretches of a line that have these ends, all at once, by sums of powers."""
    bits = np.ascontiguousarray(np.where(values == 0, np.float32(0), values)).view(np.uint32)
    bits = np.where(np.isnan(values), _VOID, bits).astype(np.uint64)
    columns = _mixed(np.arange(1, bits.shape[1] + 1, dtype=np.uint64))
    rows = _mixed(bits * _ODD + columns).sum(axis=1, dtype=np.uint64)
    powers = _powers(len(rows), _ODD)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(rows * powers, dtype=np.uint64)])
    firsts = np.maximum(ends - length, 0)
    back = _powers(len(rows) + 1, np.uint64(pow(int(_ODD), -1, 1 << 64)))
    return _mixed((sums[ends] - sums[firsts]) * back[firsts])


def _powers(count: int, factor: np.uint64) -> NDArray[np.uint64]:
    factors = np.full(count, factor, np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors) if count else factors


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix all bits; the finaliser of SplitMix64 (Steele, Lea & Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def fitted(windows: Windows, length: int, each: int) -> Values:
    """Give whole lines at one length, (N, length, C): short ones begin with nothing (NaN).

    Args:
        windows: whole lines.
        length: steps that are kept, the last ones.
        each: steps that are averaged to one.
    """
    out = np.full((len(windows), length, len(windows.channels)), np.nan, np.float32)
    for place in range(len(windows)):
        values = _averaged(windows.values(place), each)[-length:]
        if len(values):
            out[place, length - len(values) :] = values
    return out


def fit_length(windows: Windows) -> tuple[int, int]:
    """Choose how many steps whole lines are given, and how many are averaged to one."""
    lengths = np.array([len(windows.values(place)) for place in range(len(windows))])
    wish = int(np.ceil(np.quantile(lengths, 0.99))) if len(lengths) else 1
    each = max(1, -(-wish // _MOST_STEPS))
    return max(1, wish // each), each


def _averaged(values: Values, each: int) -> Values:
    if each == 1 or len(values) < each:
        return values
    count = len(values) // each
    parts = values[len(values) - count * each :].reshape(count, each, -1)
    return parts.mean(axis=1, dtype=np.float64).astype(np.float32)
