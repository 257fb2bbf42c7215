"""One file is one kind of question asked of data.

A task says how many numbers the network must give, how wrong they are, how good they are in the
words of the user, what a guess made without looking would score, how outputs become an answer, and
what would be degenerate. It never names a network and never asks what kind of data it is.

To add a task: copy the shortest file of this folder and decorate its class with
`@task("name", takes=…)`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Parts, Schema
from pellucid.data._batches import Supply
from pellucid.errors import BadInputError
from pellucid.tasks._drawing import Drawing
from pellucid.tasks._telling import Answer, Estimate, Trouble
from pellucid.tasks._turned import Turned

__all__ = ["Answer", "Batch", "Calibration", "Estimate", "Task", "Trouble", "Turned"]

Batch = Mapping[str, Tensor]
Calibration = Mapping[str, Any]  # plain JSON


class Task(ABC):
    """The question, as the training loop, the model and the report see it.

    Attributes:
        name: how the user writes it; the same as in `@task(name)`.
        metric: name of the main score, as printed: "accuracy".
        better: "higher" or "lower".
        needs_targets: whether examples must say what the answer is; False for a task that learns
            from the raw data alone, for which y is all zeros where nothing is said.
        command: what a user does first with a model, its path in braces.
        makes: what a model of this task makes: "" nothing, "text" what comes next, drawn piece by
            piece (`draw`), "examples" whole ones from noise (`make`).
        varies: whether training may see other views of an example than the one that was given; not
            where examples are to be made like it.
        refines: whether calibration may make answers better than those that `score` looks at.
        made: whether an answer is made and not one of a few: then none is its rival, and no
            training example pushed it more than another.
        says: whether answers are texts.
        glanced: held-out examples that a look during training is content with; None for all.
        bends: whether the slope of the loss has a slope, so that influences of training cases can
            be told.
        smoothing: share of the target that training spreads over all classes, where there are any;
            the loop sets it from the network's recipe.
    """

    smoothing: float = 0.0
    needs_targets: ClassVar[bool] = True
    command: ClassVar[str] = "predict {} FILE"
    makes: ClassVar[str] = ""
    varies: ClassVar[bool] = True
    refines: ClassVar[bool] = False
    made: ClassVar[bool] = False
    says: ClassVar[bool] = False
    glanced: ClassVar[int | None] = None
    bends: ClassVar[bool] = True
    name: ClassVar[str]
    metric: ClassVar[str]
    better: ClassVar[str]

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    @classmethod
    @abstractmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        """Tell how well this question fits raw targets (`Examples.targets`), from 0 to 1.

        What comes next, (N, H, C), is no class and no single number.
        """

    @classmethod
    @abstractmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        """Give the fields of the Schema that the targets of the training side decide.

        Args:
            targets: None only for a task that needs none.

        Raises:
            BadInputError: if the question cannot be asked of them (one class only, no number).
        """

    @abstractmethod
    def encode(self, targets: NDArray[Any]) -> Tensor:
        """Turn raw targets into y, (N,), (N, H, C) for what comes next, (N, T) for sequences.

        Raises:
            BadInputError: if a target was never seen in training or is missing.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers per example that the network must give."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch, part: str) -> Tensor:
        """What training lowers: per example (B,) where it can be told apart, else a scalar."""

    def sizes(self, supply: Supply) -> Tensor | None:
        """Give what examples of a step shall be alike in, (N,) int64; None where all are alike.

        The lengths of what is read, by default; a task whose answers have lengths, too, says how
        both count.
        """
        return supply.sizes

    def counts(self, supply: Supply) -> Tensor | None:
        """Give what a batch shall hold as much of as the next, (N,) int64 ≥ 1; None for examples.

        What the loss is a mean over, where that is not examples: tokens, so that each of them bears
        on a step as much as any other.
        """
        del supply
        return None

    def outcome(self, network: nn.Module, x: Tensor) -> Tensor:
        """Give what is kept of a batch, (B, K), to be scored, calibrated and answered from.

        The outputs of the network, by default; a task whose outputs are many for each example (one
        distribution a token) keeps what it needs of them.
        """
        given: Tensor = network(x)
        return given

    def evidence(self, network: nn.Module, x: Tensor) -> Tensor:
        """Give what `explained` is computed from, differentiable: the outputs, by default."""
        given: Tensor = network(x)
        return given

    def losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """Give the loss of what `outcome` kept, (N,) where examples can be told apart."""
        return self.loss(nn.Identity(), {"x": outputs, "y": y}, "whole")

    @abstractmethod
    def score(self, outputs: Tensor, y: Tensor) -> float:
        """Give the main score, `metric`, of held-out outputs, (N, K), and nothing more: quickly."""

    @abstractmethod
    def calibrate(self, outputs: Tensor, y: Tensor) -> dict[str, Any]:
        """Learn from held-out outputs, (N, K), how to make probabilities and sets honest."""

    @abstractmethod
    def scores(self, outputs: Tensor, y: Tensor, calibration: Calibration) -> dict[str, Estimate]:
        """What the user wants raised or lowered, on held-out data, `metric` first."""

    def estimate(self, outputs: Tensor, y: Tensor, calibration: Calibration) -> Estimate:
        """Give the score `metric` alone; a task that can spare the others' intervals does."""
        return self.scores(outputs, y, calibration)[self.metric]

    @abstractmethod
    def guess(self, y: Tensor) -> dict[str, float]:
        """The same scores for the best answer that does not look at the input."""

    @abstractmethod
    def answers(
        self, outputs: Tensor, calibration: Calibration, *, level: float
    ) -> Sequence[Answer]:
        """Decode outputs, (N, K); sets or intervals hold the truth with probability `level`."""

    def joined(
        self, answers: Sequence[Answer], owners: NDArray[Any], between: Sequence[str]
    ) -> Sequence[Answer]:
        """Put the answers to the parts of examples together (`Kind.apart`), one an example.

        The default: every part is an example.
        """
        del owners, between
        return answers

    def turned(self) -> Turned:
        """Give the same question the other way round, so that answers alone can be learned from.

        Raises:
            BadInputError: if nothing can be learned from them, as it is by default.
        """
        raise BadInputError(
            given=f"unpaired answers, and a model that is to {self.name}",
            needed="pairs of sentences, whose sources can be made",
            remedy="leave --unpaired out",
        )

    def posed(self, network: nn.Module, x: Tensor) -> Tensor:
        """Give x as it is when its answer is explained.

        Where the answer is none of a few, but made, it is put behind what was read: the network
        then says how likely that answer is, and parts of both may be covered. The default: x.
        """
        del network
        return x

    def divided(self, parts: Parts, x: Tensor, which: int) -> Parts:
        """Give the parts of a posed example, (R,), from those of what was read."""
        del x, which
        return parts

    def illustrated(self, x: Tensor, parts: Parts, ask: Callable[[Tensor], Tensor]) -> bytes:
        """Draw what an answer of several words rests on, as a PNG; nothing where there is one.

        Args:
            x: a posed example, (R,).
            parts: of what was read of it.
            ask: gives the outputs for posed examples, (B, R) → (B, K).
        """
        del x, parts, ask
        return b""

    def draw(
        self, outputs: Tensor, chances: Tensor, how: Drawing, calibration: Calibration
    ) -> Tensor:
        """Draw what comes next, (B,), from outputs, (B, K): codes that go behind the end of x.

        The default: nothing can be made from the answers to this question.

        Args:
            outputs: of the network after the last step.
            chances: from 0 to 1, (B,), which decide.
            how: how freely.
            calibration: what `calibrate` gave.

        Raises:
            BadInputError: if the task is none that makes anything.
        """
        del outputs, chances, how, calibration
        raise BadInputError(
            given=f"a model that was made to {self.name}",
            needed="a model that tells what comes next",
            remedy="learn one: `pellucid fit TEXT --task generate_text`",
        )

    def make(self, network: nn.Module, z: Tensor, y: Tensor) -> Tensor:
        """Make whole examples from noise: x, (B, *schema.shape).

        The default: nothing can be made from the answers to this question.

        Args:
            network: in use.
            z: normally distributed, (B, schema.latent).
            y: the class of each, (B,) int64, -1 for none; or the shares of all classes, (B, K).

        Raises:
            BadInputError: if the task is none that makes whole examples.
        """
        del network, z, y
        raise BadInputError(
            given=f"a model that was made to {self.name}",
            needed="a model that makes whole examples",
            remedy="learn one: `pellucid fit PHOTOS --task generate_image`",
        )

    def seen(self, network: nn.Module, x: Tensor) -> Tensor | None:
        """Give the features, (B, F), in which examples are compared with those that were made.

        The default, None: there are none, and the last layer of the network is looked at.
        """
        del network, x
        return None

    def yardstick(self, network: nn.Module) -> dict[str, Any]:
        """Say, as JSON, what scores were measured with, where that was learned itself; else {}."""
        del network
        return {}

    @property
    @abstractmethod
    def unit(self) -> str:
        """Unit of the number that is explained: "nats of log-odds", or that of the target."""

    @abstractmethod
    def explained(self, outputs: Tensor, which: Tensor, calibration: Calibration) -> Tensor:
        """Give the number that explanations divide among parts, (N,), differentiable.

        Args:
            outputs: (N, K).
            which: the answer that is explained, (N,) int64, as `chosen` gives it.
            calibration: what `calibrate` gave.
        """

    @abstractmethod
    def chosen(self, outputs: Tensor) -> Tensor:
        """Give the answer that outputs, (N, K), come to, as a place among those there are: (N,)."""

    @abstractmethod
    def rivals(self, outputs: Tensor) -> Tensor:
        """Give the next likeliest answer, (N,), or -1 where there is no other to be contrasted."""

    @abstractmethod
    def answer_name(self, which: int) -> str:
        """Name an answer as a person would: a class; for a number what it is a number of."""

    @abstractmethod
    def answer_place(self, name: str) -> int:
        """Find an answer by its name.

        Raises:
            BadInputError: if no answer has that name.
        """

    @abstractmethod
    def told(self, y: Tensor) -> list[str]:
        """Say targets, (N,) as `encode` gives them, in the user's words."""

    def picture(self, outputs: Tensor, y: Tensor, calibration: Calibration) -> bytes:
        """Draw one answer beside what was right, as a PNG; nothing where words say it all.

        Args:
            outputs: (1, K).
            y: (1,), or (1, T, A) for what comes next.
            calibration: what `calibrate` gave.
        """
        del outputs, y, calibration
        return b""

    def details(self, outputs: Tensor, y: Tensor, calibration: Calibration) -> dict[str, Any]:
        """More of the evaluation as JSON: calibration error, coverage, per class, confusion."""
        del outputs, y, calibration
        return {}

    def degenerate(self, outputs: Tensor) -> str | None:
        """Say in a sentence what is wrong if the outputs show that nothing was learned."""
        del outputs
        return None

    def verdict(self, outputs: Tensor, y: Tensor) -> str:
        """Say what must be said of a network when training ends; "" for nothing.

        Such as that another one, trained beside it to compare with, answers better.
        """
        del outputs, y
        return ""

    def concern(self, outputs: Tensor, y: Tensor, x: Tensor, share: float) -> Trouble | None:
        """Look at what is held out, during training, whether learning goes astray; None if not.

        Args:
            outputs: what `outcome` kept of what is held out.
            y: its targets.
            x: some training examples, in which a cause may be found.
            share: of the schedule that is done, from 0 to 1.
        """
        del outputs, y, x, share
        return None

    def parts(self, network: nn.Module) -> dict[str, nn.Module]:
        """The modules that are trained in turn, each on its own loss; most networks are one."""
        turns = getattr(network, "turns", None)
        return {"whole": network} if turns is None else turns()

    def ready(
        self, network: nn.Module, supply: Supply, *, seconds: float | None, seed: int, half: bool
    ) -> str:  # fmt: skip
        """Do once, before training, what the network needs; say what in a sentence, "" for nothing.

        What is learned here lies in the network's state, so that it is kept and restored with it.

        Args:
            network: on its device.
            supply: the training side.
            seconds: that it may take; None for as much as repeats exactly.
            seed: of all chance in it.
            half: whether products in bfloat16 are quick on this device.
        """
        del network, supply, seconds, seed, half
        return ""

    def trouble(self, network: nn.Module, share: float) -> Trouble | None:
        """Look, now and then during training, whether it goes astray; most tasks look at the end.

        Args:
            network: in training.
            share: of the schedule that is done, from 0 to 1.
        """
        del network, share
        return None
