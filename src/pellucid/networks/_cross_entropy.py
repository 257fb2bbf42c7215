"""Cross-entropy of the next token, over a vocabulary of any size, in bounded memory.

Idea: the logits of all steps over ten thousand words are the largest array of a training step, and
each of them is needed for a moment only. So a few rows at a time go from hidden numbers to logits,
to the loss, and at once to the gradient, while they lie in the cache; what is kept for the backward
pass is no larger than the hidden numbers and the weights.

Source: Hsu et al. 2024, "Liger Kernel: efficient Triton kernels for LLM training",
arXiv:2410.10989 (the linear layer and its cross-entropy as one, in pieces).
Departs: in plain torch operations; the gradient of the weights is made for a loss that is the mean
over the tokens of each example, and made again if the loss turns out to be another one.

Letters: B batch, T time, R rows (tokens that are there), E hidden numbers, V vocabulary.
"""

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_AT_ONCE = 1 << 21  # logits that are made at once: 8 MB in float32 stay in the cache
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
    table, low = weight.T.contiguous(), bias.to(rows.dtype)  # laid out so, products are faster
    count = max(64, _AT_ONCE // len(weight))
    for start in range(0, len(rows), count):
        part = slice(start, start + count)
        logits = torch.addmm(low, rows[part], table)
        token = wanted[part, None]
        if not learning:
            known = torch.log_softmax(logits, dim=1, dtype=bias.dtype)
            nats[part] = -known.gather(1, token)[:, 0]
            if smoothing:
                nats[part] += smoothing * (-known.mean(dim=1) - nats[part])
            continue
        wrong = torch.softmax(logits, dim=1, dtype=bias.dtype)
        nats[part] = -wrong.gather(1, token)[:, 0].clamp(min=_LEAST).log()
        if smoothing:
            apart = logits.gather(1, token)[:, 0] - logits.mean(dim=1, dtype=bias.dtype)
            nats[part] += smoothing * apart
            wrong -= smoothing / len(weight)
        wrong.scatter_add_(1, token, wrong.new_full(token.shape, smoothing - 1.0))
        to_bias += shares[part] @ wrong
        wrong = wrong.to(rows.dtype)
        torch.mm(wrong, table.T, out=to_rows[part])
        to_weight += wrong.T @ (rows[part] * shares[part, None]).to(rows.dtype)
    return nats, (to_rows, to_weight, to_bias)
