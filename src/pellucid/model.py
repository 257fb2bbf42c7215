"""The trained thing: a network and all that makes it usable.

model = pellucid.load("flowers.pellucid")
model.predict("rose.jpg").label
model.evaluate("flowers-test/")
model.explain("rose.jpg").parts
model.save("copy.pellucid")
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from pellucid import _archive, _grid, _inference, _loading, _ordering, _saving, _told
from pellucid._evaluation import Evaluation, Explained, Prediction, answered, over
from pellucid._judged import targeted, tested, truths, varied
from pellucid.data import Ask, Examples, Fault, Kind, Schema
from pellucid.explaining import Subject
from pellucid.explaining._answering import Why
from pellucid.explaining._cases import Cases
from pellucid.explaining._evidence import Explanation
from pellucid.explaining._relying import Reliance, rely
from pellucid.tasks import Answer, Task
from pellucid.tasks._targets import known

if TYPE_CHECKING:
    from pellucid._made import Made
    from pellucid.streaming import Stream

__all__ = ["Evaluation", "Explanation", "Model", "Prediction", "Reliance", "load"]

_MEMBERS = ("model.json", "weights.safetensors")
_CASES = "cases.safetensors"


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
        cases: training cases that explanations may point to; None if none are stored.
        trust: how far each explainer can be trusted on this model, measured on what was held out.
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
    cases: Cases | None = None
    trust: Mapping[str, Any] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        """What is known of the form of the data."""
        return self.task.schema

    @cached_property
    def why(self) -> Why:
        """What explains the answers of this model."""
        subject = Subject(
            network=self.network.eval(),
            task=self.task,
            kind=self.kind,
            calibration=self.calibration,
            numerics=self.numerics,
            views=self.views,
        )
        return Why(subject, self.cases, self.trust)

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
        return _ordering.one_or_all(source, found, self.kind.name)

    def predict_many(
        self, source: Any, *, level: float = 0.9, say: Callable[[str], None] | None = None
    ) -> Iterator[Prediction]:
        """Answer for raw data, example by example in the order given, faults in their place.

        Args:
            source: whatever the kind of data reads; a dictionary is one row.
            level: see `predict`.
            say: is told what a reader of the answers must know, such as a column that is not there.

        Raises:
            BadInputError: if nothing can be used, or the level is not between 0 and 1.
        """
        examples = self._read(source)
        if say is not None:
            for note in examples.notes:
                if note.level == "warning":
                    say(note.text)
        answers = answered(self.kind, self.task, examples, self.outputs, (self.calibration, level))
        placed = partial(over, self.kind, self.schema, examples)
        return (
            Prediction(name, held if isinstance(held, Fault) else placed(answers[held], held))
            for name, held in _ordering.merged(source, examples.names, examples.faults)
        )

    def explain(
        self, source: Any, *, answer: str | None = None, method: str | None = None
    ) -> Explanation | list[Explanation | Fault]:
        """Say why the model answers as it does, and how far that can be trusted.

        Args:
            source: see `predict`.
            answer: that is explained, such as a class; None for the one that the model gives.
            method: name of an explainer, see `pellucid list explainers`; None for the one that was
                measured to be the best on this model.

        Returns:
            One explanation for one example; else a list, where a Fault stands for an example that
            could not be used.

        Raises:
            BadInputError: if nothing can be used, or there is no such answer or method.
        """
        found = list(self.explain_many(source, answer=answer, method=method))
        return _ordering.one_or_all(source, found, self.kind.name)

    def explain_many(
        self, source: Any, *, answer: str | None = None, method: str | None = None
    ) -> Iterator[Explained]:
        """Explain example by example in the order given, faults in their place; see `explain`."""
        examples, why = self._read(source), self.why
        method = why.explainer(method).name
        return (
            Explained(
                name,
                held
                if isinstance(held, Fault)
                else why.explain(examples, held, answer=answer, method=method),
            )
            for name, held in _ordering.merged(source, examples.names, examples.faults)
        )

    def explain_all(
        self, source: Any, *, answer: str | None = None, mistakes: bool = False
    ) -> Reliance:
        """Find what the model relies on over a whole set, and whether it should.

        Args:
            source: raw data; with targets, scores tell what each reason is worth.
            answer: keep to the examples that get this answer; None for all.
            mistakes: keep to the examples that are answered wrongly.

        Raises:
            BadInputError: if nothing can be used, there is no such answer, or mistakes are asked
                for of data without targets.
        """
        examples, _ = tested(self.kind, self._read(source, judged=True))
        if mistakes:
            examples, _ = targeted(self.kind, self.task, examples)
        y = None
        if examples.targets is not None and known(examples.targets).all():
            y = self.task.encode(examples.targets)
        return rely(
            self.why.subject,
            examples,
            self.outputs(examples),
            y,
            cases=self.cases,
            trust=self.why.trust,
            answer=answer,
            mistakes=mistakes,
        )

    def evaluate(self, source: Any) -> Evaluation:
        """Score the model on data that it has not seen.

        Args:
            source: raw data with targets. Where its folders name a test side, that side alone.

        Raises:
            BadInputError: if nothing can be used, or there are no targets.
        """
        examples, notes = tested(self.kind, self._read(source, judged=True))
        usable, faults = targeted(self.kind, self.task, examples)
        y = truths(self.task, usable)
        outputs = self.outputs(usable)
        strange = self.task.degenerate(outputs) if varied(self.task, y) else None
        return Evaluation(
            n=len(usable),
            scores=self.task.scores(outputs, y, self.calibration),
            guess=self.task.guess(y),
            details=self.task.details(outputs, y, self.calibration)
            | self.task.yardstick(self.network),
            faults=faults,
            notes=tuple(notes + ([strange] if strange else [])),
        )

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 400,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
    ) -> Iterator[str]:
        """Write on from a text, piece by piece as it comes: `"".join(model.generate("To be"))`.

        Args:
            prompt: what stands before it; "" to begin anew.
            length: characters to write, at most; a text may end before.
            temperature: 1 draws as expected, less is more cautious, 0 takes the likeliest.
            top_k: draw among so many likeliest tokens; None for all.
            top_p: draw among the likeliest tokens that hold this probability; None for all.
            seed: of the draws; the same seed writes the same text on a CPU.

        Raises:
            BadInputError: if the model does not tell what comes next, or an option makes no sense.
        """
        from pellucid.generating import Drawing, Wish, generate

        how = Drawing(temperature=temperature, top_k=top_k, top_p=top_p)
        wish = Wish(prompt=prompt, length=length, seed=seed, drawing=how)
        return (piece.text for piece in generate(self.why.subject, wish))

    def make(
        self,
        count: int = 64,
        *,
        of: str | None = None,
        seed: int = 0,
        between: tuple[int, int] | None = None,
    ) -> "Made":
        """Make whole examples from noise: `model.make(64, of="Bag").save("sheet.png")`.

        Args:
            count: how many; of a walk the frames.
            of: the class that all shall be; None for as many of each as there were in training.
            seed: of the noise; the n-th sample depends on it and on n alone.
            between: the numbers of two samples, to make what lies between them.

        Raises:
            BadInputError: if the model makes no whole examples, or an argument makes no sense.
        """
        from pellucid import making

        if between is not None:
            return making.walk(self.why.subject, between, of=of, seed=seed, frames=count)
        return making.make(self.why.subject, count, of=of, seed=seed)

    def stream(self, *, level: float = 0.9) -> "Stream":
        """Begin to read data that come piece by piece, in constant time and memory a step.

        Args:
            level: see `predict`.

        Raises:
            BadInputError: if the model cannot go on from what it has read.
        """
        from pellucid.streaming import Stream

        return Stream(self, level=level)

    def outputs(self, examples: Examples) -> Float[Tensor, "N K"]:
        """Give the raw numbers of the network for examples read with the model's schema."""
        stored = self.kind.encode(examples, self.schema)
        return _inference.outputs(
            self.network,
            stored,
            kind=self.kind,
            task=self.task,
            numerics=self.numerics,
            views=self.views,
        )

    def save(self, path: str | Path) -> None:
        """Write the model as one file; one that was there stays until the new one is whole.

        Raises:
            SavingError: if the disk does not take it.
        """
        document = {**_saving.document(self), "trust": self.trust}
        further = {}
        if self.cases is not None:
            further[_CASES], document["cases"] = self.cases.to_members()
        members = (_archive.to_json(_saving.plain(document)), _saving.weights(self.network))
        _archive.write(Path(path), dict(zip(_MEMBERS, members, strict=True)) | further)

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
        members = _archive.read(path, _MEMBERS, (_CASES,))
        try:
            document = _archive.from_json(members["model.json"])
        except ValueError as error:
            raise _archive.damaged(path, str(error)) from error
        parts = (members["weights.safetensors"], members.get(_CASES))
        model = cls(**_loading.rebuild(path, document, parts, network))
        if model.numerics["channels_last"]:
            convert_conv2d_weight_memory_format(model.network, torch.channels_last)
        return model

    def __str__(self) -> str:
        width = max(len(name) for name, _ in _told.lines(self))
        lines = [f"{name.ljust(width)}  {text}" for name, text in _told.lines(self)]
        scores = _told.score_rows(self)
        return "\n".join([*lines, *([_grid.as_text(scores)] if scores else [])])

    def __repr__(self) -> str:
        return f"<Model {', '.join(f'{name}: {text}' for name, text in _told.lines(self))}>"

    def _repr_html_(self) -> str:
        lines = [f"{name}: {text}" for name, text in _told.lines(self)]
        scores = _told.score_rows(self)
        return _grid.paragraphs(lines) + (_grid.as_html(scores) if scores else "")

    def _read(self, source: Any, *, judged: bool = False) -> Examples:
        ask = Ask(schema=self.schema, task=self.task.name, judged=judged)
        return self.kind.read(_ordering.readable(source), ask)

    def report(self, path: str | Path, data: Any = None, *, command: str = "") -> None:
        """Draw the whole account of the model as one HTML page that needs nothing else.

        Args:
            path: of the page.
            data: raw data with targets that the model has not seen, to be scored on; None for what
                was held out.
            command: by which the page was asked for, to be shown in it.

        Raises:
            BadInputError: if the data cannot be used.
            SavingError: if the page cannot be written.
        """
        from pellucid.reporting import report

        page = report(self, data, command=command)
        _archive.write_plain(Path(path), page.encode())


def load(path: str | Path, *, network: nn.Module | None = None) -> Model:
    """Open a model that was saved; see `Model.load`."""
    return Model.load(path, network=network)
