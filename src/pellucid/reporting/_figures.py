"""Figures as SVG that a page holds in itself: lines, dots and words, no pixels.

A figure is as wide as the page lets it be. What it shows is placed in percent of its plot, words
keep their size, and colours come from the page by class, so that the same figure serves a phone, a
print, and light or dark paper. Each says in a title and a description what it shows.
"""

import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pellucid import _grid

_MANY = 20  # values from which a curve has outliers rather than a shape
_MOST = 200  # points of a line; more cannot be seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One drawing.

    Args:
        svg: its markup, whole and safe.
        caption: what to see in it, below it.
        form: "wide" or "square".
    """

    svg: str
    caption: str
    form: str = "wide"
    block: ClassVar[str] = "figure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """What one direction of a plot means.

    Args:
        label: with its unit.
        low: the value at its start.
        high: the value at its end, above `low`.
    """

    label: str
    low: float
    high: float

    def percent(self, value: float) -> float:
        """Give the place of a value, in percent of the axis, kept on it."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def ticks(self) -> list[float]:
        """Give a handful of round values on the axis."""
        rough = (self.high - self.low) / 6
        size = 10.0 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


def around(label: str, values: Iterable[float], *, margin: float = 0.08) -> Axis:
    """Give an axis that holds all these values with some room."""
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    room = margin * (high - low) or abs(high) * 0.1 or 1.0
    return Axis(label=label, low=low - room, high=high + room)


def score_curve(curve: Mapping[str, Any]) -> Figure | None:
    """Draw the held-out score over the time of a run; None if it was never scored.

    Args:
        curve: `model.record["curve"]`.
    """
    points = _points(curve.get("score_seconds", ()), curve.get("score", ()))
    if not points:
        return None
    name, guess = str(curve.get("metric", "score")).replace("_", " "), curve.get("guess")
    levels = [value for _, value in points] + ([] if guess is None else [guess])
    y = around(name, levels)
    x = _time_axis(curve)
    marks = [_polyline(points, x, y, "line")] + [_dot(*point, x, y, "dot") for point in points]
    if guess is not None:
        words = f"a guess that does not look: {_grid.figure(guess)}"
        marks.append(_level(guess, y, words))
    best = _grid.figure(points[-1][1])
    said = f"It goes from {_grid.figure(points[0][1])} to {best} in {len(points)} looks."
    svg = _plot(f"Held-out {name} over the run", said, x, y, [_shaded(curve, x), *marks])
    return Figure(svg=svg, caption=f"Held-out {name} while it learned; it ended at {best}.")


