"""How well are spoken digits told apart in 60 s, by take and by speaker, beside two tutorials?

fsdd, 3,000 recordings of ten digits by six people. By take: its own split, takes 0 to 4 for the
test, the same people on both sides. By speaker: each person once for the test (the seed is the
person), which is harder and what a stranger meets. Peers: the recipes of PyTorch's and TensorFlow's
tutorials for spoken words, stretched to the same time. `tones` is the network to beat. Also how
long the smallest network takes for one second of sound on one core, and how many weights it has.
Reference: 97 % with a convolutional network on an older half of the set, split at random
(adhishthite.github.io/sound-mnist).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, module, scratch, trial
from benchmarks.runner import Setting, System, Trial, measure

SECONDS = 60.0
METRICS = ("accuracy", "log_loss", "ece")
TAKES = 5  # of each digit by each speaker, that the data set's own split tests on
PEERS = (("PyTorch tutorial, M5", "m5"), ("TensorFlow tutorial, spectrogram", "spectrogram"))
OWN = (("pellucid", ()), ("pellucid, tones", ("--network", "tones")))


def ask(setting: Setting) -> None:
    """Measure by take, then by speaker, then the smallest network alone."""
    recordings = setting.folder("fsdd") / "recordings"
    seconds = 20.0 if setting.smoke else SECONDS
    measure("sounds fsdd by take", _systems(_by_take, recordings, seconds), setting)
    measure("sounds fsdd by speaker", _systems(_by_speaker, recordings, seconds), setting)
    small = System(
        "pellucid, keywords alone", partial(_small, recordings, seconds), packages=PACKAGES
    )
    measure("sounds small", [small], setting)


Divide = Callable[[Path, int], AbstractContextManager[tuple[Path, Path]]]


def speakers(recordings: Path) -> list[str]:
    """Name who speaks, in alphabetical order."""
    return sorted({path.stem.split("_")[1] for path in recordings.glob("*.wav")})


def _systems(divide: Divide, recordings: Path, seconds: float) -> list[System]:
    systems = [
        System(name, partial(_own, divide, recordings, seconds, words), packages=PACKAGES)
        for name, words in OWN
    ]
    return systems + [
        System(name, partial(_peer, divide, recordings, seconds, recipe)) for name, recipe in PEERS
    ]


def _own(
    divide: Divide, recordings: Path, seconds: float, words: tuple[str, ...], seed: int
) -> Trial:
    with divide(recordings, seed) as (train, test):
        return trial(Fit(data=train, seconds=seconds, options=words), test, seed, METRICS)


def _peer(divide: Divide, recordings: Path, seconds: float, recipe: str, seed: int) -> Trial:
    with divide(recordings, seed) as (train, test):
        train = train / "train" if (train / "train").is_dir() else train
        words = [recipe, train, test, "--seconds", f"{seconds:g}", "--seed", str(seed)]
        done = _peers.script("sound_recipes", "torch", words)
        scores = _peers.scores(done.output)
    return Trial(
        scores={"accuracy": scores["accuracy"]},
        seconds=scores["seconds"],
        mebibytes=done.mebibytes,
    )


def _small(recordings: Path, seconds: float, seed: int) -> Trial:
    """Learn the smallest network alone, and time it on one second of sound."""
    with _by_take(recordings, seed) as (whole, test):
        done = module("_small_sound", [whole, test, f"{seconds:g}", str(seed)])
        scores = json.loads(done.output.strip().splitlines()[-1])
    return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


@contextmanager
def _by_take(recordings: Path, seed: int) -> Iterator[tuple[Path, Path]]:
    """Link takes 0 to 4 into test/ and the others into train/, by class; both are what is given.

    So it is known that the same people are asked about: they need not be kept apart.
    """
    del seed
    with scratch() as place:
        for path, (_, _, take) in _named(recordings):
            _link(path, place / ("test" if int(take) < TAKES else "train"))
        yield place, place / "test"


@contextmanager
def _by_speaker(recordings: Path, seed: int) -> Iterator[tuple[Path, Path]]:
    """Link all of one speaker for the test, and the others to learn from."""
    names = speakers(recordings)
    held = names[seed % len(names)]
    with scratch() as place:
        for path, (_, speaker, _) in _named(recordings):
            _link(path, place / ("test" if speaker == held else "train"))
        yield place / "train", place / "test"


def _named(recordings: Path) -> list[tuple[Path, list[str]]]:
    """Give each recording with its digit, its speaker and its take."""
    return [(path, path.stem.split("_")) for path in sorted(recordings.glob("*.wav"))]


def _link(path: Path, side: Path) -> None:
    folder = side / path.stem.split("_")[0]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / path.name).symlink_to(path.resolve())
