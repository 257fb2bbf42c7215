"""A model that reads on: data come piece by piece, and each answer costs the same.

session = model.stream()
session.push({"load": 41.2, "temperature": 17.0})    # a row of a series, or some words of a text
session.push(" and then", answer=False)              # read, not answered: half of the time

What was read is kept in a memory that does not grow: that of the network where it carries one, else
the last steps that it can be shown.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._memory import Carried, memory_of
from pellucid.errors import BadInputError
from pellucid.tasks import Answer

if TYPE_CHECKING:
    from pellucid.model import Model


class Stream:
    """One stream of data, read by a model as it comes.

    Args:
        model: that answers; its network is left in eval mode.
        level: probability with which sets and intervals shall hold the truth.

    Raises:
        BadInputError: if the kind of data has no order in time.

    Attributes:
        steps: read so far.
    """

    def __init__(self, model: "Model", *, level: float = 0.9) -> None:
        self._model = model
        self._level = level
        self._schema = model.schema
        self._read = model.kind.steps
        network = model.network.eval()
        self._device = next((each.device for each in network.parameters()), torch.device("cpu"))
        self._memory = memory_of(network, model.schema)
        # Of numbers, the last one known stands for one that is missing; the mean, if none is known.
        self._last = None if model.schema.cardinalities else np.zeros(1, np.float32)
        self.steps = 0

    @property
    def carried(self) -> bool:
        """Whether the network carries its memory; else the last steps are kept and shown again."""
        return isinstance(self._memory, Carried)

    def push(self, piece: Any, *, answer: bool = True) -> Answer | None:
        """Read on and answer.

        Args:
            piece: a row of a series (numbers in the order of its columns, or by name), or several;
                a piece of text.
            answer: False if nobody wants to know yet, which is quicker.

        Returns:
            The answer after all that was pushed; None if none is wanted, or nothing was read yet.

        Raises:
            BadInputError: if the piece cannot be read as a continuation.
        """
        x = self._read(piece, self._schema, self._last, self.steps)
        if self._last is not None and len(x):
            self._last = _filled(x, self._last)
        given = torch.from_numpy(x)
        if self._device.type != "cpu":
            given = given.to(self._device)
        with torch.inference_mode():
            if len(x) == 1:
                self._memory.step(given)
            else:
                self._memory.push(given[None])
        self.steps += len(x)
        return self.answer() if answer else None

    def answer(self) -> Answer | None:
        """Answer after all that was pushed; None before anything was."""
        outputs = self.outputs()
        if outputs is None:
            return None
        model = self._model
        return model.task.answers(outputs, model.calibration, level=self._level)[0]

    def outputs(self) -> Tensor | None:
        """Give the raw numbers of the network after all that was pushed, (1, K), on the CPU."""
        with torch.inference_mode():
            found = self._memory.outputs()
        return None if found is None else found.float().cpu().clone()

    @property
    def state(self) -> dict[str, Any]:
        """All that is remembered, as plain JSON; another stream of the same model goes on from it.

        Setting it forgets what was pushed here before.

        Raises:
            BadInputError: if it is no state of this model, when setting.
        """
        kept = [each.float().cpu().numpy() for each in self._memory.tensors()]
        memory = [{"shape": list(each.shape), "numbers": each.ravel().tolist()} for each in kept]
        last = None if self._last is None else self._last.tolist()
        return {"steps": self.steps, "last": last, "memory": memory}

    @state.setter
    def state(self, given: Mapping[str, Any]) -> None:
        try:
            steps = int(given["steps"])
            last = None if self._last is None else np.array(given["last"], np.float32).reshape(-1)
            if last is not None and len(last) not in (1, self._schema.shape[1]):
                raise ValueError("its last row is of another length")
            tensors = [_tensor(each).to(self._device) for each in given["memory"]]
            self._checked(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError, IndexError) as error:
            raise BadInputError(
                given="a state that is not one of this model",
                needed="what `session.state` gave, of the same model",
                remedy="push the data again",
            ) from error
        self._memory.restore(tensors)
        self.steps, self._last = steps, last

    def _checked(self, tensors: list[Tensor]) -> None:
        """Let a memory that is thrown away go one step on from it."""
        step = torch.zeros(1, 1, *self._schema.shape[1:], device=self._device)
        trial = memory_of(self._model.network, self._schema)
        with torch.inference_mode():
            trial.push(step)
            if len(tensors) not in (0, len(trial.tensors())):
                raise ValueError("it holds another number of tensors")
            trial.restore(tensors)
            trial.push(step)
            trial.outputs()


def _tensor(given: Mapping[str, Any]) -> Tensor:
    numbers = np.array(given["numbers"], np.float32).reshape(given["shape"])
    if not np.isfinite(numbers).all():
        raise ValueError("what is remembered is no number")
    return torch.from_numpy(numbers)


def _filled(x: NDArray[np.float32], last: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put the last number known where one is missing, in place; give the last row."""
    missing = np.isnan(x)
    if missing.any():
        for row, unknown in zip(x, missing, strict=True):
            np.copyto(row, last, where=unknown)
            last = row
    return x[-1]
