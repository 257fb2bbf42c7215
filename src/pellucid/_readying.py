"""What a task does once before a network learns, in the time that is set apart for it."""

from pellucid.preparing import Prepared
from pellucid.training.budget import Budget
from pellucid.training.learner import Learner
from pellucid.training.loop import Run, say

_SHARE = 0.06  # of the budget
_MOST = 40.0  # s


def readied(ready: Prepared, learner: Learner, run: Run, limits: Budget) -> None:
    """Let the task do what must be done once before training.

    Args:
        ready: the data.
        learner: that will learn from it.
        run: hears what was done.
        limits: of the whole run.
    """
    seconds = None if limits.seconds is None else min(_MOST, _SHARE * limits.seconds)
    told = ready.task.ready(
        learner.network,
        ready.train,
        seconds=None if limits.steps is not None else seconds,
        seed=limits.seed,
        half=learner.habits.numerics.dtype == "bfloat16",
    )
    if told:
        say(run, told)
