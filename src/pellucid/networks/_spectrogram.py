"""The logarithm of a mel spectrogram: sound as a picture of time and pitch, made in the network.

Idea: an ear hears ratios of pitch and of loudness, so bands lie at equal steps of pitch and hold
logarithms of power. Made inside the network, it goes into the exported graph with the weights.

Source: Davis & Mermelstein 1980, "Comparison of parametric representations for monosyllabic word
recognition in continuously spoken sentences" (triangular bands on the mel scale); Park et al. 2019,
"SpecAugment", arXiv:1904.08779 (masks in time and frequency); Jaitly & Hinton 2013, "Vocal tract
length perturbation (VTLP) improves speech recognition" (bands moved as in another throat).
Departs: the quietest that counts is a set number of decibels below the loudest of a recording, so
that its level does not matter; masks are of the recording's mean.

Letters: B batch, T samples, M bands, F frames, N bins of frequency, W warps.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

_WINDOW, _HOP = 0.025, 0.010  # s, that a frame sees, and from one frame to the next
_LOWEST = 40.0  # Hz, of the first band
_RANGE = 1e-6  # of the loudest power of a recording: what is below is silence (-60 dB)
_FLOOR = 1e-8  # power of what is silence in any recording, where they keep their level
_EMPHASIS = 0.97  # of the sample before, taken away: no offset is left, and high sounds are raised
_WARPS = 17  # filter banks from the most squeezed to the most stretched, the plain one between
_GROUPS = 8  # of a batch, each heard from another throat
_TURN = 0.8  # of the highest frequency: above, a warp comes back to where it was


def ends(x: Float[Tensor, "B T"]) -> Int64[Tensor, " B"]:
    """Give the length of each recording of a batch, samples: behind the end x is exactly 0."""
    places = torch.arange(1, x.shape[1] + 1, device=x.device)
    return (x.ne(0) * places).amax(dim=1)


def within(frames: Int64[Tensor, " B"], count: int) -> Float[Tensor, "B count"]:
    """Give 1 for each step of a recording, and 0 behind its end."""
    return (torch.arange(count, device=frames.device) < frames[:, None]).float()


class LogMel(nn.Module):
    """A log-mel spectrogram, normalised over each recording.

    Args:
        rate: samples a second, Hz.
        bands: on the mel scale.
        normalise: to mean 0 and deviation 1 over each recording; else a fixed scale is kept, so
            that a frame depends on what came before it alone.
        causal: whether a frame ends with the samples it is made at; else they are its middle.
        warp: how far bands are moved while training, at most, as a share of their frequency.
        masks: how many stretches of bands, and of frames, are blotted out while training.
    """

    def __init__(
        self,
        rate: float,
        *,
        bands: int = 64,
        normalise: bool = True,
        causal: bool = False,
        warp: float = 0.0,
        masks: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        super().__init__()
        self.size, self.hop = round(rate * _WINDOW), max(1, round(rate * _HOP))
        self.bins = 2 ** math.ceil(math.log2(max(512, self.size)))
        self.bands, self.normalise, self.causal, self.masks = bands, normalise, causal, masks
        shape = torch.hann_window(self.size, periodic=False)
        self.register_buffer("shape", shape / shape.square().sum().sqrt(), persistent=False)
        spread = torch.linspace(1 - warp, 1 + warp, _WARPS if warp else 1).tolist()
        filters = torch.stack([mel(rate, self.bins, bands, factor) for factor in spread])
        self.register_buffer("filters", filters, persistent=False)

    def forward(
        self, x: Float[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B M F"], Int64[Tensor, " B"]]:
        """Give the spectrogram, 0 behind the end, and how many frames each recording has."""
        with torch.autocast(x.device.type, enabled=False):
            frames = -(-ends(x) // self.hop)
            power = self.power(x.float())
            there = within(frames, power.shape[2])[:, None]
            loud = self._normalised(power, there) if self.normalise else _fixed(power)
            return self._masked(loud, frames) * there, frames

    def power(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B M F"]:
        """Give the power in each band; frames follow each other by `hop` samples."""
        there = x.ne(0)
        x = torch.where(there, x - _EMPHASIS * F.pad(x, (1, 0))[:, :-1], x)
        before = self.size - self.hop if self.causal else self.size // 2
        count = -(-x.shape[1] // self.hop)
        behind = (count - 1) * self.hop + self.size - before - x.shape[1]
        x = F.pad(x, (before, max(0, behind)))
        # torch.stft puts a short window in the middle of its bins, so these stand around it too.
        around = (self.bins - self.size) // 2
        x = F.pad(x, (around, self.bins - self.size - around))
        waves = torch.stft(
            x,
            self.bins,
            hop_length=self.hop,
            win_length=self.size,
            window=self.get_buffer("shape"),
            center=False,
            return_complex=True,
        )[:, :, :count]
        return self._in_bands((waves.real.square() + waves.imag.square()).transpose(1, 2))

    def _in_bands(self, power: Float[Tensor, "B F N"]) -> Float[Tensor, "B M F"]:
        """Gather bins into bands; while training, into those of another throat for each group."""
        filters = self.get_buffer("filters")
        if not self.training or len(filters) == 1:
            return (power @ filters[len(filters) // 2].T).transpose(1, 2)
        groups = power.chunk(_GROUPS)
        chosen = torch.randint(len(filters), (len(groups),), device=power.device).tolist()
        pairs = zip(groups, chosen, strict=True)
        return torch.cat([group @ filters[place].T for group, place in pairs]).transpose(1, 2)

    def _normalised(
        self, power: Float[Tensor, "B M F"], there: Float[Tensor, "B 1 F"]
    ) -> Float[Tensor, "B M F"]:
        loudest = (power * there).amax(dim=(1, 2), keepdim=True).clamp(min=1e-20)
        loud = (power / loudest + _RANGE).log()
        count = (there.sum(dim=(1, 2), keepdim=True) * power.shape[1]).clamp(min=1)
        loud = loud - (loud * there).sum(dim=(1, 2), keepdim=True) / count
        spread = ((loud * there).square().sum(dim=(1, 2), keepdim=True) / count).sqrt()
        return loud / (spread + 0.1)

    def _masked(
        self, loud: Float[Tensor, "B M F"], frames: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B M F"]:
        """Blot out stretches of bands and of frames, while training."""
        if not self.training:
            return loud
        of_bands, of_frames = self.masks
        for _ in range(of_bands):
            kept = _kept(loud, loud.new_full((len(loud),), self.bands), loud.shape[1], 0.2)
            loud = loud * kept[:, :, None]
        for _ in range(of_frames):
            loud = loud * _kept(loud, frames.float(), loud.shape[2], 0.15)[:, None]
        return loud


def mel(rate: float, bins: int, bands: int, factor: float = 1.0) -> Float[Tensor, "M N"]:
    """Give triangular filters at equal steps of pitch, each of the same weight in all.

    Args:
        rate: samples a second, Hz.
        bins: of the Fourier transform.
        bands: M.
        factor: by which frequencies are stretched, as by another throat; they end where they did.
    """
    highest = rate / 2
    edges = mels_between(_LOWEST, highest, bands + 2).double().numpy()
    turn = _TURN * highest / max(factor, 1.0)
    above = turn * factor + (edges - turn) * (highest - turn * factor) / (highest - turn)
    edges = np.where(edges <= turn, edges * factor, above)
    # Each band is at least as wide as a bin, or a low one would hold none.
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    least = rate / bins
    low, high = np.minimum(low, middle - least), np.maximum(high, middle + least)
    at = np.linspace(0, highest, bins // 2 + 1)
    up = (at - low[:, None]) / (middle - low)[:, None]
    down = (high[:, None] - at) / (high - middle)[:, None]
    filters = np.minimum(up, down).clip(min=0)
    return torch.from_numpy((filters / filters.sum(axis=1, keepdims=True)).astype(np.float32))


def mels_between(lowest: float, highest: float, count: int) -> Float[Tensor, " count"]:
    """Give frequencies at equal steps of pitch, Hz."""
    # By numpy: three numbers of torch look like the sizes of an array to `_bounds`.
    return _hertz(torch.from_numpy(np.linspace(_mels(lowest), _mels(highest), count)).float())


def _fixed(power: Float[Tensor, "B M F"]) -> Float[Tensor, "B M F"]:
    """Give logarithms on a scale on which speech lies about between -2 and 2."""
    return ((power + _FLOOR).log() + 9.0) / 4.0


def _kept(loud: Tensor, length: Float[Tensor, " B"], count: int, widest: float) -> Tensor:
    """Give 0 for one stretch of random width and place in each example, and 1 around it."""
    width = torch.rand_like(length) * widest * length
    first = torch.rand_like(length) * (length - width)
    at = torch.arange(count, device=loud.device) + 0.5
    inside = (at >= first[:, None]) & (at < (first + width)[:, None])
    return (~inside).to(loud.dtype)


def _mels(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)


def _hertz(mels: Tensor) -> Tensor:
    return 700.0 * (10.0 ** (mels / 2595.0) - 1.0)
