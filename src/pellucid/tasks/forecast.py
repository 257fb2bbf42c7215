"""What comes next?

Idea: for every step of the horizon and every variable the network says a mean and a scale, both in
standard deviations of the training side; of several series each counts its errors in its own. How
far the truth was off on the held-out side, in such scales, says how many of them an interval needs
to hold the truth.

Source: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, arXiv:1604.04173 (split conformal
intervals whose width follows a learned scale); Hyndman & Koehler 2006, "Another look at measures of
forecast accuracy" (errors beside those of the seasonal naive forecast).
Departs: windows overlap and are not exchangeable, so the promise is an empirical one; errors are
squared for the mean, and the scale is learned from them without touching the mean.

Letters: B N windows, M members, H steps ahead, T steps of a season and those ahead, A variables,
K outputs.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import BadInputError
from pellucid.registry import task
from pellucid.tasks import Batch, Calibration, Estimate, Task
from pellucid.tasks._forecast_answer import Outlook, outlooks
from pellucid.tasks._forecast_intervals import summarise, widths
from pellucid.tasks._forecast_scores import (
    Errors,
    Piece,
    beside,
    block_length,
    breakdown,
    estimates,
)

_LEVEL = 0.9  # of the intervals that scores are about
_SCALE = 0.1  # weight of the scale's loss beside the mean's
_LIMIT = 10.0  # of the logarithm of a scale
_WIDEST = 40.0  # the same where series of any size share the outputs
_FEWEST, _SAME = 50, 1e-3  # windows from which sameness is no chance, and what counts as same
_ROWS = 256  # windows looked at together
_SUMMARISED = 500  # windows, about: those between them overlap and say nearly the same


@task("forecast", takes=["series"])
class Forecast(Task):
    """The next steps of some variables, each with an interval.

    Batches hold "x", (B, L, C), and "y", (B, T, A): the last season of x and what came next, in the
    variables' own units, NaN where missing; where each series is scaled by itself, its size comes
    before them, and errors are counted in it. Outputs, (N, K), are (H, A, 2) in a row: means and
    logarithms of scales, both in standard deviations of the training side, as the errors are that
    are scored. Answers are in the variables' own units.
    """

    name = "forecast"
    metric = "mse"
    better = "lower"

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        return 1.0 if targets is not None and targets.ndim == 3 and len(targets) else 0.0

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        """Check that there is something to foretell; the kind of data knows the rest."""
        assert targets is not None
        if not any(np.isfinite(rows).any() for rows in _pieces(targets)):
            raise BadInputError(
                given=f"{len(targets):,} windows, in none of which a value is there",
                needed="numbers to foretell",
                remedy="name the column that holds them: `pellucid fit DATA --target COLUMN`",
            )
        return {}

    def encode(self, targets: NDArray[Any]) -> Float[Tensor, "N T A"]:
        """Give the same memory as a tensor: windows overlap, and copies would be enormous."""
        lost = sum(int((~np.isfinite(rows)).all(axis=(1, 2)).sum()) for rows in _pieces(targets))
        if lost:
            raise BadInputError(
                given=f"{lost} of {len(targets)} targets are missing",
                needed="a value that came next, for every window",
                remedy="leave those windows out",
            )
        return torch.from_numpy(targets.astype(np.float32, copy=False))

    @property
    def outputs(self) -> int:
        return self.schema.ahead * len(self.schema.variables) * 2

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        del part
        y, there = self._next(batch["y"])
        given = network(batch["x"]).float().reshape(len(y), -1, *y.shape[1:], 2)
        by = self._factor(batch["y"])
        errors = (given[..., 0] - y[:, None]) * (there * by)[:, None]
        logs = (given[..., 1] + by.log()[:, None]).clamp(-_LIMIT, _LIMIT)
        # Laplace's negative log likelihood; the mean does not learn from it.
        unlikely = errors.detach().abs() * torch.exp(-logs) + logs * there[:, None]
        total = (errors.square() + _SCALE * unlikely).sum(dim=(2, 3)).mean(dim=1)
        return total / there.sum(dim=(1, 2)).clamp(min=1)

    def score(self, outputs: Float[Tensor, "N K"], y: Float[Tensor, "N T A"]) -> float:
        squares, count = 0.0, 0
        for rows, truth in zip(outputs.split(_ROWS), y.split(_ROWS), strict=True):
            future, there = self._next(truth)
            errors = (self._given(rows)[0] - future) * there * self._factor(truth)
            squares += float(errors.square().sum(dtype=torch.float64))
            count += int(there.sum())
        return squares / max(count, 1)

    def calibrate(self, outputs: Float[Tensor, "N K"], y: Float[Tensor, "N T A"]) -> dict[str, Any]:
        """Learn how many scales off the truth was, by step and variable."""
        every = max(1, len(y) // _SUMMARISED)
        means, scales = self._given(outputs[::every])
        future, there = self._next(y[::every])
        off = ((future - means).abs() / scales).masked_fill(~there, torch.nan)
        return {"conformal": summarise(off, len(y))}

    def scores(
        self, outputs: Float[Tensor, "N K"], y: Float[Tensor, "N T A"], calibration: Calibration
    ) -> dict[str, Estimate]:
        errors = self._errors(outputs, y, calibration)
        return estimates(errors, block=block_length(y[:, -self.schema.ahead :]))

    def guess(self, y: Float[Tensor, "N T A"]) -> dict[str, float]:
        """Score what was there one season before, with intervals as wide as it was off here."""
        found = estimates(self._guessed(y), block=None)
        return {name: estimate.value for name, estimate in found.items()}

    def details(
        self, outputs: Float[Tensor, "N K"], y: Float[Tensor, "N T A"], calibration: Calibration
    ) -> dict[str, Any]:
        """Give "coverage" of the 90 % intervals, and errors by "variables" and "horizon" as JSON.

        Their rows have the mean squared error "mse" and the same of the guess, in squared standard
        deviations of training, and the share of truths inside the intervals, "coverage". Of the
        horizon, the rows are for some steps from the first to the last. "beside_guess" says in a
        sentence whether the guess is beaten.
        """
        ours, guessed = self._errors(outputs, y, calibration), self._guessed(y)
        block = block_length(y[:, -self.schema.ahead :])
        return {
            **breakdown(ours, guessed, self.schema.variables, _LEVEL),
            "beside_guess": beside(ours, guessed, block=block),
        }

    def picture(
        self, outputs: Float[Tensor, "1 K"], y: Float[Tensor, "1 T A"], calibration: Calibration
    ) -> bytes:
        """Draw the fan over the season before and beside what came."""
        (answer,) = self.answers(outputs, calibration, level=_LEVEL)
        known = {name: y[0, :, at].double().numpy() for at, name in enumerate(answer.median)}
        ahead, length = self.schema.ahead, self.schema.season + self.schema.ahead
        before = {name: values[-length:-ahead] for name, values in known.items()}
        return answer.over(before).draw({name: values[-ahead:] for name, values in known.items()})

    def answers(
        self, outputs: Float[Tensor, "N K"], calibration: Calibration, *, level: float
    ) -> Sequence[Outlook]:
        reach = self._widths(calibration, level)
        found: list[Outlook] = []
        for rows in outputs.split(_ROWS):
            means, scales = (part.double().numpy() for part in self._given(rows))
            half = None if reach is None else reach * scales * self._own[1]
            middle = means * self._own[1] + self._own[0]
            found += outlooks(self.schema.variables, middle, half, level=level)
        return found

    @property
    def unit(self) -> str:
        names = self.schema.variables
        return f"units of {names[0]}" if len(names) == 1 else "units of the variable"

    def explained(
        self, outputs: Float[Tensor, "N K"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        """Give the mean over the horizon of one variable's forecast, in its own unit."""
        del calibration
        means = self._shaped(outputs)[..., 0].mean(dim=1)
        middle, scale = (torch.tensor(part, device=outputs.device) for part in self._own)
        own = means * scale.to(means) + middle.to(means)
        return own.gather(1, which[:, None])[:, 0]

    def chosen(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        """Give the target, if it is one variable, else the first."""
        return torch.full((len(outputs),), self._first, dtype=torch.int64, device=outputs.device)

    def rivals(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return torch.full((len(outputs),), -1, dtype=torch.int64, device=outputs.device)

    def answer_name(self, which: int) -> str:
        return self.schema.variables[which]

    def answer_place(self, name: str) -> int:
        names = self.schema.variables
        if name not in names:
            raise BadInputError(
                given=f"{name!r} is asked about, but it is not foretold",
                needed=f"one of {', '.join(names[:8])}{' …' if len(names) > 8 else ''}",
                remedy="name a variable as the data does, or leave the name out",
            )
        return names.index(name)

    def told(self, y: Float[Tensor, "N T A"]) -> list[str]:
        """Give the mean of what came next, of the variable that is explained unasked."""
        place = int(self.chosen(y[:1].flatten(1))[0]) if len(y) else 0
        future = y[:, -self.schema.ahead :, place].nanmean(dim=1)
        return [f"{value:.6g}" if value == value else "unknown" for value in future.tolist()]

    def degenerate(self, outputs: Float[Tensor, "N K"]) -> str | None:
        """Say so if 50 windows or more get the same forecast, to a thousandth of the scales."""
        if not outputs.isfinite().all():
            return "the network gives outputs that are not numbers"
        if len(outputs) < _FEWEST:
            return None
        means = self._shaped(outputs)[..., 0]
        if float(means.std(dim=0).max()) < _SAME:
            return f"the network foretells the same to all {len(outputs)} held-out examples"
        if self.schema.ahead > 1 and float(means.std(dim=1).max()) < _SAME:
            return "every forecast is a flat line: a level was learned, and nothing of what moves"
        return None

    @property
    def _first(self) -> int:
        """Place of the variable that is explained unasked."""
        names = self.schema.variables
        return names.index(self.schema.target) if self.schema.target in names else 0

    @property
    def _own(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and scale of each variable in its own unit, (A,) both."""
        return np.array(self.schema.means, np.float64), np.array(self.schema.scales, np.float64)

    def _shaped(self, outputs: Tensor) -> Float[Tensor, "N H A 2"]:
        return outputs.reshape(len(outputs), self.schema.ahead, len(self.schema.variables), 2)

    def _given(
        self, outputs: Float[Tensor, "N K"]
    ) -> tuple[Float[Tensor, "N H A"], Float[Tensor, "N H A"]]:
        """Give means and scales; what is no number is no evidence: it gets the mean of training."""
        shaped = self._shaped(outputs.float().cpu()).nan_to_num(0.0, 1e6, -1e6)
        limit = _WIDEST if self.schema.own_scale else _LIMIT
        return shaped[..., 0], torch.exp(shaped[..., 1].clamp(-limit, limit))

    def _scaled(self, values: Float[Tensor, "N T A"]) -> Float[Tensor, "N T A"]:
        mean, scale = (torch.from_numpy(part).to(values.device) for part in self._own)
        return ((values - mean) / scale).float()

    def _next(
        self, y: Float[Tensor, "N T A"]
    ) -> tuple[Float[Tensor, "N H A"], Bool[Tensor, "N H A"]]:
        """Give what came next, scaled, with 0 where it is unknown, and whether it is known."""
        future = self._scaled(y[:, -self.schema.ahead :])
        return future.nan_to_num(0.0, 0.0, 0.0), future.isfinite()

    def _before(self, y: Float[Tensor, "N T A"]) -> Float[Tensor, "N H A"]:
        """Repeat the season before; a hole in it is filled with its mean."""
        ahead = self.schema.ahead
        season = self._scaled(y[:, -self.schema.season - ahead : -ahead])
        mean = season.nanmean(dim=1, keepdim=True).nan_to_num(0.0)
        season = torch.where(season.isfinite(), season, mean)
        return season[:, torch.arange(ahead) % self.schema.season]

    def _factor(self, y: Float[Tensor, "N T A"]) -> Float[Tensor, "N 1 A"]:
        """Give the sizes that errors are counted in, as shares of those of the series itself."""
        if not self.schema.own_scale:
            return y.new_ones(len(y), 1, y.shape[2])
        scale = torch.from_numpy(self._own[1]).to(y)
        return (scale / y[:, :1]).nan_to_num(1.0, 1.0, 1.0)

    def _widths(self, calibration: Calibration, level: float) -> NDArray[np.float64] | None:
        steps, variables = self.schema.ahead, len(self.schema.variables)
        return widths(calibration, level, steps=steps, variables=variables)

    def _reach(self, calibration: Calibration) -> Float[Tensor, "H A"]:
        """Give the widths that scores are about; where none is promised, those of Laplace's law."""
        reach = self._widths(calibration, _LEVEL)
        usual = -math.log(1 - _LEVEL)
        if reach is None:
            return torch.full((self.schema.ahead, len(self.schema.variables)), usual)
        return torch.from_numpy(np.where(np.isfinite(reach), reach, usual)).float()

    def _errors(
        self, outputs: Float[Tensor, "N K"], y: Float[Tensor, "N T A"], calibration: Calibration
    ) -> Errors:
        reach = self._reach(calibration)

        def pieces() -> Iterator[Piece]:
            for rows, truth in zip(outputs.split(_ROWS), y.split(_ROWS), strict=True):
                means, scales = self._given(rows)
                future, there = self._next(truth)
                by = self._factor(truth)
                yield Piece(
                    means=means * by, half=reach * scales * by, future=future * by, there=there
                )

        return Errors.of(pieces(), _LEVEL, self._season(y))

    def _guessed(self, y: Float[Tensor, "N T A"]) -> Errors:
        """Sum up how far off the season before was."""
        some = y[:: max(1, len(y) // _SUMMARISED)]
        future, there = self._next(some)
        off = (future - self._before(some)).abs() * self._factor(some)
        off = off.masked_fill(~there, torch.nan)
        half = self._reach({"conformal": summarise(off, len(y))})

        def pieces() -> Iterator[Piece]:
            for truth in y.split(_ROWS):
                by = self._factor(truth)
                future, there = self._next(truth)
                means = self._before(truth) * by
                yield Piece(
                    means=means, half=half.expand_as(means), future=future * by, there=there
                )

        return Errors.of(pieces(), _LEVEL, self._season(y))

    def _season(self, y: Float[Tensor, "N T A"]) -> NDArray[np.float64]:
        """Give the mean absolute change from one season to the next, scaled; 1 for none."""
        season = self.schema.season
        some = y[:: max(1, len(y) // _SUMMARISED)]
        some = self._scaled(some[:, -season - self.schema.ahead :]) * self._factor(some)
        later = some[:, season : 2 * season]
        change = (later - some[:, : later.shape[1]]).abs().nanmean(dim=(0, 1)).double().numpy()
        return np.where(change > _SAME, change, 1.0)


def _pieces(targets: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Give some windows at a time: a mark for each number of all of them would be large."""
    for start in range(0, len(targets), _ROWS):
        yield targets[start : start + _ROWS]
