"""Recordings whose answer has one known reason in time, made by seed.

Idea: a recording is a bed of noise with tones, clicks and hums that say nothing. Somewhere in it
stands what decides: a short tone that is high or low, or a stretch in which the pitch rises or
falls. A third class, "neither", has none of it. Nothing else differs between the classes.

Letters: N examples, T samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import NEITHER, Planted, judged

RATE = 8_000  # Hz
CLASSES = ("one", "other", NEITHER)
LONGEST = 1.0  # s
ANSWERS = ("tone", "stretch")
_TONES = (900.0, 1500.0)  # Hz, that decide; what says nothing is lower or higher
_GLIDE = (800.0, 1700.0)  # Hz, that a stretch goes between
_EDGE = 0.01  # s, in which a sound rises and falls, so that it does not click


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        beside: sounds that say nothing, in each recording.
        noise: its level, where what decides has 1.
        seconds: that what decides lasts.
        examples: recordings to learn from.
    """

    beside: int
    noise: float
    seconds: float
    examples: int


LEVELS = {
    1: Level(1, noise=0.1, seconds=0.2, examples=600),
    2: Level(2, noise=0.2, seconds=0.16, examples=900),
    3: Level(3, noise=0.3, seconds=0.12, examples=1200),
}


@dataclass(frozen=True, slots=True)
class Sounds:
    """A way of planting a reason in recordings, in one difficulty: see `Design`.

    Args:
        name: one of `ANSWERS`: a tone decides, or a stretch in which the pitch moves.
        level: a key of `LEVELS`.
    """

    name: str
    level: int

    @property
    def signed(self) -> bool:
        """Reasons speak for the answer."""
        return True

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        del training
        around = np.random.default_rng([18, seed if scenery is None else scenery])
        reason = np.random.default_rng([17, seed])
        x, y, truth = [], np.empty(count, object), np.empty(count, object)
        for place in range(count):
            label = int(reason.integers(3))
            shown = (1 - label if label < 2 else label) if swapped else label
            samples, marks = self._one(shown, reason, around)
            x.append((samples, RATE))
            y[place], truth[place] = CLASSES[shown], marks
        return Planted(x=x, y=y, truth=truth)

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        with TemporaryDirectory() as folder:
            _write(Path(folder), planted)
            return pellucid.fit(folder, task="classify", budget=budget, seed=seed)

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        del model
        marks = planted.truth[place]
        spans = [
            slice(round(part.where[0] * RATE), round(part.where[1] * RATE))
            for part in explanation.parts
        ]
        return np.array([judged(marks[span], marks) for span in spans])

    def _one(
        self, shown: int, reason: np.random.Generator, around: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        level = LEVELS[self.level]
        length = round(LONGEST * RATE)
        samples = level.noise * around.normal(size=length)
        for _ in range(level.beside):
            _add(samples, _beside(around), around.uniform(0, LONGEST - 0.2))
        start = float(reason.uniform(0.02, LONGEST - level.seconds - 0.02))
        marks = np.zeros(length)
        if shown < 2:
            _add(samples, self._deciding(shown), start)
            first = round(start * RATE)
            marks[first : first + round(level.seconds * RATE)] = 1.0
        return (0.2 * samples).astype(np.float32), marks

    def _deciding(self, shown: int) -> NDArray[np.float64]:
        seconds = LEVELS[self.level].seconds
        if self.name == "tone":
            return _glide(_TONES[shown], _TONES[shown], seconds)
        return _glide(*(_GLIDE if shown == 0 else _GLIDE[::-1]), seconds)


def _beside(random: np.random.Generator) -> NDArray[np.float64]:
    """Give a sound that says nothing: a low hum, a high whistle or a burst of noise."""
    which, seconds = int(random.integers(3)), float(random.uniform(0.05, 0.2))
    if which == 2:
        return 0.5 * random.normal(size=round(seconds * RATE)) * _shape(seconds)
    at = random.uniform(150, 400) if which == 0 else random.uniform(2500, 3500)
    return _glide(float(at), float(at * random.uniform(0.9, 1.1)), seconds)


def _glide(begin: float, end: float, seconds: float) -> NDArray[np.float64]:
    """Give a tone that goes from one pitch to another."""
    at = np.arange(round(seconds * RATE)) / RATE
    turns = begin * at + (end - begin) * at**2 / (2 * seconds)
    return np.sqrt(2) * np.sin(2 * np.pi * turns) * _shape(seconds)


def _shape(seconds: float) -> NDArray[np.float64]:
    at = np.arange(round(seconds * RATE)) / RATE
    return np.clip(np.minimum(at, at[::-1]) / _EDGE, 0, 1)


def _add(samples: NDArray[np.float64], sound: NDArray[np.float64], start: float) -> None:
    first = round(start * RATE)
    last = min(len(samples), first + len(sound))
    samples[first:last] += sound[: last - first]


def _write(folder: Path, planted: Planted) -> None:
    """Write each recording as a file in the folder of its class."""
    from pellucid.data._audio_specimen import wav

    for label in set(planted.y):
        (folder / label).mkdir()
    pairs: Sequence[Any] = [*zip(planted.x, planted.y, strict=True)]
    for place, ((samples, rate), label) in enumerate(pairs):
        whole = np.clip(np.rint(32_768 * samples), -32_767, 32_767).astype(np.int16)
        (folder / label / f"{place:05}.wav").write_bytes(wav(whole, rate))
