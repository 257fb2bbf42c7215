"""Outputs of a network for encoded examples, batch by batch.

Letters: N examples, K outputs.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Kind, Schema
from pellucid.errors import BadInputError
from pellucid.tasks import Task

_NUMBERS = 1 << 18  # of input in one batch: what a small network makes of it stays under 100 MB
_LARGEST = 4096
_AT_ONCE = 1 << 24  # stored numbers in one batch, however long a single example is

Outcome = Callable[[nn.Module, Tensor], Tensor]


def outputs(
    network: nn.Module,
    stored: NDArray[Any],
    *,
    kind: Kind,
    task: Task,
    numerics: Mapping[str, Any],
    views: bool = False,
) -> Float[Tensor, "N K"]:
    """Give the outputs for examples as `Kind.encode` gave them, on the CPU.

    The network answers as in use (eval mode) and is left in the mode it was in. Outputs of several
    views of an example are averaged: for classes that is the geometric mean of probabilities.

    Args:
        network: on any device; gives (B, K), or (B, M, K) whose members are averaged, or (B,).
        stored: encoded examples, (N, *stored).
        kind: of the data.
        task: says what is kept of a batch (`Task.outcome`).
        numerics: "dtype", "bfloat16" or "float32", and "channels_last".
        views: average over `kind.views`.

    Raises:
        BadInputError: if the network gives something else.
    """
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    schema = task.schema
    # Recordings may be far longer than any that was learned from.
    size = min(batch_size(schema), max(1, _AT_ONCE // max(1, math.prod(stored.shape[1:]))))
    rows = []
    with as_in_use(network), torch.inference_mode(), autocast(device, numerics):
        for start in range(0, len(stored), size):
            # A copy: what is mapped from a file may not be written to, and torch warns of that.
            part = torch.from_numpy(np.array(stored[start : start + size])).to(device)
            x = kind.tensor(part, schema)
            seen = kind.views(x, schema) if views else [x]
            rows.append(answered(network, seen, numerics, task.outcome))
    # Out of inference mode, so that a caller may compute with gradients on what it gets.
    return joined(rows).cpu().clone()


def joined(rows: Sequence[Tensor], *, fill: float = math.nan) -> Tensor:
    """Put batches on one another; where rows are of unlike lengths, the shorter are filled up."""
    if rows[0].ndim == 1:
        return torch.cat(list(rows))
    widest = max(row.shape[-1] for row in rows)
    return torch.cat([F.pad(row, (0, widest - row.shape[-1]), value=fill) for row in rows])


def batch_size(schema: Schema) -> int:
    """Choose how many examples are answered at once; their answers do not depend on it."""
    return min(_LARGEST, max(8, _NUMBERS // math.prod(schema.shape)))


def answered(
    network: nn.Module,
    views: Sequence[Tensor],
    numerics: Mapping[str, Any],
    outcome: Outcome | None = None,
) -> Float[Tensor, "B K"]:
    """Average the outputs over views of one batch.

    Raises:
        BadInputError: if the network gives something else than one row for each example.
    """
    rows = [_rows(network, view, numerics, outcome) for view in views]
    return rows[0] if len(rows) == 1 else torch.stack(rows).mean(dim=0)


def _rows(
    network: nn.Module, x: Tensor, numerics: Mapping[str, Any], outcome: Outcome | None
) -> Tensor:
    if numerics.get("channels_last") and x.ndim == 4:
        x = x.contiguous(memory_format=torch.channels_last)
    given = (network(x) if outcome is None else outcome(network, x)).float()
    if given.ndim == 1:
        given = given[:, None]
    if given.ndim == 3:
        given = given.mean(dim=1)
    if given.ndim != 2 or len(given) != len(x):
        raise BadInputError(
            given=f"the network gives {tuple(given.shape)} for a batch of {len(x)}",
            needed="one row of outputs for each example",
            remedy="let its forward return a tensor (batch, outputs)",
        )
    return given


@contextlib.contextmanager
def as_in_use(network: nn.Module) -> Iterator[None]:
    """Put a network in eval mode, and back into the mode it was in."""
    training = [module for module in network.modules() if module.training]
    network.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def autocast(device: torch.device, numerics: Mapping[str, Any]) -> torch.autocast:
    """Compute in the numerics of a model where the device has them."""
    wanted = numerics.get("dtype") == "bfloat16" and _has_bfloat16(device)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted)


def _has_bfloat16(device: torch.device) -> bool:
    """Tell whether bfloat16 is computed here and not imitated, which would take longer."""
    if device.type != "cpu":
        return True
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
