"""Peers as systems under test: their scripts, each in its environment."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.runner import FailedRunError, Finished, must

ROOT = Path(__file__).parents[1]
HERE = Path(__file__).with_name("peers")


def python(environment: str) -> Path:
    """Give the interpreter of a peer's environment; "torch" is the one that runs this.

    Raises:
        FailedRunError: if the environment was not made.
    """
    if environment == "torch":
        return Path(sys.executable)
    found = ROOT / ".peers" / environment / "bin" / "python"
    if not found.exists():
        remedy = f"python -m benchmarks.peers.environments {environment}"
        raise FailedRunError(f"no environment {found.parents[1]}; make it: {remedy}")
    return found


def script(name: str, environment: str, words: Sequence[str | Path]) -> Finished:
    """Run a peer's script.

    Raises:
        FailedRunError: if it fails or its environment is missing.
    """
    return must([python(environment), HERE / f"{name}.py", *words])


def curve(output: str) -> list[tuple[float, float]]:
    """Read the lines "seconds accuracy" that a peer prints after each epoch."""
    found = re.findall(r"^(\d+\.\d+) ([01]\.\d+)$", output, re.MULTILINE)
    return [(float(seconds), float(accuracy)) for seconds, accuracy in found]


def reached(points: Sequence[tuple[float, float]], accuracy: float) -> float | None:
    """Tell when a curve first reaches an accuracy, s; None if it never does."""
    return next((seconds for seconds, value in points if value >= accuracy), None)


def scores(output: str) -> dict[str, float]:
    """Read the JSON object that a peer prints on its last line."""
    read: dict[str, float] = json.loads(output.strip().splitlines()[-1])
    return read
