"""Fights in clips of street cameras: what does a network for clips add to an average of frames?

surv_fight, 242 clips of about two seconds, its own split of 185 and 57 with no source video in
both; the column of sources keeps the held-out side apart, too. Five minutes each from the start of
the process: pellucid; pellucid's average of frames alone (`framemean`, which cannot see motion); a
ResNet-18 on single frames and an R(2+1)D-18 from scratch, with their own settings. R(2+1)D-18 also
for ten times as long: what it reaches is what we want in a tenth of its time. Then clips in which
only the order of frames tells the class, made by the seed. Then how long a second run on the same
clips takes until it learns.

Reference: 72 % by Xception, a BiLSTM and attention with weights learned elsewhere (Akti et al.,
IPTA 2019), on an older split whose parts may share sources.
"""

import csv
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, command, dig, last_json, scratch, trial
from benchmarks._planted_clips import ordered, write
from benchmarks.runner import FailedRunError, Setting, System, Trial, measure, run_command

SECONDS, LONG = 300.0, 10
ORDERED = 60.0  # s
MADE = {"train": 400, "test": 400}
METRICS = ("accuracy", "log_loss")
OWN = (("pellucid", ()), ("pellucid, framemean", ("--network", "framemean")))
PEERS = (
    ("ResNet-18 on frames from scratch", "frame_resnet18", 1),
    ("R(2+1)D-18 from scratch", "r2plus1d18", 1),
    ("R(2+1)D-18 from scratch, ten times as long", "r2plus1d18", LONG),
)


def ask(setting: Setting) -> None:
    """Measure real clips, then made ones, then a second run."""
    source = setting.folder("surv_fight")
    seconds = 30.0 if setting.smoke else SECONDS
    with scratch() as folder:
        sides = _sides(source, folder)
        systems = [
            System(name, partial(_own, sides, seconds, words), packages=(*PACKAGES, "av"))
            for name, words in OWN
        ]
        systems += [
            System(name, partial(_peer, script, sides, seconds * times), packages=("torch", "av"))
            for name, script, times in PEERS
        ]
        measure("videos surv_fight", systems, setting)
        again = System("pellucid, again", partial(_again, sides, seconds), packages=PACKAGES)
        measure("videos second run", [again], setting)
    short = 20.0 if setting.smoke else ORDERED
    made = [System(name, partial(_ordered, short, words), packages=PACKAGES) for name, words in OWN]
    measure("videos order of frames", made, setting)


def _own(sides: dict[str, Path], seconds: float, words: tuple[str, ...], seed: int) -> Trial:
    fit = Fit(data=sides["train"], seconds=seconds, options=words)
    return trial(fit, sides["test"], seed, METRICS)


def _peer(script: str, sides: dict[str, Path], seconds: float, seed: int) -> Trial:
    timed = ["--seconds", f"{seconds:g}", "--seed", str(seed)]
    done = _peers.script(script, "torch", [sides["train"], sides["test"], *timed])
    scores = _peers.scores(done.output)
    return Trial(
        scores={"accuracy": scores["accuracy"], "log loss": scores["loss"]},
        seconds=scores["seconds"],
        mebibytes=done.mebibytes,
    )


def _ordered(seconds: float, words: tuple[str, ...], seed: int) -> Trial:
    """Learn from clips of which only the order of frames tells the class."""
    with scratch() as folder:
        for number, (side, count) in enumerate(MADE.items()):
            clips, labels = ordered(count, seed=2 * seed + number)
            for place, (frames, label) in enumerate(zip(clips, labels, strict=True)):
                write(folder / side / label / f"clip{place:04}", frames)
        fit = Fit(data=folder / "train", seconds=seconds, options=words)
        return trial(fit, folder / "test", seed, METRICS)


def _again(sides: dict[str, Path], seconds: float, seed: int) -> Trial:
    """Run twice on one cache; tell when the second run begins to choose a network, and to learn.

    Raises:
        FailedRunError: if a run fails.
    """
    with scratch() as folder:
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}
        for out in ("first.pellucid", "second.pellucid"):
            words = Fit(data=sides["train"], seconds=seconds / 5).words(seed, folder / out)
            done = run_command(words, timeout=4 * seconds, environment=cache)
            if done.code != 0:
                raise FailedRunError(f"exit status {done.code}: {done.messages[-500:]}")
        shown = run_command([*command(), "show", folder / out, "--json"], timeout=120.0)
        record = last_json(shown.output)
        read = dig(record, "starting") + dig(record, "reading")
    scores = {"seconds until clips are there": read}
    scores["seconds until it learns"] = read + dig(record, "choosing")
    return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def _sides(source: Path, folder: Path) -> dict[str, Path]:
    """Write a table for each side of the data set's own split, beside links to its clips."""
    with (source / "clips.csv").open(newline="") as file:
        rows = [*csv.DictReader(file)]
    for name in {row["path"].partition("/")[0] for row in rows}:
        (folder / name).symlink_to((source / name).resolve())
    tables = {}
    for side in ("train", "test"):
        tables[side] = folder / f"{side}.csv"
        chosen = [
            (row["path"], row["label"], row["source_video"]) for row in rows if row["split"] == side
        ]
        with tables[side].open("w", newline="") as file:
            csv.writer(file).writerows([("path", "label", "source_video"), *chosen])
    return tables
