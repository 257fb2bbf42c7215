"""Files under a folder, and what the folders above them say: the class, and the side.

Idea: people keep data as `train/rose/1.jpg`. Folders that are called train, valid or test name the
side; the next folder names the class. All kinds of data that live in files share this reading.
"""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.errors import BadInputError

_SIDES = {
    "train": "train",
    "training": "train",
    "trn": "train",
    "valid": "valid",
    "val": "valid",
    "validation": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "tst": "test",
    "t10k": "test",
}
_DEPTH = 8  # folders below the root; ends a circle of links
_NUMBER = re.compile(r"(\d+)")


def unreadable(path: Path, error: OSError) -> BadInputError:
    """Say that a file cannot be read."""
    return BadInputError(
        given=f"{path} cannot be read: {error.strerror or error}",
        needed="a file that is there and may be read",
        remedy="check the name and the rights of the file",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """Files found under a root, in natural order.

    Args:
        root: the folder that the names are relative to.
        names: path of each file below the root, with "/" on every system.
        classes: name of the class folder of each file; None for a file in no class folder.
        sides: "train", "valid" or "test" for each file; all "" where the folders do not say.
    """

    root: Path
    names: tuple[str, ...]
    classes: tuple[str | None, ...]
    sides: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """The files, as paths that can be opened."""
        return [self.root / name for name in self.names]


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key by which "img2" comes before "img10"."""
    parts = _NUMBER.split(text.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts if part]


def side_of(name: str) -> str:
    """Read a side off the name of a folder or file stem: "train", "valid", "test", or ""."""
    return _SIDES.get(name.casefold(), "")


def listed(root: Path, suffixes: Collection[str]) -> Listing:
    """List the files with these suffixes under a folder, with their classes and sides.

    Hidden files and folders are passed over, and so are single folders that only wrap the data. If
    no file has one of the suffixes, files without any suffix are listed: some data sets have none.

    Args:
        root: a folder that exists.
        suffixes: in lower case, with the dot.

    Raises:
        BadInputError: if a folder cannot be read.
    """
    names = _files_below(root, suffixes) or _files_below(root, {""})
    wrapped = _wrapping(names)
    parts = [name[len(wrapped) :].split("/") for name in names]
    has_sides = _names_sides(parts)
    return Listing(
        root=root,
        names=tuple(names),
        classes=tuple(_class(part[1:] if has_sides else part) for part in parts),
        sides=tuple(side_of(part[0]) if has_sides else "" for part in parts),
    )


def glimpse(root: Path, *, limit: int = 300) -> Iterator[Path]:
    """Yield the first files below a folder, near ones first, so that a huge one is looked at fast.

    Args:
        root: a folder; one that cannot be read yields nothing.
        limit: directory entries to look at.
    """
    waiting, seen = [root], 0
    while waiting and seen < limit:
        folder = waiting.pop(0)
        # A share for each folder, or the first of them would use up the whole glimpse.
        for entry in _entries(folder, most=max(20, limit // 4)):
            seen += 1
            if _is_folder(entry):
                waiting.append(Path(entry.path))
            else:
                yield Path(entry.path)


def _entries(folder: Path, *, most: int) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            seen = [entry for entry, _ in zip(entries, range(most), strict=False)]
    except OSError:
        return []
    return [entry for entry in seen if not entry.name.startswith((".", "__MACOSX"))]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _files_below(root: Path, suffixes: Collection[str]) -> list[str]:
    names: list[str] = []
    for folder, inner, files in os.walk(root, onerror=_refuse, followlinks=True):
        below = os.path.relpath(folder, root).replace(os.sep, "/")
        prefix = "" if below == "." else f"{below}/"
        deep = prefix.count("/") >= _DEPTH
        inner[:] = [name for name in inner if not deep and not name.startswith((".", "__MACOSX"))]
        names += [
            prefix + name
            for name in files
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith(".")  # noqa: PTH122
        ]
    return sorted(names, key=natural)


def _refuse(error: OSError) -> None:
    raise BadInputError(
        given=f"{error.filename} cannot be listed: {error.strerror}",
        needed="a folder that may be read",
        remedy=f"allow it: `chmod -R u+rX '{error.filename}'`",
    ) from error


def _wrapping(names: list[str]) -> str:
    """Find the folders, as "a/b/", that hold everything and so say nothing.

    The last folder above the files is kept: it may be the one class there is.
    """
    if not names:
        return ""
    prefix = ""
    while True:
        firsts = {name[len(prefix) :].partition("/")[0] for name in names}
        first = firsts.pop()
        ahead = f"{prefix}{first}/"
        if (
            firsts
            or side_of(first)
            or not all(name.count("/") > ahead.count("/") for name in names)
        ):
            return prefix
        prefix = ahead


def _names_sides(parts: list[list[str]]) -> bool:
    tops = {part[0] if len(part) > 1 else "" for part in parts}
    return bool(tops) and all(side_of(top) for top in tops)


def _class(parts: list[str]) -> str | None:
    return parts[0] if len(parts) > 1 else None
