"""Read delimited text (CSV and its relatives) as it really occurs.

Idea: a fast reader that accepts only clean files goes first; where it stumbles, the rows are cut
one by one, those that do not fit are named and left out, and the rest goes to the fast reader.
"""

import csv
import io
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault, Finding
from pellucid.data._cells import MISSING
from pellucid.data._encodings import to_utf8
from pellucid.data._sniffing import LONGEST_RECORD, Form, records, sniff
from pellucid.errors import BadInputError

WIDEST = 20_000
_HEAD = 1 << 16
_LONGEST_LINE = 1 << 24
_DECIMAL_COMMA = r"^\s*([-+]?\d+),(\d+)\s*$"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delimited:
    """What a delimited file holds.

    Args:
        table: an Arrow table; numbers and dates typed, everything else as it is written.
        header: whether the file names its columns; if not they are "1", "2" and so on.
        rows: number of each row in the file, (N,), from 1, the header not counted.
        faults: rows that were left out.
        notes: how the file was read, where that is not obvious.
    """

    table: Any
    header: bool
    rows: NDArray[np.int64]
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()


def read_delimited(
    data: bytes,
    name: str,
    *,
    known: Collection[str] | None = None,
    words: Collection[str] = (),
) -> Delimited:
    """Read a delimited text file.

    Args:
        data: its bytes, in any of the usual encodings.
        name: of the file, for messages and faults.
        known: names of the columns that a model was trained on; see `sniff`.
        words: columns to leave as they are written, whatever they look like.

    Raises:
        BadInputError: if no row can be read or the table is wider than can be learned from.
    """
    text, notes = to_utf8(data, name)
    head = _head(text, name)
    form = sniff(head, known=known)
    if not form.width:
        raise _nothing(name, "holds no row that can be read")
    _refuse_wide(form.width, name)
    names, renamed = column_names(form)
    notes += _remarks(form, name, renamed)
    body = _body(text, form.start)
    if not body.strip():
        raise _nothing(name, f"has a header ({_few(names)}) and no rows")
    faults: list[Fault] = []
    table, rows = _fast(body, form, names, words), None
    if table is None:
        body, rows, faults = _tolerant(body, form, name)
        table = _fast(body, form, names, words) if len(rows) else None
    if table is None or not table.num_rows:
        raise _nothing(name, f"has no row of {form.width} fields")
    count = np.arange(1, table.num_rows + 1) if rows is None else rows
    return Delimited(
        table=table,
        header=form.names is not None,
        rows=count,
        faults=tuple(faults),
        notes=tuple(notes),
    )


def column_names(form: Form) -> tuple[list[str], list[str]]:
    """Name the columns: by the header, else by number; no name twice.

    Returns:
        The names, and those of them that had to be changed to be unique.
    """
    if form.names is None:
        return [str(place + 1) for place in range(form.width)], []
    return unique_names([name or f"column {n + 1}" for n, name in enumerate(form.names)])


def unique_names(names: list[str]) -> tuple[list[str], list[str]]:
    """Give each repeated name a number: "age", "age (2)".

    Returns:
        The names, and those of them that were changed.
    """
    if len(set(names)) == len(names):
        return names, []
    taken, seen = set(names), Counter[str]()
    given, changed = [], []
    for name in names:
        seen[name] += 1
        fresh = name if seen[name] == 1 else f"{name} ({seen[name]})"
        while seen[name] > 1 and fresh in taken:
            seen[name] += 1
            fresh = f"{name} ({seen[name]})"
        taken.add(fresh)
        given.append(fresh)
        changed += [fresh] if fresh != name else []
    return given, changed


def _head(text: bytes, name: str) -> list[str]:
    end = text.find(b"\n", _HEAD)
    end = len(text) if end < 0 else end + 1
    if end > _LONGEST_LINE:
        raise BadInputError(
            given=f"{name} has a line longer than {_LONGEST_LINE >> 20} MiB",
            needed=f"a row on each line, with at most {WIDEST} columns",
            remedy="check that the file is a table with line ends",
        )
    lines = _lines(text[:end])
    # The longest line is measured before any is cut, so that a hostile file costs little.
    widest = max(lines, key=len, default="")
    _refuse_wide(max(widest.count(sign) for sign in ",;\t|") + 1, name)
    return lines


