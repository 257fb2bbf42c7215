"""Files that a user gave, and what is known of each before it is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Fault, Finding
from pellucid.data._sources import side_of

Column = NDArray[Any] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Files, and what is known of each, all in the same order.

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
    targets: Column = None
    groups: Column = None
    sides: Column = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()


def alone(paths: Sequence[Path]) -> Found:
    """Give files of which nothing is known."""
    return Found(paths=paths, names=[str(path) for path in paths])


def telling(sides: Sequence[str]) -> Column:
    """Give sides as a column; None where they tell nothing, since all are the same."""
    return np.array(sides, dtype=object) if len(set(sides)) > 1 else None


def joined(parts: Sequence[Found], names: Sequence[str]) -> Found:
    """Put what several tables name together, each on the side that its name says."""
    counts = [len(part.paths) for part in parts]
    sides = [side_of(name) for name, count in zip(names, counts, strict=True) for _ in range(count)]
    return Found(
        paths=[path for part in parts for path in part.paths],
        names=[name for part in parts for name in part.names],
        target=next((part.target for part in parts if part.target), ""),
        targets=_together([part.targets for part in parts], counts),
        groups=_together([part.groups for part in parts], counts),
        sides=telling(sides),
        faults=tuple(fault for part in parts for fault in part.faults),
    )


def _together(columns: Sequence[Column], counts: Sequence[int]) -> Column:
    if all(column is None for column in columns):
        return None
    numeric = all(column is None or column.dtype.kind == "f" for column in columns)
    blank, dtype = (np.nan, float) if numeric else (None, object)
    return np.concatenate(
        [
            np.full(count, blank, dtype) if column is None else column
            for column, count in zip(columns, counts, strict=True)
        ]
    )
