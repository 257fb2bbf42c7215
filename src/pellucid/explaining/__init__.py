"""One file is one method of saying why.

An explainer divides an answer among the parts of its example: how much each added to the number
that the task explains (`Task.explained`), against an example where nothing is there
(`Kind.blanks`). It sees a `Subject`, asks it as often as it likes, and never touches its weights.

    Subject + Case ──Explainer.shares──▶ shares (P,) ──measured──▶ Explanation

No explanation leaves without its measured faithfulness: see `_faithfulness.py`. Which explainer
speaks for a model is measured on that model's own held-out side: see `_choosing.py`.

To add an explainer: copy the shortest file of this folder and decorate its class with
`@explainer("name")`.

Letters: B N examples, P parts, M coverings, R blanks, K outputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid import _inference
from pellucid.data import Kind, Parts, Schema
from pellucid.tasks import Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is explained: a network as it answers in use, and what is known around it.

    Args:
        network: in eval mode.
        task: with the schema.
        kind: of the data.
        calibration: what `task.calibrate` gave.
        numerics: of the model.
        views: whether the model averages over the views that the kind offers.
    """

    network: nn.Module
    task: Task
    kind: Kind
    calibration: Mapping[str, Any]
    numerics: Mapping[str, Any]
    views: bool = False

    @property
    def schema(self) -> Schema:
        """What is known of the form of the data."""
        return self.task.schema

    @cached_property
    def device(self) -> torch.device:
        """Where the network is."""
        return next((weight.device for weight in self.network.parameters()), torch.device("cpu"))

    def x(self, stored: NDArray[Any]) -> Float[Tensor, "N ..."]:
        """Give stored examples, as `Kind.encode` gave them, as the network takes them."""
        # A copy: what is mapped from a file may not be written to, and torch warns of that.
        given = torch.from_numpy(np.array(stored)).to(self.device)
        return self.kind.tensor(given, self.schema)

    def posed(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
        """Give examples as they are when their answers are explained; see `Task.posed`."""
        with torch.inference_mode(), _inference.autocast(self.device, self.numerics):
            return self.task.posed(self.network, x).clone()

    def outputs(self, x: Float[Tensor, "B ..."], *, exact: bool = False) -> Float[Tensor, "B K"]:
        """Give the outputs for one batch, with whatever gradients are asked for.

        Args:
            x: on the device of the network.
            exact: in float32 whatever the numerics of the model: what is subtracted needs it.
        """
        numerics = {**self.numerics, "dtype": "float32"} if exact else self.numerics
        seen = self.kind.views(x, self.schema) if self.views else [x]
        with _inference.autocast(self.device, numerics):
            return _inference.answered(self.network, seen, numerics, self.task.evidence)

    def numbers(
        self, x: Float[Tensor, "B ..."], which: Int[Tensor, " B"], *, exact: bool = False
    ) -> Float[Tensor, " B"]:
        """Give the number that is explained, in `task.unit`, for one batch."""
        return self.task.explained(self.outputs(x, exact=exact), which, self.calibration)

    def asked(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N K"]:
        """Give the outputs for many examples, in batches and without gradients."""
        with torch.inference_mode():
            rows = [self.outputs(part) for part in x.split(_inference.batch_size(self.schema))]
            outputs = _inference.joined(rows)
        return outputs.clone()  # usable with gradients

    def judged(self, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N K"]:
        """Give what the task scores of many examples (`Task.outcome`), on the CPU."""
        rows = []
        with torch.inference_mode(), _inference.autocast(self.device, self.numerics):
            for part in x.split(_inference.batch_size(self.schema)):
                seen = self.kind.views(part, self.schema) if self.views else [part]
                outcome = self.task.outcome
                rows.append(_inference.answered(self.network, seen, self.numerics, outcome))
        return _inference.joined(rows).cpu().clone()

    def shown(
        self,
        case: "Case",
        shown: Bool[Tensor, "M P"],
        *,
        blank: Int[Tensor, " M"] | None = None,
        exact: bool = False,
    ) -> Float[Tensor, " M"]:
        """Give the explained number when only some parts of an example are shown.

        Args:
            case: the example.
            shown: True for the parts that are shown in each covering; the others are blank.
            blank: which of the R blanks covers; None for the mean of the number over all of them.
            exact: in float32.
        """
        if blank is not None:
            return self._covered(case, shown, blank, exact=exact)
        several = len(case.blanks)
        rows = shown.repeat_interleave(several, dim=0)
        every = torch.arange(several).repeat(len(shown))
        return self._covered(case, rows, every, exact=exact).view(-1, several).mean(dim=1)

    def _covered(
        self, case: "Case", shown: Tensor, blank: Tensor, *, exact: bool
    ) -> Float[Tensor, " M"]:
        size = _inference.batch_size(self.schema)
        found = []
        with torch.inference_mode():
            for rows, blanks in zip(shown.split(size), blank.split(size), strict=True):
                x = case.covered(rows, blanks)
                which = torch.full((len(x),), case.which, device=x.device)
                found.append(self.numbers(x, which, exact=exact).float())
            numbers = torch.cat(found)
        return numbers.cpu().clone()


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """One example to be explained.

    Args:
        x: (*schema.shape), on the device of the network; where examples have lengths, as long as
            this one is.
        parts: into which it is divided.
        blanks: (R, *schema.shape), what it looks like where nothing is there.
        which: the answer that is explained, as `Task.chosen` gives it.
        seed: of whatever an explainer draws.
    """

    x: Tensor
    parts: Parts
    blanks: Float[Tensor, "R ..."]
    which: int
    seed: int = 0

    @cached_property
    def of(self) -> Int[Tensor, "..."]:
        """The part that each number of x belongs to, -1 for none; broadcasts to x."""
        return places(self.parts, self.x.shape).to(self.x.device)

    def covered(
        self, shown: Bool[Tensor, "M P"], blank: Int[Tensor, " M"]
    ) -> Float[Tensor, "M ..."]:
        """Give x with all but the shown parts blank, once for each covering."""
        # A column more, always true, is what -1 points to.
        always = torch.ones(len(shown), 1, dtype=torch.bool)
        seen = torch.cat([shown.cpu(), always], dim=1).to(self.x.device)[:, self.of]
        return torch.where(seen, self.x, self.blanks[blank.to(self.x.device)])

    def gathered(self, each: Tensor) -> Float[Tensor, " P"]:
        """Sum numbers that belong to single numbers of x, (*schema.shape), over each part."""
        of = self.of.expand_as(each).flatten()
        inside = of >= 0
        sums = torch.zeros(len(self.parts), dtype=torch.float64)
        return sums.index_add_(0, of[inside].cpu(), each.flatten()[inside].double().cpu()).float()


class Explainer(ABC):
    """A method that divides an answer among the parts of its example.

    Attributes:
        name: how the user writes it; the same as in `@explainer(name)`.
        sums: whether its shares claim to sum up to what the example adds over the blank; others
            give an order of importance, in no unit.
    """

    name: ClassVar[str]
    sums: ClassVar[bool]

    def suits(self, subject: Subject) -> bool:
        """Tell whether it can explain this network; most can explain any."""
        del subject
        return True

    @abstractmethod
    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        """Give what each part added to the number explained, on the CPU; negative if it took away.

        The same subject, case and seed give the same shares.
        """

    def detail(
        self, subject: Subject, case: Case, shares: Float[Tensor, " P"]
    ) -> Float[Tensor, "..."] | None:
        """Give how shares lie within their parts, as `Case.of`, on the CPU; None if nobody knows.

        The default keeps the sum over each part, and differs within it as gradients do, where
        single numbers of the kind of data can be pointed at and the network has a gradient.
        """
        from pellucid.explaining import _detail
        from pellucid.explaining._paths import all_numbers, differentiable

        if not (subject.kind.pointed and all_numbers(subject) and differentiable(subject)):
            return None
        return _detail.refined(subject, case, shares)


def places(parts: Parts, shape: Sequence[int]) -> Int[Tensor, "..."]:
    """Give the part that each number of x belongs to, -1 for none; broadcasts to the shape.

    Args:
        parts: of one example.
        shape: of x. Where examples have lengths, a batch is as long as its longest example: what
            lies behind the end of this one belongs to no part.
    """
    of = torch.from_numpy(parts.of)
    if of.ndim < len(shape) or of.shape[0] in (1, shape[0]):
        return of
    behind = of.new_full((max(0, shape[0] - len(of)), *of.shape[1:]), -1)
    return torch.cat([of[: shape[0]], behind])


@contextmanager
def untouched(network: nn.Module) -> Iterator[nn.Module]:
    """Lend a network to a method that hooks into it; every hook made on it meanwhile is removed."""
    before = {module: dict(module._forward_hooks) for module in network.modules()}
    try:
        yield network
    finally:
        for module, hooks in before.items():
            module._forward_hooks.clear()
            module._forward_hooks.update(hooks)
