"""The MNIST example of pytorch/examples, its own recipe, on data of the same form.

Network: 3×3 convolutions of 32 and 64, max-pool, dropout 0.25, 128 hidden, dropout 0.5. Learning:
Adadelta at rate 1, × 0.7 after each epoch, batch 64, 14 epochs.

Departs: the set is resident as tensors and standardised with its own mean and deviation.
Source: pytorch/examples, mnist/main.py (written anew from the recipe).
"""

import torch
from _clock import Clock, report
from _idx import arguments, read
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 64


def network(channels: int = 1, side: int = 28, classes: int = 10) -> nn.Sequential:
    """Build the example's network for square pictures."""
    pooled = (side - 4) // 2
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(64 * pooled * pooled, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, classes),
    )


def epoch(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    """Go once over the data in random order."""
    model.train()
    for places in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        F.cross_entropy(model(x[places]), y[places]).backward()
        optimizer.step()


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers."""
    model.eval()
    with torch.inference_mode():
        guess = torch.cat([model(part).argmax(1) for part in x.split(1000)])
    return float((guess == y).float().mean())


def main() -> None:
    """Train; print seconds and test accuracy after each epoch."""
    clock, options = Clock(), arguments(__doc__, epochs=14)
    torch.manual_seed(options.seed)
    x, y, mean, deviation = _tensors(*read(options.data, "train", options.limit))
    with clock.paused():
        test_x, test_y, *_ = _tensors(*read(options.data, "t10k", options.limit), mean, deviation)
    model = network()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for _ in range(options.epochs):
        epoch(model, optimizer, x, y)
        schedule.step()
        with clock.paused():
            reached = accuracy(model, test_x, test_y)
        report(clock.spent, reached)
        if reached >= options.stop:
            return


def _tensors(pictures, labels, mean=None, deviation=None):
    x = torch.from_numpy(pictures.copy()).float().div_(255)[:, None]
    mean = float(x.mean()) if mean is None else mean
    deviation = float(x.std()) if deviation is None else deviation
    return (x - mean) / deviation, torch.from_numpy(labels), mean, deviation


if __name__ == "__main__":
    main()
