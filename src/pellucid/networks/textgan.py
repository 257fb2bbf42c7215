"""Adversarial network for short texts: a writer and a critic, and beside them a control.

Idea: the critic reads token by token and says, of every token that might come next, how much more
it looks like one that stands in a real text than like one that the writer puts there. The writer
reads its own texts and moves what it expects at every place towards what the critic would rather
have read. Nothing is learned by likelihood: the writer knows the data through the critic alone.

A language model of the same make as the writer, the control, learns by likelihood beside it, for as
much time; which of the two writes better is measured where they are equally diverse.

Source: de Masson d'Autume, Rosca, Rae & Mohamed 2019, "Training language GANs from scratch",
arXiv:1905.09922 (no pretraining; a recurrent, regularised critic that rewards every token; many
texts a step). The writer's step, to its own distribution times exp(reward): Abdolmaleki et al.
2018, arXiv:1806.06920, section 4.1. Chosen by reading: it is the one that was shown to learn from
scratch about as well as likelihood does; SeqGAN (REINFORCE on whole texts) and RelGAN (relaxed) are
pretrained by likelihood, and without that learn little.
Departs: critic and writer learn from what is expected of all tokens that might stand at a place,
not from the one that was drawn (`_game`): no REINFORCE, no baseline, and little noise, so that some
tens of texts a step are enough. A reward counts at its own place only (there it was handed back,
discounted by .23 a token). The game is played at the places of real texts, too, where the critic
compares the token that stands there with those that the writer would have put.

Letters: B batch, T and S time, V vocabulary, E width of the table, U units, N places.
"""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._game import Last, apart, criticised
from pellucid.networks._writing import written
from pellucid.networks.rnn import LARGE, RNN, Layers, State, Tokens
from pellucid.registry import network

SIZES = (256, 384, 512)  # units of one layer
LONGEST = 64  # tokens of a text that are learned from and written
GAME = 0.125  # of the texts of a step are for the game, which then takes as long as the control
_LEAST, _MOST = 1 / 32, 1.0  # of them
_EVENING = 1.03  # factor by which that changes in a step, where time is measured
_OWED = 0.02  # of the time by which one of them is ahead is made good in a step
_FADING = 0.95  # of the signs of trouble, a step


class Critic(nn.Module):
    """Says of tokens that might come next how much more they look like real ones.

    Args:
        codes: V.
        width: E.
        units: U.
        dropout: share left out before and after the memory.
    """

    def __init__(self, codes: int, width: int, units: int, *, dropout: float) -> None:
        super().__init__()
        self.tokens = Tokens(codes, width)
        self.layers = Layers("gru", width, units, layers=1, dropout=dropout)
        self.narrow = nn.Linear(units, width)
        # At first as a writer that holds all tokens alike: nothing is more real than anything else.
        self.bias = nn.Parameter(torch.full((codes,), -math.log(codes)))

    def last(self, before: Float[Tensor, "B T"], there: Bool[Tensor, "B T"]) -> Last:
        """Give what is known at some places of texts, and the last layer."""
        hidden = self.narrow(self.layers(self.tokens(before))[0])
        return Last(hidden[there], self.tokens.rows.weight, self.bias)


