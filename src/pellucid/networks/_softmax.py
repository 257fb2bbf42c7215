"""Softmax, its loss and the gradient of the loss by compiled code, row by row and in place.

Idea: written as separate operations, a softmax over ten thousand words spends more time on moving
logits to memory and back than its products take; in `_softmax.c` a row stays in the cache.

Letters: R rows, V codes.
"""

import ctypes
import functools

import torch
from jaxtyping import BFloat16, Float, Int64
from torch import Tensor

from pellucid.networks import _native

CODE = "_softmax"


class Job(ctypes.Structure):
    """What the C code is asked to do; the same fields in the same order as there."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "codes", "threads", "learning")),
        *((name, ctypes.c_void_p) for name in ("parallel", "logits", "bias", "wanted")),
        *((name, ctypes.c_void_p) for name in ("shares", "nats", "dbias")),
        ("failed", ctypes.c_int64),
    )


@functools.cache
def code() -> ctypes.CDLL | None:
    """Give the compiled code, or None where it cannot be had or has no half width."""
    made = _native.compiled(CODE)
    if made is None or not made.pellucid_softmax_low():
        return None
    return made if made.pellucid_softmax_job() == ctypes.sizeof(Job) else None


def suits(logits: Tensor) -> bool:
    """Tell whether compiled code takes logits of this type, where they are."""
    return logits.device.type == "cpu" and logits.dtype == torch.bfloat16 and code() is not None


def swept(
    logits: BFloat16[Tensor, "R V"],
    bias: Float[Tensor, " V"],
    wanted: Int64[Tensor, " R"],
    shares: Float[Tensor, " R"],
    *,
    learning: bool,
) -> tuple[Float[Tensor, " R"], Float[Tensor, " V"]]:
    """Give the nats of each row and how the bias changes the sum of them by shares.

    Args:
        logits: without bias; if learning, they become the change of each row's nats by its logits.
        bias: to be added to each row.
        wanted: the code that came, from 0 to V - 1.
        shares: how much each row counts.
        learning: whether gradients are wanted.

    Raises:
        ValueError: if shapes do not fit together; the C code would not notice.
    """
    rows, codes = logits.shape
    if [wanted.shape, shares.shape, bias.shape] != [(rows,), (rows,), (codes,)]:
        raise ValueError(f"{wanted.shape}, {shares.shape}, {bias.shape} for {logits.shape} logits")
    if not logits.is_contiguous():
        raise ValueError("logits that do not lie side by side")
    if rows and not 0 <= int(wanted.min()) <= int(wanted.max()) < codes:
        raise ValueError(f"a code outside of 0 to {codes - 1}")
    wanted, shares = wanted.long().contiguous(), shares.float().contiguous()
    bias = bias.float().contiguous()
    nats = torch.empty(rows)
    threads = torch.get_num_threads()
    dbias = torch.zeros(threads if learning else 1, codes)
    job = Job(
        rows=rows,
        codes=codes,
        threads=threads,
        learning=learning,
        parallel=_native.team(),
        logits=logits.data_ptr(),
        bias=bias.data_ptr(),
        wanted=wanted.data_ptr(),
        shares=shares.data_ptr(),
        nats=nats.data_ptr(),
        dbias=dbias.data_ptr(),
    )
    made = code()
    assert made is not None
    if made.pellucid_softmax(ctypes.byref(job)):
        raise MemoryError("no memory for a row of logits")
    return nats, dbias.sum(dim=0)
