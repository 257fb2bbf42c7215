"""How a run looks: while it goes on, in words when it is over, and as a picture of its curve.

Progress goes to standard error, so that standard output holds nothing but results.
"""

import math
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid import _grid
from pellucid._easel import Easel
from pellucid.training.progress import Progress, Watch

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_LIVE = 0.2  # seconds between two pictures on a terminal
_PLAIN = 5.0  # seconds between two lines elsewhere
_SHOWN = 8  # members of a list that a person is shown
_MANY = 20  # values from which a curve has outliers rather than a shape
_INK, _FAINT, _GREY, _BLUE, _ORANGE = "#2b3440", "#c5ccd6", "#7a8594", "#1f6fb2", "#d9772b"


class Display:
    """Show a run while it goes on: `with Display() as watch: pellucid.fit(..., watch=watch)`.

    A terminal gets one live picture; a file, a pipe or a notebook a line every few seconds and at
    each new stage. What must not be missed is always said. A display that can no longer be written
    to (a closed window, a broken pipe) falls silent: it never ends a run.

    Args:
        quiet: say only what must not be missed.
        drawn: a PNG that is drawn anew now and then: what the network makes, or the curve of the
            run; None for none.

    Raises:
        BadInputError: if no PNG could be drawn there.
    """

    def __init__(self, *, quiet: bool = False, drawn: Path | None = None) -> None:
        self._quiet = quiet
        self._easel = None if drawn is None else Easel(drawn)
        self._live: Live | None = None
        self._console: Console | None = None
        self._shown = -math.inf  # time of the last picture or line
        self._stage = ""
        self._deaf = False

    def __enter__(self) -> Watch:
        if not self._quiet and sys.stderr.isatty():
            self._open_terminal()
        return self._watch

    def __exit__(self, *reason: object) -> None:
        if self._live is not None:
            self._safely(self._live.stop)

    def _open_terminal(self) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, highlight=False)
        if console.is_dumb_terminal or console.is_jupyter:
            return
        self._console = console
        # No thread of its own: a refresh would take time from training, and stdout is not ours.
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        self._safely(self._live.start)

    def _watch(self, progress: Progress) -> None:
        if progress.said:
            self._safely(self._say, progress.said)
        if self._easel is not None:
            self._safely(self._say, self._easel.draw(progress))
        if self._quiet or not self._due(progress):
            return
        self._shown, self._stage = time.monotonic(), progress.stage
        if self._live is None:
            self._safely(_write, in_words(progress))
        else:
            self._safely(lambda: self._refresh(progress))

    def _due(self, progress: Progress) -> bool:
        every = _PLAIN if self._live is None else _LIVE
        return progress.stage != self._stage or time.monotonic() - self._shown >= every

    def _refresh(self, progress: Progress) -> None:
        assert self._live is not None
        self._live.update(_picture(progress), refresh=True)

    def _say(self, sentence: str) -> None:
        if not sentence:
            return
        if self._console is None:
            _write(sentence)
        else:
            self._console.print(sentence, markup=False)

    def _safely(self, act: Any, *given: str) -> None:
        if self._deaf:
            return
        try:
            act(*given)
        except OSError:
            self._deaf = True


def in_words(progress: Progress) -> str:
    """Put progress on one plain line, for a log."""
    spent = f"{progress.spent:.0f} s"
    if math.isfinite(progress.budget):
        spent += f" of {progress.budget:.0f} s"
    rest = [f"next: {progress.next}"] if progress.next else []
    return "; ".join([f"[{spent}] {progress.stage}", *_figures(progress), *rest])


def summarise(summary: Mapping[str, Any]) -> str:
    """Tell what a run came to, for a person.

    Args:
        summary: `model.record["summary"]`.
    """
    network = " ".join(str(value) for value in summary["network"].values())
    lines = [
        f"Learned to {summary['task']} {summary['target']}".rstrip()
        + f" from {summary['n_train']:,} examples, {summary['n_valid']:,} more held out.",
        f"Network {network}: {summary['weights']:,} weights, {summary['steps']:,} steps, "
        f"{summary['passes']:g} passes, {duration(summary['seconds'])}{_limit(summary['budget'])}.",
        *([f"It ended there: {summary['reason']}."] if summary["reason"] else []),
        "",
        *_scored("held out", summary),
        *(["", *_scored("test", summary["test"])] if "test" in summary else []),
    ]
    return "\n".join(lines)


def describe(record: Mapping[str, Any]) -> str:
    """Tell a whole record, for a person; the curve is left to a picture."""
    told = {name: value for name, value in record.items() if name != "curve"}
    return "\n".join(_outline(told, depth=0))


