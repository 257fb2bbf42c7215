"""Clips: what is done, by whom or what, from moving pictures.

Idea: clips of any make, rate and length become the same number of frames, evenly over their time
and of one size, decoded once and kept as bytes. What a network makes of how they follow each other
is its own affair.

Source: few frames, evenly over the whole clip: Wang et al. 2016, "Temporal segment networks",
arXiv:1608.00859.
Departs: always the middles of equal spans of time; other times are drawn as views while training.

Letters: B batch, N clips, C channels (3), T frames, H height, W width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding, Kind, Parts, Schema
from pellucid.data._picture_rows import mean_and_deviation
from pellucid.data._video_alike import vectors
from pellucid.data._video_arrays import is_arrays
from pellucid.data._video_clips import Clips, plain_facts
from pellucid.data._video_findings import TIMES_AS_LONG, find
from pellucid.data._video_reading import form_of_schema, read_source
from pellucid.data._video_refitting import fitted
from pellucid.data._video_sources import recognised
from pellucid.data._video_specimen import write
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_MEASURED = 200  # clips that mean and deviation are taken of


@kind("video")
class Video(Kind):
    """Clips in files, folders of frames, tables that name files, or arrays; see docs/video.md.

    Stored: uint8, (T, H, W, 3), since batches of it are channels-last tensors without a copy.
    """

    name: ClassVar[str] = "video"

    def recognises(self, source: Any) -> float:
        return 0.9 if is_arrays(source) else recognised(source)

    def read(self, source: Any, ask: Ask) -> Examples:
        examples = read_source(source, ask)
        return examples if ask.schema is None else _with_remark(examples, ask.schema)

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        keys: NDArray[np.uint64] = examples.raw.keys()
        return keys

    def vectors(self, examples: Examples) -> NDArray[np.float32] | None:
        return vectors(examples.raw)

    def describe(self, examples: Examples) -> Schema:
        from pellucid.data._video_views import may_flip, plan

        raw: Clips = examples.raw
        form = raw.form
        measured = raw.sample(_MEASURED)
        means, deviations = mean_and_deviation(measured.reshape(-1, *measured.shape[2:]))
        flip = may_flip(raw, examples.targets, examples.groups)
        return Schema(
            kind=self.name,
            shape=(3, form.frames, form.height, form.width),
            details={
                "mean": [float(value) for value in means],
                "std": [float(value) for value in deviations],
                "seconds": round(float(np.median(raw.about().seconds)), 3),
                "flip": flip,
                "augment": plan(form, flip=flip),
            },
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        return fitted(examples.raw, form_of_schema(schema))

    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        import torch

        scale = 1 / torch.tensor(schema.details["std"], device=stored.device)
        shift = -torch.tensor(schema.details["mean"], device=stored.device) * scale
        x = torch.addcmul(shift, stored.to(torch.float32), scale)
        return x.permute(0, 4, 1, 2, 3)

    def augment(
        self, x: "torch.Tensor", schema: Schema, generator: "torch.Generator"
    ) -> "torch.Tensor":
        from pellucid.data._video_views import varied

        return varied(x, schema.details["augment"], generator)

    def views(self, x: "torch.Tensor", schema: Schema) -> "list[torch.Tensor]":
        return [x, x.flip(-1)] if schema.details["flip"] else [x]

    def look(self, examples: Examples) -> list[Finding]:
        return find(examples)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        raw: Clips = examples.raw
        facts = raw.about()
        known: dict[str, NDArray[Any]] = {
            "seconds": facts.seconds.round(2),
            "rate": facts.rates.round(1),
            "width": facts.sizes[:, 0].astype(np.float64),
            "height": facts.sizes[:, 1].astype(np.float64),
        }
        return known if examples.groups is None else {**known, "group": examples.groups}

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        from pellucid.data._video_sheet import sheet

        return sheet(examples, places)

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        from pellucid.data._video_parts import divided

        return divided(examples.raw, form_of_schema(schema))

    def areas(self, examples: Examples, schema: Schema) -> list[Parts]:
        from pellucid.data._video_parts import shared

        return shared(examples.raw, form_of_schema(schema))

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        from pellucid.data._video_parts import blanks

        del schema
        return blanks(x, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        form = form_of_schema(schema)
        return Examples(
            kind=self.name,
            names=[f"clip {place + 1}" for place in range(len(stored))],
            raw=Clips(
                pixels=stored,
                facts=plain_facts(len(stored), form, float(schema.details["seconds"])),
            ),
        )

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        from pellucid.data._video_painting import painted

        raw: Clips = examples.raw
        return painted(raw.frames(place), float(raw.about().seconds[place]), parts, shares)

    def tell(self, examples: Examples, place: int, parts: Parts) -> tuple[str, ...]:
        from pellucid.data._video_telling import told

        return told(examples.raw.frames(place), parts)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        return write(folder)


def _with_remark(examples: Examples, schema: Schema) -> Examples:
    """Say so if clips are far longer than those that the model was trained on."""
    usual = float(schema.details["seconds"])
    count = int((examples.raw.about().seconds > TIMES_AS_LONG * usual).sum())
    if not count:
        return examples
    said = "1 clip is" if count == 1 else f"{count:,} clips are"
    text = (
        f"{said} more than {TIMES_AS_LONG:g} times as long as most in training ({usual:.1f} s):"
        " frames are taken evenly over the whole and so lie further apart; cut out what is asked of"
    )
    note = Finding(what="long clips", level="warning", text=text)
    return examples.replace(notes=(*examples.notes, note))
