"""Class folders of photos as tensors, and a loop that ends with the clock, for the photo peers."""

import argparse
import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from _clock import Clock
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn import functional as F

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
DEVIATION = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
Step = Callable[[Tensor, Tensor, float], None]


def arguments(description: str | None, *, side: int) -> argparse.Namespace:
    """Read the options that both photo peers share.

    Args:
        description: the docstring of the peer.
        side: pixels of its square pictures.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("train", type=Path, help="class folders to learn from")
    parser.add_argument("test", type=Path, help="class folders to test on")
    parser.add_argument("--seconds", type=float, default=120.0, help="from the process's start")
    parser.add_argument("--epochs", type=float, help="so many instead of seconds, to try settings")
    parser.add_argument("--side", type=int, default=side, help="pixels")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(folder: Path, side: int) -> tuple[Tensor, Tensor]:
    """Read class folders: uint8 (N, 3, side, side), the middle square of each, and labels (N,)."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
    paths = [
        (path, label) for label, name in enumerate(classes) for path in (folder / name).iterdir()
    ]
    x = torch.empty(len(paths), 3, side, side, dtype=torch.uint8)
    for place, (path, _) in enumerate(sorted(paths)):
        with Image.open(path) as picture:
            square = ImageOps.fit(picture.convert("RGB"), (side, side), Image.Resampling.BILINEAR)
        pixels = torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8)
        x[place] = pixels.view(side, side, 3).permute(2, 0, 1)
    return x, torch.tensor([label for _, label in sorted(paths)])


def standardised(x: Tensor) -> Tensor:
    """Give floats around zero with the mean and deviation that everyone uses for photos."""
    return (x.float() / 255 - MEAN) / DEVIATION


def learn(
    clock: Clock,
    options: argparse.Namespace,
    data: tuple[Tensor, Tensor],
    step: Step,
    *,
    batch: int = 32,
) -> int:
    """Call step(x, y, share of the run that is over) until the time is up; give the epochs.

    A step is begun only if the time for the longest one so far is left. Two seconds are kept for
    what a user would do next: saving and leaving.
    """
    x, y = data
    start, longest, steps = clock.spent, 0.0, 0
    total = options.seconds - 2
    per_epoch = math.ceil(len(x) / batch)
    while True:
        for places in torch.randperm(len(x)).split(batch):
            before = clock.spent
            if options.epochs:
                share = steps / (options.epochs * per_epoch)
            else:
                share = (before - start) / (total - start)
            if share >= 1 or (not options.epochs and before + longest > total):
                return steps // per_epoch
            step(x[places], y[places], share)
            steps += 1
            longest = max(longest, clock.spent - before)


def finish(
    clock: Clock,
    model: nn.Module,
    test: tuple[Tensor, Tensor],
    epochs: int,
    *,
    at_once: int = 50,
) -> None:
    """Print what was reached as JSON; the test itself is not on the clock."""
    seconds = clock.spent
    with torch.inference_mode():
        model.eval()
        outputs = torch.cat([model(standardised(part)).float() for part in test[0].split(at_once)])
    accuracy = float((outputs.argmax(1) == test[1]).float().mean())
    loss = float(F.cross_entropy(outputs, test[1]))
    print(json.dumps({"accuracy": accuracy, "loss": loss, "epochs": epochs, "seconds": seconds}))
