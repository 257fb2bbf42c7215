"""Adversarial network of today, for new pictures: critics judge pairs, and may not be steep.

Idea: the critic says of a real and a made picture which looks more real, so that an artist which
forgets a kind of picture is told so by every picture of that kind. Its steepness at real and at
made pictures is held down, which is what lets the two come to rest.

Source: Huang, Gokaslan, Kuleshov & Tompkin 2024, "The GAN is dead; long live the GAN! A modern GAN
baseline", arXiv:2501.05441 (R3GAN: relativistic pairing loss, R1 and R2; no norm in the critic, no
tricks); a class is told to the critic by projection: Miyato & Koyama 2018, arXiv:1802.05637.
Where there are no classes there are sorts in their place: see `_sorts.py`.
Departs: a body of strided convolutions in the critic, and of such convolutions, each with a second
look, and batch norm in the artist, which learned faster on a CPU within minutes than bottlenecks of
grouped convolutions; penalties only every few steps and as many
times as strong (lazily: Karras et al. 2020, arXiv:1912.04958), at pictures as the critic sees them.

Letters: B batch, C D channels, H height, W width, Z numbers of noise, K classes.
"""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._adversarial import Adversarial, Form, Ladder
from pellucid.networks._sorts import Sorts
from pellucid.registry import network

_SLOPE = 0.2  # of a leaky unit below zero
_USUAL = 28 * 28  # pixels; more want more than in proportion
_TOLD = 32  # numbers that a class is told to the artist by
_WIDTHS = (32, 64, 96)  # at half of the full size, by size
_WIDEST = 4  # times that, at the smallest size


