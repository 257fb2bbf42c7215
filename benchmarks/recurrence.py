"""How many tokens a second does a recurrent layer learn from, beside torch's own?

A training step is forward and backward of two stacked layers, no optimiser and no other layer, for
a batch of random numbers; tokens are steps of all rows. Systems take turns in one process, and the
best of many steps counts for each, so that other processes disturb none. Everything is measured in
float32 and under bfloat16 autocast. minGRU in plain torch is there twice: by the scan in logarithms
that its paper gives, and by doubling. The floor is the time that the products alone would take at
the rate of a square bfloat16 product of this machine. One step alone: batch 1, 256 units.
"""

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._pellucid import PACKAGES
from benchmarks.rates import product
from benchmarks.runner import Setting, System, Trial, measure, must, say

SIZES = ((32, 128, 256), (32, 256, 256), (64, 128, 128), (16, 256, 512))  # B, T, units
LAYERS = 2
OWN = ("gru", "lstm", "mingru", "minlstm")
GATES = {"gru": 3, "lstm": 4, "mingru": 2, "minlstm": 3}
SYSTEMS = {
    **{f"pellucid {cell}": cell for cell in OWN},
    "torch.nn.GRU": "gru",
    "torch.nn.LSTM": "lstm",
    "minGRU in plain torch, logarithms": "mingru",
    "minGRU in plain torch, doubling": "mingru",
}


def ask(setting: Setting) -> None:
    """Measure all systems in one process for each seed."""
    systems = [
        System(name, partial(_one, setting.smoke, name), packages=PACKAGES) for name in SYSTEMS
    ]
    measure("recurrence", systems, setting)


def main() -> None:
    """Print as JSON what each system reaches."""
    import torch

    from pellucid.networks._recurrence import how
    from pellucid.training.numerics import keep_freed_memory

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.5, help="time for each size and system")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--sizes", type=int, default=len(SIZES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    keep_freed_memory()
    rate = product(torch.bfloat16, options.seconds)
    found: dict[str, dict[str, float]] = {name: {} for name in SYSTEMS}
    for rows, steps, units in SIZES[: options.sizes]:
        best = trained(rows, steps, units, options.seconds)
        for (name, width), seconds in best.items():
            size = f"{LAYERS} layers of {units}, {rows} x {steps}"
            found[name][f"{width} tokens/s, {size}"] = rows * steps / seconds
            floor = operations(SYSTEMS[name], units) * rows * steps / rate / 1e9
            found[name][f"{width} share of the floor, {size}"] = floor / seconds
    for name in found:
        for layers in (1, 2):
            found[name] |= {f"step, layers {layers}, us": stepped(name, layers) * 1e6}
    print(json.dumps({"systems": found, "rate": rate, "how": how()}))


def operations(cell: str, units: int) -> float:
    """Count the operations of the products of forward and backward, a token."""
    looped = 2 if cell in {"gru", "lstm"} else 1
    return 3 * 2 * LAYERS * GATES[cell] * looped * units**2


def trained(rows: int, steps: int, units: int, seconds: float) -> dict[tuple[str, str], float]:
    """Give the least seconds of a training step of each system in each width."""
    import torch

    x, slope = torch.randn(2, rows, steps, units)
    works: dict[tuple[str, str], Callable[[], None]] = {}
    for name in SYSTEMS:
        module = built(name, units, LAYERS)
        for width in ("fp32", "bf16"):
            works[name, width] = partial(_step, module, x, slope, width == "bf16")
    times: dict[tuple[str, str], list[float]] = {key: [] for key in works}
    begin = time.perf_counter()
    while len(times["torch.nn.GRU", "fp32"]) < 4 or (
        time.perf_counter() - begin < seconds * len(works)
    ):
        for key, work in works.items():
            start = time.perf_counter()
            work()
            times[key].append(time.perf_counter() - start)
    return {key: min(taken[1:]) for key, taken in times.items()}


def stepped(name: str, layers: int, units: int = 256) -> float:
    """Give the median seconds of one step alone, in float32."""
    import statistics

    import torch

    module, state, times = built(name, units, layers).eval(), None, []
    step = getattr(module, "step", None) or (lambda x, state: module(x[:, None], state))
    with torch.inference_mode():
        for x in torch.randn(300, 1, units):
            start = time.perf_counter()
            _, state = step(x, state)
            times.append(time.perf_counter() - start)
    return statistics.median(times)


def built(name: str, units: int, layers: int) -> Any:
    """Make stacked layers of a system."""
    from torch import nn

    from pellucid.networks._recurrence import Recurrence

    if name.startswith("pellucid"):
        return Recurrence(SYSTEMS[name], units, units, layers=layers)
    if name.startswith("torch.nn"):
        return getattr(nn, name.removeprefix("torch.nn."))(units, units, layers, batch_first=True)
    return _plain(units, layers, logarithms=name.endswith("logarithms"))


def _plain(units: int, layers: int, *, logarithms: bool) -> Any:
    """Make minGRU of plain torch operations."""
    import torch
    import torch.nn.functional as F
    from torch import Tensor, nn

    from pellucid.networks._recurrence import running

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(units, 2 * units) for _ in range(layers))

        def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
            ends = []
            for place, layer in enumerate(self.layers):
                gate, seen = layer(x).chunk(2, dim=-1)
                start = x.new_full((len(x), units), 1e-6) if state is None else state[place]
                x = (in_logarithms if logarithms else by_doubling)(gate, seen, start)
                ends.append(x[:, -1])
            return x, ends

    def in_logarithms(gate: Tensor, seen: Tensor, start: Tensor) -> Tensor:
        gate, seen = gate.float(), seen.float()
        what = torch.where(seen >= 0, (F.relu(seen) + 0.5).log(), -F.softplus(-seen))
        kept = F.pad(-F.softplus(gate), (0, 0, 1, 0)).cumsum(1)
        new = torch.cat([start.float().log()[:, None], what - F.softplus(-gate)], dim=1)
        return (kept + (new - kept).logcumsumexp(1)).exp()[:, 1:]

    def by_doubling(gate: Tensor, seen: Tensor, start: Tensor) -> Tensor:
        new, seen = torch.sigmoid(gate.float()), seen.float()
        what = torch.where(seen >= 0, seen + 0.5, torch.sigmoid(seen))
        return running(1 - new, new * what, start.float())

    return Plain()


def _step(module: Any, x: Any, slope: Any, half: bool) -> None:
    import torch

    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        y = module(x)[0]
    y.backward(slope.to(y.dtype))
    for weight in module.parameters():
        weight.grad = None


@functools.cache
def _measured(smoke: bool, seed: int) -> tuple[Mapping[str, Any], float, float]:
    words = ["--seconds", "0.1", "--sizes", "1"] if smoke else []
    command = [sys.executable, "-m", "benchmarks.recurrence", "--seed", str(seed), *words]
    root = Path(__file__).parents[1]
    done = must(command, environment={"PYTHONPATH": f"{root / 'src'}:{root}"})
    found: dict[str, Any] = json.loads(done.output.strip().splitlines()[-1])
    say(f"recurrence: {found['how']}; bf16 product {found['rate']:.0f} GFLOP/s")
    return found["systems"], done.seconds, done.mebibytes


def _one(smoke: bool, name: str, seed: int) -> Trial:
    systems, seconds, mebibytes = _measured(smoke, seed)
    return Trial(scores=systems[name], seconds=seconds, mebibytes=mebibytes)


if __name__ == "__main__":
    main()
