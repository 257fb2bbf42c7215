"""How far is pellucid from gradient boosting on tables: adult, and the quality of wines?

adult: its own test file, the full stops of its labels taken off; accuracy, log loss, ECE and the
coverage of 90 % sets. Wines: five random fifths held out (the seed is the split), RMSE. Pellucid
gets 60 s; scikit-learn's HistGradientBoosting as it comes, and stopped early, takes what it takes.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, scratch, trial
from benchmarks.runner import Setting, System, Trial, measure

SECONDS = 60.0
PEERS = (("HistGradientBoosting", ()), ("HistGradientBoosting, early stop", ("--early",)))
CLASSES = ("accuracy", "log_loss", "ece", "coverage")
NUMBERS = ("rmse", "coverage")


def ask(setting: Setting) -> None:
    """Measure adult, then both wines."""
    _adult(setting)
    for colour in ("red", "white"):
        _wine(colour, setting)


def _adult(setting: Setting) -> None:
    folder = setting.folder("adult")
    with scratch() as place:
        test = place / "adult-test.data"
        rows = (folder / "adult.test").read_text().splitlines()
        test.write_text("".join(row.rstrip(".") + "\n" for row in rows if row.count(",") == 14))
        sides, target = (folder / "adult.data", test), ("--target", "15")

        def own(seed: int) -> Trial:
            fit = Fit(data=sides[0], seconds=_seconds(setting), options=target)
            return trial(fit, test, seed, CLASSES)

        peers = [
            System(name, partial(_boosting, sides, [*target, *words]), packages=("scikit-learn",))
            for name, words in PEERS
        ]
        measure("tables adult", [System("pellucid", own, packages=PACKAGES), *peers], setting)


def _wine(colour: str, setting: Setting) -> None:
    source = setting.folder("wine_quality") / f"winequality-{colour}.csv"
    target = ("--target", "quality")

    def own(seed: int) -> Trial:
        with _fifths(source, seed) as (train, test):
            options = (*target, "--task", "regress")
            fit = Fit(data=train, seconds=_seconds(setting), options=options)
            return trial(fit, test, seed, NUMBERS)

    def peer(words: Sequence[str], seed: int) -> Trial:
        with _fifths(source, seed) as sides:
            return _boosting(sides, [*target, "--regress", *words], seed)

    peers = [
        System(name, partial(peer, words), packages=("scikit-learn",)) for name, words in PEERS
    ]
    measure(f"tables wine {colour}", [System("pellucid", own, packages=PACKAGES), *peers], setting)


def _boosting(sides: tuple[Path, Path], words: Sequence[str], seed: int) -> Trial:
    done = _peers.script("boosting", "torch", [*sides, *words, "--seed", str(seed)])
    scores = _peers.scores(done.output)
    seconds = scores.pop("seconds")
    return Trial(
        scores={name.replace("_", " "): value for name, value in scores.items()},
        seconds=seconds,
        mebibytes=done.mebibytes,
    )


@contextmanager
def _fifths(source: Path, seed: int) -> Iterator[tuple[Path, Path]]:
    """Write four fifths of a table's rows and the fifth that is held out, drawn by the seed."""
    with source.open(newline="") as file:
        header, *rows = csv.reader(file)
    random.Random(seed).shuffle(rows)
    held_out = len(rows) // 5
    with scratch() as place:
        sides = {"train.csv": rows[held_out:], "test.csv": rows[:held_out]}
        for name, part in sides.items():
            with (place / name).open("w", newline="") as file:
                csv.writer(file).writerows([header, *part])
        yield place / "train.csv", place / "test.csv"


def _seconds(setting: Setting) -> float:
    return 12.0 if setting.smoke else SECONDS
