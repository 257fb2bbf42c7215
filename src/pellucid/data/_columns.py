"""What a column of x is: how it is learned from a column of a table, and how rows become numbers.

Idea: a number is centred on its median, scaled by its quartiles and bent to a logarithm beyond
three scales, so that a heavy tail neither dwarfs the rest nor loses its order; words become codes;
a moment becomes its year and its place on the circles of the year, the week and the day; and where
values are missing, a column of its own says so.

Letters: N rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._arrow import stamps
from pellucid.data._values import codes, levels, moments, numbers, words

MOST_LEVELS = 1000
MOST_BINS = 48
_STRAIGHT = 3.0  # scales from the median up to which a number is not bent
_FARTHEST = 700.0  # encoded; float64 ends there
_CIRCLES = {"month": 12, "weekday": 7, "hour": 24}


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of x.

    Args:
        name: what a person calls it: that of the source, or "age is missing", "date month sine".
        of: the column of the source that it is made from.
        kind: "number", "category" or "missing" (1 where the source has no value, else 0).
        part: of a moment: "year", or "month", "weekday", "hour" followed by "sine" or "cosine".
        center: the median of a number on the training side, in its own unit.
        scale: what one encoded unit is, in its own unit, where the number is not bent.
        form: how moments are written, as `strptime` takes it; "" if that is plain.
        bins: distinct edges that cut the encoded values into parts of equal weight, at most 48.
        levels: of a category; the level of code k is `levels[k - 1]`, "" stands for missing.
    """

    name: str
    of: str
    kind: str
    part: str = ""
    center: float = 0.0
    scale: float = 1.0
    form: str = ""
    bins: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types that `from_json` reads back to an equal column."""
        return {**asdict(self), "bins": list(self.bins), "levels": list(self.levels)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Column":
        """Rebuild a column from what `to_json` gave."""
        return cls(**{**given, "bins": tuple(given["bins"]), "levels": tuple(given["levels"])})

    @property
    def cardinality(self) -> int:
        """How many codes a category can have, that of the unknown included; 0 for a number."""
        return 1 + len(self.levels) if self.kind == "category" else 0


def learn(name: str, column: Any, *, form: str = "") -> list[Column]:
    """Learn from a settled column of the training side what columns of x it becomes.

    Args:
        name: of the column.
        column: as `settle` gave it, or rows of that.
        form: how moments are written.

    Returns:
        None at all if the column is constant.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        return _learn_words(name, words(column))
    if pa.types.is_timestamp(column.type):
        parts = _parts(moments(column))
        tried = [_learn_number(f"{name} {part}", v, part=part) for part, v in parts.items()]
        void = np.isnan(parts["year"])
    else:
        values = numbers(column)
        tried = [_learn_number(name, values)]
        void = np.isnan(values)
    found = [replace(one, of=name, form=form) for one in tried if one is not None]
    if void.any() and not void.all():
        found.append(Column(name=f"{name} is missing", of=name, kind="missing", bins=(0.0, 1.0)))
    return found


def encode(columns: Sequence[Column], raw: Any) -> list[NDArray[np.float32]]:
    """Give the columns of x that one raw column becomes, each (N,).

    Args:
        columns: what was learned of the raw column.
        raw: an Arrow column of any type; what cannot be read counts as missing.
    """
    if columns[0].kind == "category":
        return [_coded(words(raw), columns[0].levels)]
    if any(column.part for column in columns):
        values = _parts(moments(raw, columns[0].form))
        void = np.isnan(values["year"])
    else:
        values = {"": numbers(raw)}
        void = np.isnan(values[""])
    return [
        void.astype(np.float32)
        if column.kind == "missing"
        else _scaled(values[column.part], column)
        for column in columns
    ]


