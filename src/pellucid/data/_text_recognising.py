"""How surely a source holds texts.

Idea: a plain text can be little else, but a file called .txt or .csv can hold a table. A table is
taken for texts only if it holds nothing but texts and their label; where there are numbers beside
them it stays a table.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.data._sources import glimpse
from pellucid.data._table_sources import Wish, gather, suffix
from pellucid.data._text_files import is_named_as_text
from pellucid.data._text_sources import head_of_table, is_texts
from pellucid.data._text_tables import roles
from pellucid.errors import BadInputError

_LABELLED, _PLAIN, _BARE, _NONE = 0.95, 0.7, 0.5, 0.0
_ROWS = 200
_TABULAR = (".csv", ".tsv", ".tab", ".parquet", ".jsonl", ".ndjson", ".json", ".data", ".txt")


def surely(source: Any) -> float:
    """Tell how surely a source is text, from 0 to 1."""
    if isinstance(source, str | Path):
        path = Path(source)
        return _folder(path) if path.is_dir() else _file(path)
    if is_texts(source):
        return _LABELLED
    if isinstance(source, tuple) and len(source) == 2:
        return _LABELLED if is_texts(source[0]) else _NONE
    if isinstance(source, list) and source and all(isinstance(s, str | Path) for s in source):
        return min(surely(one) for one in source[:20])
    return _in_memory(source)


def _folder(folder: Path) -> float:
    seen = list(glimpse(folder))
    texts = [path for path in seen if is_named_as_text(path) and suffix(path) != ".md"]
    tables = [path for path in seen if suffix(path) in _TABULAR and path not in texts]
    if tables:
        return _file(sorted(tables)[0])
    if not texts or len(texts) < 0.5 * len(seen):
        return _NONE
    if any(path.parent != folder for path in texts):
        return 0.9
    return min(_file(path) for path in sorted(texts)[:3])


def _file(path: Path) -> float:
    named = is_named_as_text(path)
    if not named and suffix(path) not in _TABULAR:
        return _NONE
    table = None if suffix(path) == ".md" else head_of_table(path)
    if table is not None and table.num_columns > 1:
        sure = _of_table(table)
        # Prose has commas, too, but rarely as many in each line.
        return sure if sure > _BARE or not named else _numeric(table)
    return _PLAIN if named else _NONE


def _numeric(table: Any) -> float:
    """Tell columns, which a .txt may hold, from prose with as many commas in each line."""
    import pyarrow as pa

    plain = [pa.types.is_string(field.type) for field in table.schema]
    return _PLAIN if all(plain) else _NONE


def _of_table(table: Any) -> float:
    kinds = roles(table)
    if not kinds.texts or len(kinds.others) > 1:
        return _NONE
    return _LABELLED if kinds.others else _BARE


def _in_memory(source: Any) -> float:
    module = type(source).__module__.partition(".")[0]
    rows = isinstance(source, list) and bool(source) and isinstance(source[0], Mapping)
    if (
        not rows
        and not isinstance(source, Mapping)
        and module not in ("pandas", "polars", "pyarrow")
    ):
        return _NONE
    try:
        table = gather(source[:_ROWS] if isinstance(source, list) else source, Wish()).table
    except BadInputError:
        return _NONE
    sure = _of_table(table)
    return 0.95 if sure == _BARE and table.num_columns == 1 else sure
