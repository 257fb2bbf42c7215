"""Examples that a model made, and how they are kept: a sheet, a film, arrays, or raw files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid._archive import write_plain
from pellucid.data import Group, Kind, Schema
from pellucid.errors import BadInputError, SavingError

FORMS = (".png", ".gif", ".npz")  # of one file; anything without a suffix is a folder
_SHOWN = 240  # examples on one sheet


@dataclass(frozen=True, kw_only=True, eq=False)
class Made:
    """Examples that a model made.

    Args:
        kind: of the data.
        schema: of the model.
        stored: as `Kind.encode` gives examples, (N, *stored).
        classes: the name of the class that each was asked to be; "" where none was.
        names: what each is called: its number.
        groups: how a sheet shows them.
    """

    kind: Kind
    schema: Schema
    stored: NDArray[Any]
    classes: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[Group, ...]

    def __len__(self) -> int:
        return len(self.stored)

    def sheet(self) -> bytes:
        """Draw them as one PNG, at most 240 of them."""
        return self.kind.sheet(self.stored, _first(self.groups, _SHOWN), self.names, self.schema)

    def film(self) -> bytes:
        """Draw them one after the other, as a GIF."""
        return self.kind.film(self.stored, self.schema)

    def save(self, path: str | Path) -> None:
        """Write them: a .png is a sheet, a .gif a film, an .npz arrays; else a folder of raw files.

        The folder has one folder for each class, so that `pellucid fit` learns from it.

        Raises:
            BadInputError: if the name asks for something else, or the folder has something in it.
            SavingError: if it cannot be written.
        """
        path = Path(path)
        form = form_of(path)
        if not form:
            _write_folder(path, self)
            return
        write_plain(path, {".png": self.sheet, ".gif": self.film, ".npz": self.arrays}[form]())

    def arrays(self) -> bytes:
        """Give them as a file of numpy: "x", (N, *stored), and "y", the class of each."""
        file = BytesIO()
        np.savez_compressed(file, x=self.stored, y=np.array(self.classes))
        return file.getvalue()

    def _repr_png_(self) -> bytes:
        return self.sheet()


def form_of(path: Path) -> str:
    """Tell by its name which form is asked for; "" is a folder.

    Raises:
        BadInputError: if it is none that there is.
    """
    suffix = path.suffix.lower()
    if path.is_dir() or not suffix:
        return ""
    if suffix not in FORMS:
        raise BadInputError(
            given=f"{str(path)!r}, to hold what is made",
            needed=f"a name that ends in {', '.join(FORMS)}, or a folder",
            remedy=f"`--out {path.stem}.png` draws a sheet, `--out {path.stem}/` writes files",
        )
    return suffix


def _first(groups: Sequence[Group], most: int) -> list[Group]:
    """Keep so many examples of all groups together, alike of each."""
    whole = sum(len(places) for _, _, places in groups)
    if whole <= most:
        return list(groups)
    each = max(1, most // len(groups))
    return [
        (title, f"the first {min(each, len(places)):,} of {len(places):,}", places[:each])
        for title, _, places in groups
    ]


def _write_folder(path: Path, found: Made) -> None:
    """Write raw files into class folders; those of a folder that has something in it stay."""
    if path.is_dir() and any(path.iterdir()):
        raise BadInputError(
            given=f"the folder {str(path)!r}, which has something in it",
            needed="a folder that is empty or not there, so that nothing is mixed",
            remedy="name another one with --out",
        )
    wide = len(str(max(0, len(found) - 1)))
    files = found.kind.files(found.stored, found.schema)
    for place, (suffix, content) in enumerate(files):
        folder = path / _plain(found.classes[place])
        _new(folder)
        write_plain(folder / f"{place:0{wide}}{suffix}", content)


def _plain(name: str) -> str:
    """Give a class a name that a folder can have."""
    return re.sub(r"[/\\\0]+", "-", name).strip(". ") or ("made" if not name else "_")


def _new(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SavingError(
            given=f"{folder} could not be made: {error.strerror}",
            needed="a place that can be written to and has room",
            remedy="name another folder with --out",
        ) from error
