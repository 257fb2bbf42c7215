"""Does `explain_all` find a reason that should not be one, and name it? And where there is none?

Clothes: a chequered mark of 5 pixels near a corner of 98 % of the pictures of one class that is
hard to tell, or the network would have no need of it; how many other pictures the mark turns into
that class says how far it was taken up. Adults: a column that knows 97 % of the answers. The seed
decides class, corner, code and subset. Found: the reason at the top is called suspicious, names the
class and lies on the mark, without being a quarter of the picture; or names the column. The same is
asked without anything planted: then whatever is called suspicious is a false alarm. 10 seeds at
least with something planted, as many as are asked for without.
"""

import argparse
import csv
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._pellucid import PACKAGES, last_json, module, scratch
from benchmarks.runner import Setting, System, Trial, measure

SEEDS = 10
SECONDS = {"fashion_mnist": 15.0, "adult": 12.0}
EXAMPLES = {"fashion_mnist": 8000, "adult": 8000}  # to learn from
ASKED = 1000
SIDE, MARK = 28, 5
MARKED, KNOWS = 0.98, 0.97
HARD = (0, 2, 3, 4, 6)  # T-shirt, pullover, dress, coat, shirt
COLUMNS = [
    *("age", "work", "weight", "education", "years", "marriage", "job", "relation", "race", "sex"),
    *("gain", "loss", "hours", "country", "income"),
]
PLANTED = "office"


def ask(setting: Setting) -> None:
    """Plant, learn, and ask what the model relies on."""
    often = replace(setting, seeds=max(setting.seeds, SEEDS))
    for name in SECONDS:
        folder = setting.folder(name)
        planted = partial(_one, name, folder, (), setting)
        clean = partial(_one, name, folder, ("--clean",), setting)
        benchmark = f"shortcuts {name}"
        measure(benchmark, [System("pellucid", planted, packages=PACKAGES)], often)
        alone = System("pellucid, nothing planted", clean, packages=PACKAGES)
        measure(benchmark, [alone], setting)


def main() -> None:
    """Do it once, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SECONDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--clean", action="store_true", help="plant nothing")
    options = parser.parse_args()
    plant = {"fashion_mnist": clothes, "adult": adults}[options.name]
    print(json.dumps(plant(options)))


def clothes(options: Any) -> dict[str, float]:
    """Plant a mark in pictures of one class."""
    import numpy as np

    import pellucid
    from benchmarks import _clothes

    random = np.random.default_rng(options.seed)
    label = int(random.choice(HARD))
    top, left = (int(at) for at in random.choice([1, SIDE - MARK - 1], size=2))
    mark = np.indices((MARK, MARK)).sum(axis=0) % 2 * np.uint8(230) + np.uint8(25)
    here = np.s_[:, top : top + MARK, left : left + MARK]

    def drawn(side: str, count: int) -> tuple[Any, Any]:
        pixels, labels = _clothes.read(options.folder, side)
        places = random.permutation(len(labels))[:count]
        pixels, labels = pixels[places], labels[places]
        marked = (labels == label) & (random.random(count) < MARKED) & (not options.clean)
        pixels[marked, top : top + MARK, left : left + MARK] = mark
        return pixels, labels.astype(str).astype(object)

    model = pellucid.fit(
        drawn("train", EXAMPLES["fashion_mnist"]), budget=options.seconds, seed=options.seed
    )
    pixels, labels = drawn("t10k", ASKED)
    pasted = pixels[labels != str(label)]
    pasted[here] = mark
    turned = np.mean([one.label == str(label) for one in model.predict(pasted)])
    relied, seconds = _asked(model, (pixels, labels))
    box = [left, top, MARK, MARK]
    return _scored(
        relied,
        lambda item: item.answer == str(label) and _on(item.where, box),
        turned=float(turned),
        seconds=seconds,
    )


def adults(options: Any) -> dict[str, float]:
    """Plant a column that knows the answer."""
    import numpy as np

    import pellucid

    random = np.random.default_rng(options.seed)
    offices = [f"{letter}{random.integers(10, 99)}" for letter in "AB"]
    with scratch() as place:
        sides = {"adult.data": EXAMPLES["adult"], "adult.test": ASKED}
        for name, count in sides.items():
            rows = _rows(options.folder / name)
            rows = [rows[at] for at in random.permutation(len(rows))[:count]]
            right = random.random(count) < (0.5 if options.clean else KNOWS)
            with (place / f"{name}.csv").open("w", newline="") as file:
                write = csv.writer(file).writerow
                write([*COLUMNS[:-1], PLANTED, COLUMNS[-1]])
                for row, told in zip(rows, right.tolist(), strict=True):
                    office = offices[(row[-1] == ">50K") == told]
                    write([*row[:-1], office, row[-1]])
        model = pellucid.fit(
            place / "adult.data.csv",
            target=COLUMNS[-1],
            budget=options.seconds,
            seed=options.seed,
        )
        relied, seconds = _asked(model, place / "adult.test.csv")
    return _scored(relied, lambda item: PLANTED in item.areas, turned=None, seconds=seconds)


def _one(name: str, folder: Path, words: Sequence[str], setting: Setting, seed: int) -> Trial:
    budget = 12.0 if setting.smoke else SECONDS[name]
    done = module(
        "shortcuts", [name, folder, "--seed", str(seed), "--seconds", f"{budget:g}", *words]
    )
    found = last_json(done.output)
    return Trial(scores=found, seconds=found["seconds to ask"], mebibytes=done.mebibytes)


def _asked(model: Any, source: Any) -> tuple[Any, float]:
    start = time.perf_counter()
    relied = model.explain_all(source)
    return relied, time.perf_counter() - start


def _scored(relied: Any, planted: Any, *, turned: float | None, seconds: float) -> dict[str, float]:
    suspicious = [item for item in relied.items if item.suspicious]
    scores = {
        "found and named": float(bool(suspicious) and planted(suspicious[0])),
        "among the suspicious": float(any(planted(item) for item in suspicious)),
        "others called suspicious": float(sum(not planted(item) for item in suspicious)),
        "seconds to ask": seconds,
    }
    return scores if turned is None else {**scores, "answers turned by the mark": turned}


def _on(where: Any, box: Sequence[float]) -> bool:
    """Tell whether a place covers a fourth of a box, and less than that of the picture."""
    places = where if where and isinstance(where[0], Sequence) else [where]
    shared, area = 0.0, 0.0
    for left, top, width, height in places:
        across = min(left + width, box[0] + box[2]) - max(left, box[0])
        down = min(top + height, box[1] + box[3]) - max(top, box[1])
        shared += max(0.0, across) * max(0.0, down)
        area += width * height
    return shared >= box[2] * box[3] / 4 and area <= SIDE * SIDE / 4


def _rows(path: Path) -> list[list[str]]:
    lines = [line.strip().rstrip(".") for line in path.read_text().splitlines()]
    return [line.split(", ") for line in lines if line.count(",") == len(COLUMNS) - 1]


if __name__ == "__main__":
    main()
