"""What the answers look like: some of them drawn, and what the model makes by itself.

A task draws its answers where words do not say them (`Task.picture`), and one that learns from raw
data alone can make more of it (`Task.draw`); where neither is so, there is no such section.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.errors import PellucidError
from pellucid.reporting._blocks import Block, Picture, Quote, Section, Words, data_uri
from pellucid.reporting._made_sections import Sheet, sheets
from pellucid.reporting._sample import Sample, losses

if TYPE_CHECKING:
    from pellucid.model import Model
    from pellucid.reporting._facts import Facts

_LENGTH = 500  # characters that a model makes
_TEXTS, _TEMPERATURE = 2, 0.8
_RANKS = ((0.5, "one that it was off by about as far as half of them"), (1.0, "the worst"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """One answer as a picture.

    Args:
        picture: PNG.
        about: which answer it is.
    """

    picture: bytes
    about: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What there is to show.

    Args:
        drawn: answers as pictures.
        made: texts that the model makes by itself.
        sheets: whole examples that it makes, drawn.
    """

    drawn: tuple[Drawn, ...] = ()
    made: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()


def look(model: "Model", found: Sample) -> Shown:
    """Draw some answers, and let the model make something, where its task can."""
    return Shown(drawn=tuple(_drawn(model, found)), made=_made(model), sheets=sheets(model))


def answers(facts: "Facts") -> Section | None:
    """Show answers, and what the model makes by itself; None where there is nothing to show."""
    shown = facts.shown
    blocks: list[Block] = [
        Picture(picture=data_uri(one.picture), shown=one.about, caption=one.about)
        for one in shown.drawn
    ]
    if shown.made:
        text = f"Begun with nothing, and drawn with a temperature of {_TEMPERATURE:g}:"
        blocks += [Words(text=text), *(Quote(text=text) for text in shown.made)]
    if not blocks:
        return None
    return Section(name="answers", title="What its answers look like", blocks=tuple(blocks))


def _drawn(model: "Model", found: Sample) -> Iterator[Drawn]:
    each = losses(model, found)
    if each is None:
        return
    order = np.argsort(each, kind="stable")
    for rank, about in _RANKS:
        place = int(order[round(rank * (len(order) - 1))])
        one = slice(place, place + 1)
        picture = model.task.picture(found.outputs[one], found.y[one], model.calibration)
        if not picture:
            return
        name = found.examples.names[place]
        yield Drawn(picture=picture, about=f"{name}: {about}, of {len(order):,}.")


def _made(model: "Model") -> tuple[str, ...]:
    if model.task.makes != "text":
        return ()
    from pellucid.generating import Drawing, Wish, written

    how = Drawing(temperature=_TEMPERATURE)
    try:
        found = written(model.why.subject, Wish(length=_LENGTH, count=_TEXTS, seed=0, drawing=how))
    except PellucidError:
        return ()
    return tuple(text for text in found if text.strip())
