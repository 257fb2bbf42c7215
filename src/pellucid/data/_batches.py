"""Encoded examples, ready to be drawn as batches."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Kind, Schema


class Supply:
    """One side of the data, encoded; gives any batch of it by places.

    Args:
        kind: turns what is stored into what a network takes.
        schema: of the data.
        stored: (A, *stored), all that was encoded, in memory or in a mapped file.
        places: (N,), where among them the examples of this side are.
        y: (N,), their encoded targets; (N, H, C) for what comes next.
        device: where batches are wanted; what is stored moves there if it is a GPU.

    Attributes:
        sizes: length of each example of this side, (N,) int64; None if all are equally long.
    """

    def __init__(
        self,
        kind: Kind,
        schema: Schema,
        stored: NDArray[Any],
        places: NDArray[np.int64],
        y: Tensor,
        *,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.kind = kind
        self.schema = schema
        self.device = torch.device(device)
        whole = torch.from_numpy(np.asarray(stored))
        self._places = torch.from_numpy(places)
        self._stored = whole if self.device.type == "cpu" else whole.to(self.device)
        self.y = y.to(self.device)
        lengths = kind.sizes(stored, schema)
        self.sizes = None if lengths is None else torch.from_numpy(lengths[places])

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.y)

    def batch(
        self, places: Tensor, *, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Give the examples at these places; a generator asks for augmented views of them.

        Args:
            places: (B,), int64, from 0 to N - 1, on the CPU.
            generator: source of all chance in the views, on the CPU; None for the plain examples.
        """
        there = self._places.index_select(0, places).to(self._stored.device)
        x = self.kind.tensor(self._stored.index_select(0, there), self.schema)
        if generator is not None:
            x = self.kind.augment(x, self.schema, generator)
        return {"x": x, "y": self.y.index_select(0, places.to(self.device))}
