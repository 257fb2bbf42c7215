"""Are wrong labels found? 5 % of Fashion-MNIST's are flipped, then pellucid learns for 60 s.

Of the labels that a model of flipped ones suspects most, as many as were flipped, the share that
were: among those it learned from, and among the 10,000 that it did not, flipped alike. Labels that
were wrong before count as false alarms.
"""

import argparse
import json
from functools import partial
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, last_json, module, scratch
from benchmarks.runner import FailedRunError, Setting, System, Trial, measure

FLIPPED = 0.05
SIDES = {"train": "of the training labels", "t10k": "of held-out labels"}


def ask(setting: Setting) -> None:
    """Flip, learn, and look for what was flipped."""
    source = setting.folder("fashion_mnist")
    seconds = 12.0 if setting.smoke else 60.0
    system = System("pellucid", partial(_one, source, seconds), packages=PACKAGES)
    measure("suspects", [system], setting)


def main() -> None:
    """Print as JSON which share of the flipped labels a model finds."""
    import numpy as np

    import pellucid
    from benchmarks import _clothes
    from pellucid.data import Ask
    from pellucid.explaining._suspects import suspects

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("flipped", type=Path)
    options = parser.parse_args()
    model = pellucid.load(options.model)
    found = {}
    for side, name in SIDES.items():
        right, given = (
            _clothes.read(at, side)[1] for at in (options.source, options.flipped / side)
        )
        examples = model.kind.read(options.flipped / side, Ask(schema=model.schema))
        y = model.task.encode(examples.targets)
        wrong = np.flatnonzero(right != given)
        listed = suspects(
            model.outputs(examples),
            y,
            model.task,
            model.calibration,
            examples.names,
            count=len(wrong),
        )
        places = [one.place for one in listed]
        found[f"flips found, {name}"] = float(np.isin(places, wrong).sum() / len(wrong))
    print(json.dumps(found))


def _one(source: Path, seconds: float, seed: int) -> Trial:
    with scratch() as folder:
        flip(source, folder, seed)
        done, model = Fit(data=folder / "train", seconds=seconds).run(seed, folder)
        if done.code != 0:
            raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
        found = last_json(module("suspects", [model, source, folder]).output)
    return Trial(scores=found, seconds=done.seconds, mebibytes=done.mebibytes)


def flip(source: Path, folder: Path, seed: int) -> None:
    """Write both sides, each in a folder of its own, with other labels for one in twenty."""
    import numpy as np

    from benchmarks import _clothes

    random = np.random.default_rng(seed)
    for side in SIDES:
        pixels, labels = _clothes.read(source, side)
        count = len(labels)
        chosen = random.permutation(count)[: round(FLIPPED * count)]
        labels[chosen] = (labels[chosen] + random.integers(1, 10, len(chosen))) % 10
        _clothes.write(folder / side, side, pixels, labels)


if __name__ == "__main__":
    main()
