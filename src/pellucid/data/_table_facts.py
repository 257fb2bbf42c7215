"""The columns of a table as plain arrays, so that rows can be grouped by what stands in them.

Letters: N rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._arrow import stamps, whole
from pellucid.data._values import Settled, codes, levels, moments, numbers, words

_YEAR = 365.2425  # days


def facts(raw: Any) -> dict[str, NDArray[Any]]:
    """Give each column by its name, (N,).

    Args:
        raw: a settled Arrow table.

    Returns:
        float64, NaN where nothing is; for moments the year with its fraction; for words objects,
        "" where nothing is.
    """
    pairs = zip(raw.column_names, raw.columns, strict=True)
    return {name: _plain(whole(column)) for name, column in pairs}


def _plain(column: Any) -> NDArray[Any]:
    kind = Settled(column=column).kind
    if kind == "numbers":
        return numbers(column)
    if kind == "moments":
        when = stamps(moments(column))
        days = (when - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")
        return np.where(np.isnat(when), np.nan, (1970 + days / _YEAR).round(2))
    written = words(column)
    return np.array([*levels(written), ""], dtype=object)[codes(written)]
