"""How much does pellucid understand of short texts, against TF-IDF with a linear classifier?

sst2: sentences with their sentiment, 6,920 to learn from and 1,821 to be tested on, 120 s.
Reference: Kim 2014, arXiv:1408.5882, table 2 (a CNN without pretrained vectors 82.7 %; it learned
from the labelled phrases too). ag_news_small: topics of 7,600 news, five random fifths held out
(the seed is the split), 30 s. The peer chooses C by cross-validation and takes what it takes.
"""

import csv
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, scratch, trial
from benchmarks.runner import Setting, System, Trial, measure

METRICS = ("accuracy", "log_loss", "ece", "coverage")
SENTENCES, NEWS = 120.0, 30.0  # s
PEER = "TF-IDF bigrams + logistic regression"
BEATEN = ("--network", "ngrams")


def ask(setting: Setting) -> None:
    """Measure sentences, then news."""
    _sentences(setting)
    _news(setting)


def _sentences(setting: Setting) -> None:
    folder = setting.folder("sst2")
    sides = folder / "train.tsv", folder / "test.tsv"
    seconds = 20.0 if setting.smoke else SENTENCES

    def own(words: tuple[str, ...], seed: int) -> Trial:
        return trial(Fit(data=sides[0], seconds=seconds, options=words), sides[1], seed, METRICS)

    def peer(seed: int) -> Trial:
        del seed
        return _tfidf(sides, "--label", "2")

    systems = [
        System("pellucid", partial(own, ()), packages=PACKAGES),
        System("pellucid, ngrams", partial(own, BEATEN), packages=PACKAGES),
        System(PEER, peer, packages=("scikit-learn",)),
    ]
    measure("texts sst2", systems, setting)


def _news(setting: Setting) -> None:
    source = setting.folder("ag_news_small") / "ag_news_test.csv"
    seconds = 20.0 if setting.smoke else NEWS

    def own(words: tuple[str, ...], seed: int) -> Trial:
        with _fifths(source, seed) as (train, test):
            options = ("--target", "1", *words)
            return trial(Fit(data=train, seconds=seconds, options=options), test, seed, METRICS)

    def peer(seed: int) -> Trial:
        with _fifths(source, seed) as sides:
            return _tfidf(sides, "--label", "1")

    systems = [
        System("pellucid", partial(own, ()), packages=PACKAGES),
        System("pellucid, ngrams", partial(own, BEATEN), packages=PACKAGES),
        System(PEER, peer, packages=("scikit-learn",)),
    ]
    measure("texts ag_news", systems, setting)


def _tfidf(sides: tuple[Path, Path], *words: str) -> Trial:
    done = _peers.script("tfidf", "torch", [*sides, *words])
    scores = _peers.scores(done.output)
    seconds = scores.pop("seconds")
    kept = {name.replace("_", " "): value for name, value in scores.items() if name != "C"}
    return Trial(scores=kept, seconds=seconds, mebibytes=done.mebibytes)


@contextmanager
def _fifths(source: Path, seed: int) -> Iterator[tuple[Path, Path]]:
    """Write four fifths of a table's rows and the fifth that is held out, drawn by the seed."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    random.Random(seed).shuffle(rows)
    held_out = len(rows) // 5
    with scratch() as place:
        sides = {"train.csv": rows[held_out:], "test.csv": rows[:held_out]}
        for name, part in sides.items():
            with (place / name).open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, quoting=csv.QUOTE_ALL).writerows(part)
        yield place / "train.csv", place / "test.csv"
