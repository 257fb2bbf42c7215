"""From whatever the user named to the kind of data it is, read.

Every kind is asked how surely it recognises the source; the surest one reads it.
"""

import difflib
import os
from collections import Counter
from pathlib import Path
from typing import Any

from pellucid import registry
from pellucid.data import Ask, Examples, Kind
from pellucid.errors import BadInputError

ENTRIES = 2_000  # files counted to tell the user what lies there
SHOWN = 5


def open_source(source: Any, ask: Ask, *, kind: str | None = None) -> tuple[Kind, Examples]:
    """Find out what kind of data a source is, and read it.

    Args:
        source: a path ("~" is the home folder), a list of paths, arrays, a table, a torch Dataset.
        ask: what the user said about the data.
        kind: name of the kind, where it is known; None to find out.

    Raises:
        BadInputError: if the path is not there or cannot be read, if no kind or more than one
            recognises it, or if nothing in it can be used.
    """
    source = _existing(source)
    chosen = registry.kind[kind]() if kind is not None else recognised(source, task=ask.task)
    return chosen, chosen.read(source, ask)


def recognised(source: Any, *, task: str | None = None) -> Kind:
    """Give the kind that recognises a source most surely.

    Args:
        source: see `open_source`.
        task: the question that shall be asked; only kinds of which it can be asked are. None for
            all kinds.

    Raises:
        BadInputError: if none does, or two do equally.
    """
    asked = None if task is None else registry.task[task] and registry.task.takes(task)
    names = [name for name in registry.kind if asked is None or name in asked]
    kinds = {name: registry.kind[name]() for name in names}
    sure = {name: found.recognises(source) for name, found in kinds.items()}
    most = max(sure.values(), default=0.0)
    best = [name for name, value in sure.items() if value == most]
    if most <= 0:
        raise BadInputError(
            given=described(source),
            needed=f"data of one of the kinds {', '.join(kinds)}",
            remedy="name a folder of pictures with a folder for each class, or a CSV or Parquet "
            "file; `pellucid list kinds` tells what each kind reads",
        )
    if len(best) > 1:
        raise BadInputError(
            given=f"{described(source)}, which may be {' or '.join(best)}",
            needed="data of one kind",
            remedy="name the file or the folder inside that holds the examples of one kind alone",
        )
    return kinds[best[0]]


def described(source: Any) -> str:
    """Say in a clause what a source is: its type, or what lies in the folder."""
    if not isinstance(source, Path):
        return f"an object of type {type(source).__name__}"
    if source.is_file():
        size = source.stat().st_size
        return f"the file '{source}' ({size:,} bytes)" if size else f"the empty file '{source}'"
    endings = _endings(source)
    if not endings:
        return f"the empty folder '{source}'"
    shown = ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(SHOWN))
    more = ", and others" if len(endings) > SHOWN else ""
    return f"the folder '{source}', which holds {shown}{more}"


def _existing(source: Any) -> Any:
    """Turn text into paths, and check that they are there and can be read."""
    if isinstance(source, str | os.PathLike):
        return _checked(source)
    if isinstance(source, list | tuple) and source:
        paths = [isinstance(part, str | os.PathLike) for part in source]
        if all(paths):
            return [_checked(part) for part in source]
    return source


def _checked(source: str | os.PathLike[str]) -> Path:
    text = os.fspath(source)
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - Path raises where no home is known
    if not text.strip() or not os.path.exists(path):  # noqa: PTH110 - Path raises on long names
        raise _missing(text, path)
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        raise BadInputError(
            given=f"'{path}', which may not be read",
            needed="permission to read it",
            remedy=f"`chmod -R u+rX '{path}'`, or ask its owner",
        )
    if not (path.is_file() or path.is_dir()):
        raise BadInputError(
            given=f"'{path}', which is neither a file nor a folder",
            needed="a file or a folder",
            remedy="save what comes out of it to a file, and name that",
        )
    return path


def _missing(text: str, path: Path) -> BadInputError:
    if not text.strip():
        return BadInputError(
            given="an empty path",
            needed="the path of a file or a folder",
            remedy="name the folder or file that holds the data; '.' is the current folder",
        )
    if os.path.islink(path):  # noqa: PTH114 - Path raises on long names
        return BadInputError(
            given=f"'{path}', a link to something that is not there",
            needed="a file or a folder that exists",
            remedy=f"`readlink '{path}'` shows where it points",
        )
    return BadInputError(
        given=f"'{_short(str(path))}' is not there",
        needed="a file or a folder that exists",
        remedy=_nearest(path),
    )


def _nearest(path: Path) -> str:
    """Name what exists and is spelt most like the path, or what the folder on the way holds."""
    folder, wanted = path.parent, path.name
    while not os.path.isdir(folder) and folder != folder.parent:  # noqa: PTH112 - as above
        folder, wanted = folder.parent, folder.name
    try:
        names = sorted(os.listdir(folder))[:ENTRIES]  # noqa: PTH208 - names are what is wanted
    except OSError:
        names = []
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wanted.lower()[:255], lowered, n=1)
    if close:
        return f"did you mean '{folder / lowered[close[0]]}'?"
    if not names:
        return f"the folder '{folder}' is empty; check where the data lies"
    more = ", …" if len(names) > SHOWN else ""
    return f"the folder '{folder}' holds {', '.join(names[:SHOWN])}{more}"


def _short(text: str) -> str:
    shown = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def _endings(folder: Path) -> Counter[str]:
    """Count the files under a folder by their ending, up to a limit."""
    endings: Counter[str] = Counter()
    for _, _, names in os.walk(folder):
        endings.update(Path(name).suffix.lower() or "without an ending" for name in names)
        if endings.total() >= ENTRIES:
            break
    return endings
