"""How long does it take to 90.0 % and 92.0 % on Fashion-MNIST, beside PyTorch, Keras and fastai?

Seconds are those from the start of the process. A peer follows its own recipe and tests after each
epoch while its clock stands still; the first epoch at or above the mark counts. Pellucid takes a
budget and no mark, so whole commands climb a ladder of budgets and the first rung whose mean
accuracy over all seeds is at or above the mark counts, with its measured seconds.
"""

import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, linked, trial
from benchmarks.runner import Setting, System, Trial, measure, record, say

LADDER = (8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0)
MARKS = (0.90, 0.92)
PEERS = (
    ("pytorch/examples mnist", "pytorch_mnist", "torch", ()),
    ("Keras mnist_convnet", "keras_convnet", "keras", ()),
    ("fastai small CNN", "fastai_cnn", "fastai", ()),
    ("fastai small CNN, quickest found", "fastai_cnn", "fastai", ("--fast",)),
)
PACKAGES_OF = {
    "torch": ("torch",),
    "keras": ("keras", "tensorflow-cpu"),
    "fastai": ("fastai", "torch"),
}


def ask(setting: Setting) -> None:
    """Measure peers and rungs in turn, then read off the ladder."""
    folder = setting.folder("fashion_mnist")
    with linked(folder, "train-*") as train, linked(folder, "t10k-*") as test:
        rungs = [_rung(train, test, seconds) for seconds in LADDER[-1:] * setting.smoke or LADDER]
        trials = measure("time to accuracy", [*_asked_peers(folder, setting), *rungs], setting)
    for mark in MARKS:
        _climb([(rung, trials.get(rung.name, [])) for rung in rungs], mark, setting)


def _rung(train: Path, test: Path, seconds: float) -> System:
    def one(seed: int) -> Trial:
        return trial(Fit(data=train, seconds=seconds), test, seed, ("accuracy",))

    return System(f"pellucid, {seconds:g} s", one, packages=PACKAGES)


def _asked_peers(folder: Path, setting: Setting) -> list[System]:
    tiny = ("--limit", "2000", "--epochs", "1") if setting.smoke else ("--stop", str(MARKS[-1]))
    return [
        System(
            name,
            partial(_peer, script, environment, (folder, *tiny, *words)),
            _where(environment),
            PACKAGES_OF[environment],
        )
        for name, script, environment, words in PEERS
    ]


def _where(environment: str) -> Path:
    if environment == "torch":
        return Path(sys.executable)
    return _peers.ROOT / ".peers" / environment / "bin" / "python"


def _peer(script: str, environment: str, words: Sequence[str | Path], seed: int) -> Trial:
    done = _peers.script(script, environment, [*words, "--seed", str(seed)])
    points = _peers.curve(done.output)
    times = {_seconds_to(mark): _peers.reached(points, mark) for mark in MARKS}
    scores = {metric: seconds for metric, seconds in times.items() if seconds is not None}
    return Trial(
        scores={"last accuracy": points[-1][1], **scores},
        seconds=points[-1][0],
        mebibytes=done.mebibytes,
    )


def _climb(rungs: Sequence[tuple[System, list[Trial]]], mark: float, setting: Setting) -> None:
    """Find the first rung that reaches the mark and record its seconds."""
    for rung, trials in rungs:
        if trials and statistics.fmean(trial.scores["accuracy"] for trial in trials) >= mark:
            own = System("pellucid", rung.trial, rung.python, rung.packages)
            timed = [
                Trial(
                    scores={_seconds_to(mark): trial.seconds},
                    seconds=trial.seconds,
                    mebibytes=trial.mebibytes,
                )
                for trial in trials
            ]
            record("time to accuracy", own, timed, setting)
            return
    say(f"no rung of the ladder reaches {mark:.0%}")


def _seconds_to(mark: float) -> str:
    return f"seconds to {100 * mark:.1f} %"
