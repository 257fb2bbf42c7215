"""What a run may spend: the one dial a user sets."""

import os
import re
import time
from dataclasses import dataclass

from pellucid.errors import BadInputError

_SECONDS = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """Limits that a run keeps to; everything else is chosen from them.

    Args:
        seconds: wall-clock time of everything from the start of the command to the saved model, s.
            None with `steps`, where the clock plays no part.
        memory: memory that data and training may take, bytes; None for half of what is free.
        steps: take exactly this many steps and repeat to the last bit; None to keep to seconds.
        seed: starting point of every random choice.
    """

    seconds: float | None = 600.0
    memory: int | None = None
    steps: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds < float("inf"):
            raise BadInputError(
                given=f"a budget of {self.seconds:g} s",
                needed="a time above zero",
                remedy="`--budget '10 min'` is a good first try",
            )
        if self.steps is not None and self.steps < 1:
            raise BadInputError(
                given=f"steps={self.steps}",
                needed="one step or more",
                remedy="leave --steps out to let the budget decide",
            )

    @classmethod
    def parse(
        cls,
        text: "str | float | Budget",
        *,
        memory: str | int | None = None,
        steps: int | None = None,
        seed: int = 0,
    ) -> "Budget":
        """Read limits as a person writes them: "90 s", "10 min", "1.5 h"; "4 GiB".

        Args:
            text: the time, a bare number being seconds; or a Budget, which is given back as it is.
            memory: the memory, a bare number being bytes.
            steps: see Budget.
            seed: see Budget.

        Raises:
            BadInputError: if a text is not a number followed by a unit.
        """
        if isinstance(text, Budget):
            return text
        return cls(
            seconds=None if steps is not None else parse_seconds(text),
            memory=None if memory is None else parse_bytes(memory),
            steps=steps,
            seed=seed,
        )


def parse_seconds(text: str | float) -> float:
    """Read a time, in seconds.

    Raises:
        BadInputError: if it is not a number, alone or followed by s, min, h or d.
    """
    if isinstance(text, int | float):
        return float(text)
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", text)
    unit = found[2] or "s" if found else ""
    if found is None or unit not in _SECONDS:
        raise BadInputError(
            given=f"budget {text!r}",
            needed="a number and a unit: s, min, h or d",
            remedy="write `--budget '10 min'`",
        )
    return float(found[1]) * _SECONDS[unit]


def parse_bytes(text: str | int) -> int:
    """Read a size of memory, in bytes.

    Raises:
        BadInputError: if it is not a number, alone or followed by MB, MiB, GB or GiB.
    """
    if isinstance(text, int):
        return text
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*", text)
    if found is None or (found[2] and found[2] not in _BYTES):
        raise BadInputError(
            given=f"memory {text!r}",
            needed="a number and a unit: MiB or GiB",
            remedy="write `--memory '4 GiB'`",
        )
    return int(float(found[1]) * _BYTES.get(found[2], 1))


class Clock:
    """The one clock of a run: it starts with the command and ends with the saved model.

    Args:
        seconds: the budget, s; None for a run by steps, which has no end in time.
        started: on `time.time()`'s scale; None for now.
        before: seconds that earlier parts of the same, interrupted run have spent.
    """

    def __init__(
        self, seconds: float | None, *, started: float | None = None, before: float = 0.0
    ) -> None:
        late = 0.0 if started is None else max(0.0, time.time() - started)
        self._start = time.monotonic() - late
        self.seconds = float("inf") if seconds is None else seconds
        self.before = before

    @property
    def spent(self) -> float:
        """Seconds since the command started, those of interrupted parts included."""
        return self.before + time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds until the budget is spent; negative when it is overspent."""
        return self.seconds - self.spent


def process_started() -> float:
    """Tell when this process was started, on `time.time()`'s scale.

    Importing takes seconds of the user's time too, so a command counts from here.
    """
    import psutil

    return float(psutil.Process(os.getpid()).create_time())
