"""Everything that can hold a table, read into one Arrow table as it is written.

Idea: a file is told by its first bytes before its name, since names lie; several files become one
table if they have the same columns, and their names say which side of a split they are.

Letters: N rows.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault, Finding
from pellucid.data._delimited import read_delimited
from pellucid.data._encodings import refuse_larger, to_utf8, unpack
from pellucid.data._sources import side_of, unreadable
from pellucid.data._table_forms import from_json, from_memory, from_parquet, refuse_wide
from pellucid.errors import BadInputError

SUFFIXES = frozenset(
    [".csv", ".tsv", ".txt", ".data", ".test", ".tab", ".parquet", ".jsonl", ".ndjson", ".json"]
)


class RowNames(Sequence[str]):
    """Names such as "adult.data row 17", made only when they are asked for.

    Args:
        files: names of the files; "" for data that came from no file.
        file: for each row the place of its file in `files`, (N,).
        rows: for each row its number in the file, from 1, (N,).
    """

    def __init__(
        self, files: Sequence[str], file: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> None:
        self.files = files
        self.file = file
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "RowNames": ...
    def __getitem__(self, place: SupportsIndex | slice) -> "str | RowNames":
        if isinstance(place, slice):
            return RowNames(self.files, self.file[place], self.rows[place])
        return f"{self.files[self.file[place]]} row {self.rows[place]}".strip()

    def take(self, places: NDArray[Any]) -> "RowNames":
        """Give the names at these places, or where a mask is true, in this order."""
        return RowNames(self.files, self.file[places], self.rows[places])


@dataclass(frozen=True, kw_only=True, slots=True)
class Gathered:
    """A table as it was found.

    Args:
        table: an Arrow table, nothing trimmed or dropped.
        header: whether the source names its columns.
        names: one a row.
        target: name of the column that came as y; "" if none did.
        sides: "train", "valid" or "test" of each row, (N,) object; None if the files do not say.
        faults: rows and files that were left out.
        notes: how it was read.
    """

    table: Any
    header: bool
    names: RowNames
    target: str = ""
    sides: NDArray[np.object_] | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What reading has to know beforehand.

    Args:
        known: names of the columns that a model was trained on; None while learning.
        words: columns to leave as they are written.
        limit: bytes that may be read.
    """

    known: Collection[str] | None = None
    words: Collection[str] = ()
    limit: int = 1 << 32


def gather(source: Any, wish: Wish) -> Gathered:
    """Read a source of any form.

    Raises:
        BadInputError: if nothing in it can be read as a table.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        return _gather_folder(path, wish) if path.is_dir() else _gather_file(path, wish)
    if isinstance(source, list) and source and all(isinstance(s, str | Path) for s in source):
        return _gather_files([(Path(one), "") for one in source], wish)
    table, header, target = from_memory(source)
    if not table.num_rows or not table.num_columns:
        raise _empty("the table")
    return _whole(table, "", header=header, target=target)


def table_files(folder: Path) -> list[Path]:
    """Give the files of a folder that can hold a table, in alphabetical order."""
    return [path for path in sorted(folder.iterdir()) if path.is_file() and is_named_as_table(path)]


def is_named_as_table(path: Path) -> bool:
    """Tell by its name whether a file can hold a table."""
    return not path.name.startswith(".") and suffix(path) in SUFFIXES


def suffix(path: Path) -> str:
    """Give the end of a file's name in lower case, packing aside: ".csv" for "a.CSV.gz"."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _gather_folder(folder: Path, wish: Wish) -> Gathered:
    pairs = [(path, _side(path)) for path in table_files(folder)]
    if not pairs:
        raise BadInputError(
            given=f"{folder} holds no file that can be a table",
            needed=f"a file ending in {', '.join(sorted(SUFFIXES))}",
            remedy="name the file itself, or save the table as CSV",
        )
    sides = {side for _, side in pairs}
    without = sum(not side for _, side in pairs)
    if "train" in sides:
        pairs = [pair for pair in pairs if pair[1]]
    elif without == 1:  # adult.data beside adult.test
        pairs = [(path, side or "train") for path, side in pairs]
    return _gather_files(pairs, wish)


def _side(path: Path) -> str:
    sides = [side_of(sign) for sign in re.split(r"[._\- ]+", path.name)]
    return next((side for side in sides if side), "")


