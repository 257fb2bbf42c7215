"""Recurrent network with attention, for translation: it reads in both directions, then writes.

Idea: a memory of fixed size cannot hold a sentence, but it can say what to look for in it. So each
token that is written asks the words that were read, and what answers best is added to it.

Source: Bahdanau, Cho & Bengio 2015, arXiv:1409.0473 (attention); Chen et al. 2018,
arXiv:1804.09849 (RNMT+: several heads, what the first layer gathers goes into those above it);
Cho et al. 2014, arXiv:1406.1078 (the gated recurrent unit).
Departs: the first layer does not see what was gathered for the token before, only the layers above
it do, so that in training each layer reads all tokens in one call of compiled code; attention is
computed in float32 inside bfloat16, which is faster on short sentences (EXPERIMENTS.md).

Letters: B batch, S source tokens, T target tokens, W beginnings, E width of the table, U units, H
heads.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._recurrence import Recurrence
from pellucid.networks._translating import State, Translator, seen
from pellucid.networks.rnn import Steady
from pellucid.registry import network

SIZES = ((128, 1), (192, 2), (256, 2), (384, 2))  # units, layers that read
_DROPOUT = (0.15, 0.2, 0.3, 0.35)
_UNREAD = 0.1
_HEAD = 64  # width of a head


class Gathering(nn.Module):
    """Let each token that is written gather from the words that were read.

    Args:
        units: U of both.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.heads = max(1, units // _HEAD)
        self.key = nn.Linear(units, units, bias=False)
        self.value = nn.Linear(units, units, bias=False)
        self.asked = nn.Linear(units, units, bias=False)

    def offered(self, read: Float[Tensor, "B S U"]) -> tuple[Tensor, Tensor]:
        """Give the keys and values of words."""
        return self.key(read).float(), self.value(read).float()

    def forward(
        self,
        h: Float[Tensor, "B T U"],
        keys: Float[Tensor, "B S U"],
        values: Float[Tensor, "B S U"],
        there: Bool[Tensor, "B S"],
    ) -> Float[Tensor, "B T U"]:
        asked, keys, values = (
            one.float().unflatten(2, (self.heads, -1)).transpose(1, 2)
            for one in (self.asked(h), keys, values)
        )
        with torch.autocast(h.device.type, enabled=False):
            found = F.scaled_dot_product_attention(
                asked, keys, values, attn_mask=there[:, None, None]
            )
        return found.transpose(1, 2).flatten(2).to(h.dtype)


class Attention(Translator):
    """Reads by recurrent layers in both directions, and writes by two with attention between them.

    Args:
        codes: V.
        longest: tokens of an answer at most.
        units: U, and the width of the table.
        layers: that read.
        dropout: share left out before and after each layer.
    """

    def __init__(
        self, codes: int, longest: int, *, units: int, layers: int, dropout: float
    ) -> None:
        super().__init__(codes, longest, units, unread=_UNREAD)
        self.drop = Steady(dropout)
        self.readers = nn.ModuleList(
            Recurrence("gru", units, units // 2, backwards=True) for _ in range(layers)
        )
        self.first = nn.Linear(units, units)
        self.lower = Recurrence("gru", units, units)
        self.gather = Gathering(units)
        self.upper = Recurrence("gru", 2 * units, units)
        self.known = nn.Linear(3 * units, units)

    def words(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B S E"]:
        lengths = seen(x).sum(dim=1)
        h = self.drop(self.looked_up(x))
        for place, reader in enumerate(self.readers):
            y, _ = reader(h, None, lengths)
            h = self.drop(h + y if place else y)
        return h

    def read(self, x: Float[Tensor, "B S"]) -> State:
        there, h = seen(x), self.words(x)
        mean = (h.float() * there[..., None]).sum(dim=1) / there.sum(dim=1)[:, None]
        return (*self.gather.offered(h), there, torch.tanh(self.first(mean)).float())

    def write(self, before: Float[Tensor, "B T E"], memory: State) -> Float[Tensor, "B T E"]:
        lower, _ = self.lower(self.drop(before), self.start(memory)[:1])
        lower = self.drop(lower)
        found = self.drop(self.gather(lower, *memory[:3]))
        upper, _ = self.upper(torch.cat([lower, found], dim=2), None)
        return self._said(lower, found, upper)

    def start(self, memory: State) -> State:
        first = memory[3]
        return first, torch.zeros_like(first)

    def carry(
        self, before: Float[Tensor, "B W E"], state: State, memory: State
    ) -> tuple[Float[Tensor, "B W E"], State]:
        wide = before.shape[:2]
        low, (low_state,) = self.lower(before.flatten(0, 1)[:, None], (state[0].flatten(0, 1),))
        lower = low[:, 0].unflatten(0, wide)
        found = self.gather(lower, *memory[:3])
        both = torch.cat([lower, found], dim=2).flatten(0, 1)
        up, (up_state,) = self.upper(both[:, None], (state[1].flatten(0, 1),))
        said = self._said(lower, found, up[:, 0].unflatten(0, wide))
        return said, (low_state.unflatten(0, wide), up_state.unflatten(0, wide))

    def _said(self, lower: Tensor, found: Tensor, upper: Tensor) -> Float[Tensor, "B T E"]:
        known = self.known(torch.cat([lower, found, upper], dim=2))
        return self.drop(torch.tanh(known))


@network("attention", takes=["pairs"])
@recipe(
    Recipe(
        sizes=len(SIZES),
        passes=9.0,
        batch=192,
        rate=2.5e-3,
        muon=0.1,
        decay=0.02,
        clip=1.0,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> Attention:
    """Widen: from 128 units and one layer that reads to 384 and two."""
    units, layers = SIZES[size - 1]
    del outputs
    return Attention(
        schema.cardinalities[0],
        int(schema.details["longest"]),
        units=units,
        layers=layers,
        dropout=_DROPOUT[size - 1],
    )
