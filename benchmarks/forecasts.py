"""How well, how soon and how surely does pellucid foretell series?

ett_h1, the standard split into 12, 4 and 4 months, horizons of 96, 192, 336 and 720 hours from a
past of 336 at most: mean squared error on all test windows, in variances of the training side, and
the coverage of 90 % intervals there; 60 s for each horizon. Beside it, for as long as they take:
DLinear in plain torch as its authors ran it, and neuralforecast's DLinear, NHITS and PatchTST, each
for 10 minutes a horizon at most. A ladder of budgets tells when pellucid is at the error of each of
them, and their curves tell when they are at pellucid's. And exchange_rate, 96 days ahead, where the
guess is the last value.

Reference: Zeng, Chen, Zhang & Xu 2023, arXiv:2205.13504, give DLinear 0.375, 0.405, 0.439 and
0.472; the README of SegRNN gives 0.368, 0.408, 0.444 and 0.446 from a past of 96.
"""

import gzip
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, dig, fit_and_evaluate, scratch
from benchmarks.runner import Finished, Setting, System, Trial, measure, record, say

HORIZONS = (96, 192, 336, 720)
PAST, SECONDS = 336, 60.0
BORDERS = (8640, 11520, 14400)  # rows: 12, 4 and 4 months of 30 days
LADDER = (6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0)
NEURAL = ("DLinear", "NHITS", "PatchTST")
MOST = 600.0  # seconds that one of them may train for a horizon
Curves = dict[tuple[str, int], list[tuple[float, float]]]
Sides = tuple[Path, Path, Path]


def ask(setting: Setting) -> None:
    """Measure ett_h1 and the time to its peers' errors, then exchange rates."""
    with _ett(setting) as sides:
        curves: Curves = {}
        neural = [_neural(name, sides, setting, curves) for name in NEURAL]
        peers = [_dlinear(sides, setting), *neural]
        own = _own(sides, 12.0 if setting.smoke else SECONDS, setting)
        trials = measure("forecasts ett_h1", [own, *peers], setting)
        for name, system in zip(NEURAL, neural, strict=True):
            _reach(name, [system, own], trials, curves, setting)
        for peer in peers:
            mark = _mean(trials.get(peer.name, []))
            if mark is not None and not setting.smoke:
                _climb(sides, peer.name, mark, setting)
    _rates(setting)


@contextmanager
def _ett(setting: Setting) -> Iterator[Sides]:
    """Write the three sides as files; the later two begin with the past of their first window."""
    head, *rows = (setting.folder("ett_h1") / "ETTh1.csv").read_text().splitlines()
    with _written(head, rows, BORDERS) as sides:
        yield sides


@contextmanager
def _written(head: str, rows: Sequence[str], borders: Sequence[int]) -> Iterator[Sides]:
    first, second, last = borders
    places = {
        "train": (0, first),
        "valid": (first - PAST, second),
        "test": (second - PAST, last),
    }
    with scratch() as folder:
        for name, (start, end) in places.items():
            text = "\n".join([head, *rows[start:end]])
            (folder / f"{name}.csv").write_text(text + "\n")
        train, valid, test = (folder / f"{name}.csv" for name in places)
        yield train, valid, test


def _own(sides: Sides, seconds: float, setting: Setting) -> System:
    def one(seed: int) -> Trial:
        found = [_fitted(sides, at, seconds, seed) for at in _horizons(setting)]
        return _together(found, setting)

    return System(f"pellucid, {seconds:g} s each", one, packages=PACKAGES)


def _fitted(sides: Sides, horizon: int, seconds: float, seed: int) -> Trial:
    train, valid, test = sides
    options = ("--task", "forecast", "--horizon", str(horizon), "--past", str(PAST))
    fit = Fit(data=train, seconds=seconds, options=(*options, "--valid", str(valid)))
    done, evaluation = fit_and_evaluate(fit, test, seed)
    scores = {name: dig(evaluation["scores"], name) for name in ("mse", "mae", "coverage")}
    scores["guess"] = float(evaluation["guess"]["mse"])
    return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def _dlinear(sides: Sides, setting: Setting) -> System:
    def one(seed: int) -> Trial:
        each = [_words(sides, horizon, seed, setting) for horizon in _horizons(setting)]
        return _together([_run("dlinear", "torch", words) for words in each], setting)

    return System("DLinear in plain torch", one)


