"""Transformer: every step looks at the steps around it, for text and series.

Idea: each step asks a question, every step in reach offers an answer to some question, and what
answers best is added in. Where the answer lies is learned, so a word ten steps back is as near as
the last one. What is asked for is what comes next, or one answer for the whole.

Source: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762; Su et al. 2021,
"RoFormer", arXiv:2104.09864 (positions turn questions and keys, so that only distances count);
Zhang & Sennrich 2019, arXiv:1910.07467 (RMSNorm); Henry et al. 2020, arXiv:2010.04245 (questions
and keys of one length); So et al. 2021, "Primer", arXiv:2109.08668 (squared ReLU); Beltagy, Peters
& Cohan 2020, "Longformer", arXiv:2004.05150, section 3.1 (a sliding window of attention).
Departs: a window looks no farther than `context` steps, whatever the length of the input, and long
inputs are gone through in chunks of as many steps; so nothing grows with the square of the length,
the distances met are those of training, and the memory of `step` is bounded. Attention is computed
in float32 inside bfloat16: on CPUs short sequences are six times as fast so (EXPERIMENTS.md).

Letters: B batch, T steps, S steps that are looked at, W context, C channels, H heads, E width of a
head, D width, K outputs; of a forecast A variables, H steps ahead.
"""

from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._cross_entropy import token_nats
from pellucid.registry import network

_WIDTHS = (128, 256, 384)  # by size
_DEPTHS = (3, 4, 6)
_CONTEXT = 256  # steps; what a text is trained on at once
_DROPOUT = 0.1  # where whole examples are judged, of which there are few
_HEAD = 64  # width of a head
_PERIOD = 10_000.0  # steps for the slowest turn, over 2π

State: TypeAlias = tuple[Tensor, Tensor]


