"""Layers that read step by step and remember.

Idea: what was read so far is kept in a few numbers, the state; gates decide how much of it each
step keeps. The gates of GRU and LSTM look at the state, so their steps follow one another; those of
minGRU and minLSTM look at the input alone, so that all products of all steps are done at once and
what remains is one running weighted mean.

Source: Cho et al. 2014, arXiv:1406.1078 (GRU, in the arithmetic of torch.nn.GRU); Hochreiter &
Schmidhuber 1997, "Long short-term memory", Neural Computation 9 (LSTM, in that of torch.nn.LSTM);
Feng et al. 2024, "Were RNNs all we needed?", arXiv:2410.01201 (minGRU, minLSTM).
Departs: what minGRU and minLSTM keep is computed as it stands, not in logarithms: the weights of a
running mean lie between 0 and 1, so nothing can overflow. On a CPU all steps run in compiled code
(`_fused`) where there is a compiler; `how` says so. What is here does the same in plain torch.

Letters: B batch, T steps, I inputs, U units, D directions times units, W any width.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.networks import _fused, _native
from pellucid.networks._fused import GATES

State = tuple[Tensor, ...]


class Recurrence(nn.Module):
    """Stacked recurrent layers; their weights are named and shaped as in torch.nn.GRU and LSTM.

    The state is a tuple of float32 tensors, (B, U) each: for every layer, and in it for every
    direction, what it remembers; for "lstm" the output first, then the cell.

    Args:
        cell: "gru", "lstm", "mingru" or "minlstm".
        inputs: numbers a step.
        units: numbers that a layer remembers; multiples of 32 are fastest.
        layers: stacked on one another.
        dropout: share of what a layer hands to the next that is left out in training.
        backwards: add a second direction that starts at the end of each text; outputs are then
            (B, T, 2 U), and there is no `step`.
    """

    half_width = True

    def __init__(
        self,
        cell: str,
        inputs: int,
        units: int,
        *,
        layers: int = 1,
        dropout: float = 0.0,
        backwards: bool = False,
    ) -> None:
        super().__init__()
        self.cell, self.units, self.layers = cell, units, layers
        self.dropout = dropout
        self.suffixes = ("", "_reverse") if backwards else ("",)
        for layer in range(layers):
            read = inputs if layer == 0 else units * len(self.suffixes)
            for suffix in self.suffixes:
                self._add(f"l{layer}{suffix}", read)

    def forward(
        self,
        x: Float[Tensor, "B T I"],
        state: State | None = None,
        lengths: Int[Tensor, " B"] | None = None,
    ) -> tuple[Float[Tensor, "B T D"], State]:
        """Read all steps.

        Args:
            x: what is read.
            state: what was remembered before; None for nothing.
            lengths: steps of each text; what follows them is not read, its outputs are zero, and
                the state is the one after the last real step.

        Returns:
            The outputs after every step, and the state.
        """
        state = self._start(x) if state is None else state
        new: list[Tensor] = []
        for layer in range(self.layers):
            if layer and self.dropout and self.training:
                x = thinned(x, self.dropout)
            read = []
            for suffix in self.suffixes:
                start = state[len(new) : len(new) + self._kept()]
                weights = self._weights(f"l{layer}{suffix}")
                y, end = read_all(self.cell, x, weights, start, lengths, bool(suffix))
                read.append(y)
                new.extend(end)
            x = torch.cat(read, dim=-1) if len(read) > 1 else read[0]
        return x, tuple(new)

    def step(
        self, x: Float[Tensor, "B I"], state: State | None = None
    ) -> tuple[Float[Tensor, "B U"], State]:
        """Read one step more: the same as `forward` on it alone.

        Without gradients compiled code does it in float32, whatever the numerics.

        Raises:
            ValueError: if one direction starts at the end, which is not known yet.
        """
        if len(self.suffixes) > 1:
            raise ValueError("what reads backwards cannot go on step by step")
        if not torch.is_grad_enabled() and self.units % _fused.LANES == 0:
            weights = self._weights("l0")
            if compiled(x, weights):
                return self._stepped(x.float().contiguous(), state or self._start(x))
        y, new = self(x[:, None], state)
        return y[:, 0], new

    def _stepped(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        new: list[Tensor] = []
        for layer in range(self.layers):
            own = state[len(new) : len(new) + self._kept()]
            start = [piece.float().contiguous() for piece in own]
            end = _fused.step(self.cell, x, self._weights(f"l{layer}"), start)
            new.extend(end)
            x = end[0]
        return x, tuple(new)

    def _start(self, x: Tensor) -> State:
        nothing = x.new_zeros(len(x), self.units, dtype=torch.float32)
        return (nothing,) * (self._kept() * self.layers * len(self.suffixes))

    def _add(self, name: str, inputs: int) -> None:
        bound = 1 / math.sqrt(self.units if self._loops() else inputs)
        gates = GATES[self.cell] * self.units
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, inputs), "bias_ih": (gates,)}
        if self._loops():
            shapes |= {"weight_hh": (gates, self.units), "bias_hh": (gates,)}
        for word, shape in shapes.items():
            weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
            self.register_parameter(f"{word}_{name}", weight)

    def _weights(self, name: str) -> list[Tensor]:
        words = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, f"{word}_{name}") for word in words[:: 1 if self._loops() else 2]]

    def _loops(self) -> bool:
        return self.cell in {"gru", "lstm"}

    def _kept(self) -> int:
        return 2 if self.cell == "lstm" else 1


def how() -> str:
    """Say whether recurrent layers on the CPU run compiled, in which widths, and if not, why."""
    if _fused.code() is None:
        return _native.how(_fused.CODE)
    return "compiled, float32 and bfloat16" if _fused.halves() else "compiled, float32"


def thinned(x: Tensor, share: float) -> Tensor:
    """Leave out a share of numbers and scale the others up, as dropout does, but faster.

    Eight numbers are decided by one draw of 64 bits, so the share is one of 256.
    """
    cut = min(max(round(share * 256), 0), 255)
    draws = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
    bits = draws.random_(-(2**63), None).view(torch.uint8)[: x.numel()]
    turned_round = x.ndim == 3 and x.transpose(0, 1).is_contiguous()
    mask = bits.as_strided(x.shape, x.stride()) if turned_round else bits.view(x.shape)
    return x * ((mask >= cut).to(x.dtype) * (256 / (256 - cut)))


def read_all(
    cell: str,
    x: Float[Tensor, "B T I"],
    weights: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Int[Tensor, " B"] | None,
    backwards: bool,
) -> tuple[Float[Tensor, "B T U"], Sequence[Tensor]]:
    """Read all steps by one layer in one direction."""
    if compiled(x, weights):
        asked = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu")
        reading = _fused.Reading(
            cell=cell,
            backwards=backwards,
            lengths=None if lengths is None else lengths.long().cpu().clamp(0, x.shape[1]),
            low=asked == torch.bfloat16 and _fused.halves(),
            keeps=torch.is_grad_enabled(),
        )
        return _fused.read(x, weights, state, reading)
    if backwards:
        y, end = read_all(cell, turned(x, lengths), weights, state, lengths, False)
        return turned(y, lengths), end
    if cell in {"gru", "lstm"}:
        if lengths is None:
            return _looped(cell, x, weights, state)
        return _packed(cell, x, weights, state, lengths)
    return _scanned(cell, x, weights, state, lengths)


def compiled(x: Tensor, weights: Sequence[Tensor]) -> bool:
    """Tell whether compiled code can read x."""
    there = x.device.type == "cpu" and x.numel() > 0 and x.dtype != torch.float64
    return there and all(map(_plain, weights)) and _fused.code() is not None


def _plain(weight: Tensor) -> bool:
    return weight.dtype == torch.float32 and weight.is_contiguous()


def turned(x: Float[Tensor, "B T W"], lengths: Int[Tensor, " B"] | None) -> Float[Tensor, "B T W"]:
    """Turn each text round, its padding left at the end."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    last = lengths.to(x.device)[:, None] - 1
    places = torch.where(steps <= last, last - steps, steps)
    return x.gather(1, places[:, :, None].expand_as(x))