def _neural(name: str, sides: Sides, setting: Setting, curves: Curves) -> System:
    where = "neuralforecast"

    def one(seed: int) -> Trial:
        found = []
        for horizon in _horizons(setting):
            words = [*_words(sides, horizon, seed, setting), "--model", name, "--most", str(MOST)]
            done = _peers.script("neural", where, words)
            curves.setdefault((name, horizon), _peers.curve(done.output))
            found.append(_trial(done))
        return _together(found, setting)

    python = _peers.ROOT / ".peers" / where / "bin" / "python"
    return System(f"{where} {name}", one, python=python, packages=(where, "torch"))


def _words(sides: Sides, horizon: int, seed: int, setting: Setting) -> list[str | Path]:
    words = ["--horizon", str(horizon), "--past", str(PAST), "--seed", str(seed)]
    return [*sides, *words, *(["--smoke"] if setting.smoke else [])]


def _run(script: str, environment: str, words: Sequence[str | Path]) -> Trial:
    return _trial(_peers.script(script, environment, words))


def _trial(done: Finished) -> Trial:
    scores = _peers.scores(done.output)
    seconds = scores.pop("seconds")
    return Trial(scores=scores, seconds=seconds, mebibytes=done.mebibytes)


def _together(found: Sequence[Trial], setting: Setting) -> Trial:
    """Put the horizons side by side, and their mean first; seconds are those of all together."""
    scores = {
        f"mean {name}": statistics.fmean(each.scores[name] for each in found)
        for name in found[0].scores
    }
    for horizon, each in zip(_horizons(setting), found, strict=True):
        scores |= {f"{name} {horizon}": value for name, value in each.scores.items()}
    return Trial(
        scores=scores,
        seconds=sum(each.seconds for each in found),
        mebibytes=max(each.mebibytes for each in found),
    )


def _reach(
    name: str,
    systems: Sequence[System],
    trials: Mapping[str, Sequence[Trial]],
    curves: Curves,
    setting: Setting,
) -> None:
    """Tell when a peer was first at pellucid's error, horizon by horizon, and record it."""
    system = systems[0]
    theirs, own = (trials.get(each.name, []) for each in systems)
    for horizon in _horizons(setting) if own and theirs else ():
        mark = statistics.fmean(each.scores[f"mse {horizon}"] for each in own)
        points = curves.get((name, horizon), [])
        first = next((seconds for seconds, error in points if error <= mark), None)
        if first is None:
            last = points[-1][0] if points else 0.0
            say(f"{name}, {horizon} hours ahead: not at {mark:.4f} in {last:.0f} s")
        else:
            scores = {f"seconds to the error of pellucid, {horizon}": first}
            trial = Trial(scores=scores, seconds=first, mebibytes=theirs[0].mebibytes)
            record("forecasts ett_h1", system, [trial], setting)


def _climb(sides: Sides, peer: str, mark: float, setting: Setting) -> None:
    """Find the first budget whose mean error is at a peer's, and record the seconds of all four."""
    say(f"{peer} is at {mark:.4f}")
    for seconds in LADDER:
        trials = [_own(sides, seconds, setting).trial(seed) for seed in range(setting.seeds)]
        reached = statistics.fmean(each.scores["mean mse"] for each in trials)
        if reached <= mark:
            system = System("pellucid", _own(sides, seconds, setting).trial, packages=PACKAGES)
            timed = [
                Trial(
                    scores={f"seconds to the error of {peer}": each.seconds},
                    seconds=each.seconds,
                    mebibytes=each.mebibytes,
                )
                for each in trials
            ]
            record("forecasts ett_h1", system, timed, setting)
            return
    say(f"no rung of the ladder reaches {peer}")


def _rates(setting: Setting) -> None:
    """Foretell exchange rates, split in 70, 10 and 20 % of the days."""
    source = setting.folder("exchange_rate") / "exchange_rate.txt.gz"
    rows = gzip.decompress(source.read_bytes()).decode().splitlines()
    head = ",".join(f"rate {place + 1}" for place in range(rows[0].count(",") + 1))
    borders = (len(rows) * 7 // 10, len(rows) * 8 // 10, len(rows))
    with _written(head, rows, borders) as sides:
        own = partial(_fitted, sides, 96, 12.0 if setting.smoke else SECONDS)
        measure("forecasts exchange_rate", [System("pellucid", own, packages=PACKAGES)], setting)


def _horizons(setting: Setting) -> tuple[int, ...]:
    return HORIZONS[:1] if setting.smoke else HORIZONS


def _mean(trials: Sequence[Trial]) -> float | None:
    values = [each.scores["mean mse"] for each in trials]
    return statistics.fmean(values) if values else None
