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
Departs: the critic rewards all tokens that might stand at a place, not the drawn one alone, so the
writer's step is an expectation over the vocabulary and no sample: no REINFORCE, no baseline. A
reward counts at its own place only (there it was handed back, discounted by .23 a token). At the
places of real texts the critic also sees what the writer would have put there, and the writer
learns there, too.

Letters: B batch, T time, V vocabulary, E width of the table, U units, K draws, N places.
"""

import math
import time

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._writing import picked, written
from pellucid.networks.rnn import LARGE, RNN, Layers, State, Tokens
from pellucid.registry import network

SIZES = (256, 384, 512)  # units of one layer
LONGEST = 64  # tokens of a text that are learned from and written
GAME = 0.25  # of the texts of a step are for the game, which then takes as long as the control
_LEAST, _MOST = 1 / 32, 1.0  # of them
_EVENING = 1.03  # factor by which that changes in a step, where time is measured
_DRAWS = 2  # tokens that the writer would have put at each place of a real text
_LIMIT = 6.0  # nats of log-odds, which no reward exceeds
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
        self.bias = nn.Parameter(torch.zeros(codes))

    def read(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B T E"]:
        """Give what is known after each token."""
        hidden: Tensor = self.narrow(self.layers(self.tokens(x))[0])
        return hidden

    def every(self, hidden: Float[Tensor, "N E"]) -> Float[Tensor, "N V"]:
        """Give the log-odds of every token that it is a real one."""
        return _limited(F.linear(hidden, self.tokens.rows.weight, self.bias))

    def some(
        self, hidden: Float[Tensor, "N E"], codes: Int64[Tensor, "N K"]
    ) -> Float[Tensor, "N K"]:
        """Give the log-odds of some tokens."""
        rows = self.tokens.rows(codes).float()
        return _limited((rows @ hidden.float()[:, :, None])[:, :, 0] + self.bias[codes])


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
        """Give the loss of one part: of each text for the control, of all for the others."""
        del y
        if self.evens:
            self._begun.setdefault(name, _now(x))
        if name == "control":
            counts = (x[:, 1:] != 0).sum(dim=1).clamp(min=1)
            return self.control.nats(x).float().sum(dim=1) / counts
        x = _bare(x[: math.ceil(len(x) * float(self.game)), :LONGEST])
        return self._told_apart(x) if name == "critic" else self._moved(x, self._made.pop(0))

    def settle(self) -> None:
        """Forget what was made in this step, and give the slower of game and control less to do."""
        self._made.clear()
        if "control" in self._begun and "critic" in self._begun:
            start, middle, end = self._begun["critic"], self._begun["control"], _now(self.game)
            self.seconds += self.seconds.new_tensor([middle - start, end - middle])
            game, control = self.seconds.tolist()
            self.game *= 1 / _EVENING if game > control else _EVENING
            self.game.clamp_(_LEAST, _MOST)
        self._begun.clear()

    def _told_apart(self, x: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Give the critic's loss: real tokens against made ones, in real texts and in made ones."""
        made = _bare(written(self.writer, x[:, 0], torch.rand(len(x), LONGEST, device=x.device)))
        self._made.append(made)
        there = x[:, 1:] != 0
        after = self.critic.read(x[:, :-1])[there]
        real = self.critic.some(after, x[:, 1:][there].long()[:, None])
        other = self.critic.some(after, self._instead(x)[there])
        where = made[:, 1:] != 0
        own = self.critic.some(
            self.critic.read(made[:, :-1])[where], made[:, 1:][where].long()[:, None]
        )
        self._look(x, made, real, own)
        false = F.softplus(other).mean() + F.softplus(own).mean()
        return F.softplus(-real).mean() + 0.5 * false

    @torch.no_grad()
    def _instead(self, x: Float[Tensor, "B T"]) -> Int64[Tensor, "B T-1 K"]:
        """Draw what the writer would have put in the place of each real token."""
        learning = self.writer.training
        self.writer.eval()
        outputs = self.writer.each(x[:, :-1])[0].flatten(0, 1)
        self.writer.train(learning)
        chances = torch.rand(len(outputs), _DRAWS, device=x.device)
        return picked(outputs.float(), chances).view(len(x), -1, _DRAWS)

    def _moved(self, x: Float[Tensor, "B T"], made: Float[Tensor, "B S"]) -> Float[Tensor, ""]:
        """Give the writer's loss: how far it is from what the critic would rather have read."""
        return self._short_of(x) + self._short_of(made)

    def _short_of(self, x: Float[Tensor, "B T"]) -> Float[Tensor, ""]:
        """Give the divergence of what is expected from what is wanted, mean nats of a place."""
        there = x[:, 1:] != 0
        outputs = self.writer.each(x[:, :-1])[0][there].float()
        with torch.no_grad():
            reward = self._rewards(x[:, :-1], there)
            # Code 0 is nothing, and never wanted.
            own = F.pad(outputs[:, 1:], (1, 0), value=-math.inf).log_softmax(dim=1)
            wanted = (own + reward).log_softmax(dim=1)
            shares = wanted.exp()
            apart = (shares * (wanted - own).nan_to_num(0.0)).sum(dim=1).mean()
            wrong = (own.exp() - shares) / max(1, len(own))
        # The gradient of that divergence, made here, as the softmax is at hand.
        slope = (outputs * wrong).sum()
        return slope - slope.detach() + apart

    def _rewards(self, x: Float[Tensor, "B T"], there: Tensor) -> Float[Tensor, "N V"]:
        learning = self.critic.training
        self.critic.eval()
        found = self.critic.every(self.critic.read(x)[there])
        self.critic.train(learning)
        return found

    @torch.no_grad()
    def _look(self, x: Tensor, made: Tensor, real: Tensor, own: Tensor) -> None:
        """Keep the signs by which trouble is told."""
        count = min(int((x[:, 1:] != 0).sum()), int((made[:, 1:] != 0).sum()))
        various, seen = (_pairs(texts, count) for texts in (made, x))
        right = ((real > 0).float().mean() + (own < 0).float().mean()) / 2
        now = torch.stack([various[0] / seen[0], various[1], seen[1], right.to(x)])
        self.signs.lerp_(now, 1 - _FADING)


