"""Translating back: targets are read, sources are written; so sources are made for targets alone.

Idea: a good sentence of the target language teaches how to write it, even beside a source that was
made and is somewhat wrong. A source that was made begins with a mark, so that the network can tell
it from one that a person wrote.

Source: Sennrich, Haddow & Birch 2016, "Improving neural machine translation models with monolingual
data", arXiv:1511.06709; Caswell, Chelba & Grangier 2019, "Tagged back-translation",
arXiv:1906.06442 (the mark).
Departs: the mark is the code of the end, which no source has otherwise; sources are the likeliest
token by token, not drawn.

Letters: N pairs, M targets alone, S source tokens, T target tokens.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks._beam import END
from pellucid.networks._translating import Translator, translated
from pellucid.tasks import Task
from pellucid.tasks._turned import Turned

_STEP = 8  # the longest answer is a multiple of it

Stored = NDArray[np.uint16]


class TurnedTranslate(Turned):
    """Turns pairs round.

    Args:
        schema: of the plain task.
        task: gives the task of a schema.
        translators: gives the networks in one that write together.
    """

    def __init__(
        self,
        schema: Schema,
        *,
        task: Callable[[Schema], Task],
        translators: Callable[[nn.Module], list[Translator]],
    ) -> None:
        self.read, self.written = schema.shape[0], int(schema.details["longest"])
        self.task = task(_turned(schema))
        self._translators = translators

    def examples(
        self, x: Float[Tensor, "N S"], y: Int[Tensor, "N T"]
    ) -> tuple[Stored, Int[Tensor, "N R"]]:
        stored = _without_ends(y)[:, : self.written]
        longest = int(self.task.schema.details["longest"])
        answers = torch.zeros(len(x), max(longest, x.shape[1] + 1), dtype=torch.int64)
        answers[:, : x.shape[1]] = x.cpu().long()
        return stored, _ended(answers)

    def made(self, network: nn.Module, stored: NDArray[Any]) -> tuple[Stored, Int[Tensor, "M T"]]:
        width = int((stored != 0).sum(axis=1).max(initial=0))
        stored = stored[:, :width]  # it may be as wide as the longest that was left out
        targets = torch.zeros(len(stored), max(self.written, width + 1), dtype=torch.int64)
        targets[:, :width] = torch.from_numpy(stored.astype(np.int64))
        x = self._x(network, stored)
        found = translated(self._translators(network), x, width=1)
        sources = _without_ends(found.codes[:, 0])
        marked = np.zeros((len(sources), self.read), np.uint16)
        room = min(self.read - 1, sources.shape[1])
        marked[:, 0] = END
        marked[:, 1 : 1 + room] = sources[:, :room]
        good = np.array([_good(*pair) for pair in zip(sources, stored, strict=True)], np.bool_)
        return marked[good], _ended(targets)[torch.from_numpy(good)]

    def usable(self, stored: NDArray[Any], y: Int[Tensor, "N T"]) -> NDArray[np.bool_]:
        known = {_key(row) for row in _without_ends(y)}
        sizes = (stored != 0).sum(axis=1)
        fits = (sizes > 0) & (sizes < min(self.written, self.task.schema.shape[0]))
        return fits & np.array([_key(row) not in known for row in stored], np.bool_)

    def _x(self, network: nn.Module, stored: NDArray[Any]) -> Float[Tensor, "M T"]:
        device = next(network.parameters()).device
        return torch.from_numpy(stored.astype(np.float32)).to(device)


def _turned(schema: Schema) -> Schema:
    """Give the schema under which targets are read and sources written."""
    longest = _STEP * -(-(schema.shape[0] + 1) // _STEP)
    columns = list(reversed(schema.details["columns"]))
    details = {**schema.details, "columns": columns, "longest": longest, "usual": ""}
    return replace(
        schema, shape=(int(schema.details["longest"]),), target=columns[-1], details=details
    )


def _without_ends(codes: Int[Tensor, "N T"]) -> Stored:
    plain = codes.cpu().numpy()
    return np.where(plain == END, 0, plain).astype(np.uint16)


def _ended(codes: Int[Tensor, "N T"]) -> Int[Tensor, "N T"]:
    """Put the end behind each row; there is room for it."""
    rows = torch.arange(len(codes))
    codes[rows, (codes != 0).sum(dim=1)] = END
    return codes


def _good(source: NDArray[Any], target: NDArray[Any]) -> bool:
    """Tell whether a source that was made says anything, and not just the target."""
    return bool(source.any()) and _key(source) != _key(target)


def _key(row: NDArray[Any]) -> bytes:
    return np.asarray(row[row != 0], np.uint16).tobytes()
