"""Examples as arrays with their answers: whole, or the sides of a split."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._judged import picked
from pellucid.data import Examples, Kind
from pellucid.data._batches import Supply
from pellucid.errors import BadInputError
from pellucid.tasks import Task

_SAMPLED = 16  # examples that a sample holds, at least


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """Examples with their targets, encoded, to be judged by.

    Args:
        stored: (N, *stored).
        y: (N,).
        names: one each.
    """

    stored: NDArray[Any]
    y: Tensor
    names: Sequence[str] = ()

    def sampled(self, share: float) -> "Side":
        """Give a fair sample of a share of it, in its order; a smaller one lies within a larger."""
        count = min(len(self.y), max(_SAMPLED, math.ceil(share * len(self.y))))
        if count == len(self.y):
            return self
        drawn = np.random.default_rng(len(self.y)).permutation(len(self.y))
        places = np.sort(drawn[:count])
        names = [self.names[place] for place in places.tolist()] if self.names else ()
        return Side(stored=picked(self.stored, places), y=self.y[places], names=names)


class Answered(NamedTuple):
    """Places of some examples, (n,), and their encoded targets, (n, ...)."""

    places: NDArray[np.int64]
    y: Tensor

    def at(self, wanted: NDArray[np.int64]) -> "Answered":
        """Give some of them, by their places among these."""
        return Answered(self.places[wanted], self.y[torch.from_numpy(wanted)])


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """All examples, encoded once, of which sides are drawn.

    Args:
        kind: of the data.
        task: with the schema.
        examples: raw.
        device: where batches are wanted.
    """

    kind: Kind
    task: Task
    examples: Examples
    device: str = "cpu"

    @cached_property
    def stored(self) -> NDArray[Any]:
        """What is kept of each, (N, *stored)."""
        return self.kind.encode(self.examples, self.task.schema)

    def supply(self, side: Answered) -> Supply:
        """Give a side to be learned from."""
        return Supply(self.kind, self.task.schema, self.stored, *side, device=self.device)

    def side(self, side: Answered) -> Side:
        """Give a side to be judged by."""
        names = [self.examples.names[place] for place in side.places.tolist()]
        return Side(stored=picked(self.stored, side.places), y=side.y, names=names)

    def answered(self, places: NDArray[np.int64], *, strict: bool = True) -> Answered:
        """Encode the targets of one side.

        Args:
            places: of the side.
            strict: refuse a target that training never saw; else leave the example out.

        Raises:
            BadInputError: if strict, for a target that training never saw.
        """
        if self.examples.targets is None:
            return Answered(places, torch.zeros(len(places), dtype=torch.int64))
        targets = picked(self.examples.targets, places)
        try:
            return Answered(places, self.task.encode(targets))
        except BadInputError:
            if strict:
                raise
        kept = [at for at in range(len(places)) if self._encodes(targets[at : at + 1])]
        found = targets[kept] if kept else targets[:0]
        return Answered(places[kept] if kept else places[:0], self.task.encode(found))

    def _encodes(self, target: NDArray[Any]) -> bool:
        try:
            self.task.encode(target)
        except BadInputError:
            return False
        return True
