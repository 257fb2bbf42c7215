"""ResNet-18 from scratch on single frames of clips, its answers averaged over a clip.

Learning: as `resnet18.py` (SGD with Nesterov momentum 0.9, weight decay 5e-4, one cycle of the
rate, label smoothing 0.1), eight frames of each clip evenly over its time, batch 8 clips, random
crop out of a larger square and left-right flip, the same for all frames of a clip.

Source: He, Zhang, Ren & Sun 2016, arXiv:1512.03385; Karpathy et al. 2014, "Large-scale video
classification with convolutional neural networks" (answers of single frames, averaged).
"""

import torch
from _clock import Clock
from _photos import finish, learn, standardised
from _videos import arguments, augmented, read
from resnet18 import PROCESSOR, RATE, network, one_cycle
from torch import Tensor, nn
from torch.nn import functional as F


class Frames(nn.Module):
    """The mean answer for the frames of a clip.

    Args:
        body: answers for pictures.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        """Give answers, (B, K), for clips, (B, T, 3, H, W)."""
        frames = x.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return self.body(frames).unflatten(0, x.shape[:2]).mean(dim=1)


def main() -> None:
    """Train until the time is up; print the test accuracy."""
    clock, options = Clock(), arguments(__doc__, frames=8, side=96, batch=8)
    torch.manual_seed(options.seed)
    data = read(options.train, options.frames, options.side * 8 // 7)
    model = Frames(network(int(data[1].max()) + 1)).to(memory_format=torch.channels_last)
    low = PROCESSOR.exists() and bool(
        {"avx512_bf16", "amx_bf16"} & {*PROCESSOR.read_text().split()}
    )
    optimizer = torch.optim.SGD(
        model.parameters(), lr=RATE / 4, momentum=0.9, weight_decay=5e-4, nesterov=True
    )

    def step(x: Tensor, y: Tensor, share: float) -> None:
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = RATE / 4 * one_cycle(share)  # a quarter of the batch
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            outputs = model(standardised(augmented(x, options.side)))
        optimizer.zero_grad()
        F.cross_entropy(outputs.float(), y, label_smoothing=0.1).backward()
        optimizer.step()

    epochs = learn(clock, options, data, step, batch=options.batch)
    with clock.paused():
        test = read(options.test, options.frames, options.side)
    finish(clock, model, test, epochs, at_once=8)


if __name__ == "__main__":
    main()
