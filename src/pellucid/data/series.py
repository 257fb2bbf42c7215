"""Series: numbers in the order of time, to be foretold, or told apart as wholes.

Idea: for a forecast an example is a window: what was there up to a moment, and what came next;
windows of one series are views into it, and those that come last are held out. Whole series, one
file each in the folder of its class, are examples as pictures are.

`schema.details["channels"]` names the channels of x: the variables asked for first, then others
known up to now, then those known in advance, each shown as many steps early as are foretold, then
what does not change within a series.

Letters: N examples, B batch, L steps of the past, C channels, A variables asked for, S steps of a
season, H steps ahead.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding, Kind, Parts, Schema
from pellucid.data._series_classes import (
    find_label,
    is_class_folder,
    read_files,
    read_folder,
    read_labelled,
)
from pellucid.data._series_reading import read_again, read_first
from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_scale import own_scaled, typical
from pellucid.data._series_steps import encoded_steps
from pellucid.data._series_windows import (
    Track,
    WindowNames,
    Windows,
    fit_length,
    fitted,
    picked,
)
from pellucid.data._table_sources import Wish, gather, is_named_as_table
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_TEXT_PER_MEMORY = 4  # a number takes about this many times the memory as text
_IF_ASKED = 0.1  # a table is a series only if somebody asks what comes next


@kind("series")
class Series(Kind):
    """Numbers in the order of time."""

    name = "series"

    def recognises(self, source: Any) -> float:
        if isinstance(source, str | Path):
            return _recognises_path(Path(source))
        if isinstance(source, list) and source and isinstance(source[0], str | Path):
            return min(self.recognises(one) for one in source[:20])
        tabular = isinstance(source, Mapping) or (
            isinstance(source, list) and len(source) > 0 and isinstance(source[0], Mapping)
        )
        framed = type(source).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow")
        shape = getattr(source, "shape", ())
        return _IF_ASKED if tabular or framed or len(shape) in (1, 2) else 0.0

    def read(self, source: Any, ask: Ask) -> Examples:
        limit = _TEXT_PER_MEMORY * ask.memory
        forecast = ask.task == "forecast" if ask.schema is None else ask.schema.ahead > 0
        if not forecast and isinstance(source, str | Path) and Path(source).is_dir():
            return read_folder(Path(source), ask, limit)
        if not forecast and ask.schema is not None and (files := _each_an_example(source, ask)):
            return read_files(files, ask, limit)
        known = None if ask.schema is None else ask.schema.details["names"]
        gathered = gather(_upright(source), Wish(known=known, limit=limit))
        if forecast:
            return read_first(gathered, ask) if ask.schema is None else read_again(gathered, ask)
        wanted = ask.target if ask.schema is None else ask.schema.target
        label = find_label(gathered.table, wanted) if ask.schema is None else str(wanted)
        if ask.schema is None and not label and ask.task is None:
            return read_first(gathered, ask)
        return read_labelled(gathered, ask, label)

    def take(self, examples: Examples, places: NDArray[np.int64]) -> Examples:
        raw = examples.raw.take(places)
        chosen = {
            name: None if (given := getattr(examples, name)) is None else picked(given, places)
            for name in ("targets", "groups", "sides")
        }
        return examples.replace(names=WindowNames(raw), raw=raw, faults=(), notes=(), **chosen)

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        return examples.raw.keys()

    def describe(self, examples: Examples) -> Schema:
        raw: Windows = examples.raw
        means, scales = _measured(raw)
        length, each = (raw.past, 1) if raw.ahead else fit_length(raw)
        roles = raw.form["roles"] if raw.ahead else {"asked": (), "past": ()}
        asked = len(roles["asked"])
        if raw.own:
            means, scales = _usual(raw, means, scales)
            means[:asked] = [0.0] * asked
        details = {
            "channels": list(raw.channels),
            "means": means,
            "scales": scales,
            "past": length,
            "each": each,
            "rhythm": raw.rhythm.to_json(),
            "form": raw.form,
            "names": raw.form.get("names"),
            "freq": raw.rhythm.told,
        }
        return Schema(
            kind="series",
            shape=(length, len(raw.channels) + (2 * asked if raw.own else 0)),
            ahead=raw.ahead,
            season=raw.season,
            variables=raw.channels[:asked],
            means=tuple(means[:asked]),
            scales=tuple(scales[:asked]),
            own_scale=bool(raw.own),
            lagging=len(roles["past"]),
            leads=tuple(raw.form.get("leads", ())),
            details=details,
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[np.float32]:
        raw: Windows = examples.raw
        if raw.ahead:
            return raw.stored()
        return fitted(raw, int(schema.details["past"]), int(schema.details["each"]))

    def steps(
        self, piece: Any, schema: Schema, before: NDArray[np.float32] | None = None, count: int = 0
    ) -> NDArray[np.float32]:
        return encoded_steps(piece, schema, before, count)

    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        means = stored.new_tensor(schema.details["means"])
        scales = stored.new_tensor(schema.details["scales"])
        if schema.own_scale:
            return own_scaled(stored, means, scales, len(schema.variables))
        return ((stored - means) / scales).float().nan_to_num(nan=0.0)

    def course(
        self, examples: Examples, place: int, schema: Schema
    ) -> tuple[Sequence[str], dict[str, NDArray[np.float64]]]:
        from pellucid.data._series_steps import following

        if not schema.ahead:
            return (), {}
        one = self.take(examples, np.array([place]))
        past = np.asarray(one.raw.values(0), dtype=np.float64)
        named = {name: past[:, at] for at, name in enumerate(schema.variables)}
        return following(examples.names[place], schema), named

    def look(self, examples: Examples) -> list[Finding]:
        from pellucid.data._series_findings import findings

        return findings(examples)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        from pellucid.data._series_facts import facts

        return facts(examples.raw)

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        from pellucid.data._series_drawing import sheet

        return sheet(examples, places)

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        from pellucid.data._series_parts import divided

        return divided(examples.raw, schema)

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        from pellucid.data._series_parts import blanks

        return blanks(x, schema, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        asked = len(schema.variables) or len(schema.details["channels"])
        values = np.array(stored, np.float32)
        length = values.shape[1] - 2 if schema.own_scale else values.shape[1]
        tracks = [
            Track(
                name=f"case {place}",
                start=0,
                seen=each[:length],
                truth=each[:length, :asked],
                levels=each[length:] if schema.own_scale else None,
            )
            for place, each in enumerate(values)
        ]
        raw = Windows(
            tracks=tracks,
            of=np.arange(len(tracks)),
            end=np.full(len(tracks), length, np.int64),
            past=length if schema.ahead else 0,
            season=schema.season,
            ahead=schema.ahead,
            rhythm=Rhythm.from_json({**schema.details["rhythm"], "unit": "steps", "every": 1.0,
                                     "origin": 0.0}),
            channels=tuple(schema.details["channels"]),
            form=dict(schema.details["form"]),
        )  # fmt: skip
        return Examples(kind="series", names=WindowNames(raw), raw=raw)

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        from pellucid.data._series_drawing import painted

        return painted(examples.raw, place, parts, shares)

    def tell(self, examples: Examples, place: int, parts: Parts) -> tuple[str, ...]:
        from pellucid.data._series_parts import tell

        return tell(examples.raw, place, parts)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        from pellucid.data._series_specimen import write

        return write(folder)


def _recognises_path(path: Path) -> float:
    if path.is_dir():
        if is_class_folder(path):
            return 0.9
        return _IF_ASKED if any(is_named_as_table(each) for each in path.iterdir()) else 0.0
    return _IF_ASKED if is_named_as_table(path) else 0.0


def _each_an_example(source: Any, ask: Ask) -> dict[str, Path]:
    """Give the files of which each is one example, by name; none if they hold several."""
    if ask.schema is None or not ask.schema.details["form"]["files"]:
        return {}
    given = source if isinstance(source, list) else [source]
    if not all(isinstance(one, str | Path) for one in given):
        return {}
    return {str(one): Path(one) for one in given}


def _upright(source: Any) -> Any:
    """Take an array of one axis as one variable."""
    return source[:, None] if len(getattr(source, "shape", ())) == 1 else source


def _measured(raw: Windows) -> tuple[list[float], list[float]]:
    """Give mean and standard deviation of each channel over all steps that windows cover."""
    count, channels = np.zeros(len(raw.channels)), len(raw.channels)
    total, squares = np.zeros(channels), np.zeros(channels)
    pieces = [_covered(raw, track) for track in np.unique(raw.of).tolist()]
    for values in pieces:
        count += (~np.isnan(values)).sum(axis=0)
        total += np.nansum(values, axis=0)
    means = np.divide(total, count, out=np.zeros(channels), where=count > 0)
    for values in pieces:
        squares += np.nansum(np.square(values - means), axis=0)
    spread = np.sqrt(np.divide(squares, count, out=np.zeros(channels), where=count > 0))
    # What never changes there may change later, in its own unit.
    flat = spread <= 1e-6 * np.maximum(np.abs(means), 1e-30)
    return means.tolist(), np.where(flat, 1.0, spread).tolist()


def _usual(
    raw: Windows, means: list[float], scales: list[float]
) -> tuple[list[float], list[float]]:
    """Give what stands for level and size where a series does not say its own."""
    found = typical(raw, raw.own)
    usual = [
        [float(own) if own == own else plain for own, plain in zip(each, plains, strict=True)]
        for each, plains in zip(found, (means, scales), strict=True)
    ]
    return usual[0], usual[1]


def _covered(raw: Windows, track: int) -> NDArray[np.float64]:
    """Give the steps that the windows of one line look at or foretell, (T, C)."""
    ends, one = raw.end[raw.of == track], raw.tracks[track]
    first = max(0, int(ends.min()) - raw.past) if raw.past else 0
    last = min(len(one.seen), int(ends.max()) + raw.ahead)
    values = one.seen[first:last].astype(np.float64)
    asked = one.truth.shape[1]
    values[:, :asked] = one.truth[first:last]  # what was filled in was never there
    return values
