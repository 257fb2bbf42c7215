"""ResNet-18 from scratch, as it is usually trained on a small folder of photos.

Learning: SGD with Nesterov momentum 0.9, weight decay 5e-4, one cycle of the rate, batch 32, label
smoothing 0.1, random crop out of a larger square and left-right flip. Channels last, and bf16 by
autocast where the processor multiplies it, as PyTorch's tuning guide advises: about twice the
steps in the same time. The network is the one for 224×224, its stem included.

Source: He, Zhang, Ren & Sun 2016, arXiv:1512.03385, table 1 (18 layers); Goyal et al. 2017,
arXiv:1706.02677 (the last norm of a block starts at zero); Smith & Topin 2017, arXiv:1708.07120
(one cycle).
"""

import math
from pathlib import Path

import torch
from _clock import Clock
from _photos import arguments, finish, learn, read, standardised
from torch import Tensor, nn
from torch.nn import functional as F

RATE, WARM = 0.05, 0.25
PROCESSOR = Path("/proc/cpuinfo")


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )
        nn.init.zeros_(self.second[1].weight)
        self.shortcut = nn.Sequential()
        if channels != width or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add the correction to what came in."""
        return F.relu(self.shortcut(x) + self.second(self.first(x)))


def network(classes: int, *, small_stem: bool = False) -> nn.Sequential:
    """Build ResNet-18; a small stem neither strides nor pools, as is usual for 32×32."""
    if small_stem:
        stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    else:
        stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
        stem += [nn.MaxPool2d(3, 2, 1)]
    widths = (64, 64, 128, 128, 256, 256, 512, 512)
    blocks, before = [], 64
    for width in widths:
        blocks.append(Block(before, width, 2 if width != before else 1))
        before = width
    model = nn.Sequential(
        *stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)
    )
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    return model


def main() -> None:
    """Train until the time is up; print the test accuracy."""
    clock, options = Clock(), arguments(__doc__, side=96)
    torch.manual_seed(options.seed)
    data = read(options.train, options.side * 8 // 7)
    model = network(int(data[1].max()) + 1).to(memory_format=torch.channels_last)
    low = PROCESSOR.exists() and bool(
        {"avx512_bf16", "amx_bf16"} & {*PROCESSOR.read_text().split()}
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=RATE, momentum=0.9, weight_decay=5e-4, nesterov=True
    )

    def step(x: Tensor, y: Tensor, share: float) -> None:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = RATE * one_cycle(share)
        x = standardised(augmented(x, options.side)).to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            outputs = model(x)
        optimizer.zero_grad()
        F.cross_entropy(outputs.float(), y, label_smoothing=0.1).backward()
        optimizer.step()

    epochs = learn(clock, options, data, step)
    with clock.paused():
        test = read(options.test, options.side)
    finish(clock, model, test, epochs)


def one_cycle(share: float) -> float:
    """Give the rate's share of its peak: a rise over the first quarter, then half a cosine down."""
    if share < WARM:
        return 0.04 + 0.96 * share / WARM
    return 0.5 + 0.5 * math.cos(math.pi * (share - WARM) / (1 - WARM))


def augmented(x: Tensor, side: int) -> Tensor:
    """Crop each picture at a place of its own and flip half of them."""
    room = x.shape[-1] - side + 1
    rows, columns = torch.randint(room, (2, len(x))).tolist()
    crops = [
        picture[:, row : row + side, column : column + side]
        for picture, row, column in zip(x, rows, columns, strict=True)
    ]
    flip = torch.rand(len(x)) < 0.5
    batch = torch.stack(crops)
    batch[flip] = batch[flip].flip(-1)
    return batch


if __name__ == "__main__":
    main()
