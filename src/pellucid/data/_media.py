"""Media in files: pictures, recordings, clips, in class folders or in tables that name them.

Idea: what the folders say, which tables there are and what is wrong with them has nothing to do
with what is in the files, so a kind of data says only what it calls its files and how they end.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import Ask, Finding
from pellucid.data._found import Found, alone, joined, telling
from pellucid.data._manifest import SUFFIXES as TABLES
from pellucid.data._manifest import Wanted, names_files, read_manifest, tells_groups
from pellucid.data._sources import Listing, glimpse, listed, side_of
from pellucid.errors import BadInputError

TARGET = "class"  # what is asked where no column has a name
_BESIDE = frozenset({".md", ".txt", ".json", ".csv", ".tsv", ".parquet", ".pdf", ".html", ".py"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Medium:
    """What a kind of data calls its files.

    Args:
        one: a file, in words.
        many: several.
        suffixes: in lower case, with the dot.
        formats: those that a user knows, in words.
        checked: how a user sees whether a file is whole, in words.
        groups: names of columns, in lower case, that are groups where none was named.
    """

    one: str
    many: str
    suffixes: frozenset[str]
    formats: str
    checked: str
    groups: Collection[str] = ()


def is_table(path: Path) -> bool:
    """Tell whether a file may be a table that names others."""
    return path.suffix.lower() in TABLES


def surest(source: Any, of_path: Callable[[Path], float]) -> float:
    """Tell how surely a path, or a list of them, is of a kind; 0 for anything else."""
    if isinstance(source, str | Path):
        return of_path(Path(source))
    if isinstance(source, list) and all(isinstance(one, str | Path) for one in source):
        return max((of_path(Path(one)) for one in source[:20]), default=0.0)
    return 0.0


def share_in(folder: Path, medium: Medium) -> float:
    """Give the share of a medium among the first files of a folder that are not about others."""
    suffixes = [path.suffix.lower() for path in glimpse(folder)]
    own = sum(suffix in medium.suffixes for suffix in suffixes)
    other = sum(suffix not in medium.suffixes | _BESIDE for suffix in suffixes)
    return own / (own + other) if own else 0.0


def found_at(path: Path, medium: Medium, ask: Ask) -> Found:
    """Find the files of a folder, of a table that names them, or the one file that is given.

    Raises:
        BadInputError: if a folder or table names none, or what the user asked for is not there.
    """
    if path.is_dir():
        return _in_folder(path, medium, ask)
    return _in_table(path, medium, ask) if is_table(path) else alone([path])


def _in_folder(root: Path, medium: Medium, ask: Ask) -> Found:
    found = listed(root, medium.suffixes)
    if not found.names:
        raise BadInputError(
            given=f"{root} holds no {medium.many}",
            needed=f"{medium.formats} files, best in one folder a class",
            remedy="give the folder above the class folders",
        )
    tables = _tables(root, found, medium, ask)
    if tables:
        return _in_tables(tables, medium, ask)
    if ask.schema is None:
        _refuse_columns(root, medium, ask)
    has_classes = any(found.classes)
    return Found(
        paths=found.paths,
        names=found.names,
        target=TARGET if has_classes else "",
        targets=np.array(found.classes, dtype=object) if has_classes else None,
        sides=telling(found.sides),
        notes=_outside(found, medium),
    )


def _tables(root: Path, found: Listing, medium: Medium, ask: Ask) -> list[Path]:
    """Find the tables that say more than the folders do: what is asked, what belongs together."""
    classes = len(set(found.classes) - {None}) > 1
    named = ask.group is not None or ask.target not in (None, TARGET)
    if any(found.sides) and not named:
        return []
    tables = sorted(path for path in root.iterdir() if is_table(path) and path.is_file())
    if classes and not named:
        tables = [path for path in tables if tells_groups(path, medium.groups)]
    return [path for path in tables if names_files(path, medium.suffixes)]


def _in_tables(tables: Sequence[Path], medium: Medium, ask: Ask) -> Found:
    if len(tables) == 1:
        return _in_table(tables[0], medium, ask)
    if not all(side_of(table.stem) for table in tables):
        raise BadInputError(
            given=f"several tables name {medium.many}: {', '.join(table.name for table in tables)}",
            needed="one of them, or one called after each side (train.csv, test.csv)",
            remedy=f"give the path of the table itself: {tables[0]}",
        )
    parts = [_in_table(table, medium, ask) for table in tables]
    return joined(parts, [table.stem for table in tables])


def _in_table(table: Path, medium: Medium, ask: Ask) -> Found:
    known = None if ask.schema is None else ask.schema.target
    wanted = Wanted(target=ask.target, group=ask.group, known=known, usual_groups=medium.groups)
    return read_manifest(table, medium.suffixes, wanted)


def _refuse_columns(root: Path, medium: Medium, ask: Ask) -> None:
    wanted = ask.group or (ask.target if ask.target != TARGET else None)
    if wanted is not None:
        raise BadInputError(
            given=f"no table in {root} that names {medium.many} could have a column {wanted!r}",
            needed=f"a CSV, TSV or Parquet file with a column of paths beside the {medium.many}",
            remedy="leave --target and --group out to take the folders as classes",
        )


def _outside(found: Listing, medium: Medium) -> tuple[Finding, ...]:
    """Note the files that lie in no class folder while others do."""
    outside = [name for name, of in zip(found.names, found.classes, strict=True) if of is None]
    if not outside or len(outside) == len(found.names):
        return ()
    several = f"{len(outside):,} {medium.many} lie"
    count = f"1 {medium.one} lies" if len(outside) == 1 else several
    text = f"{count} in no class folder and so without a class"
    return (Finding(what="no class", level="warning", text=text, examples=tuple(outside[:10])),)
