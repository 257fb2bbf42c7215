"""One network with a known reason: learned, checked to go by that reason, explained, all scored.

A process of its own, which prints JSON. The network counts if it is right about at least 95 % of
new examples, of the same reasons in other scenery, and of the same scenery with the reasons of
other answers; for numbers, if it explains 90 % of the variance. Otherwise its reasons are not known
and nothing is explained.
"""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_clips import ANSWERS as CLIP_ANSWERS
from benchmarks._planted_clips import LEVELS as CLIP_LEVELS
from benchmarks._planted_clips import Films
from benchmarks._planted_pictures import DESIGNS, Pictures
from benchmarks._planted_pictures import LEVELS as PICTURE_LEVELS
from benchmarks._planted_series import ANSWERS, Lines
from benchmarks._planted_series import LEVELS as SERIES_LEVELS
from benchmarks._planted_sounds import ANSWERS as SOUND_ANSWERS
from benchmarks._planted_sounds import LEVELS as SOUND_LEVELS
from benchmarks._planted_sounds import Sounds
from benchmarks._planted_tables import LEVELS as TABLE_LEVELS
from benchmarks._planted_tables import PLANS, Tables
from benchmarks._planted_texts import LEVELS as TEXT_LEVELS
from benchmarks._planted_texts import TALES, Texts
from benchmarks._planted_truth import NEITHER, Design, Planted, auroc

RIGHT, EXPLAINED = 0.95, 0.9
TESTED = 400  # examples for each check
FAMILIES: dict[str, tuple[Any, Any, Any]] = {
    "pictures": (Pictures, DESIGNS, PICTURE_LEVELS),
    "tables": (Tables, PLANS, TABLE_LEVELS),
    "texts": (Texts, TALES, TEXT_LEVELS),
    "series": (Lines, ANSWERS, SERIES_LEVELS),
    "sounds": (Sounds, SOUND_ANSWERS, SOUND_LEVELS),
    "clips": (Films, CLIP_ANSWERS, CLIP_LEVELS),
}


def main() -> None:
    """Do it all and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", choices=FAMILIES)
    parser.add_argument("name", help="of the design")
    parser.add_argument("level", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", default="11 s")
    parser.add_argument("--examples", type=int, default=10, help="explained by pellucid's choice")
    parser.add_argument("--each", type=int, default=4, help="of them explained by every method")
    options = parser.parse_args()
    make, _, levels = FAMILIES[options.family]
    design: Design = make(options.name, options.level)
    count = getattr(levels[options.level], "examples", None) or levels[options.level].rows
    base = 1000 * options.seed
    model = design.fit(
        design.made(count, seed=base, training=True), budget=options.budget, seed=options.seed
    )
    checks = checked(design, model, base)
    found = {
        "network": f"{options.family} {options.name} {options.level} seed {options.seed}",
        "checks": checks,
        "known": all(value >= least for value, least in checks.values()),
        "trust": dict(model.trust),
        "rows": [],
    }
    if found["known"]:
        test = design.made(8 * options.examples, seed=base + 4)
        found["rows"] = list(explained(design, model, test, options.examples, options.each))
    print(json.dumps(found))


def checked(design: Design, model: Any, base: int) -> dict[str, tuple[float, float]]:
    """Tell how far the network is right and goes by the reason: each with the least needed."""
    sides = {
        "right": design.made(TESTED, seed=base + 1),
        "in other scenery": design.made(TESTED, seed=base + 1, scenery=base + 2),
        "with other reasons": design.made(TESTED, seed=base + 1, swapped=True),
    }
    return {name: _agreement(model, planted) for name, planted in sides.items()}


def explained(
    design: Design, model: Any, test: Planted, examples: int, each: int
) -> Iterator[dict[str, Any]]:
    """Explain rightly answered examples that have a reason, and score the explanations."""
    from pellucid.explaining._choosing import suiting

    answers = _answers(model, test.x)
    there = test.y != NEITHER
    if answers.dtype == object:
        there &= answers == test.y
    for number, place in enumerate(np.flatnonzero(there)[:examples].tolist()):
        yield _row(design, model, test, place, None)
        for method in suiting(model.why.subject) if number < each else ():
            yield _row(design, model, test, place, method)


def _row(
    design: Design, model: Any, test: Planted, place: int, method: str | None
) -> dict[str, Any]:
    start = time.perf_counter()
    several = not _apart(test.x)
    explanation = model.explain(
        test.x[place : place + 1] if several else test.x[place], method=method
    )
    explanation = explanation[0] if isinstance(explanation, list) else explanation
    seconds = time.perf_counter() - start
    shares = np.array([part.share for part in explanation.parts])
    scores = shares if design.signed else abs(shares)
    faithful = explanation.faithfulness
    return {
        "asked": method or "pellucid",
        "method": explanation.method,
        "place": place,
        "auroc": auroc(scores, design.labels(model, test, place, explanation)),
        "reliable": explanation.reliable,
        "reason": explanation.reason,
        "faithfulness": {
            "value": faithful.value,
            "low": faithful.low,
            "high": faithful.high,
            "checks": dict(faithful.checks),
        },
        "seconds": seconds,
    }


def _agreement(model: Any, planted: Planted) -> tuple[float, float]:
    answers, y = _answers(model, planted.x), planted.y
    if y.dtype == object:
        return float((answers == y).mean()), RIGHT
    return float(1 - ((answers - y) ** 2).mean() / y.var()), EXPLAINED


def _answers(model: Any, x: Any) -> NDArray[Any]:
    given = x if _apart(x) else [x]
    found = [one.answer for each in given for one in model.predict_many(each)]
    if hasattr(found[0], "label"):
        return np.array([answer.label for answer in found], object)
    if hasattr(found[0], "median"):
        return np.array([next(iter(answer.median.values())).mean() for answer in found])
    return np.array([answer.value for answer in found])


def _apart(x: Any) -> bool:
    """Tell whether each example is a table of its own."""
    return isinstance(x, list) and not isinstance(x[0], str)


if __name__ == "__main__":
    main()
