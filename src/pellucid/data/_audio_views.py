"""Other views of a recording that mean the same: faster, later, in noise, beside another voice.

Idea: a view helps if it could have been in the data. The same word is said faster or slower, by a
smaller or a larger throat (which is what another speed sounds like), a little later, in another
room. What a band is worth is varied where bands are, in the network (`networks/_spectrogram.py`).

Source: Ko, Peddinti, Povey & Khudanpur 2015, "Audio augmentation for speech recognition" (speed
perturbation).
Departs: every factor between the ends is drawn and not three of them; samples are interpolated in
straight lines, which is a slight low-pass.

Letters: B batch, T samples.
"""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pellucid.data._audio_waves import SILENT

_LEAST_NOISE, _MOST_NOISE = 10.0, 50.0  # dB below the recording
_GAIN = 6.0  # dB, up or down


def plan(*, rate: int, transcribed: bool) -> dict[str, Any]:
    """Give how far recordings are varied, as JSON.

    Args:
        rate: Hz.
        transcribed: whether what was said is asked: then nothing may be cut off.
    """
    return {
        "speed": 0.1 if transcribed else 0.15,
        "shift": 0 if transcribed else round(0.02 * rate),
        "noisy": 0.5,
        "beside": 0.0 if transcribed else 0.3,
    }


def varied(
    x: Float[Tensor, "B T"], how: Mapping[str, Any], generator: torch.Generator
) -> Float[Tensor, "B _"]:
    """Give another view of each recording of a batch; lengths change with the speed."""

    def chance() -> Float[Tensor, " B"]:
        return torch.rand(len(x), generator=generator)

    count = _ends(x)
    speed = ((2 * chance() - 1) * how["speed"]).exp().to(x.device)
    first = (chance() * how["shift"]).to(x.device)
    x, count = _replayed(x, count, speed, first)
    level = (x.square().sum(dim=1) / count.clamp(min=1)).sqrt()
    there = torch.arange(x.shape[1], device=x.device) < count[:, None]
    decibels = _LEAST_NOISE + (_MOST_NOISE - _LEAST_NOISE) * chance()
    wanted = 10 ** (-decibels / 20) * (chance() < how["noisy"])
    noise = torch.randn(x.shape, generator=generator).to(x.device)
    x = x + noise * (level * wanted.to(x.device))[:, None]
    if how["beside"] and len(x) > 1:
        x = _beside(x, there, chance() < how["beside"], chance())
    x = x * (10 ** ((2 * chance() - 1) * _GAIN / 20)).to(x.device)[:, None]
    return torch.where(x.eq(0), SILENT, x) * there


def _ends(x: Float[Tensor, "B T"]) -> Tensor:
    places = torch.arange(1, x.shape[1] + 1, device=x.device)
    return (x.ne(0) * places).amax(dim=1)


def _replayed(
    x: Float[Tensor, "B T"], count: Tensor, speed: Float[Tensor, " B"], first: Float[Tensor, " B"]
) -> tuple[Float[Tensor, "B _"], Tensor]:
    """Play recordings at another speed, from a place a little behind their start on."""
    first = torch.minimum(first, 0.05 * count)
    lengths = ((count - first) / speed).long().clamp(min=1)
    at = torch.arange(int(lengths.max()), device=x.device) * speed[:, None] + first[:, None]
    at = torch.minimum(at, (count[:, None] - 1).clamp(min=0).float())
    low = at.long()
    share = at - low
    high = (low + 1).clamp(max=x.shape[1] - 1)
    return torch.lerp(x.gather(1, low), x.gather(1, high), share), lengths


def _beside(x: Tensor, there: Tensor, chosen: Tensor, loud: Tensor) -> Tensor:
    """Let another recording of the batch be heard faintly."""
    other = x.roll(1, dims=0)
    factor = (chosen * (0.02 + 0.13 * loud)).to(x.device)[:, None]
    power = (x * there).square().mean(dim=1, keepdim=True)
    theirs = other.square().mean(dim=1, keepdim=True).clamp(min=1e-12)
    return x + other * factor * (power / theirs).sqrt()
