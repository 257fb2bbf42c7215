"""What an evaluation came to, for people, notebooks and machines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from torch import Tensor

from pellucid import _grid
from pellucid.data import Examples, Fault, Kind, Schema
from pellucid.explaining._evidence import Explanation
from pellucid.tasks import Answer, Estimate, Task


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """Scores of a model on examples with known targets.

    Args:
        n: examples that were scored.
        scores: each with its 95 % interval, the main one first.
        guess: the same scores for the best answer that does not look at the input.
        details: more, as JSON; for classes "calibration", "coverage", "per_class", "confusion".
        faults: examples that could not be used and were left out.
        notes: sentences that a reader of the scores must know.
    """

    n: int
    scores: Mapping[str, Estimate]
    guess: Mapping[str, float]
    details: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {
            "n": self.n,
            "scores": {name: asdict(score) for name, score in self.scores.items()},
            "guess": dict(self.guess),
            **self.details,
            "left_out": [{"name": fault.name, "reason": fault.reason} for fault in self.faults],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return "\n".join([self._head(), _grid.as_text(self._rows()), *self._remarks()])

    def _repr_html_(self) -> str:
        remarks = _grid.paragraphs([self._head()]), _grid.paragraphs(self._remarks())
        return _grid.as_html(self._rows()).join(remarks)

    def _head(self) -> str:
        return f"{self.n:,} examples"

    def _rows(self) -> _grid.Rows:
        return _grid.score_rows(
            {name: asdict(score) for name, score in self.scores.items()}, self.guess
        )

    def _remarks(self) -> list[str]:
        remarks = list(self.notes)
        coverage = self.details.get("coverage")
        if coverage:
            kept = f"{_grid.covering(coverage)} in {coverage['share']:.1%} of cases"
            remarks.append(f"{coverage['level']:.0%} {kept}")
        if self.details.get("verdict"):
            remarks.append(str(self.details["verdict"]))
        floor = self.details.get("floor")
        if floor:
            figures = ", ".join(f"{name} {_grid.figure(value)}" for name, value in floor.items())
            remarks.append(f"real examples that were learned from score in their place: {figures}")
        if self.faults:
            first = self.faults[0]
            remarks.append(f"left out: {len(self.faults)}, such as {first.name}: {first.reason}")
        return remarks


class Prediction(NamedTuple):
    """One example's name and its answer, or the fault because of which there is none."""

    name: str
    answer: Answer | Fault

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types: the name, then the answer's fields or "fault"."""
        if isinstance(self.answer, Fault):
            return {"name": self.name, "fault": self.answer.reason}
        return {"name": self.name, **self.answer.to_json()}

    def __str__(self) -> str:
        if isinstance(self.answer, Fault):
            return f"{self.name}: left out, {self.answer.reason}"
        return f"{self.name}: {self.answer}"


class Explained(NamedTuple):
    """One example's name and its explanation, or the fault because of which there is none."""

    name: str
    explanation: Explanation | Fault

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types: the explanation's, or the name and "fault"."""
        if isinstance(self.explanation, Fault):
            return {"name": self.name, "fault": self.explanation.reason}
        return self.explanation.to_json()

    def __str__(self) -> str:
        if isinstance(self.explanation, Fault):
            return f"{self.name}: left out, {self.explanation.reason}"
        return str(self.explanation)


def answered(
    kind: Kind,
    task: Task,
    examples: Examples,
    ask: Callable[[Examples], Tensor],
    how: tuple[Mapping[str, Any], float],
) -> Sequence[Answer]:
    """Answer examples, those that are too large for a network part by part.

    Args:
        kind: of the data.
        task: that is answered.
        examples: N of them.
        ask: gives the outputs for examples.
        how: the calibration, and the level of sets and intervals.
    """
    parts, owners, between = kind.apart(examples, task.schema)
    found = task.answers(ask(parts), how[0], level=how[1])
    return found if len(parts) == len(examples) else task.joined(found, owners, between)


def over(kind: Kind, schema: Schema, examples: Examples, answer: Answer, place: int) -> Answer:
    """Give an answer between what came before its example and the times it speaks of."""
    times, past = kind.course(examples, place, schema)
    return answer.over(past, times)
