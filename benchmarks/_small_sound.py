"""The smallest network for sound, learned alone: how right, how large, how quick it is.

Run as a process: folders to learn from and to test on, seconds, seed. The time is that of one
second of sound on one core, the spectrogram included, the median of 200.
"""

import json
import sys
import time
from statistics import median

import torch

import pellucid

_TIMES = 200


def main() -> None:
    """Learn, test, time; print it as JSON."""
    train, test, seconds, seed = sys.argv[1:5]
    model = pellucid.fit(train, budget=f"{seconds} s", seed=int(seed), network="keywords")
    torch.set_num_threads(1)
    network = model.network.eval()
    x = 0.1 * torch.randn(1, round(model.schema.rate))
    times = []
    with torch.inference_mode():
        for _ in range(_TIMES):
            before = time.perf_counter()
            network(x)
            times.append(time.perf_counter() - before)
    scores = model.evaluate(test)["scores"]
    found = {
        "accuracy": scores["accuracy"]["value"],
        "weights": sum(weight.numel() for weight in network.parameters()),
        "milliseconds for a second": 1000 * median(times),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
