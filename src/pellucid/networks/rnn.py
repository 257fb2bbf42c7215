"""Recurrent network, for text and series: it reads step by step and keeps what it needs.

Idea: a memory of fixed size is updated by every token or row, by gates that learn what to keep and
what to forget; so reading on costs the same at every step, however much was read before.

Source: Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder for statistical
machine translation", arXiv:1406.1078 (the gated recurrent unit). One dropout mask for all steps:
Gal & Ghahramani 2016, arXiv:1512.05287. One table for the words that come in and those that come
out: Press & Wolf 2017, arXiv:1608.05859.
Departs: the matrix of each gate learns by steps that are made orthogonal (Muon, at a high rate),
which needs a fraction of the steps that AdamW needs to the same loss (EXPERIMENTS.md); layers after
the first add to what came in; what is asked about the whole of an example is read in both
directions and pooled; a forecast is the last value and what is learned to add to it.

Letters: B batch, T time, C channels, V vocabulary, E width of the table, U units, D width that
comes in, K outputs, S numbers of a state.
"""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._cross_entropy import token_nats
from pellucid.networks._own_scale import own_scale
from pellucid.networks._recurrence import Recurrence
from pellucid.registry import network

State = tuple[Tensor, ...]

LARGE = 1000  # codes; from here on words come in and go out by the same table
STRETCH = 256  # steps read at once where nothing is learned, to bound memory
SIZES = ((1, 256), (2, 256), (2, 384), (2, 512), (3, 640))  # layers and units
# By size, because what is larger learns by heart sooner.
_DROPOUT = (0.0, 0.05, 0.25, 0.35, 0.45)
_OF_WORDS = (0.2, 0.25, 0.3, 0.35, 0.4)
_LITTLE = 2e6  # tokens; a text that is longer is learned by heart less, and less is left out


