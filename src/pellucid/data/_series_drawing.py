"""Draw series: a sheet of windows, and one window with what each span of it added to the answer.

Letters: L steps, C channels, P parts.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Parts
from pellucid.data._painting import AGAINST, FOR, signed, strongest
from pellucid.data._series_windows import Windows

_MOST, _ACROSS = 24, 4
_LINES = 5  # variables in one small picture
_ROWS = 6  # variables with a picture of their own
_NUMBERED = 8  # parts with their share written on them
_COLOURS = ("#2868ac", "#e2711d", "#4a4f5c", "#7a9e3a", "#9b59a0")
_GREY, _INK = "#9aa7b5", "#1f2430"


def sheet(examples: Examples, places: Sequence[int]) -> bytes:
    """Give a PNG with a small picture of each window, what came next after a line."""
    chosen = list(places[:_MOST])
    across = min(_ACROSS, max(1, len(chosen)))
    down = max(1, -(-len(chosen) // across))
    figure, canvas = _figure(2.6 * across, 1.7 * down + 0.5)
    raw: Windows = examples.raw
    for number, place in enumerate(chosen):
        axes = _axes(figure, (down, across, number + 1))
        axes.set_title(_plain(_titled(examples, place), 34), fontsize=7)
        _small(axes, raw.values(place), _next(examples, place))
    figure.suptitle(
        f"{len(examples):,} examples: {_plain(', '.join(raw.channels), 80)}", fontsize=9
    )
    return _png(canvas)


def painted(raw: Windows, place: int, parts: Parts, shares: NDArray[np.float64]) -> bytes:
    """Give a PNG with the line of each variable, its spans in the colour of what they added."""
    shares = np.nan_to_num(shares)
    count = len(raw.channels)
    of = np.broadcast_to(parts.of[:, :count], (parts.of.shape[0], count))
    values = _aligned(raw.values(place), of.shape[0])
    rows = _rows(of, shares)
    figure, canvas = _figure(8.6, 1.25 * len(rows) + 0.9)
    figure.legend(handles=_key(), loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    most = float(np.abs(shares).max(initial=0.0)) or 1.0
    told = dict(zip(range(len(shares)), signed(shares.tolist()), strict=True))
    named = {number: told[number] for number in strongest(shares, _NUMBERED)}
    for number, channel in enumerate(rows):
        axes = _axes(figure, (len(rows), 1, number + 1))
        axes.plot(np.arange(len(values)), values[:, channel], color=_INK, linewidth=0.9)
        axes.set_ylabel(_plain(raw.channels[channel], 18), fontsize=8)
        axes.set_xlim(-0.5, len(values) - 0.5)
        for part in np.unique(of[:, channel][of[:, channel] >= 0]).tolist():
            steps = np.flatnonzero(of[:, channel] == part)
            _span(axes, steps, float(shares[part]) / most, named.pop(part, ""))
        _dated(axes, raw, place, len(values), last=number == len(rows) - 1)
    return _png(canvas)


def _rows(of: NDArray[np.int64], shares: NDArray[np.float64]) -> list[int]:
    """Choose the channels that are drawn: those whose parts added most, in their order."""
    strength = [
        np.abs(shares[np.unique(column[column >= 0])]).sum() if (column >= 0).any() else 0.0
        for column in of.T
    ]
    return sorted(np.argsort(-np.array(strength), kind="stable")[:_ROWS].tolist())


def _span(axes: Any, steps: NDArray[np.int64], strength: float, text: str) -> None:
    if abs(strength) < 1e-9:
        return
    colour = tuple(part / 255 for part in (FOR if strength > 0 else AGAINST))
    axes.axvspan(
        steps[0] - 0.5,
        steps[-1] + 0.5,
        facecolor=(*colour, 0.06 + 0.64 * min(1.0, abs(strength))),
        edgecolor=(1, 1, 1, 0.8),
        hatch="" if strength > 0 else "///",
        linewidth=0.6,
        zorder=0,
    )
    if text:
        middle = (steps[0] + steps[-1]) / 2
        axes.annotate(
            text, (middle, 0.97), xycoords=("data", "axes fraction"), ha="center", va="top",
            fontsize=7, fontweight="bold", color=_INK,
            bbox={"boxstyle": "round,pad=0.15", "fc": (1, 1, 1, 0.75), "ec": "none"},
        )  # fmt: skip


def _key() -> list[Any]:
    from matplotlib.patches import Patch

    tones = [tuple(part / 255 for part in colour) for colour in (FOR, AGAINST)]
    return [
        Patch(facecolor=tones[0], label="speaks for the answer"),
        Patch(facecolor=tones[1], edgecolor="white", hatch="///", label="speaks against it"),
    ]


def _dated(axes: Any, raw: Windows, place: int, length: int, *, last: bool) -> None:
    if not last:
        axes.set_xticks([])
        return
    places = raw.places(place)
    end = int(places[-1]) if len(places) else 0
    ticks = np.unique(np.linspace(0, length - 1, 5).astype(np.int64))
    axes.set_xticks(ticks, raw.rhythm.text(end - (length - 1) + ticks), fontsize=7)


def _small(axes: Any, values: NDArray[np.float32], after: NDArray[np.float32] | None) -> None:
    """Draw the first variables, each on a scale of its own."""
    whole = values if after is None else np.concatenate([values[:, : after.shape[1]], after])
    if after is not None:
        axes.axvline(len(values) - 0.5, color=_GREY, linewidth=0.7)
    for place in range(min(_LINES, whole.shape[1])):
        column = whole[:, place].astype(np.float64)
        known = column[np.isfinite(column)]
        if len(known):
            spread = float(known.std()) or 1.0
            column = (column - known.mean()) / spread
        axes.plot(np.arange(len(column)), column, linewidth=0.8, color=_COLOURS[place])
    axes.set_yticks([])


def _next(examples: Examples, place: int) -> NDArray[np.float32] | None:
    """Give what came next, where it is known, (H, A)."""
    raw: Windows = examples.raw
    if not raw.ahead or examples.targets is None:
        return None
    return np.asarray(examples.targets[place][-raw.ahead :], np.float32)


def _titled(examples: Examples, place: int) -> str:
    if examples.targets is None or examples.raw.ahead:
        return str(examples.names[place])
    return f"{examples.targets[place]}: {examples.names[place]}"


def _aligned(values: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    out = np.full((length, values.shape[1]), np.nan, np.float32)
    kept = values[-length:]
    out[length - len(kept) :] = kept
    return out


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    return figure, FigureCanvasAgg(figure)


def _axes(figure: Any, place: tuple[int, int, int]) -> Any:
    axes = figure.add_subplot(*place)
    axes.tick_params(labelsize=6, length=2)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _png(canvas: Any) -> bytes:
    out = io.BytesIO()
    canvas.print_png(out)
    return out.getvalue()


def _plain(text: str, most: int) -> str:
    # A dollar sign would start a formula in the drawing library.
    text = "".join(sign if sign.isprintable() else " " for sign in text).replace("$", r"\$")
    return text if len(text) <= most else f"…{text[1 - most :]}"
