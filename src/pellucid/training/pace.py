"""How many steps are still to be taken, from how long steps take.

The number of steps is fixed from the speed of the first of them and re-planned at every step,
because the machine may slow down (another process) or speed up. The schedule follows the share of
the steps that are done, so that it always ends at zero when the steps do.
"""

import math
import time

from pellucid.training.budget import Clock

_MEMORY = 3.0  # seconds of steps that the present speed is read from
_WARM = 2  # steps that pay once for what later ones find ready: compiling, choosing kernels
_DOUBT = 1.01  # a machine that has just slowed down may slow down more


class Pace:
    """Plans the steps of one run.

    Args:
        clock: of the run.
        steps: exactly this many, whatever the clock says; None to go by the clock.
        most: no more than this many in all: more were found not to help.
        reserve: seconds that everything after training will take.
    """

    def __init__(
        self, clock: Clock, *, steps: int | None, most: float = math.inf, reserve: float = 0.0
    ) -> None:
        self.clock = clock
        self.steps = steps
        self.most = most
        self.reserve = reserve
        self.interruptions = 0.0  # seconds that held-out looks and checkpoints will still take
        self._begun = 0
        self._seconds = 0.0
        self._count = 0.0
        self._since = time.monotonic()

    def begin(self) -> None:
        """Start timing a step."""
        self._since = time.monotonic()

    def end(self) -> None:
        """Stop timing a step; older ones fade, and the first do not count."""
        self._begun += 1
        if self._begun <= _WARM:
            return
        self._seconds += time.monotonic() - self._since
        self._count += 1
        if self._seconds > _MEMORY:
            fade = 0.9
            self._seconds *= fade
            self._count *= fade

    @property
    def per_step(self) -> float:
        """Seconds that a step takes at present; 0 before the first."""
        return self._seconds / self._count if self._count else 0.0

    @property
    def time_left(self) -> float:
        """Seconds left for steps."""
        return self.clock.left - self.reserve - self.interruptions

    def remaining(self, step: int) -> float:
        """Give how many steps are to come after `step` of them; at least 1."""
        if self.steps is not None:
            return float(max(1, self.steps - step))
        by_time = self.time_left / (self.per_step * _DOUBT) if self._count else 1e6
        return max(1.0, min(by_time, self.most - step))

    def over(self, step: int) -> bool:
        """Tell whether no further step should be taken after `step` of them."""
        if self.steps is not None:
            return step >= self.steps
        return step >= self.most or self.time_left < self.per_step * 0.6
