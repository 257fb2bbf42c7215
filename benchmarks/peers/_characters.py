"""A text as numbers, one a character, for peers that say what comes next; their time and scores."""

import argparse
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from _clock import Clock
from torch import Tensor, nn

RAMP = 0.02  # of the time, for a rate to rise


@dataclass(frozen=True, slots=True)
class Text:
    """Two sides of one text.

    Args:
        train: (N,) codes of characters.
        test: (M,) the same for the side that is only judged.
        codes: how many there are.
    """

    train: Tensor
    test: Tensor
    codes: int


def arguments(about: str | None) -> argparse.Namespace:
    """Read the command line that all of these peers share."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("train", type=Path, help="text to learn from")
    parser.add_argument("test", type=Path, help="text to be judged by")
    parser.add_argument("--seconds", type=float, default=180.0, help="for the whole process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    return parser.parse_args()


def read(train: Path, test: Path) -> Text:
    """Number the characters of both files."""
    learned, judged = train.read_text(encoding="utf-8"), test.read_text(encoding="utf-8")
    codes = {character: code for code, character in enumerate(sorted(set(learned + judged)))}
    sides = [torch.tensor([codes[character] for character in side]) for side in (learned, judged)]
    return Text(sides[0], sides[1], len(codes))


def fall(share: float) -> float:
    """Give the rate after a share of the time, as a share of its peak: up, then down to zero."""
    return min(1.0, share / RAMP + 0.01) * (1.0 - min(1.0, share))


def train(
    model: nn.Module,
    loss: Callable[[], Tensor],
    optimizer: torch.optim.Optimizer,
    options: argparse.Namespace,
    clock: Clock,
    *,
    rate: Callable[[int, float], float] | None = None,
) -> int:
    """Learn until the time is over; give the steps that were taken.

    Args:
        model: learns.
        loss: of one batch.
        optimizer: of all weights.
        options: seconds and dtype.
        clock: counts from the start of the process.
        rate: factor on the rate after so many steps and such a share of the time.
    """
    peak = optimizer.param_groups[0]["lr"]
    low = options.dtype == "bfloat16"
    steps, rate = 0, rate or (lambda _, share: fall(share))
    model.train()
    while (share := clock.spent / options.seconds) < 1.0:
        for group in optimizer.param_groups:
            group["lr"] = peak * rate(steps, share)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            batch = loss()
        batch.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps += 1
    return steps


def tell(nats: float, steps: int, seconds: float) -> None:
    """Print the scores as the last line."""
    scores = {"nats per character": nats, "steps": float(steps), "seconds": seconds}
    print(json.dumps({**scores, "bits per character": nats / math.log(2)}), flush=True)
