"""Rows of words as a plain table, for a terminal and for a notebook."""

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Sequence[str]]


def as_text(rows: Rows) -> str:
    """Line rows up: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    )


def as_html(rows: Rows) -> str:
    """Draw rows as a table whose first row is its head."""
    head, *body = [
        "".join(f"<{tag}>{html.escape(word)}</{tag}>" for word in row)
        for tag, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    ]
    lines = "".join(f"<tr>{row}</tr>" for row in body)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def score_rows(scores: Mapping[str, Mapping[str, Any]], guess: Mapping[str, float]) -> Rows:
    """Put each score, as JSON, with its interval beside the guess."""
    rows = [("", "score", "95 % interval", "guess")]
    for name, score in scores.items():
        low, high = score.get("low"), score.get("high")
        interval = "" if low is None or high is None else f"{figure(low)} to {figure(high)}"
        rows.append(
            (name.replace("_", " "), figure(score["value"]), interval, figure(guess.get(name)))
        )
    return rows


def figure(value: float | None) -> str:
    """Write a number with four figures; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"


def covering(coverage: Mapping[str, Any]) -> str:
    """Say what a task promises with a probability, such as "sets hold the truth"."""
    if coverage.get("bounds"):
        return f"lower bounds of {coverage['bounds']} hold"
    kind = "sets" if "mean_set_size" in coverage else "intervals"
    return f"{kind} hold the truth"


def paragraphs(sentences: Sequence[str]) -> str:
    """Write sentences as HTML, one paragraph each."""
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
