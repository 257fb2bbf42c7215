"""Are pellucid's explanations of real pictures more faithful than Captum's, and quicker?

fashion_mnist learned in 60 s, flowers5 in 120 s, once for each seed and commit (build/models).
Insertion minus deletion on test pictures and seconds for one explanation, all systems in turn on
the same pictures, in one process on two threads; see `_beside_captum.py` for how each is asked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, kept, last_json, linked, module
from benchmarks.runner import FailedRunError, Setting, System, Trial, record, say

EXAMPLES = {"fashion_mnist": 60, "flowers5": 15}  # larger pictures take Captum far longer


def ask(setting: Setting) -> None:
    """Compare on clothes, then on flowers."""
    fashion = setting.folder("fashion_mnist")
    with linked(fashion, "train-*") as train, linked(fashion, "t10k-*") as test:
        _compare("fashion_mnist", Fit(data=train, seconds=_seconds(60, setting)), test, setting)
    flowers = setting.folder("flowers5")
    fit = Fit(data=flowers / "train", seconds=_seconds(120, setting))
    _compare("flowers5", fit, flowers / "test", setting)


def _compare(name: str, fit: Fit, test: Path, setting: Setting) -> None:
    trials: dict[str, list[Trial]] = {}
    try:
        for seed in range(1 if setting.smoke else setting.seeds):
            with _told(f"explanations {name} seed {seed}"):
                for system, trial in _one(name, fit, test, seed, setting):
                    trials.setdefault(system, []).append(trial)
    finally:
        for system, own in trials.items():
            packages = (*PACKAGES, "captum") if system.startswith("Captum") else PACKAGES
            measured = System(system, lambda seed, own=own: own[seed], packages=packages)
            record(f"explanations {name}", measured, own, setting)


def _one(
    name: str, fit: Fit, test: Path, seed: int, setting: Setting
) -> Iterator[tuple[str, Trial]]:
    model = kept(name, fit, seed)
    count = 3 if setting.smoke else EXAMPLES[name]
    done = module("_beside_captum", [model, test, "--examples", str(count)])
    found = last_json(done.output)
    say(f"{name} seed {seed}: pellucid explains by {found['method']} ({done.seconds:.0f} s)")
    for system, why in found["failed"].items():
        say(f"{name} seed {seed}: {system} cannot: {why}")
    for system, scores in found["systems"].items():
        taken = scores.get("seconds for a whole explanation", scores["seconds for shares"])
        yield system, Trial(scores=scores, seconds=taken, mebibytes=done.mebibytes)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except FailedRunError as error:
        say(f"{what}: FAILED: {error}")


def _seconds(full: float, setting: Setting) -> float:
    return 12.0 if setting.smoke else full
