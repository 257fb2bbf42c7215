"""The DCGAN of pytorch/examples, its own recipe, until the time is up.

Recipe: noise of 100; 64 channels beside the picture, doubled with each halving; weights from a
normal distribution of 0.02; Adam at 2e-4 with 0.5 and 0.999 for both; batch 64; real and made
pictures go through the critic apart; the pictures made for the critic's step serve the artist's.

Departs: pictures of 28 × 28 get a rim up to 32 and are not enlarged to 64 × 64, so there is one
layer less of each: about five times as many steps in the same time. Class folders of photos are
read at 64 × 64 in colour, for which the example was written, and mirrored by chance. bfloat16
with channels last, where that is faster. It learns until the time is up and not for 25 epochs.
Source: pytorch/examples, dcgan/main.py (written anew from the recipe); Radford, Metz & Chintala
2016, arXiv:1511.06434.
"""

import itertools
import json

import torch
from _clock import Clock
from _made import arguments, low_precision, photos, pictures, until, write
from torch import Tensor, nn
from torch.nn import functional as F

NOISE, WIDTH, BATCH, RATE, BETAS = 100, 64, 64, 2e-4, (0.5, 0.999)


def artist(channels: int, halvings: int) -> nn.Sequential:
    """Build the artist for pictures whose side is 4, doubled so often."""
    widths = [2**place * WIDTH for place in reversed(range(halvings))]
    layers: list[nn.Module] = [nn.ConvTranspose2d(NOISE, widths[0], 4, bias=False)]
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.BatchNorm2d(wide), nn.ReLU()]
        layers += [nn.ConvTranspose2d(wide, narrow, 4, 2, 1, bias=False)]
    layers += [nn.BatchNorm2d(WIDTH), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.ConvTranspose2d(WIDTH, channels, 4, 2, 1, bias=False), nn.Tanh()
    )


def critic(channels: int, halvings: int) -> nn.Sequential:
    """Build the critic for them; it gives log-odds."""
    widths = [2**place * WIDTH for place in range(halvings)]
    layers: list[nn.Module] = [nn.Conv2d(channels, WIDTH, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for narrow, wide in itertools.pairwise(widths):
        layers += [nn.Conv2d(narrow, wide, 4, 2, 1, bias=False)]
        layers += [nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, bias=False), nn.Flatten(0))


def begin(module: nn.Module) -> None:
    """Draw the first weights as the example does."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)


def main() -> None:
    """Train, and write samples."""
    clock, options = Clock(), arguments(__doc__)
    torch.manual_seed(options.seed)
    colour = not [*options.data.glob("*.gz")]
    x = photos(options.data, -1.0, 64) if colour else pictures(options.data, -1.0, 32)
    form, last = (3, 4) if colour else (1, 3), torch.channels_last
    nets = (artist(*form), critic(*form))
    draw, judge = (net.apply(begin).to(memory_format=last) for net in nets)
    drawing, judging = (
        torch.optim.Adam(net.parameters(), lr=RATE, betas=BETAS) for net in (draw, judge)
    )
    order = iter(())

    def batch() -> Tensor:
        nonlocal order
        places = next(order, None)
        if places is None:
            order = iter(torch.randperm(len(x)).split(BATCH))
            places = next(order)
        real = x[places]
        if colour:
            turned = torch.rand(len(real), 1, 1, 1) < 0.5
            real = torch.where(turned, real.flip(-1), real)
        return real.contiguous(memory_format=last)

    def step() -> None:
        real = batch()
        with low_precision():
            made = draw(torch.randn(len(real), NOISE, 1, 1))
            loss = _cost(judge(real), 1.0) + _cost(judge(made.detach()), 0.0)
        judging.zero_grad()
        loss.backward()
        judging.step()
        with low_precision():
            loss = _cost(judge(made), 1.0)
        drawing.zero_grad()
        loss.backward()
        drawing.step()

    steps = until(clock, options.seconds, step)
    # As in the example, batch norm keeps to the batch at hand.
    with low_precision():
        write(
            options.out,
            lambda count: draw(torch.randn(count, NOISE, 1, 1)),
            options.count,
            -1.0,
            64 if colour else 28,
        )
    print(json.dumps({"steps": steps, "seconds": clock.spent}))


def _cost(told: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(told.float(), torch.full_like(told.float(), label))


if __name__ == "__main__":
    main()
