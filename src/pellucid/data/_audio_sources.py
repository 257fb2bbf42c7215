"""What a user may give as recordings, told apart.

Letters: N recordings, T samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Fault, Finding
from pellucid.data._audio_decoding import SUFFIXES, is_sound
from pellucid.data._audio_groups import COLUMNS, groups_in, kept_apart, said
from pellucid.data._manifest import SUFFIXES as TABLES
from pellucid.data._manifest import Wanted, names_files, read_manifest
from pellucid.data._sources import Listing, glimpse, listed, side_of
from pellucid.errors import BadInputError

TARGET = "class"  # what is asked where no column has a name
_BESIDE = frozenset({".md", ".txt", ".json", ".csv", ".tsv", ".parquet", ".pdf", ".html", ".py"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Sound files, and what is known of each, all in the same order.

    Args:
        paths: the files.
        names: how the user knows them.
        target: as in `Examples`.
        targets: as in `Examples`.
        groups: as in `Examples`.
        sides: as in `Examples`.
        faults: what was left out before any file was opened.
        notes: findings made on the way.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    target: str = ""
    targets: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    sides: NDArray[Any] | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()


def recognised(source: Any) -> float:
    """Tell how surely this holds recordings, from 0 to 1."""
    if isinstance(source, str | Path):
        return _path_recognised(Path(source))
    if isinstance(source, list) and all(isinstance(one, str | Path) for one in source):
        return max((_path_recognised(Path(one)) for one in source[:20]), default=0.0)
    return 0.0


def found_in(source: Any, ask: Ask) -> Found:
    """Find the files of a source and what is known of them.

    Raises:
        BadInputError: if there are none, or what the user named is not there.
    """
    ask = replace(ask, target=ask.target or None)
    if isinstance(source, list):
        paths = [Path(one) for one in source]
        return Found(paths=paths, names=[str(path) for path in paths])
    path = Path(source)
    if path.is_dir():
        found = _folder(path, ask)
    elif path.suffix.lower() in TABLES:
        found = _table(path, ask)
    else:
        found = Found(paths=[path], names=[str(path)])
    return found if ask.schema is not None else _grouped(found)


def _path_recognised(path: Path) -> float:
    if path.is_dir():
        kinds = [one.suffix.lower() for one in glimpse(path)]
        sounds = sum(kind in SUFFIXES for kind in kinds)
        other = sum(kind not in SUFFIXES and kind not in _BESIDE for kind in kinds)
        return 0.96 * sounds / (sounds + other) if sounds else 0.0
    if path.suffix.lower() in TABLES:
        return 0.96 if names_files(path, SUFFIXES) else 0.0
    return 0.96 if path.suffix.lower() in SUFFIXES or (path.is_file() and is_sound(path)) else 0.0


def _folder(root: Path, ask: Ask) -> Found:
    found = listed(root, SUFFIXES)
    if not found.names:
        raise BadInputError(
            given=f"{root} holds no recordings",
            needed="WAV, FLAC, OGG, MP3 or AIFF files, best in one folder a class",
            remedy="give the folder above the class folders",
        )
    tables = _tables(root, found, ask)
    if tables:
        return _from_tables(tables, ask)
    if ask.schema is None:
        _refuse_columns(root, ask)
    has_classes = any(found.classes)
    return Found(
        paths=found.paths,
        names=found.names,
        target=TARGET if has_classes else "",
        targets=np.array(found.classes, dtype=object) if has_classes else None,
        sides=_sides(np.array(found.sides, dtype=object)),
        notes=_outside(found),
    )


def _tables(root: Path, found: Listing, ask: Ask) -> list[Path]:
    """Find the tables that say more than the folders do."""
    several = len(set(found.classes) - {None}) > 1 or any(found.sides)
    named = ask.group is not None or ask.target not in (None, TARGET)
    if several and not named:
        return []
    tables = sorted(path for path in root.iterdir() if path.suffix.lower() in TABLES)
    return [path for path in tables if path.is_file() and names_files(path, SUFFIXES)]


def _from_tables(tables: Sequence[Path], ask: Ask) -> Found:
    if len(tables) == 1:
        return _table(tables[0], ask)
    if not all(side_of(table.stem) for table in tables):
        raise BadInputError(
            given=f"several tables name recordings: {', '.join(table.name for table in tables)}",
            needed="one of them, or one called after each side (train.csv, test.csv)",
            remedy=f"give the path of the table itself: {tables[0]}",
        )
    parts = [_table(table, ask) for table in tables]
    counts = [len(part.paths) for part in parts]
    sides = np.repeat(np.array([side_of(table.stem) for table in tables], dtype=object), counts)
    return Found(
        paths=[path for part in parts for path in part.paths],
        names=[name for part in parts for name in part.names],
        target=next((part.target for part in parts if part.target), ""),
        targets=_together([part.targets for part in parts], counts),
        groups=_together([part.groups for part in parts], counts),
        sides=_sides(sides),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _together(columns: Sequence[NDArray[Any] | None], counts: Sequence[int]) -> NDArray[Any] | None:
    if all(column is None for column in columns):
        return None
    pairs = zip(columns, counts, strict=True)
    return np.concatenate(
        [np.full(n, None, object) if one is None else one.astype(object) for one, n in pairs]
    )


def _table(table: Path, ask: Ask) -> Found:
    known = None if ask.schema is None else ask.schema.target
    wanted = Wanted(target=ask.target, group=ask.group, known=known, usual_groups=COLUMNS)
    manifest = read_manifest(table, SUFFIXES, wanted)
    return Found(
        paths=manifest.paths,
        names=manifest.names,
        target=manifest.target,
        targets=manifest.targets,
        groups=manifest.groups,
        sides=None if manifest.sides is None else _sides(manifest.sides),
        faults=manifest.faults,
    )


def _grouped(found: Found) -> Found:
    """Read groups off the names of the files where no column tells them."""
    if found.groups is not None:
        return found
    groups = groups_in(found.names, found.targets)
    if groups is None or not kept_apart(groups, found.sides):
        return found
    return replace(found, groups=groups, notes=(*found.notes, said(groups)))


def _refuse_columns(root: Path, ask: Ask) -> None:
    wanted = ask.group or (ask.target if ask.target != TARGET else None)
    if wanted is not None:
        raise BadInputError(
            given=f"no table in {root} that names recordings could have a column {wanted!r}",
            needed="a CSV, TSV or Parquet file with a column of paths beside the recordings",
            remedy="leave --target and --group out to take the folders as classes",
        )


def _outside(found: Listing) -> tuple[Finding, ...]:
    """Note the recordings that lie in no class folder while others do."""
    outside = [name for name, of in zip(found.names, found.classes, strict=True) if of is None]
    if not outside or len(outside) == len(found.names):
        return ()
    count = "1 recording lies" if len(outside) == 1 else f"{len(outside):,} recordings lie"
    text = f"{count} in no class folder and so without a class"
    return (Finding(what="no class", level="warning", text=text, examples=tuple(outside[:10])),)


def _sides(sides: NDArray[np.object_]) -> NDArray[np.object_] | None:
    """Drop sides that tell nothing, since all are the same."""
    return sides if len(set(sides)) > 1 else None
