"""What share of the machine's arithmetic does a training step reach, and what eats the rest?

The machine's rate is measured here, in bf16 and fp32: a square matrix product, and a 3×3 convolution
from 128 to 256 channels at 7×7 in batches of 500, forward, channels last. The step is forward,
backward and AdamW of the largest network for pictures of 28×28, bf16 and channels last, its
operations counted by torch.utils.flop_counter.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._pellucid import PACKAGES
from benchmarks.runner import Setting, System, Trial, measure, must, say

BATCH, SHAPE, CLASSES = 500, (1, 28, 28), 10
NOT_COUNTED = ("eats", "network")


def ask(setting: Setting) -> None:
    """Measure in a process of its own, as everything here is."""
    words = ["--seconds", "0.3"] if setting.smoke else []

    def one(seed: int) -> Trial:
        command = [sys.executable, "-m", "benchmarks.rates", "--seed", str(seed), *words]
        source = str(Path(__file__).parents[1] / "src")
        done = must(command, environment={"PYTHONPATH": f"{source}:{Path(__file__).parents[1]}"})
        found: dict[str, Any] = json.loads(done.output.strip().splitlines()[-1])
        say(f"largest network: {found['network']}; the step's time goes to {found['eats']}")
        scores = {name: found[name] for name in found if name not in NOT_COUNTED}
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)

    measure("rates", [System("pellucid resnet", one, packages=PACKAGES)], setting)


def main() -> None:
    """Print all rates as JSON, in GFLOP/s."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="time for each rate")
    parser.add_argument("--network", default="resnet")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rates: dict[str, Any] = {}
    for name, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        rates[f"{name} product, GFLOP/s"] = product(kind, options.seconds)
        rates[f"{name} convolution, GFLOP/s"] = convolution(kind, options.seconds)
    step = training_step(options.network, options.seconds)
    best = max(rates["bf16 product, GFLOP/s"], rates["bf16 convolution, GFLOP/s"])
    against = rates["bf16 convolution, GFLOP/s"]
    rates["training step, GFLOP/s"] = step["rate"]
    rates["step / best bf16 rate"] = step["rate"] / best
    rates["step / bf16 convolution"] = step["rate"] / against
    print(json.dumps({**rates, "network": step["network"], "eats": step["eats"]}))


def product(kind: Any, seconds: float, size: int = 2048) -> float:
    """Measure a square matrix product, GFLOP/s."""
    import torch

    a, b = torch.randn(2, size, size).to(kind)
    return 2 * size**3 / timed(lambda: torch.mm(a, b), seconds) / 1e9


def convolution(kind: Any, seconds: float) -> float:
    """Measure a 3×3 convolution, 128 to 256 channels at 7×7, batch 500, GFLOP/s."""
    import torch

    last = torch.channels_last
    layer = torch.nn.Conv2d(128, 256, 3, padding=1, bias=False).to(kind, memory_format=last)
    x = torch.randn(BATCH, 128, 7, 7).to(kind, memory_format=last)
    operations = 2 * BATCH * 256 * 128 * 9 * 49
    with torch.inference_mode():
        return operations / timed(lambda: layer(x), seconds) / 1e9


def training_step(name: str, seconds: float) -> dict[str, Any]:
    """Time forward, backward and update of a registered network at its largest size.

    Returns:
        "rate", GFLOP/s; "network", what was built; "eats", the operations that took longest.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    module, size = _built(name)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    x = torch.rand(BATCH, *SHAPE).to(memory_format=torch.channels_last)
    y = torch.randint(CLASSES, (BATCH,))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            outputs = module(x)
        outputs = outputs if outputs.ndim == 2 else outputs.flatten(0, 1)
        labels = y.repeat_interleave(len(outputs) // len(y))
        torch.nn.functional.cross_entropy(outputs.float(), labels).backward()
        optimizer.step()

    with FlopCounterMode(display=False) as counter:
        step()
    weights = sum(weight.numel() for weight in module.parameters())
    return {
        "rate": counter.get_total_flops() / timed(step, seconds) / 1e9,
        "network": f"{name} size {size}, {weights:,} weights, batch {BATCH}",
        "eats": _eaters(step),
    }


def timed(work: Callable[[], object], seconds: float) -> float:
    """Give the median seconds of one call, over at least three and about so many seconds."""
    work()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def _built(name: str) -> tuple[Any, int]:
    import torch

    from pellucid.data import Schema
    from pellucid.registry import network

    classes = tuple(str(place) for place in range(CLASSES))
    schema = Schema(
        kind="image", shape=SHAPE, classes=classes, shares=(1 / CLASSES,) * CLASSES, target="class"
    )
    builder = network[name]
    size = int(getattr(builder, "sizes", 1))
    module = builder(schema, CLASSES, size=size)
    return module.train().to(memory_format=torch.channels_last), size


def _eaters(step: Callable[[], None], count: int = 8) -> str:
    """Name the operations that take the largest shares of a step."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    events = sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events) or 1
    shares = [f"{event.key} {event.self_cpu_time_total / total:.0%}" for event in events[:count]]
    return ", ".join(shares)


if __name__ == "__main__":
    main()
