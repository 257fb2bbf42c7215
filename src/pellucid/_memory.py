"""What a network remembers of data that go on; how much it is does not grow with them.

A network that offers `step` carries its memory from one step to the next. Any other one is shown
the last steps again, as many as it can be asked about.

Letters: B streams, T steps, K outputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

_PIECE = 256  # steps that are read at once where many are given


class Memory(ABC):
    """Some streams, read side by side."""

    @abstractmethod
    def push(self, x: Float[Tensor, "B T ..."]) -> None:
        """Read on, as `Kind.steps` encodes it."""

    def step(self, x: Float[Tensor, "B ..."]) -> None:
        """Read one step more."""
        self.push(x[:, None])

    @abstractmethod
    def outputs(self) -> Float[Tensor, "B K"] | None:
        """Give the outputs after the last step; None before the first."""

    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """Give all that is remembered, (B, ...) each; nothing before the first step."""

    @abstractmethod
    def restore(self, tensors: Sequence[Tensor]) -> None:
        """Go on from what `tensors` gave.

        Raises:
            ValueError: if it does not fit this network.
        """


class Carried(Memory):
    """Memory that the network carries itself.

    Args:
        network: offers `each` and `step`, in eval mode.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network: Any = network
        self._step: Any = self._network.step
        self._state: tuple[Tensor, ...] | None = None
        self._outputs: Tensor | None = None

    def push(self, x: Float[Tensor, "B T ..."]) -> None:
        for piece in x.split(_PIECE, dim=1) if x.shape[1] else ():
            outputs, self._state = self._network.each(piece, self._state)
            # A copy: a view would keep the outputs of all these steps.
            self._outputs = outputs[:, -1].clone()

    def step(self, x: Float[Tensor, "B ..."]) -> None:
        self._outputs, self._state = self._step(x, self._state)

    def outputs(self) -> Float[Tensor, "B K"] | None:
        return self._outputs

    def tensors(self) -> tuple[Tensor, ...]:
        if self._state is None or self._outputs is None:
            return ()
        return self._outputs, *self._state

    def restore(self, tensors: Sequence[Tensor]) -> None:
        if not tensors:
            self._outputs, self._state = None, None
            return
        self._outputs, self._state = tensors[0], tuple(tensors[1:])


class Window(Memory):
    """The last steps, which the network is shown as a whole whenever it is asked.

    Args:
        network: in eval mode.
        schema: says how many steps it can be shown. Codes may be fewer than that; of numbers the
            first row stands for those before it until there are enough.
    """

    def __init__(self, network: nn.Module, schema: Schema) -> None:
        self._network = network
        self._length = schema.shape[0]
        self._padded = not schema.cardinalities
        self._room: Tensor | None = None  # twice the length, so that moving is rare
        self._end = 0

    def push(self, x: Float[Tensor, "B T ..."]) -> None:
        if not x.shape[1]:
            return
        x = x[:, -self._length :]
        if self._room is None:
            self._room = x.new_zeros(len(x), 2 * self._length, *x.shape[2:])
        if self._end + x.shape[1] > self._room.shape[1]:
            kept = self._room[:, max(0, self._end - self._length) : self._end].clone()
            self._end = kept.shape[1]
            self._room[:, : self._end] = kept
        self._room[:, self._end : self._end + x.shape[1]] = x
        self._end += x.shape[1]

    def outputs(self) -> Float[Tensor, "B K"] | None:
        if self._room is None:
            return None
        x = self._seen()
        missing = self._length - x.shape[1]
        if self._padded and missing:
            x = torch.cat([x[:, :1].expand(-1, missing, *x.shape[2:]), x], dim=1)
        outputs: Tensor = self._network(x)
        return outputs

    def tensors(self) -> tuple[Tensor, ...]:
        return () if self._room is None else (self._seen().clone(),)

    def restore(self, tensors: Sequence[Tensor]) -> None:
        self._room, self._end = None, 0
        for seen in tensors:
            self.push(seen)

    def _seen(self) -> Tensor:
        assert self._room is not None
        return self._room[:, max(0, self._end - self._length) : self._end]


def memory_of(network: nn.Module, schema: Schema) -> Memory:
    """Give the memory that suits a network, empty.

    Where the question is not about what comes next, a network may look at the end of an example to
    understand its beginning, so nothing can be carried.
    """
    if schema.ahead and hasattr(network, "step"):
        return Carried(network)
    return Window(network, schema)


def repeated(memory: Memory, count: int) -> None:
    """Make each stream that many equal ones, to go on apart."""
    memory.restore([each.repeat_interleave(count, dim=0) for each in memory.tensors()])
