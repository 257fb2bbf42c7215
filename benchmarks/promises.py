"""Does pellucid keep its word on time: never late, never idle without a reason?

Whole commands on every data set in turn, with budgets drawn evenly from 8 s to 90 s; every other
one beside a process that loads a core of its own. Late: the process exits after its budget. Early:
it uses less than 92 % and gives no reason. Refused: it says that the budget is too small (exit 2).
"""

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks._pellucid import PACKAGES, Fit, last_json, linked, scratch
from benchmarks.runner import Setting, System, Trial, record, say

SHORTEST, LEAST = 8.0, 0.92
BURN = "while True: pass"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How one run kept to its budget.

    Args:
        budget: s.
        seconds: wall clock of the process, s.
        code: exit status.
        reason: what it said of ending early.
        mebibytes: peak memory, MiB.
    """

    budget: float
    seconds: float
    code: int
    reason: str
    mebibytes: float

    @property
    def over(self) -> float:
        """Seconds after the budget; negative when within it."""
        return self.seconds - self.budget

    @property
    def word(self) -> str:
        """Say in a word how it went."""
        if self.code == 2:
            return "refused"
        if self.code != 0:
            return "failed"
        if self.over > 0:
            return "late"
        early = self.seconds < LEAST * self.budget and not self.reason
        return "early without a reason" if early else "kept"


def ask(setting: Setting) -> None:
    """Run them and record how many were late, early, refused or failed, and the worst overshoot."""
    count = 4 if setting.smoke else setting.runs
    longest = 12.0 if setting.smoke else setting.longest
    draw = random.Random(0)
    with ExitStack() as open_folders:
        fits = _fits(setting, open_folders)
        kept = []
        for number in range(count):
            name, data, options = fits[number % len(fits)]
            seconds = round(draw.uniform(SHORTEST, longest), 1)
            # Their number is even: without the shift, a set would always or never be loaded.
            loaded = (number + number // len(fits)) % 2 == 1
            kept.append(_one(Fit(data=data, seconds=seconds, options=options), number, loaded))
            _tell(name, kept[-1], loaded)
    _record(kept, setting)


def _fits(setting: Setting, folders: ExitStack) -> list[tuple[str, Path, tuple[str, ...]]]:
    wine = setting.folder("wine_quality")
    quality = ("--target", "quality", "--task", "regress")
    fashion = folders.enter_context(linked(setting.folder("fashion_mnist"), "train-*"))
    return [
        ("fashion_mnist", fashion, ()),
        ("adult", setting.folder("adult") / "adult.data", ("--target", "15")),
        ("flowers5", setting.folder("flowers5") / "train", ()),
        ("wine red", wine / "winequality-red.csv", quality),
        ("hymenoptera", setting.folder("hymenoptera") / "train", ()),
        ("wine white", wine / "winequality-white.csv", quality),
    ]


def _one(fit: Fit, seed: int, loaded: bool) -> Kept:
    with scratch() as folder, _burning() if loaded else nullcontext():
        done, _ = fit.run(seed, folder)
    summary = last_json(done.output) if done.code == 0 else {}
    if done.code not in (0, 2):
        say("    " + "\n    ".join(done.messages.strip().splitlines()[-8:]))
    return Kept(
        budget=fit.seconds,
        seconds=done.seconds,
        code=done.code,
        reason=str(summary.get("reason") or ""),
        mebibytes=done.mebibytes,
    )


@contextmanager
def _burning() -> Iterator[None]:
    """Keep one core busy meanwhile."""
    process = subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _tell(name: str, kept: Kept, loaded: bool) -> None:
    beside = f"{', loaded' if loaded else ''} (load {os.getloadavg()[0]:.1f})"
    why = f": {kept.reason}" if kept.reason else ""
    share = kept.seconds / kept.budget
    say(f"{name}, {kept.budget:g} s{beside}: {kept.seconds:.2f} s, {share:.1%}, {kept.word}{why}")


def _record(runs: list[Kept], setting: Setting) -> None:
    """Keep one row for each count, over all runs: here `seeds` counts runs."""
    ended = [kept for kept in runs if kept.code == 0]
    counts = {
        f"runs {word}": float(sum(kept.word == word for kept in runs))
        for word in ("late", "early without a reason", "refused", "failed")
    }
    worst = {
        "worst overshoot, s": max((kept.over for kept in ended), default=0.0),
        "mean share of the budget": statistics.fmean(
            [kept.seconds / kept.budget for kept in ended] or [0.0]
        ),
    }
    trials = [
        Trial(scores={**counts, **worst}, seconds=kept.seconds, mebibytes=kept.mebibytes)
        for kept in runs
    ]
    system = System("pellucid", lambda seed: trials[seed], packages=PACKAGES)
    record(f"promises, {SHORTEST:g} to {setting.longest:g} s", system, trials, setting)
