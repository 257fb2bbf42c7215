"""Series whose answer has one known reason in time and among variables, made by seed.

Idea: what comes next is computed from one variable alone: from what it was some steps ago, or from
its mean over the last steps; the others are noise of the same sort. How much each value moved a
forecast is known, since the rule is a weighted sum. Series that are told apart show a shape in one
variable, at a time of its own; a third class, "neither", shows none.

Letters: N examples, T steps, C variables, H steps ahead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import NEITHER, Planted, judged, of_columns

TARGET = "load"
CLASSES = ("one", "other", NEITHER)
PAST, AHEAD, STEPS = 48, 4, 96  # of a window, of a forecast, and of a whole series
SHAPE = 16  # steps of a shape that tells classes apart
OWN = 0.3  # standard deviation of what the target was by itself


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        variables: beside the target.
        noise: standard deviation of what cannot be foretold, of 1.
        examples: steps to learn from, or whole series where those are told apart.
        lag: steps back to what decides.
        mean: last steps whose mean decides.
        contrast: of a shape against the noise around it.
    """

    variables: int
    noise: float
    examples: int
    lag: int
    mean: int
    contrast: float


LEVELS = {
    1: Level(2, noise=0.1, examples=8000, lag=5, mean=3, contrast=3.0),
    2: Level(3, noise=0.2, examples=12000, lag=7, mean=4, contrast=2.5),
    3: Level(4, noise=0.3, examples=16000, lag=9, mean=6, contrast=2.0),
}
WHOLE = {1: 600, 2: 900, 3: 1200}  # series to learn from where those are told apart
ANSWERS = ("lag", "variable", "span")


