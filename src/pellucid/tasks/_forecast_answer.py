"""What is foretold, as a user gets it.

Letters: H steps ahead, L steps of the past.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.tasks import Answer

Course = Mapping[str, NDArray[np.float64]]  # by variable, (steps,), in its own unit


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, repr=False)
class Outlook(Answer):
    """The next steps of each variable, in its own unit.

    Args:
        median: the middle of what may come, (H,) for each variable.
        low: lower ends of the intervals that hold the truth with the probability asked for; empty
            if too few windows were held out to promise that.
        high: upper ends.
        level: that probability.
        times: of the steps, (H,); empty where they are not known.
        past: what came before, (L,) each, to be drawn; it is no part of the answer.
    """

    median: Course
    low: Course
    high: Course
    level: float = 0.9
    times: tuple[str, ...] = ()
    past: Course = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        found = {"median": self.median, "low": self.low, "high": self.high}
        return {
            name: {key: _listed(values) for key, values in course.items()} or None
            for name, course in found.items()
        } | {"level": self.level, "times": list(self.times) or None}

    def doubt(self) -> str:
        if not self.low:
            return "too few windows were held out to promise intervals at this level"
        if not all(np.isfinite(values).all() for values in self.low.values()):
            return "what was held out says nothing of some steps, which have no interval"
        return ""

    def over(self, past: Course, times: Sequence[str] = ()) -> "Outlook":
        """Give the same answer with what came before, so that it draws itself over it.

        Args:
            past: (L,) for some or all variables, in their own units, NaN where missing.
            times: of the steps, (H,); empty where they are not known.
        """
        return replace(self, past=dict(past), times=tuple(times))

    def draw(self, truth: Course | None = None) -> bytes:
        """Draw the forecast as a fan over the past, a PNG.

        Args:
            truth: what came next, (H,) for some or all variables, where that is known.
        """
        from pellucid.tasks._forecast_drawing import fan

        return fan(self, truth or {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outlook) and self.to_json() == other.to_json()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        name, values = next(iter(self.median.items()))
        short = name if len(name) <= 20 else f"{name[:19]}…"
        text = f"{short}: {_range(values)} over {len(values)} steps"
        others = len(self.median) - 1
        return f"{text}, and {others} more" if others else text

    def __repr__(self) -> str:
        return f"<Outlook {self}>"

    def _repr_html_(self) -> str:
        drawn = base64.b64encode(self.draw()).decode()
        return f'<img alt="{len(self.median)} forecasts" src="data:image/png;base64,{drawn}">'


def outlooks(
    names: Sequence[str],
    middle: NDArray[np.float64],
    half: NDArray[np.float64] | None,
    *,
    level: float,
) -> list[Outlook]:
    """Give one answer a window.

    Args:
        names: of the variables, A.
        middle: (N, H, A), in their own units.
        half: how far the intervals reach to either side, (N, H, A); None for none.
        level: of the intervals.
    """
    found = []
    for place, rows in enumerate(middle):
        low, high = (None, None) if half is None else (rows - half[place], rows + half[place])
        found.append(
            Outlook(
                median=_by_name(names, rows),
                low=_by_name(names, low),
                high=_by_name(names, high),
                level=level,
            )
        )
    return found


def _by_name(names: Sequence[str], rows: NDArray[np.float64] | None) -> Course:
    return {} if rows is None else {name: rows[:, at] for at, name in enumerate(names)}


def _listed(values: NDArray[np.float64]) -> list[float | None]:
    return [at if np.isfinite(at) else None for at in values.tolist()]


def _range(values: NDArray[np.float64]) -> str:
    return f"{values[0]:.4g} to {values[-1]:.4g}"
