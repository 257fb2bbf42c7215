"""The examples that a report looks at: those that were given, or those that the model has stored.

Letters: N examples, K outputs.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid import _inference, _judged, _ordering
from pellucid.data import Ask, Examples, Fault
from pellucid.reporting._blocks import counted

if TYPE_CHECKING:
    from pellucid.model import Model

_WARMING, _TIMED = 64, 256  # examples that are answered to learn the speed
_SHARE, _ALWAYS = 0.04, 1.5  # of the time of training, and seconds, for answering all examples
_LEAST = 1000  # examples that are taken in any case


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Examples whose answer is known, with what the network gives for each.

    Args:
        examples: N of them.
        y: their targets as the task encodes them, N.
        outputs: of the network.
        given: whether the user gave them; else the model has stored them.
        faults: what could not be used.
        notes: sentences that a reader must know.
    """

    examples: Examples
    y: Tensor
    outputs: Float[Tensor, "N K"]
    given: bool
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """Scores, with where they come from.

    Args:
        count: examples that were scored.
        scores: as JSON, by name: "value", "low", "high"; the main one first.
        guess: the same without looking.
        side: the examples in words: "the data given", "what was held out".
    """

    count: int
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guess: Mapping[str, float] = field(default_factory=dict)
    side: str = ""


def sample(model: "Model", data: Any) -> Sample | None:
    """Read what was given, or take the held-out examples that the model has stored.

    Args:
        model: that is reported on.
        data: raw data, examples that were read with the schema of the model, or None.

    Returns:
        None if nothing was given and nothing is stored.

    Raises:
        BadInputError: if nothing that was given can be used, or none of it says what is right.
    """
    return _stored(model) if data is None else _given(model, data)


def scored(model: "Model", found: Sample) -> Scored:
    """Score a sample."""
    estimates = model.task.scores(found.outputs, found.y, model.calibration)
    return Scored(
        count=len(found),
        scores={name: asdict(estimate) for name, estimate in estimates.items()},
        guess=model.task.guess(found.y),
        side="the data given" if found.given else "the held-out examples stored in the model",
    )


def recorded(known: Mapping[str, Any], count: str, side: str) -> Scored | None:
    """Take scores from the record of a run; None if there are none."""
    if not known.get("scores"):
        return None
    return Scored(
        count=int(known.get(count) or 0),
        scores=known["scores"],
        guess=known.get("guess") or {},
        side=side,
    )


def losses(model: "Model", found: Sample) -> NDArray[np.float64] | None:
    """Tell how wrong each answer is, (N,); None if the task has no loss for single examples."""
    each = model.task.losses(found.outputs, found.y)
    if each.shape != (len(found),):
        return None
    return each.detach().double().nan_to_num(np.inf).cpu().numpy()


def wrong(model: "Model", found: Sample) -> Bool[np.ndarray, " N"] | None:
    """Mark the examples that got another answer; None where answers are only nearer or farther."""
    chosen = model.task.chosen(found.outputs).cpu()
    if not model.task.needs_targets:
        return None  # nothing was right or wrong
    if found.y.is_floating_point() or found.y.shape != chosen.shape:
        return None
    return (chosen != found.y.cpu()).numpy()


def truths(model: "Model", found: Sample) -> list[str]:
    """Say in the user's words what is right for each example."""
    return model.task.told(found.y)


def columns(model: "Model", found: Sample) -> dict[str, NDArray[Any]]:
    """Give what groups of examples can be formed by, beside the truth."""
    groups = found.examples.groups
    by = {} if groups is None else {"group": groups}
    return by | model.kind.columns(found.examples)


def _given(model: "Model", data: Any) -> Sample:
    ask = Ask(schema=model.schema, task=model.task.name, judged=True)
    read = isinstance(data, Examples)
    examples = data if read else model.kind.read(_ordering.readable(data), ask)
    faults = examples.faults
    examples, said = _judged.tested(model.kind, examples)
    usable, _ = _judged.targeted(model.kind, model.task, examples)
    lost = len(examples) - len(usable)
    notes = [f"{each[0].upper()}{each[1:]}." for each in said]
    notes += [f"{counted(lost)} without a target: left out."] if lost else []
    examples = usable
    total = len(examples)
    examples = _affordable(model, examples)
    if len(examples) < total:
        notes.append(
            f"{len(examples):,} of {total:,} examples, drawn at random: all of them would have"
            " taken too much of the time that a report may take; `pellucid evaluate` takes it."
        )
    return Sample(
        examples=examples,
        y=_judged.truths(model.task, examples),
        outputs=model.outputs(examples),
        given=True,
        faults=faults,
        notes=tuple(notes),
    )


def _affordable(model: "Model", examples: Examples) -> Examples:
    """Draw as many examples as can be answered in a share of what training took."""
    spent = model.record.get("summary", {}).get("seconds")
    if not spent or len(examples) <= _LEAST:
        return examples
    places = np.random.default_rng(0).permutation(len(examples))
    for few in (places[:_WARMING], places[:_TIMED]):
        probe = model.kind.take(examples, few)
        started = time.monotonic()
        model.outputs(probe)
    each = (time.monotonic() - started) / _TIMED
    most = max(_LEAST, int(max(_SHARE * spent, _ALWAYS) / each))
    if most >= len(examples):
        return examples
    return model.kind.take(examples, np.sort(places[:most]))


def _stored(model: "Model") -> Sample | None:
    cases = getattr(model, "cases", None)
    if cases is None or not len(cases.held):
        return None
    stored = np.array(cases.held)
    examples = model.kind.restore(stored, model.schema)
    notes = [
        f"No data was given: the parts that need examples use {len(stored):,} held-out ones that"
        " are stored in the model."
    ]
    if model.built.get("members", 1) > 1:
        notes.append(
            "Each was held out from one of the networks that answer together, and taught to"
            " others: what is found on them flatters the model."
        )
    return Sample(
        examples=examples.replace(names=tuple(cases.held_names), targets=None),
        y=cases.held_y,
        outputs=_inference.outputs(
            model.network,
            stored,
            kind=model.kind,
            task=model.task,
            numerics=model.numerics,
            views=model.views,
        ),
        given=False,
        notes=tuple(notes),
    )
