"""What a row of results.csv says of where it was measured."""

import datetime
import functools
import os
import platform
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
_ASK = (
    "import sys, platform, importlib.metadata as known\n"
    "print('python=' + platform.python_version())\n"
    "there = {found.name.lower(): found.version for found in known.distributions()}\n"
    "print(*(name + '=' + there.get(name, 'source') for name in sys.argv[1:]))"
)


def today() -> str:
    """Give the date as in 2026-11-22."""
    return datetime.datetime.now(tz=datetime.UTC).date().isoformat()


@functools.cache
def commit() -> str:
    """Give the short commit, with a plus if tracked files differ from it; "none" outside git."""
    short = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/*.csv")
    return f"{short}{'+' if changed else ''}" if short else "none"


@functools.cache
def machine() -> str:
    """Name the processor, the cores that may be used, and the memory."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    name = names[0].partition(":")[2].strip() if names else platform.machine()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{name}; {cores} cores; {memory:.0f} GiB"


@functools.cache
def versions(python: Path, packages: tuple[str, ...]) -> str:
    """Ask an environment for versions: "python=3.11.7 torch=2.13.0", "source" if not installed."""
    done = subprocess.run([python, "-c", _ASK, *packages], capture_output=True, text=True)
    return " ".join(done.stdout.split())


def busy(seconds: float = 0.5) -> float:
    """Measure what share of the machine's processors others keep busy; 0 where it cannot tell."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    total = sum(after) - sum(before)
    idle = sum(after[3:5]) - sum(before[3:5])  # idle and waiting for the disk
    return 1 - idle / total if total else 0.0


def _ticks() -> list[int]:
    lines = _lines("/proc/stat")
    return [int(word) for word in lines[0].split()[1:9]] if lines else [0] * 8


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words], cwd=ROOT, capture_output=True, text=True
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
