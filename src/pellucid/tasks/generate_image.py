"""What would more pictures like these look like?

Idea: an artist learns to make pictures that a critic cannot tell from the real ones. Whether it is
any good is measured on pictures that neither has seen: an eye that was taught on the training side
compares them with as many made ones.

Source: as `networks/_adversarial.py`; what is measured: `tasks/_likeness.py`.
Departs: the noise of each made picture follows from the content of the held-out picture that it is
compared beside, so that scores repeat exactly. While training goes on, 300 made pictures are
compared with training ones thirty times a run, so that a collapse is noticed when it happens.

What is kept of N pictures is (N, 6 + 3 F), see `tasks/_seen.py`.

Letters: B N pictures, F features, K classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data._batches import Supply
from pellucid.errors import BadInputError
from pellucid.networks._eye import FEATURES
from pellucid.registry import task
from pellucid.tasks import Answer, Batch, Calibration, Estimate, Task, Trouble, _eye, _likeness
from pellucid.tasks._comparison import by_heart, compared, uneven
from pellucid.tasks._conformal import check_level
from pellucid.tasks._seen import Seen, kept, maker
from pellucid.tasks._straying import altering, collapsed, straying
from pellucid.tasks._targets import class_name, coded, in_order, known, numeric

_LATENT = 64
_REAL = "real"  # the one answer whose number is explained
_FEWEST = 2  # examples of a class that can be asked for
_SORTED = 10_000  # pictures that a network is shown before it learns
_AT_ONCE = 256  # of them, to bound memory
_RARE = 10  # examples of a class, below which new pictures of it are hardly new


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness(Answer):
    """How a picture looks to the critic.

    Args:
        view: more than 0 where it looks more real than most made pictures do, in units of how much
            the views of those differ.
    """

    view: float

    def to_json(self) -> dict[str, Any]:
        return {"view": self.view}

    def __str__(self) -> str:
        return f"looks {'more' if self.view > 0 else 'less'} real than most, {self.view:+.2f}"


@task("generate_image", takes=["image"])
class GenerateImage(Task):
    """New pictures like those given, of a class that is asked for where there are classes.

    Batches hold "x", (B, C, H, W), and "y", the class of each, (B,); -1 where it is not known.
    """

    name = "generate_image"
    metric = "distance"
    better = "lower"
    needs_targets: ClassVar[bool] = False
    command: ClassVar[str] = "generate {}"
    makes: ClassVar[str] = "examples"
    varies: ClassVar[bool] = False

    @classmethod
    def suits(cls, targets: NDArray[Any] | None) -> float:
        del targets
        return 0.0

    @classmethod
    def describe(cls, targets: NDArray[Any] | None) -> dict[str, Any]:
        """Take classes where most pictures have one; a number of pictures each is no class."""
        nothing: dict[str, Any] = {"latent": _LATENT}
        if targets is None or targets.ndim > 1:
            return nothing
        values = targets[known(targets)]
        if 2 * len(values) <= len(targets) or (numeric(values) and not coded(values)):
            return nothing
        counts = Counter(class_name(value) for value in values.tolist())
        often = {name: counts[name] for name in in_order([*counts]) if counts[name] >= _FEWEST}
        if len(often) < 2:
            return nothing
        whole = sum(often.values())
        shares = tuple(count / whole for count in often.values())
        return nothing | {"classes": tuple(often), "shares": shares}

    def encode(self, targets: NDArray[Any]) -> Int[Tensor, " N"]:
        places = {name: place for place, name in enumerate(self.schema.classes)}
        if not places or targets.ndim > 1:
            return torch.full((len(targets),), -1)
        there = known(targets)
        found = [
            places.get(class_name(value), -1) if known_ else -1
            for value, known_ in zip(targets.tolist(), there, strict=True)
        ]
        return torch.tensor(found, dtype=torch.int64)

    @property
    def outputs(self) -> int:
        return 1

    def loss(self, network: nn.Module, batch: Batch, part: str) -> Float[Tensor, " B"]:
        found: Tensor = network.turn(part, batch["x"], batch["y"])  # type: ignore[operator]
        return found

    def ready(
        self, network: nn.Module, supply: Supply, *, seconds: float | None, seed: int, half: bool
    ) -> str:  # fmt: skip
        altering(network, len(supply))
        sort = getattr(network, "sort", None)
        if sort is not None:
            order = torch.randperm(len(supply), generator=torch.Generator().manual_seed(seed))
            some = order[:_SORTED].split(_AT_ONCE)
            sort((supply.batch(places)["x"] for places in some), seed)
        taught = _eye.learn(maker(network).eye, supply, seconds=seconds, seed=seed, half=half)
        return "; ".join(filter(None, [taught, self._rare(supply.y)]))

    def trouble(self, network: nn.Module, share: float) -> Trouble | None:
        return straying(network, self.schema, share)

    def outcome(self, network: nn.Module, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        return kept(network, x, self.schema)

    def losses(self, outputs: Float[Tensor, "N K"], y: Tensor) -> Float[Tensor, " N"]:
        """Give the same for all: it is only as a set that pictures are like others."""
        return torch.full((len(outputs),), self.score(outputs, y))

    def score(self, outputs: Float[Tensor, "N K"], y: Tensor) -> float:
        del y
        seen = Seen.of(outputs)
        return _likeness.distance(seen.real, seen.made)

    def calibrate(self, outputs: Float[Tensor, "N K"], y: Tensor) -> dict[str, Any]:
        """Learn how the critic sees real pictures, so that a view can be read."""
        del y
        view = outputs[:, 0].double().nan_to_num(0.0, 0.0, 0.0)
        deviation = float(view.std()) if len(view) > 1 else 1.0
        return {"middle": float(view.median()), "deviation": max(deviation, 1e-6)}

    def scores(
        self, outputs: Float[Tensor, "N K"], y: Tensor, calibration: Calibration
    ) -> dict[str, Estimate]:
        del y, calibration
        seen = Seen.of(outputs)
        if len(outputs) < _FEWEST:
            raise BadInputError(
                given=f"{len(outputs)} picture to compare with",
                needed="two or more",
                remedy="give more pictures",
            )
        return _likeness.estimates(seen.real, seen.made)

    def guess(self, y: Tensor) -> dict[str, float]:
        del y
        return _likeness.guess(FEATURES)

    def details(
        self, outputs: Float[Tensor, "N K"], y: Tensor, calibration: Calibration
    ) -> dict[str, Any]:
        del y, calibration
        return compared(Seen.of(outputs), self.schema.classes)

    def make(
        self, network: nn.Module, z: Float[Tensor, "B Z"], y: Tensor
    ) -> Float[Tensor, "B C H W"]:
        return maker(network).make(z, y)

    def seen(self, network: nn.Module, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B F"]:
        return maker(network).eye(x)

    def yardstick(self, network: nn.Module) -> dict[str, Any]:
        return {"eye": _eye.about(maker(network).eye)}

    def answers(
        self, outputs: Float[Tensor, "N K"], calibration: Calibration, *, level: float
    ) -> Sequence[Likeness]:
        check_level(level)
        views = self._read(outputs[:, 0], calibration)
        return [Likeness(view=view) for view in views.nan_to_num(0.0, 1e6, -1e6).tolist()]

    @property
    def unit(self) -> str:
        return "deviations of the critic's view"

    def explained(
        self, outputs: Float[Tensor, "N K"], which: Int[Tensor, " N"], calibration: Calibration
    ) -> Float[Tensor, " N"]:
        del which
        return self._read(outputs[:, 0], calibration)

    def chosen(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return torch.zeros(len(outputs), dtype=torch.int64, device=outputs.device)

    def rivals(self, outputs: Float[Tensor, "N K"]) -> Int[Tensor, " N"]:
        return torch.full((len(outputs),), -1, device=outputs.device)

    def answer_name(self, which: int) -> str:
        del which
        return _REAL

    def answer_place(self, name: str) -> int:
        if name != _REAL:
            raise BadInputError(
                given=f"the answer {name!r}",
                needed=f"{_REAL!r}: the critic says how real a picture looks, and nothing else",
                remedy="leave the answer out",
            )
        return 0

    def told(self, y: Tensor) -> list[str]:
        classes = self.schema.classes
        return [classes[at] if classes and at >= 0 else "" for at in y.tolist()]

    def degenerate(self, outputs: Float[Tensor, "N K"]) -> str | None:
        if not outputs.isfinite().all():
            return "the network gives outputs that are not numbers"
        seen = Seen.of(outputs)
        if len(outputs) < 50:
            return None
        return collapsed(seen) or by_heart(seen) or uneven(seen, self.schema.classes) or None

    def _rare(self, y: Int[Tensor, " N"]) -> str:
        """Say in a clause which classes have too few pictures for new ones; "" if none has."""
        if not self.schema.classes:
            return ""
        counts = torch.bincount(y[y >= 0].cpu(), minlength=len(self.schema.classes)).tolist()
        named = zip(self.schema.classes, counts, strict=True)
        few = [f"{name} ({count})" for name, count in named if count < _RARE]
        alone = int((y < 0).sum())
        told = []
        if few:
            told.append(
                f"so few pictures of a class can hardly be told from copies: {', '.join(few)}"
            )
        if alone:
            told.append(
                f"{alone:,} pictures are learned from without a class, since theirs is not known or"
                f" has fewer than {_FEWEST} pictures"
            )
        return "; ".join(told)

    def _read(self, view: Tensor, calibration: Calibration) -> Tensor:
        middle, deviation = calibration.get("middle", 0.0), calibration.get("deviation", 1.0)
        if type(middle) is not float or type(deviation) is not float or deviation <= 0:
            raise ValueError("the calibration is damaged")
        return (view - middle) / deviation
