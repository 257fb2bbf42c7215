"""How well does pellucid translate after some minutes on its own pairs?

multi30k: 29,000 captions in English and German, 5 and 20 min of a whole command, its own held-out
side, beam 5. BLEU by sacrebleu as it is written and without regard to case, on test_2016_flickr and
on the two later test sets; and the seconds that translating the first of them takes. Beside it the
recipe of PyTorch's tutorial of nn.Transformer, run for as long. And what 2,000 pairs teach, alone
and with the German side of the other 27,000.

Reference: 36 to 38 for recurrent networks with attention, 41.0 for a tuned small transformer on two
GPUs (Wu et al. 2021, "Good for misconceived reasons"); lower-cased, in tokens of their own.
"""

import gzip
import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks import _peers
from benchmarks._pellucid import PACKAGES, Fit, command, dig, last_json, scratch
from benchmarks.runner import FailedRunError, Setting, System, Trial, measure, must

SECONDS, SHORT = 1200.0, 300.0
TESTS = ("test_2016_flickr", "test_2017_flickr", "test_2017_mscoco")
FEW = 2_000  # pairs
PEER = "nn.Transformer tutorial"


def ask(setting: Setting) -> None:
    """Measure each question that `--systems` names a part of; all of them without it."""
    data = setting.folder("multi30k_en_de")
    long = 40.0 if setting.smoke else SECONDS
    short = 30.0 if setting.smoke else SHORT
    there, back = ("en", "de"), ("de", "en")
    systems = [
        _own("pellucid en-de", data, there, long),
        _own("pellucid en-de", data, there, short),
        _own("pellucid seq2seq", data, there, long, ("--network", "seq2seq")),
        _own("pellucid seq2seq", data, there, short, ("--network", "seq2seq")),
        _peer(data, there, long),
    ]
    measure("translation en-de", systems, setting)
    measure("translation de-en", [_own("pellucid de-en", data, back, long)], setting)
    few = [
        System(f"{name}, {seconds:g} s", partial(_few, data, seconds, alone), packages=PACKAGES)
        for name, seconds, alone in (
            ("pellucid few pairs", short, False),
            ("pellucid few pairs unpaired", 2 * short, True),
        )
    ]
    measure(f"translation en-de, {FEW:,} pairs", few, setting)


def _own(
    name: str, data: Path, sides: tuple[str, str], seconds: float, words: Sequence[str] = ()
) -> System:
    def one(seed: int) -> Trial:
        train, valid = (_files(data, stem, sides) for stem in ("train", "val"))
        return _trial(train, valid, _tests(data, sides), seconds, words, seed)

    return System(f"{name}, {seconds:g} s", one, packages=PACKAGES)


def _few(data: Path, seconds: float, alone: bool, seed: int) -> Trial:
    """Learn from the first pairs of the training side; from the other targets, too, if `alone`."""
    sides = ("en", "de")
    with scratch() as folder:
        train = []
        for file in _files(data, "train", sides):
            with gzip.open(file, "rt", encoding="utf-8") as lines:
                rows = list(lines)
            train.append(folder / f"few.{file.name.split('.')[1]}")
            train[-1].write_text("".join(rows[:FEW]), encoding="utf-8")
        others = folder / "others.txt"
        others.write_text("".join(rows[FEW:]), encoding="utf-8")
        words = ("--unpaired", str(others)) if alone else ()
        return _trial(train, (), _tests(data, sides)[:1], seconds, words, seed)


def _trial(
    train: Sequence[Path],
    valid: Sequence[Path],
    tests: Sequence[tuple[str, Sequence[Path]]],
    seconds: float,
    words: Sequence[str],
    seed: int,
) -> Trial:
    held = [word for file in valid for word in ("--valid", str(file))]
    options = [str(train[1]), "--task", "translate", *held, *words]
    with scratch() as folder:
        done, model = Fit(data=train[0], seconds=seconds, options=options).run(seed, folder)
        if done.code != 0:
            raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}
        scores = {}
        for place, (name, files) in enumerate(tests):
            found = last_json(must(_evaluate(model, files), environment=cache).output)
            for metric in ("bleu", "bleu_lowercased", "chrf"):
                title = metric.replace("_", " ")
                scores[title if not place else f"{title}, {name}"] = dig(found, metric)
        scores["seconds to translate 1,000"] = _speed(model, tests[0][1][0], folder)
    return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def _evaluate(model: Path, files: Sequence[Path]) -> list[str | Path]:
    """Give the command that scores a model on two files."""
    return [*command(), "evaluate", model, *files, "--json"]


def _speed(model: Path, source: Path, folder: Path) -> float:
    """Time the whole command that translates a file, s."""
    lines = folder / "lines.txt"
    with gzip.open(source, "rb") as file:
        lines.write_bytes(file.read())
    words = [*command(), "translate", model]
    shell = f"{shlex.join(map(str, words))} < {lines} > {folder / 'out.txt'}"
    return must(["sh", "-c", shell]).seconds


def _peer(data: Path, sides: tuple[str, str], seconds: float) -> System:
    def one(seed: int) -> Trial:
        files = [*_files(data, "train", sides), *_files(data, TESTS[0], sides)]
        words = [*files, "--seconds", f"{seconds:g}", "--seed", str(seed)]
        done = _peers.script("transformer_tutorial", "torch", words)
        scores = _peers.scores(done.output)
        took = scores.pop("seconds")
        kept = {name.replace("_", " "): value for name, value in scores.items()}
        return Trial(scores=kept, seconds=took, mebibytes=done.mebibytes)

    return System(f"{PEER}, {seconds:g} s", one, packages=("torch", "sacrebleu"))


def _tests(data: Path, sides: tuple[str, str]) -> list[tuple[str, Sequence[Path]]]:
    return [(name, _files(data, name, sides)) for name in TESTS]


def _files(data: Path, stem: str, sides: tuple[str, str]) -> list[Path]:
    return [data / f"{stem}.{side}.gz" for side in sides]
