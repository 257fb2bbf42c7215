"""Asks questions of pellucid and its peers: `python -m benchmarks.run fashion tables --seeds 5`.

Every name is a file of this folder with a function `ask(setting)`; without names, all are asked.
"""

import argparse
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

import benchmarks
from benchmarks.runner import CORES, FailedRunError, Setting, say

MACHINERY = {"run", "runner", "table", "calibrate", "peers"}
NEEDED = """no data folder: say where it is with --data FOLDER.
It holds one folder a data set, as benchmarks/README.md describes under Data:
  fashion_mnist, flowers5, hymenoptera, adult, wine_quality"""


def main(words: Sequence[str] | None = None) -> int:
    """Ask.

    Returns:
        0 if every question had its answer, 1 if one failed, 2 if a name or the data is missing.
    """
    options = _parser().parse_args(words)
    if options.list:
        return _list()
    names = options.names or questions()
    if unknown := sorted(set(names) - set(questions())):
        print(f"no question is called {unknown[0]!r}; --list shows them", file=sys.stderr)
        return 2
    data = options.data or _found()
    if data is None or not data.is_dir():
        print(NEEDED, file=sys.stderr)
        return 2
    _keep_to(options.cores)
    setting = Setting(
        data=data.resolve(),
        seeds=options.seeds,
        systems=tuple(options.systems),
        smoke=options.smoke,
        runs=options.runs,
        longest=options.longest,
        cores=options.cores,
    )
    return max([_asked(name, setting) for name in names])


def questions() -> list[str]:
    """Name the questions of this folder, in alphabetical order."""
    found = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name for name in found if name[0] != "_" and name not in MACHINERY)


def _asked(name: str, setting: Setting) -> int:
    say(f"asking {name}")
    try:
        importlib.import_module(f"benchmarks.{name}").ask(setting)
    except FailedRunError as error:
        say(f"{name}: FAILED: {error}")
        return 1
    return 0


def _list() -> int:
    for name in questions():
        text = importlib.import_module(f"benchmarks.{name}").__doc__ or ""
        print(f"{name:14}{text.partition(chr(10))[0]}")
    return 0


def _found() -> Path | None:
    """Find the data beside the repository or in it."""
    root = Path(__file__).parents[1]
    places = [root.parent / "shared" / "data", root / "shared" / "data"]
    return next((place for place in places if place.is_dir()), None)


def _keep_to(cores: int) -> None:
    """Let this process and all that it starts use so many cores and no more."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="questions; none for all")
    parser.add_argument("--list", action="store_true", help="show the questions")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each system (5)")
    parser.add_argument("--cores", type=int, default=CORES, help="cores for every system (2)")
    parser.add_argument(
        "--systems", nargs="+", default=[], help="only those with this in their name"
    )
    parser.add_argument("--smoke", action="store_true", help="try it on tiny subsets; keep no rows")
    parser.add_argument("--runs", type=int, default=60, help="promises: number of runs (60)")
    parser.add_argument("--longest", type=float, default=90.0, help="promises: longest budget (90)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
