"""Decisions on record: what was decided, from what, by which model, and why.

Idea: a record holds enough to repeat its decision and to notice that something has changed: hashes
of the input and of the model, the answer with its probability and set, the explanation with its
score. Repeating it later says whether it still holds. What an example *is* is the content that the
network gets; a file that changed around it, such as a table with more rows, changes nothing.
"""

import hashlib
import json
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

import pellucid
from pellucid import _ordering, _records, _saving
from pellucid._inputs import Inputs, file_sum
from pellucid.data import Examples, Fault
from pellucid.errors import BadInputError
from pellucid.explaining._evidence import Explanation
from pellucid.model import Model

_SEED = 0
_SHOWN = 10  # differences that a person is shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One decision, for a person and for the record.

    Args:
        explanation: with the answer; the fault if there is none.
        record: all that is needed to repeat it, as plain JSON.
    """

    explanation: Explanation | Fault
    record: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Give the record."""
        return self.record

    def __str__(self) -> str:
        if isinstance(self.explanation, Fault):
            return f"{self.explanation.name}: left out, {self.explanation.reason}"
        because = self.record["because"]
        told = str(self.explanation)
        return f"{told}\n\nTo be left to a person: {because}." if because else told


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What came of repeating a decision.

    Args:
        name: of the example.
        holds: whether nothing differs that should not.
        differences: a sentence each.
        notes: what has changed without changing the decision, a sentence each.
    """

    name: str
    holds: bool
    differences: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return {
            "name": self.name,
            "holds": self.holds,
            "differences": list(self.differences),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        more = len(self.differences) - _SHOWN
        lines = [
            f"{self.name}: {'still holds' if self.holds else 'does not hold'}",
            *(f"  {sentence}" for sentence in self.differences[:_SHOWN]),
            *([f"  and {more} more differences"] if more > 0 else []),
            *(f"  note: {note}" for note in self.notes),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tolerance:
    """How far numbers may differ when a decision is repeated.

    Args:
        numbers: probabilities and other numbers of an answer, as a share of themselves.
        shares: of an explanation, as a share of the largest.
    """

    numbers: float
    shares: float


ALIKE = Tolerance(numbers=1e-6, shares=1e-4)  # same versions, same kind of machine
ELSEWHERE = Tolerance(numbers=1e-3, shares=1e-2)


def decide(
    model: Model, source: Any, *, level: float = 0.9, path: str | Path | None = None
) -> Iterator[dict[str, Any]]:
    """Give one record a decision, as plain JSON, in the order given; see `decisions`."""
    return (decision.record for decision in decisions(model, source, level=level, path=path))


def decisions(
    model: Model, source: Any, *, level: float = 0.9, path: str | Path | None = None
) -> Iterator[Decision]:
    """Decide and explain, example by example, and keep what is needed to repeat it.

    Each example is answered on its own, so that nothing depends on what it was asked with.

    Args:
        model: that decides.
        source: whatever the kind of data reads; a dictionary is one row and is kept in the record.
        level: probability with which sets and intervals shall hold the truth. A decision abstains
            where the answer is in doubt at this level.
        path: of the model's file; None if it was never saved.

    Raises:
        BadInputError: if nothing can be used, or the level is not between 0 and 1.
    """
    inputs = Inputs(source, model.kind, model.schema)
    origin = _origin(model, path)
    examples = inputs.examples
    for name, held in _ordering.merged(source, examples.names, examples.faults):
        if isinstance(held, Fault):
            found: Explanation | Fault = held
        else:
            found = model.why.explain(examples, held, level=float(level), seed=_SEED)
        record = {
            "format": _records.FORMAT,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "name": name,
            **_decided(found),
            "input": inputs.described(name, held),
            "model": origin,
            "settings": {
                "level": float(level),
                "seed": _SEED,
                "method": None if isinstance(found, Fault) else found.method,
            },
            "versions": _versions(model),
        }
        yield Decision(explanation=found, record=_saving.plain(record))


def replay(
    record: Mapping[str, Any],
    model: Model,
    *,
    source: Any = None,
    path: str | Path | None = None,
) -> Replay:
    """Repeat a decision and say whether it still holds.

    The answer and its set must be the same, and so must be what is explained, by which method, and
    whether that is reliable; for numbers see `ALIKE` and `ELSEWHERE`.

    Args:
        record: as `decide` gave it.
        model: that shall repeat it.
        source: raw data to find the example in; None for where the record says it was.
        path: of the model's file; None if it was never saved.

    Raises:
        BadInputError: if it is no record, or it does not say where its example can be found.
    """
    _records.check(record)
    repeated = _Repeated(record=record, model=model, source=source)
    repeated.compare_models(None if path is None else file_sum(Path(path)))
    if "fault" in record:
        repeated.compare_faults()
    else:
        repeated.compare_decisions()
    return Replay(
        name=record["name"],
        holds=not repeated.differences,
        differences=tuple(repeated.differences),
        notes=tuple(repeated.notes),
    )


@dataclass(kw_only=True)
class _Repeated:
    """One decision being repeated, and what was found to differ."""

    record: Mapping[str, Any]
    model: Model
    source: Any
    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def tolerance(self) -> Tolerance:
        """How far numbers may differ here."""
        return ALIKE if self.record["versions"] == _versions(self.model) else ELSEWHERE

    @cached_property
    def other_model(self) -> bool:
        """Whether this is not the model that decided."""
        return bool(self.record["model"]["weights"] != _sum_of(self.model))

    def compare_models(self, file: str | None) -> None:
        if self.other_model:
            self.differences.append("this is another model: its weights are not those of then")
        elif None not in (file, then := self.record["model"]["sha256"]) and then != file:
            self.notes.append("the file of the model has changed, its weights have not")
        before, now = self.record["versions"], _versions(self.model)
        other = [f"{name} {before.get(name)}" for name in now if before.get(name) != now[name]]
        if other:
            self.notes.append(f"decided with {', '.join(other)}: numbers may differ a little here")

    def compare_faults(self) -> None:
        if not self._there():
            return
        try:
            faults = self._inputs().examples.faults
        except BadInputError:
            return  # it still cannot be used
        if self.record["fault"] not in [fault.reason for fault in faults]:
            self.differences.append(f"it could not be used, {self.record['fault']}; now it can be")

    def compare_decisions(self) -> None:
        if not self._there():
            return
        try:
            inputs = self._inputs()
            place = self._find(inputs)
            if place is None:
                return
            now = self._again(inputs.examples, place)
        except BadInputError as error:
            if self.source is not None:
                raise
            self.differences.append(str(error).partition("\n")[0])
            return
        again = _saving.plain(_decided(now))
        then = self.record["answer"]
        self.differences += _unequal("", then, again["answer"], self.tolerance.numbers)
        self._compare_explanations(again["explanation"])

    def _again(self, examples: Examples, place: int) -> Explanation:
        settings = self.record["settings"]
        return self.model.why.explain(
            examples,
            place,
            level=settings["level"],
            method=settings["method"],
            seed=settings["seed"],
        )

    def _compare_explanations(self, now: Mapping[str, Any]) -> None:
        then = self.record["explanation"]
        for name in ("about", "method", "reliable"):
            self.differences += _unequal(f"explanation {name}", then[name], now[name], 0.0)
        before, after = _shares(then["parts"]), _shares(now["parts"])
        if before.keys() != after.keys():
            self.differences.append("the example is divided into other parts than then")
            return
        largest = max(map(abs, before.values()), default=0.0)
        off = {part: abs(after[part] - before[part]) for part in before}
        part = max(off, key=lambda each: off[each], default=None)
        if part is not None and off[part] > self.tolerance.shares * largest:
            self.differences.append(
                f"the share of {part[0]!r} was {before[part]:.6g} and is {after[part]:.6g}"
            )

    def _there(self) -> bool:
        """Tell whether there is something to find the example in, with a difference if not."""
        source = self._source()
        if self.source is None and isinstance(source, Path) and not source.is_file():
            self.differences.append(f"the file {source} is gone")
            return False
        return True

    def _inputs(self) -> Inputs:
        return Inputs(self._source(), self.model.kind, self.model.schema)

    def _source(self) -> Any:
        """Give what the user names, else the file or the row that the record names."""
        told = self.record["input"]
        if self.source is not None:
            return self.source
        if told["path"] is not None:
            return Path(told["path"])
        if isinstance(told.get("row"), Mapping):
            return dict(told["row"])
        raise BadInputError(
            given=f"the record of {self.record['name']} names no file and holds no row",
            needed="the data that it was decided from",
            remedy="`--data FILE`, or `replay(record, model, source=data)`",
        )

    def _find(self, inputs: Inputs) -> int | None:
        """Find the example in what was read; None, with a difference, if it is not there."""
        told = self.record["input"]
        path = told["path"] if self.source is None else None
        changed = path is not None and file_sum(Path(path)) != told["sha256"]
        there = 0 <= told["place"] < len(inputs.examples)
        place = (
            told["place"] if there and inputs.content(told["place"]) == told["content"] else None
        )
        if place is None and not self.other_model:
            place = inputs.find(told["content"])
        if place is not None:
            if changed:
                self.notes.append(f"the file {path} has changed, this example in it has not")
            return place
        if there and not changed and self.source is None:
            self.notes.append("the same data is encoded otherwise, by another model or version")
            return int(told["place"])
        gone = f"the file {path} has changed: this example is" if changed else "this example is"
        self.differences.append(f"{gone} no longer in it" if changed else f"{gone} not in the data")
        return None


def _decided(found: Explanation | Fault) -> dict[str, Any]:
    if isinstance(found, Fault):
        return {"fault": found.reason}
    doubt = found.answer.doubt()
    explanation = found.to_json()
    return {
        "answer": explanation.pop("answer"),
        "abstains": bool(doubt),
        "because": doubt,
        "explanation": explanation,
    }


def _origin(model: Model, path: str | Path | None) -> dict[str, Any]:
    """Say which model it is: its file and what is in it."""
    return {
        "path": None if path is None else str(Path(path).resolve()),
        "sha256": None if path is None else file_sum(Path(path)),
        "weights": _sum_of(model),
    }


def _sum_of(model: Model) -> str:
    return hashlib.sha256(_saving.weights(model.network)).hexdigest()


def _versions(model: Model) -> dict[str, str]:
    """Say what numbers may depend on, besides the model."""
    return {
        "pellucid": pellucid.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "device": model.why.subject.device.type,
    }


def _shares(parts: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    return {
        (part["name"], json.dumps(part.get("where"))): float(part["share"] or 0.0) for part in parts
    }


def _unequal(name: str, then: Any, now: Any, tolerance: float) -> Iterator[str]:
    """Say in a sentence each where two pieces of JSON differ."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*then, *now]):
            yield from _unequal(f"{name} {key}", then.get(key), now.get(key), tolerance)
    elif not _close(then, now, tolerance):
        yield f"{name.strip()} was {_told(then)} and is {_told(now)}"


def _close(then: Any, now: Any, tolerance: float) -> bool:
    numbers = (float, int)
    if type(then) in numbers and type(now) in numbers:
        return math.isclose(then, now, rel_tol=tolerance, abs_tol=tolerance * 1e-3)
    return bool(then == now)


def _told(given: Any) -> str:
    return f"{given:.8g}" if isinstance(given, float) else json.dumps(given, ensure_ascii=False)
