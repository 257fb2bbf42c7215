"""Sorts of pictures that nobody named, so that an artist can be asked for each of them.

Idea: an artist that is told what to make learns several times as fast, and forgets nothing, since
its critic asks of every picture whether it is a good one of its sort. Where there are no classes,
pictures are sorted once by their coarse layout. In use, the first numbers of the noise choose a
sort, as often as there are pictures of it, and the others say what it looks like.

Source: Liu, Wang, Bau, Zhu & Torralba 2020, "Diverse image generation via self-conditioned GANs",
arXiv:2006.10728; clusters: Lloyd 1982, "Least squares quantization in PCM"; a choice by largest
perturbed logarithm: Maddison, Tarlow & Minka 2014, arXiv:1411.0030.
Departs: clusters are of pixels and found before learning, not of the critic's features and anew
while it learns. A choice is a sharp softmax, so that walks through the noise have no jumps.

Letters: B N pictures, C channels, H height, W width, Z numbers of noise, K sorts, D coarse pixels.
"""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

_MOST = 32
_FEW = 25  # pictures a sort, on average, at least
_SIDE = 7  # pixels of the coarse layout
_ROUNDS = 15
_SHARPNESS = 30.0


class Sorts(nn.Module):
    """Sorts pictures, and chooses among the sorts by noise.

    Before `learn` there is one sort of everything.

    Args:
        channels: of the pictures.
        latent: Z; half of them choose, and 32 at most.

    Attributes:
        count: K; how many there can be.
        centres: the coarse layout of each, (K, D).
        shares: how frequent each is, (K,); 0 for one that is not used.
    """

    centres: Tensor
    shares: Tensor

    def __init__(self, channels: int, latent: int) -> None:
        super().__init__()
        self.count = max(1, min(_MOST, latent // 2))
        self.register_buffer("centres", torch.zeros(self.count, channels * _SIDE**2))
        self.register_buffer("shares", torch.eye(self.count)[0])

    @torch.no_grad()
    def learn(self, batches: Iterable[Float[Tensor, "_ C H W"]], seed: int) -> None:
        """Sort these pictures, in place; the same ones by the same seed alike."""
        rows = torch.cat([_coarse(x) for x in batches])
        used = max(1, min(self.count, len(rows) // _FEW))
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        centres = rows[order[:used].to(rows.device)]
        for _ in range(_ROUNDS):
            near = torch.cdist(rows, centres).argmin(dim=1)
            counts = near.bincount(minlength=used)
            sums = torch.zeros_like(centres).index_add_(0, near, rows)
            means = sums / counts.clamp(min=1)[:, None]
            centres = torch.where(counts[:, None] > 0, means, centres)
        self.centres.zero_()[:used] = centres
        self.shares.zero_()[:used] = counts / counts.sum()

    def of(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Give 1 to the sort of each picture, 0 to the others."""
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            far = torch.cdist(_coarse(x), self.centres)
            near = far.masked_fill(self.shares == 0, torch.inf).argmin(dim=1)
        return F.one_hot(near, self.count).float()

    def chosen(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B K"]:
        """Choose by noise; nearly all of each row is one sort's."""
        even = torch.special.ndtr(z[:, : self.count].float()).clamp(1e-6, 1 - 1e-6)
        luck = -(-even.log()).log()
        return torch.softmax(_SHARPNESS * (self.shares.log() + luck), dim=1)


def _coarse(x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D"]:
    return F.adaptive_avg_pool2d(x.float(), _SIDE).flatten(1)
