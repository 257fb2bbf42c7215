"""The sections that tell how good the answers are: scores, calibration, confusion, each class.

What is drawn is decided by what a task gives in its details, never by which task it is.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid import _grid
from pellucid.reporting._blocks import Block, Cell, Section, Words, counted, table
from pellucid.reporting._facts import Facts
from pellucid.reporting._figures import Axis, agreement, intervals, reliability
from pellucid.reporting._picked_sections import LISTED

_PAIRS = 8  # confusions that are named
_LEANING = 0.02  # mean confidence less accuracy that is worth a word
_KNOWN = {
    *LISTED,
    "calibration",
    "confusion",
    "per_class",
    "coverage",
    "agreement",
    "agreement_of",
    "classes",
    "asked",
}


def scores(facts: Facts) -> Section:
    """Set every score with its interval beside the guess."""
    blocks: list[Block] = []
    for place, found in enumerate(facts.scored):
        head, *rows = _grid.score_rows(found.scores, found.guess)
        said = f"Scores on {counted(found.count)} of {found.side}"
        if place == 0:
            caption = (
                "The dot is the score, the bar its 95 % interval, the upright line what a guess"
                " scores that does not look at the example. Each score has its own scale."
            )
            drawn = [
                (name.replace("_", " "), score, found.guess.get(name))
                for name, score in found.scores.items()
                if score.get("value") is not None
            ]
            blocks.append(intervals(said, drawn, caption=caption))
        blocks.append(table(said, head, rows))
    if not blocks:
        blocks.append(Words(text="The model was never scored on examples it had not seen."))
    blocks += _further(facts)
    return Section(name="scores", title="How good it is", blocks=tuple(blocks))


def calibration(facts: Facts) -> Section | None:
    """Draw whether it can believe itself; None where nothing is answered."""
    if facts.makes:
        return None
    blocks: list[Block] = []
    bins = facts.details.get("calibration", {}).get("reliability")
    if bins:
        error = facts.details["calibration"].get("ece")
        if error is not None:
            text = f"Its probabilities are {100 * error:.1f} points off on average"
            text += f", over {_counted(facts)}{_leaning(bins)}."
            blocks.append(Words(text=text))
        blocks.append(reliability(bins))
    rows = facts.details.get("agreement")
    if rows:
        target = facts.model.schema.target or "number"
        blocks.append(agreement(rows, facts.details.get("agreement_of") or target))
    blocks += _coverage(facts)
    if not blocks:
        text = "Nothing was measured: no examples with known answers were given or are stored."
        blocks.append(Words(text=text))
    return Section(name="calibration", title="How honest it is", blocks=tuple(blocks))


def confusion(facts: Facts) -> Section | None:
    """Tell which answer is taken for which; None where answers are not told apart by name."""
    matrix, classes = facts.details.get("confusion"), facts.model.schema.classes
    if not classes or facts.makes:
        return None
    blocks: list[Block] = []
    if matrix:
        blocks += _pairs(matrix, classes)
        blocks.append(_matrix(matrix, classes))
    elif "confusion" in facts.details:
        blocks.append(Words(text=f"{len(classes)} classes are too many for one table."))
    blocks += _each_class(facts)
    if not blocks:
        text = "Unknown: no examples with known answers were given, and none are stored."
        blocks.append(Words(text=text))
    return Section(name="confusion", title="What it takes for what", blocks=tuple(blocks))


def groups(facts: Facts) -> Section | None:
    """Name those that the model is clearly weaker for; None where nothing is answered."""
    if facts.makes:
        return None
    title = "The weakest groups"
    if facts.sample is None:
        text = "Unknown: no examples with known answers were given, and none are stored."
        return Section(name="groups", title=title, blocks=(Words(text=text),))
    if not facts.groups:
        text = (
            "No group of examples, by answer or by anything else that is known of them, is clearly"
            " worse off than all together."
        )
        return Section(name="groups", title=title, blocks=(Words(text=text),))
    metric = facts.model.task.metric.replace("_", " ")
    whole = _grid.figure(facts.groups[0].whole)
    rows = [
        (
            f"{group.name} = {group.value}",
            f"{group.n:,}",
            _grid.figure(group.score.value),
            _span(group.score),
        )
        for group in facts.groups
    ]
    note = (
        f"All together: {metric} {whole}. Listed are groups whose difference from that holds even"
        " though many groups were tried."
    )
    found = table(
        "Groups that it is clearly weaker for",
        ("group", "examples", metric, "95 % interval"),
        rows,
        note=note,
    )
    return Section(name="groups", title=title, blocks=(found,))


def _leaning(bins: Sequence[Mapping[str, float]]) -> str:
    """Say whether it is surer than it should be, or less sure."""
    total = sum(row["count"] for row in bins)
    over = sum(row["count"] * (row["confidence"] - row["accuracy"]) for row in bins) / total
    if abs(over) < _LEANING:
        return ""
    how = "surer than it should be" if over > 0 else "less sure than it could be"
    return f"; on the whole it is {how}"


def _counted(facts: Facts) -> str:
    """Say over how many examples the details were taken."""
    if facts.sample is not None:
        return counted(len(facts.sample))
    return counted(facts.scored[0].count) if facts.scored else "the examples"


def _coverage(facts: Facts) -> Iterator[Block]:
    known = facts.details.get("coverage")
    if not known:
        return
    text = (
        f"Its {known['level']:.0%} {_grid.covering(known)} in {known['share']:.1%} of"
        f" {_counted(facts)}."
    )
    if known.get("mean_set_size") is not None:
        text += f" They name {known['mean_set_size']:.2f} answers on average"
        text += f"; {known['empty']:.1%} are empty." if known.get("empty") else "."
    if known.get("mean_width") is not None:
        text += f" They are {_grid.figure(known['mean_width'])} wide on average."
    if not facts.tested:
        text += (
            " They were set by what was held out, these examples among it: others would test it."
        )
    yield Words(text=text)


def _pairs(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Iterator[Block]:
    """Name what is most often taken for what."""
    found = [
        (count, classes[truth], classes[answer], count / sum(row))
        for truth, row in enumerate(matrix)
        for answer, count in enumerate(row)
        if count and truth != answer
    ]
    if not found:
        yield Words(text="It takes nothing for anything else.")
        return
    found = sorted(found, key=lambda pair: -pair[0])[:_PAIRS]
    rows = [
        (truth, answer, f"{count:,}", Cell(text=f"{share:.1%}", bar=share, tone="bad"))
        for count, truth, answer, share in found
    ]
    head = ("it is", "taken for", "times", "of all such")
    yield table("The commonest confusions", head, rows, words=(0, 1))


def _matrix(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Block:
    rows = []
    for truth, row in enumerate(matrix):
        total = sum(row) or 1
        cells = [
            Cell(
                text=f"{count:,}" if count else "·",
                # The root, so that confusions, which are rare, can be seen at all.
                shade=math.sqrt(count / total),
                tone="good" if truth == answer else "bad",
            )
            for answer, count in enumerate(row)
        ]
        rows.append([Cell(text=classes[truth]), *cells])
    note = (
        "Rows: what it is; columns: what it was taken for. The darker, the larger the share of the"
        " row. Right answers lie on the diagonal."
    )
    head = ("", *classes)
    return table("How often which answer was given", head, rows, dense=True, note=note)


def _each_class(facts: Facts) -> Iterator[Block]:
    known: Mapping[str, Mapping[str, Any]] = facts.details.get("per_class") or {}
    if not known:
        return
    rows = [
        (name, f"{row['count']:,}", _bar(row.get("recall")), _bar(row.get("precision")))
        for name, row in known.items()
    ]
    head = ("", "examples", "recall", "precision")
    note = "Recall: how many of these are found. Precision: how many of those named so are."
    yield table("Each class by itself", head, rows, note=note)


def _bar(share: float | None) -> Cell:
    return Cell(text="-") if share is None else Cell(text=f"{share:.3f}", bar=share)


def _span(score: Any) -> str:
    if score.low is None:
        return "-"
    return f"{_grid.figure(score.low)} to {_grid.figure(score.high)}"


def _further(facts: Facts) -> Iterator[Block]:
    """Tell what else a task has to say, as plain figures."""
    rows = [
        (name.replace("_", " "), _grid.figure(value) if isinstance(value, float) else str(value))
        for name, value in facts.details.items()
        if name not in _KNOWN and isinstance(value, bool | int | float | str)
    ]
    if rows:
        yield table("Further figures", ("", "value"), rows)
    for name, value in facts.details.items():
        if name not in _KNOWN and isinstance(value, list) and value:
            yield from _listed(name.replace("_", " "), value)


def _listed(name: str, rows: Sequence[Any]) -> Iterator[Block]:
    """Set rows of figures that a task gives as a table."""
    if not all(isinstance(row, Mapping) and row.keys() == rows[0].keys() for row in rows):
        return
    head = [str(key).replace("_", " ") for key in rows[0]]
    cells = [
        [_grid.figure(value) if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    yield table(f"By {name.removeprefix('by ')}", head, cells)


def methods(scores: Mapping[str, Mapping[str, Any]]) -> Block:
    """Draw how faithful each way of explaining is, on one scale."""
    ends = [
        row[end]
        for row in scores.values()
        for end in ("value", "low", "high")
        if row.get(end) is not None
    ]
    common = Axis(label="", low=min(0.0, *ends) - 0.05, high=max(*ends, 0.1) + 0.05)
    rows = [(name.replace("_", " "), row, 0.0) for name, row in scores.items()]
    caption = "The upright line is chance: an order of parts drawn at random."
    title = "Faithfulness of each method on this model"
    return intervals(title, rows, common=common, beside="chance", caption=caption)
