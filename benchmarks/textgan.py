"""Does an adversarial writer of short texts write better than a language model in the same time?

Captions in English (multi30k, one a line), 15 min of a whole command, in which the writer and its
control, a language model of the same make, learn for as long; both are judged on the captions of
test_2016_flickr, which neither has seen, at the same diversity: nats a token of what they write
under a model of counts of real captions. Beside them `--network rnn`, which is what a user gets by
itself, for half of that time and for all of it, by what a held-out token costs.

Reference: Caccia et al. 2020, arXiv:1811.02549, where likelihood wins at every diversity; de Masson
d'Autume et al. 2019, arXiv:1905.09922, where the two come out alike.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, fit_and_evaluate, scratch, trial
from benchmarks.runner import Setting, System, Trial, measure

SECONDS = 900.0
ASKED = ("--task", "generate_text", "--network")
FIGURES = {
    "worse": "nats a token worse than its control",
    "worse_low": "the same, lower end of 95 %",
    "worse_high": "the same, upper end of 95 %",
    "temperature": "temperature of the control",
}
NATS = "nats per token"


def ask(setting: Setting) -> None:
    """Measure the writer beside its control, and the language model alone."""
    folder = setting.folder("multi30k_en_de")
    with _source(folder / "train.en.gz", setting) as train:
        test = folder / "test_2016_flickr.en.gz"
        seconds = 40.0 if setting.smoke else SECONDS
        systems = [_adversarial(train, test, seconds)]
        systems += [_alone(train, test, share * seconds) for share in (0.5, 1.0)]
        measure("textgan, captions", systems, setting)


@contextmanager
def _source(path: Path, setting: Setting) -> Iterator[Path]:
    """Give the captions to learn from; a part of them where it is only tried."""
    if not setting.smoke:
        yield path
        return
    with scratch() as folder, gzip.open(path, "rt", encoding="utf-8") as file:
        some = folder / "train.txt"
        some.write_text("".join(file.readlines()[:3_000]), encoding="utf-8")
        yield some


def _adversarial(train: Path, test: Path, seconds: float) -> System:
    fit = Fit(data=train, seconds=seconds, options=(*ASKED, "textgan"))

    def one(seed: int) -> Trial:
        done, found = fit_and_evaluate(fit, test, seed)
        scores = {told: float(found["control"][name]) for name, told in FIGURES.items()}
        scores[NATS] = float(found["scores"]["nats_per_token"]["value"])
        for row in found["by_writer"]:
            if row["texts"] in ("held-out texts", "the writer"):
                for name in ("quality", "cover", "diversity", "distance"):
                    scores[f"{name} of {row['texts']}"] = float(row[name])
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)

    return System(f"pellucid --network textgan, {seconds:g} s", one, packages=PACKAGES)


def _alone(train: Path, test: Path, seconds: float) -> System:
    fit = Fit(data=train, seconds=seconds, options=(*ASKED, "rnn"))
    one = partial(_one, fit, test)
    return System(f"pellucid --network rnn, {seconds:g} s", one, packages=PACKAGES)


def _one(fit: Fit, test: Path, seed: int) -> Trial:
    return trial(fit, test, seed, ("nats_per_token",))
