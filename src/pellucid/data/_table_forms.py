"""The forms a table can have besides delimited text: Parquet, JSON, data frames, arrays.

Idea: everything becomes an Arrow table; a column whose values are of several types becomes text,
which the rest of the reading understands.

Letters: N rows, F columns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.data import Fault
from pellucid.data._arrow import from_numbers
from pellucid.data._delimited import WIDEST, unique_names
from pellucid.errors import BadInputError


def from_parquet(data: bytes, name: str, limit: int) -> Any:
    """Read the bytes of a Parquet file into an Arrow table.

    Raises:
        BadInputError: if they are damaged, or promise more bytes than the limit.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(data))
        refuse_wide(file.metadata.num_columns, name)
        groups = [file.metadata.row_group(n) for n in range(file.metadata.num_row_groups)]
        size = sum(group.total_byte_size for group in groups)
        if size <= limit:
            return _flat(file.read())
    except (pa.ArrowException, OSError) as error:
        raise BadInputError(
            given=f"{name} is a damaged Parquet file: {_first_line(error)}",
            needed="a Parquet file that was written to the end",
            remedy="write it again, or save the table as CSV",
        ) from error
    raise BadInputError(
        given=f"{name} holds {size / 2**30:.3g} GiB",
        needed=f"at most {limit / 2**30:.3g} GiB",
        remedy="allow more with `--memory`, or keep a sample of the rows",
    )


def from_json(text: bytes, name: str) -> tuple[Any, list[int], list[Fault]]:
    """Read JSON lines, or one JSON array of objects, into an Arrow table.

    Returns:
        The table, the number of each row from 1, and the rows that were left out.

    Raises:
        BadInputError: if no line holds an object.
    """
    faults: list[Fault] = []
    if text.lstrip().startswith(b"["):
        values = _whole_array(text, name)
    else:
        values = [_object(line) for line in text.split(b"\n") if line.strip()]
    rows = [number for number, value in enumerate(values, start=1) if isinstance(value, dict)]
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            reason = value if isinstance(value, str) else "no JSON object"
            faults.append(Fault(name=f"{name} row {number}", reason=reason))
    if not rows:
        raise BadInputError(
            given=f"{name} holds no JSON object",
            needed='a JSON object on each line, such as {"age": 39, "class": "yes"}',
            remedy="write one object a line, or save the table as CSV",
        )
    return _flat(from_records([values[number - 1] for number in rows], name)), rows, faults


def from_memory(source: Any) -> tuple[Any, bool, str]:
    """Read a data frame, a mapping of columns, records, or arrays into an Arrow table.

    Returns:
        The table, whether its columns have names of their own, and the name of the column that
        came as y ("" if none did).

    Raises:
        BadInputError: if it is none of these.
    """
    import pyarrow as pa

    module = type(source).__module__.partition(".")[0]
    if isinstance(source, pa.RecordBatch):
        source = pa.Table.from_batches([source])
    if isinstance(source, pa.Table):
        return _flat(_named(list(source.column_names), list(source.columns))), True, ""
    if module == "polars":
        return from_memory(source.to_arrow())[0], True, ""
    if module == "pandas":
        names = [str(name) for name in source.columns]
        return _named(names, [_column(source.iloc[:, n]) for n in range(len(names))]), True, ""
    if isinstance(source, Mapping):
        return _from_mapping(source), True, ""
    if isinstance(source, list) and source and all(isinstance(row, Mapping) for row in source):
        return _flat(from_records(source, "the table")), True, ""
    if isinstance(source, tuple) and len(source) == 2:
        return _from_pair(*source), False, "y"
    return _from_array(source), False, ""


def from_records(records: Sequence[Mapping[str, Any]], name: str) -> Any:
    """Make an Arrow table of mappings that need not have the same keys."""
    keys = list(dict.fromkeys(key for record in records for key in record))
    refuse_wide(len(keys), name)
    return _named(list(map(str, keys)), [_column([r.get(key) for r in records]) for key in keys])


def refuse_wide(width: int, name: str) -> None:
    """Refuse a table that is too wide to learn from.

    Raises:
        BadInputError: if it has more columns than `WIDEST`.
    """
    if width > WIDEST:
        raise BadInputError(
            given=f"{name} has {width} columns",
            needed=f"at most {WIDEST}",
            remedy="keep the columns that matter",
        )


def _from_mapping(source: Mapping[Any, Any]) -> Any:
    values = [
        [value] if isinstance(value, str) or not hasattr(value, "__len__") else value
        for value in source.values()
    ]
    sizes = {len(value) for value in values}
    if len(sizes) > 1:
        raise BadInputError(
            given=f"columns of {min(sizes)} to {max(sizes)} values",
            needed="columns of one length",
            remedy="give every column a value for each row, None where there is none",
        )
    refuse_wide(len(values), "the table")
    return _named([str(name) for name in source], [_column(value) for value in values])


def _from_pair(x: Any, y: Any) -> Any:
    table = _from_array(x)
    answers = np.asarray(_plain(y))
    if answers.ndim == 2 and answers.shape[1] == 1:
        answers = answers[:, 0]
    if answers.ndim != 1 or len(answers) != table.num_rows:
        raise BadInputError(
            given=f"x has {table.num_rows} rows and y has shape {answers.shape}",
            needed="one y for each row of x",
            remedy="give `(x, y)` with y.shape == (len(x),)",
        )
    return table.append_column("y", _column(answers))


def _from_array(x: Any) -> Any:
    try:
        array = np.asarray(_plain(x))
    except ValueError as error:
        raise _no_table(x) from error
    array = array[None] if array.ndim == 1 else array
    if array.ndim != 2 or array.dtype.kind not in "biufOUS":
        raise _no_table(x)
    refuse_wide(array.shape[1], "the array")
    names = [str(place + 1) for place in range(array.shape[1])]
    return _named(names, [_column(np.ascontiguousarray(column)) for column in array.T])


def _plain(array: Any) -> Any:
    return array.detach().cpu().numpy() if hasattr(array, "detach") else array


def _no_table(source: Any) -> BadInputError:
    given = f"an array of shape {source.shape}" if hasattr(source, "shape") else repr(type(source))
    return BadInputError(
        given=given,
        needed="rows and columns: a path, a data frame, a mapping of columns, or arrays (X, y)",
        remedy="give X with the shape (rows, columns)",
    )


def _named(names: list[str], columns: list[Any]) -> Any:
    import pyarrow as pa

    return pa.table(columns, names=unique_names(names)[0])


def _column(values: Iterable[Any]) -> Any:
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind in "iuf":
        return from_numbers(values.astype(np.float64) if values.dtype.kind == "f" else values)
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return pa.array([None if _is_nothing(value) else str(value) for value in values])


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _flat(table: Any) -> Any:
    """Turn columns of objects into columns of their own: "place.city"."""
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
        refuse_wide(table.num_columns, "the table")
    return _named(list(table.column_names), list(table.columns))


def _whole_array(text: bytes, name: str) -> list[Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            given=f"{name} is no valid JSON: {_first_line(error)}",
            needed="an array of JSON objects, or one object a line",
            remedy="check that the file was written to the end",
        ) from error
    return list(values)


def _object(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"no valid JSON: {_first_line(error)}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
