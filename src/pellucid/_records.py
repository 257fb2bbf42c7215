"""The form of a decision record, and reading one that may come from a stranger."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pellucid import _archive
from pellucid.errors import BadInputError

FORMAT = 1
_SEEDS = 1 << 32
_TEXT = (str, type(None))
_FORM: Mapping[str, Any] = {
    "format": int,
    "name": str,
    "input": {"path": _TEXT, "sha256": _TEXT, "place": int, "content": _TEXT},
    "model": {"path": _TEXT, "sha256": _TEXT, "weights": str},
    "settings": {"level": float, "seed": int, "method": _TEXT},
    "versions": {},
}
_LEFT_OUT: Mapping[str, Any] = {**_FORM, "fault": str}
_DECIDED: Mapping[str, Any] = {
    **_FORM,
    "answer": {},
    "explanation": {"about": str, "method": str, "reliable": bool, "parts": list},
}
_PART: Mapping[str, Any] = {"name": str, "share": (float, int, type(None))}


def read(path: str | Path) -> list[dict[str, Any]]:
    """Read a file that holds one record, or one a line.

    Raises:
        BadInputError: if it cannot be read or holds anything else.
    """
    try:
        found = _objects(Path(path).read_bytes())
    except OSError as error:
        raise BadInputError(
            given=f"{path} cannot be read: {error.strerror or error}",
            needed="a record as `pellucid predict MODEL FILE --why --json` prints it",
            remedy="look whether the path is right",
        ) from error
    except ValueError as error:
        raise _no_record(f"{path} is no decision record: {error}") from error
    if not found:
        raise _no_record(f"{path} is empty")
    for record in found:
        check(record, str(path))
    return found


def check(record: Mapping[str, Any], name: str = "this") -> None:
    """Find out whether a record can be replayed.

    Args:
        record: of any origin.
        name: of it, for messages.

    Raises:
        BadInputError: if it is no record, or one of a later format.
    """
    version = record.get("format")
    if type(version) is int and version > FORMAT:
        raise BadInputError(
            given=f"{name} is a decision record of format {version}",
            needed=f"format {FORMAT} or lower",
            remedy="`pip install --upgrade pellucid`",
        )
    wrong = next(_unlike(record, _LEFT_OUT if "fault" in record else _DECIDED), None)
    if wrong is None and "fault" not in record:
        parts = record["explanation"]["parts"]
        wrong = next((each for part in parts for each in _unlike(part, _PART)), None)
    if wrong is None and not 0 <= record["settings"]["seed"] < _SEEDS:
        wrong = "seed"
    if wrong is not None:
        raise _no_record(f"{name} is no decision record: {wrong!r} is missing or no such thing")


def model_path(record: Mapping[str, Any]) -> str:
    """Give the path of the model that decided.

    Raises:
        BadInputError: if it was never saved.
    """
    path = record["model"]["path"]
    if path is None:
        raise BadInputError(
            given=f"the record of {record['name']} names no model file",
            needed="the model that decided",
            remedy="`pellucid replay RECORD --model MODEL`",
        )
    return str(path)


def _objects(text: bytes) -> list[dict[str, Any]]:
    try:
        return [_archive.from_json(text)]
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) == 1:
            raise
        return [_archive.from_json(line) for line in lines]


def _unlike(given: Any, form: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of what is missing or of another type."""
    for name, wanted in form.items():
        value = given.get(name) if isinstance(given, Mapping) else None
        there = isinstance(given, Mapping) and name in given
        if isinstance(wanted, Mapping):
            if isinstance(value, Mapping):
                yield from _unlike(value, wanted)
            else:
                yield name
        elif not there or type(value) not in (wanted if isinstance(wanted, tuple) else (wanted,)):
            yield name


def _no_record(given: str) -> BadInputError:
    return BadInputError(
        given=given,
        needed="a record, or one a line, as `pellucid predict MODEL FILE --why --json` prints them",
        remedy="`pellucid predict MODEL FILE --why --json > record.json`",
    )
