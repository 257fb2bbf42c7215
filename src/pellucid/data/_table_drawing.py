"""Draw a table as one sheet: a small picture of each column.

Idea: one row means nothing without the others, so that every column is drawn whole and the chosen
rows are marked in it.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.data import Examples
from pellucid.data._arrow import stamps, whole
from pellucid.data._values import Settled, codes, levels, moments, numbers

_MOST_COLUMNS = 20
_MOST_BARS = 12
_MOST_MARKS = 30
_ACROSS = 4
_GREY, _MARK = "#9aa7b5", "#c8553d"


def sheet(examples: Examples, places: Sequence[int]) -> bytes:
    """Give a PNG with a histogram or bars of each column, the rows at `places` marked."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = examples.raw.column_names[:_MOST_COLUMNS]
    across = min(_ACROSS, len(names))
    down = -(-len(names) // across)
    figure = Figure(figsize=(2.6 * across, 1.9 * down + 0.5), dpi=110, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    marked = np.asarray(places[:_MOST_MARKS], dtype=np.int64)
    for place, name in enumerate(names):
        axes = figure.add_subplot(down, across, place + 1)
        axes.set_title(_plain(name, 28), fontsize=8)
        axes.tick_params(labelsize=6, length=2)
        axes.xaxis.get_offset_text().set_fontsize(6)
        axes.spines[["top", "right"]].set_visible(False)
        column = examples.raw.column(name)
        if Settled(column=column).kind == "words":
            _draw_words(axes, column, marked)
        else:
            _draw_numbers(axes, column, marked)
    figure.suptitle(_title(examples, places), fontsize=9)
    out = io.BytesIO()
    canvas.print_png(out)
    return out.getvalue()


def _draw_words(axes: Any, column: Any, marked: Any) -> None:
    written = whole(column)
    texts = [*levels(written), "(missing)"]
    place = codes(written) % len(texts)
    counts = np.bincount(place, minlength=len(texts))
    order = [code for code in np.argsort(-counts, kind="stable") if counts[code]][:_MOST_BARS]
    chosen = set(place[marked])
    colours = [_MARK if code in chosen else _GREY for code in order]
    axes.barh(range(len(order)), counts[order], color=colours)
    axes.set_yticks(range(len(order)), [_plain(texts[code], 14) for code in order])
    axes.invert_yaxis()


def _draw_numbers(axes: Any, column: Any, marked: Any) -> None:
    moment = Settled(column=column).kind == "moments"
    values = numbers(column)
    if moment:
        values = stamps(moments(column)).astype("datetime64[D]").astype(float) / 365.2425 + 1970
        values[np.isnat(stamps(moments(column)))] = np.nan
    seen = values[~np.isnan(values)]
    if not len(seen):
        return
    # Sums over the extremes of float64 overflow inside the drawing library.
    seen = np.clip(seen, -1e150, 1e150)
    axes.hist(seen, bins=min(40, len(np.unique(seen)) + 1), color=_GREY)
    for value in np.clip(values[marked], -1e150, 1e150):
        if not np.isnan(value):
            axes.axvline(value, color=_MARK, linewidth=0.8)


def _title(examples: Examples, places: Sequence[int]) -> str:
    text = f"{len(examples)} rows"
    left = len(examples.raw.column_names) - _MOST_COLUMNS
    text += f", the first {_MOST_COLUMNS} of {left + _MOST_COLUMNS} columns" if left > 0 else ""
    if examples.targets is None or not len(places):
        return text
    answers = [str(examples.targets[place]) for place in places[:6]]
    more = " …" if len(places) > len(answers) else ""
    return f"{text}; marked: {_plain(examples.target, 28)} = {_plain(', '.join(answers), 60)}{more}"


def _plain(text: str, most: int) -> str:
    # A dollar sign would start a formula in the drawing library.
    text = "".join(sign if sign.isprintable() else " " for sign in text).replace("$", r"\$")
    return text if len(text) <= most else f"{text[: most - 1]}…"
