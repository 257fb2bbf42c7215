"""What the last layer of a network sees of an example: the network's own feature space.

Idea: a layer is last if the outputs are made of what it gives without another layer in between.
That is found by trying: what every layer gives is cut off from what it came from, and those that
the outputs still depend on are last. So it holds for any module, whatever its layers are called and
however many heads it has, and the members of a committee come to stand side by side.

Source: the fold of very wide features: Charikar, Chen & Farach-Colton 2002, "Finding frequent items
in data streams" (count sketch), which keeps inner products in expectation.

Letters: N B examples, E features, K outputs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

from pellucid import _inference
from pellucid.explaining import Subject, untouched

MOST = 4096  # features; more are folded into these
_FOLDING = 20021  # seed of the fold, the same for every model
_WHOLE = 128  # examples at once: a network may divide larger batches on its way to bound memory


def features(subject: Subject, x: Float[Tensor, "N ..."]) -> Float[Tensor, "N E"]:
    """Give what the last layer sees of each example, N ≥ 1, on the CPU."""
    return LastLayer(subject, x[:1]).seen(x)[0]


class LastLayer:
    """The input of the last layer of a network, wherever that is.

    Positions that come behind the batch are averaged: a layer that looks everywhere with the same
    weights has one feature space. What comes before the batch are members: they stay apart.

    Args:
        subject: whose network it is.
        x: one example or more, to try with: (B, *schema.shape).
    """

    def __init__(self, subject: Subject, x: Float[Tensor, "B ..."]) -> None:
        self.subject = subject
        self._calls: list[_Call] = []
        self._noticing = _noticing(subject.network)
        if self._noticing:
            return
        # The axis whose length goes from two to three as the batch does is the one of the batch.
        two, three = (_tried(subject, x[torch.arange(size) % len(x)]) for size in (2, 3))
        for number, (small, large) in enumerate(zip(two, three, strict=False)):
            if small.last and large.last:
                self._calls += _placed(number, small.shape, large.shape)

    def seen(self, x: Float[Tensor, "N ..."]) -> tuple[Float[Tensor, "N E"], Float[Tensor, "N K"]]:
        """Give what the layer sees of each example, and the outputs, both on the CPU.

        The plain view of an example is looked at, in float32.
        """
        if self._noticing:
            return self._noticed(x)
        size = min(_WHOLE, _inference.batch_size(self.subject.schema))
        rows = [self._batch(part) for part in x.split(size)]
        return torch.cat([seen for seen, _ in rows]), _inference.joined([had for _, had in rows])

    def _noticed(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Give what the network says itself that it sees; its outputs, which cost much, are 0."""
        parts = x.to(self.subject.device).split(_inference.batch_size(self.subject.schema))
        with torch.inference_mode(), _inference.as_in_use(self.subject.network):
            sides = [
                torch.cat([network.noticed(part).float() for part in parts])
                for network in self._noticing
            ]
            rows = torch.cat(sides, dim=1)
        return rows.cpu().clone(), torch.zeros(len(rows), self.subject.task.outputs)

    def _batch(self, x: Tensor) -> tuple[Tensor, Tensor]:
        wanted = {call.number: call for call in self._calls}
        found: list[Tensor] = []
        number = -1

        def note(layer: nn.Module, args: Any, output: Any) -> None:
            nonlocal number
            number += 1
            if number in wanted:
                found.append(self._flat(layer, args[0], wanted[number].axis, x))

        with torch.inference_mode(), _watched(self.subject.network, note):
            outputs = _answered(self.subject, x)
            seen = torch.cat([rows.float() for rows in found or [self._plain(x)]], dim=1)
            seen = _folded(seen)
        # Clones: what was made in inference mode cannot be used where there are gradients.
        return seen.cpu().clone(), outputs.cpu().clone()

    def _plain(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B E"]:
        """Give what the network gets, where no layer was found."""
        codes = self.subject.schema.cardinalities
        return _counted(x, codes[0], 0) if len(codes) == 1 and codes[0] else x.flatten(1)

    def _flat(
        self, layer: nn.Module, given: Tensor, axis: int, x: Float[Tensor, "B ..."]
    ) -> Float[Tensor, "B E"]:
        """Turn an input of a layer into one row for each example.

        Args:
            layer: that got it.
            given: the input.
            axis: of the batch in it, which may hold several rows for each example.
            x: what the network got.
        """
        codes = self.subject.schema.cardinalities
        if isinstance(layer, nn.Embedding):
            rows = given.unflatten(axis, (len(x), -1)).movedim(axis, 0)
            return _counted(rows, layer.num_embeddings, layer.padding_idx)
        if len(codes) == 1 and codes[0] and torch.equal(given.to(x), x):
            return _counted(given, codes[0], 0)  # a layer that looks codes up by itself
        given = given[..., None] if given.ndim == 1 else given
        at = 1 if isinstance(layer, _ConvNd) else given.ndim - 1  # where the features are
        given = given.unflatten(axis, (len(x), -1))
        at += at > axis
        positions = [other for other in range(axis + 1, given.ndim) if other != at]
        return given.mean(dim=positions).movedim(axis, 0).flatten(1)


class Compared:
    """The features in which a task compares examples, where it has any of its own.

    Args:
        subject: whose task and network they are.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    def seen(self, x: Float[Tensor, "N ..."]) -> tuple[Float[Tensor, "N E"], Float[Tensor, "N K"]]:
        """Give the features of each example, and the outputs, both on the CPU."""
        task, rows = self.subject.task, []
        with torch.inference_mode():
            for part in x.split(_inference.batch_size(self.subject.schema)):
                seen = task.seen(self.subject.network, part)
                assert seen is not None
                rows.append(seen.float().cpu().clone())
        return torch.cat(rows), self.subject.asked(x).cpu()


def looking(subject: Subject, x: Float[Tensor, "B ..."]) -> LastLayer | Compared:
    """Give the features that cases are compared in: the task's own, or those of the last layer."""
    with torch.inference_mode():
        own = subject.task.seen(subject.network, x)
    return LastLayer(subject, x) if own is None else Compared(subject)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """One call of a last layer: its number in a pass, and where the batch lies in its input."""

    number: int
    axis: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tried:
    """One call of any layer while trying."""

    shape: torch.Size
    last: bool


def _tried(subject: Subject, x: Tensor) -> list[_Tried]:
    shapes: list[torch.Size] = []
    given: list[list[Tensor]] = []

    def note(layer: nn.Module, args: Any, output: Any) -> Any:
        del layer
        made: list[Tensor] = []
        shapes.append(args[0].shape if args and isinstance(args[0], Tensor) else torch.Size())
        given.append(made)
        return _cut(output, made)

    with torch.inference_mode(mode=False), torch.enable_grad():
        with _watched(subject.network, note):
            outputs = _answered(subject, x.clone())
        last = _reaching(outputs, given)
    return [_Tried(shape=shape, last=one) for shape, one in zip(shapes, last, strict=True)]


def _cut(output: Any, made: list[Tensor]) -> Any:
    """Cut tensors off from what they came from, and collect them."""
    if isinstance(output, tuple | list) and not hasattr(output, "_fields"):
        return type(output)(_cut(each, made) for each in output)
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return output
    made.append(output.detach().requires_grad_())
    return made[-1].clone()  # what follows may change it in place, which no leaf allows


def _reaching(outputs: Tensor, given: list[list[Tensor]]) -> list[bool]:
    """Tell which calls gave something that the outputs depend on."""
    every = [each for made in given for each in made]
    if not every or not outputs.requires_grad:
        return [made is given[-1] for made in given]
    slopes = torch.autograd.grad(outputs.sum(), every, allow_unused=True)
    reached = {id(each) for each, slope in zip(every, slopes, strict=True) if slope is not None}
    return [any(id(each) in reached for each in made) for made in given]


def _noticing(network: nn.Module) -> list[Any]:
    """Give the networks that say themselves what they see: this one, or all of its members."""
    members = list(getattr(network, "members", [network]))
    return members if all(hasattr(each, "noticed") for each in members) else []


def _placed(number: int, small: torch.Size, large: torch.Size) -> list[_Call]:
    """Find the batch in an input, which may hold several rows for each example."""
    if len(small) != len(large):
        return []
    for axis, (two, three) in enumerate(zip(small, large, strict=True)):
        if two != three and two * 3 == three * 2:
            return [_Call(number=number, axis=axis)]
    return []


def _counted(codes: Tensor, most: int, nothing: int | None) -> Float[Tensor, "B E"]:
    """Give how often each code occurs, as a share of those that are something."""
    codes = codes.long().flatten(1)
    there = torch.ones_like(codes) if nothing is None else codes != nothing
    counts = torch.zeros(len(codes), most, device=codes.device)
    counts.scatter_add_(1, codes, there.float())
    return counts / counts.sum(dim=1, keepdim=True).clamp(min=1)


def _folded(wide: Float[Tensor, "B E"]) -> Float[Tensor, "B F"]:
    """Add up very many features in fewer places, each under a sign drawn once for all."""
    if wide.shape[1] <= MOST:
        return wide
    chance = torch.Generator().manual_seed(_FOLDING)
    places = torch.randint(MOST, (wide.shape[1],), generator=chance).to(wide.device)
    signs = torch.randint(2, (wide.shape[1],), generator=chance).to(wide.device) * 2.0 - 1.0
    return wide.new_zeros(len(wide), MOST).index_add_(1, places, wide * signs)


@contextmanager
def _watched(network: nn.Module, note: Callable[[nn.Module, Any, Any], Any]) -> Iterator[None]:
    with untouched(network):
        for module in network.modules():
            if _is_layer(module):
                module.register_forward_hook(note)
        yield


def _is_layer(module: nn.Module) -> bool:
    """Tell a module that weighs its input from one that holds others or only scales."""
    whole = is_parametrized(module) or not any(True for _ in module.children())
    return whole and any(weight.ndim >= 2 for weight in module.parameters())


def _answered(subject: Subject, x: Tensor) -> Tensor:
    numerics = {**subject.numerics, "dtype": "float32"}
    x = x.to(subject.device)
    with (
        _inference.as_in_use(subject.network),
        _inference.autocast(subject.device, numerics),
    ):
        return _inference.answered(subject.network, [x], numerics)
