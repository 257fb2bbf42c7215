"""What a user may give as pictures, told apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import Ask, Examples, Fault
from pellucid.data._found import alone, telling
from pellucid.data._idx import Pair, is_idx, pair_of, pairs_in, read_pairs
from pellucid.data._manifest import names_files
from pellucid.data._media import TARGET, found_at, is_table, share_in
from pellucid.data._picture_arrays import (
    as_picture,
    is_dataset,
    likeness,
    read_arrays,
    unpack_dataset,
)
from pellucid.data._picture_reading import MEDIUM, as_pictures, read_files, read_opened
from pellucid.data._pictures import SUFFIXES, is_picture
from pellucid.errors import BadInputError

_DIGITS = np.array([str(label) for label in range(256)], dtype=object)


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
        return read_files(alone([Path(one) for one in source]), ask)
    if is_dataset(source):
        items, targets = unpack_dataset(source)
        return read_opened([as_picture(item) for item in items], targets, ask)
    return _read_arrays(source, ask)


def _path_recognised(path: Path) -> float:
    if path.is_dir():
        return 0.95 if pairs_in(path) else 0.95 * share_in(path, MEDIUM)
    if is_table(path):
        return 0.95 if names_files(path, SUFFIXES) else 0.0
    if path.suffix.lower() in SUFFIXES or is_picture(path):
        return 0.95
    return 0.95 if path.is_file() and is_idx(path) else 0.0


def _read_path(path: Path, ask: Ask) -> Examples:
    if not path.exists():
        raise BadInputError(
            given=f"{path} does not exist",
            needed="a picture, a folder of pictures, a table that names them, or an IDX file",
            remedy="check the path; `ls` shows what is there",
        )
    if path.is_dir() and (pairs := pairs_in(path)):
        return _read_idx(pairs, ask)
    if path.is_file() and not is_table(path) and is_idx(path):
        return _read_idx([pair_of(path)], ask)
    return read_files(found_at(path, MEDIUM, ask), ask)


def _read_idx(pairs: Sequence[Pair], ask: Ask) -> Examples:
    contents = read_pairs(pairs)
    each = zip(pairs, contents.counts, strict=True)
    sides = [pair.side for pair, count in each for _ in range(count)]
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
        sides=telling(sides),
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