class Tokens(nn.Module):
    """Look up a row of learned numbers for each token; nothing, code 0, is a row of zeros.

    Args:
        codes: V.
        width: E.
        dropout: share of the tokens that are read as nothing while training.
    """

    def __init__(self, codes: int, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.rows = nn.Embedding(codes, width, padding_idx=0)
        nn.init.normal_(self.rows.weight[1:], std=width**-0.5)
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B *T"]) -> Float[Tensor, "B *T E"]:
        if self.training and self.dropout:
            x = x * torch.empty_like(x).bernoulli_(1 - self.dropout)
        return self.rows(x.long())


class Steady(nn.Module):
    """Dropout with one mask for all steps of an example.

    Args:
        share: of the numbers that are left out while training.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, "B T U"]) -> Float[Tensor, "B T U"]:
        if not self.training or self.share == 0:
            return x
        kept = x.new_empty(len(x), 1, x.shape[2]).bernoulli_(1 - self.share)
        return x * kept.div_(1 - self.share)


class Layers(nn.Module):
    """Recurrent layers, each after the first added to what came in.

    Args:
        cell: "lstm", "gru", "minlstm" or "mingru".
        inputs: D.
        units: U; twice as many come out where both directions are read.
        layers: how many.
        dropout: share left out before each layer and after the last.
        backwards: read in both directions.
    """

    def __init__(
        self,
        cell: str,
        inputs: int,
        units: int,
        *,
        layers: int,
        dropout: float,
        backwards: bool = False,
    ) -> None:
        super().__init__()
        self.units = units
        self.width = 2 * units if backwards else units
        widths = [inputs] + [self.width] * (layers - 1)
        self.layers = nn.ModuleList(
            Recurrence(cell, width, units, backwards=backwards) for width in widths
        )
        self.drop = Steady(dropout)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        state: State | None = None,
        lengths: Int64[Tensor, " B"] | None = None,
    ) -> tuple[Float[Tensor, "B T U"], State]:
        after: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            y, kept = layer(self.drop(x), self._own(state, place), lengths)
            x = x + y if place else y
            after += kept
        return self.drop(x), tuple(after)

    def step(
        self, x: Float[Tensor, "B D"], state: State | None = None
    ) -> tuple[Float[Tensor, "B U"], State]:
        """Read one step more."""
        after: list[Tensor] = []
        for place, layer in enumerate(self.layers):
            assert isinstance(layer, Recurrence)
            y, kept = layer.step(x, self._own(state, place))
            x = x + y if place else y
            after += kept
        return x, tuple(after)

    @property
    def matrices(self) -> dict[str, int]:
        """Weights by name, and how many gates stand on one another in each."""
        return {
            name: len(weight) // self.units
            for name, weight in self.named_parameters()
            if weight.ndim == 2
        }

    def _own(self, state: State | None, place: int) -> State | None:
        if state is None:
            return None
        each = len(state) // len(self.layers)
        return state[place * each : (place + 1) * each]


class RNN(nn.Module):
    """Says after every step what comes next.

    Args:
        tokens: looks up what is read; None for a series, whose numbers are read as they are.
        layers: the memory.
        outputs: K.
        tied: whether the table of `tokens` gives the outputs, too.
        ahead: for series: (H, A), steps that are foretold of the first A channels.
    """

    half_width = True

    def __init__(
        self,
        tokens: Tokens | None,
        layers: Layers,
        outputs: int,
        *,
        tied: bool = False,
        ahead: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.layers = layers
        self.ahead = ahead
        self.narrow: nn.Module = nn.Identity()
        if tied and tokens is not None:
            wide = tokens.rows.embedding_dim
            if wide != layers.width:
                self.narrow = nn.Linear(layers.width, wide, bias=False)
            self.weight = None
        else:
            bound = layers.width**-0.5
            self.weight = nn.Parameter(torch.empty(outputs, layers.width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Float[Tensor, "B T *C"]) -> Float[Tensor, "B K"]:
        hidden, _ = self.layers(self._read(x))
        last = lengths(x) - 1 if self.tokens is not None else x.new_full((len(x),), x.shape[1] - 1)
        rows, last = torch.arange(len(x), device=x.device), last.long()
        return self._say(hidden[rows, last], x[rows, last])

    def each(
        self, x: Float[Tensor, "B T *C"], state: State | None = None
    ) -> tuple[Float[Tensor, "B T K"], State]:
        """Give the outputs after every step, and the memory of them all."""
        hidden, state = self.layers(self._read(x), state)
        return self._say(hidden, x), state

    def step(
        self, x: Float[Tensor, "B *C"], state: State | None = None
    ) -> tuple[Float[Tensor, "B K"], State]:
        """Read one step more: the outputs after it, and the memory."""
        hidden, state = self.layers.step(self._read(x), state)
        return self._say(hidden, x), state

    def nats(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B T-1"]:
        """Give the loss of each token but the first, given those before it; 0 where none is.

        The same as the cross-entropy of `each`, without its logits in memory.
        """
        told: list[Tensor] = []
        state: State | None = None
        wanted = x[:, 1:].long()
        at_once = wanted.shape[1] if self.training else STRETCH
        for start in range(0, wanted.shape[1], max(1, at_once)):
            part = slice(start, start + at_once)
            hidden, state = self.layers(self._read(x[:, :-1][:, part]), state)
            told.append(token_nats(self.narrow(hidden), self._table(), self.bias, wanted[:, part]))
        return torch.cat(told, dim=1) if told else wanted.float()

    def inner(self, x: Float[Tensor, "B T"]) -> tuple[Float[Tensor, "B T E"], Tensor, Tensor]:
        """Give what is known after each token, and weight and bias of the last layer."""
        return self.narrow(self.layers(self._read(x))[0]), self._table(), self.bias

    def _read(self, x: Tensor) -> Tensor:
        return x if self.tokens is None else self.tokens(x)

    def _table(self) -> Tensor:
        if self.weight is not None:
            return self.weight
        assert self.tokens is not None
        return self.tokens.rows.weight

    def _say(self, hidden: Tensor, x: Tensor) -> Tensor:
        outputs = F.linear(self.narrow(hidden), self._table(), self.bias)
        if self.ahead is None:
            return outputs
        horizon, variables = self.ahead
        mean, spread = outputs.float().unflatten(-1, (horizon, variables, 2)).unbind(-1)
        return torch.stack([mean + x[..., None, :variables], spread], dim=-1).flatten(-3)


class Reader(nn.Module):
    """Reads the whole of an example in both directions, then answers.

    Args:
        tokens: looks up what is read; None for a series.
        layers: the memory, in both directions.
        outputs: K.
    """

    half_width = True

    def __init__(self, tokens: Tokens | None, layers: Layers, outputs: int) -> None:
        super().__init__()
        self.tokens = tokens
        self.layers = layers
        self.head = nn.Linear(2 * layers.width, outputs)

    def forward(self, x: Float[Tensor, "B T *C"]) -> Float[Tensor, "B K"]:
        count = lengths(x)
        read = x if self.tokens is None else self.tokens(x)
        hidden, _ = self.layers(read, None, count)
        hidden = hidden.float()
        there = (torch.arange(x.shape[1], device=x.device) < count[:, None])[..., None]
        mean = (hidden * there).sum(dim=1) / count[:, None]
        most = hidden.masked_fill(~there, -torch.inf).amax(dim=1)
        return self.head(torch.cat([mean, most], dim=1))


def lengths(x: Float[Tensor, "B T *C"]) -> Int64[Tensor, " B"]:
    """Give how many steps of each example are there, 1 at least: nothing but 0 follows them."""
    there = x != 0 if x.ndim == 2 else (x != 0).any(dim=2)
    places = torch.arange(1, x.shape[1] + 1, device=x.device)
    return (there * places).amax(dim=1).clamp(min=1)


def habits(schema: Schema) -> Recipe:
    """Give the recipe: of a text to go on with, each step sees a window of a stretch alone."""
    plain = Recipe(sizes=len(SIZES), clip=1.0, rate=4e-3, ahead=None)
    tokens = bool(schema.cardinalities)
    if schema.ahead and tokens:
        passes = 12.0 if _of_words(schema) else 5.0
        return replace(plain, passes=passes, most=8.0, batch=32, muon=0.35, decay=0.02)
    if schema.ahead:
        # A linear layer foretells better and sooner (EXPERIMENTS.md).
        return replace(plain, passes=1.0, most=6.0, batch=64, muon=0.1, contender=False)
    # Convolutions tell texts apart better and sooner (EXPERIMENTS.md).
    return replace(
        plain, passes=1.5, most=2.0, batch=64, muon=0.1, decay=0.02, contender=not tokens
    )


@network("rnn", takes=["text", "series"])
@recipe(habits)
@own_scale
def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
    """Widen, then deepen: from one layer of 256 units to three of 640."""
    count, units = SIZES[size - 1]
    codes = schema.cardinalities[0] if schema.cardinalities else 0
    words = _of_words(schema)
    inputs = min(units, 256 if words else 64) if codes else schema.shape[-1]
    if schema.ahead == 0:
        tokens = Tokens(codes, inputs, dropout=0.1) if codes else None
        dropout = 0.3 if codes else 0.1
        both = Layers("gru", inputs, units // 2, layers=count, dropout=dropout, backwards=True)
        return Reader(tokens, both, outputs)
    tokens = Tokens(codes, inputs) if codes else None
    dropout = (_OF_WORDS if words else _DROPOUT)[size - 1] * _little(schema)
    layers = Layers("gru", inputs, units, layers=count, dropout=dropout)
    told = schema.ahead * len(schema.variables) * 2
    ahead = (schema.ahead, len(schema.variables)) if outputs == told else None
    return RNN(tokens, layers, outputs, tied=words and outputs == codes, ahead=ahead)


def _little(schema: Schema) -> float:
    """Say how far a text is short: 1 for one that is soon known by heart, less for a longer one."""
    tokens = schema.details.get("tokens")
    if type(tokens) is not int or not 0 < tokens < 1 << 53:
        return 1.0
    return min(1.0, math.sqrt(_LITTLE / tokens))


def _of_words(schema: Schema) -> bool:
    return schema.cardinalities != () and schema.cardinalities[0] > LARGE
