"""Say in words what a row of a table has in its columns."""

import math
from collections.abc import Sequence
from typing import Any

from pellucid.data._arrow import floats, stamps, whole
from pellucid.data._values import Settled, codes, levels

MISSING = "missing"


def tell(raw: Any, place: int, columns: Sequence[str]) -> tuple[str, ...]:
    """Give what stands in the columns of one row, in the units of the raw table.

    Args:
        raw: an Arrow table of settled columns.
        place: of the row.
        columns: their names; "" is given for one that is not there.
    """
    there = set(raw.column_names)
    return tuple(
        _told(raw.column(name).slice(place, 1)) if name in there else "" for name in columns
    )


def _told(cell: Any) -> str:
    kind = Settled(column=cell).kind
    if kind == "words":
        return _word(cell)
    if kind == "moments":
        return _moment(str(stamps(cell)[0]))
    value = float(floats(cell)[0])
    return MISSING if math.isnan(value) else f"{value:.6g}"


def _word(cell: Any) -> str:
    written = whole(cell)
    code = int(codes(written)[0])
    return MISSING if code < 0 else levels(written)[code]


def _moment(written: str) -> str:
    """Leave out of "2021-03-15T00:00:00.000" whatever says nothing."""
    if written == "NaT":
        return MISSING
    return written.removesuffix(".000").removesuffix("T00:00:00").replace("T", " ")
