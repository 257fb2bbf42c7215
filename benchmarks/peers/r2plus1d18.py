"""R(2+1)D-18 from scratch, as its paper and torchvision have it.

Network: a stem of 1×7×7 and 3×1×1, four stages of two blocks, 64 to 512 wide, each 3×3×3
convolution taken apart into one over places and one over time with as many weights together; stages
after the first halve places and time. Learning: SGD with momentum 0.9, weight decay 1e-4, one cycle
of the rate from 0.01 per 64 clips in proportion, batch 8; 16 frames of 112 × 112, random crop and
flip. Channels last in three dimensions, and bf16 by autocast where the processor multiplies it.

Source: Tran et al. 2018, arXiv:1711.11248, table 1 and section 3.5; pytorch/vision,
torchvision/models/video/resnet.py and references/video_classification (written anew).
"""

import torch
from _clock import Clock
from _photos import finish, learn, standardised
from _videos import arguments, augmented, read
from resnet18 import PROCESSOR, one_cycle
from torch import Tensor, nn
from torch.nn import functional as F

RATE = 0.01  # at its peak, for 64 clips a step


def apart(channels: int, width: int, stride: int) -> nn.Sequential:
    """Give a 3×3×3 convolution taken apart, with as many weights."""
    middle = (channels * width * 27) // (channels * 9 + 3 * width)
    return nn.Sequential(
        nn.Conv3d(channels, middle, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False),
        nn.BatchNorm3d(middle),
        nn.ReLU(),
        nn.Conv3d(middle, width, (3, 1, 1), (stride, 1, 1), (1, 0, 0), bias=False),
    )


class Block(nn.Module):
    """Two convolutions taken apart, beside a shortcut."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            apart(channels, width, stride),
            nn.BatchNorm3d(width),
            nn.ReLU(),
            apart(width, width, 1),
            nn.BatchNorm3d(width),
        )
        self.shortcut = nn.Sequential()
        if channels != width or stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv3d(channels, width, 1, stride, bias=False), nn.BatchNorm3d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add the correction to what came in."""
        return F.relu(self.shortcut(x) + self.body(x))


class R2Plus1D(nn.Module):
    """The network of 18 layers.

    Args:
        classes: of the answer.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            *(nn.Conv3d(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), nn.BatchNorm3d(45)),
            *(nn.ReLU(), nn.Conv3d(45, 64, (3, 1, 1), 1, (1, 0, 0), bias=False)),
            *(nn.BatchNorm3d(64), nn.ReLU()),
        ]
        before = 64
        for width in (64, 64, 128, 128, 256, 256, 512, 512):
            layers.append(Block(before, width, 2 if width != before else 1))
            before = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten())
        self.head = nn.Linear(512, classes)
        for part in self.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Give answers, (B, K), for clips, (B, T, 3, H, W)."""
        clips = x.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        return self.head(self.body(clips))


def main() -> None:
    """Train until the time is up; print the test accuracy."""
    clock, options = Clock(), arguments(__doc__, frames=16, side=112, batch=8)
    torch.manual_seed(options.seed)
    data = read(options.train, options.frames, options.side * 8 // 7)
    model = R2Plus1D(int(data[1].max()) + 1).to(memory_format=torch.channels_last_3d)
    low = PROCESSOR.exists() and bool(
        {"avx512_bf16", "amx_bf16"} & {*PROCESSOR.read_text().split()}
    )
    rate = RATE * options.batch / 64
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)

    def step(x: Tensor, y: Tensor, share: float) -> None:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = rate * one_cycle(share)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            outputs = model(standardised(augmented(x, options.side)))
        optimizer.zero_grad()
        F.cross_entropy(outputs.float(), y).backward()
        optimizer.step()

    epochs = learn(clock, options, data, step, batch=options.batch)
    with clock.paused():
        test = read(options.test, options.frames, options.side)
    finish(clock, model, test, epochs, at_once=4)


if __name__ == "__main__":
    main()
