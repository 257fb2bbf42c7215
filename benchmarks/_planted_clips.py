"""Clips whose answer has one known reason, made by seed.

Idea: two ways. "order": each clip of one class holds the very frames of a clip of the other class,
in the opposite order, so single frames tell nothing and only motion does. "patch": somewhere in a
clip of moving noise a patch of stripes drifts up or down for a while, which decides; patches that
drift sideways say nothing. A third class, "neither", has no patch that decides.

Letters: N examples, T frames, H height, W width.
"""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import NEITHER, Planted, judged

FRAMES, SIDE = 8, 32
CLASSES = ("one", "other", NEITHER)
ANSWERS = ("patch",)
_SIZE = 10  # pixels of a patch
_WAVES = 2 * np.pi / 5  # of the stripes, per pixel
_STEP = 1.2  # pixels that stripes drift from frame to frame


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        beside: patches that say nothing, in each clip.
        noise: grey levels of the noise on each frame.
        frames: that what decides lasts.
        examples: clips to learn from.
    """

    beside: int
    noise: float
    frames: int
    examples: int


LEVELS = {
    1: Level(1, noise=8.0, frames=6, examples=400),
    2: Level(2, noise=14.0, frames=5, examples=600),
    3: Level(2, noise=20.0, frames=4, examples=800),
}


@dataclass(frozen=True, slots=True)
class Films:
    """A way of planting a reason in clips, in one difficulty: see `Design`.

    Args:
        name: one of `ANSWERS`.
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
        around = np.random.default_rng([28, seed if scenery is None else scenery])
        reason = np.random.default_rng([27, seed])
        x, y, truth = [], np.empty(count, object), np.empty(count, object)
        for place in range(count):
            label = int(reason.integers(3))
            shown = (1 - label if label < 2 else label) if swapped else label
            frames, marks = self._one(shown, reason, around)
            x.append(frames)
            y[place], truth[place] = CLASSES[shown], marks
        return Planted(x=x, y=y, truth=truth)

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        with TemporaryDirectory() as folder:
            for place, (frames, label) in enumerate(zip(planted.x, planted.y, strict=True)):
                write(Path(folder) / label / f"clip{place:05}", frames)
            return pellucid.fit(folder, task="classify", budget=budget, seed=seed)

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        del model
        marks = planted.truth[place]
        return np.array([judged(_inside(marks, part.where), marks) for part in explanation.parts])

    def _one(
        self, shown: int, reason: np.random.Generator, around: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        level = LEVELS[self.level]
        ground = 110 + 12 * _smooth(around)
        film = ground + level.noise * around.normal(size=(FRAMES, SIDE, SIDE))
        marks = np.zeros((FRAMES, SIDE, SIDE))
        top, left = reason.integers(0, SIDE - _SIZE + 1, 2).tolist()
        first = int(reason.integers(0, FRAMES - level.frames + 1))
        phase = float(reason.uniform(0, 2 * np.pi))
        when = slice(first, first + level.frames)
        for _ in range(level.beside):
            beside = around.integers(0, SIDE - _SIZE + 1, 2).tolist()
            way, at = float(around.choice([-1.0, 1.0])), float(around.uniform(0, 2 * np.pi))
            _lay(
                film,
                slice(0, FRAMES),
                (beside[0], beside[1]),
                _drifting(FRAMES, way, at).swapaxes(1, 2),
            )
        if shown < 2:
            stripes = _drifting(level.frames, 1.0 if shown else -1.0, phase)
            _lay(film, when, (top, left), stripes)
            marks[when, top : top + _SIZE, left : left + _SIZE] = 1.0
        return np.clip(film, 0, 255).round().astype(np.uint8), marks


def ordered(count: int, *, seed: int) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Make clips of which only the order of frames tells the class.

    A spot goes round in a circle, one way or the other. Clips come in pairs with the same frames in
    opposite orders.

    Returns:
        Clips, (T, H, W) each, and "one" or "other" for each.
    """
    random = np.random.default_rng([29, seed])
    clips: list[NDArray[np.uint8]] = []
    labels: list[str] = []
    while len(clips) < count:
        start, turn = random.uniform(0, 2 * np.pi), random.uniform(0.5, 0.8)
        angles = start + turn * np.arange(FRAMES)
        middle, radius = random.uniform(12, 20, 2), random.uniform(6, 9)
        rows, columns = np.mgrid[:SIDE, :SIDE]
        down = middle[0] + radius * np.sin(angles)
        across = middle[1] + radius * np.cos(angles)
        apart = np.hypot(rows - down[:, None, None], columns - across[:, None, None])
        ground = 90 + 15 * _smooth(random) + random.normal(0, 6, (FRAMES, SIDE, SIDE))
        frames = np.clip(ground + 120 * (apart < 3.5), 0, 255).astype(np.uint8)
        clips += [frames, frames[::-1]]
        labels += ["one", "other"]
    return clips[:count], labels[:count]


def write(folder: Path, frames: NDArray[np.uint8]) -> Path:
    """Write a clip as a folder of frames."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for place, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{place:03}.png", compress_level=1)
    return folder


def _drifting(frames: int, way: float, phase: float) -> NDArray[np.float64]:
    """Give stripes that drift up or down, faded at their edges: (frames, size, size)."""
    at = np.arange(_SIZE)
    moved = at - way * _STEP * np.arange(frames)[:, None]
    waves = np.sin(_WAVES * moved + phase)[:, :, None].repeat(_SIZE, axis=2)
    edge = np.sin(np.pi * (at + 0.5) / _SIZE) ** 0.5
    return 90 * waves * edge[:, None] * edge


def _lay(
    film: NDArray[np.float64],
    when: slice,
    place: tuple[int, int],
    patch: NDArray[np.float64],
) -> None:
    top, left = place
    film[when, top : top + _SIZE, left : left + _SIZE] += patch


def _smooth(random: np.random.Generator) -> NDArray[np.float64]:
    """Give a slow change of light over a frame, about 1 large."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE
    tilt, phase = random.normal(size=2), random.uniform(0, 2 * np.pi, 2)
    return np.sin(3 * tilt[0] * rows + phase[0]) + np.cos(3 * tilt[1] * columns + phase[1])


def _inside(marks: NDArray[np.float64], where: dict[str, list[float]]) -> NDArray[np.float64]:
    """Give the marks inside a span of time and a box."""
    from pellucid.data._video_folders import RATE

    first, last = (round(second * RATE) for second in where["seconds"])
    left, top, wide, high = (int(at) for at in where["box"])
    return marks[first:last, top : top + high, left : left + wide]
