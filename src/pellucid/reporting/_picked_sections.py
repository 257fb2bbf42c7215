"""The examples that a model is worst at and those that it doubts most, beside what it learned from.

A task lists them in its details, as rows that name their place; where it does not, there is no such
section.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid import _grid
from pellucid.explaining import _showing
from pellucid.reporting._blocks import Block, Section, Words, table
from pellucid.reporting._sample import Sample

if TYPE_CHECKING:
    from pellucid.model import Model
    from pellucid.reporting._facts import Facts

LISTED = {"worst": "Those it is worst at", "doubtful": "Those it doubts most"}
_NEAREST = 2  # training examples beside each


@dataclass(frozen=True, kw_only=True, slots=True)
class Picked:
    """One example that was picked.

    Args:
        name: of it.
        why: under which of `LISTED`.
        facts: what the task says of it.
        nearest: the training examples that the network finds most alike, in words.
    """

    name: str
    why: str
    facts: Mapping[str, Any]
    nearest: str


def pick(model: "Model", found: Sample, details: Mapping[str, Any]) -> tuple[Picked, ...]:
    """Pick examples of a sample, and find what is near to them; none if the task lists none.

    Args:
        model: that is reported on.
        found: the sample.
        details: of an evaluation, maybe of other examples.
    """
    if not LISTED.keys() & details.keys():
        return ()
    listed = model.task.details(found.outputs, found.y, model.calibration)
    return tuple(_picked(model, found, listed))


def picked(facts: "Facts") -> Section | None:
    """Set what was picked as tables."""
    if not facts.picked:
        return None
    text = (
        "Beside each stand the training examples, of those that the model has stored, that the"
        " network finds most alike: what it may have been misled by, or had nothing to learn from."
    )
    blocks: list[Block] = [Words(text=text)]
    for why, title in LISTED.items():
        rows = [each for each in facts.picked if each.why == why]
        if rows:
            names = [key.replace("_", " ") for key in rows[0].facts]
            cells = [
                (each.name, *map(_cell, each.facts.values()), each.nearest or "none is stored")
                for each in rows
            ]
            head = ("example", *names, "nearest in training")
            blocks.append(table(title, head, cells, words=tuple(range(len(head)))))
    return Section(name="picked", title="Where it is at its worst", blocks=tuple(blocks))


def _picked(model: "Model", found: Sample, listed: Mapping[str, Any]) -> Iterator[Picked]:
    for why in LISTED:
        for row in listed.get(why, ()):
            place = int(row["place"])
            yield Picked(
                name=_showing.clean(found.examples.names[place]),
                why=why,
                facts={key: value for key, value in row.items() if key != "place"},
                nearest="; ".join(_nearest(model, found, place)),
            )


def _nearest(model: "Model", found: Sample, place: int) -> Iterator[str]:
    recall = model.why.recall
    if recall is None:
        return
    case, _, _ = model.why.case(found.examples, place)
    near = sorted(recall.neighbours(case.x, case.which), key=lambda one: -one.similarity)
    for one in near[:_NEAREST]:
        raw = model.kind.restore(recall.cases.stored[[one.place]], model.schema).raw[0]
        source = f"{raw} " if isinstance(raw, str) else ""
        yield f"{_showing.clean(one.name)}: {source}→ {_showing.clean(one.target)}"


def _cell(value: Any) -> str:
    return _grid.figure(value) if isinstance(value, float) else _showing.clean(str(value))
