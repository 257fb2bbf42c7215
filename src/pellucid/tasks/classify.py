"""Which of these classes is it?

Idea: the network gives one number a class; the held-out side tells how far to trust them. One
temperature makes probabilities honest, and a conformal set names every class that is no less likely
than the true class of nine held-out examples in ten was.

Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599 (temperature); Sadinle, Lei & Wasserman
2019, arXiv:1609.00451 (sets by a threshold on the probability: the smallest of their coverage).
Departs: a weak prior, log T ~ N(0, 1), keeps a small held-out side that was answered without error
from promising certainty. A set may be empty: where more than nine in ten are easily right, that is
how the hardest are told from the others ("no class is sure enough at this level"); a higher level
fills it. The temperature is fitted on the examples that the sets are calibrated on: one number
learned from hundreds, which costs less coverage than fewer examples would.

Letters: B N examples, M members, K classes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.registry import task
from pellucid.tasks import Answer, Batch, Calibration, Estimate, Task, _scores
from pellucid.tasks._conformal import summarise, threshold
from pellucid.tasks._judging import Judged, breakdown
from pellucid.tasks._targets import class_name, coded, in_order, known, numeric

_COLDEST, _HOTTEST = 0.05, 20.0
_ENOUGH = 4_000_000  # outputs; one temperature needs no more
_LEVEL = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Classification(Answer):
    """The class of one example.

    Args:
        label: the likeliest class.
        probability: of the label, calibrated.
        set: the classes that hold the truth with the probability asked for, likeliest first; empty
            if no class is sure enough at that level.
        probabilities: of every class.
    """

    label: str
    probability: float
    set: tuple[str, ...]
    probabilities: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "probability": self.probability,
            "set": list(self.set),
            "probabilities": self.probabilities,
        }

    def doubt(self) -> str:
        if not self.set:
            return "no class is sure enough at this level"
        if len(self.set) > 1:
            return f"{len(self.set)} classes cannot be told apart at this level: {_some(self.set)}"
        return ""

    def __str__(self) -> str:
        return f"{self.label} ({self.probability:.1%}), set: {', '.join(self.set) or 'none'}"


@task("classify", takes=["image", "table", "series", "video", "audio", "text"])
class Classify(Task):
    """One class per example, from a fixed list.

    Batches hold "x", (B, *schema.shape), and "y", the index of the class, (B,), or a share of every
    class, (B, K), where examples were mixed.
    """

    name = "classify"
    metric = "accuracy"
    better = "higher"

    def __init__(self, schema: Schema) -> None:
        if len(schema.classes) < 2:
            raise BadInputError(
                given=f"the data has {len(schema.classes)} classes {', '.join(schema.classes)}",
                needed="two classes or more",
                remedy="name the column that holds the answer: `pellucid fit --target COLUMN`",
            )
        super().__init__(schema)

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        if targets is None or targets.ndim > 1:
            return 0.0
        values = targets[known(targets)]
        if len(values) == 0:
            return 0.0
        if numeric(values):
            return 0.8 if coded(values) else 0.1
        return 0.9 if len(set(values.tolist())) <= max(2, len(values) // 2) else 0.3

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        assert targets is not None
        counts = Counter(class_name(value) for value in targets[known(targets)].tolist())
        if len(counts) < 2:
            raise BadInputError(
                given=f"every target is {next(iter(counts), 'missing')!r}",
                needed="two classes or more",
                remedy="name the column that holds the answer: `pellucid fit DATA --target COLUMN`",
            )
        if len(counts) > 2 and max(counts.values()) == 1:
            raise BadInputError(
                given=f"each of the {len(counts)} targets is another class",
                needed="classes that occur more than once",
                remedy="for numbers write `--task regress`; else name another column by `--target`",
            )
        names = in_order(list(counts))
        shares = tuple(counts[name] / counts.total() for name in names)
        return {"classes": tuple(names), "shares": shares}

    def encode(self, targets: NDArray[Any]) -> Int[Tensor, " N"]:
        places = {name: place for place, name in enumerate(self.schema.classes)}
        there = known(targets)
        if not there.all():
            raise BadInputError(
                given=f"{(~there).sum()} of {len(there)} targets are missing",
                needed="a class for every example",
                remedy="leave those examples out",
            )
        names = [class_name(value) for value in targets.tolist()]
        new = [name for name in dict.fromkeys(names) if name not in places]
        if new:
            raise BadInputError(
                given=f"{len(new)} classes that training never saw: {_some(new)}",
                needed=f"one of {_some(self.schema.classes)}",
                remedy="spell the classes as in training, or fit again with these examples",
            )
        return torch.tensor([places[name] for name in names], dtype=torch.int64)

    @property
    def outputs(self) -> int:
        return len(self.schema.classes)

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        del part
        outputs, y = network(batch["x"]).float(), batch["y"]
        if outputs.ndim == 2:
            return F.cross_entropy(outputs, y, reduction="none", label_smoothing=self.smoothing)
        members = outputs.shape[1]
        losses = F.cross_entropy(
            outputs.flatten(0, 1),
            y.repeat_interleave(members, dim=0),
            reduction="none",
            label_smoothing=self.smoothing,
        )
        return losses.view(-1, members).mean(dim=1)

    def score(self, outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"]) -> float:
        return float((outputs.argmax(dim=1).cpu() == y.cpu()).double().mean())

    def calibrate(self, outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"]) -> dict[str, Any]:
        outputs, y = outputs.cpu(), y.cpu()
        finite = outputs.isfinite().all(dim=1)
        outputs, y = outputs[finite].double(), y[finite]
        temperature = _temperature(outputs, y)
        likely = (outputs / temperature).softmax(dim=1)
        true = likely.gather(1, y[:, None])[:, 0].numpy()
        return {"temperature": temperature, "conformal": summarise(1 - true)}

    def scores(
        self, outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"], calibration: Calibration
    ) -> dict[str, Estimate]:
        judged = self._judge(outputs, y, calibration)
        others = {
            "balanced_accuracy": partial(_scores.balanced_accuracy, judged.y, judged.right),
            "log_loss": partial(_scores.mean, judged.losses),
            "ece": partial(
                _scores.calibration_error, judged.bins, judged.confidence - judged.right
            ),
        }
        accuracy = _accuracy(judged)
        rest = _scores.estimates(others, len(judged.y))
        most = {"balanced_accuracy": 1.0, "log_loss": math.inf, "ece": 1.0}
        sound = {name: _scores.within(rest[name], 0.0, most[name]) for name in most}
        return {"accuracy": accuracy, **sound}

    def estimate(
        self, outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"], calibration: Calibration
    ) -> Estimate:
        return _accuracy(self._judge(outputs, y, calibration))

    def guess(self, y: Int[Tensor, " N"]) -> dict[str, float]:
        """Score the most frequent class of training; its shares are the probabilities."""
        shares = np.array(self.schema.shares or [1 / self.outputs] * self.outputs)
        places = y.cpu().numpy()
        accuracy = float((places == shares.argmax()).mean())
        return {
            "accuracy": accuracy,
            "balanced_accuracy": float((shares.argmax() == np.unique(places)).mean()),
            "log_loss": float(-np.log(np.maximum(shares, 1e-15))[places].mean()),
            "ece": abs(float(shares.max()) - accuracy),
        }

    def details(
        self, outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"], calibration: Calibration
    ) -> dict[str, Any]:
        """Give "calibration", "coverage" of the 90 % sets, "per_class" and "confusion" as JSON."""
        judged = self._judge(outputs, y, calibration)
        sets = 1 - judged.likely <= threshold(calibration, _LEVEL)
        coverage = {
            "level": _LEVEL,
            "share": float(sets[np.arange(len(sets)), judged.y].mean()),
            "mean_set_size": float(sets.sum(axis=1).mean()),
            "empty": float((~sets.any(axis=1)).mean()),
        }
        return {**breakdown(judged, self.schema.classes), "coverage": coverage}

    def answers(
        self, outputs: Float[Tensor, "N K"], calibration: Calibration, *, level: float
    ) -> Sequence[Classification]:
        likely = self._likely(outputs, calibration)
        most = threshold(calibration, level)
        return [self._answer(row, most) for row in likely]

    @property
    def unit(self) -> str:
        return "nats of log-odds"

    def explained(
        self, outputs: Float[Tensor, "N K"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the calibrated log-odds of one class against all others together."""
        logits = outputs / _temperature_of(calibration)
        own = F.one_hot(which, logits.shape[1]).bool()
        return logits[own] - logits.masked_fill(own, -math.inf).logsumexp(dim=1)

    def chosen(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return outputs.argmax(dim=1)

    def rivals(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return outputs.topk(2, dim=1).indices[:, 1]

    def answer_name(self, which: int) -> str:
        return self.schema.classes[which]

    def answer_place(self, name: str) -> int:
        if name not in self.schema.classes:
            raise BadInputError(
                given=f"there is no class {name!r}",
                needed=f"one of {_some(self.schema.classes)}",
                remedy="spell it as `pellucid show MODEL` does, or leave it out",
            )
        return self.schema.classes.index(name)

    def told(self, y: Int[Tensor, " N"]) -> list[str]:
        return [self.schema.classes[place] for place in y.tolist()]

    def degenerate(self, outputs: Float[Tensor, "N K"]) -> str | None:
        """Say so if 50 examples or more get one answer and that class is not nearly all."""
        if not outputs.isfinite().all():
            return "the network gives outputs that are not numbers"
        answered = outputs.argmax(dim=1).unique().tolist()
        if len(outputs) < 50 or len(answered) > 1:
            return None
        shares = self.schema.shares or (0.0,) * self.outputs
        if shares[answered[0]] ** len(outputs) > 0.05:
            return None
        label = self.schema.classes[answered[0]]
        return f"the network answers {label!r} to all {len(outputs)} held-out examples"

    def _likely(self, outputs: Tensor, calibration: Calibration) -> NDArray[np.float64]:
        temperature = _temperature_of(calibration)
        # What is no number is no evidence: such a row becomes "all classes alike".
        numbers = outputs.double().cpu().nan_to_num(0.0, 1e6, -1e6)
        return (numbers / temperature).softmax(dim=1).numpy()

    def _judge(self, outputs: Tensor, y: Tensor, calibration: Calibration) -> Judged:
        return Judged.of(self._likely(outputs, calibration), y.cpu().numpy())

    def _answer(self, likely: NDArray[np.float64], most: float) -> Classification:
        order = np.argsort(-likely, kind="stable")
        classes = self.schema.classes
        return Classification(
            label=classes[order[0]],
            probability=float(likely[order[0]]),
            set=tuple(classes[place] for place in order if 1 - likely[place] <= most),
            probabilities=dict(zip(classes, likely.tolist(), strict=True)),
        )


def _accuracy(judged: Judged) -> Estimate:
    return _scores.share(int(judged.right.sum()), len(judged.y))


def _temperature_of(calibration: Calibration) -> float:
    temperature = calibration.get("temperature", 1.0)
    if type(temperature) is not float or not _COLDEST <= temperature <= _HOTTEST:
        raise ValueError(f"the temperature is {temperature!r}")
    return temperature


def _temperature(outputs: Float[Tensor, "N K"], y: Int[Tensor, " N"]) -> float:
    """Find by golden section the temperature under which the held-out targets are likeliest.

    The likelihood has one maximum: it is concave in 1 / T.
    """
    step = max(1, outputs.numel() // _ENOUGH)
    outputs, y = outputs[::step], y[::step]

    def cost(place: float) -> float:
        nats = F.cross_entropy(outputs * math.exp(-place), y, reduction="sum")
        return step * float(nats) + place**2 / 2

    golden = (math.sqrt(5) - 1) / 2
    low, high = math.log(_COLDEST), math.log(_HOTTEST)
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = cost(left), cost(right)
    for _ in range(24):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = cost(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = cost(right)
    return math.exp((low + high) / 2)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
