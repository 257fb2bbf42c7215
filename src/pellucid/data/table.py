"""Tables: one row an example, one column of it the answer.

Idea: what a column is gets settled while reading (numbers, moments or words), what it means is
learned from the training side (a median, a scale, the categories), and x holds one number a column,
well scaled, or the code of a category.

`schema.details["columns"]` says of each column of x its name, what it was made from, its bins and
its levels; `schema.details["bins"]` holds the bins alone, an empty list for a category.

Letters: N rows, B batch, F columns of x.
"""

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding, Kind, Parts, Schema
from pellucid.data._columns import MOST_LEVELS, Column, encode, learn
from pellucid.data._row_keys import row_keys
from pellucid.data._table_parts import blanks, sources
from pellucid.data._table_reading import keep, metadata, read_again, read_first
from pellucid.data._table_restoring import restored
from pellucid.data._table_sources import Wish, gather, is_named_as_table, suffix
from pellucid.data._values import Settled
from pellucid.errors import BadInputError
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_TEXT_PER_MEMORY = 4  # a number takes about this many times the memory as text
_SURE = {".txt": 0.3, ".json": 0.4, ".data": 0.6, ".test": 0.6}
_BESIDE = {".md", ".names", ".rst", ".pdf", ".html", ".py", ".sha256", ""}
_LISTED = 300  # entries of a folder that recognising looks at


@kind("table")
class Table(Kind):
    """Numbers, categories and dates in columns, with whatever is missing."""

    name = "table"

    def recognises(self, source: Any) -> float:
        if isinstance(source, str | Path):
            return _recognises_path(Path(source))
        if isinstance(source, list) and source:
            sure = [self.recognises(one) for one in source[:20]]
            return min(sure) if not isinstance(source[0], Mapping) else 0.9
        if isinstance(source, tuple) and len(source) == 2:
            return _recognises_array(source[0])
        if isinstance(source, Mapping):
            return 0.8
        if type(source).__module__.partition(".")[0] in ("pandas", "polars", "pyarrow"):
            return 0.9
        return _recognises_array(source)

    def read(self, source: Any, ask: Ask) -> Examples:
        limit = _TEXT_PER_MEMORY * ask.memory
        if ask.schema is None:
            return read_first(gather(source, Wish(limit=limit)), ask)
        details = ask.schema.details
        written = [one["name"] for one in details["sources"] if one["kind"] == "words"]
        if details["answers"] == "words":
            written.append(details["target"])
        known = details["names"] if details["header"] else []
        return read_again(gather(source, Wish(known=known, words=written, limit=limit)), ask)

    def take(self, examples: Examples, places: NDArray[np.int64]) -> Examples:
        return keep(examples, places).replace(faults=(), notes=())

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        return row_keys(examples.raw)

    def describe(self, examples: Examples) -> Schema:
        raw, meta = examples.raw, metadata(examples.raw)
        columns: list[Column] = []
        sources = []
        for name in raw.column_names:
            form = meta["forms"].get(name, "")
            found = learn(name, raw.column(name), form=form)
            settled = Settled(column=raw.column(name), form=form)
            needed = bool(found)
            sources.append({"name": name, "kind": settled.kind, "form": form, "needed": needed})
            columns += found
        if not columns:
            raise BadInputError(
                given=f"every column has one value in all {len(examples)} rows",
                needed="at least one column that differs between rows",
                remedy="give more rows, or other columns",
            )
        details = {
            "names": meta["names"],
            "header": meta["header"],
            "target": examples.target,
            **_answers(examples),
            "sources": sources,
            "columns": [column.to_json() for column in columns],
            "bins": [list(column.bins) for column in columns],
        }
        return Schema(
            kind="table",
            shape=(len(columns),),
            cardinalities=tuple(column.cardinality for column in columns),
            details=details,
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[np.float32]:
        columns = [Column.from_json(given) for given in schema.details["columns"]]
        x = np.empty((len(examples), len(columns)), dtype=np.float32)
        raw = dict(zip(examples.raw.column_names, examples.raw.columns, strict=True))
        place = 0
        for name, group in groupby(columns, key=lambda column: column.of):
            for values in encode(list(group), _column(raw, name)):
                x[:, place] = values
                place += 1
        return x

    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        del schema
        return stored.float()

    def look(self, examples: Examples) -> list[Finding]:
        from pellucid.data._table_findings import findings

        return findings(examples)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        from pellucid.data._table_facts import facts

        return facts(examples.raw)

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        from pellucid.data._table_drawing import sheet

        return sheet(examples, places)

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        return [sources(schema)] * len(examples)

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        return blanks(x, schema, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        return restored(stored, schema)

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        from pellucid.data._table_painting import painted

        return painted(parts.names, self.tell(examples, place, parts), shares)

    def tell(self, examples: Examples, place: int, parts: Parts) -> tuple[str, ...]:
        from pellucid.data._table_telling import tell

        return tell(examples.raw, place, parts.where)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        random = np.random.default_rng(7)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "people.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["age", "hours", "work", "since", "class"])
            for _ in range(400):
                age, hours = int(random.integers(18, 80)), round(float(random.normal(38, 9)), 1)
                work = str(random.choice(["craft", "office", "none, as yet"]))
                day = f"20{random.integers(10, 24)}-0{random.integers(1, 10)}-15"
                score = (age - 48) / 18 + (hours - 38) / 9 + 1.5 * (work == "office") - 0.5
                known = random.random() > 0.05
                writer.writerow([age if known else "", hours, work, day, ["no", "yes"][score > 0]])
        return path


def _answers(examples: Examples) -> dict[str, Any]:
    """Say how the targets are written, so that others can be read alike."""
    if examples.targets is None or examples.targets.dtype != object:
        return {"answers": "" if examples.targets is None else "numbers", "labels": []}
    labels = sorted({label for label in examples.targets if label is not None})
    return {"answers": "words", "labels": labels[:MOST_LEVELS]}


def _recognises_path(path: Path) -> float:
    if path.is_dir():
        entries = [entry for entry, _ in zip(path.iterdir(), range(_LISTED), strict=False)]
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        tables = [entry for entry in entries if is_named_as_table(entry)]
        other = [e for e in entries if e not in tables and (e.is_dir() or suffix(e) not in _BESIDE)]
        return min((_recognises_path(table) for table in tables), default=0.0) if not other else 0.0
    if is_named_as_table(path):
        return _SURE.get(suffix(path), 0.8)
    return 0.0


def _recognises_array(source: Any) -> float:
    shape = getattr(source, "shape", None)
    return 0.6 if shape is not None and len(shape) == 2 else 0.0


def _column(raw: Mapping[str, Any], name: str) -> Any:
    if name not in raw:
        raise BadInputError(
            given=f"the column {name!r} is not there",
            needed="the columns that the model was trained on",
            remedy=f"add the column {name!r}",
        )
    return raw[name]
