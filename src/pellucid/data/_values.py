"""Read a raw Arrow column as one of the three things a column can be: numbers, moments or words.

Idea: every distinct text is read once and the rows follow by their codes, so that a million rows
of a few hundred words cost as much as the few hundred.

Letters: N rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._arrow import floats, from_numbers, from_texts, missing, stamps, view, whole
from pellucid.data._cells import MISSING, number

_ENOUGH = 0.95  # share of the cells that must read as numbers, or as moments, to make a column so
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y")
_HOURS = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", "T%H:%M:%SZ", "T%H:%M")
_FORMATS = tuple(day + hour for day in _DAYS for hour in _HOURS)
_TRIED = 200  # texts that choose among the formats
_TICKS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}  # a second


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """A raw column in the one form of its kind.

    Args:
        column: float64 with NaN where nothing is, timestamp[ms], or a dictionary array of trimmed
            strings; None for what cannot be learned from.
        form: how moments are written, as `strptime` takes it; "" if that is plain.
        remark: what is worth knowing, as a clause that follows the name of the column.
    """

    column: Any
    form: str = ""
    remark: str = ""

    @property
    def kind(self) -> str:
        """Give "numbers", "moments" or "words"."""
        import pyarrow as pa

        if pa.types.is_dictionary(self.column.type):
            return "words"
        return "moments" if pa.types.is_timestamp(self.column.type) else "numbers"


def settle(column: Any) -> Settled:
    """Tell what a raw Arrow column is: numbers and moments need 95 % of its cells to read so."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_temporal(kind) and not _is_clock(kind):
        return Settled(column=moments(column))
    if pa.types.is_null(kind) or _is_clock(kind) or _is_numeric(kind):
        return Settled(column=from_numbers(numbers(column)))
    if not _is_wordlike(kind):
        remark = f"holds values of type {kind}, which are neither numbers nor words"
        return Settled(column=None, remark=remark)
    return _settle_words(words(column))


def numbers(column: Any) -> NDArray[np.float64]:
    """Read a raw Arrow column as numbers, (N,), NaN where there is none; times of day in hours."""
    import pyarrow as pa

    kind = column.type
    if _is_wordlike(kind):
        written = words(column)
        return _along(written, _read_numbers(written))
    if _is_clock(kind):
        whole = column.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        return numbers(whole) / _TICKS[kind.unit] / 3600
    if pa.types.is_temporal(kind):
        ticks = stamps(moments(column))
        return np.where(np.isnat(ticks), np.nan, ticks.astype(np.int64) / 1000)
    if not _is_numeric(kind):
        return np.full(len(column), np.nan)
    return floats(column)


def words(column: Any) -> Any:
    """Read a raw Arrow column as words: a dictionary array, trimmed, null where nothing is."""
    import pyarrow as pa
    from pyarrow import compute

    if not pa.types.is_dictionary(column.type):
        plain = _is_wordlike(column.type) or _is_numeric(column.type)
        column = (column if plain else column.cast(pa.string())).dictionary_encode()
    column = whole(column)
    dictionary = column.dictionary.cast(pa.string())
    texts = dictionary.to_pylist()
    cells = [_trim(text) for text in texts]
    levels = sorted({cell for cell in cells if cell is not None})
    if texts == levels:
        return pa.DictionaryArray.from_arrays(column.indices.cast(pa.int32()), dictionary)
    place = {level: code for code, level in enumerate(levels)}
    found = np.array([-1 if cell is None else place[cell] for cell in cells], dtype=np.int32)
    indices = compute.take(from_numbers(found, void=found < 0), column.indices)
    return pa.DictionaryArray.from_arrays(indices, from_texts(levels))


def moments(column: Any, form: str = "") -> Any:
    """Read a raw Arrow column as moments: a timestamp[ms] array, null where there is none.

    Args:
        column: of any type.
        form: how they are written, as it was settled in training.
    """
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if pa.types.is_temporal(kind) and not _is_clock(kind):
        column = whole(column)
        column = column.cast(pa.date64()) if pa.types.is_date(kind) else column
        zone = getattr(kind, "tz", None)
        return column.cast(pa.timestamp("ms", tz=zone), safe=False).cast(pa.timestamp("ms"))
    written = words(column)
    form = form or _format(written.dictionary)
    if not form:
        return pa.nulls(len(written), pa.timestamp("ms"))
    return compute.take(_strptime(written.dictionary, form), written.indices)


def levels(written: Any) -> list[str]:
    """Give the distinct words of a column of words, in the order of its codes."""
    return list(written.dictionary.to_pylist())


def codes(written: Any) -> NDArray[np.int64]:
    """Give the place in `levels` of each row of a column of words, (N,), -1 where nothing is."""
    return np.where(missing(written.indices), -1, view(written.indices)).astype(np.int64)


def _settle_words(written: Any) -> Settled:
    read = _read_numbers(written)
    share = _share(written, ~np.isnan(read))
    if share >= _ENOUGH:
        pairs = zip(levels(written), read, strict=True)
        spoilt = [text for text, value in pairs if np.isnan(value)] if share < 1 else []
        remark = f"holds numbers and {len(spoilt)} texts, such as {spoilt[0]!r}" if spoilt else ""
        return Settled(column=from_numbers(_along(written, read)), remark=remark)
    form = _format(written.dictionary)
    if form:
        when = _strptime(written.dictionary, form)
        if _share(written, ~missing(when)) >= _ENOUGH:
            return Settled(column=when.take(written.indices), form=form)
    return Settled(column=written)


def _format(texts: Any) -> str:
    """Find the format that reads most of the texts; "" if none reads half of them."""
    # Texts are sorted, so that the first of them would all be days of one month.
    places = np.unique(np.linspace(0, max(len(texts) - 1, 0), _TRIED).astype(np.int64))
    some = texts.take(from_numbers(places[: len(texts)]))
    best, most = "", len(some) // 2
    for form in _FORMATS if len(texts) else ():
        count = len(some) - _strptime(some, form).null_count
        if count > most:
            best, most = form, count
    return best


def _strptime(texts: Any, form: str) -> Any:
    from pyarrow import compute

    return compute.strptime(texts, format=form, unit="ms", error_is_null=True)


def _read_numbers(written: Any) -> NDArray[np.float64]:
    texts = levels(written)
    return np.fromiter(map(number, texts), dtype=np.float64, count=len(texts))


def _along(written: Any, values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.append(values, np.nan)[codes(written)]


def _share(written: Any, known: NDArray[np.bool_]) -> float:
    place = codes(written)
    place = place[place >= 0]
    return float(known[place].mean()) if len(place) else 1.0


def _trim(text: str | None) -> str | None:
    if text is None:
        return None
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if text in MISSING:
        return None
    return text.lower() if text in ("True", "TRUE", "False", "FALSE") else text


def _is_clock(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_time(kind) or pa.types.is_duration(kind)


def _is_numeric(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _is_wordlike(kind: Any) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_dictionary(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_boolean(kind)
    )
