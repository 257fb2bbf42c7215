"""The likeliest sequences that a network can write, for many inputs at once.

Idea: the likeliest next token does not always begin the likeliest sentence, so a few beginnings of
each are carried on side by side and the best of their continuations kept. An input whose sentences
have all come to an end leaves the batch, so that nobody waits for the longest.

Source: Graves 2012, arXiv:1211.3711 (the search); Wu et al. 2016, arXiv:1609.08144, section 7 (the
score divided by a power of the length); Paulus, Xiong & Socher 2018, arXiv:1705.04304 (no run of
tokens is written twice).
Departs: several networks write together by the mean of their log-probabilities.

Letters: B inputs, W beginnings of each, L tokens at most, T tokens so far, V codes, N runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

END = 1  # the code that ends a sentence, and stands before its first token
RUN = 4  # tokens; no such run is written twice
POWER = 1.0  # of the length, by which the sum of log-probabilities is divided
_NEVER = -1e9

State = tuple[Tensor, ...]


@runtime_checkable
class Writer(Protocol):
    """What can be asked for the next token."""

    def begin(self, x: Float[Tensor, "B S"]) -> State:
        """Read the inputs: what does not change while writing, (B, …) each."""

    def start(self, memory: State) -> State:
        """Give what is carried from token to token before the first, (B, …) each."""

    def next(
        self, codes: Int64[Tensor, "B W"], state: State, memory: State
    ) -> tuple[Float[Tensor, "B W V"], State]:
        """Read one token of each beginning; give the log-probabilities of the next, and carry on.

        Args:
            codes: the last token of each.
            state: (B, W, …) each.
            memory: (B, …) each.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The likeliest sentences of each input, the best first.

    Args:
        codes: of each sentence, its end among them; 0 behind it.
        logs: log-probability of each token, 0 behind the end.
    """

    codes: Int64[Tensor, "B W L"]
    logs: Float[Tensor, "B W L"]


@dataclass(kw_only=True, slots=True)
class _Beginnings:
    """The beginnings of some inputs, and what is known of them."""

    rows: Int64[Tensor, " B"]
    limits: Int64[Tensor, " B"]
    totals: Float[Tensor, "B W"]
    codes: Int64[Tensor, "B W L"]
    logs: Float[Tensor, "B W L"]
    states: list[State]
    memories: list[State]


def search(
    writers: Sequence[Writer],
    x: Float[Tensor, "B S"],
    *,
    width: int,
    longest: int,
    limits: Int64[Tensor, " B"],
) -> Found:
    """Write the likeliest sentences.

    Args:
        writers: networks that write together.
        x: what they read.
        width: W, beginnings that are carried on; 1 takes the likeliest token each time.
        longest: L, tokens that there is room for.
        limits: tokens that the answer to each input may have.
    """
    size = (len(x), width, longest)
    done = Found(codes=x.new_zeros(size, dtype=torch.int64), logs=x.new_zeros(size))
    best = x.new_full((len(x), width), _NEVER)
    now = _begun(writers, x, width, longest, limits)
    for place in range(longest):
        last = now.codes[:, :, place - 1] if place else torch.full_like(now.codes[:, :, 0], END)
        logs = _expected(writers, now, last)
        _forbid(logs, now, place)
        parent, code, log, total = _continued(now, logs, width)
        _keep_ended(now, done, best, (parent, code, log, total), place)
        left = (best[now.rows] <= _NEVER / 2).any(dim=1) & (place + 1 < now.limits)
        _carry_on(now, (parent, code, log, total), place)
        if not left.all():
            _leave(now, left)
        if not len(now.rows):
            break
    order = best.argsort(dim=1, descending=True, stable=True)[:, :, None].expand(size)
    return Found(codes=done.codes.gather(1, order), logs=done.logs.gather(1, order))


def scored(found: Found, power: float) -> Float[Tensor, "B W"]:
    """Give the score of each sentence: its log-probability by a power of its length."""
    count = (found.codes != 0).sum(dim=2).clamp(min=1)
    there = (found.codes != 0).any(dim=2)
    return torch.where(there, found.logs.sum(dim=2) / count**power, _NEVER)


def _begun(
    writers: Sequence[Writer], x: Tensor, width: int, longest: int, limits: Tensor
) -> _Beginnings:
    memories = [writer.begin(x) for writer in writers]
    starts = [writer.start(memory) for writer, memory in zip(writers, memories, strict=True)]
    totals = x.new_full((len(x), width), _NEVER)
    totals[:, 0] = 0.0  # all are alike before the first token, so one of them is enough
    return _Beginnings(
        rows=torch.arange(len(x), device=x.device),
        limits=limits.clamp(1, longest),
        totals=totals,
        codes=x.new_zeros((len(x), width, longest), dtype=torch.int64),
        logs=x.new_zeros((len(x), width, longest)),
        states=[
            tuple([piece[:, None].expand(-1, width, *piece.shape[1:]) for piece in state])
            for state in starts
        ],
        memories=memories,
    )


def _expected(
    writers: Sequence[Writer], now: _Beginnings, last: Int64[Tensor, "B W"]
) -> Float[Tensor, "B W V"]:
    told: list[Tensor] = []
    for place, writer in enumerate(writers):
        logs, now.states[place] = writer.next(last, now.states[place], now.memories[place])
        told.append(logs)
    return told[0] if len(told) == 1 else torch.stack(told).mean(dim=0)


def _forbid(logs: Float[Tensor, "B W V"], now: _Beginnings, place: int) -> None:
    """Leave out nothing, runs that were written before, and all but the end where room ends."""
    logs[:, :, 0] = _NEVER
    if place == 0:
        logs[:, :, END] = _NEVER  # an empty answer answers nothing
    if place >= RUN:
        runs = now.codes[:, :, :place].unfold(2, RUN, 1)
        again = (runs[..., :-1] == now.codes[:, :, None, place - RUN + 1 : place]).all(dim=3)
        again &= now.totals[:, :, None] > _NEVER / 2
        for row, beam, at in again.nonzero().tolist():
            logs[row, beam, runs[row, beam, at, -1]] = _NEVER
    full = place + 1 >= now.limits
    if full.any():
        end = logs[full][:, :, END].clone()
        logs[full] = _NEVER
        logs[full.nonzero()[:, 0], :, END] = end.clamp(min=_NEVER / 4)


def _continued(
    now: _Beginnings, logs: Float[Tensor, "B W V"], width: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the best 2 W continuations: whose they are, token, its log-probability, the total."""
    several = min(2 * width, logs.shape[2])
    log, code = logs.topk(several, dim=2)
    totals = (now.totals[:, :, None] + log).flatten(1)
    total, which = totals.topk(min(2 * width, totals.shape[1]), dim=1)
    parent = which // several
    return parent, code.flatten(1).gather(1, which), log.flatten(1).gather(1, which), total


