"""Infer how a delimited text file is written: its delimiter, its header, where the rows begin.

Idea: the right delimiter is the one that cuts most rows into the same number of fields; a header
is a first row of words above columns of numbers, or of words that never occur again.
"""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pellucid.data._cells import has_decimal_comma, is_missing, is_number

DELIMITERS = (",", "\t", ";", "|")
LONGEST_RECORD = 100  # lines that one quoted field may run over before it counts as unbalanced
_PREAMBLE = 20  # lines of comment that may stand above a table


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One row as it stands in the file.

    Args:
        line: the first of its lines, from 0.
        lines: how many lines it runs over.
        fields: its cells; None where a quote is opened and not closed.
    """

    line: int
    lines: int
    fields: list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """How a file is written.

    Args:
        delimiter: what stands between two cells.
        decimal: "." or ",".
        width: cells in a row.
        names: the header; None where the first row holds data.
        skipped: what stands above the table, a line each.
        start: the line where the data begin, from 0.
    """

    delimiter: str
    decimal: str
    width: int
    names: tuple[str, ...] | None
    skipped: tuple[str, ...]
    start: int


def sniff(lines: Sequence[str], *, known: Collection[str] | None = None) -> Form:
    """Infer the form from the first lines of a file.

    Args:
        lines: with their ends; at least one is not blank.
        known: names of the columns that a model was trained on; empty if it was trained on a file
            without a header; None while learning.
    """
    delimiter, decimal = _delimiter(lines)
    rows = [record for record in records(lines, delimiter) if record.fields is not None]
    width = _width([len(record.fields or ()) for record in rows])
    first = next((n for n, row in enumerate(rows) if len(row.fields or ()) == width), 0)
    first = first if first <= _PREAMBLE else 0
    table = [row.fields or [] for row in rows[first:] if len(row.fields or ()) == width]
    header = bool(table) and _has_header(table[0], table[1:], known)
    begin = rows[first] if rows else Record(line=0, lines=0, fields=[])
    return Form(
        delimiter=delimiter,
        decimal=decimal,
        width=width,
        names=tuple(cell.strip() for cell in table[0]) if header else None,
        skipped=tuple(lines[row.line].strip() for row in rows[:first]),
        start=begin.line + begin.lines if header else begin.line,
    )


def records(lines: Sequence[str], delimiter: str, width: int | None = None) -> Iterator[Record]:
    """Cut lines into rows, going on after a quote that is never closed.

    Args:
        lines: with their ends.
        delimiter: what stands between two cells.
        width: cells a row should have, which tells a closed quote from one that swallowed rows.
    """
    line = 0
    while line < len(lines):
        text = lines[line].rstrip("\r\n")
        if not text.strip():
            line += 1
            continue
        used = 1
        if '"' not in text:
            fields: list[str] | None = text.split(delimiter)
        else:
            fields, used = _quoted(lines, line, delimiter, width)
        yield Record(line=line, lines=used, fields=fields)
        line += used


def _quoted(
    lines: Sequence[str], line: int, delimiter: str, width: int | None
) -> tuple[list[str] | None, int]:
    text = lines[line]
    used = 1
    while text.count('"') % 2 and used < LONGEST_RECORD and line + used < len(lines):
        text += lines[line + used]
        used += 1
    fields = _cells(text.rstrip("\r\n"), delimiter) if text.count('"') % 2 == 0 else None
    if fields is not None and (used == 1 or width in (None, len(fields))):
        return fields, used
    # A lone quote may be a sign for inches: then the line alone has the right number of cells.
    alone = lines[line].rstrip("\r\n").split(delimiter)
    if width is not None and len(alone) == width:
        return [cell.strip().strip('"') for cell in alone], 1
    return None, 1


def _cells(text: str, delimiter: str) -> list[str] | None:
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), None)
    except csv.Error:
        return None


def _delimiter(lines: Sequence[str]) -> tuple[str, str]:
    best, most = ",", (0.0, False, 0)
    for delimiter in DELIMITERS:
        rows = [record.fields or [] for record in records(lines, delimiter)]
        widths = [len(row) for row in rows]
        width = _width(widths)
        share = widths.count(width) / len(widths) if widths else 0.0
        if width > 1 and share > 0.95 and delimiter != "," and _is_european(rows):
            return delimiter, ","
        # Sentences may have as many commas a line; nobody types tabs like that.
        rank = (round(share, 1), delimiter == "\t", width)
        if width > 1 and rank > most:
            best, most = delimiter, rank
    return best, "."


def _is_european(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell.strip() for row in rows for cell in row]
    commas = sum(has_decimal_comma(cell) for cell in cells)
    return commas > 0 and not any("." in cell and is_number(cell) for cell in cells)


def _width(widths: Sequence[int]) -> int:
    return max(Counter(widths).items(), key=lambda pair: (pair[1], pair[0]))[0] if widths else 0


def _has_header(
    first: Sequence[str], rows: Sequence[Sequence[str]], known: Collection[str] | None
) -> bool:
    cells = [cell.strip() for cell in first]
    if known is not None and not known:
        return False
    if known and sum(cell in known for cell in cells) * 2 >= min(len(known), len(cells)):
        return True
    votes = []
    for place, cell in enumerate(cells):
        below = [row[place].strip() for row in rows if not is_missing(row[place])]
        if below and sum(map(is_number, below)) >= 0.8 * len(below) and not is_missing(cell):
            votes.append(not is_number(cell))
    if votes:
        return sum(votes) * 2 > len(votes)
    return not any(map(is_number, cells)) and not _recurs(cells, rows)


def _recurs(cells: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    return any(cell == row[place].strip() for row in rows for place, cell in enumerate(cells))
