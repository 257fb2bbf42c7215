"""Rows that go on where a series stopped, and the times of what comes after it.

Letters: T steps, C channels.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Schema
from pellucid.data._cells import number
from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_scale import least_size
from pellucid.errors import BadInputError

_TIME = re.compile(r"(\d{4,}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|step -?\d+|-?[\d.e+-]+)$")


def encoded_steps(
    piece: Any, schema: Schema, before: NDArray[np.float32] | None, count: int
) -> NDArray[np.float32]:
    """Encode one row, or several, as the network takes them: (T, C), scaled, NaN where missing.

    Where each series is scaled by itself, by what was pushed so far.

    Args:
        piece: a mapping by column, a list of numbers in the order of the channels, or rows of
            either; the columns known in advance are those of the step that lies as far ahead as is
            foretold.
        schema: of the model.
        before: the row before them as it was encoded, its missing numbers filled; None for none.
        count: rows before them.

    Raises:
        BadInputError: if a column is not there, or there are too few or too many numbers.
    """
    rows = np.stack([_row(one, schema) for one in _rows(piece)])
    means, scales = np.array(schema.details["means"]), np.array(schema.details["scales"])
    if schema.own_scale:
        return _own_steps(rows, schema, before, count)
    return ((rows - means) / scales).astype(np.float32)


def _own_steps(
    rows: NDArray[np.float64], schema: Schema, before: NDArray[np.float32] | None, count: int
) -> NDArray[np.float32]:
    """Scale rows by the mean and spread of all up to each of them; see `Schema.own_scale`."""
    asked = len(schema.variables)
    means, scales = np.array(schema.details["means"]), np.array(schema.details["scales"])
    level, square = np.zeros(asked), np.zeros(asked)
    if before is not None and count:
        level = before[-2 * asked : -asked].astype(np.float64)
        square = np.exp(2.0 * before[-asked:].astype(np.float64))
    found = np.empty((len(rows), rows.shape[1] + 2 * asked))
    for place, row in enumerate(rows):
        scaled = (row - means) / scales
        wanted = np.where(np.isnan(scaled[:asked]), level, scaled[:asked])
        count += 1
        off = wanted - level
        level = level + off / count
        square = np.maximum(square + (off * (wanted - level) - square) / count, 0.0)
        size = np.maximum(np.sqrt(square), least_size(np.abs(level), count))
        told = np.log(np.where(size > 0, size, 1.0))
        square = np.exp(2 * told)  # as the next piece will find it
        found[place] = np.concatenate([scaled, level, told])
    return found.astype(np.float32)


def following(name: str, schema: Schema) -> list[str]:
    """Give the times of the steps that come after an example, which its name ends with."""
    rhythm = Rhythm.from_json(schema.details["rhythm"])
    found = _TIME.search(name)
    place = None
    if found is not None:
        stepped = found[1].startswith("step ")
        rhythm = Rhythm(unit="steps") if stepped else rhythm
        place = rhythm.place_of(found[1])
    if place is None:
        return [f"+{step}" for step in range(1, schema.ahead + 1)]
    return rhythm.text(place + np.arange(1, schema.ahead + 1))


def _rows(piece: Any) -> list[Any]:
    if isinstance(piece, Mapping):
        return [piece]
    if hasattr(piece, "to_dict") and hasattr(piece, "columns"):
        return list(piece.to_dict("records"))
    rows = list(piece)
    several = rows and (isinstance(rows[0], Mapping) or np.ndim(rows[0]) > 0)
    return rows if several else [rows]


def _row(row: Any, schema: Schema) -> NDArray[np.float64]:
    channels = schema.details["channels"]
    if isinstance(row, Mapping):
        lacking = [name for name in channels if name not in row]
        if lacking:
            raise BadInputError(
                given=f"a row without {lacking[0]!r}",
                needed=f"a number for each of {', '.join(channels)}",
                remedy="write None for what is not known",
            )
        row = [row[name] for name in channels]
    if len(row) != len(channels):
        raise BadInputError(
            given=f"a row of {len(row)} numbers",
            needed=f"{len(channels)}: {', '.join(channels)}",
            remedy="give them in this order, or by name",
        )
    return np.array([_number(each) for each in row])


def _number(cell: Any) -> float:
    if cell is None:
        return float("nan")
    value = number(cell) if isinstance(cell, str) else float(cell)
    return value if abs(value) < 1e30 else float("nan")
