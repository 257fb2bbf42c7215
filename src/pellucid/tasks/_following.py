"""How surely a network foretold each token of a text, and what it expects behind the last.

Idea: the distributions that a network gives after every token are far larger than what is kept of
them, one number a token. So a text is read in pieces, its memory carried from one to the next.

Letters: B batch, T tokens, V codes that a token can have, G temperatures.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.errors import BadInputError

TEMPERATURES = (0.7, 0.85, 1.0, 1.2, 1.5)
_NUMBERS = 1 << 23  # of outputs at once: 32 MiB
_TOKENS = 1 << 14  # read at once: what a network keeps of each is a few hundred numbers
_EVERY = 4  # tokens of which one tells how well a temperature fits

Read = tuple[Float[Tensor, "B V"], Float[Tensor, "B T"], Float[Tensor, "B G"]]


def nats_of(network: nn.Module, x: Float[Tensor, "B T"]) -> Float[Tensor, "B S"]:
    """Give what each token after the first cost, nats, (B, T - 1); 0 where nothing follows.

    Args:
        network: offers `nats`, which gives just that, or `each`.
        x: codes, 0 behind the end of a shorter text.
    """
    reader: Any = network
    if hasattr(reader, "nats"):
        found: Tensor = reader.nats(x)
        return found.float()
    if x.shape[1] < 2:
        return x.new_zeros(len(x), 0)
    outputs = every(network, x[:, :-1])
    return _costs(outputs, x[:, 1:])


def read(network: nn.Module, x: Float[Tensor, "B T"], codes: int) -> Read:
    """Read texts without gradients.

    Args:
        network: offers `each`.
        x: codes, 0 behind the end of a shorter text.
        codes: V.

    Returns:
        The outputs after the last token of each text; the nats of each token, NaN for the first
        and where there is none; and the mean nats of some tokens at each of `TEMPERATURES`.
    """
    steps = x.shape[1]
    lengths = (x != 0).sum(dim=1)
    last = x.new_zeros(len(x), codes)
    nats = x.new_full((len(x), steps), math.nan)
    sums, counts = x.new_zeros(len(x), len(TEMPERATURES)), x.new_zeros(len(x))
    for rows, start, outputs in _pieces(network, x, codes):
        ends = lengths[rows] - 1 - start
        inside = (ends >= 0) & (ends < outputs.shape[1])
        last[rows][inside] = outputs[inside, ends[inside]]
        following = x[rows, start + 1 : start + 1 + outputs.shape[1]]
        outputs = outputs[:, : following.shape[1]]
        costs = _costs(outputs, following)
        missing = following == 0
        nats[rows, start + 1 : start + 1 + following.shape[1]] = costs.masked_fill(
            missing, math.nan
        )
        some = slice(None, None, _EVERY)
        counts[rows] += (~missing[:, some]).sum(dim=1)
        for place, temperature in enumerate(TEMPERATURES):
            found = _costs(outputs[:, some] / temperature, following[:, some])
            sums[rows, place] += found.sum(dim=1)
    return last, nats, sums / counts.clamp(min=1)[:, None]


def every(network: nn.Module, x: Float[Tensor, "B T"]) -> Float[Tensor, "B T V"]:
    """Give the outputs after every token.

    Raises:
        BadInputError: if the network gives one row for the whole text alone.
    """
    reader: Any = network
    outputs: Tensor = reader.each(x)[0] if hasattr(reader, "each") else reader(x)
    if outputs.ndim != 3 or outputs.shape[:2] != x.shape:
        raise BadInputError(
            given=f"the network gives {tuple(outputs.shape)} for {tuple(x.shape)} tokens",
            needed="a row of outputs after every token: (batch, tokens, outputs)",
            remedy="leave --network out, or offer `each(x, state)` as `rnn` does",
        )
    return outputs.float()


def temperature(means: Float[Tensor, " G"]) -> float:
    """Give the temperature at which tokens cost least, by a parabola through the three nearest.

    Args:
        means: nats at each of `TEMPERATURES`.
    """
    if not means.isfinite().all():
        return 1.0
    middle = min(max(int(means.argmin()), 1), len(TEMPERATURES) - 2)
    places = [math.log(TEMPERATURES[middle + step]) for step in (-1, 0, 1)]
    low, mid, high = (float(means[middle + step]) for step in (-1, 0, 1))
    left, right = places[1] - places[0], places[1] - places[2]
    above, below = left**2 * (mid - high) - right**2 * (mid - low), left * (mid - high)
    bend = 2 * (below - right * (mid - low))
    best = places[1] - above / bend if abs(bend) > 1e-12 else 0.0
    return min(max(math.exp(best), TEMPERATURES[0]), TEMPERATURES[-1])


def _pieces(
    network: nn.Module, x: Tensor, codes: int
) -> Iterator[tuple[slice, int, Float[Tensor, "B T V"]]]:
    """Yield outputs with the rows and the first step that they belong to."""
    room = max(1, min(_NUMBERS // codes, _TOKENS))
    if not hasattr(network, "step"):
        size = max(1, room // x.shape[1])
        for first in range(0, len(x), size):
            rows = slice(first, min(first + size, len(x)))
            yield rows, 0, every(network, x[rows])
        return
    reader: Any = network
    state, size = None, max(1, room // len(x))
    for start in range(0, x.shape[1], size):
        outputs, state = reader.each(x[:, start : start + size], state)
        yield slice(0, len(x)), start, outputs.float()


def _costs(outputs: Float[Tensor, "B T V"], y: Float[Tensor, "B T"]) -> Float[Tensor, "B T"]:
    """Give the nats of each token, 0 where there is none."""
    flat: Int[Tensor, " N"] = y.reshape(-1).long()
    nats = F.cross_entropy(
        outputs.reshape(-1, outputs.shape[-1]).float(), flat, reduction="none", ignore_index=0
    )
    return nats.view(y.shape)
