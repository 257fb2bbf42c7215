"""Pictures whose class has one known reason, made by seed.

Idea: a picture is scenery (noise, shading, shapes that mean nothing) and, drawn over it, a reason.
Each has random numbers of its own, so the same reason can be put into other scenery and another
reason into the same: what a network then answers tells what it goes by. A third class, "neither",
shows no reason; so the other two have to be known by what is there, which can be covered, and not
by what is missing, which cannot. No shape changes when it is mirrored.

Letters: N examples, H W height and width, C channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import NEITHER, Planted, of_parts

CLASSES = ("one", "other", NEITHER)
OTHERS = ("square", "triangle", "bars")  # shapes that mean nothing
REAL = 0.8  # how often the object goes with the class, where the watermark always does


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        side: of the picture, pixels.
        channels: 1 for grey, 3 for colour.
        noise: standard deviation, of 255.
        shading: how much the light changes across the picture, of 255.
        others: shapes that mean nothing.
        contrast: of what is drawn against the background, of 255.
        examples: to learn from.
    """

    side: int
    channels: int
    noise: float
    shading: float
    others: int
    contrast: float
    examples: int


LEVELS = {
    1: Level(24, 1, noise=8, shading=0, others=1, contrast=130, examples=3000),
    2: Level(32, 3, noise=16, shading=25, others=2, contrast=120, examples=4000),
    3: Level(48, 1, noise=24, shading=40, others=4, contrast=110, examples=5000),
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """One thing to draw.

    Args:
        shape: where there is ink, (size, size); None to keep the room for it.
        top: row of its first pixel.
        left: column of it.
        size: pixels.
    """

    shape: NDArray[np.bool_] | None
    top: int
    left: int
    size: int


Random = np.random.Generator
Drawing = Callable[[int, Level, Random], list[Stamp]]


@dataclass(frozen=True, slots=True)
class Pictures:
    """A way of planting a reason in pictures, in one difficulty: see `Design`.

    Args:
        name: a key of `DESIGNS`.
        level: a key of `LEVELS`.
    """

    name: str
    level: int
    signed = True

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        level = LEVELS[self.level]
        x = np.empty((count, level.side, level.side, level.channels), np.uint8)
        truth = np.zeros(x.shape[:3], np.int8)
        y = np.empty(count, object)
        for place in range(count):
            reason = np.random.default_rng([1, seed, place])
            label = int(reason.integers(3))
            shown = (1 - label if label < 2 else label) if swapped else label
            stamps = DESIGNS[self.name](shown, level, reason)
            around = np.random.default_rng([2, seed if scenery is None else scenery, place])
            picture = _background(level, around)
            kind = label if training and around.random() < REAL else int(around.integers(3))
            things = _objects(kind, stamps, level, around) if self.name == "shortcut" else []
            # Bars are like stripes, and would be a little of a reason themselves.
            shapes = OTHERS[:2] if self.name == "texture" else OTHERS
            things += _others(shapes, stamps + things, level, around)
            for stamp in things + stamps:
                _stamp(picture, stamp, level, around)
            for number, stamp in enumerate(stamps, start=1):
                _mark(truth[place], stamp, number)
            picture += around.normal(0, level.noise, picture.shape)
            x[place], y[place] = picture.clip(0, 255), CLASSES[shown]
        return Planted(x=x, y=y, truth=truth)

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        return pellucid.fit((planted.x, planted.y), budget=budget, seed=seed, task="classify")

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        from pellucid.data import Ask

        one = model.kind.read(planted.x[place : place + 1], Ask(schema=model.schema))
        (parts,) = model.kind.parts(one, model.schema)
        height, width = model.schema.shape[1:]
        true = of_parts(
            np.broadcast_to(parts.of, (1, height, width))[0],
            _resized(planted.truth[place], height, width),
        )
        known = {
            (name, str(where)): label
            for name, where, label in zip(parts.names, parts.where, true, strict=True)
        }
        return np.array([known[part.name, str(part.where)] for part in explanation.parts])


def _mark_somewhere(label: int, level: Level, random: Random) -> list[Stamp]:
    """Draw a cross or a ring."""
    (place,) = _places(1, _size(level), level, random)
    return [_drawn(label, ["cross", "ring"], *place, _size(level))]


def _either_mark(label: int, level: Level, random: Random) -> list[Stamp]:
    """Draw one or both of two marks: a cross and a ring, or a saltire and a disc."""
    size = _size(level)
    first, second = _places(2, size, level, random)
    which = int(random.integers(3))  # one, the other, both
    sets = (["cross", "saltire"], ["ring", "disc"])
    pairs = zip(sets, (first, second), strict=True)
    stamps = [_drawn(label, shapes, *place, size) for shapes, place in pairs]
    return stamps if which == 2 else [stamps[which]]


def _relation(label: int, level: Level, random: Random) -> list[Stamp]:
    """Draw a cross above a disc, or below; two crosses or two discs are neither."""
    size = _size(level)
    gap, aside = int(random.integers(1, 3)), int(random.integers(-1, 2))
    top = int(random.integers(1, level.side - 2 * size - gap))
    left = int(random.integers(2, level.side - size - 1))
    alike = ("cross", "disc")[int(random.integers(2))]
    above, below = [("cross", "disc"), ("disc", "cross"), (alike, alike)][label]
    return [
        Stamp(SHAPES[above](size), top, left, size),
        Stamp(SHAPES[below](size), top + size + gap, left + aside, size),
    ]


def _texture(label: int, level: Level, random: Random) -> list[Stamp]:
    """Draw a patch with stripes that lie, stripes that stand, or spots."""
    size = level.side // 3
    ((top, left),) = _places(1, size, level, random)
    rows, columns = np.mgrid[:size, :size] + random.integers(4, size=2)[:, None, None]
    spots = random.permuted(np.arange(size * size) % 2 == 0).reshape(size, size)
    return [Stamp([rows % 4 < 2, columns % 4 < 2, spots][label], top, left, size)]


def _watermark(label: int, level: Level, random: Random) -> list[Stamp]:
    """Draw a watermark near a corner: a cross or a ring."""
    size = _size(level) - 2
    top, left = random.integers(2, 4, size=2)
    return [_drawn(label, ["cross", "ring"], int(top), int(left), size)]


DESIGNS: dict[str, Drawing] = {
    "mark": _mark_somewhere,
    "either": _either_mark,
    "relation": _relation,
    "texture": _texture,
    "shortcut": _watermark,
}


def _objects(kind: int, stamps: Sequence[Stamp], level: Level, random: Random) -> list[Stamp]:
    """Draw what the pictures are really of, somewhere beside the watermark."""
    size = level.side // 3
    place = _free(size, stamps, level, random)
    return [Stamp(SHAPES[OTHERS[kind]](size), *place, size)] if place else []


def _others(
    shapes: Sequence[str], taken: Sequence[Stamp], level: Level, random: Random
) -> list[Stamp]:
    """Draw shapes that mean nothing where there is room."""
    size, found = _size(level), [*taken]
    for _ in range(level.others):
        name = shapes[int(random.integers(len(shapes)))]
        place = _free(size, found, level, random)
        found += [Stamp(SHAPES[name](size), *place, size)] if place else []
    return found[len(taken) :]


def _free(
    size: int, taken: Sequence[Stamp], level: Level, random: Random
) -> tuple[int, int] | None:
    """Find a place that touches nothing that is there; None if twenty tries find none."""
    for _ in range(20):
        top, left = (int(at) for at in random.integers(1, level.side - size, size=2))
        apart = [
            abs(2 * top + size - 2 * one.top - one.size) > size + one.size + 2
            or abs(2 * left + size - 2 * one.left - one.size) > size + one.size + 2
            for one in taken
        ]
        if all(apart):
            return top, left
    return None


def _places(count: int, size: int, level: Level, random: Random) -> list[tuple[int, int]]:
    """Find places apart from each other, at least a pixel from the edge."""
    found: list[Stamp] = []
    while len(found) < count:
        place = _free(size, found, level, random)
        found = [*found, Stamp(None, *place, size)] if place else []  # else begin again
    return [(one.top, one.left) for one in found]


def _drawn(label: int, shapes: Sequence[str], top: int, left: int, size: int) -> Stamp:
    return Stamp(SHAPES[shapes[label]](size) if label < 2 else None, top, left, size)


def _size(level: Level) -> int:
    return 7 if level.side < 40 else 9


def _background(level: Level, random: Random) -> NDArray[np.float64]:
    side = level.side
    tone = random.uniform(50, 90, level.channels)
    rows, columns = np.mgrid[:side, :side] / side - 0.5
    down, across, phase = random.uniform(-1, 1, 3)
    light = level.shading * (down * rows + across * columns + 0.3 * np.sin(9 * rows + 6 * phase))
    return light[..., None] + tone


def _stamp(picture: NDArray[Any], stamp: Stamp, level: Level, random: Random) -> None:
    # Drawn in any case, so that the same seed gives the same scenery around any reason.
    bright = level.contrast * random.uniform(0.8, 1.0, level.channels)
    if stamp.shape is not None:
        here = np.s_[stamp.top : stamp.top + stamp.size, stamp.left : stamp.left + stamp.size]
        picture[here] += stamp.shape[..., None] * bright


def _mark(truth: NDArray[np.int8], stamp: Stamp, number: int) -> None:
    """Write where a mark is, and where the rest of its box."""
    if stamp.shape is not None:
        here = np.s_[stamp.top : stamp.top + stamp.size, stamp.left : stamp.left + stamp.size]
        truth[here] = np.where(stamp.shape, number, -number)


def _resized(truth: NDArray[np.int8], height: int, width: int) -> NDArray[np.int8]:
    """Give the truth at the size that the network sees: a short budget may choose a smaller one."""
    rows = ((np.arange(height) + 0.5) * len(truth) / height).astype(int)
    columns = ((np.arange(width) + 0.5) * len(truth[0]) / width).astype(int)
    return truth[rows[:, None], columns]


def _shape(inside: Callable[[Any, Any, float], Any]) -> Callable[[int], NDArray[np.bool_]]:
    """Make a shape of any size from a rule of the distances down and across from its middle."""

    def drawn(size: int) -> NDArray[np.bool_]:
        middle = (size - 1) / 2
        rows, columns = np.mgrid[:size, :size] - middle
        return np.asarray(inside(rows, columns, middle), bool)

    return drawn


SHAPES = {
    "cross": _shape(lambda r, c, m: np.minimum(abs(r), abs(c)) <= m / 4),
    "saltire": _shape(lambda r, c, m: abs(abs(r) - abs(c)) <= m / 4),
    "disc": _shape(lambda r, c, m: np.hypot(r, c) <= m),
    "ring": _shape(lambda r, c, m: abs(np.hypot(r, c) - 0.8 * m) <= m / 4),
    "square": _shape(lambda r, c, m: np.maximum(abs(r), abs(c)) >= 0.7 * m),
    "triangle": _shape(lambda r, c, m: abs(c) <= (r + m) / 2),
    "bars": _shape(lambda r, c, m: (abs(r) >= 0.6 * m) | (c > m)),
}
