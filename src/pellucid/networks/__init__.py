"""One file is one architecture: plain torch, numbers in, numbers out.

A network is a `torch.nn.Module` whose `forward` takes x, (B, *schema.shape) float32, and gives
outputs, (B, K). In training mode it may give (B, M, K) instead: M members that are judged one by
one and averaged in eval mode. It knows tensors only: no data, no task.

The end of the file holds its builder:

    @network("name", takes=["image"])
    def build(schema: Schema, outputs: int, *, size: int) -> nn.Module: ...

`size` runs from 1 (fits a budget of seconds) upward, each size dearer than the one before; the
builder's `sizes` attribute says how many there are and `passes` how often a network of each size
wants to see every example before a larger one pays; both are set by `sized`.

For tables, x holds one column each, a number already standardised or the code of a category from 0
to cardinality - 1 (`schema.cardinalities`), 0 being "never seen in training or missing".
"""

from collections.abc import Callable
from typing import TypeVar

Builder = TypeVar("Builder", bound=Callable[..., object])


def sized(sizes: int, *, passes: float) -> Callable[[Builder], Builder]:
    """Say how many sizes a builder has and how many passes over the data one size should get.

    Args:
        sizes: number of sizes, from 1 up.
        passes: a larger size is chosen only if the budget lets it see every example this often.
    """

    def keep(builder: Builder) -> Builder:
        builder.sizes = sizes  # type: ignore[attr-defined]
        builder.passes = passes  # type: ignore[attr-defined]
        return builder

    return keep
