"""The classic adversarial network for pictures: the one to beat.

Source: Radford, Metz & Chintala 2016, "Unsupervised representation learning with deep convolutional
generative adversarial networks", arXiv:1511.06434; widths, rates and first weights of the example
that is learned from most, pytorch/examples/dcgan; its loss is that of Goodfellow et al. 2014,
arXiv:1406.2661, in the form that does not vanish.
Departs: fewer halvings for smaller pictures; a class is told to the artist beside the noise and to
the critic as one more channel (Mirza & Osindero 2014, arXiv:1411.1784). What is used is the average
of the artist's weights, as of every network here.

Letters: B batch, C channels, H height, W width, Z numbers of noise, K classes.
"""

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._adversarial import Adversarial, Form, Ladder
from pellucid.registry import network

_WIDTH = 64  # channels at half of the full size; doubled with every halving


class Artist(nn.Module):
    """Enlarges noise by transposed convolutions, with batch norm between them."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        ladder = Ladder.of(form.shape)
        self.shape = form.shape[1:]
        widths = _widths(ladder)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(form.latent + form.classes, widths[0], ladder.base, bias=False)
        ]
        for wide, narrow in zip(widths, [*widths[1:], form.shape[0]], strict=True):
            layers += [nn.BatchNorm2d(wide), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False))
        self.body = nn.Sequential(*layers)
        self.apply(_begin)

    def forward(
        self, z: Float[Tensor, "B Z"], shares: Float[Tensor, "B K"]
    ) -> Float[Tensor, "B C H W"]:
        height, width = self.shape
        drawn = self.body(torch.cat([z, shares], dim=1)[:, :, None, None])
        return torch.tanh(drawn[:, :, :height, :width].float())


class Critic(nn.Module):
    """Strided convolutions with batch norm between them."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        ladder = Ladder.of(form.shape)
        self.padding, self.shape = ladder.padding, form.shape[1:]
        self.told = nn.Linear(form.classes, self.shape[0] * self.shape[1]) if form.classes else None
        widths = _widths(ladder)[::-1]
        channels = form.shape[0] + (self.told is not None)
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 4, 2, 1, bias=False)]
        for narrow, wide in itertools.pairwise(widths):
            layers += [nn.LeakyReLU(0.2), nn.Conv2d(narrow, wide, 4, 2, 1, bias=False)]
            layers.append(nn.BatchNorm2d(wide))
        layers += [nn.LeakyReLU(0.2), nn.Conv2d(widths[-1], 1, ladder.base, bias=False)]
        self.body = nn.Sequential(*layers)
        self.apply(_begin)

    def forward(
        self, x: Float[Tensor, "B C H W"], shares: Float[Tensor, "B K"]
    ) -> Float[Tensor, " B"]:
        if self.told is not None:
            plane = self.told(shares).view(-1, 1, *self.shape)
            x = torch.cat([x, plane], dim=1)
        return self.body(F.pad(x, self.padding)).flatten().float()


class DCGAN(Adversarial):
    """Each picture is judged by itself: real or made."""

    def __init__(self, schema: Schema) -> None:
        form = Form.of(schema)
        super().__init__(schema, Artist(form), Critic(form))

    def critic_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        real = self.critic(self.looked_at(x), shares)
        fake = self.critic(self.looked_at(made), shares)
        self.note(x, made, real - fake)
        return F.softplus(-real) + F.softplus(fake)

    def artist_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        del x
        return F.softplus(-self.critic(self.looked_at(made), shares))


@network("dcgan", takes=["image"])
@recipe(
    Recipe(passes=8.0, batch=64, rate=2e-4, beta1=0.5, beta2=0.999, makes=True, contender=False)
)
def build(schema: Schema, outputs: int, *, size: int) -> DCGAN:
    """One size only, that of the example."""
    del outputs, size
    return DCGAN(schema)


def _widths(ladder: Ladder) -> list[int]:
    return [_WIDTH * 2**place for place in range(ladder.steps)][::-1]


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
