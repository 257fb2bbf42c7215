"""The examples that a model keeps, for explanations to point to and to be measured on.

Idea: half of the sample is shared out evenly among the classes, so that rare ones are there, and
the other half is drawn as the data come; for numbers, ranges of equal width take the place of
classes. It is small: some 2,000 examples or 4 MiB, whatever is less.

Letters: N training cases, H held-out cases.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid import _inference, registry
from pellucid.data import Kind, Schema
from pellucid.tasks import Task

TRAINING, HELD = 2000, 256
_BYTES = 4 << 20
_RANGES = 16  # of numbers
_STEPS = 128  # of examples without targets
_LONGEST_NAME = 200  # characters
_BESIDE = 256  # bytes for the target and the name of a case
_ARRAYS = ("stored", "y", "held", "held_y")
_NAMES = ("names", "held_names")
_DTYPES = "?bBhHiIlLfd"  # characters of numpy for what an example may be stored as


@dataclass(frozen=True, kw_only=True, eq=False)
class Cases:
    """Training and held-out examples with their targets, encoded.

    Args:
        stored: training cases as `Kind.encode` gives them, (N, *stored).
        y: their targets as `Task.encode` gives them, (N,), or (N, T, A) for what comes next.
        names: one each, as they were read.
        held: cases that were held out from training, (H, *stored).
        held_y: their targets, (H,).
        held_names: one each.
    """

    stored: NDArray[Any]
    y: Tensor
    names: tuple[str, ...]
    held: NDArray[Any]
    held_y: Tensor
    held_names: tuple[str, ...]

    def __len__(self) -> int:
        """Count the training cases, N."""
        return len(self.names)

    def to_members(self) -> tuple[bytes, dict[str, Any]]:
        """Give the arrays as safetensors and the names as JSON, for the model's file."""
        from safetensors.numpy import save

        arrays = (self.stored, self.y.cpu().numpy(), self.held, self.held_y.cpu().numpy())
        content = {
            name: np.ascontiguousarray(array) for name, array in zip(_ARRAYS, arrays, strict=True)
        }
        return save(content), {"names": list(self.names), "held_names": list(self.held_names)}

    def spread(self, most: int) -> NDArray[Any]:
        """Give at most so many stored training examples, evenly from first to last."""
        count = len(self.stored)
        if not count:
            return self.stored
        return self.stored[np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))]

    @classmethod
    def from_members(
        cls, content: bytes, names: Mapping[str, Any], schema: Schema, task: Task
    ) -> "Cases":
        """Rebuild cases from a file that may come from a stranger.

        Takes memory for a few times the bytes given, whatever they say of themselves.

        Raises:
            ValueError: if they are not as `to_members` gave them, or do not fit schema and task.
        """
        arrays, words = _arrays(content), _words(names)
        for array, targets, called in (("stored", "y", "names"), ("held", "held_y", "held_names")):
            if not len(arrays[array]) == len(arrays[targets]) == len(words[called]):
                raise ValueError(f"{array!r}, {targets!r} and {called!r} of the cases differ")
            _check_targets(arrays[targets], schema, task)
        stored, held = arrays["stored"], arrays["held"]
        kind = registry.kind[schema.kind]()
        # Where examples have lengths, the longest of one side need not be that of the other.
        first = 1 if kind.sizes(stored[:0], schema) is None else 2
        if stored.shape[first:] != held.shape[first:] or stored.dtype != held.dtype:
            raise ValueError("the cases of the two sides differ in shape or type")
        _check_examples(stored, kind, schema)
        _check_examples(held, kind, schema)
        return cls(
            stored=stored,
            y=torch.from_numpy(arrays["y"]),
            names=words["names"],
            held=held,
            held_y=torch.from_numpy(arrays["held_y"]),
            held_names=words["held_names"],
        )


