"""Pellucid's explanations beside Captum's, of one network, by one judge. Prints JSON.

The judge: pixels are shown on a blank, or covered by it, in the order of each map, 2.5 % of the
picture a step; insertion minus deletion is the difference of the two mean probabilities of the
answer. A part's share lies over its pixels as the explanation says (`detail`), and the time for
that counts; colours are summed. There are three blanks, and an explanation is always against one:
pellucid is asked against the one by which it is judged (`blank=`), and so, besides its documented
use, is Captum's IntegratedGradients ("told the blank").

Captum's methods as it documents them (captum.ai: algorithms, tutorials "Resnet_TorchVision"),
baselines at 0, which is the mean colour: IntegratedGradients with 50 steps; GradientShap with 50
samples, noise of 0.0001 and the picture and black as baselines; DeepLift; Occlusion with windows
of 15 pixels in strides of 8, and with both scaled from the tutorial's 224 pixels to the picture's
side. All are asked for the class's output; gradients in float32. DeepLift has no rule for GELU,
which takes its plain gradient there, and cannot average over views. Its Occlusion is given 64
coverings at once; one at a time, the default, takes longer.
"""

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

STEPS = 40
BLANKS = {"its blank": None, "mean colour": "mean colour", "blur": "blurred"}
OWN = {
    "pellucid": None,
    "pellucid shapley": "shapley",
    "pellucid integrated_gradients": "integrated_gradients",
    "pellucid occlusion": "occlusion",
    "pellucid sketch": "sketch",
    "pellucid coarse_gradients": "coarse_gradients",
}
TUTORIAL = 224  # pixels
Map = Callable[[], Tensor]


def main() -> None:
    """Explain pictures by every system in turn and judge all maps alike."""
    import pellucid
    from pellucid.data import Ask

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", module="captum")
    model = pellucid.load(options.model)
    every = model.kind.read(options.data, Ask(schema=model.schema))
    places = np.random.default_rng(0).permutation(len(every))[: options.examples + 1]
    examples = model.kind.take(every, places)
    found: dict[str, dict[str, list[float]]] = {}
    failed: dict[str, str] = {}
    for place in range(len(examples)):
        scores = judged(model, examples, place, failed)
        for system, figures in scores.items() if place else ():  # the first one warms up
            for name, value in figures.items():
                found.setdefault(system, {}).setdefault(name, []).append(value)
    means = {
        system: {name: statistics.fmean(values) for name, values in figures.items()}
        for system, figures in found.items()
    }
    method = model.why.explainer().name
    print(json.dumps({"systems": means, "failed": failed, "method": method}))


def judged(
    model: Any, examples: Any, place: int, failed: dict[str, str]
) -> dict[str, dict[str, float]]:
    """Let every system explain one picture, another first each time.

    Args:
        model: whose answer is explained.
        examples: pictures.
        place: of the one that is explained.
        failed: systems that cannot explain this network, and why; added to.
    """
    why = model.why
    start = time.perf_counter()
    why.explain(examples, place)
    whole = time.perf_counter() - start
    cases = {blank: why.case(examples, place, blank=name)[0] for blank, name in BLANKS.items()}
    plain = cases["its blank"]
    documented = {**captums(why.subject, plain), "random order": _by_chance(plain)}
    scores: dict[str, dict[str, float]] = {}
    for turn, (blank, case) in enumerate(cases.items()):
        told = {name: partial(own, why, case, method) for name, method in OWN.items()}
        told["Captum IntegratedGradients, told the blank"] = captum_told(why.subject, case)
        systems = {**told, **documented}
        names = [name for name in systems if name not in failed]
        first = (place + turn) % len(names)
        for name in names[first:] + names[:first]:
            start = time.perf_counter()
            try:
                drawn = systems[name]().detach()
            except (AssertionError, RuntimeError, ValueError) as error:
                failed[name] = str(error)
                continue
            seconds = time.perf_counter() - start
            area = _area(why.subject, case, drawn)
            found = scores.setdefault(name, {"seconds for shares": seconds})
            found[f"insertion minus deletion, {blank}"] = area
    scores["pellucid"]["seconds for a whole explanation"] = whole
    return scores