def _keep_ended(
    now: _Beginnings,
    done: Found,
    best: Float[Tensor, "B W"],
    continued: tuple[Tensor, Tensor, Tensor, Tensor],
    place: int,
) -> None:
    """Put what has come to an end among the best of its input."""
    parent, code, log, total = continued
    width = now.codes.shape[1]
    ended = (code[:, :width] == END) & (total[:, :width] > _NEVER / 2)
    if not ended.any():
        return
    for row, at in ended.nonzero().tolist():
        own = int(now.rows[row])
        score = float(total[row, at]) / (place + 1) ** POWER
        worst = int(best[own].argmin())
        if score > float(best[own, worst]):
            best[own, worst] = score
            done.codes[own, worst] = now.codes[row, parent[row, at]]
            done.codes[own, worst, place] = END
            done.logs[own, worst] = now.logs[row, parent[row, at]]
            done.logs[own, worst, place] = log[row, at]


def _carry_on(
    now: _Beginnings, continued: tuple[Tensor, Tensor, Tensor, Tensor], place: int
) -> None:
    """Take the best W continuations that have not come to an end."""
    parent, code, log, total = continued
    width = now.codes.shape[1]
    open_total = total.masked_fill(code == END, _NEVER)
    now.totals, chosen = open_total.topk(width, dim=1)
    parent = parent.gather(1, chosen)
    wide = parent[:, :, None].expand(-1, -1, now.codes.shape[2])
    now.codes, now.logs = now.codes.gather(1, wide), now.logs.gather(1, wide)
    now.codes[:, :, place] = code.gather(1, chosen)
    now.logs[:, :, place] = log.gather(1, chosen)
    rows = torch.arange(len(parent), device=parent.device)[:, None]
    now.states = [tuple([piece[rows, parent] for piece in state]) for state in now.states]


def _leave(now: _Beginnings, left: Bool[Tensor, " B"]) -> None:
    """Go on with some of the inputs alone."""
    for name in ("rows", "limits", "totals", "codes", "logs"):
        setattr(now, name, getattr(now, name)[left])
    now.states = [tuple([piece[left] for piece in state]) for state in now.states]
    now.memories = [tuple([piece[left] for piece in memory]) for memory in now.memories]