class Codes(nn.Module):
    """Look up a row of learned numbers for the code of each step; 0, nothing, is all zeros.

    Args:
        cardinality: codes that there are.
        width: numbers that each becomes.
    """

    def __init__(self, cardinality: int, width: int) -> None:
        super().__init__()
        self.rows = nn.Embedding(cardinality, width, padding_idx=0)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        return F.rms_norm(self.rows(x.long()), (self.rows.embedding_dim,))

    def there(self, x: Float[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        """Mark the steps that are something."""
        return x != 0


class Values(nn.Module):
    """Weigh the channels of each step.

    Args:
        channels: of the input.
        width: numbers that they become.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(channels, width)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T D"]:
        return self.weigh(x)

    def there(self, x: Float[Tensor, "B T C"]) -> Bool[Tensor, "B T"]:
        """Mark the steps up to the last one that is not zero in all channels."""
        seen = (x != 0).any(dim=2)
        return seen.flip(1).cummax(dim=1).values.flip(1)


class Attention(nn.Module):
    """Let each step gather from the steps in reach what answers its question.

    Args:
        width: of a step.
        heads: questions that a step asks at once.
        context: steps that it can reach on either side, itself counted.
        causal: only look back.
    """

    def __init__(self, width: int, heads: int, *, context: int, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.context = context
        self.causal = causal
        self.asked = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, h: Float[Tensor, "B T D"], there: Bool[Tensor, "B T"] | None, before: State | None
    ) -> tuple[Float[Tensor, "B T D"], State]:
        """Gather.

        Args:
            h: the steps.
            there: which of them are something; None if all are, or may be looked at.
            before: keys and values of steps before these, (B, S, D) each; S is below the context.

        Returns:
            What was gathered, and the keys and values that steps to come can reach.
        """
        query, key, value = self.asked(h).float().chunk(3, dim=2)
        size = (query.shape[2] // self.heads,)
        query, key = (self._split(F.rms_norm(self._split(one), size)) for one in (query, key))
        if before is not None:
            key, value = (torch.cat(pair, dim=1) for pair in zip(before, (key, value), strict=True))
        kept = max(0, key.shape[1] - self.context + 1)
        found = self._gathered(query, key, value, there)
        return self.out(found.to(h.dtype)), (key[:, kept:], value[:, kept:])

    def _split(self, h: Tensor) -> Tensor:
        """Divide the last axis by heads, or join heads that it is divided by."""
        return h.flatten(2) if h.ndim == 4 else h.unflatten(2, (self.heads, -1))

    def _gathered(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        there: Bool[Tensor, "B T"] | None,
    ) -> Float[Tensor, "B T D"]:
        """Go through the steps in chunks; each looks at those in reach of any of its own."""
        found, ahead = [], key.shape[1] - query.shape[1]
        reach = self.context - 1
        for start in range(0, query.shape[1], self.context):
            asking = query[:, start : start + self.context]
            first = max(0, ahead + start - reach)
            last = ahead + start + asking.shape[1] + (0 if self.causal else reach)
            places = slice(first, last)
            hidden = None if there is None else there[:, places]
            at = ahead + start - first
            found.append(self._attended(asking, key[:, places], value[:, places], at, hidden))
        return torch.cat(found, dim=1)

    def _attended(
        self,
        query: Float[Tensor, "B T D"],
        key: Float[Tensor, "B S D"],
        value: Float[Tensor, "B S D"],
        at: int,
        there: Bool[Tensor, "B S"] | None,
    ) -> Float[Tensor, "B T D"]:
        """Attend in one chunk.

        Args:
            query: of the chunk.
            key: of all that it looks at.
            value: the same.
            at: place of the first query among the keys.
            there: which of the keys are something.
        """
        asked, keys, values = (self._split(one).transpose(1, 2) for one in (query, key, value))
        place = torch.arange(key.shape[1], device=key.device)
        own = place[at : at + query.shape[1]]
        asked, keys = _turned(asked, own), _turned(keys, place)
        plain = self.causal and at == 0 and query.shape[1] == key.shape[1]
        mask = None if plain else self._mask(own, place, there)
        # What is subtracted and exponentiated is small and short: half width gains nothing here.
        with torch.autocast(query.device.type, enabled=False):
            found = F.scaled_dot_product_attention(
                asked, keys, values, attn_mask=mask, is_causal=plain
            )
        return self._split(found.transpose(1, 2))

    def _mask(
        self, own: Tensor, place: Tensor, there: Bool[Tensor, "B S"] | None
    ) -> Bool[Tensor, "*B 1 T S"] | None:
        """Mark what each query may look at; None if all may look at all."""
        back = own[:, None] - place
        near = (back < self.context) & (back > (-1 if self.causal else -self.context))
        if there is None:
            return near[None, None]
        # A step that is nothing looks at itself alone: no answer may be a number over zero.
        return near & (there[:, None, None] | (back == 0))


class Block(nn.Module):
    """Gather from other steps, then think about each by itself; both are added to what came in.

    Args:
        width: of a step.
        heads: of the attention.
        context: steps in reach.
        causal: only look back.
        dropout: share of what is added that is left out while training.
    """

    def __init__(
        self, width: int, heads: int, *, context: int, causal: bool, dropout: float
    ) -> None:
        super().__init__()
        self.before_attention = nn.RMSNorm(width)
        self.attention = Attention(width, heads, context=context, causal=causal)
        self.before_thinking = nn.RMSNorm(width)
        self.widen = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(4 * width, width, bias=False)
        self.dropout = dropout
        nn.init.zeros_(self.narrow.weight)

    def forward(
        self, h: Float[Tensor, "B T D"], there: Bool[Tensor, "B T"] | None, before: State | None
    ) -> tuple[Float[Tensor, "B T D"], State]:
        found, state = self.attention(self.before_attention(h), there, before)
        h = h + self._thinned(found)
        thought = self.narrow(F.relu(self.widen(self.before_thinking(h))).square())
        return h + self._thinned(thought), state

    def _thinned(self, added: Tensor) -> Tensor:
        return F.dropout(added, self.dropout) if self.training and self.dropout else added


class Transformer(nn.Module):
    """Blocks of attention over steps.

    One that looks back alone answers after every step, and `forward` is its last answer; else the
    answer is made of the mean of all steps that are something.

    Args:
        inputs: turns x into steps, and tells which are something.
        outputs: numbers that the task asks for.
        width: of a step.
        depth: blocks.
        context: steps that one can look back at.
        causal: only look back.
        ahead: for forecasts, (H, A): steps that are foretold of the first A channels, each as the
            last value and what is learned to add to it.
    """

    half_width = True

    def __init__(  # noqa: PLR0913 - plain numbers, all of them
        self,
        inputs: Codes | Values,
        outputs: int,
        *,
        width: int,
        depth: int,
        context: int,
        causal: bool,
        ahead: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        heads = max(1, width // _HEAD)
        self.causal = causal
        self.ahead = ahead
        self.inputs = inputs
        self.blocks = nn.ModuleList(
            Block(width, heads, context=context, causal=causal, dropout=0.0 if causal else _DROPOUT)
            for _ in range(depth)
        )
        self.last = nn.RMSNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Float[Tensor, "B T *C"]) -> Float[Tensor, "B K"]:
        there = self.inputs.there(x)
        h, _ = self._read(x, None if self.causal else there, None)
        if self.causal:
            # The last step that is something; the first where none is.
            place = torch.arange(x.shape[1], device=x.device)
            at = (there * place).amax(dim=1)
            rows = torch.arange(len(h), device=x.device)
            return self._say(h[rows, at], x[rows, at])
        weight = there.to(h.dtype)[..., None]
        mean = (self.last(h) * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return self.head(mean)

    def each(
        self, x: Float[Tensor, "B T *C"], state: tuple[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, "B T K"], tuple[Tensor, ...]]:
        """Answer after every step, going on from where `state` stopped reading.

        Returns:
            The outputs, and the keys and values of the last steps, (B, W - 1, D) at most, of each
            block in turn.
        """
        h, state = self._read(x, None, state)
        return self._say(h, x), state

    def step(
        self, x: Float[Tensor, "B *C"], state: tuple[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, "B K"], tuple[Tensor, ...]]:
        """Answer after one more step."""
        outputs, state = self.each(x[:, None], state)
        return outputs[:, 0], state

    def _say(self, h: Float[Tensor, "B *T D"], x: Tensor) -> Float[Tensor, "B *T K"]:
        outputs = self.head(self.last(h))
        if self.ahead is None:
            return outputs
        mean, spread = outputs.float().unflatten(-1, (*self.ahead, 2)).unbind(-1)
        mean = mean + x[..., None, : self.ahead[1]]
        return torch.stack([mean, spread], dim=-1).flatten(-3)

    def nats(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B S"]:
        """Give the loss of each code but the first, nats, given those before it; 0 for nothing."""
        wanted = x[:, 1:].long()
        if not wanted.shape[1]:
            return wanted.float()
        h, _ = self._read(x[:, :-1], None, None)
        return token_nats(self.last(h), self.head.weight, self.head.bias, wanted)

    def _read(
        self,
        x: Float[Tensor, "B T *C"],
        there: Bool[Tensor, "B T"] | None,
        state: tuple[Tensor, ...] | None,
    ) -> tuple[Float[Tensor, "B T D"], tuple[Tensor, ...]]:
        h = self.inputs(x)
        kept: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            before = None if state is None else (state[2 * number], state[2 * number + 1])
            h, after = block(h, there, before)
            kept += after
        return h, tuple(kept)


@network("transformer", takes=["text", "series"])
@recipe(
    Recipe(
        sizes=len(_WIDTHS),
        passes=5.0,
        batch=32,
        rate=2e-3,
        decay=0.1,
        clip=1.0,
        ahead=None,
        contender=False,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> Transformer:
    """Widen and deepen: size 1 is 128 wide with 3 blocks, size 3 is 384 wide with 6."""
    width, causal = _WIDTHS[size - 1], schema.ahead != 0
    forecast = causal and not schema.cardinalities
    inputs = (
        Codes(schema.cardinalities[0], width)
        if schema.cardinalities
        else Values(schema.shape[1], width)
    )
    return Transformer(
        inputs,
        outputs,
        width=width,
        depth=_DEPTHS[size - 1],
        context=min(_CONTEXT, schema.shape[0]),
        causal=causal,
        ahead=(schema.ahead, len(schema.variables)) if forecast else None,
    )


def _turned(h: Float[Tensor, "B H S E"], place: Tensor) -> Float[Tensor, "B H S E"]:
    """Turn pairs of numbers by angles that grow with the place, each pair at its own pace."""
    half = h.shape[-1] // 2
    pace = _PERIOD ** (-torch.arange(half, device=h.device) / half)
    angle = place[:, None] * pace
    cos, sin = angle.cos(), angle.sin()
    one, other = h[..., :half], h[..., half:]
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1)
