"""DLinear in plain torch, with the settings of its authors' script for ETTh1.

Two linear layers from past to horizon, shared by all variables, one on a moving average over 25
steps and one on the rest; weights start at one over the past. Adam, rate 0.005, halved after every
pass; batches of 32; ten passes, ended after three without a better validation error; the best
weights are tested.

Source: Zeng, Chen, Zhang & Xu 2023, arXiv:2205.13504, and its repository cure-lab/LTSF-Linear,
scripts/EXP-LongForecasting/Linear/etth1.sh.
Departs: windows are drawn from memory, which is faster than the loader of the repository; the last
batch of a side is not dropped.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from _clock import Clock
from _windows import sides, windows
from torch import Tensor, nn

KERNEL, BATCH, RATE, PASSES, PATIENCE = 25, 32, 0.005, 10, 3


class DLinear(nn.Module):
    """A linear layer for what moves slowly and one for the rest."""

    def __init__(self, past: int, horizon: int) -> None:
        super().__init__()
        self.slow, self.rest = nn.Linear(past, horizon), nn.Linear(past, horizon)
        for layer in (self.slow, self.rest):
            nn.init.constant_(layer.weight, 1 / past)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        slow = F.avg_pool1d(F.pad(x, (KERNEL // 2, KERNEL // 2), mode="replicate"), KERNEL, 1)
        return (self.slow(slow) + self.rest(x - slow)).transpose(1, 2)


def main() -> None:
    """Learn and test; print the scores as JSON."""
    clock, options = Clock(), _arguments()
    torch.manual_seed(options.seed)
    train, valid, test = (
        windows(side, options.past, options.horizon)
        for side in sides([options.train, options.valid, options.test])
    )
    network = DLinear(options.past, options.horizon)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    best, kept, worse = float("inf"), copy.deepcopy(network.state_dict()), 0
    for number in range(1 if options.smoke else PASSES):
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 ** max(0, number - 1)
        order = np.random.default_rng([options.seed, number]).permutation(len(train[0]))
        for start in range(0, len(order), BATCH):
            some = np.sort(order[start : start + BATCH])
            x, y = (torch.from_numpy(side[some]) for side in train)
            optimizer.zero_grad()
            F.mse_loss(network(x), y).backward()
            optimizer.step()
        error = _errors(network, *valid)["mse"]
        worse = 0 if error < best else worse + 1
        if error < best:
            best, kept = error, copy.deepcopy(network.state_dict())
        if worse == PATIENCE:
            break
    seconds = clock.spent
    network.load_state_dict(kept)
    print(json.dumps({**_errors(network, *test), "seconds": seconds}))


@torch.no_grad()
def _errors(network: nn.Module, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    squares = absolutes = 0.0
    for start in range(0, len(x), 256):
        some = slice(start, start + 256)
        error = network(torch.from_numpy(x[some].copy())) - torch.from_numpy(y[some].copy())
        squares += float(error.square().sum(dtype=torch.float64))
        absolutes += float(error.abs().sum(dtype=torch.float64))
    return {"mse": squares / y.size, "mae": absolutes / y.size}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for side in ("train", "valid", "test"):
        parser.add_argument(side, type=Path)
    parser.add_argument("--horizon", type=int, required=True)
    parser.add_argument("--past", type=int, default=336)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--smoke", action="store_true", help="one pass")
    return parser.parse_args()


if __name__ == "__main__":
    main()
