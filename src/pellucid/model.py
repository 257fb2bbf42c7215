"""The trained thing: a network and all that makes it usable.

model = pellucid.load("flowers.pellucid")
model.predict("rose.jpg").label
model.evaluate("flowers-test/")
model.save("copy.pellucid")
"""

import math
import platform
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from pellucid import _archive, _grid, _inference, _loading, _ordering
from pellucid._evaluation import Evaluation, Prediction
from pellucid.data import Ask, Examples, Fault, Kind, Schema
from pellucid.errors import BadInputError
from pellucid.tasks import Answer, Task
from pellucid.tasks._targets import known

__all__ = ["Evaluation", "Model", "Prediction", "load"]

_MEMBERS = ("model.json", "weights.safetensors")


@dataclass(kw_only=True, eq=False)
class Model:
    """A network with the schema, task and calibration that turn raw data into answers.

    Args:
        network: with trained weights, on the device it shall use.
        task: what is asked; its schema says what the data looks like.
        kind: of the data.
        built: how the network is built again: {"network": name, "size": n} for one that pellucid
            knows, {"module": "package:Class"} for the user's own.
        calibration: what `task.calibrate` gave.
        record: of the run, as JSON: data, choices, clock, scores.
        numerics: "dtype", "bfloat16" or "float32", and "channels_last".
        views: average over the views that the kind offers of an example.
    """

    network: nn.Module
    task: Task
    kind: Kind
    built: Mapping[str, Any]
    calibration: Mapping[str, Any] = field(default_factory=dict)
    record: dict[str, Any] = field(default_factory=dict)
    numerics: Mapping[str, Any] = field(
        default_factory=lambda: {"dtype": "float32", "channels_last": False}
    )
    views: bool = False

    @property
    def schema(self) -> Schema:
        """What is known of the form of the data."""
        return self.task.schema

    def predict(self, source: Any, *, level: float = 0.9) -> Answer | list[Answer | Fault]:
        """Answer for raw data.

        Args:
            source: the path of one raw file, or a dictionary that is one row: one answer; else
                whatever the kind of data reads: a list of answers, in the order given.
            level: probability with which sets and intervals shall hold the truth.

        Returns:
            In a list, a Fault stands where an example could not be used.

        Raises:
            BadInputError: if nothing can be used, or the only example cannot.
        """
        found = list(self.predict_many(source, level=level))
        if not _ordering.is_one(source, [each.name for each in found]):
            return [each.answer for each in found]
        (name, answer) = found[0]
        if isinstance(answer, Fault):
            raise BadInputError(
                given=f"{name}: {answer.reason}",
                needed=f"an example of the kind {self.kind.name!r} that can be read",
                remedy="open it in another program to see whether it is whole",
            )
        return answer

    def predict_many(self, source: Any, *, level: float = 0.9) -> Iterator[Prediction]:
        """Answer for raw data, example by example in the order given, faults in their place.

        Args:
            source: whatever the kind of data reads; a dictionary is one row.
            level: see `predict`.

        Raises:
            BadInputError: if nothing can be used, or the level is not between 0 and 1.
        """
        examples = self._read(source)
        answers = self.task.answers(self.outputs(examples), self.calibration, level=level)
        pairs = zip(examples.names, answers, strict=True)
        answered = [Prediction(name, answer) for name, answer in pairs]
        broken = [Prediction(fault.name, fault) for fault in examples.faults]
        return _ordering.merged(source, answered, broken)

    def evaluate(self, source: Any) -> Evaluation:
        """Score the model on data that it has not seen.

        Args:
            source: raw data with targets. Where its folders name a test side, that side alone.

        Raises:
            BadInputError: if nothing can be used, or there are no targets.
        """
        examples = self._read(source)
        examples, notes = self._sides(examples)
        usable, faults = self._targeted(examples)
        assert usable.targets is not None
        y = self.task.encode(usable.targets)
        outputs = self.outputs(usable)
        strange = self.task.degenerate(outputs) if len(y.unique()) > 1 else None
        return Evaluation(
            n=len(usable),
            scores=self.task.scores(outputs, y, self.calibration),
            guess=self.task.guess(y),
            details=self.task.details(outputs, y, self.calibration),
            faults=faults,
            notes=tuple(notes + ([strange] if strange else [])),
        )

    def outputs(self, examples: Examples) -> Float[Tensor, "N K"]:
        """Give the raw numbers of the network for examples read with the model's schema."""
        stored = self.kind.encode(examples, self.schema)
        return _inference.outputs(
            self.network,
            stored,
            kind=self.kind,
            schema=self.schema,
            numerics=self.numerics,
            views=self.views,
        )

    def save(self, path: str | Path) -> None:
        """Write the model as one file; one that was there stays until the new one is whole.

        Raises:
            SavingError: if the disk does not take it.
        """
        members = (_archive.to_json(self._document()), _weights(self.network))
        _archive.write(Path(path), dict(zip(_MEMBERS, members, strict=True)))

    @classmethod
    def load(cls, path: str | Path, *, network: nn.Module | None = None) -> "Model":
        """Open a model that was saved; nothing in the file is executed.

        Args:
            path: the file that `save` wrote.
            network: if the model was learned with a network of your own: such a network, with any
                weights; they are replaced.

        Raises:
            ModelFileError: if it is no model file, is damaged, or was written by a newer version.
        """
        path = Path(path)
        members = _archive.read(path, _MEMBERS)
        try:
            document = _archive.from_json(members["model.json"])
        except ValueError as error:
            raise _archive.damaged(path, str(error)) from error
        model = cls(**_loading.rebuild(path, document, members["weights.safetensors"], network))
        if model.numerics["channels_last"]:
            convert_conv2d_weight_memory_format(model.network, torch.channels_last)
        return model

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._lines())
        lines = [f"{name.ljust(width)}  {text}" for name, text in self._lines()]
        scores = self._score_rows()
        return "\n".join([*lines, *([_grid.as_text(scores)] if scores else [])])

    def __repr__(self) -> str:
        return f"<Model {', '.join(f'{name}: {text}' for name, text in self._lines())}>"

    def _repr_html_(self) -> str:
        lines = [f"{name}: {text}" for name, text in self._lines()]
        scores = self._score_rows()
        return _grid.paragraphs(lines) + (_grid.as_html(scores) if scores else "")

    def _lines(self) -> list[tuple[str, str]]:
        shape = " × ".join(str(length) for length in self.schema.shape)
        classes = self.schema.classes
        network = " ".join(str(value) for value in self.built.values())
        weights = sum(weight.numel() for weight in self.network.parameters())
        return [
            ("task", f"{self.task.name} {self.schema.target}".rstrip()),
            ("kind", f"{self.kind.name}, {shape}"),
            *([("classes", f"{len(classes)}: {_some(classes)}")] if classes else []),
            ("network", f"{network}, {weights:,} weights"),
        ]

    def _score_rows(self) -> _grid.Rows:
        summary = self.record.get("summary", {})
        scores = summary.get("scores", {})
        return _grid.score_rows(scores, summary.get("guess", {})) if scores else []

    def _read(self, source: Any) -> Examples:
        return self.kind.read(_ordering.readable(source), Ask(schema=self.schema))

    def _sides(self, examples: Examples) -> tuple[Examples, list[str]]:
        """Keep the test side where folders name one."""
        if examples.sides is None or not (examples.sides == "test").any():
            return examples, []
        places = np.flatnonzero(examples.sides == "test")
        note = f"the test side alone: {len(places):,} of {len(examples):,} examples"
        kept = self.kind.take(examples, places).replace(faults=examples.faults)
        return kept, [note] if len(places) < len(examples) else []

    def _targeted(self, examples: Examples) -> tuple[Examples, tuple[Fault, ...]]:
        """Leave out the examples without a target."""
        there = None if examples.targets is None else known(examples.targets)
        if there is None or not there.any():
            raise BadInputError(
                given=f"none of {len(examples):,} examples says what is right",
                needed=f"the target {self.schema.target!r} of each example, as in training",
                remedy="give data with targets, or write `pellucid predict` to get answers",
            )
        if there.all():
            return examples, examples.faults
        without = [
            Fault(name=examples.names[place], reason="it has no target")
            for place in np.flatnonzero(~there).tolist()
        ]
        return self.kind.take(examples, np.flatnonzero(there)), (*examples.faults, *without)

    def _document(self) -> dict[str, Any]:
        return _plain(
            {
                "format": _archive.FORMAT,
                "versions": {
                    "pellucid": sys.modules["pellucid"].__version__,
                    "torch": torch.__version__,
                    "python": platform.python_version(),
                },
                "task": self.task.name,
                "schema": self.schema.to_json(),
                "built": self.built,
                "numerics": self.numerics,
                "views": self.views,
                "calibration": self.calibration,
                "record": self.record,
            }
        )


def load(path: str | Path, *, network: nn.Module | None = None) -> Model:
    """Open a model that was saved; see `Model.load`."""
    return Model.load(path, network=network)


def _weights(network: nn.Module) -> bytes:
    from safetensors.torch import save

    whole: nn.Module = getattr(network, "_orig_mod", network)  # what torch.compile wraps
    _loading.form_of(whole)
    # Clones: two names of one tensor are two tensors in the file.
    form = torch.contiguous_format
    return save(
        {
            name: value.detach().cpu().clone(memory_format=form)
            for name, value in whole.state_dict().items()
        }
    )


def _plain(given: Any) -> Any:
    """Turn a record into plain JSON types; what JSON cannot say must not cost a finished run."""
    if isinstance(given, Mapping):
        return {str(name): _plain(value) for name, value in given.items()}
    if isinstance(given, np.ndarray | Tensor | np.generic):
        return _plain(given.tolist())
    if isinstance(given, list | tuple):
        return [_plain(value) for value in given]
    if isinstance(given, float):
        return given if math.isfinite(given) else None
    return given if given is None or isinstance(given, bool | int | str) else str(given)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
