"""From sound to frames and from frames to what was said: what networks for transcripts share.

Idea: speech changes slowly enough that 25 steps a second carry it, but letters may follow each
other faster; so each step of 40 ms says two things in a row, 20 ms apart, and no word is spoken too
fast to be spelled.

Source: Amodei et al. 2015, "Deep Speech 2", arXiv:1512.02595, section 3.2 (convolutions over time
and frequency below the recurrence) and section 3.7 (a few steps of the future for a network that
looks back).
Departs: two labels for each step; Deep Speech 2 answers a coarser step by pairs of letters.

Letters: B batch, T samples, M bands, N spectrogram frames, S steps of 40 ms, D width, F frames of
20 ms, K outputs.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.networks._spectrogram import LogMel, within

BANDS = 80
AT_ONCE = 2  # labels that a step of 40 ms gives
LEAST = -1e4  # log-odds of anything behind the end of a recording


class Front(nn.Module):
    """Log-mel spectrogram, then two convolutions that halve time and frequency each.

    Args:
        rate: samples a second, Hz.
        width: D, numbers a step.
        causal: each step depends on what came before it alone.
        channels: of the convolutions.
    """

    def __init__(
        self, rate: float, width: int, *, causal: bool = False, channels: int = 32
    ) -> None:
        super().__init__()
        self.sound = LogMel(
            rate, bands=BANDS, causal=causal, normalise=not causal, warp=0.1, masks=(2, 3)
        )
        self.before = 2 if causal else 1  # frames that a convolution looks back
        self.first = nn.Conv2d(1, channels, 3, stride=2)
        self.second = nn.Conv2d(channels, channels, 3, stride=2)
        self.join = nn.Linear(channels * (BANDS // 4), width)
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "B T"]
    ) -> tuple[Float[Tensor, "B S D"], Int64[Tensor, " B"]]:
        """Give the steps, 0 behind the end, and how many each recording has."""
        loud, frames = self.sound(x)
        return self.steps(loud, frames)

    def steps(
        self, loud: Float[Tensor, "B M N"], frames: Int64[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B S D"], Int64[Tensor, " B"]]:
        """Give the steps of a spectrogram."""
        h = loud.transpose(1, 2)[:, None]
        for layer in (self.first, self.second):
            h = F.gelu(layer(F.pad(h, (1, 1, self.before, 2 - self.before))))
            frames = -(-frames // 2)
            h = h * within(frames, h.shape[2])[:, None, :, None].to(h.dtype)
        h = self.norm(self.join(h.transpose(1, 2).flatten(2)))
        return h * within(frames, h.shape[1])[:, :, None].to(h.dtype), frames


class Saying(nn.Module):
    """What each step says: two labels in a row, nothing behind the end of a recording.

    Args:
        width: D.
        outputs: K; the first is "nothing".
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.head = nn.Linear(width, AT_ONCE * outputs)

    def forward(
        self, h: Float[Tensor, "B S D"], steps: Int64[Tensor, " B"]
    ) -> Float[Tensor, "B F K"]:
        said = self.head(h).float().unflatten(2, (AT_ONCE, self.outputs)).flatten(1, 2)
        there = within(steps * AT_ONCE, said.shape[1])[:, :, None] > 0
        nothing = torch.full_like(said[:1, :1], LEAST)
        nothing[:, :, 0] = 0.0
        return torch.where(there, said, nothing)
