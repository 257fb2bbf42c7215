"""What a user may give as pictures, told apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._idx import Pair, is_idx, pair_of, pairs_in, read_pairs
from pellucid.data._manifest import SUFFIXES as TABLES
from pellucid.data._manifest import Wanted, names_files, read_manifest
from pellucid.data._picture_arrays import (
    as_picture,
    is_dataset,
    likeness,
    read_arrays,
    unpack_dataset,
)
from pellucid.data._picture_reading import (
    TARGET,
    Found,
    as_pictures,
    read_files,
    read_opened,
)
from pellucid.data._pictures import SUFFIXES, is_picture
from pellucid.data._sources import Listing, glimpse, listed, side_of
from pellucid.errors import BadInputError

_DIGITS = np.array([str(label) for label in range(256)], dtype=object)
_BESIDE = frozenset({".md", ".txt", ".json", ".csv", ".tsv", ".parquet", ".pdf", ".html", ".py"})


def recognised(source: Any) -> float:
    """Tell how surely this holds pictures, from 0 to 1."""
    if isinstance(source, str | Path):
        return _path_recognised(Path(source))
    if isinstance(source, list):
        sure = [_path_recognised(Path(one)) for one in source[:20] if isinstance(one, str | Path)]
        return max(sure, default=0.0)
    return likeness(source)


def read_source(source: Any, ask: Ask) -> Examples:
    """Read pictures from wherever they are.

    Raises:
        BadInputError: if there are none, or what the user named is not there.
    """
    ask = replace(ask, target=ask.target or None)
    if isinstance(source, str | Path):
        return _read_path(Path(source), ask)
    if isinstance(source, list):
        return read_files(_files([Path(one) for one in source]), ask)
    if is_dataset(source):
        items, targets = unpack_dataset(source)
        return read_opened([as_picture(item) for item in items], targets, ask)
    return _read_arrays(source, ask)


def _path_recognised(path: Path) -> float:
    if path.is_dir():
        return _folder_recognised(path)
    if path.suffix.lower() in TABLES:
        return 0.95 if names_files(path, SUFFIXES) else 0.0
    if path.suffix.lower() in SUFFIXES or is_picture(path):
        return 0.95
    return 0.95 if path.is_file() and is_idx(path) else 0.0


def _folder_recognised(folder: Path) -> float:
    if pairs_in(folder):
        return 0.95
    kinds = [path.suffix.lower() for path in glimpse(folder)]
    pictures = sum(kind in SUFFIXES for kind in kinds)
    other = sum(kind not in SUFFIXES and kind not in _BESIDE for kind in kinds)
    return 0.95 * pictures / (pictures + other) if pictures else 0.0


def _read_path(path: Path, ask: Ask) -> Examples:
    if not path.exists():
        raise BadInputError(
            given=f"{path} does not exist",
            needed="a picture, a folder of pictures, a table that names them, or an IDX file",
            remedy="check the path; `ls` shows what is there",
        )
    if path.is_dir():
        pairs = pairs_in(path)
        return _read_idx(pairs, ask) if pairs else read_files(_folder(path, ask), ask)
    if path.suffix.lower() in TABLES:
        return read_files(_from_table(path, ask), ask)
    if is_idx(path):
        return _read_idx([pair_of(path)], ask)
    return read_files(_files([path]), ask)


def _files(paths: Sequence[Path]) -> Found:
    return Found(paths=paths, names=[str(path) for path in paths])


def _folder(root: Path, ask: Ask) -> Found:
    found = listed(root, SUFFIXES)
    if not found.names:
        raise BadInputError(
            given=f"{root} holds no pictures",
            needed="JPEG, PNG, WebP, GIF, TIFF, BMP or PPM files, best in one folder a class",
            remedy="give the folder above the class folders",
        )
    tables = _tables(root, found, ask)
    if tables:
        return _from_tables(tables, ask)
    if ask.schema is None:
        _refuse_columns(root, ask)
    notes = _outside(found)
    has_classes = any(found.classes)
    return Found(
        paths=found.paths,
        names=found.names,
        target=TARGET if has_classes else "",
        targets=np.array(found.classes, dtype=object) if has_classes else None,
        sides=_sides(np.array(found.sides, dtype=object)),
        notes=notes,
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
    if len(tables) > 1 and not all(side_of(table.stem) for table in tables):
        raise BadInputError(
            given=f"several tables name pictures: {', '.join(table.name for table in tables)}",
            needed="one of them, or one called after each side (train.csv, test.csv)",
            remedy=f"give the path of the table itself: {tables[0]}",
        )
    parts = [_from_table(table, ask) for table in tables]
    if len(parts) == 1:
        return parts[0]
    sides = [side_of(table.stem) for table in tables]
    counts = [len(part.paths) for part in parts]
    return Found(
        paths=[path for part in parts for path in part.paths],
        names=[name for part in parts for name in part.names],
        target=next((part.target for part in parts if part.target), ""),
        targets=_joined([part.targets for part in parts], counts),
        groups=_joined([part.groups for part in parts], counts),
        sides=_sides(np.repeat(np.array(sides, dtype=object), counts)),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _joined(columns: Sequence[NDArray[Any] | None], counts: Sequence[int]) -> NDArray[Any] | None:
    if all(column is None for column in columns):
        return None
    numeric = all(column is None or column.dtype.kind == "f" for column in columns)
    blank = np.nan if numeric else None
    return np.concatenate(
        [
            np.full(count, blank, float if numeric else object) if column is None else column
            for column, count in zip(columns, counts, strict=True)
        ]
    )


def _from_table(table: Path, ask: Ask) -> Found:
    known = None if ask.schema is None else ask.schema.target
    manifest = read_manifest(
        table, SUFFIXES, Wanted(target=ask.target, group=ask.group, known=known)
    )
    return Found(
        paths=manifest.paths,
        names=manifest.names,
        target=manifest.target,
        targets=manifest.targets,
        groups=manifest.groups,
        sides=None if manifest.sides is None else _sides(manifest.sides),
        faults=manifest.faults,
    )


def _refuse_columns(root: Path, ask: Ask) -> None:
    wanted = ask.group or (ask.target if ask.target != TARGET else None)
    if wanted is not None:
        raise BadInputError(
            given=f"no table in {root} that names pictures could have a column {wanted!r}",
            needed="a CSV, TSV or Parquet file with a column of paths beside the pictures",
            remedy="leave --target and --group out to take the folders as classes",
        )


def _outside(found: Listing) -> tuple[Finding, ...]:
    """Note the pictures that lie in no class folder while others do."""
    outside = [name for name, of in zip(found.names, found.classes, strict=True) if of is None]
    if not outside or len(outside) == len(found.names):
        return ()
    count = "1 picture lies" if len(outside) == 1 else f"{len(outside):,} pictures lie"
    text = f"{count} in no class folder and so without a class"
    return (Finding(what="no class", level="warning", text=text, examples=tuple(outside[:10])),)


def _sides(sides: NDArray[np.object_]) -> NDArray[np.object_] | None:
    """Drop sides that tell nothing, since all are the same."""
    return sides if len(set(sides)) > 1 else None


def _read_idx(pairs: Sequence[Pair], ask: Ask) -> Examples:
    contents = read_pairs(pairs)
    sides = np.repeat(np.array([pair.side for pair in pairs], dtype=object), contents.counts)
    names = [
        f"{pair.images.name}#{place}"
        for pair, count in zip(pairs, contents.counts, strict=True)
        for place in range(count)
    ]
    return Examples(
        kind="image",
        names=names,
        raw=as_pictures(contents.pixels, ask),
        target="" if contents.labels is None else TARGET,
        targets=None if contents.labels is None else _DIGITS[contents.labels],
        sides=_sides(sides),
    )


def _read_arrays(source: Any, ask: Ask) -> Examples:
    given = read_arrays(source)
    kept = np.setdiff1d(np.arange(len(given.pixels)), given.broken)
    if not len(kept):
        raise BadInputError(
            given="an array in which every picture holds NaN or infinity",
            needed="numbers",
            remedy="check how the array was made",
        )
    whole = not given.broken
    return Examples(
        kind="image",
        names=[f"item {place}" for place in kept],
        raw=as_pictures(given.pixels if whole else given.pixels[kept], ask),
        target="" if given.targets is None else TARGET,
        targets=given.targets if whole or given.targets is None else given.targets[kept],
        faults=tuple(
            Fault(name=f"item {place}", reason="holds NaN or infinity") for place in given.broken
        ),
    )
