"""The game of a writer and a critic at places of texts, over a vocabulary of any size.

Idea: at a place the critic's loss and the writer's are expectations over all tokens that might
stand there, and so are their slopes: nothing need be drawn. Logits of both are needed for a few
places and a moment only, while they lie in the cache, as in `_cross_entropy`.

The critic is told what the writer expects: its log-odds that a token is a real one are what it has
learned of the token less the writer's logarithm of it. So it need not learn the writer, too, nor
forget it again as the writer moves on.

Source: Goodfellow et al. 2014, arXiv:1406.2661 (the critic's loss); Finn et al. 2016,
arXiv:1611.03852, section 3.1, and Fu et al. 2018, arXiv:1710.11248 (a critic that is told the
density of what was made); Abdolmaleki et al. 2018, arXiv:1806.06920, section 4.1 (the distribution
that the writer wants: its own, times exp(reward)).
Departs: no temperature is fitted; rewards are log-odds, so exp(reward) is the right factor where
the critic is: the share of real tokens over that of made ones.

Letters: N places, E width of what is known there, V vocabulary.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

LIMIT = 6.0  # nats of log-odds, which no reward exceeds
_AT_ONCE = 1 << 19  # numbers that are made at once: a few such arrays stay in the cache
_NEVER = -1e4  # log-odds of nothing, code 0


class Last(NamedTuple):
    """What a network knows at some places, and the last layer that makes logits of it.

    Args:
        rows: (N, E).
        weight: (V, E).
        bias: (V,).
    """

    rows: Tensor
    weight: Tensor
    bias: Tensor


def criticised(
    critic: Last, writer: Last, real: Int64[Tensor, " N"] | None, dtype: torch.dtype
) -> tuple[Float[Tensor, ""], Float[Tensor, "2"]]:
    """Give the critic's loss, mean of a place: made tokens, and real ones where there are any.

    Args:
        critic: learns.
        writer: expects tokens; is taken as given.
        real: token that stands at each place in a real text; None in a made one.
        dtype: of products.

    Returns:
        The loss, and the share of made tokens, and of real ones, that it knows as such.
    """
    found: tuple[Tensor, Tensor] = _Criticised.apply(  # type: ignore[no-untyped-call]
        *critic, writer, real, dtype
    )
    return found


def apart(writer: Last, critic: Last, dtype: torch.dtype) -> Float[Tensor, ""]:
    """Give how far what the writer expects is from what it wants, mean nats of a place.

    What is wanted counts as given: the slope is that of learning it as a target.

    Args:
        writer: learns.
        critic: rewards; is taken as given.
        dtype: of products.
    """
    found: Tensor = _Apart.apply(*writer, critic, dtype)  # type: ignore[no-untyped-call]
    return found


class _Layer:
    """A last layer in the type of products, and the gradients that it gathers."""

    def __init__(self, last: Last, dtype: torch.dtype, *, nothing: float = 0.0) -> None:
        self.rows = last.rows.detach().to(dtype)
        self.table = last.weight.detach().to(dtype).T.contiguous()
        self.bias = last.bias.detach().to(dtype, copy=True)
        if nothing:
            self.bias[0] = nothing
        self._to = (
            torch.empty_like(self.rows),
            torch.zeros_like(last.weight),
            torch.zeros_like(last.bias),
        )

    def logits(self, part: slice) -> Float[Tensor, "N V"]:
        """Give the logits at some places."""
        return torch.addmm(self.bias, self.rows[part], self.table).float()

    def learn(self, part: slice, slope: Float[Tensor, "N V"]) -> None:
        """Hand the slope of the logits on."""
        to_rows, to_weight, to_bias = self._to
        to_bias += slope.sum(dim=0)
        slope = slope.to(self.rows.dtype)
        torch.mm(slope, self.table.T, out=to_rows[part])
        to_weight += slope.T @ self.rows[part]

    def gradients(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give the gradients of the mean over places: of rows, weight and bias."""
        share = 1 / max(1, len(self.rows))
        to_rows, to_weight, to_bias = (each.mul_(share) for each in self._to)
        return to_rows.to(like.dtype), to_weight, to_bias


class _Criticised(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0913 - the signature that autograd asks for
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        writer: Last,
        real: Tensor | None,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(rows.device.type, enabled=False):
            critic = _Layer(Last(rows, weight, bias), dtype)
            expecting = _Layer(writer, dtype, nothing=_NEVER)
            sums = bias.new_zeros(3)
            for part in _parts(rows, weight):
                expected = expecting.logits(part).log_softmax(dim=1)
                odds = critic.logits(part).sub_(expected).div_(LIMIT).tanh_()
                bend = 1 - odds * odds
                odds *= LIMIT
                shares = expected.exp_()
                sums[0] += (shares * F.softplus(odds)).sum()
                sums[1] += shares[odds < 0].sum()
                slope = shares.mul_(odds.sigmoid())
                if real is not None:
                    token = real[part, None]
                    own = odds.gather(1, token)
                    sums[0] += F.softplus(-own).sum()
                    sums[2] += (own > 0).sum()
                    slope.scatter_add_(1, token, -torch.sigmoid(-own))
                critic.learn(part, slope.mul_(bend))
        sums /= max(1, len(rows))
        ctx.save_for_backward(*critic.gradients(rows))
        ctx.mark_non_differentiable(sums)
        return sums[0].clone(), sums[1:]

    @staticmethod
    def backward(ctx: Any, given: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        to_rows, to_weight, to_bias = ctx.saved_tensors
        scaled = to_rows * given.to(to_rows.dtype), to_weight * given, to_bias * given
        return *scaled, None, None, None


class _Apart(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, critic: Last, dtype: torch.dtype
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            writer = _Layer(Last(rows, weight, bias), dtype, nothing=_NEVER)
            judging = _Layer(critic, dtype)
            nats = bias.new_zeros(())
            for part in _parts(rows, weight):
                expected = writer.logits(part).log_softmax(dim=1)
                reward = judging.logits(part).sub_(expected).div_(LIMIT).tanh_().mul_(LIMIT)
                wanted = reward.add_(expected).log_softmax(dim=1)
                shares = wanted.exp()
                nats += wanted.sub_(expected).mul_(shares).sum()
                writer.learn(part, expected.exp_().sub_(shares))
        ctx.save_for_backward(*writer.gradients(rows))
        return nats / max(1, len(rows))

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        to_rows, to_weight, to_bias = ctx.saved_tensors
        scaled = to_rows * given.to(to_rows.dtype), to_weight * given, to_bias * given
        return *scaled, None, None


def _parts(rows: Tensor, weight: Tensor) -> list[slice]:
    count = max(64, _AT_ONCE // len(weight))
    return [slice(start, start + count) for start in range(0, len(rows), count)]
