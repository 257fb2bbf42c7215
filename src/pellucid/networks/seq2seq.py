"""Transformer that reads a sentence and writes another, small, for translation.

Idea: each word that is read looks at all others, each token that is written at those before it and
at what was read. Where many pairs are there, nothing has to pass through a narrow memory.

Source: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762; Xiong et al. 2020,
arXiv:2002.04745 (the norm before each part); Zhang & Sennrich 2019, arXiv:1910.07467 (RMSNorm);
Kasai et al. 2021, "Deep encoder, shallow decoder", arXiv:2006.10369 (more blocks read than write,
which makes writing fast).
Departs: attention is computed in float32 inside bfloat16, which is faster on short sentences
(EXPERIMENTS.md).

Letters: B batch, S source tokens, T target tokens, W beginnings, E width, H heads.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._recurrence import thinned
from pellucid.networks._translating import State, Translator, seen
from pellucid.registry import network

SIZES = ((128, 3, 2), (192, 4, 2), (256, 4, 3))  # width, blocks that read, blocks that write
_DROPOUT = (0.15, 0.2, 0.3)
_UNREAD = 0.1
_HEAD = 64  # width of a head, about
_PERIOD = 10_000.0


class Looking(nn.Module):
    """Attention of steps to others.

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = max(2, width // _HEAD)
        self.asked = nn.Linear(width, width, bias=False)
        self.offered = nn.Linear(width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def keys(self, h: Float[Tensor, "B S E"]) -> Float[Tensor, "B S D"]:
        """Give the keys and values of what is looked at, side by side."""
        return self.offered(h).float()

    def forward(
        self,
        h: Float[Tensor, "B T E"],
        keys: Float[Tensor, "B S D"],
        mask: Bool[Tensor, "..."] | None,
        *,
        back: bool = False,
    ) -> Float[Tensor, "B T E"]:
        asked, key, value = (
            one.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for one in (self.asked(h).float(), *keys.chunk(2, dim=2))
        )
        with torch.autocast(h.device.type, enabled=False):
            found = F.scaled_dot_product_attention(
                asked, key, value, attn_mask=mask, is_causal=back
            )
        return self.out(found.transpose(1, 2).flatten(2))


class Thinking(nn.Module):
    """Think about each step by itself.

    Args:
        width: E.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)

    def forward(self, h: Float[Tensor, "*B E"]) -> Float[Tensor, "*B E"]:
        return self.narrow(F.relu(self.widen(h)))


class Block(nn.Module):
    """Look at steps of one's own, at the source where there is one, and think.

    Args:
        width: E.
        dropout: share of what is added that is left out while training.
        writes: whether it looks at a source, too.
    """

    def __init__(self, width: int, *, dropout: float, writes: bool) -> None:
        super().__init__()
        self.own, self.think = Looking(width), Thinking(width)
        self.source = Looking(width) if writes else None
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(3 if writes else 2))
        self.dropout = dropout

    def added(self, h: Tensor, more: Tensor) -> Tensor:
        """Add what was found."""
        return h + (thinned(more, self.dropout) if self.training and self.dropout else more)


class Seq2Seq(Translator):
    """Blocks that read and blocks that write.

    Args:
        codes: V.
        longest: tokens of an answer at most.
        width: E.
        reading: blocks that read.
        writing: blocks that write.
        dropout: share left out.
    """

    def __init__(
        self, codes: int, longest: int, *, width: int, reading: int, writing: int, dropout: float
    ) -> None:
        super().__init__(codes, longest, width, unread=_UNREAD)
        self.dropout = dropout
        self.readers = nn.ModuleList(
            Block(width, dropout=dropout, writes=False) for _ in range(reading)
        )
        self.writers = nn.ModuleList(
            Block(width, dropout=dropout, writes=True) for _ in range(writing)
        )
        self.was_read, self.was_written = nn.RMSNorm(width), nn.RMSNorm(width)

    def words(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B S E"]:
        there = seen(x)
        h = self._placed(self.looked_up(x), 0)
        for reader in self.readers:
            assert isinstance(reader, Block)
            near = reader.norms[0](h)
            h = reader.added(h, reader.own(near, reader.own.keys(near), there[:, None, None]))
            h = reader.added(h, reader.think(reader.norms[1](h)))
        return self.was_read(h)

    def read(self, x: Float[Tensor, "B S"]) -> State:
        h = self.words(x)
        keys = []
        for writer in self.writers:
            assert isinstance(writer, Block)
            assert writer.source is not None
            keys.append(writer.source.keys(h))
        return (seen(x), *keys)

    def write(self, before: Float[Tensor, "B T E"], memory: State) -> Float[Tensor, "B T E"]:
        h = self._placed(before, 0)
        for writer, keys in zip(self.writers, memory[1:], strict=True):
            assert isinstance(writer, Block)
            near = writer.norms[0](h)
            h = writer.added(h, writer.own(near, writer.own.keys(near), None, back=True))
            h = self._rest(writer, h, keys, memory[0])
        return self.was_written(h)

    def start(self, memory: State) -> State:
        none = memory[1].new_zeros(len(memory[0]), 0, memory[1].shape[2])
        return (none,) * len(self.writers)

    def carry(
        self, before: Float[Tensor, "B W E"], state: State, memory: State
    ) -> tuple[Float[Tensor, "B W E"], State]:
        wide, after = before.shape[:2], []
        h = self._placed(before.flatten(0, 1)[:, None], state[0].shape[2])
        for writer, past, keys in zip(self.writers, state, memory[1:], strict=True):
            assert isinstance(writer, Block)
            near = writer.norms[0](h)
            own = torch.cat([past.flatten(0, 1), writer.own.keys(near)], dim=1)
            after.append(own.unflatten(0, wide))
            h = writer.added(h, writer.own(near, own, None))
            h = self._rest(writer, h[:, 0].unflatten(0, wide), keys, memory[0])
            h = h.flatten(0, 1)[:, None]
        return self.was_written(h[:, 0]).unflatten(0, wide), tuple(after)

    def _rest(self, writer: Block, h: Tensor, keys: Tensor, there: Tensor) -> Tensor:
        assert writer.source is not None
        h = writer.added(h, writer.source(writer.norms[1](h), keys, there[:, None, None]))
        return writer.added(h, writer.think(writer.norms[2](h)))

    def _placed(self, h: Float[Tensor, "B T E"], first: int) -> Float[Tensor, "B T E"]:
        """Add to each step where it stands."""
        h = h + places(first + h.shape[1], h.shape[2], h.device)[first:]
        return thinned(h, self.dropout) if self.training and self.dropout else h


def places(count: int, width: int, device: torch.device) -> Float[Tensor, "T E"]:
    """Give waves of different lengths, which tell each place from the others."""
    pace = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(_PERIOD) / width))
    angle = torch.arange(count, device=device)[:, None] * pace
    waves: Tensor = torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)
    return waves


@network("seq2seq", takes=["pairs"])
@recipe(
    Recipe(
        sizes=len(SIZES),
        passes=20.0,
        batch=192,
        rate=2e-3,
        muon=0.02,
        decay=0.02,
        clip=1.0,
        contender=False,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> Seq2Seq:
    """Widen and deepen: from 128 wide with 3 and 2 blocks to 256 with 4 and 3."""
    width, reading, writing = SIZES[size - 1]
    del outputs
    return Seq2Seq(
        schema.cardinalities[0],
        int(schema.details["longest"]),
        width=width,
        reading=reading,
        writing=writing,
        dropout=_DROPOUT[size - 1],
    )
