"""All steps of a recurrent layer in one call of compiled code, forward and backward.

Idea: the inputs of all steps meet their weights in one product, and so do their gradients; only
what follows from step to step is left to the code in `_recurrence.c`, which each thread runs for
some rows of the batch from the first step to the last.

Arrays go by time first (see there).

Letters: B batch, T steps, I inputs, U units, G gates times units.
"""

import ctypes
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from pellucid.networks import _native

CODE = "_recurrence"
CELLS = ("gru", "lstm", "mingru", "minlstm")  # in the order of the C code
GATES = {"gru": 3, "lstm": 4, "mingru": 2, "minlstm": 3}
SAVED = {"gru": 4, "lstm": 5}  # numbers a unit and step that backward needs again
LANES = 16  # units that the C code takes at once
BLOCK = 2 * LANES  # units are padded to a multiple of it
_POINTERS = 2 * ctypes.c_void_p


class Job(ctypes.Structure):
    """What the C code is asked to do; the same fields in the same order as there."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("rows", "steps", "units", "inputs")),
        *((name, ctypes.c_int64) for name in ("cell", "low", "backwards", "threads")),
        *((name, ctypes.c_void_p) for name in ("parallel", "lengths")),
        *((name, ctypes.c_void_p) for name in ("products", "bias", "weights")),
        ("state", _POINTERS),
        *((name, ctypes.c_void_p) for name in ("y", "saved")),
        ("end", _POINTERS),
        ("dy", ctypes.c_void_p),
        ("dend", _POINTERS),
        ("d", ctypes.c_void_p),
        ("dstate", _POINTERS),
        ("dbias", ctypes.c_void_p),
        ("failed", ctypes.c_int64),
    )


class Step(ctypes.Structure):
    """One step alone; the same fields in the same order as in the C code."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("cell", "rows", "inputs", "units")),
        ("x", ctypes.c_void_p),
        ("state", _POINTERS),
        *((name, ctypes.c_void_p) for name in ("w_ih", "w_hh", "b_ih", "b_hh")),
        ("end", _POINTERS),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How a layer reads.

    Args:
        cell: one of `CELLS`.
        backwards: whether it starts at the end of each text.
        lengths: steps of each text, (B,) int64 on the CPU; None for all of them.
        low: bfloat16 products.
        keeps: whether gradients will be wanted.
    """

    cell: str
    backwards: bool
    lengths: Tensor | None
    low: bool
    keeps: bool

    @property
    def loops(self) -> bool:
        """Whether the gates look at the state."""
        return self.cell in SAVED


@functools.cache
def code() -> ctypes.CDLL | None:
    """Give the compiled code, or None where it cannot be had."""
    made = _native.compiled(CODE)
    if made is not None and made.pellucid_job() != ctypes.sizeof(Job):
        return None
    return made


def halves() -> bool:
    """Tell whether the compiled code multiplies bfloat16."""
    made = code()
    return made is not None and bool(made.pellucid_low())


def read(
    x: Tensor, weights: Sequence[Tensor], state: Sequence[Tensor], how: Reading
) -> tuple[Tensor, list[Tensor]]:
    """Read all steps of x, (B, T, I), by compiled code.

    Args:
        x: what is read.
        weights: as torch names them: weight_ih, weight_hh, bias_ih, bias_hh; the first and third
            alone for cells that do not loop.
        state: before the first step, (B, U) float32 each.
        how: the rest.

    Returns:
        Outputs after each step, (B, T, U), bfloat16 if low, and the state after the last.

    Raises:
        ValueError: if shapes do not fit together; the C code would not notice.
    """
    units = len(weights[0]) // GATES[how.cell]
    _check(how.cell, len(x), units, state)
    if how.lengths is not None and len(how.lengths) != len(x):
        raise ValueError(f"{len(how.lengths)} lengths for {len(x)} texts")
    state = [piece.float() for piece in state]
    spare = -units % BLOCK
    if spare:
        weights = [_wider(weight, units, spare) for weight in weights]
        if how.loops:
            weights[1] = F.pad(weights[1], (0, spare))
        state = [F.pad(piece, (0, spare)) for piece in state]
    w_ih, *rest = weights
    w_hh, b_ih, b_hh = rest if how.loops else (None, *rest, None)
    c = state[1] if len(state) > 1 else None
    apply: Any = _Read.apply
    y, *end = apply(how, x.transpose(0, 1), state[0], c, w_ih, w_hh, b_ih, b_hh)
    if spare:
        y, end = y[..., :units], [piece[:, :units] for piece in end]
    return y.transpose(0, 1), end


def step(
    cell: str, x: Tensor, weights: Sequence[Tensor], state: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    """Read one step by compiled code, in float32 and without gradients.

    Args:
        cell: one of `CELLS`.
        x: what is read, (B, I).
        weights: as `read` wants them; units a multiple of `LANES`.
        state: before the step.

    Returns:
        The state after it, whose first part is the output.

    Raises:
        ValueError: if shapes do not fit together.
    """
    units = len(weights[0]) // GATES[cell]
    _check(cell, len(x), units, state)
    if x.shape[1] != weights[0].shape[1]:
        raise ValueError(f"{x.shape[1]} numbers a step for {weights[0].shape[1]} inputs")
    end = tuple([torch.empty_like(piece) for piece in state])
    given = [weight.data_ptr() for weight in weights]
    w_ih, w_hh, b_ih, b_hh = given if len(given) == 4 else (given[0], None, given[1], None)
    places = [piece.data_ptr() for piece in state], [piece.data_ptr() for piece in end]
    job = Step(
        CELLS.index(cell), *x.shape, units, x.data_ptr(), _POINTERS(*places[0]),
        w_ih, w_hh, b_ih, b_hh, _POINTERS(*places[1]),
    )  # fmt: skip
    _do("pellucid_step", job)
    return end


def _check(cell: str, rows: int, units: int, state: Sequence[Tensor]) -> None:
    kept = 2 if cell == "lstm" else 1
    if [*map(_shape, state)] != [(rows, units)] * kept:
        raise ValueError(f"a state of {[*map(_shape, state)]}, not {kept} times {(rows, units)}")


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _as_given(act: Callable[..., Any]) -> Callable[..., Any]:
    """Keep autocast from choosing other widths than those that the C code is told of."""

    @functools.wraps(act)
    def acting(*given: Any) -> Any:
        with torch.autocast("cpu", enabled=False):
            return act(*given)

    return acting


class _Read(torch.autograd.Function):
    @staticmethod
    @_as_given
    def forward(ctx: Any, how: Reading, x: Tensor, *given: Tensor | None) -> tuple[Tensor, ...]:
        h, c, w_ih, w_hh, b_ih, b_hh = given
        assert h is not None
        assert w_ih is not None
        assert b_ih is not None
        steps, rows, inputs = x.shape
        units, width = h.shape[1], torch.bfloat16 if how.low else torch.float32
        flat = x.to(width, memory_format=torch.contiguous_format).contiguous()
        flat = flat.view(-1, inputs)
        products = torch.mm(flat, w_ih.to(width).t())
        y = _outputs(how, steps, h, width)
        saved = None
        if how.keeps and how.loops:
            narrow = torch.float16 if how.low else torch.float32
            saved = torch.empty(steps, rows, SAVED[how.cell], units, dtype=narrow)
        end = [torch.empty(rows, units) for piece in (h, c) if piece is not None]
        w_hh = None if w_hh is None else w_hh.contiguous()
        state = [piece.contiguous() for piece in (h, c) if piece is not None]
        bias = _bias(how.cell, b_ih, b_hh)
        job = _job(how, y, products=products, bias=bias, weights=w_hh, saved=saved)
        job.state, job.end = _addresses(state), _addresses(end)
        _do("pellucid_forward", job)
        ctx.how = how
        ctx.set_materialize_grads(False)
        kept = None if how.loops else products
        ctx.save_for_backward(flat, y, w_ih, w_hh, bias, kept, saved, *state)
        return (y, *end)

    @staticmethod
    @once_differentiable
    @_as_given
    def backward(ctx: Any, *slopes: Tensor | None) -> Any:  # type: ignore[override]
        how: Reading = ctx.how
        dy, *dend = slopes
        flat, y, w_ih, w_hh, bias, products, saved, *state = ctx.saved_tensors
        steps, rows, units = y.shape
        make = torch.empty if how.lengths is None else torch.zeros
        wide = 4 if how.loops else GATES[how.cell]
        d = make(steps, rows, wide * units, dtype=y.dtype)
        dy = None if dy is None else dy.to(y.dtype).contiguous()
        dend = [None if piece is None else piece.float().contiguous() for piece in dend]
        dstate = [torch.empty(rows, units) for _ in state]
        dbias = torch.zeros(torch.get_num_threads(), 4, units)
        job = _job(how, y, products=products, bias=bias, weights=w_hh, saved=saved)
        job.dy, job.d, job.dbias = map(_address, (dy, d, dbias))
        job.state, job.dend, job.dstate = map(_addresses, (state, dend, dstate))
        _do("pellucid_backward", job)
        c = dstate[1] if len(dstate) > 1 else None
        d = d.view(-1, wide * units)
        before = _before(how, y, state[0]) if how.loops else None
        learned = _weight_slopes(how, d, flat, before, dbias.sum(dim=0))
        dx = _input_slope(how, d, w_ih).view(steps, rows, -1) if ctx.needs_input_grad[1] else None
        return (None, dx, dstate[0], c, *learned)


def _outputs(how: Reading, steps: int, h: Tensor, width: torch.dtype) -> Tensor:
    """Make room for the outputs, (T, B, U), with h on the side from which reading starts."""
    make = torch.empty if how.lengths is None else torch.zeros
    room = make(steps + 1, *h.shape, dtype=width)
    room[-1 if how.backwards else 0] = h
    return room[:-1] if how.backwards else room[1:]


def _before(how: Reading, y: Tensor, h: Tensor) -> Tensor:
    """Give the outputs before each step, (T B, U)."""
    shift = y[0].numel() * (1 if how.backwards else -1)
    before = y.as_strided(y.shape, y.stride(), y.storage_offset() + shift)
    if how.backwards and how.lengths is not None:
        # Each text starts somewhere else.
        before = before.clone()
        some = how.lengths.nonzero()[:, 0]
        before[how.lengths[some] - 1, some] = h[some].to(y.dtype)
    return before.view(-1, y.shape[2])


def _weight_slopes(
    how: Reading, d: Tensor, x: Tensor, before: Tensor | None, dbias: Tensor
) -> tuple[Tensor | None, ...]:
    """Give the gradients of weight_ih, weight_hh, bias_ih, bias_hh."""
    units = dbias.shape[1]
    if before is None:
        gates = GATES[how.cell]
        return _product(d.t(), x), None, dbias[:gates].flatten(), None
    if how.cell == "lstm":
        both = dbias.flatten()
        return _product(d.t(), x), _product(d.t(), before), both, both
    reads = _product(d[:, : 3 * units].t(), x)
    loops = _product(d[:, units:].t(), before)
    reads = torch.cat([reads[units:], reads[:units]])
    return reads, loops, dbias[[1, 2, 0]].flatten(), dbias[1:].flatten()


def _input_slope(how: Reading, d: Tensor, w_ih: Tensor) -> Tensor:
    w_ih = w_ih.to(d.dtype)
    if how.cell != "gru":
        return torch.mm(d, w_ih)
    units = len(w_ih) // 3
    return torch.mm(d[:, : 3 * units], torch.cat([w_ih[2 * units :], w_ih[: 2 * units]]))


def _product(left: Tensor, right: Tensor) -> Tensor:
    return torch.mm(left, right).float()


def _bias(cell: str, b_ih: Tensor, b_hh: Tensor | None) -> Tensor:
    """Give the biases as the C code reads them."""
    if b_hh is None:
        return b_ih.contiguous()
    if cell == "lstm":
        return b_ih + b_hh
    edge = 2 * len(b_ih) // 3
    return torch.cat([b_ih[:edge] + b_hh[:edge], b_ih[edge:], b_hh[edge:]])


def _job(how: Reading, y: Tensor, **tensors: Tensor | None) -> Job:
    steps, rows, units = y.shape
    return Job(
        rows=rows,
        steps=steps,
        units=units,
        cell=CELLS.index(how.cell),
        low=how.low,
        backwards=how.backwards,
        threads=torch.get_num_threads(),
        parallel=_native.team(),
        lengths=_address(how.lengths),
        y=y.data_ptr(),
        **{name: _address(tensor) for name, tensor in tensors.items()},
    )


def _do(name: str, job: Job | Step) -> None:
    made = code()
    assert made is not None
    if getattr(made, name)(ctypes.byref(job)):
        raise MemoryError("no memory for the steps of a recurrent layer")


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _addresses(tensors: Sequence[Tensor | None]) -> Any:
    return _POINTERS(*[_address(tensor) for tensor in tensors])


def _wider(weight: Tensor, units: int, spare: int) -> Tensor:
    """Pad the units of every gate, and those that the gates look at, with zeros."""
    gates = weight.unflatten(0, (-1, units))
    sides = (0, spare) if weight.ndim == 1 else (0, 0, 0, spare)
    return F.pad(gates, sides).flatten(0, 1)
