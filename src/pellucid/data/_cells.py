"""What one cell of a table written as text says: a number, nothing, or words."""

import re

MISSING = frozenset(
    ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-"],
)

_MARKS = "$€£% \t"
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+|[-+]?\d{1,3}(\.\d{3})+,\d+")
_STARTS = frozenset("0123456789+-.")


def number(text: str) -> float:
    """Read a number as a person writes it, or NaN if it is none.

    Thousands may be set off by commas ("1,234.5"), the decimals by a comma ("1234,5"), and a
    currency or per cent sign may stand at either end.
    """
    text = text.strip(_MARKS)
    if not text or text[0] not in _STARTS or "_" in text:
        return float("nan")
    if "," in text:
        text = _without_comma(text)
    try:
        value = float(text)
    except ValueError:
        return float("nan")
    return value if abs(value) != float("inf") else float("nan")


def is_number(text: str) -> bool:
    """Tell whether a cell holds a number."""
    value = number(text)
    return value == value


def is_missing(text: str) -> bool:
    """Tell whether a cell holds nothing."""
    return text.strip() in MISSING


def has_decimal_comma(text: str) -> bool:
    """Tell whether a cell holds a number whose decimals follow a comma, such as "3,14"."""
    return _DECIMAL_COMMA.fullmatch(text.strip()) is not None


def _without_comma(text: str) -> str:
    if _THOUSANDS.fullmatch(text):
        return text.replace(",", "")
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    return text
