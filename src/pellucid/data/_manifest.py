"""A table that says which file is what: one column of paths, one of labels.

Idea: the column of paths is the one whose first entries are files that are there, whatever it is
called; the label is the column the user named, or the one that is left.
"""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault
from pellucid.data._found import Found, telling
from pellucid.data._sources import listed, side_of
from pellucid.errors import BadInputError

SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
_LABELS = ("label", "labels", "class", "target", "category", "y")
_SAID = ("transcript", "transcription", "sentence", "text")  # what recordings are labelled with
_SPLITS = ("split", "side", "set", "subset", "partition", "fold")
_HEAD = 20  # rows looked at to find the column of paths
_MISSING = frozenset({"", "na", "nan", "null", "none"})

Columns = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The columns to read.

    Args:
        target: the column of labels; None to find it.
        group: the column whose equal values stay on one side; None for no groups.
        known: the target of a trained model, which is read if it is there; None when learning.
        usual_groups: names of columns, in lower case, that are groups where none was named.
    """

    target: str | None = None
    group: str | None = None
    known: str | None = None
    usual_groups: Collection[str] = ()


def names_files(table: Path, suffixes: Collection[str]) -> bool:
    """Tell whether a column of this table names files, of these suffixes, that are there."""
    try:
        columns = _columns(table, rows=_HEAD)
    except BadInputError:
        return False
    return _path_column(columns, table.parent, suffixes) is not None


def tells_groups(table: Path, names: Collection[str]) -> bool:
    """Tell whether a table has a column of labels and one of these names, in lower case."""
    try:
        columns = {column.casefold() for column in _columns(table, rows=1)}
    except BadInputError:
        return False
    return not columns.isdisjoint(names) and not columns.isdisjoint(_LABELS)


def read_manifest(table: Path, suffixes: Collection[str], wanted: Wanted) -> Found:
    """Read which file is what; rows whose file is not there are faults.

    Args:
        table: a CSV, TSV or Parquet file; its paths are relative to the folder that holds it.
        suffixes: of the files it may name, in lower case; names may leave the suffix out.
        wanted: the columns to read.

    Raises:
        BadInputError: if no column names files, or a named column is not there.
    """
    columns = _columns(table)
    found = _path_column(columns, table.parent, suffixes)
    if found is None:
        raise BadInputError(
            given=f"no column of {table} names files that are there ({', '.join(columns)})",
            needed="a column of paths, relative to the folder of the table",
            remedy="put the table beside the files, with a column `path`",
        )
    column, known = found
    places = [known.get(name) for name in columns[column]]
    kept = [row for row, place in enumerate(places) if place is not None]
    side = _side_column(columns)
    group = wanted.group or _group_column(columns, wanted)
    label = _label_column(columns, table, wanted, {column, group or "", side or ""})
    return Found(
        paths=[place for place in places if place is not None],
        names=[columns[column][row] for row in kept],
        target=label or "",
        targets=None if label is None else _targets([columns[label][row] for row in kept]),
        groups=None if group is None else _strings(_named(columns, group, table), kept),
        sides=None if side is None else telling([side_of(columns[side][row]) for row in kept]),
        faults=tuple(
            Fault(name=f"{table.name}, row {row + 1}", reason=f"no file {columns[column][row]!r}")
            for row, place in enumerate(places)
            if place is None
        ),
    )


def _columns(table: Path, rows: int | None = None) -> Columns:
    if table.suffix.lower() == ".parquet":
        return _parquet_columns(table, rows)
    try:
        with table.open("rb") as file:
            raw = file.read() if rows is None else file.read(1 << 16)
    except OSError as error:
        raise _unreadable(table, str(error.strerror)) from error
    lines = csv.reader(io.StringIO(_decoded(raw), newline=""), delimiter=_delimiter(raw))
    try:
        header = next(lines, [])
        body = [line for line, _ in zip(_whole(lines, len(header)), _count(rows), strict=False)]
    except csv.Error as error:
        raise _unreadable(table, str(error)) from error
    return {name: [line[place].strip() for line in body] for place, name in enumerate(header)}


def _parquet_columns(table: Path, rows: int | None) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(table)
        read = file.read() if rows is None else next(file.iter_batches(batch_size=rows), None)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(table, str(error)) from error
    if read is None:
        return {}
    columns = {name: read.column(name).to_pylist() for name in read.schema.names}
    return {
        name: ["" if value is None else str(value) for value in values]
        for name, values in columns.items()
    }


def _unreadable(table: Path, why: str) -> BadInputError:
    return BadInputError(
        given=f"{table} cannot be read: {why}",
        needed="a table with a column of paths and one of labels",
        remedy="write it again as CSV, one header line first",
    )


def _decoded(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return text.replace("\0", "")


def _delimiter(raw: bytes) -> str:
    header = _decoded(raw.splitlines()[0]) if raw.strip() else ""
    return max(",\t;", key=header.count)


def _whole(lines: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    """Pass over empty lines; fill short ones, so that one ragged row costs one row."""
    for line in lines:
        if line:
            yield line + [""] * (width - len(line))


def _count(rows: int | None) -> Iterator[int]:
    place = 0
    while rows is None or place < rows:
        yield place
        place += 1


def _path_column(
    columns: Columns, folder: Path, suffixes: Collection[str]
) -> tuple[str, dict[str, Path]] | None:
    """Find the column of paths, and the file that each of its entries names."""
    by_name: dict[str, Path] | None = None
    for column, values in columns.items():
        head = [value for value in values[:_HEAD] if value]
        if not head or not any(_plausible(value) for value in head):
            continue
        known = _direct(values, folder, suffixes)
        if not known:
            by_name = _by_name(folder, suffixes) if by_name is None else by_name
            known = {value: by_name[value] for value in set(values) if value in by_name}
        if any(value in known for value in head):
            return column, known
    return None


def _plausible(value: str) -> bool:
    """Tell whether a value may be a file's name: a label or a number alone is none."""
    return "." in value or "/" in value or len(value) >= 5