def own(why: Any, case: Any, method: str | None) -> Tensor:
    """Give the shares of a method, None for the one that speaks for the model, pixel by pixel."""
    explainer = why.explainer(method)
    shares = explainer.shares(why.subject, case)
    detail = explainer.detail(why.subject, case, shares)
    return detail.expand(1, *case.x.shape[1:])[0]


def captum_told(subject: Any, case: Any) -> Map:
    """Give Captum's IntegratedGradients with the blank of the case as its baseline."""
    from captum.attr import IntegratedGradients

    def exact(given: Tensor) -> Tensor:
        return subject.outputs(given, exact=True)

    return _summed(
        lambda: IntegratedGradients(exact).attribute(
            case.x[None], baselines=case.blanks[:1], target=int(case.which), n_steps=50
        )
    )


def captums(subject: Any, case: Any) -> dict[str, Map]:
    """Give Captum's methods, each as it is documented."""
    from captum.attr import DeepLift, GradientShap, IntegratedGradients, Occlusion

    x, target = case.x[None], int(case.which)
    side = min(x.shape[2:])

    def exact(given: Tensor) -> Tensor:
        return subject.outputs(given, exact=True)

    def occlusion(window: int, stride: int) -> Tensor:
        return Occlusion(subject.outputs).attribute(
            x,
            target=target,
            baselines=0,
            strides=(x.shape[1], stride, stride),
            sliding_window_shapes=(x.shape[1], window, window),
            perturbations_per_eval=64,
        )

    def gradient_shap() -> Tensor:
        torch.manual_seed(0)
        ends = torch.cat([x * 0, x])
        return GradientShap(exact).attribute(
            x, baselines=ends, n_samples=50, stdevs=0.0001, target=target
        )

    def scaled(pixels: int, least: int) -> int:
        return max(least, round(pixels * side / TUTORIAL))

    maps = {
        "IntegratedGradients": lambda: IntegratedGradients(exact).attribute(
            x, target=target, n_steps=50
        ),
        "GradientShap": gradient_shap,
        "DeepLift": lambda: DeepLift(_Plain(subject.network)).attribute(x, target=target),
        "Occlusion, 15 by 8": lambda: occlusion(min(15, side), 8),
        "Occlusion, scaled": lambda: occlusion(scaled(15, 3), scaled(8, 1)),
    }
    return {f"Captum {name}": _summed(attribute) for name, attribute in maps.items()}


def _area(subject: Any, case: Any, drawn: Tensor) -> float:
    """Give insertion minus deletion against the blanks of the case."""
    order = drawn.flatten().argsort(descending=True, stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order))
    share = ((rank.double() + 0.5) / len(order)).view(drawn.shape)
    shown = share[None] < torch.linspace(0, 1, STEPS + 1)[:, None, None]
    return statistics.fmean(
        _probability(subject, case, shown, blank) - _probability(subject, case, ~shown, blank)
        for blank in case.blanks
    )


def _by_chance(case: Any) -> Map:
    return lambda: torch.rand(case.x.shape[1:])


def _probability(subject: Any, case: Any, shown: Tensor, blank: Tensor) -> float:
    x = torch.where(shown[:, None], case.x, blank)
    which = torch.full((len(x),), case.which)
    with torch.inference_mode():
        odds = subject.numbers(x, which)  # of the answer against all others, in nats
    curve = odds.double().sigmoid()
    return float(torch.trapezoid(curve, dx=1 / STEPS))


class _Plain(nn.Module):
    """A network in float32, seen once."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Give its outputs."""
        return self.network(x).float()


def _summed(attribute: Map) -> Map:
    return lambda: attribute()[0].sum(dim=0)


if __name__ == "__main__":
    main()