@dataclass(frozen=True, slots=True)
class Lines:
    """A way of planting a reason in series, in one difficulty: see `Design`.

    Args:
        name: one of `ANSWERS`: what it was some steps ago decides, the mean of one variable
            decides, or a shape at some time does.
        level: a key of `LEVELS`.
    """

    name: str
    level: int

    @property
    def signed(self) -> bool:
        """Whether reasons speak for the answer: where it is a number, less is one, too."""
        return self.name == "span"

    @property
    def names(self) -> tuple[str, ...]:
        """The variables, the target first."""
        others = tuple(f"v{number}" for number in range(1, LEVELS[self.level].variables + 1))
        return others if self.name == "span" else (TARGET, *others)

    @property
    def used(self) -> int:
        """Place of the variable that decides."""
        return len(self.names) - 1

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        around = np.random.default_rng([8, seed if scenery is None else scenery])
        reason = np.random.default_rng([7, seed])
        if self.name == "span":
            count = WHOLE[self.level] if training else count
            return self._told_apart(count, reason, around, swapped=swapped)
        if training:
            return self._long(count, reason, around)
        return self._windows(count, reason, around, swapped=swapped)

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        if self.name != "span":
            # One that looks at all variables: the others foretell each from its own past.
            wish = {"target": TARGET, "horizon": AHEAD, "past": PAST, "network": "rnn"}
            return pellucid.fit(planted.x[0], task="forecast", budget=budget, seed=seed, **wish)
        with TemporaryDirectory() as folder:
            _write(Path(folder), planted)
            return pellucid.fit(folder, task="classify", budget=budget, seed=seed)

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        from pellucid.data import Ask

        one = model.kind.read(planted.x[place], Ask(schema=model.schema))
        (parts,) = model.kind.parts(one, model.schema)
        marks = self._in_channels(planted.truth[place], model)
        of = np.broadcast_to(parts.of, marks.shape)
        inside = [marks[of == part] for part in range(len(parts))]
        if self.signed:
            found = np.array([judged(one, marks) for one in inside])
        else:
            never = np.array([not (one != 0).any() for one in inside])
            moved = np.array([abs(one.sum()) for one in inside])
            found = of_columns(np.where(never, 0.0, np.maximum(moved, 1e-9)))
        known = {
            (name, str(where)): label
            for name, where, label in zip(parts.names, parts.where, found, strict=True)
        }
        return np.array([known[part.name, str(part.where)] for part in explanation.parts])

    def _in_channels(self, truth: NDArray[np.float64], model: Any) -> NDArray[np.float64]:
        """Lay the truth over the steps and channels of x."""
        marks = np.zeros(model.schema.shape)
        for at, channel in enumerate(model.schema.details["channels"]):
            if channel in self.names:
                marks[-len(truth) :, at] = truth[:, self.names.index(channel)]
        return marks

    def _follows(self) -> NDArray[np.float64]:
        """Give what the value of so many steps ago is worth to the target, from none on."""
        level = LEVELS[self.level]
        found = np.zeros(PAST)
        if self.name == "lag":
            found[level.lag] = 1.0
        else:
            found[AHEAD : AHEAD + level.mean] = 1 / np.sqrt(level.mean)
        return found

    def _weights(self) -> NDArray[np.float64]:
        """Give what each step of the past is worth to the mean of the forecast, (PAST,)."""
        weights = np.zeros(PAST)
        for ago in np.flatnonzero(follows := self._follows()).tolist():
            for step in range(1, AHEAD + 1):
                weights[PAST - 1 + step - ago] += follows[ago] / AHEAD
        return weights

    def _windows(
        self, count: int, reason: np.random.Generator, around: np.random.Generator, *, swapped: bool
    ) -> Planted:
        deciding = reason.normal(size=(count, PAST))
        if swapped:
            deciding = deciding[::-1]
        x = around.normal(size=(count, PAST, len(self.names)))
        x[..., 0] *= OWN
        x[..., self.used] = deciding
        truth = np.zeros(x.shape)
        truth[..., self.used] = deciding * self._weights()
        return Planted(
            x=[_table(one, self.names) for one in x],
            y=truth.sum(axis=(1, 2)),
            truth=truth,
        )

    def _long(
        self, count: int, reason: np.random.Generator, around: np.random.Generator
    ) -> Planted:
        """Make one long series to learn from, every step of which follows from those before."""
        level = LEVELS[self.level]
        x = around.normal(size=(count, len(self.names)))
        deciding = x[:, self.used] = reason.normal(size=count)
        follows = np.convolve(deciding, self._follows())[:count]
        x[:, 0] = follows + level.noise * around.normal(size=count)
        return Planted(x=[_table(x, self.names)], y=np.zeros(1), truth=np.zeros(1))

    def _told_apart(
        self, count: int, reason: np.random.Generator, around: np.random.Generator, *, swapped: bool
    ) -> Planted:
        level = LEVELS[self.level]
        x = around.normal(size=(count, STEPS, len(self.names)))
        truth = np.zeros(x.shape)
        y = np.empty(count, object)
        for place in range(count):
            label = int(reason.integers(3))
            start = int(reason.integers(STEPS - SHAPE))
            shown = (1 - label if label < 2 else label) if swapped else label
            y[place] = CLASSES[shown]
            if shown < 2:
                inside = slice(start, start + SHAPE)
                x[place, inside, self.used] += level.contrast * _shape(shown)
                truth[place, inside, self.used] = 1.0
        return Planted(x=[_table(one, self.names, name="s") for one in x], y=y, truth=truth)


def _shape(label: int) -> NDArray[np.float64]:
    """Give a slow wave or a fast one, both without a mean."""
    turns = np.arange(SHAPE) / SHAPE
    return np.sqrt(2) * np.sin(2 * np.pi * turns * (1 if label == 0 else 4))


def _table(x: NDArray[np.float64], names: Sequence[str], *, name: str = "") -> Any:
    """Write steps as a table of one row each, hour by hour."""
    import pyarrow as pa

    hours = np.datetime64("2024-01-01T00", "s") + np.arange(len(x)) * np.timedelta64(3600, "s")
    columns = {"time": pa.array(hours)}
    if name:
        columns["series"] = pa.array([name] * len(x))
    return pa.table(columns | {each: x[:, at] for at, each in enumerate(names)})


def _write(folder: Path, planted: Planted) -> None:
    """Write each series as a file in the folder of its class."""
    from pyarrow import csv

    for label in set(planted.y):
        (folder / label).mkdir()
    for place, (table, label) in enumerate(zip(planted.x, planted.y, strict=True)):
        csv.write_csv(table.drop_columns(["series"]), folder / label / f"{place:05}.csv")
