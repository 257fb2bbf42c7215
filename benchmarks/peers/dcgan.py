"""The DCGAN of pytorch/examples, its own recipe, until the time is up.

Recipe: noise of 100; 64 channels beside the picture, doubled with each halving; weights from a
normal distribution of 0.02; Adam at 2e-4 with 0.5 and 0.999 for both; batch 64; real and made
pictures go through the critic apart; the pictures made for the critic's step serve the artist's.

Departs: pictures are 32 × 32 (28 and a rim) and not enlarged to 64 × 64, so there is one layer less
of each: about five times as many steps in the same time. bfloat16 with channels last, where that is
faster. It learns until the time is up and not for 25 epochs.
Source: pytorch/examples, dcgan/main.py (written anew from the recipe); Radford, Metz & Chintala
2016, arXiv:1511.06434.
"""

import json

import torch
from _clock import Clock
from _made import arguments, low_precision, pictures, until, write
from torch import Tensor, nn
from torch.nn import functional as F

NOISE, WIDTH, BATCH, RATE, BETAS = 100, 64, 64, 2e-4, (0.5, 0.999)


def artist() -> nn.Sequential:
    """Build the artist for 32 × 32."""
    return nn.Sequential(
        nn.ConvTranspose2d(NOISE, 4 * WIDTH, 4, bias=False),
        nn.BatchNorm2d(4 * WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(4 * WIDTH, 2 * WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        nn.ConvTranspose2d(WIDTH, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def critic() -> nn.Sequential:
    """Build the critic for 32 × 32; it gives log-odds."""
    return nn.Sequential(
        nn.Conv2d(1, WIDTH, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(2 * WIDTH),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * WIDTH, 4 * WIDTH, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4 * WIDTH),
        nn.LeakyReLU(0.2),
        nn.Conv2d(4 * WIDTH, 1, 4, bias=False),
        nn.Flatten(0),
    )


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
    x = pictures(options.data, -1.0, 32)
    last = torch.channels_last
    draw, judge = (net.apply(begin).to(memory_format=last) for net in (artist(), critic()))
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
        return x[places].contiguous(memory_format=last)

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
        write(options.out, lambda count: draw(torch.randn(count, NOISE, 1, 1)), options.count, -1.0)
    print(json.dumps({"steps": steps, "seconds": clock.spent}))


def _cost(told: Tensor, label: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(told.float(), torch.full_like(told.float(), label))


if __name__ == "__main__":
    main()
