"""How well does pellucid know clothes after 60 s and after 180 s of a whole command?

Fashion-MNIST, its 60,000 training pictures alone given to `pellucid fit`, its 10,000 test pictures
to `pellucid evaluate`. Reference: the table of zalandoresearch/fashion-mnist (two convolutions with
fewer than 100,000 weights 92.5 %; ResNet-18 with augmentation 94.9 %).
"""

from functools import partial
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, linked, trial
from benchmarks.runner import Setting, System, Trial, measure

BUDGETS = (60.0, 180.0)
METRICS = ("accuracy", "ece", "coverage")


def ask(setting: Setting) -> None:
    """Fit within each budget, and evaluate."""
    folder = setting.folder("fashion_mnist")
    with linked(folder, "train-*") as train, linked(folder, "t10k-*") as test:
        systems = [
            System(
                f"pellucid, {seconds:g} s", partial(_one, train, test, seconds), packages=PACKAGES
            )
            for seconds in ((12.0,) if setting.smoke else BUDGETS)
        ]
        measure("fashion", systems, setting)


def _one(train: Path, test: Path, seconds: float, seed: int) -> Trial:
    return trial(Fit(data=train, seconds=seconds), test, seed, METRICS)
