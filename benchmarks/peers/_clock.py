"""The clock of a peer: seconds since its process was started, tests of the curve left out."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Clock:
    """Counts from the start of the process, so that importing counts too."""

    def __init__(self) -> None:
        self._start = time.monotonic() - _age()
        self._paused = 0.0

    @property
    def spent(self) -> float:
        """Seconds of the peer's own work until now."""
        return time.monotonic() - self._start - self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave out what happens inside: the benchmark asks for it, the recipe does not."""
        begin = time.monotonic()
        try:
            yield
        finally:
            self._paused += time.monotonic() - begin


def report(seconds: float, accuracy: float) -> None:
    """Print one point of the curve: seconds and accuracy on the test set, from 0 to 1."""
    print(f"{seconds:.2f} {accuracy:.5f}", flush=True)


def _age() -> float:
    """Seconds since this process was started; 0 where the system does not say."""
    status, uptime = Path("/proc/self/stat"), Path("/proc/uptime")
    if not status.exists():
        return 0.0
    started = int(status.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return float(uptime.read_text().split()[0]) - started