def choose(  # noqa: PLR0913 - two sides, each of three columns
    train_stored: NDArray[Any],
    train_y: Tensor,
    train_names: Sequence[str],
    held_stored: NDArray[Any],
    held_y: Tensor,
    held_names: Sequence[str],
    *,
    seed: int,
    most_bytes: int = _BYTES,
) -> Cases:
    """Choose the cases to keep: a fair sample in which rare classes are there.

    Args:
        train_stored: the training side as `Kind.encode` gives it, (N, *stored); may be mapped.
        train_y: its targets, (N,): whole numbers for classes, others for quantities.
        train_names: one each; the end of long ones is kept.
        held_stored: the held-out side, (H, *stored).
        held_y: its targets, (H,).
        held_names: one each.
        seed: of the draw; the same seed and data give the same cases.
        most_bytes: of both sides together. There are no cases if one example takes more.
    """
    each = math.prod(train_stored.shape[1:]) * train_stored.dtype.itemsize + _BESIDE
    room = most_bytes // each
    held = _drawn(held_y, min(HELD, room // 4), seed)
    train = _drawn(train_y, min(TRAINING, room - len(held)), seed)
    return Cases(
        stored=np.array(train_stored[train]),
        y=train_y.cpu()[torch.from_numpy(train)].clone(),
        names=tuple(_short(train_names[place]) for place in train.tolist()),
        held=np.array(held_stored[held]),
        held_y=held_y.cpu()[torch.from_numpy(held)].clone(),
        held_names=tuple(_short(held_names[place]) for place in held.tolist()),
    )


def shortened(stored: NDArray[Any], kind: Kind, task: Task) -> NDArray[Any]:
    """Cut examples that have lengths and no targets to a length that can be explained quickly.

    What is asked of the beginning of a long text is asked of the whole of a short one.
    """
    ends = not task.needs_targets and kind.sizes(stored[:0], task.schema) is not None
    return stored[:, :_STEPS] if ends else stored


def _drawn(y: Tensor, count: int, seed: int) -> NDArray[np.int64]:
    """Draw places in rising order: half of them evenly over the classes, half as they come."""
    values = y.cpu().numpy()
    chance = np.random.default_rng(seed)
    order = chance.permutation(len(values))
    _, classes = np.unique(_ranged(values)[order], return_inverse=True)
    # The rank of each example among those of its class, in the order that was drawn.
    grouped = np.argsort(classes, kind="stable")
    starts = np.searchsorted(classes[grouped], classes[grouped])
    rank = np.empty(len(classes), dtype=np.int64)
    rank[grouped] = np.arange(len(classes)) - starts
    even = np.argsort(rank, kind="stable")[: (count + 1) // 2]
    # Drawn again: what comes early in the order is even already.
    rest = chance.permutation(np.setdiff1d(np.arange(len(order)), even))[: count - len(even)]
    return np.sort(order[np.concatenate([even, rest])]).astype(np.int64)


def _ranged(values: NDArray[Any]) -> NDArray[np.int64]:
    """Number the class of each target; of quantities, the range that it lies in."""
    if values.ndim > 1:  # what comes next is in no class
        return np.zeros(len(values), np.int64)
    if values.dtype.kind != "f" or not len(values):
        return values.astype(np.int64)
    low, high = values.min(), values.max()
    share = (values - low) / max(high - low, 1e-30)
    return np.minimum(share * _RANGES, _RANGES - 1).astype(np.int64)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        found = load(content)
    # A type that numpy does not have is a KeyError there.
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"the cases cannot be read: {str(error)[:100]}") from error
    if found.keys() != {*_ARRAYS}:
        raise ValueError(f"the cases are not {', '.join(_ARRAYS)}")
    if any(array.dtype.char not in _DTYPES or not array.ndim for array in found.values()):
        raise ValueError("the cases are no arrays of numbers")
    return {name: np.array(array) for name, array in found.items()}  # that may be written to


def _words(names: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    for name in _NAMES:
        given = names.get(name)
        if type(given) is not list or any(type(each) is not str for each in given):
            raise ValueError(f"{name!r} of the cases is no list of names")
        if any(len(each) > _LONGEST_NAME for each in given):
            raise ValueError(f"{name!r} of the cases holds a name that is too long")
    return {name: tuple(names[name]) for name in _NAMES}


def _check_targets(y: NDArray[Any], schema: Schema, task: Task) -> None:
    """Make sure that they are classes, numbers, what comes next, or nothing that is asked for."""
    if schema.tokens:
        if y.ndim != 2 or y.dtype != np.int64 or ((y < 0) | (y > len(schema.tokens))).any():
            raise ValueError(f"the targets of the cases, {y.dtype}{list(y.shape)}, spell nothing")
        return
    whole = bool(schema.classes) or not task.needs_targets
    follows = task.needs_targets and schema.ahead > 0
    shape = (schema.season + schema.ahead, len(schema.variables)) if follows else ()
    if y.shape[1:] != shape or y.dtype != (np.int64 if whole else np.float32):
        raise ValueError(f"the targets of the cases are {y.dtype}{list(y.shape)}")
    most = min(task.outputs, len(schema.classes)) if task.needs_targets else 1
    sound = (y >= 0) & (y < most) if whole else np.isfinite(y) | (follows & np.isnan(y))
    if not sound.all():
        raise ValueError("the cases have targets that cannot be")


def _check_examples(stored: NDArray[Any], kind: Kind, schema: Schema) -> None:
    """Make sure that a network could take the cases, before one is asked to."""
    size = _inference.batch_size(schema)
    for start in range(0, len(stored), size):
        some = stored[start : start + size]
        x = _tensor(some, kind, schema)
        longest, *rest = schema.shape
        ends = kind.sizes(some, schema) is not None and x.ndim > 1 and x.shape[1] <= longest
        wanted = (x.shape[1], *rest) if ends else schema.shape
        if x.shape[1:] != wanted or not x.is_floating_point() or not x.isfinite().all():
            raise ValueError("the cases are not of the shape of the schema, or not finite")
        codes = torch.tensor(schema.cardinalities or (0,))
        if len(codes) not in (1, x.shape[1]):  # one stands for every step of a text
            raise ValueError("the cases have more or fewer columns than the schema")
        codes = codes.view(-1, *[1] * (x.ndim - 2))
        if ((codes > 0) & ((x < 0) | (x >= codes) | (x != x.floor()))).any():
            raise ValueError("the cases hold a category that there is not")


def _tensor(stored: NDArray[Any], kind: Kind, schema: Schema) -> Tensor:
    try:
        return kind.tensor(torch.from_numpy(np.array(stored)), schema)
    # A kind that meets nonsense may fail in any way; all mean the same here.
    except Exception as error:
        raise ValueError(f"the cases are none of the kind: {str(error)[:100]}") from error
