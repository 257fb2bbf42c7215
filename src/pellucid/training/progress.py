"""What a run says of itself while it goes on.

Watching changes nothing: whoever wants to know passes a function, and the loop calls it with one of
these at most a few times a second.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run is.

    Args:
        stage: what is going on, as a gerund: "reading", "choosing", "training", "calibrating",
            "saving", "done".
        spent: seconds of the budget that are gone.
        budget: seconds of the whole budget; infinite for a run by steps.
        step: training steps taken, of `steps`.
        steps: training steps planned; 0 before they are known.
        loss: running mean of the training loss; None before there is one.
        score: the task's main score on the held-out side at the last look; None before.
        metric: name of that score.
        next: what will happen next, as a clause: "held-out score in 4 s".
        curve: of the run until now: "seconds", "loss", "score_seconds", "score"; None before there
            is one.
        drawn: gives a picture of what the network makes as it is now, a PNG; None if it makes
            nothing that could be drawn.
        said: one sentence that must not be missed (a repaired fault, a changed plan); "" for none.
    """

    stage: str
    spent: float
    budget: float
    step: int = 0
    steps: int = 0
    loss: float | None = None
    score: float | None = None
    metric: str = ""
    next: str = ""
    curve: Mapping[str, Sequence[float]] | None = None
    drawn: Callable[[], bytes] | None = None
    said: str = ""


Watch = Callable[[Progress], None]