def running(
    kept: Float[Tensor, "B T U"], new: Float[Tensor, "B T U"], start: Float[Tensor, "B U"]
) -> Float[Tensor, "B T U"]:
    """Give h after each step of h = kept * h + new, in as many passes as T has binary digits."""
    new = torch.cat([new[:, :1] + kept[:, :1] * start[:, None], new[:, 1:]], dim=1)
    reach = 1
    while reach < new.shape[1]:
        later = new[:, reach:] + kept[:, reach:] * new[:, :-reach]
        longer = kept[:, reach:] * kept[:, :-reach]
        new = torch.cat([new[:, :reach], later], dim=1)
        kept = torch.cat([kept[:, :reach], longer], dim=1)
        reach *= 2
    return new


def _looped(
    cell: str,
    x: Tensor,
    weights: Sequence[Tensor],
    state: Sequence[Tensor],
) -> tuple[Tensor, Sequence[Tensor]]:
    """Read by torch's own GRU or LSTM."""
    x, before = x.to(weights[0].dtype), _layered(cell, state, weights)
    layer: Any = torch.gru if cell == "gru" else torch.lstm
    y, *end = layer(x, before, list(weights), True, 1, 0.0, False, False, True)
    return y, [piece[0].float() for piece in end]


def _packed(
    cell: str,
    x: Tensor,
    weights: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor,
) -> tuple[Tensor, Sequence[Tensor]]:
    """Read texts of unlike lengths by torch's own GRU or LSTM, which want one step at least."""
    packed = nn.utils.rnn.pack_padded_sequence(
        x.to(weights[0].dtype), lengths.cpu().clamp(min=1), batch_first=True, enforce_sorted=False
    )
    data, sizes, order, back = packed
    assert order is not None
    before = _layered(cell, [piece[order] for piece in state], weights)
    layer: Any = torch.gru if cell == "gru" else torch.lstm
    data, *end = layer(data, sizes, before, list(weights), True, 1, 0.0, False, False)
    packed = nn.utils.rnn.PackedSequence(data, sizes, order, back)
    y, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
    some = (lengths > 0).to(x.device)[:, None]
    ends = [
        torch.where(some, piece[0, back].float(), old)
        for piece, old in zip(end, state, strict=True)
    ]
    return y * some[:, None], ends