def loss_curve(curve: Mapping[str, Any]) -> Figure | None:
    """Draw the training loss over the time of a run; None if there is none."""
    points = _points(curve.get("seconds", ()), curve.get("loss", ()))
    if len(points) < 2:
        return None
    points = points[:: max(1, len(points) // _MOST)] + points[-1:]
    ordered = sorted(value for _, value in points)
    # The first few values tower over the rest and would press it flat.
    top = ordered[int(0.98 * (len(ordered) - 1))] if len(ordered) > _MANY else ordered[-1]
    x, y = _time_axis(curve), around("training loss", [ordered[0], top])
    said = f"It goes from {_grid.figure(points[0][1])} to {_grid.figure(points[-1][1])}."
    marks = [_shaded(curve, x), _polyline(points, x, y, "line other")]
    svg = _plot("Training loss over the run", said, x, y, marks, height=160)
    return Figure(
        svg=svg,
        caption="What training lowers. Grey: starting, reading and choosing before it, calibrating"
        " and saving after.",
    )


def reliability(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Draw how often answers were right against how sure the model was.

    Args:
        rows: one a bin: "confidence", "accuracy", "count".
    """
    x = Axis(label="how sure it was", low=0.0, high=1.0)
    y = Axis(label="how often it was right", low=0.0, high=1.0)
    most = max(row["count"] for row in rows)
    marks = ['<line class="ideal" x1="0%" y1="100%" x2="100%" y2="0%"/>']
    for row in rows:
        low, high = _wilson(row["accuracy"], row["count"])
        marks.append(_upright(row["confidence"], low, high, x, y))
    for row in rows:
        size = 3 + 6 * math.sqrt(row["count"] / most)
        marks.append(_dot(row["confidence"], row["accuracy"], x, y, "dot", size))
    said = "; ".join(
        f"{row['confidence']:.0%} sure, {row['accuracy']:.0%} right ({row['count']:,} examples)"
        for row in rows
    )
    svg = _plot("Calibration: how often right, by how sure", said, x, y, marks, height=300)
    return Figure(
        svg=svg,
        caption="On the dashed line the model is right as often as it says. A larger dot stands for"
        " more examples, its bar for 95 % of chance.",
        form="square",
    )


def agreement(rows: Sequence[Mapping[str, float]], unit: str) -> Figure:
    """Draw true numbers against predicted ones.

    Args:
        rows: one a bin of predictions: "predicted", "true", "low" and "high" (where eight in ten
            true numbers lie), "count".
        unit: of the numbers, or what they are numbers of.
    """
    values = [row[name] for row in rows for name in ("predicted", "low", "high")]
    x, y = around(f"predicted {unit}", values), around(f"true {unit}", values)
    marks = ['<line class="ideal" x1="0%" y1="100%" x2="100%" y2="0%"/>']
    marks += [_upright(row["predicted"], row["low"], row["high"], x, y) for row in rows]
    marks += [_dot(row["predicted"], row["true"], x, y, "dot", 4.5) for row in rows]
    said = "; ".join(
        f"predicted {_grid.figure(row['predicted'])}, truly {_grid.figure(row['true'])}"
        for row in rows
    )
    svg = _plot(f"True against predicted {unit}", said, x, y, marks, height=300)
    return Figure(
        svg=svg,
        caption="On the dashed line the model is right on average. A dot stands for as many"
        " examples as any other; eight in ten of their true numbers lie on its bar.",
        form="square",
    )


def intervals(
    title: str,
    rows: Sequence[tuple[str, Mapping[str, Any], float | None]],
    *,
    common: Axis | None = None,
    beside: str = "guess",
    caption: str = "",
) -> Figure:
    """Draw numbers with their intervals below each other.

    Args:
        title: of the figure.
        rows: a name, {"value", "low", "high"}, and a number to set beside it or None.
        common: axis of all rows; None for one of its own for each.
        beside: what the number beside is called.
        caption: of the figure.
    """
    tall, marks, said = 46, [], []
    for place, (name, score, other) in enumerate(rows):
        value = score["value"]
        low, high = (value if score.get(end) is None else score[end] for end in ("low", "high"))
        known = [low, high, value, *([] if other is None else [other])]
        x = common or around("", known, margin=0.12)
        top = place * tall
        words = f"{_grid.figure(value)} ({_grid.figure(low)} to {_grid.figure(high)})"
        told = "" if other is None else f", {beside} {_grid.figure(other)}"
        said.append(f"{name} {words}{told}")
        marks.append(
            f'<text class="strong" x="0" y="{top + 14}">{html.escape(name)}</text>'
            f'<text class="figure" x="100%" y="{top + 14}" text-anchor="end">{words}</text>'
            f'<line class="axis" x1="0%" x2="100%" y1="{top + 28}" y2="{top + 28}"/>'
            f'<line class="span" x1="{x.percent(low)}%" x2="{x.percent(high)}%"'
            f' y1="{top + 28}" y2="{top + 28}"/>'
            f'<circle class="dot" cx="{x.percent(value)}%" cy="{top + 28}" r="4.5"/>'
        )
        if other is not None:
            at = x.percent(other)
            marks.append(
                f'<line class="tick" x1="{at}%" x2="{at}%" y1="{top + 21}" y2="{top + 35}"/>'
            )
    svg = _svg(title, "; ".join(said) + ".", "".join(marks), height=tall * len(rows), kind="rows")
    return Figure(svg=svg, caption=caption)


def _wilson(share: float, count: float) -> tuple[float, float]:
    from pellucid.tasks import _scores

    found = _scores.share(round(share * count), int(count))
    return found.low or 0.0, 1.0 if found.high is None else found.high


def _points(across: Sequence[Any], up: Sequence[Any]) -> list[tuple[float, float]]:
    pairs = zip(across, up, strict=False)
    return [(x, y) for x, y in pairs if y is not None and math.isfinite(y)]


def _time_axis(curve: Mapping[str, Any]) -> Axis:
    times = [*curve.get("seconds", ()), *curve.get("score_seconds", ()), curve.get("budget") or 0.0]
    return Axis(label="seconds since the start", low=0.0, high=max(times, default=0.0) or 1.0)


def _shaded(curve: Mapping[str, Any], x: Axis) -> str:
    """Grey out the time before the first step and after the last."""
    steps = curve.get("seconds") or ()
    if not steps:
        return ""
    first, last = x.percent(steps[0]), x.percent(steps[-1])
    return (
        f'<rect class="apart" x="0%" y="0%" width="{first}%" height="100%"/>'
        f'<rect class="apart" x="{last}%" y="0%" width="{round(100 - last, 2)}%" height="100%"/>'
    )


def _polyline(points: Sequence[tuple[float, float]], x: Axis, y: Axis, look: str) -> str:
    # A drawing of its own that is stretched: lines, unlike dots, cannot be placed in percent.
    places = " ".join(f"{x.percent(a)},{round(100 - y.percent(b), 2)}" for a, b in points)
    return (
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">'
        f'<polyline class="{look}" points="{places}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _dot(a: float, b: float, x: Axis, y: Axis, look: str, size: float = 3.5) -> str:
    up = round(100 - y.percent(b), 2)
    return f'<circle class="{look}" cx="{x.percent(a)}%" cy="{up}%" r="{size:.1f}"/>'


def _upright(a: float, low: float, high: float, x: Axis, y: Axis) -> str:
    at = x.percent(a)
    ends = round(100 - y.percent(low), 2), round(100 - y.percent(high), 2)
    return f'<line class="range" x1="{at}%" x2="{at}%" y1="{ends[0]}%" y2="{ends[1]}%"/>'


def _level(value: float, y: Axis, words: str) -> str:
    at = round(100 - y.percent(value), 2)
    below = at < 50  # where there is room for words
    return (
        f'<line class="ideal" x1="0%" x2="100%" y1="{at}%" y2="{at}%"/>'
        f'<text class="faint" x="100%" dx="-6" y="{at}%" dy="{16 if below else -7}"'
        f' text-anchor="end">{html.escape(words)}</text>'
    )


def _plot(
    title: str, said: str, x: Axis, y: Axis, marks: Iterable[str], *, height: int = 220
) -> str:
    marked = _marked(y.ticks(), _short)
    grid = [
        f'<line class="grid" x1="0%" x2="100%" y1="{100 - y.percent(value)}%"'
        f' y2="{100 - y.percent(value)}%"/>'
        f'<text class="faint" x="-8" y="{100 - y.percent(value)}%" dy="4" text-anchor="end">'
        f"{words}</text>"
        for value, words in marked
    ]
    ends = [
        f'<text class="faint" x="{x.percent(value)}%" y="100%" dy="18" text-anchor="middle">'
        f"{words}</text>"
        for value, words in _marked(x.ticks(), _short)
    ]
    labels = (
        f'<text class="label" x="100%" y="100%" dy="36" text-anchor="end">{html.escape(x.label)}'
        f'</text><text class="label" x="-8" y="0" dy="-10">{html.escape(y.label)}</text>'
        '<line class="axis" x1="0%" x2="100%" y1="100%" y2="100%"/>'
    )
    return _svg(title, said, "".join([*grid, *marks, *ends, labels]), height=height, kind="plot")


def _svg(title: str, said: str, inside: str, *, height: int, kind: str) -> str:
    return (
        f'<svg class="{kind}" role="img" width="100%" height="{height}">'
        f"<title>{html.escape(title)}</title>"
        f"<desc>{html.escape(said)}</desc>{inside}</svg>"
    )


def _marked(values: Sequence[float], write: Callable[[float], str]) -> list[tuple[float, str]]:
    return [(value, write(value)) for value in values]


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
