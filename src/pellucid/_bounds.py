"""Bounds on what building a network may take, for a network that a stranger describes.

Idea: whatever a builder makes, it makes of tensors and modules. Every tensor operation is seen
before it runs, so one that asks for more than is left is stopped before it takes memory, and every
part that a module registers is counted.
"""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode

_REPEATING = ("repeat", "tile", "repeat_interleave")
_TAKING_DATA = ("tensor", "as_tensor", "asarray", "__getitem__", "__setitem__")


@contextlib.contextmanager
def bounded(*, numbers: int, parts: int) -> Iterator[None]:
    """Stop what is done within when it takes more than it may.

    Args:
        numbers: elements of all tensors that may be made, together.
        parts: parameters, buffers and modules that may be registered, together.

    Raises:
        ValueError: when it would be more.
    """
    with _counted(parts), _Bounded(numbers):
        yield


class _Bounded(TorchFunctionMode):
    """Refuses calls of torch whose arguments ask for more elements than are left."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = numbers

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = [*args, *(kwargs or {}).values()]
        if _asked(getattr(func, "__name__", ""), given) > self.left:
            raise ValueError("the network takes more memory than the file accounts for")
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and not any(result is each for each in given):
            self.left -= 0 if result._is_view() else result.numel()
        return result


def _asked(name: str, given: Sequence[Any]) -> int:
    """Give the most elements that the result of a call can have, by its arguments."""
    if name in _TAKING_DATA:
        return 0  # their lists are no sizes, and were in memory before
    held = max((each.numel() for each in given if isinstance(each, Tensor)), default=0)
    lists = [each for each in given if isinstance(each, list | tuple)]
    sizes = [each for each in given if isinstance(each, int | float) and math.isfinite(each)]
    whole = [_product(each) for each in (*lists, sizes)]
    if name == "eye":
        return max(whole) ** 2
    return max(held, *whole) * (max(whole) if name in _REPEATING else 1)


def _product(sizes: Sequence[Any]) -> int:
    """Multiply sizes; 0, 1 and -1 stand for "none" and "as it is"."""
    numbers = [abs(each) for each in sizes if isinstance(each, int | float)]
    return int(min(math.prod(each for each in numbers if each >= 1), 1 << 62))


@contextlib.contextmanager
def _counted(most: int) -> Iterator[None]:
    parts = 0

    def count(module: nn.Module, name: str, part: Any) -> None:
        nonlocal parts
        parts += 1
        if parts > most:
            raise ValueError("the network has more parts than the file has weights for")

    handles = [
        hooks.register_module_parameter_registration_hook(count),
        hooks.register_module_buffer_registration_hook(count),
        hooks.register_module_module_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
