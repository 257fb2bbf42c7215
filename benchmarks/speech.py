"""How many words and letters does pellucid mishear, from an hour of speech and from digits?

arctic_kathleen, one speaker, 46 minutes to learn from, 20 min: character error rate on the last 100
prompts, with no text from elsewhere. Strings of three to seven digits of fsdd, joined by a seed,
speakers apart, 10 min: word error rate. Beside it the LSTM under CTC of a tutorial, for as long.

Reference: none is known for either; a throw-away prototype of three BiLSTM layers had a character
error rate of 0.236 on arctic_kathleen.
"""

import csv
import json
from pathlib import Path

from benchmarks import _peers
from benchmarks._digit_strings import write
from benchmarks._pellucid import PACKAGES, Fit, dig, fit_and_evaluate, scratch
from benchmarks.runner import Setting, System, Trial, measure

RATES = ("character_error_rate", "word_error_rate")
SECONDS = {"kathleen": 1200.0, "digits": 600.0}


def ask(setting: Setting) -> None:
    """Measure one speaker, then digits of speakers that were not learned from."""
    with scratch() as folder:
        _measured("kathleen", _kathleen(setting, folder), setting)
    with scratch() as folder:
        tables = write(setting.folder("fsdd") / "recordings", folder, seed=0)
        _measured("digits", tables, setting)


def _measured(name: str, tables: dict[str, Path], setting: Setting) -> None:
    seconds = 30.0 if setting.smoke else SECONDS[name]

    def own(seed: int) -> Trial:
        options = ("--target", "transcript", "--valid", str(tables["valid"]))
        fit = Fit(data=tables["train"], seconds=seconds, options=options)
        done, evaluation = fit_and_evaluate(fit, tables["test"], seed)
        scores = {rate.replace("_", " "): dig(evaluation["scores"], rate) for rate in RATES}
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)

    def peer(seed: int) -> Trial:
        words = [tables["train"], tables["test"], "--seconds", str(seconds), "--seed", str(seed)]
        done = _peers.script("ctc_lstm", "torch", words)
        scores = json.loads(done.output.strip().splitlines()[-1])
        took = float(scores.pop("seconds"))
        return Trial(scores=scores, seconds=took, mebibytes=done.mebibytes)

    systems = [System("pellucid", own, packages=PACKAGES), System("LSTM under CTC", peer)]
    measure(f"speech {name}", systems, setting)


def _kathleen(setting: Setting, folder: Path) -> dict[str, Path]:
    """Write a table for each side of arctic_kathleen, beside links to its recordings."""
    source = setting.folder("arctic_kathleen")
    (folder / "audio").symlink_to((source / "audio").resolve())
    with (source / "transcripts.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    tables = {}
    for side in ("train", "valid", "test"):
        tables[side] = folder / f"{side}.csv"
        chosen = [(row["path"], row["text"]) for row in rows if row["split"] == side]
        with tables[side].open("w", newline="") as file:
            csv.writer(file).writerows([("path", "transcript"), *chosen])
    return tables
