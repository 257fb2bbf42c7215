"""Pictures: photos, scans, digits.

Idea: pictures of any make and size are decoded once to one size, upright, and kept as bytes; what a
batch needs beyond that (floats, views that mean the same) is made of whole batches on their device.

Source: normalising by the mean and deviation of each channel: LeCun, Bottou, Orr & Müller 1998,
"Efficient backprop", section 4.3.

Letters: B batch, N examples, C channels (1 grey, 3 colour), H height, W width.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Ask, Beside, Examples, Finding, Group, Kind, Parts, Schema
from pellucid.data._picture_blanks import blanks
from pellucid.data._picture_facts import facts
from pellucid.data._picture_findings import find
from pellucid.data._picture_making import as_file, as_film, drawn_sheet, pixels_of
from pellucid.data._picture_parts import fields, pieces
from pellucid.data._picture_reading import fitted
from pellucid.data._picture_rows import (
    Pictures,
    content_keys,
    mean_and_deviation,
    thumbnail_vectors,
)
from pellucid.data._picture_sheet import draw_sheet
from pellucid.data._picture_sources import read_source, recognised
from pellucid.data._picture_views import may_flip, plan, varied
from pellucid.data._pictures import Form
from pellucid.registry import kind

_MEASURED = 10_000  # pictures that mean and deviation are taken of
_MIRRORED = 3_000  # pictures that are compared with their mirrored others
_RESIZED = "the middle, at most 4:3, resized with antialiasing (bicubic)"
_SPECIMEN = 80  # pictures of each class


@kind("image")
class Image(Kind):
    """Pictures in files, tables, IDX pairs, arrays or Datasets; see docs/images.md.

    Stored: uint8, (H, W, C), since batches of it are channels-last tensors without a copy.
    """

    name: ClassVar[str] = "image"
    pointed: ClassVar[bool] = True

    def recognises(self, source: Any) -> float:
        return recognised(source)

    def read(self, source: Any, ask: Ask) -> Examples:
        return read_source(source, ask)

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        return content_keys(examples.raw)

    def vectors(self, examples: Examples) -> NDArray[np.float32] | None:
        return thumbnail_vectors(examples.raw)

    def describe(self, examples: Examples) -> Schema:
        pictures: Pictures = examples.raw
        height, width, channels = pictures.pixels.shape[1:]
        means, deviations = mean_and_deviation(pictures.sample(_MEASURED))
        flip = _may_flip(examples)
        return Schema(
            kind=self.name,
            shape=(channels, height, width),
            details={
                "channels": channels,
                "height": height,
                "width": width,
                "mean": [float(value) for value in means],
                "std": [float(value) for value in deviations],
                "resized": _RESIZED,
                "flip": flip,
                "augment": plan(height, width, channels, flip=flip),
            },
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        return fitted(examples.raw.whole(), _form(schema))

    def tensor(self, stored: Tensor, schema: Schema) -> Tensor:
        return _normalised(stored, schema)

    def augment(self, x: Tensor, schema: Schema, generator: torch.Generator) -> Tensor:
        return varied(x, schema.details["augment"], generator)

    def views(self, x: Tensor, schema: Schema) -> list[Tensor]:
        return [x, x.flip(-1)] if schema.details["flip"] else [x]

    def look(self, examples: Examples) -> list[Finding]:
        return find(examples)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        return {**facts(examples.raw)}

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        chosen = np.array(places, dtype=np.int64)
        shown = self.take(examples, chosen)
        pixels = np.concatenate([*shown.raw.blocks()]) if len(shown) else examples.raw.pixels[:0]
        targets = shown.targets
        if targets is None or targets.dtype.kind == "f":
            plain = shown.names if targets is None else [f"{value:.4g}" for value in targets]
            return draw_sheet(
                pixels, [("", "", [*range(len(shown))])], [Path(s).name for s in plain]
            )
        return draw_sheet(pixels, _by_class(targets, examples.targets), ())

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        return pieces(self.encode(examples, schema), examples.raw, _form(schema))

    def areas(self, examples: Examples, schema: Schema) -> list[Parts]:
        return fields(examples.raw, _form(schema))

    def blanks(self, x: Tensor, schema: Schema, others: Tensor) -> dict[str, Tensor]:
        del schema
        return blanks(x, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        channels, height, width = schema.shape
        return Examples(
            kind=self.name,
            names=[f"case {place}" for place in range(len(stored))],
            raw=Pictures(
                pixels=stored,
                sizes=np.full((len(stored), 2), (width, height), np.int32),
                grey=np.full(len(stored), channels == 1),
            ),
        )

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        return self.illustrate(examples, place, parts, shares, Beside())

    def illustrate(
        self,
        examples: Examples,
        place: int,
        parts: Parts,
        shares: NDArray[np.float64],
        beside: Beside,
    ) -> bytes:
        from pellucid.data._picture_painting import painted

        (pixels,) = examples.raw.take(np.array([place])).whole()
        return painted(pixels, parts, shares, beside.detail)

    def untensor(self, x: Tensor, schema: Schema) -> NDArray[Any]:
        return pixels_of(x, schema)

    def files(self, stored: NDArray[Any], schema: Schema) -> Iterator[tuple[str, bytes]]:
        del schema
        return ((".png", as_file(picture)) for picture in stored)

    def sheet(
        self, stored: NDArray[Any], groups: Sequence[Group], captions: Sequence[str], schema: Schema
    ) -> bytes:
        del schema
        return drawn_sheet(stored, groups, captions)

    def film(self, stored: NDArray[Any], schema: Schema) -> bytes:
        del schema
        return as_film(stored)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        from PIL import Image as Pillow

        random = np.random.default_rng(0)
        for shape in ("cross", "disc"):
            (folder / shape).mkdir(parents=True, exist_ok=True)
            for number in range(_SPECIMEN):
                picture = Pillow.fromarray(_drawn(shape, random))
                picture.save(folder / shape / f"{number:03}.png")
        return folder


def _form(schema: Schema) -> Form:
    channels, height, width = schema.shape
    return Form(height=height, width=width, channels=channels)


def _normalised(stored: UInt8[Tensor, "B H W C"], schema: Schema) -> Float[Tensor, "B C H W"]:
    scale = 1 / torch.tensor(schema.details["std"], device=stored.device)
    shift = -torch.tensor(schema.details["mean"], device=stored.device) * scale
    x = torch.addcmul(shift, stored.to(torch.float32), scale)
    return x.permute(0, 3, 1, 2)


def _may_flip(examples: Examples) -> bool:
    places = np.arange(len(examples))[:: max(1, len(examples) // _MIRRORED)]
    pictures: Pictures = examples.raw.take(places)
    targets = None if examples.targets is None else examples.targets[places]
    mirrored = thumbnail_vectors(pictures.mirrored())
    return may_flip(thumbnail_vectors(pictures), mirrored, targets)


def _by_class(
    shown: NDArray[Any], all_targets: NDArray[Any] | None
) -> list[tuple[str, str, list[int]]]:
    everyone = [] if all_targets is None else all_targets.tolist()
    groups: dict[Any, list[int]] = {}
    for place, target in enumerate(shown.tolist()):
        groups.setdefault(target, []).append(place)
    return [
        (
            "no class" if target is None else str(target) or "(empty)",
            f"{len(places):,} of {everyone.count(target):,}",
            places,
        )
        for target, places in groups.items()
    ]


def _drawn(shape: str, random: np.random.Generator) -> UInt8[np.ndarray, "24 24"]:
    """Draw a light disc or cross at a random place on noise."""
    across, down = random.uniform(8, 16, 2)
    rows, columns = np.mgrid[:24, :24]
    from_left, from_top = np.abs(columns - across), np.abs(rows - down)
    if shape == "disc":
        inside = np.hypot(from_left, from_top) < random.uniform(4, 7)
    else:
        thin, long = random.uniform(1, 2), random.uniform(5, 8)
        inside = (np.minimum(from_left, from_top) < thin) & (np.maximum(from_left, from_top) < long)
    picture = random.normal(60, 25, (24, 24)) + 130 * inside
    return np.clip(picture, 0, 255).astype(np.uint8)