class TextGAN(nn.Module):
    """A writer that learns from a critic; in use it is the writer alone.

    Args:
        writer: tells what comes next.
        critic: tells real texts from made ones.
        control: as the writer, to learn by likelihood.

    Attributes:
        control: see above; whoever compares the two asks it as any other network.
        game: buffer: share of the texts of a step that are for writer and critic.
        signs: buffer: how many different pairs of tokens made texts have, as a share of what real
            texts have; share of made texts, and of real ones, in which a pair recurs; share of
            tokens of which the critic knows where they are from.
        told: buffer: at what share of the run trouble was last spoken of.
        seconds: buffer: that the game and the control have taken, where `evens`.
        evens: buffer: whether the share of the game follows the clock, so that both take as long.
    """

    half_width = True
    game: Tensor
    signs: Tensor
    told: Tensor
    seconds: Tensor
    evens: Tensor

    def __init__(self, writer: RNN, critic: Critic, control: RNN) -> None:
        super().__init__()
        self.writer = writer
        self.critic = critic
        self.control = control
        self.register_buffer("game", torch.tensor(GAME))
        self.register_buffer("signs", torch.tensor([1.0, 0.0, 0.0, 0.5]))
        self.register_buffer("told", torch.tensor(0.0))
        self.register_buffer("seconds", torch.zeros(2))
        self.register_buffer("evens", torch.tensor(False))
        self._made: list[Tensor] = []
        self._begun: dict[str, float] = {}

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B V"]:
        found: Tensor = self.writer(x)
        return found

    def each(
        self, x: Float[Tensor, "B T"], state: State | None = None
    ) -> tuple[Float[Tensor, "B T V"], State]:
        """Give what the writer expects after every token."""
        return self.writer.each(x, state)

    def step(
        self, x: Float[Tensor, " B"], state: State | None = None
    ) -> tuple[Float[Tensor, "B V"], State]:
        """Read one token more."""
        return self.writer.step(x, state)

    def nats(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B T-1"]:
        """Give what each token but the first costs the writer."""
        return self.writer.nats(x)

    def turns(self) -> dict[str, nn.Module]:
        """Give the parts in the order in which they learn; the writer meets the latest critic."""
        return {"critic": self.critic, "writer": self.writer, "control": self.control}

    def turn(self, name: str, x: Float[Tensor, "B T"], y: Tensor | None = None) -> Tensor:
        """Give the loss of one part: of each text for the control, the mean for the others."""
        del y
        if self.evens:
            self._begun.setdefault(name, _now(x))
        if name == "control":
            counts = (x[:, 1:] != 0).sum(dim=1).clamp(min=1)
            return self.control.nats(x).float().sum(dim=1) / counts
        some = _bare(x[: math.ceil(len(x) * float(self.game)), :LONGEST])
        if name == "critic":
            return self._told_apart(some).expand(len(x))
        return self._moved(some, self._made.pop(0)).expand(len(x))

    def settle(self) -> None:
        """Forget what was made in this step, and give the slower of game and control less to do."""
        self._made.clear()
        if "control" in self._begun and "critic" in self._begun:
            start, middle, end = self._begun["critic"], self._begun["control"], _now(self.game)
            self.seconds += self.seconds.new_tensor([middle - start, end - middle])
            ahead = 2 * middle - start - end + _OWED * float(self.seconds[0] - self.seconds[1])
            self.game *= 1 / _EVENING if ahead > 0 else _EVENING
            self.game.clamp_(_LEAST, _MOST)
        self._begun.clear()

    def _told_apart(self, x: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Give the critic's loss at the places of real texts and at those of made ones."""
        made = _bare(written(self.writer, x[:, 0], torch.rand_like(x)))
        self._made.append(made)
        real, known = self._criticised(x, real=True)
        own, guessed = self._criticised(made, real=False)
        self._look(x, made, known[1] + guessed[0])
        return real + own

    def _criticised(self, x: Float[Tensor, "B T"], *, real: bool) -> tuple[Tensor, Tensor]:
        there, before = x[:, 1:] != 0, x[:, :-1]
        critic = self.critic.last(before, there)
        with torch.no_grad(), _as_in_use(self.writer):
            writer = _last(self.writer, before, there)
        tokens = x[:, 1:][there].long() if real else None
        return criticised(critic, writer, tokens, critic.rows.dtype)

    def _moved(self, x: Float[Tensor, "B T"], made: Float[Tensor, "B S"]) -> Float[Tensor, ""]:
        """Give the writer's loss: how far it is from what the critic would rather have read."""
        return self._short_of(x) + self._short_of(made)

    def _short_of(self, x: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        there, before = x[:, 1:] != 0, x[:, :-1]
        with torch.no_grad(), _as_in_use(self.critic):
            critic = self.critic.last(before, there)
        writer = _last(self.writer, before, there)
        return apart(writer, critic, critic.rows.dtype)

    @torch.no_grad()
    def _look(self, x: Tensor, made: Tensor, right: Tensor) -> None:
        """Keep the signs by which trouble is told."""
        count = min(int((x[:, 1:] != 0).sum()), int((made[:, 1:] != 0).sum()))
        various, seen = (_pairs(texts, count) for texts in (made, x))
        now = torch.stack([various[0] / seen[0], various[1], seen[1], right.to(x) / 2])
        self.signs.lerp_(now, 1 - _FADING)


def _last(writer: RNN, before: Float[Tensor, "B T"], there: Bool[Tensor, "B T"]) -> Last:
    hidden, weight, bias = writer.inner(before)
    return Last(hidden[there], weight, bias)


@contextmanager
def _as_in_use(module: nn.Module) -> Iterator[None]:
    """Answer without dropout for a while."""
    learning = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(learning)


def _now(where: Tensor) -> float:
    """Give the time at which all that was asked of a device so far is done."""
    if where.is_cuda:
        torch.cuda.synchronize()
    return time.monotonic()


def _bare(x: Float[Tensor, "B T"]) -> Float[Tensor, "B S"]:
    """Leave out columns in which nothing is any more; two are left at least."""
    used = (x != 0).any(dim=0).nonzero()
    return x[:, : max(2, int(used[-1]) + 1 if len(used) else 0)]


def _pairs(texts: Float[Tensor, "B T"], count: int) -> tuple[Tensor, Tensor]:
    """Give how many different pairs of tokens there are among the first so many, 1 at least.

    And the share of texts in which a pair recurs.
    """
    there = texts[:, 1:] != 0
    codes = texts.long()
    keys = codes[:, :-1] << 20 | codes[:, 1:]
    rows = torch.arange(len(texts), device=texts.device)[:, None].expand_as(keys)
    found, times = torch.unique((rows << 40 | keys)[there], return_counts=True)
    recurring = torch.unique(found[times > 1] >> 40)
    various = torch.unique(keys[there][:count])
    share = texts.new_tensor(len(recurring) / len(texts))
    return texts.new_tensor(float(max(1, len(various)))), share


def habits(schema: Schema) -> Recipe:
    """Give the recipe: as that of `rnn`, with the texts of a step drawn by chance and many."""
    del schema
    return Recipe(
        sizes=len(SIZES),
        passes=10.0,
        batch=512,
        rate=4e-3,
        muon=0.35,
        decay=0.02,
        clip=1.0,
        ahead=True,
        alike=False,
        contender=False,
    )


@network("textgan", takes=["text"])
@recipe(habits)
def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
    """Widen: from 256 units to 512."""
    units, codes = SIZES[size - 1], schema.cardinalities[0]
    width = min(units, 256 if codes > LARGE else 64)

    def model() -> RNN:
        layers = Layers("gru", width, units, layers=1, dropout=0.2)
        return RNN(Tokens(codes, width), layers, outputs, tied=codes > LARGE and outputs == codes)

    critic = Critic(codes, width, units, dropout=0.2)
    return TextGAN(model(), critic, model())
