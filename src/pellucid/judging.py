"""What was learned is judged and calibrated on the side that was held out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pellucid import _inference
from pellucid.preparing import Prepared, Side
from pellucid.tasks import Estimate
from pellucid.training.numerics import Numerics


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A trained network, seen from the held-out side.

    Args:
        calibration: what `task.calibrate` learned.
        views: whether averaging over views of an example lowers the loss.
        scores: "scores" with their intervals and "guess", as JSON; "test" with the same of the test
            side, where the folders set one apart.
        strange: a sentence if the outputs are degenerate; "" if not.
    """

    calibration: dict[str, Any]
    views: bool
    scores: dict[str, Any]
    strange: str


def glance(ready: Prepared, network: nn.Module, numerics: Numerics) -> float:
    """Give the main score on the held-out side, quickly."""
    return ready.task.score(_outputs(ready, network, numerics, ready.valid), ready.valid.y)


def judge(ready: Prepared, network: nn.Module, numerics: Numerics) -> Judged:
    """Calibrate on the held-out side and score, there and on the test side if there is one."""
    task, valid = ready.task, ready.valid
    outputs, views = _best_views(ready, network, numerics)
    calibration = task.calibrate(outputs, valid.y)
    scores = _scored(ready, outputs, valid, calibration)
    if ready.test is not None:
        tested = _outputs(ready, network, numerics, ready.test, views=views)
        scores["test"] = {
            "n": len(ready.test.y),
            **_scored(ready, tested, ready.test, calibration),
        }
    return Judged(
        calibration=calibration,
        views=views,
        scores=scores,
        strange=task.degenerate(outputs) or "",
    )


def _outputs(
    ready: Prepared, network: nn.Module, numerics: Numerics, side: Side, *, views: bool = False
) -> Tensor:
    return _inference.outputs(
        network,
        side.stored,
        kind=ready.kind,
        schema=ready.task.schema,
        numerics=numerics.to_json(),
        views=views,
    )


def _best_views(
    ready: Prepared, network: nn.Module, numerics: Numerics
) -> tuple[Tensor, bool]:  # fmt: skip
    """Average over views of an example if that lowers the held-out loss."""
    plain = _outputs(ready, network, numerics, ready.valid)
    first = torch.from_numpy(ready.valid.stored[:1].copy())
    schema = ready.task.schema
    if len(ready.kind.views(ready.kind.tensor(first, schema), schema)) < 2:
        return plain, False
    mixed = _outputs(ready, network, numerics, ready.valid, views=True)
    better = _loss(ready, mixed) < _loss(ready, plain)
    return (mixed, True) if better else (plain, False)


def _loss(ready: Prepared, outputs: Tensor) -> float:
    batch = {"x": outputs, "y": ready.valid.y.cpu()}
    return float(ready.task.loss(nn.Identity(), batch, "whole").mean())


def _scored(
    ready: Prepared, outputs: Tensor, side: Side, calibration: Mapping[str, Any]
) -> dict[str, Any]:
    scores = ready.task.scores(outputs, side.y, calibration)
    return {
        "scores": {name: _as_json(score) for name, score in scores.items()},
        "guess": ready.task.guess(side.y),
    }


def _as_json(score: Estimate) -> dict[str, float | None]:
    return {"value": score.value, "low": score.low, "high": score.high}
