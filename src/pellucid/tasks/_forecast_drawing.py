"""Draw a forecast as a fan over the past.

Idea: what was and what may come stand on one line of time, each variable in a row of its own, the
newest step of the past in the same place everywhere.
"""

import io
from typing import Any

import numpy as np

from pellucid.tasks._forecast_answer import Course, Outlook

_MOST = 8  # variables; more cannot be seen
_PAST, _NEXT, _TRUE = "#5b6875", "#c8553d", "#1f6f5c"


def fan(outlook: Outlook, truth: Course) -> bytes:
    """Give a PNG with a fan for each of the first eight variables.

    Args:
        outlook: to be drawn, over its past if it knows it.
        truth: what came next, (H,) for some or all variables.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(outlook.median)[:_MOST]
    figure = Figure(figsize=(7.2, 1.5 * len(names) + 0.8), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    rows = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(rows, names, strict=True):
        _draw(axes, outlook, name, truth)
    span = f", {outlook.times[0]} to {outlook.times[-1]}" if outlook.times else ""
    rows[-1].set_xlabel(f"steps from now{span}", fontsize=8)
    rows[0].legend(fontsize=7, frameon=False, loc="upper left", ncols=4)
    left_out = len(outlook.median) - len(names)
    if left_out:
        figure.suptitle(f"the first {len(names)} variables; {left_out} more", fontsize=9)
    out = io.BytesIO()
    canvas.print_png(out)
    return out.getvalue()


def _draw(axes: Any, outlook: Outlook, name: str, truth: Course) -> None:
    steps = np.arange(1, len(outlook.median[name]) + 1)
    past = outlook.past.get(name, np.empty(0))[-3 * len(steps) :]
    axes.plot(np.arange(1 - len(past), 1), past, color=_PAST, linewidth=0.9, label="past")
    if name in outlook.low:
        axes.fill_between(
            steps,
            outlook.low[name],
            outlook.high[name],
            color=_NEXT,
            alpha=0.22,
            linewidth=0,
            label=f"{outlook.level:.0%} interval",
        )
    axes.plot(steps, outlook.median[name], color=_NEXT, linewidth=1.2, label="forecast")
    if name in truth:
        axes.plot(steps, truth[name], color=_TRUE, linewidth=0.9, linestyle="--", label="truth")
    axes.axvline(0.5, color=_PAST, linewidth=0.6, linestyle=":")
    # A name with a dollar sign would be read as a formula.
    axes.set_ylabel(name[:24].replace("$", r"\$"), fontsize=8)
    axes.tick_params(labelsize=7, length=2)
    axes.spines[["top", "right"]].set_visible(False)
