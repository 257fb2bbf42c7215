"""Whole examples from noise: samples, walks between two of them, and the directions of change.

Idea: an example is made from a handful of random numbers and, where there are classes, from one of
them. Near numbers make like examples, so a walk between two samples shows what lies between, and
the directions in which the numbers change the example most show what the network has found to vary.

Source: walks on the sphere on which normal noise of many numbers lies: White 2016, "Sampling
generative networks", arXiv:1609.04468, section 3.1; directions: Wang & Ponce 2021, "A geometric
analysis of deep generative image models and its applications", arXiv:2101.06006 (eigenvectors of
the metric that features of the example induce on the noise).
Departs: the metric comes from finite differences, which needs no gradient of anything.

The n-th sample depends on (seed, n) alone: more samples at once leave the first as they are. They
are made in batches of one size, so that not even the last bit does depend on how many there are.

Letters: N samples, Z numbers of noise, K classes, F features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid import _inference
from pellucid._made import Made
from pellucid.data import Group, Schema
from pellucid.errors import BadInputError

if TYPE_CHECKING:
    from pellucid.explaining import Subject

__all__ = ["Direction", "Made", "directions", "make", "noise", "strips", "walk"]

FRAMES = 32
_BATCH = 32  # samples that are made at once, always
_MOST = 1_000_000
_SPAN = 3.0  # standard deviations that a strip of a direction reaches to both sides
_STEPS = 9  # pictures of such a strip
_NUDGE = 0.1  # standard deviations by which a number is moved to see what it changes


@dataclass(frozen=True, kw_only=True, eq=False)
class Direction:
    """One direction of the noise, and what going along it does to a sample.

    Args:
        noise: the direction, of length 1, (Z,).
        share: of all the change that small steps of the noise make, from 0 to 1.
        strip: samples along it, from three deviations before to three behind, (S, *stored).
        steps: how far each of them is, in standard deviations.
    """

    noise: Float[Tensor, " Z"]
    share: float
    strip: NDArray[Any]
    steps: tuple[float, ...]


def make(subject: "Subject", count: int = 64, *, of: str | None = None, seed: int = 0) -> Made:
    """Make examples.

    Args:
        subject: a model that makes whole examples, in use: `model.why.subject`.
        count: how many.
        of: the class that all shall be; None for as many of each as there were in training.
        seed: of the noise.

    Raises:
        BadInputError: if the model makes none, has no such class, or the count makes no sense.
    """
    if not 1 <= count <= _MOST:
        raise BadInputError(
            given=f"count {count}",
            needed=f"a whole number from 1 to {_MOST:,}",
            remedy="`--count 64` fills a sheet",
        )
    z, y = noise(subject, range(count), of=of, seed=seed)
    stored = made(subject, z, y)
    classes = _names(subject, y)
    return Made(
        kind=subject.kind,
        schema=subject.schema,
        stored=stored,
        classes=classes,
        names=tuple(str(place) for place in range(count)),
        groups=_by_class(classes),
    )


def walk(
    subject: "Subject",
    between: tuple[int, int],
    *,
    of: str | None = None,
    seed: int = 0,
    frames: int = FRAMES,
) -> Made:
    """Make what lies between two samples, themselves first and last.

    Args:
        subject: see `make`.
        between: the numbers of the two samples, as a sheet shows them.
        of: see `make`.
        seed: see `make`.
        frames: how many, two at least.

    Raises:
        BadInputError: see `make`; or if a number is below 0.
    """
    if min(between) < 0:
        raise BadInputError(
            given=f"a walk between {between[0]} and {between[1]}",
            needed="the numbers of two samples, from 0 up",
            remedy="draw a sheet: `pellucid generate MODEL --count 64 --out sheet.png`",
        )
    z, y = noise(subject, between, of=of, seed=seed)
    along = torch.linspace(0, 1, max(2, frames), dtype=torch.float64)
    shares = _shares(subject, y)
    mixed = (shares[:1] + along[:, None] * (shares[1:] - shares[:1])).float()
    # Where both are of one class, or there are none, classes stay as they were asked for.
    same = bool((y[0] == y[1]).all())
    stored = made(subject, _arc(z[0], z[1], along), y[:1].expand(len(along)) if same else mixed)
    ends = dict.fromkeys(_names(subject, y))
    first, last = between
    title = f"from {first} to {last}"
    return Made(
        kind=subject.kind,
        schema=subject.schema,
        stored=stored,
        classes=("",) * len(stored),
        names=tuple(f"{share:.0%}" for share in along.tolist()),
        groups=((title, " to ".join(name for name in ends if name), [*range(len(stored))]),),
    )


def directions(
    subject: "Subject", place: int, *, of: str | None = None, seed: int = 0, count: int = 5
) -> tuple[Direction, ...]:
    """Find the directions of the noise in which one sample changes most, as it is seen.

    Args:
        subject: see `make`.
        place: the number of the sample.
        of: see `make`.
        seed: see `make`.
        count: of directions, the strongest first.

    Raises:
        BadInputError: see `make`.
    """
    z, y = noise(subject, [place], of=of, seed=seed)
    nudges = _NUDGE * torch.eye(z.shape[1])
    x = _x(subject, torch.cat([z + nudges, z - nudges]), y.expand(2 * len(nudges)))
    seen = _seen(subject, x)
    slopes = ((seen[: len(nudges)] - seen[len(nudges) :]) / (2 * _NUDGE)).double()
    _, strengths, found = torch.linalg.svd(slopes.T, full_matrices=False)
    whole = strengths.square().sum().clamp(min=1e-30)
    steps = np.linspace(-_SPAN, _SPAN, _STEPS)
    given = []
    for row, strength in zip(found[:count], strengths[:count], strict=True):
        # Of two opposite directions neither is better: the largest number shall be above zero.
        way = (row * row[row.abs().argmax()].sign()).float()
        along = z + torch.from_numpy(steps).float()[:, None] * way
        # Noise of many numbers is about as long everywhere; what is made of other lengths is odd.
        along = along * (z.norm() / along.norm(dim=1, keepdim=True).clamp(min=1e-6))
        given.append(
            Direction(
                noise=way,
                share=float(strength.square() / whole),
                strip=made(subject, along, y.expand(_STEPS)),
                steps=tuple(steps.tolist()),
            )
        )
    return tuple(given)


def strips(subject: "Subject", found: Sequence[Direction], place: int) -> Made:
    """Lay the strips of directions one below the other."""
    stored = np.concatenate([each.strip for each in found])
    width = len(found[0].strip)
    groups = tuple(
        (
            f"direction {row + 1}",
            f"{each.share:.0%} of the change that small steps from sample {place} make",
            [*range(row * width, (row + 1) * width)],
        )
        for row, each in enumerate(found)
    )
    names = tuple(f"{step:+.2g}" for each in found for step in each.steps)
    return Made(
        kind=subject.kind,
        schema=subject.schema,
        stored=stored,
        classes=("",) * len(stored),
        names=names,
        groups=groups,
    )


def noise(
    subject: "Subject", places: Sequence[int], *, of: str | None, seed: int
) -> tuple[Float[Tensor, "N Z"], Tensor]:
    """Give the noise and the class of samples, each by its seed and number alone.

    Raises:
        BadInputError: if the model makes no examples, or has no such class.
    """
    schema = subject.schema
    if subject.task.makes != "examples" or not schema.latent:
        subject.task.make(subject.network, torch.zeros(0, 0), torch.zeros(0))
    wanted = None if of is None else _class(schema, of)
    shares = _frequencies(schema)
    z = np.empty((len(places), schema.latent), np.float32)
    y = np.empty(len(places), np.int64)
    for row, place in enumerate(places):
        chance = np.random.default_rng([seed, place])
        z[row] = chance.standard_normal(schema.latent, dtype=np.float32)
        drawn = int(np.searchsorted(shares, chance.random(), side="right"))
        y[row] = -1 if not schema.classes else min(drawn, len(schema.classes) - 1)
    if wanted is not None:
        y[:] = wanted
    return torch.from_numpy(z), torch.from_numpy(y)


def made(subject: "Subject", z: Float[Tensor, "N Z"], y: Tensor) -> NDArray[Any]:
    """Make stored examples, (N, *stored), from noise and classes."""
    rows = [subject.kind.untensor(x, subject.schema) for x in _batches(subject, z, y)]
    return np.concatenate(rows)


def _x(subject: "Subject", z: Tensor, y: Tensor) -> Tensor:
    return torch.cat([*_batches(subject, z, y)])


def _batches(subject: "Subject", z: Tensor, y: Tensor) -> Iterator[Tensor]:
    device, task = subject.device, subject.task
    for start in range(0, len(z), _BATCH):
        some, which = z[start : start + _BATCH], y[start : start + _BATCH]
        missing = _BATCH - len(some)
        full = torch.cat([some, some[-1:].expand(missing, -1)]).to(device)
        asked = torch.cat([which, which[-1:].expand(missing, *which.shape[1:])]).to(device)
        use = _inference.as_in_use(subject.network)
        with use, torch.inference_mode(), _inference.autocast(device, subject.numerics):
            x = task.make(subject.network, full, asked)
        yield x[: len(some)].float().clone()


def _seen(subject: "Subject", x: Tensor) -> Float[Tensor, "N F"]:
    """Give the features that examples are compared in; the numbers themselves where none are."""
    with torch.inference_mode():
        rows = [subject.task.seen(subject.network, part) for part in x.split(256)]
    found = [row for row in rows if row is not None]
    return (torch.cat(found) if found else x.flatten(1)).float().cpu().clone()


def _arc(first: Tensor, last: Tensor, along: Tensor) -> Float[Tensor, "N Z"]:
    """Go from one noise to another on the arc between them, so that all are about as long."""
    start, end = first.double(), last.double()
    cosine = (start @ end / (start.norm() * end.norm()).clamp(min=1e-12)).clamp(-1, 1)
    angle = cosine.arccos()
    if float(angle.sin()) < 1e-6:
        return (start + along[:, None] * (end - start)).float()
    before = ((1 - along) * angle).sin()[:, None] * start
    after = (along * angle).sin()[:, None] * end
    mixed = (before + after) / angle.sin()
    mixed[0], mixed[-1] = start, end
    return mixed.float()


def _shares(subject: "Subject", y: Tensor) -> Float[Tensor, "N K"]:
    count = len(subject.schema.classes)
    return torch.eye(max(1, count), dtype=torch.float64)[y.clamp(min=0)]


def _class(schema: Schema, of: str) -> int:
    if not schema.classes:
        raise BadInputError(
            given=f"--class {of!r}",
            needed="a model that was learned from examples with classes",
            remedy="leave --class out; or sort the files into one folder a class and learn again",
        )
    if of not in schema.classes:
        import difflib

        near = difflib.get_close_matches(of, schema.classes, n=1, cutoff=0.5)
        raise BadInputError(
            given=f"--class {of!r}",
            needed=f"one of {', '.join(schema.classes)}",
            remedy=f"write `--class {(near or schema.classes)[0]!r}`",
        )
    return schema.classes.index(of)


def _frequencies(schema: Schema) -> NDArray[np.float64]:
    shares = np.array(schema.shares, np.float64)
    if len(shares) != len(schema.classes) or not shares.sum() > 0:
        shares = np.ones(max(1, len(schema.classes)))
    return np.cumsum(shares / shares.sum())


def _names(subject: "Subject", y: Tensor) -> tuple[str, ...]:
    classes = subject.schema.classes
    return tuple(str(classes[which]) if which >= 0 else "" for which in y.tolist())


def _by_class(classes: Sequence[str]) -> tuple[Group, ...]:
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(classes):
        groups.setdefault(name, []).append(place)
    return tuple(
        (name, f"{len(groups[name]):,} of {len(classes):,}", groups[name])
        for name in sorted(groups)
    )