def _direct(values: list[str], folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    candidates = {value: folder / value.replace("\\", "/") for value in set(values) if value}
    return {
        value: path
        for value, path in candidates.items()
        if path.suffix.lower() in suffixes and len(value) < 4096 and path.is_file()
    }


def _by_name(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Files below a folder by name alone, with and without suffix, where only one has it."""
    known: dict[str, Path] = {}
    doubtful: set[str] = set()
    for path in listed(folder, suffixes).paths:
        for name in (path.name, path.stem):
            doubtful |= {name} & known.keys()
            known[name] = path
    return {name: path for name, path in known.items() if name not in doubtful}


def _side_column(columns: Columns) -> str | None:
    for column, values in columns.items():
        if column.casefold() in _SPLITS and values and all(side_of(value) for value in set(values)):
            return column
    return None


def _group_column(columns: Columns, wanted: Wanted) -> str | None:
    """Find the column that is usually a group; the answer itself is none."""
    for column in columns:
        if column != wanted.target and column.casefold() in wanted.usual_groups:
            return column
    return None


def _label_column(
    columns: Columns, table: Path, wanted: Wanted, taken: Collection[str]
) -> str | None:
    if wanted.target is not None:
        _named(columns, wanted.target, table)
        return wanted.target
    if wanted.known in columns:
        return wanted.known
    free = [column for column in columns if column not in taken]
    usual = [column for names in (_LABELS, _SAID) for column in free if column.casefold() in names]
    if usual or len(free) == 1:
        return (usual or free)[0]
    if not free or wanted.known is not None:
        return None
    raise BadInputError(
        given=f"{table.name} has several columns that may be the label: {', '.join(free)}",
        needed="the one that holds the answer",
        remedy=f"name it: `--target {free[0]}`",
    )


def _named(columns: Columns, column: str, table: Path) -> list[str]:
    if column not in columns:
        raise BadInputError(
            given=f"{table.name} has no column {column!r}",
            needed=f"one of {', '.join(columns)}",
            remedy="name the column as the first line of the table writes it",
        )
    return columns[column]


def _strings(values: list[str], kept: list[int]) -> NDArray[np.object_]:
    return np.array([values[row] for row in kept], dtype=object)


def _targets(values: list[str]) -> NDArray[np.generic]:
    missing = [value.casefold() in _MISSING for value in values]
    try:
        numbers = [
            float("nan") if gone else float(v) for v, gone in zip(values, missing, strict=True)
        ]
    except ValueError:
        pairs = zip(values, missing, strict=True)
        return np.array([None if gone else value for value, gone in pairs], dtype=object)
    return np.array(numbers, dtype=np.float64)
