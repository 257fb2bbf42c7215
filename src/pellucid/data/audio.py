"""Recordings: words, calls, machines, birds.

Idea: files of any make, rate and number of channels are decoded once to one channel at one rate and
kept as 16 bits a sample. What a network hears is the wave; how it is turned into a spectrogram is
the network's own affair, so that it travels with the weights.

`schema.rate` is the rate, Hz. `schema.details["transcribed"]` tells recordings whose words are
asked, of which nothing may be cut off, from those that have a class, of which at most
`schema.shape[0]` samples are kept: the loudest stretch.

In x a number that is exactly 0 stands behind the end of a recording; a silent sample within is
`_audio_waves.SILENT`, which is not 0.

Letters: N recordings, B batch, T samples, L longest.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Beside, Examples, Finding, Kind, Parts, Schema
from pellucid.data import _audio_waves as waves
from pellucid.data._audio_alike import vectors
from pellucid.data._audio_arrays import is_arrays
from pellucid.data._audio_reading import read_source
from pellucid.data._audio_recordings import Recordings, laid_out
from pellucid.data._audio_sources import recognised
from pellucid.data._audio_specimen import write
from pellucid.errors import BadInputError
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_LONGEST = 20.0  # s, that are kept of a recording with a class
_TIMES_AS_LONG = 8.0  # as the middle one, the same
_PLAYED = 60.0  # s of a recording that a page plays


@kind("audio")
class Audio(Kind):
    """Recordings in files, tables that name them, or arrays; see docs/sound.md.

    Stored: int16, (L,), and -32,768 behind the end.
    """

    name: ClassVar[str] = "audio"

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
        raw: Recordings = examples.raw
        sizes = raw.sizes
        longest = int(sizes.max(initial=1))
        if not raw.transcribed:
            most = min(_LONGEST * raw.rate, _TIMES_AS_LONG * float(np.median(sizes)))
            longest = min(longest, round(most))
        from pellucid.data._audio_views import plan

        return Schema(
            kind=self.name,
            shape=(longest,),
            rate=float(raw.rate),
            details={
                "transcribed": raw.transcribed,
                "augment": plan(rate=raw.rate, transcribed=raw.transcribed),
            },
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        return waves.stored(examples.raw, _kept(schema))

    def steps(
        self, piece: Any, schema: Schema, before: NDArray[np.float32] | None = None, count: int = 0
    ) -> NDArray[np.float32]:
        del schema, before, count
        given = np.frombuffer(piece, "<i2") if isinstance(piece, bytes | bytearray) else piece
        given = np.asarray(given)
        if given.ndim != 1 or given.dtype.kind not in "if":
            raise BadInputError(
                given=f"an object of type {type(piece).__name__} to go on with",
                needed="samples at the rate of the model, as an array or as bytes of 16 bits each",
                remedy="push an array, such as what `soundfile.read` gives",
            )
        whole = given.astype(np.float32) * (1.0 if given.dtype.kind == "f" else 2.0**-15)
        return np.where(whole == 0, np.float32(waves.SILENT), whole)

    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        del schema
        return waves.tensor(stored)

    def sizes(self, stored: NDArray[Any], schema: Schema) -> NDArray[np.int64] | None:
        del schema
        return waves.sizes(np.asarray(stored))

    def augment(
        self, x: "torch.Tensor", schema: Schema, generator: "torch.Generator"
    ) -> "torch.Tensor":
        from pellucid.data._audio_views import varied

        return varied(x, schema.details["augment"], generator)

    def look(self, examples: Examples) -> list[Finding]:
        from pellucid.data._audio_findings import find

        return find(examples)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        from pellucid.data._audio_facts import facts

        known: dict[str, NDArray[Any]] = {**facts(examples.raw)}
        return known if examples.groups is None else {**known, "group": examples.groups}

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        from pellucid.data._audio_sheet import sheet

        return sheet(examples, places)

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        from pellucid.data._audio_parts import divided

        return divided(examples.raw, schema.shape[0], _kept(schema))

    def areas(self, examples: Examples, schema: Schema) -> list[Parts]:
        from pellucid.data._audio_parts import shared

        return shared(examples.raw, schema.shape[0], _kept(schema))

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        from pellucid.data._audio_parts import blanks

        del schema
        return blanks(x, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        raw = laid_out(waves.cut(np.asarray(stored)), round(schema.rate))
        return Examples(
            kind=self.name,
            names=[f"recording {place + 1}" for place in range(len(raw))],
            raw=raw.whole() if schema.details["transcribed"] else raw,
        )

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        from pellucid.data._audio_painting import painted

        return painted(examples.raw.samples(place), examples.raw.rate, parts, shares)

    def illustrate(
        self,
        examples: Examples,
        place: int,
        parts: Parts,
        shares: NDArray[np.float64],
        beside: Beside,
    ) -> bytes:
        from pellucid.data._audio_painting import painted

        samples, rate = examples.raw.samples(place), examples.raw.rate
        return painted(samples, rate, parts, shares, beside.words)

    def sound(self, examples: Examples, place: int) -> bytes:
        from pellucid.data._audio_specimen import wav

        raw: Recordings = examples.raw
        return wav(raw.samples(place)[: round(_PLAYED * raw.rate)], raw.rate)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        return write(folder)


def _with_remark(examples: Examples, schema: Schema) -> Examples:
    """Say so if recordings are longer than any that the model was trained on."""
    kept = _kept(schema)
    count = 0 if kept is None else int((examples.raw.sizes > kept).sum())
    if not count:
        return examples
    said = "1 recording is" if count == 1 else f"{count:,} recordings are"
    text = (
        f"{said} longer than all in training, {schema.shape[0] / schema.rate:.1f} s:"
        " only the loudest stretch of that length is heard"
    )
    note = Finding(what="the loudest stretch", level="warning", text=text)
    return examples.replace(notes=(*examples.notes, note))


def _kept(schema: Schema) -> int | None:
    """Give how many samples of a recording are kept; None for all."""
    return None if schema.details["transcribed"] else schema.shape[0]
