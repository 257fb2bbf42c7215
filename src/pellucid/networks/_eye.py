"""An eye: a small network in whose features pictures are compared.

Idea: two sets of pictures are alike if a network that was taught what the real ones are about sees
them alike. Pixels would judge by shifts of one row; what is seen judges by what is shown.

Source: Liu, Wei, Lu & Zhou 2018, "An improved evaluation framework for generative adversarial
networks", arXiv:1803.07474 (features of a network learned on the data at hand, not on ImageNet).
Departs: a few strided convolutions, small enough to be learned within a few per cent of a run.
Features are centred and divided by one number, so that those of the training pictures vary by F
altogether, whatever the data: figures of different sets of pictures can be read alike.

Letters: B batch, C channels, H height, W width, F features, K classes, R remembered pictures.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

FEATURES = 64
REMEMBERED = 2000  # training pictures whose features are kept
TURNS = 4  # ways to turn a picture, which are told apart where there are no classes
SPOILT = ("blurred", "noisy")  # real pictures, so that figures can be read
FIGURES = ("distance", "kernel", "precision", "recall", "density", "coverage")
_SMALL = 10  # pixels; a side is halved until it is no longer than this
_WIDTHS = (32, 64, 96)


class Eye(nn.Module):
    """Sees pictures as F numbers, and tells what they show.

    It answers alike in whatever mode the network around it is, in float32, and is learned once by
    `tasks._eye.learn`; before that its features mean little.

    Args:
        schema: of the pictures: their shape, and the classes that are told apart. Without classes
            it tells how a picture was turned.

    Attributes:
        width: F.
        known: features of training pictures, (R, F); where there are fewer, they are repeated.
        accuracy: share of training pictures not learned from that it tells apart; 0 before.
        steps: that it learned for.
        marks: how far real pictures that were spoilt are from others, see `tasks._eye.about`.
    """

    known: Tensor
    accuracy: Tensor
    steps: Tensor
    marks: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.width = FEATURES
        self.answers = len(schema.classes) or TURNS
        self.turns = not schema.classes
        self.body = _body(*schema.shape)
        self.head = nn.Linear(FEATURES, self.answers)
        self.register_buffer("known", torch.zeros(REMEMBERED, FEATURES))
        self.register_buffer("accuracy", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.register_buffer("marks", torch.zeros(len(SPOILT), len(FIGURES), dtype=torch.float64))
        self.register_buffer("centre", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(()))
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> "Eye":
        """Stay as in use: what is measured may not depend on the mode of the network around."""
        del mode
        return super().train(False)

    def study(self, mode: bool) -> None:
        """Become a network that learns, or one in use again."""
        super().train(mode)
        self.requires_grad_(mode)

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B F"]:
        with torch.autocast(x.device.type, enabled=False):
            seen: Tensor = self.body(x.float())
        return (seen - self.centre) / self.scale

    def judge(self, features: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Tell the class, or the turn, of what was seen: logits."""
        with torch.autocast(features.device.type, enabled=False):
            told: Tensor = self.head(features.float() * self.scale + self.centre)
        return told

    def told(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K"]:
        """Tell the class, or the turn, in whatever arithmetic is about: for learning."""
        told: Tensor = self.head(self.body(x))
        return told


def _body(channels: int, height: int, width: int) -> nn.Sequential:
    """Halve until few pixels are left, then look once more and average over what was seen."""
    halvings = max(0, math.ceil(math.log2(min(height, width) / _SMALL)))
    # The first layer of a large picture sees too many pixels to be wide, or not to halve them.
    widths = [16] * (halvings - 3) + list(_WIDTHS[: halvings + 1])
    strides = [1] + [2] * halvings if halvings < len(_WIDTHS) else [2] * halvings
    layers: list[nn.Module] = []
    before = channels
    for wide, stride in zip([*widths, FEATURES], [*strides, 1], strict=True):
        layers += [nn.Conv2d(before, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide)]
        layers += [nn.ReLU()]
        before = wide
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
