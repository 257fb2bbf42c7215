"""How much is it?

Idea: the network learns the target in standard deviations from its mean; how far it was off on the
held-out side says how wide an interval must be to hold the truth.

Source: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, arXiv:1604.04173 (split conformal
intervals from absolute residuals).
Departs: every interval has the same width; a harder example is not told from an easier one.

Letters: B N examples, M members.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import BadInputError
from pellucid.registry import task
from pellucid.tasks import Answer, Batch, Calibration, Estimate, Task, _scores
from pellucid.tasks._conformal import summarise, threshold
from pellucid.tasks._targets import coded, known, numeric

_LEVEL = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Regression(Answer):
    """The number of one example, in the unit of the target.

    Args:
        value: the number.
        low: lower end of the interval that holds the truth with the probability asked for; None if
            there were too few held-out examples to promise that.
        high: upper end.
    """

    value: float
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high}

    def doubt(self) -> str:
        if self.low is None or self.high is None:
            return "too few examples were held out to promise an interval at this level"
        return ""

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.6g}"
        return f"{self.value:.6g} ({self.low:.6g} to {self.high:.6g})"


@task("regress", takes=["image", "table", "series", "video", "audio", "text"])
class Regress(Task):
    """One number per example.

    Batches hold "x", (B, *schema.shape), and "y", (B,): the target less its mean, in standard
    deviations, both of the training side. Outputs, (N, 1), are in the same unit; scores, answers
    and calibration are in the target's own.
    """

    name = "regress"
    metric = "rmse"
    better = "lower"

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        if targets is None or targets.ndim > 1 or not numeric(targets):
            return 0.0
        values = targets[known(targets)]
        if len(values) == 0:
            return 0.0
        return 0.2 if coded(values) else 0.9

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        assert targets is not None
        values = _numbers(targets)
        values = values[np.isfinite(values)]
        scale = float(values.std()) if len(values) else 0.0
        if not 0 < scale < math.inf or values.min() == values.max():
            raise BadInputError(
                given=f"every target is {values[0]:g}"
                if len(values)
                else "every target is missing",
                needed="numbers that differ",
                remedy="name the column that holds the answer: `pellucid fit DATA --target COLUMN`",
            )
        return {"mean": float(values.mean()), "scale": scale}

    def encode(self, targets: NDArray[Any]) -> Float[Tensor, " N"]:
        values = _numbers(targets)
        missing = int((~np.isfinite(values)).sum())
        if missing:
            raise BadInputError(
                given=f"{missing} of {len(values)} targets are missing",
                needed="a number for every example",
                remedy="leave those examples out",
            )
        return torch.from_numpy((values - self.schema.mean) / self.schema.scale).float()

    @property
    def outputs(self) -> int:
        return 1

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        del part
        y = batch["y"].float()
        members = network(batch["x"]).float().reshape(len(y), -1)
        return (members - y[:, None]).square().mean(dim=1)

    def score(self, outputs: Float[Tensor, "N 1"], y: Float[Tensor, " N"]) -> float:
        return float(np.sqrt(np.square(self._values(outputs) - self._own(y)).mean()))

    def calibrate(self, outputs: Float[Tensor, "N 1"], y: Float[Tensor, " N"]) -> dict[str, Any]:
        return {"conformal": summarise(np.abs(self._own(outputs[:, 0]) - self._own(y)))}

    def scores(
        self, outputs: Float[Tensor, "N 1"], y: Float[Tensor, " N"], calibration: Calibration
    ) -> dict[str, Estimate]:
        del calibration
        truth = self._own(y)
        return _estimates(self._values(outputs) - truth, truth)

    def guess(self, y: Float[Tensor, " N"]) -> dict[str, float]:
        """Score the mean of training."""
        truth = self._own(y)
        ones = np.ones(len(truth))
        return {
            name: _or_zero(statistic(ones))
            for name, statistic in _statistics(self.schema.mean - truth, truth).items()
        }

    def details(
        self, outputs: Float[Tensor, "N 1"], y: Float[Tensor, " N"], calibration: Calibration
    ) -> dict[str, Any]:
        """Give "coverage" of the 90 % intervals and "agreement" with the truth as JSON.

        Agreement has one row for each of up to ten equally large groups of like answers: "count",
        "predicted" and "true", their means, and "low" to "high", where eight in ten true ones lie.
        """
        half = threshold(calibration, _LEVEL)
        values, truth = self._values(outputs), self._own(y)
        inside = np.abs(values - truth) <= half
        width = None if math.isinf(half) else 2 * half
        return {
            "coverage": {"level": _LEVEL, "share": float(inside.mean()), "mean_width": width},
            "agreement": _scores.agreement(values, truth),
        }

    def answers(
        self, outputs: Float[Tensor, "N 1"], calibration: Calibration, *, level: float
    ) -> Sequence[Regression]:
        half = threshold(calibration, level)
        if math.isinf(half):
            return [
                Regression(value=v, low=None, high=None) for v in self._values(outputs).tolist()
            ]
        return [
            Regression(value=value, low=value - half, high=value + half)
            for value in self._values(outputs).tolist()
        ]

    @property
    def unit(self) -> str:
        return f"units of {self.answer_name(0)}"

    def explained(
        self, outputs: Float[Tensor, "N 1"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the number itself, in the unit of the target."""
        del which, calibration
        return outputs[:, 0] * self.schema.scale + self.schema.mean

    def chosen(self, outputs: Float[Tensor, "N 1"]) -> Int[Tensor, " N"]:
        return torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)

    def rivals(self, outputs: Float[Tensor, "N 1"]) -> Int[Tensor, " N"]:
        return self.chosen(outputs) - 1

    def answer_name(self, which: int) -> str:
        return self.schema.target or "the number"

    def answer_place(self, name: str) -> int:
        if name != self.answer_name(0):
            raise BadInputError(
                given=f"{name!r} is asked about, but the model answers with one number",
                needed=f"no name at all, or {self.answer_name(0)!r}",
                remedy="leave the name out",
            )
        return 0

    def told(self, y: Float[Tensor, " N"]) -> list[str]:
        return [f"{value:.6g}" for value in self._own(y).tolist()]

    def degenerate(self, outputs: Float[Tensor, "N 1"]) -> str | None:
        """Say so if 50 examples or more get the same number, to a thousandth of the scale."""
        if not outputs.isfinite().all():
            return "the network gives outputs that are not numbers"
        if len(outputs) < 50 or outputs.double().std() > 1e-3:
            return None
        value = self._values(outputs).mean()
        return f"the network answers {value:.4g} to all {len(outputs)} held-out examples"

    def _values(self, outputs: Tensor) -> NDArray[np.float64]:
        # What is no number is no evidence: such an example gets the mean of training.
        return self._own(outputs[:, 0].nan_to_num(0.0, 1e6, -1e6))

    def _own(self, standard: Tensor) -> NDArray[np.float64]:
        return standard.double().cpu().numpy() * self.schema.scale + self.schema.mean


def _numbers(targets: NDArray[Any]) -> NDArray[np.float64]:
    try:
        return targets.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise BadInputError(
            given=f"targets such as {next(iter(targets), None)!r}",
            needed="numbers",
            remedy="write `--task classify`, or name a column of numbers by `--target COLUMN`",
        ) from error


def _statistics(
    errors: NDArray[np.float64], truth: NDArray[np.float64]
) -> dict[str, _scores.Statistic]:
    return {
        "rmse": partial(_scores.root_mean_square, errors),
        "mae": partial(_scores.mean, np.abs(errors)),
        "r2": partial(_scores.explained, errors, truth),
    }


def _estimates(errors: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, Estimate]:
    found = _scores.estimates(_statistics(errors, truth), len(truth))
    r2 = _scores.within(found["r2"], -math.inf, 1.0)
    sizes = {name: _scores.within(found[name], 0.0, math.inf) for name in ("rmse", "mae")}
    return {**sizes, "r2": Estimate(value=_or_zero(r2.value), low=r2.low, high=r2.high)}


def _or_zero(value: float) -> float:
    """Call R² zero where the targets do not vary: there is nothing to explain."""
    return 0.0 if math.isnan(value) else value
