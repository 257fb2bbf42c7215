"""What share of the machine's arithmetic does a training step reach, and what eats the rest?

The machine's rate is measured here, in bf16 and fp32: a square matrix product, and a 3×3
convolution from 128 to 256 channels at 7×7 in batches of 500, forward, channels last. The step is
forward, backward and update of the largest network for pictures of 28×28, by its own recipe; only
the operations of forward and backward count (torch.utils.flop_counter), the time of all does.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._pellucid import PACKAGES
from benchmarks.runner import Setting, System, Trial, measure, must, say

BATCH = 500  # of the measured convolution
SHAPE, CLASSES = (1, 28, 28), 10
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
    parser.add_argument("--size", type=int, help="default: the largest")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rates: dict[str, Any] = {}
    for name, kind in (("bf16", torch.bfloat16), ("fp32", torch.float32)):
        rates[f"{name} product, GFLOP/s"] = product(kind, options.seconds)
        rates[f"{name} convolution, GFLOP/s"] = convolution(kind, options.seconds)
    step = training_step(options.network, options.size, options.seconds)
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
    return 2 * size**3 / timed(lambda: torch.mm(a, b), seconds=seconds)[0] / 1e9


def convolution(kind: Any, seconds: float) -> float:
    """Measure a 3×3 convolution, 128 to 256 channels at 7×7, batch 500, GFLOP/s."""
    import torch

    last = torch.channels_last
    layer = torch.nn.Conv2d(128, 256, 3, padding=1, bias=False).to(kind, memory_format=last)
    x = torch.randn(BATCH, 128, 7, 7).to(kind, memory_format=last)
    operations = 2 * BATCH * 256 * 128 * 9 * 49
    with torch.inference_mode():
        return operations / timed(lambda: layer(x), seconds=seconds)[0] / 1e9


def training_step(name: str, size: int | None, seconds: float) -> dict[str, Any]:
    """Time steps of a registered network by its own recipe: forward, backward, update.

    Args:
        name: of the network.
        size: of the network; None for the largest.
        seconds: to measure for.

    Returns:
        "rate": operations of forward and backward over the time of whole steps, GFLOP/s; "network":
        what was built; "eats": where the time of a step goes.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from pellucid.training.optim import optimizers

    module, numerics, recipe, what = _built(name, size)
    x, y = torch.rand(recipe.batch, *SHAPE), torch.randint(CLASSES, (recipe.batch,))
    x = x.to(memory_format=torch.channels_last)
    made = optimizers(module, recipe)

    def learn() -> None:
        with numerics.autocast():
            outputs = module(x)
        outputs = outputs if outputs.ndim == 2 else outputs.flatten(0, 1)
        labels = y.repeat_interleave(len(outputs) // len(y))
        torch.nn.functional.cross_entropy(outputs.float(), labels).backward()

    def update() -> None:
        for optimizer in made:
            optimizer.step()
            optimizer.zero_grad()

    with FlopCounterMode(display=False) as counter:
        learn()
    learning, updating = timed(learn, update, seconds=seconds)
    rate = counter.get_total_flops() / (learning + updating) / 1e9
    share = updating / (learning + updating)
    eats = f"the update {share:.0%}; by operation {_eaters(learn, update)}"
    return {"rate": rate, "network": what, "eats": eats}


def timed(*works: Callable[[], object], seconds: float) -> list[float]:
    """Give the median seconds of each of some calls made in turn, for about so many seconds."""
    times: list[list[float]] = [[] for _ in works]
    begin = time.perf_counter()
    while len(times[0]) < 4 or time.perf_counter() - begin < seconds:
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken[1:]) for taken in times]  # the first call allocates


def _built(name: str, size: int | None) -> tuple[Any, Any, Any, str]:
    """Give the network in training mode, its numerics, its recipe, and what it is in words."""
    from pellucid.data import Schema
    from pellucid.networks import recipe_of
    from pellucid.registry import network
    from pellucid.training.numerics import suited

    classes = tuple(str(place) for place in range(CLASSES))
    schema = Schema(
        kind="image", shape=SHAPE, classes=classes, shares=(1 / CLASSES,) * CLASSES, target="class"
    )
    builder = network[name]
    recipe = recipe_of(builder, schema)
    size = size or recipe.sizes
    module = builder(schema, CLASSES, size=size)
    numerics = suited(module, "cpu")
    weights = sum(weight.numel() for weight in module.parameters())
    what = f"{name} size {size}, {weights:,} weights, batch {recipe.batch}, {numerics.dtype}"
    return numerics.place(module.train()), numerics, recipe, what


def _eaters(*works: Callable[[], None], count: int = 8) -> str:
    """Name the operations that take the largest shares of a step."""
    import torch

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        for work in works:
            work()
    events = sorted(profile.key_averages(), key=lambda event: -event.self_cpu_time_total)
    total = sum(event.self_cpu_time_total for event in events) or 1
    shares = [f"{event.key} {event.self_cpu_time_total / total:.0%}" for event in events[:count]]
    return ", ".join(shares)


if __name__ == "__main__":
    main()