def straightened(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    """Undo the bend of encoded numbers: give how many scales each is from the median."""
    far = np.minimum(np.abs(scaled), _FARTHEST)
    return np.where(
        far <= _STRAIGHT, scaled, np.copysign(_STRAIGHT + np.expm1(far - _STRAIGHT), scaled)
    )


def _learn_words(name: str, column: Any) -> list[Column]:
    texts = levels(column)
    counts = np.bincount(codes(column) + 1, minlength=len(texts) + 1)
    order = sorted(np.flatnonzero(counts[1:]), key=lambda code: (-counts[code + 1], texts[code]))
    found = [""] * bool(counts[0]) + [texts[code] for code in order[:MOST_LEVELS]]
    if len(found) < 2:
        return []
    return [Column(name=name, of=name, kind="category", levels=tuple(found))]


def _learn_number(name: str, values: NDArray[np.float64], *, part: str = "") -> Column | None:
    seen = np.sort(values[~np.isnan(values)])
    if not len(seen) or seen[0] == seen[-1]:
        return None
    count = len(seen)
    with np.errstate(over="ignore", invalid="ignore"):
        quarters = seen[count * 3 // 4] - seen[count // 4]
        # A normal distribution is 1.349 standard deviations wide between its quartiles.
        scales = (quarters / 1.349, seen.std(), seen[-1] / 2 - seen[0] / 2)
    column = Column(
        name=name,
        of=name,
        kind="number",
        part=part,
        center=float(seen[count // 2]),
        scale=next((float(scale) for scale in scales if 0 < scale < np.inf), 1.0),
    )
    return replace(column, bins=_edges(_scaled(seen, column)))


def _scaled(values: NDArray[np.float64], column: Column) -> NDArray[np.float32]:
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.nan_to_num((values - column.center) / column.scale)
    far = np.abs(scaled)
    if far.max(initial=0.0) > _STRAIGHT:
        bent = np.copysign(_STRAIGHT + np.log1p(np.maximum(far - _STRAIGHT, 0)), scaled)
        scaled = np.where(far <= _STRAIGHT, scaled, bent)
    return scaled.astype(np.float32)


def _edges(ordered: NDArray[np.float32]) -> tuple[float, ...]:
    most = int(np.clip(len(ordered) // 8, 2, MOST_BINS))
    starts = np.flatnonzero(np.diff(ordered, prepend=np.float32(np.nan)) != 0)
    values = ordered[starts]
    if len(values) <= most:
        return tuple(values.astype(float).tolist())
    # A value as frequent as a whole bin takes one edge and leaves the others to the rest.
    weights = np.diff(starts, append=len(ordered)).astype(float)
    for _ in range(8):
        weights = np.minimum(weights, weights.sum() / most)
    heights = np.cumsum(weights)
    at = np.searchsorted(heights, np.linspace(0, 1, most) * heights[-1])
    chosen = np.unique(np.minimum(at, len(values) - 1))
    return tuple(values[chosen].astype(float).tolist())


def _coded(column: Any, known: Sequence[str]) -> NDArray[np.float32]:
    code = {level: place + 1 for place, level in enumerate(known)}
    table = [code.get(text, 0) for text in levels(column)] + [code.get("", 0)]
    return np.array(table, dtype=np.float32)[codes(column)]


def _parts(column: Any) -> dict[str, NDArray[np.float64]]:
    when = stamps(column)
    day, month, year = (when.astype(f"datetime64[{unit}]") for unit in "DMY")
    void = np.isnat(when)
    start, following = (one.astype("datetime64[ms]") for one in (year, year + 1))
    share = (when - start) / (following - start)
    places = {
        "month": (month - year.astype("datetime64[M]")).astype(float),
        "weekday": ((day.astype(np.int64) + 3) % 7).astype(float),
        "hour": (when - day) / np.timedelta64(1, "h"),
    }
    parts = {"year": np.where(void, np.nan, year.astype(np.int64) + 1970 + share)}
    for name, size in _CIRCLES.items():
        angle = np.where(void, np.nan, places[name]) * (2 * np.pi / size)
        parts[f"{name} sine"] = np.sin(angle).round(9)
        parts[f"{name} cosine"] = np.cos(angle).round(9)
    return parts