def _layered(
    cell: str, state: Sequence[Tensor], weights: Sequence[Tensor]
) -> Tensor | list[Tensor]:
    before = [piece[None].to(weights[0].dtype) for piece in state]
    return before[0] if cell == "gru" else before


def _scanned(
    cell: str,
    x: Tensor,
    weights: Sequence[Tensor],
    state: Sequence[Tensor],
    lengths: Tensor | None,
) -> tuple[Tensor, Sequence[Tensor]]:
    """Read by a running weighted mean."""
    products = F.linear(x, *weights)
    first, *more = products.float().chunk(GATES[cell], dim=-1)
    seen = torch.where(more[-1] >= 0, more[-1] + 0.5, torch.sigmoid(more[-1]))
    new = torch.sigmoid(first)
    kept = 1 - new
    if cell == "minlstm":
        write = torch.sigmoid(more[0])
        kept, new = new / (new + write), write / (new + write)
    y = running(kept, new * seen, state[0])
    if lengths is None:
        return y.to(products.dtype), [y[:, -1] if y.shape[1] else state[0]]
    places = lengths.to(x.device)[:, None]
    y = y * (torch.arange(y.shape[1], device=x.device) < places)[:, :, None]
    last = (places - 1).clamp(min=0)[:, :, None].expand(-1, 1, y.shape[2])
    return y.to(products.dtype), [torch.where(places > 0, y.gather(1, last)[:, 0], state[0])]
