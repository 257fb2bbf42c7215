"""Are explanations right where the true reason is known, and does `reliable` tell which are?

Made pictures, tables, texts, series, sounds and clips, each in several designs and three
difficulties, new ones for each seed; a network of its own is learned on each (11 s for pictures,
8 s for tables, 30 s for clips, 15 s for all others) and checked to go by the planted reason; those
that do not are counted and left out.
Score: AUROC of an explanation's parts against the true ones. Asked of `model.explain` as it
is, and of each method by its name. `--systems series sounds` asks for these families alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks._pellucid import PACKAGES, last_json, module
from benchmarks._planted_clips import ANSWERS as CLIP_ANSWERS
from benchmarks._planted_pictures import DESIGNS
from benchmarks._planted_series import ANSWERS
from benchmarks._planted_sounds import ANSWERS as SOUND_ANSWERS
from benchmarks._planted_tables import PLANS
from benchmarks._planted_texts import TALES
from benchmarks.runner import FailedRunError, Finished, Setting, System, Trial, record, say

BUDGETS = {
    "pictures": 11.0,
    "tables": 8.0,
    "texts": 15.0,
    "series": 15.0,
    "sounds": 15.0,
    "clips": 30.0,
}
NAMES = {
    "pictures": tuple(DESIGNS),
    "tables": tuple(PLANS),
    "texts": tuple(TALES),
    "series": ANSWERS,
    "sounds": SOUND_ANSWERS,
    "clips": CLIP_ANSWERS,
}
LEVELS = (1, 2, 3)
EXAMPLES, EACH = 12, 4  # explained of each network: by pellucid's choice, and by every method
WRONG = 0.7
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """One network that was learned, checked and explained in a process of its own.

    Args:
        family: a key of `NAMES`.
        design: of the data.
        seed: of data and network.
        done: the process.
        found: what it printed; see `_planted_network.py`.
    """

    family: str
    design: str
    seed: int
    done: Finished
    found: dict[str, Any]

    def rows(self, asked: str) -> list[Row]:
        """Give its scored explanations by one method; "pellucid" for its own choice."""
        rows = [row for row in self.found["rows"] if row["asked"] == asked]
        return [row for row in rows if not math.isnan(row["auroc"])]


def ask(setting: Setting) -> None:
    """Learn, check, explain, and record for each method how right it was."""
    seeds = range(1 if setting.smoke else setting.seeds)
    networks: list[Network] = []
    try:
        for seed in seeds:
            networks += _learned(setting, seed)
    finally:
        for family in (*BUDGETS, "all"):
            _record(family, [one for one in networks if family in (one.family, "all")], setting)
        _tell(networks)


def learned(
    family: str, design: str, level: int, *, seed: int, examples: int, each: int
) -> Network:  # fmt: skip
    """Learn, check and explain one network.

    Args:
        family: a key of `NAMES`.
        design: of the data.
        level: 1 to 3.
        seed: of data and network.
        examples: explained by pellucid's choice.
        each: of them explained by every method, too.

    Raises:
        FailedRunError: if the process fails.
    """
    counts = ["--examples", str(examples), "--each", str(each)]
    words = [family, design, str(level), "--seed", str(seed), *counts]
    done = module("_planted_network", [*words, "--budget", f"{BUDGETS[family]:g} s"])
    found = last_json(done.output)
    checks = ", ".join(f"{name} {value:.3f}" for name, (value, _) in found["checks"].items())
    text = f"{found['network']}: {checks}; {done.seconds:.0f} s"
    network = Network(family=family, design=design, seed=seed, done=done, found=found)
    own = network.rows("pellucid")
    if own:
        scores = scored(own)
        chosen = sorted({row["method"] for row in own})
        text += f"; {', '.join(chosen)}: AUROC {scores['AUROC']:.3f}"
        text += f", reliable {scores['said to be reliable']:.0%}"
    say(text + ("" if found["known"] else "; its reasons are not known: left out"))
    return network


def scored(rows: Sequence[Row]) -> dict[str, float]:
    """Give the figures of some explanations; those of reliable ones only where there are any."""
    kept = [row["auroc"] for row in rows if row["reliable"]]
    scores = {
        "AUROC": fmean(row["auroc"] for row in rows),
        "wrong": fmean(row["auroc"] < WRONG for row in rows),
        "said to be reliable": len(kept) / len(rows),
        "seconds an explanation": fmean(row["seconds"] for row in rows),
    }
    if kept:
        scores["AUROC, of reliable"] = fmean(kept)
        scores["wrong, of reliable"] = fmean(auroc < WRONG for auroc in kept)
    return scores


def _learned(setting: Setting, seed: int) -> Iterator[Network]:
    levels = LEVELS[:1] if setting.smoke else LEVELS
    examples, each = (2, 1) if setting.smoke else (EXAMPLES, EACH)
    for level in levels:
        for family, names in NAMES.items():
            for design in names if setting.asks(family) else ():
                try:
                    yield learned(family, design, level, seed=seed, examples=examples, each=each)
                except FailedRunError as error:
                    say(f"planted {family} {design} {level} seed {seed}: FAILED: {error}")


def _record(family: str, networks: Sequence[Network], setting: Setting) -> None:
    """Keep a row for each method and figure: over seeds, the explanations of one seed together."""
    asked = dict.fromkeys(row["asked"] for one in networks for row in one.found["rows"])
    benchmark = f"planted, {family}" if family != "all" else "planted"
    for name in asked:
        label = name if name == "pellucid" else f"{name} alone"
        system = System(label, _never, packages=PACKAGES)
        record(benchmark, system, list(_trials(networks, name)), setting)


def _trials(networks: Sequence[Network], asked: str) -> Iterator[Trial]:
    for seed in sorted({one.seed for one in networks}):
        own = [one for one in networks if one.seed == seed]
        rows = [row for one in own for row in one.rows(asked)]
        if not rows:
            continue
        scores = scored(rows)
        if asked == "pellucid":
            scores["networks left out"] = sum(not one.found["known"] for one in own) / len(own)
        yield Trial(
            scores=scores,
            seconds=fmean(one.done.seconds for one in own),
            mebibytes=max(one.done.mebibytes for one in own),
        )


def _tell(networks: Sequence[Network]) -> None:
    """Say how each design did, over seeds and difficulties."""
    for family, names in NAMES.items():
        for design in names:
            own = [one for one in networks if (one.family, one.design) == (family, design)]
            rows = [row for one in own for row in one.rows("pellucid")]
            if rows:
                figures = ", ".join(f"{name} {value:.3f}" for name, value in scored(rows).items())
                say(f"{family} {design}: {figures}")


def _never(seed: int) -> Trial:
    raise FailedRunError(f"seed {seed} was not asked for: networks are shared by all methods")
