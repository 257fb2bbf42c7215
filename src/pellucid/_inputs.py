"""Where each example came from and what is in it, so that it can be found again."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid import _ordering
from pellucid.data import Ask, Examples, Fault, Kind, Schema

_PIECE = 1 << 20  # bytes read at once


class Inputs:
    """Raw data as it was given, read as a trained model needs it.

    Args:
        source: whatever the kind of data reads; a dictionary is one row.
        kind: of the data.
        schema: of the model.

    Raises:
        BadInputError: if nothing can be used.
    """

    def __init__(self, source: Any, kind: Kind, schema: Schema) -> None:
        readable = _ordering.readable(source)
        self.examples: Examples = kind.read(readable, Ask(schema=schema))
        self._kind, self._schema = kind, schema
        given = list(readable) if isinstance(readable, list | tuple) else [readable]
        self._roots = [Path(one) for one in given if isinstance(one, str | Path)]
        rows = len(given) == len(self.examples) and all(isinstance(one, Mapping) for one in given)
        self._rows = given if rows else []
        self._counts: Counter[str | None] = Counter()
        self._sums: dict[str, str] = {}

    def described(self, name: str, held: int | Fault) -> dict[str, Any]:
        """Say where an example came from and hash what is in it; each once, in their order.

        Args:
            name: of the example.
            held: its place among the examples, or what is wrong with it.
        """
        path = _file_of(name, self._roots)
        if path is not None and path not in self._sums:
            self._sums[path] = file_sum(Path(path))
        told = {"path": path, "sha256": self._sums.get(path or ""), "place": self._counts[path]}
        if isinstance(held, Fault):
            return {**told, "content": None}
        self._counts[path] += 1
        rows = {"row": self._rows[held]} if self._rows else {}
        return {**told, "content": self.content(held), **rows}

    def content(self, place: int) -> str:
        """Hash what is encoded of one example."""
        # One at a time: what is computed for many at once may differ in the last bit.
        one = self._kind.take(self.examples, np.array([place]))
        stored = np.ascontiguousarray(self._kind.encode(one, self._schema))
        head = f"{stored.dtype.str} {stored.shape[1:]} ".encode()
        return hashlib.sha256(head + stored.tobytes()).hexdigest()

    def find(self, content: str) -> int | None:
        """Find the first example of this content."""
        places = range(len(self.examples))
        return next((place for place in places if self.content(place) == content), None)


def file_sum(path: Path) -> str:
    """Give the SHA-256 of the bytes of a file, in hexadecimal."""
    whole = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            whole.update(piece)
    return whole.hexdigest()


def _file_of(name: str, roots: Sequence[Path]) -> str | None:
    """Find the file that an example came from: its name is a path, or a file and a row or a time.

    None where no file was given, or where two of them have the same name.
    """
    stems = [stem for stem in (name, name.rpartition(" row ")[0]) if stem]
    found = {root.resolve() for root in roots if root.is_file() and _is_in(name, root)}
    folders = [root for root in roots if root.is_dir()]
    for folder in [*folders, Path()] if folders else []:
        if not found:
            places = [folder / stem for stem in stems]
            found = {place.resolve() for place in places if place.is_file()}
    return str(found.pop()) if len(found) == 1 else None


def _is_in(name: str, file: Path) -> bool:
    """Tell whether a name is that of a file, or begins with it."""
    return any(name == known or name.startswith(f"{known} ") for known in (str(file), file.name))
