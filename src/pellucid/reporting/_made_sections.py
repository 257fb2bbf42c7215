"""What a model makes, drawn: of each class, over the run, along its noise, and beside real ones.

Nothing here asks which task it is: there is such a section where a task makes whole examples, and
what its details hold decides what is told of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pellucid import _grid
from pellucid.reporting._blocks import (
    Block,
    Facts,
    Picture,
    Section,
    Words,
    counted,
    data_uri,
    table,
)
from pellucid.reporting._sample import scored

if TYPE_CHECKING:
    from pellucid.model import Model
    from pellucid.reporting._facts import Facts as Known

_WALK = 12  # examples on the way from one sample to another
_SPOILT = ("blurred", "noisy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One sheet of made examples.

    Args:
        picture: PNG.
        about: what it shows.
    """

    picture: bytes
    about: str


def sheets(model: "Model") -> tuple[Sheet, ...]:
    """Draw what a model makes; nothing if it makes no whole examples."""
    if model.task.makes != "examples":
        return ()
    return tuple(_drawn(model))


def making(known: "Known") -> Section | None:
    """Show what the model makes; None if it makes nothing whole."""
    if not known.shown.sheets:
        return None
    blocks: list[Block] = [
        Picture(picture=data_uri(each.picture), shown=each.about, caption=each.about)
        for each in known.shown.sheets
    ]
    return Section(name="made", title="What it makes", blocks=tuple(blocks))


def likeness(known: "Known") -> Section | None:
    """Set what was made beside real examples, as they are and spoilt; None where nobody did."""
    details, metric = known.details, known.model.task.metric
    floor = details.get("floor")
    if not isinstance(floor, Mapping):
        return None
    eye = details.get("eye", {})
    rows: dict[str, Mapping[str, Any]] = {}
    if known.sample is not None:  # the same examples as the floor is of
        side = known.scored[0] if known.sample.given else scored(known.model, known.sample)
        rows["made"] = {name: score.get("value") for name, score in side.scores.items()}
    rows["real, learned from"] = floor
    rows |= {f"real, {name}": eye[name] for name in _SPOILT if name in eye}
    head = ("", *(name.replace("_", " ") for name in floor))
    cells = [(name, *(_grid.figure(row.get(key)) for key in floor)) for name, row in rows.items()]
    note = (
        f"Each compared with {_counted(known)}; a {metric} of few is larger than one of many. The"
        f" second line is the floor: no {metric} can be expected to be lower."
    )
    blocks: list[Block] = [table("Beside real examples", head, cells, note=note)]
    blocks += _shares(details)
    blocks += _eyes(details, eye)
    return Section(name="likeness", title="How like the real ones", blocks=tuple(blocks))


def _counted(known: "Known") -> str:
    if known.sample is None:
        return "real examples that were held out"
    return f"{counted(len(known.sample), 'real example')} that it did not learn from"


def _drawn(model: "Model") -> Iterator[Sheet]:
    from pellucid import _views
    from pellucid import making as maker

    subject = model.why.subject
    of_each = bool(model.schema.classes)
    about = "Samples, the same noise in each column." if of_each else "Samples by their numbers."
    yield Sheet(picture=_views.by_class(subject).sheet(), about=about)
    near = _views.nearest(subject, model.cases)
    if near is not None and model.cases is not None:
        count = len(model.cases.stored)
        text = (
            f"Samples, each beside those of {count:,} stored training examples that look most like"
            " it. Distances are of the features that scores are measured in."
        )
        yield Sheet(picture=near.sheet(), about=text)
    grown = _views.course(subject)
    if grown is not None:
        yield Sheet(picture=grown.sheet(), about="What the same noise became over the run.")
    found = maker.directions(subject, 0)
    text = (
        "The directions of the noise that change sample 0 most, from three deviations before it to"
        " three behind."
    )
    yield Sheet(picture=maker.strips(subject, found, 0).sheet(), about=text)
    walk = maker.walk(subject, (0, 1), frames=_WALK)
    yield Sheet(picture=walk.sheet(), about="A walk from sample 0 to sample 1.")


def _shares(details: Mapping[str, Any]) -> Iterator[Block]:
    rows = details.get("classes") or []
    if not rows:
        return
    cells = [
        (row["class"], f"{row['real']:.1%}", f"{row['made']:.1%}", _grid.figure(row["times"]))
        for row in rows
    ]
    note = "Real ones are counted by the same eye, which errs."
    asked = details.get("asked")
    if asked is not None:
        note += f" It sees the class that was asked for in {asked:.1%} of what was made."
    yield table("How often each class is there", ("", "real", "made", "times"), cells, note=note)


def _eyes(details: Mapping[str, Any], eye: Mapping[str, Any]) -> Iterator[Block]:
    repeated = details.get("repeated")
    if repeated:
        yield Words(
            text=f"{repeated['value']:.1%} of what was made is nearer to something that was learned"
            " from than 99 % of new real examples are; about 1 % is as it should be."
        )
    if not eye:
        return
    rows = [
        ("taught", str(eye["question"])),
        ("right about", f"{eye['accuracy']:.1%} of training examples that it did not learn from"),
        ("features", f"{eye['features']}"),
        ("steps", f"{eye['steps']:,}"),
        ("hash", str(eye["hash"])),
    ]
    text = "All of this is measured in the features of a small network, an eye, of this run:"
    yield Words(text=text)
    yield Facts(rows=tuple(rows))
