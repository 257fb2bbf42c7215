"""On how many threads a step of training is taken: as many as there may be, or one.

Idea: the threads of a step wait for each other many times. Where other work holds a core, all of
them wait for the one that is not running, and a small step takes many times as long as on a single
thread, which waits for nobody. How busy a machine is changes, so both are tried now and then.
"""

import statistics
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import torch

GAIN = 1.25  # times as fast that one thread must be: other work may end, and then two are faster
_EVERY = 15.0  # seconds between trials
_STEPS = 60  # and so many steps, so that trials cost little where steps take long
_TRIED = 4  # steps of a trial; the first of them is not counted
_HOPELESS = 3.0  # times as long as usual: no further step of such a trial
_RECENT = 9  # steps that tell what is usual


@contextmanager
def kept_threads() -> Iterator[None]:
    """Leave torch with the number of threads that it came with."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def counts(device: str) -> tuple[int, ...]:
    """Give the numbers of threads that are worth timing on a device, the most first."""
    most = torch.get_num_threads()
    return (most, 1) if device == "cpu" and most > 1 else (most,)


def quicker(seconds: dict[int, float]) -> int:
    """Give the number of threads to take, from the seconds of a step on each, the most first."""
    most, *fewer = seconds
    clearly = [count for count in fewer if seconds[count] * GAIN < seconds[most]]
    return clearly[0] if clearly else most


def crew(device: str, now: int) -> "Crew | None":
    """Give what watches over the threads on a device; None where there is nothing to choose.

    Args:
        device: of the network.
        now: threads to begin with; 0 for as many as there may be.
    """
    most, *fewer = counts(device)
    return Crew(most, now or most) if fewer else None


class Crew:
    """Finds out while a network learns on how many threads it learns fastest.

    Args:
        most: threads that there may be.
        now: threads of the steps that come; torch is told.

    Attributes:
        usual: whether the next step is none of a trial.
    """

    def __init__(self, most: int, now: int) -> None:
        self.most = most
        self.usual = True
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._tried: list[float] = []
        self._since = 0.0
        self._steps = 0
        self._take(now)

    def tell(self, seconds: float) -> None:
        """Hear how long the last step took; the next may be on another number of threads."""
        if self.usual:
            self._recent.append(seconds)
            self._since += seconds
            self._steps += 1
            if self._since > _EVERY and self._steps > _STEPS:
                self.usual = False
                self._take(self._other())
            return
        self._tried.append(seconds)
        usual = statistics.median(self._recent)
        if len(self._tried) == _TRIED or (len(self._tried) > 1 and seconds > _HOPELESS * usual):
            self._decide(usual, statistics.median(self._tried[1:]))

    def _decide(self, usual: float, tried: float) -> None:
        other = self._other()
        took = {self.now: tried, other: usual}
        best = quicker({count: took[count] for count in (self.most, 1)})
        if best != self.now:
            self._take(other)
        else:
            self._recent.clear()
        self._tried, self._since, self._steps, self.usual = [], 0.0, 0, True

    def _other(self) -> int:
        return self.most if self.now == 1 else 1

    def _take(self, count: int) -> None:
        self.now = count
        torch.set_num_threads(count)
