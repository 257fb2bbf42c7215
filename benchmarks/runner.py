"""Measures whole commands: wall clock from start to exit, peak memory, systems and seeds in turn.

Idea: what a user waits for is the command, imports and reading included, so that is what is timed.
Systems take turns within one run (the first seed of each, then the second of each, and so on, a
different one first each time), so that a machine that warms up or slows down favours none.
"""

import csv
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import _machine

RESULTS = Path(__file__).with_name("results.csv")
CORES = 2  # that a system may use, if nothing else is said
COLUMNS = (
    "date",
    "commit",
    "machine",
    "versions",
    "benchmark",
    "system",
    "metric",
    "mean",
    "sd",
    "seeds",
    "seconds",
    "peak_mib",
)


class FailedRunError(Exception):
    """A measured command ended with an error or could not be started."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What one call of `python -m benchmarks.run` asked for.

    Args:
        data: the folder that holds the data sets, one folder each.
        seeds: how often each system is measured.
        systems: parts of names; a system is measured if its benchmark's name and its own, with a
            space between them, hold one of these. Empty for all.
        smoke: try that everything runs, on tiny subsets; nothing measured this way is kept.
        runs: number of runs for the question that counts kept promises.
        longest: longest budget of those runs, s.
        cores: that every system may use; another number than usual has rows of its own.
    """

    data: Path
    seeds: int = 5
    systems: tuple[str, ...] = ()
    smoke: bool = False
    runs: int = 60
    longest: float = 90.0
    cores: int = CORES

    def asks(self, system: str) -> bool:
        """Tell whether a system is to be measured."""
        return not self.systems or any(part in system for part in self.systems)

    def folder(self, name: str) -> Path:
        """Give the folder of one data set.

        Raises:
            FailedRunError: if it is not there; the message says what is needed.
        """
        found = self.data / name
        if not found.is_dir():
            raise FailedRunError(
                f"no folder {found}; the question needs {name}: see benchmarks/README.md, "
                "section Data, and name the folder above it with --data"
            )
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A command that ran to its end.

    Args:
        code: exit status; negative for a signal.
        seconds: wall clock from starting the process to its exit.
        mebibytes: peak resident memory of the largest process of its tree, MiB.
        output: standard output.
        messages: standard error.
    """

    code: int
    seconds: float
    mebibytes: float
    output: str
    messages: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What one system did with one seed.

    Args:
        scores: metric → value; shares as shares, not per cent.
        seconds: wall clock that the row states.
        mebibytes: peak memory, MiB.
    """

    scores: Mapping[str, float]
    seconds: float
    mebibytes: float


@dataclass(frozen=True, slots=True)
class System:
    """One side of a comparison.

    Args:
        name: as it stands in the table.
        trial: measures one seed; raises FailedRunError if the system fails.
        python: the interpreter whose environment is asked for versions.
        packages: the packages whose versions matter.
    """

    name: str
    trial: Callable[[int], Trial]
    python: Path = Path(sys.executable)
    packages: tuple[str, ...] = ("torch",)


@dataclass(slots=True)
class _Tally:
    system: System
    trials: list[Trial] = field(default_factory=list)


def run_command(
    command: Sequence[str | Path],
    *,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command as a process of its own, with nothing else of ours running.

    Args:
        command: the words of the command.
        timeout: the process group is killed after so many seconds.
        environment: variables that are added to those of this process.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        start = time.monotonic()
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=messages,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        status, peak = _wait(process, timeout)
        seconds = time.monotonic() - start
        return Finished(
            code=os.waitstatus_to_exitcode(status),
            seconds=seconds,
            mebibytes=peak,
            output=_text(output),
            messages=_text(messages),
        )


def must(
    command: Sequence[str | Path],
    *,
    timeout: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run a command that has to succeed.

    Raises:
        FailedRunError: if it does not, with the last lines it wrote.
    """
    try:
        done = run_command(command, timeout=timeout, environment=environment)
    except OSError as error:
        raise FailedRunError(f"{command[0]}: {error.strerror}") from error
    if done.code != 0:
        last = "\n    ".join((done.messages or done.output).strip().splitlines()[-8:])
        words = " ".join(str(word) for word in command)
        raise FailedRunError(f"exit status {done.code} from {words}\n    {last}")
    return done


def measure(benchmark: str, systems: Sequence[System], setting: Setting) -> dict[str, list[Trial]]:
    """Measure systems in turn and append a row for each of their metrics to results.csv.

    A failed trial is said and left out; the row's number of seeds shows it. What was measured is
    kept when the run is interrupted.

    Returns:
        System → its trials.
    """
    tallies = [_Tally(system) for system in systems if setting.asks(f"{benchmark} {system.name}")]
    seeds = 1 if setting.smoke else setting.seeds
    try:
        for seed in range(seeds):
            first = seed % max(1, len(tallies))
            for tally in tallies[first:] + tallies[:first]:
                _attempt(benchmark, tally, seed)
    finally:
        for tally in tallies:
            record(benchmark, tally.system, tally.trials, setting)
    return {tally.system.name: tally.trials for tally in tallies}


def record(benchmark: str, system: System, trials: Sequence[Trial], setting: Setting) -> None:
    """Append one row for each metric of a system: mean, deviation, mean seconds, highest peak."""
    if not trials:
        return
    if setting.cores != CORES:
        benchmark += ", one core" if setting.cores == 1 else f", {setting.cores} cores"
    for metric in dict.fromkeys(metric for trial in trials for metric in trial.scores):
        values = [trial.scores[metric] for trial in trials if metric in trial.scores]
        mean = statistics.fmean(values)
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        seconds = statistics.fmean(trial.seconds for trial in trials)
        peak = max(trial.mebibytes for trial in trials)
        say(f"{benchmark} · {system.name} · {metric}: {mean:.5g} ± {deviation:.2g}")
        if not setting.smoke:
            where = (_machine.today(), _machine.commit(), _machine.machine())
            versions = _machine.versions(system.python, system.packages)
            figures = (
                f"{mean:.6g}",
                f"{deviation:.3g}",
                len(values),
                f"{seconds:.2f}",
                round(peak),
            )
            append([*where, versions, benchmark, system.name, metric, *figures])


def append(row: Sequence[object]) -> None:
    """Add one row to results.csv, with the header if the file is new."""
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow(row)


def say(text: str) -> None:
    """Print one line of progress, at once."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def _attempt(benchmark: str, tally: _Tally, seed: int) -> None:
    busy = _machine.busy()
    if busy > 0.1:
        say(f"the machine is not idle: {busy:.0%} of it is busy; measure again when it is quiet")
    name = tally.system.name
    try:
        trial = tally.system.trial(seed)
    except FailedRunError as error:
        say(f"{benchmark} · {name} · seed {seed}: FAILED: {error}")
        return
    tally.trials.append(trial)
    scores = ", ".join(f"{metric} {value:.5g}" for metric, value in trial.scores.items())
    cost = f"{trial.seconds:.1f} s, {trial.mebibytes:.0f} MiB"
    say(f"{benchmark} · {name} · seed {seed}: {scores} ({cost})")


def _wait(process: "subprocess.Popen[bytes]", timeout: float | None) -> tuple[int, float]:
    """Wait for a process, kill its group at the timeout; give its status and peak in MiB."""
    timer = threading.Timer(timeout or 0, _kill, [process.pid])
    if timeout is not None:
        timer.start()
    try:
        # wait4 tells the largest of the child and of the children that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        _kill(process.pid)
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return status, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _text(file: "tempfile._TemporaryFileWrapper[bytes]") -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")
