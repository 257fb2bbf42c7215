"""The network of pytorch/examples' MNIST on photos, its recipe stretched to the time.

Adadelta at rate 1, × 0.7 at each fourteenth of the time (its recipe has 14 epochs), dropout as it
is, flips. Batch 32: its 64 gives a small folder too few steps.

Source: pytorch/examples, mnist/main.py (written anew from the recipe).
"""

import torch
from _clock import Clock
from _photos import arguments, finish, learn, read, standardised
from pytorch_mnist import network
from torch import Tensor
from torch.nn import functional as F


def main() -> None:
    """Train until the time is up; print the test accuracy."""
    clock, options = Clock(), arguments(__doc__, side=64)
    torch.manual_seed(options.seed)
    data = read(options.train, options.side)
    model = network(3, options.side, int(data[1].max()) + 1)
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)

    def step(x: Tensor, y: Tensor, share: float) -> None:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = 0.7 ** int(14 * share)
        flip = torch.rand(len(x)) < 0.5
        x = torch.where(flip[:, None, None, None], x.flip(-1), x)
        optimizer.zero_grad()
        F.cross_entropy(model(standardised(x)), y).backward()
        optimizer.step()

    epochs = learn(clock, options, data, step)
    with clock.paused():
        test = read(options.test, options.side)
    finish(clock, model, test, epochs)


if __name__ == "__main__":
    main()