def _fast(body: bytes, form: Form, names: list[str], words: Collection[str]) -> Any:
    """Give the Arrow table, or None if a row does not fit."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    quotes = body.count(b'"')
    if quotes % 2:
        return None
    void = sorted(MISSING)
    longest = max(map(len, body[: 1 << 20].splitlines()), default=0)
    misfits: list[int] = []

    def refuse(row: Any) -> str:
        misfits.append(row.actual_columns)
        return "skip"

    try:
        table = arrow.read_csv(
            pa.BufferReader(body),
            read_options=arrow.ReadOptions(
                column_names=names, block_size=min(max(1 << 20, 16 * longest), 1 << 30)
            ),
            parse_options=arrow.ParseOptions(
                delimiter=form.delimiter,
                newlines_in_values=quotes > 0,
                invalid_row_handler=refuse,
            ),
            convert_options=arrow.ConvertOptions(
                null_values=void + [f" {cell}" for cell in void],
                strings_can_be_null=True,
                true_values=[],
                false_values=[],
                decimal_point=form.decimal,
                column_types={name: pa.string() for name in words if name in names},
            ),
        )
    except (pa.ArrowException, OSError):
        return None
    if misfits or (quotes and _swallows(table)):
        return None
    return _with_points(table) if form.decimal == "," else table


def _swallows(table: Any) -> bool:
    """Tell whether a cell holds so many lines that a stray quote must have swallowed rows."""
    from pyarrow import compute

    texts = [column for column in table.columns if str(column.type) == "string"]
    lines = (compute.max(compute.count_substring(text, pattern="\n")).as_py() for text in texts)
    return any((count or 0) >= LONGEST_RECORD for count in lines)


def _with_points(table: Any) -> Any:
    """Write decimals after a point, where the fast reader left a column as words."""
    from pyarrow import compute

    for place, field in enumerate(table.schema):
        if str(field.type) == "string":
            points = compute.replace_substring_regex(
                table.column(place), pattern=_DECIMAL_COMMA, replacement=r"\1.\2"
            )
            table = table.set_column(place, field.name, points)
    return table


def _tolerant(body: bytes, form: Form, name: str) -> tuple[bytes, NDArray[np.int64], list[Fault]]:
    """Keep the rows that fit, written anew so that any reader accepts them."""
    lines = _lines(body)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=form.delimiter, lineterminator="\n")
    rows, faults = [], []
    for row, record in enumerate(records(lines, form.delimiter, form.width), start=1):
        fields = record.fields
        if fields is not None and len(fields) == form.width:
            writer.writerow(fields)
            rows.append(row)
            continue
        reason = "a quote is opened and not closed"
        if fields is not None:
            expects = "the header has" if form.names else "most rows have"
            reason = f"{len(fields)} fields, {expects} {form.width}"
        faults.append(Fault(name=f"{name} row {row}", reason=reason))
    return out.getvalue().encode(), np.array(rows, dtype=np.int64), faults


def _body(text: bytes, start: int) -> bytes:
    place = 0
    for _ in range(start):
        end = text.find(b"\n", place)
        end = len(text) if end < 0 else end
        old = text.find(b"\r", place, end)
        place = old + 1 if 0 <= old < end - 1 else end + 1
    return text[place:]


def _lines(text: bytes) -> list[str]:
    # `str.splitlines` would also cut at form feeds and at other signs that cells may hold.
    plain = text.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return [f"{line}\n" for line in plain.split("\n")]


def _remarks(form: Form, name: str, renamed: list[str]) -> list[Finding]:
    notes = []
    if form.skipped:
        said = f"{name}: the first {len(form.skipped)} lines are no part of the table and were "
        said = said if len(form.skipped) > 1 else f"{name}: its first line is no row and was "
        text = f'{said}left out: "{form.skipped[0][:60]}"'
        notes.append(Finding(what="lines above the table", level="note", text=text))
    if form.names is None:
        text = f"{name} has no header: its columns are called 1 to {form.width}"
        notes.append(Finding(what="no header", level="note", text=text))
    if form.decimal == ",":
        text = f"{name} writes decimals after a comma"
        notes.append(Finding(what="decimal comma", level="note", text=text))
    if renamed:
        text = f"{name} has several columns of one name: they are called {_few(renamed)}"
        notes.append(Finding(what="repeated column names", level="warning", text=text))
    return notes


def _refuse_wide(width: int, name: str) -> None:
    if width > WIDEST:
        raise BadInputError(
            given=f"{name} has {width} columns",
            needed=f"at most {WIDEST}",
            remedy="keep the columns that matter, for example with `cut -d, -f1-1000`",
        )


def _nothing(name: str, given: str) -> BadInputError:
    return BadInputError(
        given=f"{name} {given}",
        needed="at least one row of data",
        remedy="check that the file was written to the end",
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:8]) + (" and so on" if len(names) > 8 else "")
