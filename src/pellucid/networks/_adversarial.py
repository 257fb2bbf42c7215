"""Two networks against each other: an artist that makes pictures, a critic that tells them apart.

Idea: the critic learns to tell what was made from what is real, the artist to make what the critic
takes for real. What the artist is asked for in use is the average of its weights over the last part
of training, since the newest artist answers the newest critic and no other.

Source: Goodfellow et al. 2014, "Generative adversarial networks", arXiv:1406.2661; averaging:
Yazıcı et al. 2019, "The unusual effectiveness of averaging in GAN training", arXiv:1806.04498;
their profile, by which the part of a run that is averaged over is the same however long it is:
Karras et al. 2024, arXiv:2312.02696, section 3.1.

Letters: B batch, C channels, H height, W width, Z numbers of noise, K classes.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks._album import Album
from pellucid.networks._altering import altered
from pellucid.networks._eye import Eye

_NARROWNESS = 16.0  # of the average: 16 looks back over about the last 6 % of the steps
_FOOT = 7  # pixels on the short side, at most
_FADE = 0.98  # a step keeps so much of the running signs
SIGNS = ("margin", "sure", "spread", "wild")


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """What is made, and from what.

    Args:
        shape: C, H, W.
        latent: Z.
        classes: K; 0 where none are known.
        low: least value of each channel of x.
        high: greatest value of each.
    """

    shape: tuple[int, int, int]
    latent: int
    classes: int
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, schema: Schema) -> "Form":
        """Read it off a schema; where it does not tell the range of x, that is -1 to 1."""
        channels, height, width = schema.shape
        means, stds = schema.details.get("mean"), schema.details.get("std")
        low, high = (-1.0,) * channels, (1.0,) * channels
        if means is not None and stds is not None:
            low = tuple((0.0 - mean) / std for mean, std in zip(means, stds, strict=True))
            high = tuple((255.0 - mean) / std for mean, std in zip(means, stds, strict=True))
        return cls(
            shape=(channels, height, width),
            latent=schema.latent,
            classes=len(schema.classes),
            low=low,
            high=high,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """From a few pixels to the full size, each step doubling both sides.

    Args:
        base: height and width at the foot.
        steps: doublings; what is more than the full size after them is cut off.
        padding: left, right, top and bottom, that bring the full size to what doubling gives.
    """

    base: tuple[int, int]
    steps: int
    padding: tuple[int, int, int, int]

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> "Ladder":
        """Give the ladder for pictures of this shape, its foot some 4 to 7 pixels high or wide."""
        _, height, width = shape
        steps = max(1, math.ceil(math.log2(min(height, width) / _FOOT)))
        base = (-(-height // 2**steps), -(-width // 2**steps))
        more = base[1] * 2**steps - width, base[0] * 2**steps - height
        return cls(base=base, steps=steps, padding=(0, more[0], 0, more[1]))


class Adversarial(nn.Module, ABC):
    """An artist and a critic that are trained in turn.

    Args:
        schema: of what is made.
        artist: takes noise (B, Z) and shares of classes (B, K), gives (B, C, H, W) from -1 to 1.
        critic: takes x and shares of classes, and gives (B,), more for what is real.

    Attributes:
        eye: in whose features pictures are compared.
        album: what the same noise became over the course of training.
        averaged: the artist that is used, with averaged weights; never trained itself.
        strength: share of the pictures that the critic sees altered, each in several ways.
        count: steps taken.
        signs: running means of what tells of trouble, in the order of `SIGNS`: by how much real
            pictures are taken for more real than made ones; how often they are; how much made
            pictures differ from each other, as a share of how much real ones do; how large that
            margin is, whichever of the two is taken for real.
    """

    strength: Tensor
    count: Tensor
    signs: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, schema: Schema, artist: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        form = Form.of(schema)
        self.latent, self.classes = form.latent, form.classes
        self.artist, self.critic = artist, critic
        self.eye, self.album = Eye(schema), Album(schema)
        self.averaged = copy.deepcopy(artist).requires_grad_(False)
        self.register_buffer("strength", torch.zeros(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("signs", torch.tensor([0.0, 0.5, 1.0, 0.0]))
        ends = torch.tensor([form.low, form.high]).view(2, 1, -1, 1, 1)
        self.register_buffer("low", ends[0], persistent=False)
        self.register_buffer("high", ends[1], persistent=False)
        self._seen: list[Tensor] = []

    def train(self, mode: bool = True) -> "Adversarial":
        """Keep what is not trained as it is in use."""
        super().train(mode)
        self.averaged.eval()
        return self

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B 1"]:
        """Give the critic's view of pictures whose class is not told: more for what looks real."""
        seen: Tensor = self.critic(x, self.shown(x, None))
        return seen[:, None]

    def shown(self, x: Float[Tensor, "B C H W"], y: Tensor | None) -> Float[Tensor, "B K"]:
        """Give the share of each class in real pictures whose class, where it is known, is y."""
        return self._shares(len(x), y)

    def asked(self, z: Float[Tensor, "B Z"], y: Tensor | None) -> Float[Tensor, "B K"]:
        """Give the share of each class that pictures shall have which are made of this noise."""
        return self._shares(len(z), y)

    def make(self, z: Float[Tensor, "B Z"], y: Tensor | None = None) -> Float[Tensor, "B C H W"]:
        """Make pictures, normalised as x is.

        Args:
            z: noise, from a normal distribution.
            y: the class of each; -1, or None for all, where none is asked for; or the share that
                each class shall have in each, (B, K), float.
        """
        return self._scaled(self.averaged(z, self.asked(z, y)))

    def turns(self) -> dict[str, nn.Module]:
        """Give the parts in the order in which they take their step."""
        return {"critic": self.critic, "artist": self.artist}

    def turn(
        self, name: str, x: Float[Tensor, "B C H W"], y: Int[Tensor, " B"]
    ) -> Float[Tensor, " B"]:
        """Give the loss of one part on a batch of real pictures."""
        shares = self.shown(x, y)
        z = torch.randn(len(x), self.latent, device=x.device)
        if name == "artist":
            with _still(self.critic):
                made = self._scaled(self.artist(z, shares))
                return self.artist_loss(x, made, shares)
        with torch.no_grad():
            made = self._scaled(self.artist(z, shares))
        return self.critic_loss(x, made, shares)

    @abstractmethod
    def critic_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        """Give what the critic lowers, float32."""

    @abstractmethod
    def artist_loss(
        self, x: Float[Tensor, "B C H W"], made: Float[Tensor, "B C H W"], shares: Tensor
    ) -> Float[Tensor, " B"]:
        """Give what the artist lowers, float32; gradients reach it through what it made."""

    @torch.no_grad()
    def settle(self) -> None:
        """Bring the average and the running signs up to the step that was taken."""
        self.count += 1
        keep = (1.0 - 1.0 / self.count.item()) ** (_NARROWNESS + 1.0)
        mine, its = self.averaged.state_dict(), self.artist.state_dict()
        smooth = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[n] for n in smooth], [its[n] for n in smooth], 1.0 - keep)
        if self._seen:
            self.signs.lerp_(torch.stack(self._seen).mean(dim=0), 1.0 - _FADE)
            self._seen = []
        self.album.keep(int(self.count), self.make)

    def looked_at(self, x: Tensor) -> Tensor:
        """Give pictures as the critic gets to see them."""
        strength = float(self.strength)
        return altered(x, strength) if strength > 0 else x

    @torch.no_grad()
    def note(self, x: Tensor, made: Tensor, margin: Float[Tensor, " B"]) -> None:
        """Keep what tells of trouble: see `signs`.

        Args:
            x: real pictures.
            made: as many.
            margin: by how much the critic takes each of x for more real than one that was made.
        """
        # A batch of one has no spread: then nothing is said of it.
        spread = torch.ones((), device=x.device)
        if len(x) > 1:
            spread = _spread(made) / _spread(x).clamp(min=1e-6)
        sure, wild = (margin > 0).float().mean(), margin.abs().mean()
        self._seen.append(torch.stack([margin.mean(), sure, spread, wild]))

    def _scaled(self, drawn: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        return torch.lerp(self.low, self.high, (drawn.float() + 1.0) / 2.0)

    def _shares(self, count: int, y: Tensor | None) -> Float[Tensor, "B K"]:
        """Give each class its share of each picture; alike where no class is told."""
        device = self.count.device
        alike = torch.full((count, self.classes), 1.0 / max(1, self.classes), device=device)
        if y is None or not self.classes:
            return alike
        if y.is_floating_point():
            return y
        rows = torch.eye(self.classes, device=device)[y.clamp(min=0)]
        return torch.where(y[:, None] < 0, alike, rows)


@contextmanager
def _still(module: nn.Module) -> Iterator[None]:
    """Compute without gradients for the weights of a module, though they flow through it."""
    moving = [weight for weight in module.parameters() if weight.requires_grad]
    for weight in moving:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in moving:
            weight.requires_grad_(True)


def _spread(x: Tensor) -> Any:
    return x.std(dim=0).mean()
