"""Pellucid as a system under test: its own command line, as a user would type it."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import _machine
from benchmarks.runner import FailedRunError, Finished, Trial, must, run_command

PACKAGES = ("pellucid", "torch", "numpy")
NAMED = " of the run: "  # stands in a line of a run that names trouble


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """One `pellucid fit`.

    Args:
        data: file or folder.
        seconds: the budget.
        options: more words, such as `--target income`.
    """

    data: Path
    seconds: float
    options: Sequence[str] = ()

    def words(self, seed: int, out: Path) -> list[str | Path]:
        """Give the command as it would be typed."""
        budget = ["--budget", f"{self.seconds:g} s", "--seed", str(seed)]
        return [*command(), "fit", self.data, *budget, "--out", out, "--json", *self.options]

    def run(self, seed: int, folder: Path) -> tuple[Finished, Path]:
        """Run it, with an empty cache so that reading the raw files is part of it.

        Args:
            seed: of every random choice.
            folder: empty; the model and the cache go there.
        """
        out = folder / "out.pellucid"
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}
        words = self.words(seed, out)
        return run_command(words, timeout=4 * self.seconds + 60, environment=cache), out


def fit_and_evaluate(fit: Fit, test: Path, seed: int) -> tuple[Finished, dict[str, Any]]:
    """Fit, then evaluate on a test set in a command of its own that the clock does not count.

    Raises:
        FailedRunError: if either command fails.
    """
    with scratch() as folder:
        done, model = fit.run(seed, folder)
        if done.code != 0:
            last = "\n    ".join(done.messages.strip().splitlines()[-8:])
            raise FailedRunError(f"exit status {done.code} from pellucid fit\n    {last}")
        cache = {"XDG_CACHE_HOME": str(folder / "cache")}
        evaluated = must([*command(), "evaluate", model, test, "--json"], environment=cache)
        return done, last_json(evaluated.output)


def trial(fit: Fit, test: Path, seed: int, metrics: Sequence[str]) -> Trial:
    """Fit, evaluate, and pick metrics out of the evaluation; seconds are those of the fit."""
    done, evaluation = fit_and_evaluate(fit, test, seed)
    return Trial(
        scores={metric.replace("_", " "): dig(evaluation, metric) for metric in metrics},
        seconds=done.seconds,
        mebibytes=done.mebibytes,
    )


def report(model: Path, page: Path, *words: str | Path) -> Finished:
    """Run `pellucid report`, its cache beside the page.

    Raises:
        FailedRunError: if it fails.
    """
    cache = {"XDG_CACHE_HOME": str(page.parent / "cache of the report")}
    return must([*command(), "report", model, *words, "--out", page], environment=cache)


def kept(name: str, fit: Fit, seed: int) -> Path:
    """Give a model that is learned once for each commit and kept in build/models.

    Raises:
        FailedRunError: if the fit fails.
    """
    made = f"{name} {fit.seconds:g} s seed {seed} {_machine.commit()}.pellucid"
    place = Path(__file__).parents[1] / "build" / "models" / made.replace(" ", "-")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with scratch() as folder:
            done, model = fit.run(seed, folder)
            if done.code != 0:
                raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
            shutil.move(model, place)
    return place


def module(name: str, words: Sequence[str | Path]) -> Finished:
    """Run a module of this folder as a process of its own, against this source tree.

    Raises:
        FailedRunError: if it fails.
    """
    root = Path(__file__).parents[1]
    paths = {"PYTHONPATH": f"{root / 'src'}:{root}"}
    return must([sys.executable, "-m", f"benchmarks.{name}", *words], environment=paths)


def dig(document: Any, name: str) -> float:
    """Find a number by its name anywhere in an evaluation, the shallowest first.

    Raises:
        FailedRunError: if there is none.
    """
    level = [document]
    while level:
        for part in level:
            if isinstance(part, dict) and name in part:
                value = part[name]
                return _number(value)
        level = [deeper for part in level if isinstance(part, dict) for deeper in part.values()]
    raise FailedRunError(f"the evaluation says nothing of {name!r}: {json.dumps(document)[:500]}")


def last_json(text: str) -> dict[str, Any]:
    """Read the JSON that a command with --json printed.

    Raises:
        FailedRunError: if it is none.
    """
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise FailedRunError(f"no JSON on standard output: {text[:200]!r}") from error
    return document


@contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pellucid-bench-") as folder:
        yield Path(folder)


@contextmanager
def linked(source: Path, pattern: str) -> Iterator[Path]:
    """Give a folder that holds links to some files of another, such as only the training ones."""
    with scratch() as folder:
        for path in sorted(source.glob(pattern)):
            (folder / path.name).symlink_to(path.resolve())
        yield folder


def _number(value: Any) -> float:
    if isinstance(value, dict):
        value = value.get("value", value.get("share"))
    return float(value)


def command() -> list[str | Path]:
    """Give the installed command; else the same from the source tree."""
    installed = Path(sys.executable).with_name("pellucid")
    if installed.exists():
        return [installed]
    source = Path(__file__).parents[1] / "src"
    start = f"import sys; sys.path.insert(0, {str(source)!r}); import pellucid.cli as c; c.main()"
    return [sys.executable, "-c", start]
