"""Slots in the order in which their examples were given, faults in their place."""

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.data import Fault
from pellucid.errors import BadInputError


class Slot(NamedTuple):
    """One example's name, with its place among those that were read or the fault it has."""

    name: str
    held: int | Fault


def readable(source: Any) -> Any:
    """Turn one row into a list of one, and a list of one path into the path."""
    if _is_row(source):
        return [source]
    if isinstance(source, list | tuple) and len(source) == 1 and isinstance(source[0], str | Path):
        return source[0]
    return source


def is_one(source: Any, names: Sequence[str]) -> bool:
    """Tell whether a source is one example and not a collection: a row, or a file that is one."""
    if len(names) != 1:
        return False
    if _is_row(source):
        return True
    if not isinstance(source, str | Path):
        return False
    name, file = Path(names[0]).name, Path(source).name
    # The end of a series is named by its file and time; a row of a table is one of several.
    return name == file or (name.startswith(f"{file} ") and not name.startswith(f"{file} row "))


def one_or_all(source: Any, found: Sequence[tuple[str, Any]], kind: str) -> Any:
    """Give the only answer where a source is one example, else all of them, faults among them.

    Args:
        source: what was asked about.
        found: names, and an answer or a Fault each.
        kind: name of the kind of data.

    Raises:
        BadInputError: if the only example could not be used.
    """
    if not is_one(source, [name for name, _ in found]):
        return [each for _, each in found]
    name, each = found[0]
    if isinstance(each, Fault):
        raise BadInputError(
            given=f"{name}: {each.reason}",
            needed=f"an example of the kind {kind!r} that can be read",
            remedy="open it in another program to see whether it is whole",
        )
    return each


def merged(source: Any, names: Sequence[str], faults: Sequence[Fault]) -> Iterator[Slot]:
    """Yield the places of examples, and faults, in the order in which they were given.

    For a list of paths that is the order of the list; elsewhere faults go where their names belong
    if the names are in order (rows of a table, files of a folder), and to the end if they are not.
    """
    answered = [Slot(name, place) for place, name in enumerate(names)]
    broken = [Slot(fault.name, fault) for fault in faults]
    if isinstance(source, list | tuple) and len(source) == len(answered) + len(broken):
        return _as_listed([_written(one) for one in source], answered, broken)
    places = [_natural(each.name) for each in answered]
    if places == sorted(places):
        return heapq.merge(answered, sorted(broken, key=_of_name), key=_of_name)
    return iter([*answered, *broken])


def _as_listed(
    paths: Sequence[str], answered: Sequence[Slot], broken: Sequence[Slot]
) -> Iterator[Slot]:
    faults = {each.name: each for each in broken}
    if not faults.keys() <= set(paths):
        yield from [*answered, *broken]
        return
    rest = iter(answered)
    for path in paths:
        yield faults[path] if path in faults else next(rest)


def _is_row(source: Any) -> bool:
    """Tell a row, name → value, from a table, name → column."""
    if not isinstance(source, Mapping):
        return False
    return all(isinstance(value, str) or not hasattr(value, "__len__") for value in source.values())


def _written(given: Any) -> str:
    """Write a path as its example is named; anything else has a name that no fault has."""
    return str(Path(given)) if isinstance(given, str | Path) else ""


def _of_name(each: Slot) -> list[tuple[bool, int, str]]:
    return _natural(each.name)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Order "row 9" before "row 10"."""
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d{1,18})", name)
    ]