class Artist(nn.Module):
    """Noise and a class become a small picture of many channels, which is enlarged step by step.

    Args:
        form: what is made.
        width: channels at half of the full size.
    """

    def __init__(self, form: Form, width: int) -> None:
        super().__init__()
        ladder = Ladder.of(form.shape)
        widths = _widths(ladder, width)
        self.latent = form.latent
        self.top, self.shape = (widths[0], *ladder.base), form.shape[1:]
        self.told = nn.Linear(form.classes, _TOLD, bias=False) if form.classes else None
        given = form.latent + (_TOLD if form.classes else 0)
        self.begin = nn.Linear(given, widths[0] * ladder.base[0] * ladder.base[1])
        layers: list[nn.Module] = [_normed(widths[0]), Refined(widths[0])]
        for wide, narrow in itertools.pairwise([*widths, width // 2]):
            layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False), _normed(narrow)]
            layers.append(Refined(narrow))
        layers[-1] = nn.Conv2d(width // 2, form.shape[0], 3, 1, 1)
        self.body = nn.Sequential(*layers)

    def forward(
        self, z: Float[Tensor, "B Z"], shares: Float[Tensor, "B K"]
    ) -> Float[Tensor, "B C H W"]:
        z = z[:, z.shape[1] - self.latent :]  # what comes before has chosen a sort
        given = z if self.told is None else torch.cat([z, self.told(shares)], dim=1)
        h = self.begin(given).unflatten(1, self.top)
        h = h.contiguous(memory_format=torch.channels_last)
        height, width = self.shape
        return torch.tanh(self.body(h)[:, :, :height, :width].float())


class Refined(nn.Module):
    """Adds to each place of a picture what its neighbours say of it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), _normed(width))

    def forward(self, h: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return h + self.look(h)


class Critic(nn.Module):
    """Strided convolutions down to two or three pixels, then one number, by class.

    It goes a step further down than the artist begins: what it does not see together it cannot ask
    for together.

    Args:
        form: what is judged.
        width: channels at half of the full size.
    """

    def __init__(self, form: Form, width: int) -> None:
        super().__init__()
        ladder = Ladder.of(form.shape)
        widths = [form.shape[0], *_widths(ladder, width)[::-1]]
        self.padding = ladder.padding
        layers: list[nn.Module] = []
        rows, columns = ladder.base
        if min(ladder.base) > 1:
            widths.append(2 * widths[-1])
            rows, columns = rows // 2, columns // 2
        for before, wide in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, wide, 4, 2, 1), nn.LeakyReLU(_SLOPE)]
        self.body = nn.Sequential(*layers, nn.Flatten())
        features = widths[-1] * rows * columns
        self.head = nn.Linear(features, 1 + form.classes)
        for layer in self.body:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=_SLOPE)

    def forward(
        self, x: Float[Tensor, "B C H W"], shares: Float[Tensor, "B K"]
    ) -> Float[Tensor, " B"]:
        told = self.head(self.body(F.pad(x, self.padding))).float()
        return told[:, 0] + (told[:, 1:] * shares).sum(dim=1)


class GAN(Adversarial):
    """Relativistic pairs, with the steepness of the critic held down on both sides.

    Args:
        schema: of what is made.
        width: channels at half of the full size.
        steepness: weight of the penalties, γ, for pictures of 28 × 28; it grows with their pixels.
        every: steps between two penalties.
    """

    def __init__(
        self, schema: Schema, width: int, *, steepness: float = 0.1, every: int = 4
    ) -> None:
        form = Form.of(schema)
        sorts = None if form.classes else Sorts(form.shape[0], form.latent)
        if sorts is not None:
            form = replace(form, classes=sorts.count, latent=form.latent - sorts.count)
        super().__init__(schema, Artist(form, width), Critic(form, width))
        self.sorts = sorts
        pixels = form.shape[1] * form.shape[2]
        self.steepness, self.every = steepness * (pixels / _USUAL) ** 1.5, every

    def sort(self, batches: Iterable[Float[Tensor, "_ C H W"]], seed: int) -> None:
        """Sort training pictures once, before learning; look at none where there are classes."""
        if self.sorts is not None:
            self.sorts.learn(batches, seed)

    def shown(self, x: Float[Tensor, "B C H W"], y: Tensor | None) -> Float[Tensor, "B K"]:
        return super().shown(x, y) if self.sorts is None else self.sorts.of(x)

    def asked(self, z: Float[Tensor, "B Z"], y: Tensor | None) -> Float[Tensor, "B K"]:
        return super().asked(z, y) if self.sorts is None else self.sorts.chosen(z)

    def critic_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        both = self.looked_at(torch.cat([x, made]))
        due = int(self.count) % self.every == 0
        if due:
            both = both.detach().requires_grad_(True)
        real, fake = self.critic(both, shares.repeat(2, 1)).chunk(2)
        self.note(x, made, real - fake)
        loss = F.softplus(fake - real)
        if not due:
            return loss
        (slope,) = torch.autograd.grad([real.sum() + fake.sum()], [both], create_graph=True)
        steep = slope.square().sum(dim=(1, 2, 3))
        first, second = steep.chunk(2)
        return loss + 0.5 * self.steepness * self.every * (first + second)

    def artist_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        with torch.no_grad():
            real = self.critic(self.looked_at(x), shares)
        fake = self.critic(self.looked_at(made), shares)
        return F.softplus(real - fake)


@network("gan", takes=["image"])
@recipe(
    Recipe(
        sizes=len(_WIDTHS),
        passes=25.0,
        batch=64,
        rate=2e-3,
        beta1=0.0,
        beta2=0.99,
        makes=True,
    )
)
def build(schema: Schema, outputs: int, *, size: int) -> GAN:
    """Widen: 32 channels at half of the full size, then 64, then 96."""
    del outputs
    return GAN(schema, _WIDTHS[size - 1])


def _normed(width: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(width), nn.LeakyReLU(_SLOPE))


def _widths(ladder: Ladder, width: int) -> list[int]:
    """Give the channels from the smallest picture to that of half of the full size."""
    return [width * min(_WIDEST, 2**place) for place in range(ladder.steps)][::-1]
