"""All that a report tells, gathered once: one pass over the data feeds every section."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data import Examples
from pellucid.errors import PellucidError
from pellucid.explaining._evidence import Explanation
from pellucid.explaining._reliance import Reliance
from pellucid.explaining._relying import rely
from pellucid.explaining._suspects import Group, Suspect, suspects, weakest
from pellucid.reporting._answers import Shown, look
from pellucid.reporting._picked_sections import Picked, pick
from pellucid.reporting._sample import (
    Sample,
    Scored,
    columns,
    losses,
    recorded,
    sample,
    scored,
    truths,
    wrong,
)

if TYPE_CHECKING:
    from pellucid.model import Model

_CARDS = 6  # mistakes that are explained
_TYPICAL = 30  # other examples, if there is time
_SHARE = 0.06  # of the time of training, for a report
_OTHERWISE = 1.5  # seconds of it that go into starting and drawing
_LEAST, _MOST = 1.0, 20.0  # seconds for explaining, whatever training took
_MISTAKES = 0.4  # of that time; the rest is for what the model relies on


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the reader of a report wants to know beside the model.

    Args:
        source: where the data come from, in words.
        command: that made the report.
        seconds: for explaining; None for a share of what training took.
    """

    source: str
    command: str
    seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One example that the model is surely wrong about.

    Args:
        explanation: of the answer that it gave.
        truth: the right answer, in the user's words.
    """

    explanation: Explanation
    truth: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What is known of a model.

    Args:
        model: that is reported on.
        asked: by the reader.
        sample: the examples that were looked at; None if there are none.
        scored: scores of the data given, or of what was held out, or of a test side; the first is
            the one that counts.
        details: of the evaluation, as `Task.details` gives them.
        mistakes: the surest ones, explained.
        typical: for other examples that were explained, whether that was reliable.
        wrong: how many of the sample are answered wrongly; None where that cannot be said.
        reliance: what the model relies on; None if it was not measured.
        shown: answers as they look, where words do not say them.
        groups: that it is clearly weaker for than for all, the weakest first.
        suspects: examples whose target is likely wrong, the likeliest first.
        picked: examples that it is worst at, and that it doubts most, where the task lists them.
        strange: what is degenerate about the answers; "" if nothing.
        silent: why a part of explaining is missing, by its name.
    """

    model: "Model"
    asked: Asked
    sample: Sample | None = None
    scored: tuple[Scored, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()
    typical: tuple[bool, ...] = ()
    wrong: int | None = None
    reliance: Reliance | None = None
    shown: Shown = field(default_factory=Shown)
    groups: Sequence[Group] = ()
    suspects: Sequence[Suspect] = ()
    picked: tuple[Picked, ...] = ()
    strange: str = ""
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def tested(self) -> bool:
        """Whether it is known of examples that nothing of the model was set by."""
        return self.sample is not None and self.sample.given

    @property
    def record(self) -> Mapping[str, Any]:
        """The record of the run; parts of it may be missing."""
        return self.model.record

    @property
    def summary(self) -> Mapping[str, Any]:
        """What the run came to; parts of it may be missing."""
        return self.part("summary")

    @property
    def makes(self) -> bool:
        """Whether the model makes whole examples, so that no single answer is right or wrong."""
        return self.model.task.makes == "examples"

    @property
    def main(self) -> tuple[Scored, Mapping[str, Any], float | None] | None:
        """The main score, with the guess; None if nothing was ever scored."""
        metric = self.model.task.metric
        for side in self.scored:
            if metric in side.scores:
                return side, side.scores[metric], side.guess.get(metric)
        return None

    @property
    def trust(self) -> Mapping[str, Any]:
        """How far explanations of the model can be trusted, as it was measured."""
        return getattr(self.model, "trust", None) or {}

    def part(self, name: str) -> Mapping[str, Any]:
        """Give one part of the record; empty if it is missing."""
        found = self.record.get(name)
        return found if isinstance(found, Mapping) else {}


def gather(model: "Model", data: Any, asked: Asked) -> Facts:
    """Look at a model and its examples once.

    Raises:
        BadInputError: if nothing that was given can be used.
    """
    started, summary = time.monotonic(), model.record.get("summary", {})
    held = recorded(summary, "n_valid", "what was held out from training")
    tested = recorded(summary.get("test", {}), "n", "the test side of the training data")
    found = sample(model, data)
    fresh = found is not None and (found.given or held is None)
    scores = [scored(model, found) if fresh and found is not None else None, held, tested]
    known = _distinct(scores)
    if found is None:
        details = summary.get("details", {})
        return Facts(model=model, asked=asked, scored=known, details=details)
    details = _details(model, found)
    return Facts(
        model=model,
        asked=asked,
        sample=found,
        scored=known,
        details=details,
        picked=pick(model, found, details),
        strange=model.task.degenerate(found.outputs) or "",
        shown=look(model, found),
        **_looked(model, found, _seconds(model, asked, time.monotonic() - started)),
    )


def _distinct(scores: Sequence[Scored | None]) -> tuple[Scored, ...]:
    """Leave out what is missing, and a side that was given again."""
    known = [each for each in scores if each is not None]
    first = [each.scores for each in known]
    return tuple(each for place, each in enumerate(known) if each.scores not in first[:place])


def _details(model: "Model", found: Sample) -> Mapping[str, Any]:
    """Prefer what was found on all that was held out to what is stored of it."""
    kept = model.record.get("summary", {}).get("details")
    own = model.task.yardstick(model.network)
    if kept and not found.given:
        return dict(kept) | own
    return model.task.details(found.outputs, found.y, model.calibration) | own


def _seconds(model: "Model", asked: Asked, gone: float) -> float:
    """Give the time that is left for explaining, s, when so much is gone for the examples."""
    if asked.seconds is not None:
        return asked.seconds
    spent = model.record.get("summary", {}).get("seconds") or 0.0
    return min(_MOST, max(_LEAST, _SHARE * spent - _OTHERWISE - gone))


def _looked(model: "Model", found: Sample, seconds: float) -> dict[str, Any]:
    """Do what takes time: explain, and search the sample."""
    start = time.monotonic()
    silent: dict[str, str] = {}
    bad = wrong(model, found)
    mistakes = _mistakes(model, found, start + _MISTAKES * seconds, silent)
    typical = _typical(model, found, start + _MISTAKES * seconds) if mistakes else ()
    left = max(0.0, seconds - (time.monotonic() - start))
    return {
        "wrong": None if bad is None else int(bad.sum()),
        "mistakes": mistakes,
        "typical": typical,
        "reliance": _reliance(model, found, left, silent),
        "groups": _groups(model, found),
        "suspects": _suspects(model, found),
        "silent": silent,
    }


def _mistakes(
    model: "Model", found: Sample, deadline: float, silent: dict[str, str]
) -> tuple[Mistake, ...]:
    """Explain the surest mistakes until the time is spent, one at least.

    Where a model makes whole examples there are none: then samples of its own are explained.
    """
    explained: list[Mistake] = []
    examples, right = found.examples, truths(model, found)
    places = _worst(model, found)
    if model.task.makes == "examples":
        examples, right, places = _samples(model)
    for place in places:
        started = time.monotonic()
        try:
            explanation = model.why.explain(examples, place)
        except PellucidError as error:
            silent["mistakes"] = str(error)
            break
        explained.append(Mistake(explanation=explanation, truth=right[place]))
        now = time.monotonic()
        # The first one takes longer than the others: what they share is computed with it.
        took = now - started if len(explained) > 1 else 0.0
        if now + took > deadline:
            break
    return tuple(explained)


def _samples(model: "Model") -> tuple[Examples, list[str], list[int]]:
    made = model.make(_CARDS)
    names = [f"sample {name}" for name in made.names]
    examples = model.kind.restore(made.stored, model.schema).replace(names=names)
    return examples, list(made.classes), [*range(len(made))]


def _typical(model: "Model", found: Sample, deadline: float) -> tuple[bool, ...]:
    """Explain examples drawn at random while there is time: mistakes are harder than most."""
    reliable: list[bool] = []
    took = 0.0
    for place in np.random.default_rng(0).permutation(len(found))[:_TYPICAL].tolist():
        started = time.monotonic()
        if started + took > deadline:
            break
        reliable.append(model.why.explain(found.examples, place).reliable)
        took = time.monotonic() - started
    return tuple(reliable)


def _worst(model: "Model", found: Sample) -> list[int]:
    """Find the examples that the model is most surely wrong about, the worst first."""
    each, bad = losses(model, found), wrong(model, found)
    if each is None:
        return []
    order = np.argsort(-each, kind="stable")
    return [int(place) for place in order if bad is None or bad[place]][:_CARDS]


def _reliance(
    model: "Model", found: Sample, seconds: float, silent: dict[str, str]
) -> Reliance | None:
    if model.task.made:
        silent["reliance"] = "an answer that is made has no parts in common with others"
        return None
    try:
        return rely(
            model.why.subject,
            found.examples,
            found.outputs,
            found.y,
            cases=model.cases,
            trust=model.why.trust,
            seconds=seconds,
        )
    except PellucidError as error:
        silent["reliance"] = str(error)
        return None


def _groups(model: "Model", found: Sample) -> Sequence[Group]:
    if model.task.made:
        return ()  # scores of whole texts cannot be had thousands of times
    by = columns(model, found)
    return weakest(model.task, found.outputs, found.y, by, calibration=model.calibration)


def _suspects(model: "Model", found: Sample) -> Sequence[Suspect]:
    names = found.examples.names
    return suspects(found.outputs, found.y, model.task, model.calibration, names)
