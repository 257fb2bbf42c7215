"""What does one step of a stream cost, and does what is remembered grow?

A recurrent network of 256 units reads seven numbers an hour and foretells the next 24 hours; its
weights are random, which costs what learned ones cost. Rows are pushed one at a time, batch 1,
after a warm-up: the median of a step without an answer and with one, the growth of the resident
memory over a million steps, and the largest difference between outputs after rows pushed one by one
and all at once. Beside it torch.nn.LSTM, called with one row a time, and torch.nn.LSTMCell, both
with a linear layer to as many outputs: what one would write by hand.

Reference: the aim is 60 µs a step and 200 µs at most.
"""

import argparse
import itertools
import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._pellucid import PACKAGES
from benchmarks.runner import Setting, System, Trial, measure, must

UNITS, CHANNELS, AHEAD, PAST = 256, 7, 24, 96
SYSTEMS = {
    "pellucid": "pellucid",
    "torch.nn.LSTM, a step a call": "lstm",
    "torch.nn.LSTMCell": "cell",
}
STEPS = 1_000_000


def ask(setting: Setting) -> None:
    """Measure each in a process of its own."""
    steps = 20_000 if setting.smoke else STEPS
    systems = [_system(name, word, steps) for name, word in SYSTEMS.items()]
    measure("streaming", systems, setting)


def main() -> None:
    """Print what one system takes, as JSON."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="pellucid", choices=list(SYSTEMS.values()))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)  # a second thread has nothing to do in a step of this size
    torch.manual_seed(options.seed)
    rows = torch.randn(2000, CHANNELS).tolist()
    made = _ours(rows) if options.system == "pellucid" else _by_hand(options.system, rows)
    push, found = made
    timed(push, rows, 2000)
    before = resident()
    found["a step, µs"] = timed(push, rows, options.steps)
    found["growth, KiB"] = resident() - before
    print(json.dumps(found))


def timed(push: Callable[[Any], object], rows: list[Any], steps: int) -> float:
    """Give the median time of a step over rounds of a hundred, µs."""
    rounds = []
    for start in range(0, steps, 100):
        some = [rows[(start + place) % len(rows)] for place in range(100)]
        started = time.perf_counter()
        for row in some:
            push(row)
        rounds.append((time.perf_counter() - started) / 100)
    return statistics.median(rounds) * 1e6


def resident() -> float:
    """Give the peak of resident memory, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _system(name: str, word: str, steps: int) -> System:
    def one(seed: int) -> Trial:
        words = ["--system", word, "--steps", str(steps), "--seed", str(seed)]
        root = Path(__file__).parents[1]
        done = must(
            [sys.executable, "-m", "benchmarks.streaming", *words],
            environment={"PYTHONPATH": f"{root / 'src'}:{root}"},
        )
        scores = json.loads(done.output.strip().splitlines()[-1])
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)

    packages = PACKAGES if word == "pellucid" else ("torch",)
    return System(name, one, packages=packages)


def _ours(rows: list[Any]) -> tuple[Callable[[Any], object], dict[str, float]]:
    """Give a step of a stream, and what else there is to say of it."""
    stream, whole = _model().stream(), _model().stream()
    for row in rows:
        stream.push(row, answer=False)
    whole.push(rows, answer=False)
    gap = float((stream.outputs() - whole.outputs()).abs().max())
    found = {
        "one by one against at once": gap,
        "a step and its answer, µs": timed(stream.push, rows, 2000),
    }
    return lambda row: stream.push(row, answer=False), found


def _model() -> Any:
    """Make a model that foretells hours; the network is drawn anew from the same seed."""
    from dataclasses import replace

    import torch

    from pellucid import registry
    from pellucid.data import Ask
    from pellucid.model import Model

    kind = registry.kind["series"]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hours.csv"
        path.write_text(_hours())
        examples = kind.read(path, Ask(task="forecast", ahead=AHEAD, past=PAST, whole=True))
    cls = registry.task["forecast"]
    task = cls(replace(kind.describe(examples), **cls.describe(examples.targets)))
    build = registry.network["rnn"]
    torch.manual_seed(0)
    made = (build(task.schema, task.outputs, size=size) for size in itertools.count(1))
    network = next(one for one in made if widest(one) >= UNITS).eval()
    return Model(network=network, task=task, kind=kind, built={"network": "rnn", "size": 1})


def widest(network: Any) -> int:
    """Give the largest number of units of a recurrent layer."""
    return max(int(getattr(module, "units", 0)) for module in network.modules())


def _hours() -> str:
    days = [f"2024-{month:02}-{day:02}" for month in (1, 3, 5, 7) for day in range(1, 29)]
    names = ",".join(f"v{place}" for place in range(CHANNELS))
    lines = [f"time,{names}"]
    for number, day in enumerate(days[:28]):
        for hour in range(24):
            values = ((hour * (place + 2) + number * 3) % 17 / 5 for place in range(CHANNELS))
            lines.append(f"{day} {hour:02}:00,{','.join(f'{value:.2f}' for value in values)}")
    return "\n".join(lines) + "\n"


def _by_hand(word: str, rows: list[Any]) -> tuple[Callable[[Any], object], dict[str, float]]:
    """Give a step of torch's own layers, with the memory kept between calls."""
    import torch
    from torch import nn

    del rows
    outputs = nn.Linear(UNITS, 2 * AHEAD * CHANNELS)
    layer: Any = (nn.LSTM if word == "lstm" else nn.LSTMCell)(CHANNELS, UNITS)
    kept: list[Any] = [None]

    def push(row: Any) -> object:
        with torch.inference_mode():
            x = torch.tensor([row])
            if word == "lstm":
                y, kept[0] = layer(x[None], kept[0])
                return outputs(y[0])
            kept[0] = layer(x, kept[0])
            return outputs(kept[0][0])

    return push, {}


if __name__ == "__main__":
    main()
