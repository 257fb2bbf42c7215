"""What networks share that read a sentence and write another.

Idea: the same table of numbers stands for a piece that is read, that is written, and that is
expected, since the pieces of both languages are one list. A network that writes is a reader, whose
memory does not change while it writes, and a writer, which carries a state from token to token.

What `forward` gives of an example is one row: the W likeliest sentences, L codes each, 0 behind the
end, and the log-probability of each of these tokens. Codes from V up in x are no source but an
answer, V added to each: then the row holds that answer alone, with gradients. Codes from 2 V up are
of an answer, too, but are not read by what follows them.

Source: Press & Wolf 2017, arXiv:1608.05859 (one table); Sennrich & Zhang 2019, arXiv:1905.11901
(words that are not read, which helps where pairs are few); Szegedy et al. 2016, arXiv:1512.00567,
section 7 (label smoothing).
Departs: what is covered in use is not there: the words around it close up.

Letters: B batch, S source tokens, T target tokens, E width of the table, V codes, W sentences, L
tokens of one at most, U R columns that are needed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from pellucid.networks._beam import END, Found, State, scored, search
from pellucid.networks._cross_entropy import token_nats
from pellucid.networks._recurrence import Recurrence

WIDTH = 5  # beginnings that are carried on, and sentences that are given
SMOOTHING = 0.1
_TOGETHER = 2048  # source tokens that are read at once where nothing is learned
_TIMES, _MORE = 2.0, 10  # tokens of an answer at most, by those of its source


class Translator(nn.Module, ABC):
    """A network that reads one sentence and writes another.

    Args:
        codes: V.
        longest: L.
        width: E.
        unread: share of the words that are not read while training; their places stay.
    """

    half_width = True

    def __init__(self, codes: int, longest: int, width: int, *, unread: float) -> None:
        super().__init__()
        self.codes, self.longest, self.unread = codes, longest, unread
        self.table = nn.Embedding(codes, width, padding_idx=0)
        nn.init.normal_(self.table.weight[1:], std=width**-0.5)
        self.bias = nn.Parameter(torch.zeros(codes))

    @abstractmethod
    def read(self, x: Float[Tensor, "B S"]) -> State:
        """Give what is remembered of sources without gaps: (B, …) each."""

    @abstractmethod
    def write(self, before: Float[Tensor, "B T E"], memory: State) -> Float[Tensor, "B T E"]:
        """Give what is known before each token, all at once.

        Args:
            before: the token before each, looked up.
            memory: of the sources.
        """

    @abstractmethod
    def start(self, memory: State) -> State:
        """Give what is carried from token to token before the first, (B, …) each."""

    @abstractmethod
    def carry(
        self, before: Float[Tensor, "B W E"], state: State, memory: State
    ) -> tuple[Float[Tensor, "B W E"], State]:
        """Write one token more: what is known before it, and what is carried on."""

    def forward(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B K"]:
        if bool((x >= self.codes).any()):
            return self._weighed(x)
        return row(translated([self], x))

    def noticed(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B E"]:
        """Give the mean of what is known of the words of sources, whatever stands behind them."""
        source = closed_up(x * (x < self.codes))
        there = seen(source)[..., None]
        return (self.words(source).float() * there).sum(dim=1) / there.sum(dim=1)

    @abstractmethod
    def words(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B S E"]:
        """Give what is known of each word of sources without gaps."""

    def taught(
        self,
        x: Float[Tensor, "B S"],
        y: Int64[Tensor, "B T"],
        *,
        smoothing: float = SMOOTHING,
        readable: Bool[Tensor, "B T"] | None = None,
    ) -> Float[Tensor, "B U"]:
        """Give the loss of each token of right answers, nats; 0 behind their ends.

        Args:
            x: sources.
            y: right answers.
            smoothing: share of what is wanted that is spread over all codes.
            readable: which tokens of the answers those behind them may read; None for all.

        Returns:
            As many columns as the longest answer has tokens, (B, U).
        """
        y = y[:, : max(1, used(y))]
        before = F.pad(y[:, :-1], (1, 0), value=END)
        if readable is not None:
            before = before * F.pad(readable[:, : y.shape[1] - 1], (1, 0), value=True)
        hidden = self.write(self.looked_up(before), self.begin(x))
        return token_nats(
            hidden, self.table.weight, self.bias, y, smoothing=smoothing, alike=self.training
        )

    def begin(self, x: Float[Tensor, "B S"]) -> State:
        """Read sources; see `Writer`."""
        return self.read(closed_up(x))

    def next(
        self, codes: Int64[Tensor, "B W"], state: State, memory: State
    ) -> tuple[Float[Tensor, "B W V"], State]:
        """Give the log-probabilities of the token after these; see `Writer`."""
        hidden, state = self.carry(self.looked_up(codes), state, memory)
        logits = F.linear(hidden, self.table.weight, self.bias)
        return logits.float().log_softmax(dim=-1), state

    def looked_up(self, codes: Tensor) -> Float[Tensor, "... E"]:
        """Give the numbers of each code, about 1 large; while training, of some of them nothing."""
        if self.training and self.unread:
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.unread)
        return self.table(codes.long()) * self.table.embedding_dim**0.5

    @property
    def matrices(self) -> dict[str, int]:
        """Weights by name, and how many matrices stand on one another in each.

        Of the linear layers the first and the last alone: the others are known.
        """
        found: dict[str, int] = {}
        linear = [name for name, each in self.named_modules() if isinstance(each, nn.Linear)]
        for name in linear[:1] + linear[1:][-1:]:
            found[f"{name}.weight"] = 1
        for name, each in self.named_modules():
            if isinstance(each, Recurrence):
                own = [(f"{name}.{key}", weight) for key, weight in each.named_parameters()]
                found |= {key: len(w) // each.units for key, w in own if w.ndim == 2}
        return found

    def _weighed(self, x: Float[Tensor, "B S"]) -> Float[Tensor, "B K"]:
        """Give the row of answers that are given behind their sources."""
        given = x >= self.codes
        answer = closed_up(x * given)
        y = (answer % self.codes).long()
        readable = answer < 2 * self.codes
        nats = self.taught(x * ~given, y, smoothing=0.0, readable=readable)
        short = self.longest - nats.shape[1]
        codes, logs = F.pad(y[:, : nats.shape[1]], (0, short)), F.pad(-nats, (0, short))
        spare = (0, 0, 0, WIDTH - 1)
        return row(Found(codes=F.pad(codes[:, None], spare), logs=F.pad(logs[:, None], spare)))


@torch.no_grad()
def translated(
    networks: Sequence[Translator], x: Float[Tensor, "B S"], *, width: int = WIDTH
) -> Found:
    """Write the likeliest answers of networks together, those to sources of like lengths at once.

    Args:
        networks: that write together.
        x: the sources.
        width: beginnings that are carried on; the others of the W sentences are empty.
    """
    longest = networks[0].longest
    lengths = (x != 0).sum(dim=1)
    order = lengths.argsort(stable=True)
    size = (len(x), WIDTH, longest)
    codes, logs = x.new_zeros(size, dtype=torch.int64), x.new_zeros(size, dtype=torch.float32)
    for places in _parts(order, lengths):
        source = closed_up(x[places])
        limits = (lengths[places] * _TIMES + _MORE).long()
        found = search(networks, source, width=width, longest=longest, limits=limits)
        codes[places, :width], logs[places, :width] = found.codes, found.logs
    return Found(codes=codes, logs=logs)


def row(found: Found) -> Float[Tensor, "B K"]:
    """Write what was found as one row an example."""
    return torch.cat([found.codes.flatten(1).float(), found.logs.flatten(1).float()], dim=1)


def found_in(rows: Float[Tensor, "B K"], longest: int) -> Found:
    """Read what `row` wrote; what stands behind it in a row is not looked at."""
    size = WIDTH * longest
    codes = rows[:, :size].nan_to_num().round().long().unflatten(1, (WIDTH, longest))
    return Found(codes=codes, logs=rows[:, size : 2 * size].unflatten(1, (WIDTH, longest)))


def closed_up(x: Float[Tensor, "B S"]) -> Float[Tensor, "B R"]:
    """Bring what is there to the front, in its order, and cut off what no example needs."""
    there = x != 0
    if not bool((there[:, 1:] & ~there[:, :-1]).any()):
        return x[:, : max(1, used(x))]
    order = (~there).int().argsort(dim=1, stable=True)
    x = x.gather(1, order)
    return x[:, : max(1, used(x))]


def used(x: Tensor) -> int:
    """Count the places up to the last one that is not nothing in all examples."""
    places = (x != 0).any(dim=0).nonzero()
    return int(places[-1]) + 1 if len(places) else 0


def seen(x: Float[Tensor, "B S"]) -> Bool[Tensor, "B S"]:
    """Mark what may be looked at: what is there, and the first place where nothing is."""
    there = x != 0
    there[:, 0] = True
    return there


def _parts(order: Int64[Tensor, " B"], lengths: Int64[Tensor, " B"]) -> list[Tensor]:
    """Cut an order by length into parts of about as many tokens."""
    parts: list[Tensor] = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        count = max(1, _TOGETHER // longest)
        while count > 1 and start + count <= len(order):
            most = max(1, int(lengths[order[start + count - 1]]))
            if most * count <= 2 * _TOGETHER:
                break
            count = max(1, count // 2)
        parts.append(order[start : start + count])
        start += count
    return parts


__all__ = ["END", "Found", "State", "Translator", "closed_up", "found_in", "row", "scored", "seen"]