def _gather_files(pairs: Sequence[tuple[Path, str]], wish: Wish) -> Gathered:
    pieces: list[tuple[Gathered, str]] = []
    faults: list[Fault] = []
    errors: list[BadInputError] = []
    for path, side in sorted(pairs, key=lambda pair: pair[1] != "train"):
        try:
            piece = _gather_file(path, wish)
        except BadInputError as error:
            faults.append(Fault(name=path.name, reason=str(error).partition("\n")[0]))
            errors.append(error)
            continue
        lacking = _lacking(pieces[0][0], piece) if pieces else []
        if lacking:
            reason = f"lacks the column {lacking[0]!r} that {pieces[0][0].names.files[0]} has"
            faults.append(Fault(name=path.name, reason=reason))
        else:
            pieces.append((piece, side))
    if not pieces:
        raise errors[0]
    return _stack(pieces, faults)


def _lacking(first: Gathered, other: Gathered) -> list[str]:
    has = set(other.table.column_names)
    return [name for name in first.table.column_names if name not in has]


def _stack(pieces: Sequence[tuple[Gathered, str]], faults: Sequence[Fault]) -> Gathered:
    import pyarrow as pa

    first = pieces[0][0]
    tables = [piece.table.select(first.table.column_names) for piece, _ in pieces]
    fields = [
        pa.field(name, _common([table.schema.field(name).type for table in tables]))
        for name in first.table.column_names
    ]
    counts = [table.num_rows for table in tables]
    place = np.repeat(np.arange(len(pieces)), counts)
    sides = np.array([side for _, side in pieces], dtype=object)
    return Gathered(
        table=pa.concat_tables([table.cast(pa.schema(fields)) for table in tables]),
        header=first.header,
        names=RowNames(
            [piece.names.files[0] for piece, _ in pieces],
            place,
            np.concatenate([piece.names.rows for piece, _ in pieces]),
        ),
        sides=sides[place] if len(set(sides)) > 1 else None,
        faults=(*faults, *(fault for piece, _ in pieces for fault in piece.faults)),
        notes=tuple(note for piece, _ in pieces for note in piece.notes),
    )


def _common(types: Sequence[Any]) -> Any:
    import pyarrow as pa

    kinds = [kind for kind in types if not pa.types.is_null(kind)]
    if all(kind == kinds[0] for kind in kinds):
        return kinds[0] if kinds else pa.null()
    if all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds):
        return pa.float64()
    return pa.string()


def _gather_file(path: Path, wish: Wish) -> Gathered:
    data, notes = _load(path, wish.limit)
    if data[:4] == b"PAR1":
        return _whole(from_parquet(data, path.name, wish.limit), path.name)
    if suffix(path) in (".jsonl", ".ndjson", ".json"):
        text, said = to_utf8(data, path.name)
        table, numbers, faults = from_json(text, path.name)
        found = _whole(table, path.name)
        rows = np.array(numbers, dtype=np.int64)
    else:
        read = read_delimited(data, path.name, known=wish.known, words=wish.words)
        found = _whole(read.table, path.name, header=read.header)
        rows, faults, said = read.rows, list(read.faults), list(read.notes)
    return Gathered(
        table=found.table,
        header=found.header,
        names=RowNames([path.name], np.zeros(len(rows), dtype=np.int64), rows),
        faults=tuple(faults),
        notes=(*notes, *said),
    )


def _load(path: Path, limit: int) -> tuple[bytes, list[Finding]]:
    try:
        refuse_larger(path.stat().st_size, path.name, limit)
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    data, notes = unpack(data, path.name, limit)
    if not data[: 1 << 20].strip(b" \t\r\n\0"):
        raise _empty(path.name)
    return data, notes


def _whole(table: Any, file: str, *, header: bool = True, target: str = "") -> Gathered:
    refuse_wide(table.num_columns, file or "the table")
    count = table.num_rows
    names = RowNames([file], np.zeros(count, dtype=np.int64), np.arange(1, count + 1))
    return Gathered(table=table, header=header, names=names, target=target)


def _empty(name: str) -> BadInputError:
    return BadInputError(
        given=f"{name} is empty",
        needed="at least one row of data",
        remedy="check that it was written to the end",
    )
