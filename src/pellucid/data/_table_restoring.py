"""From numbers that a network takes back to rows that a person can read.

Idea: each step of encoding is undone: scaled and bent numbers, codes of categories, flags of what
was missing. A moment is found from its year, whose fraction tells it to within minutes, and made
exact by its place on the circle of the day.

What encoding leaves out cannot come back: the word behind the code of the unknown, and a value that
was the same in all rows of the training side.

Letters: N rows, F columns of x.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from pellucid.data import Examples, Schema
from pellucid.data._arrow import from_numbers, from_texts
from pellucid.data._columns import Column, straightened
from pellucid.data._table_reading import KEY
from pellucid.data._values import words

UNKNOWN = "(not known in training)"
_FINE = 5  # decimals of a scale that are kept: float32 holds no more
_MOMENT = "datetime64[ms]"
_EPOCH = np.datetime64(0, "ms")
_DAY = np.timedelta64(86_400_000, "ms")
_NEAR = np.timedelta64(3_600_000, "ms")  # what a year tells badly; nearer to midnight is midnight

Rows = Float[np.ndarray, " N"]


def restored(stored: Float[np.ndarray, "N F"], schema: Schema) -> Examples:
    """Give rows with the columns that the model uses, as reading with the model would give them.

    Args:
        stored: what `encode` gave, or made of that.
        schema: of the model.
    """
    import pyarrow as pa

    columns = [Column.from_json(given) for given in schema.details["columns"]]
    pairs = zip(columns, stored.T.astype(np.float64), strict=True)
    found = {}
    for name, group in groupby(pairs, key=lambda pair: pair[0].of):
        found[name] = _source([*group])
    details = schema.details
    meta = {
        "names": details["names"],
        "header": details["header"],
        "forms": {source["name"]: source["form"] for source in details["sources"]},
    }
    raw = pa.table(found).replace_schema_metadata({KEY: json.dumps(meta)})
    names = [f"case {place}" for place in range(len(stored))]
    return Examples(kind="table", names=names, raw=raw)


def _source(pairs: list[tuple[Column, Rows]]) -> Any:
    """Give the Arrow column that some columns of x were made from."""
    first, values = pairs[0]
    if first.kind == "category":
        return _words(values, first.levels)
    void = np.zeros(len(values), np.bool_)
    parts = {}
    for column, values in pairs:
        if column.kind == "missing":
            void = values > 0.5
        else:
            parts[column.part] = _number(values, column)
    if any(part for part in parts):
        return _moments(parts, void)
    return from_numbers(np.where(void, np.nan, parts.get("", 0.0)))


def _words(values: Rows, levels: Sequence[str]) -> Any:
    import pyarrow as pa

    codes = np.clip(np.nan_to_num(values).round(), 0, len(levels)).astype(np.int32)
    texts = [UNKNOWN, *levels]
    # Where no level stands for missing, what is missing has the code of the unknown.
    nothing = texts.index("") if "" in levels else 0
    chosen = from_numbers(codes, void=codes == nothing)
    return words(pa.DictionaryArray.from_arrays(chosen, from_texts(texts)))


def _number(values: Rows, column: Column) -> Rows:
    with np.errstate(over="ignore", invalid="ignore"):
        exact = column.center + column.scale * straightened(np.nan_to_num(values))
        fine = int(np.clip(_FINE - np.floor(np.log10(column.scale)), -100, 100))
        plain = exact.round(fine)
    return np.where(np.isfinite(plain), plain, np.nan_to_num(exact))


def _moments(parts: Mapping[str, Rows], void: Bool[np.ndarray, " N"]) -> Any:
    import pyarrow as pa

    when = _from_years(parts["year"]) if "year" in parts else np.zeros(len(void), _MOMENT)
    if {"hour sine", "hour cosine"} <= parts.keys():
        angle = np.arctan2(parts["hour sine"], parts["hour cosine"])
        seconds = (angle / (2 * np.pi) % 1 * 86_400).round()  # float32 tells no less
        since = seconds.astype("timedelta64[s]").astype("timedelta64[ms]")
        # The day whose moment at this hour is nearest to the one that the year tells.
        days = ((when - since - _EPOCH) / _DAY).round().astype(np.int64)
        when = _EPOCH + days * _DAY + since
    else:
        day = (when + _DAY // 2).astype("datetime64[D]").astype(_MOMENT)
        when = np.where(np.abs(when - day) < _NEAR, day, when)
    ticks = from_numbers(when.astype(np.int64), void=void if void.any() else None)
    return ticks.cast(pa.timestamp("ms"))


def _from_years(years: Rows) -> NDArray[Any]:
    """Turn years with their fraction into moments."""
    years = np.clip(np.nan_to_num(years, nan=1970.0), 1, 9999)
    year = np.floor(years)
    start, following = (
        (year + step - 1970).astype(np.int64).astype("datetime64[Y]").astype(_MOMENT)
        for step in (0, 1)
    )
    length = (following - start).astype(np.float64)
    return start + ((years - year) * length).round().astype("timedelta64[ms]")