def _now(where: Tensor) -> float:
    """Give the time at which all that was asked of a device so far is done."""
    if where.is_cuda:
        torch.cuda.synchronize()
    return time.monotonic()


def _limited(odds: Tensor) -> Tensor:
    return _LIMIT * torch.tanh(odds.float() / _LIMIT)


def _bare(x: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Leave out columns in which nothing is any more; two are left at least."""
    used = (x != 0).any(dim=0).nonzero()
    return x[:, : max(2, int(used[-1]) + 1 if len(used) else 0)]


def _pairs(texts: Float[Tensor, "B T"], count: int) -> tuple[Tensor, Tensor]:
    """Give how many different pairs of tokens there are among the first so many, 1 at least.

    And the share of texts in which a pair recurs.
    """
    there = texts[:, 1:] != 0
    keys = texts[:, :-1].double() * (1 << 24) + texts[:, 1:].double()
    rows = torch.arange(len(texts), device=texts.device)[:, None].expand_as(keys)[there]
    whole = torch.stack([rows.double(), keys[there]], dim=1)
    times = torch.unique(whole, dim=0, return_counts=True)
    recurring = torch.unique(times[0][times[1] > 1, 0])
    various = torch.unique(keys[there][:count])
    share = texts.new_tensor(len(recurring) / len(texts))
    return texts.new_tensor(float(max(1, len(various)))), share


def habits(schema: Schema) -> Recipe:
    """Give the recipe: as that of `rnn`, with the texts of a step drawn by chance and many."""
    del schema
    return Recipe(
        sizes=len(SIZES),
        passes=10.0,
        batch=256,
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
