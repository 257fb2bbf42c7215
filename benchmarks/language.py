"""How well does pellucid know what comes next in a text, and how soon?

Shakespeare by characters (the first 90 % of tiny_shakespeare to learn from, the last 10 % to be
judged by), 180 s of a whole command, beside nanoGPT's documented setting for a CPU in the same
seconds and torch.nn.LSTM, two layers of 256, in float32 and bfloat16. The loss that nn.LSTM reaches
in 120 s is a mark: whole commands of pellucid climb a ladder of budgets until one is at it. And the
Penn Treebank by words, 15 min, its own three sides; `--systems words` asks for that alone.

Reference: nanoGPT's README gives 1.88 nats per character in this setting, 1.4697 on a GPU; Zaremba,
Sutskever & Vinyals 2014, arXiv:1409.2329, give test perplexities of 114.5, 82.7 and 78.4.
"""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, scratch, trial
from benchmarks.runner import Setting, System, Trial, measure, record, say

SECONDS, MARKED, LONG = 180.0, 120.0, 900.0
LADDER = (20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 80.0, 120.0)
CHARACTERS = "nats per character"
DTYPES = ("float32", "bfloat16")
ASKED = ("--task", "generate_text")


def ask(setting: Setting) -> None:
    """Measure characters, then the ladder to the mark, then words."""
    with _sides(setting.folder("tiny_shakespeare") / "input.txt", setting) as (train, test):
        seconds = 12.0 if setting.smoke else SECONDS
        marked = 10.0 if setting.smoke else MARKED
        lstm = [_lstm(train, test, marked, dtype) for dtype in DTYPES]
        systems = [
            _own(train, test, seconds),
            _peer("nanoGPT's CPU setting", "gpt_cpu", train, test, seconds),
            *lstm,
        ]
        trials = measure("language, characters", systems, setting)
        reached = [_mean(trials.get(system.name, [])) for system in lstm]
        marks = [mark for mark in reached if mark is not None]
        if marks and not setting.smoke:
            _climb(train, test, min(marks), setting)
    _words(setting)


@contextmanager
def _sides(source: Path, setting: Setting) -> Iterator[tuple[Path, Path]]:
    """Give the first nine tenths of a text and the last as files of their own."""
    text = source.read_text(encoding="utf-8")
    text = text[:200_000] if setting.smoke else text
    cut = len(text) * 9 // 10
    with scratch() as folder:
        train, test = folder / "train.txt", folder / "test.txt"
        train.write_text(text[:cut], encoding="utf-8")
        test.write_text(text[cut:], encoding="utf-8")
        yield train, test


def _own(train: Path, test: Path, seconds: float) -> System:
    fit = Fit(data=train, seconds=seconds, options=ASKED)

    def one(seed: int) -> Trial:
        return trial(fit, test, seed, ("nats_per_character",))

    return System(f"pellucid, {seconds:g} s", one, packages=PACKAGES)


def _lstm(train: Path, test: Path, seconds: float, dtype: str) -> System:
    words = ("--dtype", dtype)
    return _peer(f"torch.nn.LSTM 2×256, {dtype}", "lstm_lm", train, test, seconds, words)


def _peer(
    name: str, script: str, train: Path, test: Path, seconds: float, words: Sequence[str] = ()
) -> System:
    def one(seed: int) -> Trial:
        own = ("--seconds", f"{seconds:g}", "--seed", str(seed), *words)
        done = _peers.script(script, "torch", (train, test, *own))
        scores = _peers.scores(done.output)
        return Trial(
            scores={CHARACTERS: scores[CHARACTERS]},
            seconds=scores["seconds"],
            mebibytes=done.mebibytes,
        )

    return System(f"{name}, {seconds:g} s", one)


def _climb(train: Path, test: Path, mark: float, setting: Setting) -> None:
    """Find the first budget whose mean loss is at the mark, and record its seconds."""
    say(f"the mark is {mark:.4f} nats per character")
    for seconds in LADDER:
        rung = _own(train, test, seconds)
        trials = measure("language, ladder", [rung], replace(setting, systems=()))[rung.name]
        mean = _mean(trials)
        if mean is not None and mean <= mark:
            metric = f"seconds to nn.LSTM's {MARKED:g} s"
            timed = [replace(each, scores={metric: each.seconds}) for each in trials]
            own = System("pellucid", rung.trial, rung.python, rung.packages)
            record("language, characters", own, timed, setting)
            return
    say("no rung of the ladder reaches the mark")


def _words(setting: Setting) -> None:
    folder = setting.folder("ptb")
    train, valid, test = (folder / f"ptb.{side}.txt.gz" for side in ("train", "valid", "test"))
    seconds = 20.0 if setting.smoke else LONG
    fit = Fit(data=train, seconds=seconds, options=(*ASKED, "--valid", str(valid)))
    one = partial(_one, fit, test)
    own = System(f"pellucid, words, {seconds:g} s", one, packages=PACKAGES)
    measure("language, words", [own], setting)


def _one(fit: Fit, test: Path, seed: int) -> Trial:
    return trial(fit, test, seed, ("perplexity_per_word",))


def _mean(trials: Sequence[Trial]) -> float | None:
    found = [trial.scores[CHARACTERS] for trial in trials]
    return statistics.fmean(found) if found else None
