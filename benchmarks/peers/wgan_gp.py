"""WGAN-GP as its authors' script for 28 × 28 pictures has it, until the time is up.

Recipe: noise of 128; 5 × 5 convolutions of 64, 128 and 256 channels without norm; five steps of the
critic for one of the artist; penalty of 10 between real and made pictures; Adam at 1e-4 with 0.5
and 0.9; batch 50; pictures from 0 to 1.

Departs: bfloat16 with channels last, where that is faster; the norm of the gradient is taken in
float32. It learns until the time is up and not for 200,000 steps.
Source: Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville 2017, arXiv:1704.00028;
igul222/improved_wgan_training, gan_mnist.py (written anew from the recipe).
"""

import json

import torch
from _clock import Clock
from _made import arguments, low_precision, pictures, until, write
from torch import Tensor, nn
from torch.nn import functional as F

NOISE, WIDTH, BATCH, RATE, BETAS = 128, 64, 50, 1e-4, (0.5, 0.9)
CRITIC, PENALTY = 5, 10.0


class Artist(nn.Module):
    """Four, seven, fourteen, twenty-eight."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Linear(NOISE, 4 * 4 * 4 * WIDTH)
        self.first = nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 5, 2, 2, 1)
        self.second = nn.ConvTranspose2d(2 * WIDTH, WIDTH, 5, 2, 2, 1)
        self.last = nn.ConvTranspose2d(WIDTH, 1, 5, 2, 2, 1)

    def forward(self, z: Tensor) -> Tensor:
        h = F.relu(self.begin(z)).unflatten(1, (4 * WIDTH, 4, 4))
        h = h.contiguous(memory_format=torch.channels_last)
        h = F.relu(self.first(h))[:, :, :7, :7]
        return torch.sigmoid(self.last(F.relu(self.second(h))).float())


def critic() -> nn.Sequential:
    """Build the critic."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * WIDTH, 4 * WIDTH, 5, 2, 2),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(4 * 4 * 4 * WIDTH, 1),
    )


def main() -> None:
    """Train, and write samples."""
    clock, options = Clock(), arguments(__doc__)
    torch.manual_seed(options.seed)
    x, last = pictures(options.data, 0.0, 28), torch.channels_last
    draw, judge = (net.to(memory_format=last) for net in (Artist(), critic()))
    drawing, judging = (
        torch.optim.Adam(net.parameters(), lr=RATE, betas=BETAS) for net in (draw, judge)
    )

    def judged() -> None:
        real = x[torch.randint(len(x), (BATCH,))].contiguous(memory_format=last)
        with low_precision(), torch.no_grad():
            made = draw(torch.randn(BATCH, NOISE))
        between = torch.lerp(real, made, torch.rand(BATCH, 1, 1, 1)).requires_grad_(True)
        with low_precision():
            difference = judge(made).float().mean() - judge(real).float().mean()
            told = judge(between).float().sum()
        (slope,) = torch.autograd.grad(told, between, create_graph=True)
        steep = slope.float().flatten(1).norm(dim=1)
        loss = difference + PENALTY * (steep - 1).square().mean()
        judging.zero_grad()
        loss.backward()
        judging.step()

    def step() -> None:
        for _ in range(CRITIC):
            judged()
        with low_precision():
            loss = -judge(draw(torch.randn(BATCH, NOISE))).float().mean()
        drawing.zero_grad()
        loss.backward()
        drawing.step()

    steps = until(clock, options.seconds, step)
    with low_precision():
        write(options.out, lambda count: draw(torch.randn(count, NOISE)), options.count, 0.0)
    print(json.dumps({"steps": steps, "seconds": clock.spent}))


if __name__ == "__main__":
    main()
