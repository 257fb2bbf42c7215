"""Cross-entropy of the next token, over a vocabulary of any size, in bounded memory.

Idea: the logits of all steps over ten thousand words are the largest array of a training step, and
each of them is needed for a moment only. So a few rows at a time go from hidden numbers to logits,
to the loss, and at once to the gradient, while they lie in the cache; what is kept for the backward
pass is no larger than the hidden numbers and the weights.

Source: Hsu et al. 2024, "Liger Kernel: efficient Triton kernels for LLM training",
arXiv:2410.10989 (the linear layer and its cross-entropy as one, in pieces).
Departs: between the products, code of our own (`_softmax`) goes through a row once, or torch's
operations do; the gradient of the weights is made for a loss that is the mean over the tokens of
each example, and made again if the loss turns out to be another one.

Letters: B batch, T time, R rows (tokens that are there), E hidden numbers, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from pellucid.networks import _softmax

_AT_ONCE = 1 << 21  # logits that are made at once: 8 MB in float32 stay in the cache
_FUSED = 1 << 23  # the same where compiled code goes through them once
_LEAST = 1e-37  # probability, whose logarithm float32 still has


def token_nats(
    hidden: Float[Tensor, "B T E"],
    weight: Float[Tensor, "V E"],
    bias: Float[Tensor, " V"],
    wanted: Int64[Tensor, "B T"],
    *,
    smoothing: float = 0.0,
    alike: bool = False,
) -> Float[Tensor, "B T"]:
    """Give the loss of each token, nats; 0 where none is there.

    Products are made in the type that autocast asks for, sums and logarithms in float32.

    Args:
        hidden: what the network knows before each token.
        weight: of the last layer.
        bias: of the last layer.
        wanted: the token that came, 0 for nothing.
        smoothing: share of what is wanted that is spread evenly over all tokens.
        alike: what is lowered will weigh all tokens of the batch alike, and not the mean of each
            example: only how fast the gradient is had depends on it.
    """
    there = wanted != 0
    share = there / (there.sum() if alike else there.sum(dim=1, keepdim=True)).clamp(min=1)
    whole = bool(there.all())
    rows = hidden.flatten(0, 1) if whole else hidden[there]
    device = hidden.device.type
    low = torch.is_autocast_enabled(device)
    width = torch.get_autocast_dtype(device) if low else weight.dtype
    tokens, shares = wanted[there], share[there].to(weight.dtype)
    learning = torch.is_grad_enabled() and (rows.requires_grad or weight.requires_grad)
    if learning:
        nats: Tensor = _Nats.apply(  # type: ignore[no-untyped-call]
            rows, weight, bias, tokens, shares, width, smoothing
        )
    else:
        with torch.autocast(device, enabled=False):
            given = rows.to(width), weight.to(width), bias, tokens, shares
            nats, _ = _swept(given, smoothing, learning=False)
    if whole:
        return nats.view(wanted.shape)
    return torch.zeros_like(share, dtype=nats.dtype).masked_scatter(there, nats)


class _Nats(torch.autograd.Function):
    """Linear layer, softmax and cross-entropy of rows, with the gradient made on the way."""

    @staticmethod
    def forward(  # noqa: PLR0913 - the signature that autograd asks for
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        wanted: Tensor,
        shares: Tensor,
        width: torch.dtype,
        smoothing: float,
    ) -> Tensor:
        with torch.autocast(rows.device.type, enabled=False):
            given = rows.to(width), weight.to(width), bias, wanted, shares
            nats, made = _swept(given, smoothing, learning=True)
        ctx.save_for_backward(rows, weight, bias, wanted, shares, *made)
        ctx.width, ctx.smoothing = width, smoothing
        return nats

    @staticmethod
    def backward(ctx: Any, given: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, bias, wanted, shares, to_rows, to_weight, to_bias = ctx.saved_tensors
        factor = given.sum() / shares.sum().clamp(min=_LEAST)
        with torch.autocast(rows.device.type, enabled=False):
            if not torch.allclose(given, factor * shares, rtol=1e-3, atol=1e-12):
                width, factor = ctx.width, torch.ones((), device=given.device)
                told = rows.to(width), weight.to(width), bias, wanted, given
                _, (_, to_weight, to_bias) = _swept(told, ctx.smoothing, learning=True)
            to_rows = (to_rows * given[:, None]).to(rows.dtype)
            weights = (to_weight * factor).to(weight.dtype), (to_bias * factor).to(bias.dtype)
        return to_rows, *weights, None, None, None, None


def _swept(
    given: tuple[Tensor, Tensor, Tensor, Tensor, Tensor], smoothing: float, *, learning: bool
) -> tuple[Float[Tensor, " R"], tuple[Tensor, ...]]:
    """Give the nats of all rows and what they change: rows, weight by shares, bias by shares.

    Args:
        given: rows (R, E), weight (V, E), bias (V,), what is wanted (R,) and the shares (R,).
        smoothing: see `token_nats`.
        learning: whether the changes are wanted.
    """
    rows, weight, bias, wanted, shares = given
    nats = torch.empty(len(rows), dtype=bias.dtype, device=rows.device)
    to_rows = torch.empty_like(rows if learning else rows[:0])
    to_weight = torch.zeros(weight.shape, dtype=bias.dtype, device=rows.device)
    to_bias = torch.zeros_like(bias)
    table = weight.T.contiguous()  # laid out so, products are faster
    fused = _softmax.suits(rows)
    judge = _compared if fused else _compared_plainly
    count = min(max(64, (_FUSED if fused else _AT_ONCE) // len(weight)), len(rows))
    room = rows.new_empty(count, len(weight))  # used again, or its pages would be fetched again
    product = torch.empty_like(weight)
    for start in range(0, len(rows), max(1, count)):
        part = slice(start, start + count)
        logits = torch.mm(rows[part], table, out=room[: len(rows[part])])
        nats[part], wrong, change = judge(logits, bias, wanted[part], shares[part], learning)
        if not learning:
            continue
        to_bias += change
        torch.mm(wrong, table.T, out=to_rows[part])
        to_weight += torch.mm(
            wrong.T, (rows[part] * shares[part, None]).to(rows.dtype), out=product
        )
    made = (to_rows, to_weight, to_bias)
    if smoothing:
        nats += smoothing * _smoothed(given, made if learning else None, smoothing)
    return nats, made


def _smoothed(
    given: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    made: tuple[Tensor, Tensor, Tensor] | None,
    smoothing: float,
) -> Float[Tensor, " R"]:
    """Give how far the logit of what is wanted lies above the mean; add its slope to what is made.

    What smoothing adds is linear in the logits, so none of them is needed once more.
    """
    rows, weight, bias, wanted, shares = given
    middle = weight.mean(dim=0, dtype=bias.dtype)
    apart = weight[wanted].to(bias.dtype) - middle
    if made is not None:
        to_rows, to_weight, to_bias = made
        told = rows.to(bias.dtype) * (smoothing * shares)[:, None]
        to_rows += (smoothing * apart).to(rows.dtype)
        to_weight.index_add_(0, wanted, told).sub_(told.sum(dim=0) / len(weight))
        to_bias.index_add_(0, wanted, smoothing * shares).sub_(
            smoothing * shares.sum() / len(weight)
        )
    return (rows.to(bias.dtype) * apart).sum(dim=1) + bias[wanted] - bias.mean()


def _compared(
    logits: Float[Tensor, "R V"],
    bias: Float[Tensor, " V"],
    wanted: Int64[Tensor, " R"],
    shares: Float[Tensor, " R"],
    learning: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Give nats, what they change the logits by, and how they change the bias, in one sweep."""
    nats, change = _softmax.swept(logits, bias, wanted, shares, learning=learning)
    return nats, logits, change


def _compared_plainly(
    logits: Float[Tensor, "R V"],
    bias: Float[Tensor, " V"],
    wanted: Int64[Tensor, " R"],
    shares: Float[Tensor, " R"],
    learning: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Give the same in operations of torch."""
    logits, token = logits.add_(bias.to(logits.dtype)), wanted[:, None]
    if not learning:
        known = torch.log_softmax(logits, dim=1, dtype=bias.dtype)
        return -known.gather(1, token)[:, 0], logits, bias
    wrong = torch.softmax(logits, dim=1, dtype=bias.dtype)
    nats = -wrong.gather(1, token)[:, 0].clamp(min=_LEAST).log()
    wrong.scatter_add_(1, token, wrong.new_full(token.shape, -1.0))
    return nats, wrong.to(logits.dtype), shares @ wrong