def duration(seconds: float) -> str:
    """Write a time as a person says it: "23 s", "12 min 30 s", "3 h 5 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def curve(record: Mapping[str, Any]) -> bytes:
    """Draw the held-out score and the training loss over the budget, as a PNG.

    Args:
        record: of a model; its "curve" holds seconds, loss, score_seconds, score, metric, guess
            and budget.
    """
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    known = record["curve"]
    paper = Figure(figsize=(8, 5), dpi=150, facecolor="white", layout="constrained")
    upper, lower = paper.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_score(upper, known)
    _draw_loss(lower, known)
    _mark_time(lower, known)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(_FAINT)
        axes.tick_params(color=_FAINT, labelcolor=_INK)
        axes.grid(axis="y", color="#eceff3", linewidth=0.8)
        axes.set_axisbelow(True)
        _shade(axes, known)
    kept = io.BytesIO()
    FigureCanvasAgg(paper).print_png(kept)
    return kept.getvalue()


def _draw_score(axes: Any, known: Mapping[str, Any]) -> None:
    name = known["metric"].replace("_", " ")
    title = "not scored yet"
    if known["score"]:
        axes.plot(
            known["score_seconds"], known["score"], color=_BLUE, lw=2, marker="o", markersize=4
        )
        title = f"{name} {_grid.figure(known['score'][-1])} on held-out examples"
    axes.set_title(title, loc="left", color=_BLUE, weight="bold", fontsize=12)
    axes.set_ylabel(name, color=_INK)
    axes.margins(y=0.15)
    if known["guess"] is not None:
        _draw_guess(axes, known["guess"])


def _draw_guess(axes: Any, guess: float) -> None:
    axes.axhline(guess, color=_GREY, linewidth=1.2, linestyle=(0, (5, 3)))
    axes.annotate(
        f"a guess that does not look: {_grid.figure(guess)}",
        (0, guess),
        xycoords=("axes fraction", "data"),
        xytext=(6, 4),
        textcoords="offset points",
        color=_GREY,
        fontsize=9,
    )


def _draw_loss(axes: Any, known: Mapping[str, Any]) -> None:
    axes.set_ylabel("training loss", color=_INK)
    axes.plot(known["seconds"], known["loss"], color=_ORANGE, linewidth=1.6)
    loss = sorted(value for value in known["loss"] if value is not None and math.isfinite(value))
    if len(loss) > _MANY:
        # The first few values tower over the rest and would press it flat.
        ceiling = loss[int(0.98 * (len(loss) - 1))]
        margin = 0.08 * (ceiling - loss[0]) or 0.1
        axes.set_ylim(loss[0] - margin, ceiling + margin)


def _mark_time(axes: Any, known: Mapping[str, Any]) -> None:
    times = [*known["seconds"], *known["score_seconds"]]
    axes.set_xlim(0, max([*times, known["budget"] or 0.0]) or 1.0)
    axes.set_xlabel("seconds; grey: reading, choosing, calibrating, saving", color=_INK)


def _shade(axes: Any, known: Mapping[str, Any]) -> None:
    """Grey out the time before the first step and after the last."""
    start, end = axes.get_xlim()
    if known["seconds"]:
        for first, last in ((start, known["seconds"][0]), (known["seconds"][-1], end)):
            axes.axvspan(first, last, color="#f3f5f8", linewidth=0, zorder=0)


def _scored(side: str, known: Mapping[str, Any]) -> list[str]:
    head, *rows = _grid.score_rows(known["scores"], known["guess"])
    return [_grid.as_text([(side, *head[1:]), *rows])]


def _limit(seconds: float | None) -> str:
    return "" if seconds is None or math.isinf(seconds) else f" of {duration(seconds)}"


def _outline(record: Mapping[str, Any], *, depth: int) -> Iterator[str]:
    for name, value in record.items():
        head = f"{'  ' * depth}{name.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield head
            yield from _outline(value, depth=depth + 1)
        else:
            yield f"{head}: {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_short(each)}" for name, each in value.items())
    if isinstance(value, list | tuple) and value:
        rest = f" and {len(value) - _SHOWN} more" if len(value) > _SHOWN else ""
        return "; ".join(_short(each) for each in value[:_SHOWN]) + rest
    return str(value) if value or value == 0 else "-"


def _figures(progress: Progress) -> list[str]:
    parts = []
    if progress.steps:
        parts.append(f"step {progress.step:,} of {progress.steps:,}")
    if progress.loss is not None:
        parts.append(f"loss {_grid.figure(progress.loss)}")
    if progress.score is not None:
        parts.append(f"held-out {progress.metric.replace('_', ' ')} {_grid.figure(progress.score)}")
    return parts


def _picture(progress: Progress) -> "RenderableType":
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    timed = math.isfinite(progress.budget)
    done, whole = (
        (progress.spent, progress.budget) if timed else (progress.step, progress.steps or 1)
    )
    left = f"{duration(max(0.0, progress.budget - progress.spent))} left" if timed else ""
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(progress.stage.ljust(11), style="bold cyan"),
        ProgressBar(total=whole, completed=min(done, whole), width=36),
        Text(left),
    )
    rest = [" · ".join(_figures(progress)), f"next: {progress.next}" if progress.next else ""]
    lines = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in rest]
    return Group(head, *lines)


def _write(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
