"""Whole series that are told apart: a folder of tables for each class, or a column of labels.

Letters: T steps, C channels.
"""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Fault, Finding
from pellucid.data._series_columns import find_time, settled_columns
from pellucid.data._series_lines import filled
from pellucid.data._series_reading import framed
from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_windows import Track, WindowNames, Windows
from pellucid.data._sources import glimpse, listed
from pellucid.data._table_reading import no_column
from pellucid.data._table_sources import Gathered, Wish, gather, suffix
from pellucid.data._values import numbers, settle
from pellucid.errors import BadInputError

FILES = frozenset([".csv", ".tsv", ".parquet", ".jsonl", ".tab", ".gz"])
_FEWEST = 100  # files that are read however long it takes
_LABELS = re.compile(r"label|class|target|y", re.IGNORECASE)


def is_class_folder(folder: Path) -> bool:
    """Tell whether a folder holds folders of tables, one table an example."""
    seen = list(glimpse(folder))
    tables = [path for path in seen if _is_table(path)]
    inner = {path.parent for path in tables}
    return folder not in inner and len(inner) > 1 and len(tables) > 0.8 * len(seen)


def read_folder(folder: Path, ask: Ask, limit: int) -> Examples:
    """Read one example from each file; the folders say its class and side.

    Raises:
        BadInputError: if no file can be read.
    """
    found = listed(folder, FILES)
    kept = [place for place, name in enumerate(found.names) if _is_table(Path(name))]
    files = {found.names[place]: folder / found.names[place] for place in kept}
    examples = read_files(files, ask, limit)
    at = {found.names[place]: place for place in kept}
    places = [at[name] for name in examples.names]
    classes = np.array([found.classes[place] for place in places], dtype=object)
    sides = np.array([found.sides[place] for place in places], dtype=object)
    return examples.replace(
        target="class",
        targets=None if all(each is None for each in classes) else classes,
        sides=sides if any(sides) else None,
    )


def read_files(files: Mapping[str, Path], ask: Ask, limit: int) -> Examples:
    """Read one example from each file, as many as there is time for.

    Args:
        files: by the names of the examples.
        ask: what the user said.
        limit: bytes that a file may have.

    Raises:
        BadInputError: if no file can be read.
    """
    read: dict[str, dict[str, NDArray[Any]]] = {}
    faults: list[Fault] = []
    known = _known(ask)
    started, names = time.monotonic(), list(files)
    for place in np.random.default_rng(0).permutation(len(names)).tolist():
        if time.monotonic() - started > ask.reading and len(read) >= _FEWEST:
            break
        try:
            gathered = gather(files[names[place]], Wish(known=known, limit=limit))
            read[names[place]] = _named(_columns(gathered), gathered, known)
        except BadInputError as error:
            if len(names) == 1:
                raise
            reason = str(error).partition("\n")[0]
            faults.append(Fault(name=names[place], reason=reason))
    sets = Counter(tuple(columns) for columns in read.values())
    channels = tuple(known or (sets.most_common(1)[0][0] if sets else ()))
    tracks = []
    for name in [name for name in names if name in read]:
        lacking = [channel for channel in channels if channel not in read[name]]
        if lacking:
            faults.append(Fault(name=name, reason=f"no column of numbers called {lacking[0]!r}"))
        else:
            tracks.append(_track(name, _stacked(read[name], channels)))
    if not tracks or not channels:
        raise _no_series(faults, known)
    notes = _unread(len(names) - len(tracks) - len(faults), len(names))
    return _examples(tracks, channels, faults, files=True).replace(notes=tuple(notes))


def _no_series(faults: Sequence[Fault], known: Sequence[str] | None) -> BadInputError:
    given = f"{faults[0].name}: {faults[0].reason}" if faults else "no file that holds a table"
    if known is not None:
        return _lacking(given, known)
    return BadInputError(
        given=given,
        needed="tables of numbers, one file an example, in a folder for each class",
        remedy="write one row a step, and the same columns in all files",
    )


def _lacking(given: str, known: Sequence[str]) -> BadInputError:
    return BadInputError(
        given=given,
        needed=f"the columns of the training data: {', '.join(known[:20])}",
        remedy="name them so, or give rows without names in the order of the training data",
    )


def _unread(count: int, whole: int) -> list[Finding]:
    if not count:
        return []
    text = f"{count:,} of {whole:,} files were not read for lack of time: the rest is a fair sample"
    return [Finding(what="not read", level="warning", text=text)]


def read_labelled(gathered: Gathered, ask: Ask, label: str) -> Examples:
    """Read one example from the rows of each series; a column holds the label of each.

    Args:
        gathered: one row a series and step.
        ask: what the user said.
        label: name of the column; it may be absent where a trained model reads again.
    """
    frame, roles = framed(gathered, [label] if label in gathered.table.column_names else [])
    if not roles[1:] and ask.schema is None:
        raise BadInputError(
            given=f"{gathered.names.files[0] or 'the data'} has no column that names the series",
            needed="a column with a name for each series, equal in all of its rows",
            remedy="call it 'series', or save each series as a file in the folder of its class",
        )
    columns = {n: each for n, each in frame.columns.items() if each.dtype != object}
    known = _known(ask)
    columns = _named(columns, gathered, known)
    channels = tuple(known or columns)
    for name in channels:
        if name not in columns:
            raise _lacking(f"no column of numbers is called {name!r}", channels)
    values = _stacked(columns, channels)
    targets = (
        _labels(gathered.table.column(label)) if label in gathered.table.column_names else None
    )
    tracks, found = [], []
    for place, name in enumerate(frame.series):
        rows = np.flatnonzero(frame.code == place)
        rows = rows[np.argsort(frame.when[rows], kind="stable")]
        if len(rows):
            tracks.append(_track(name or "series", values[rows]))
            found.append(None if targets is None else _one_label(targets[rows], name, label))
    examples = _examples(tracks, channels, [], files=False)
    if targets is None:
        return examples
    kinds = np.array(found, dtype=np.float64 if targets.dtype != object else object)
    return examples.replace(target=label, targets=kinds)


def find_label(table: Any, wanted: str | None) -> str:
    """Give the name of the column of labels; "" if there is none."""
    if wanted:
        if wanted not in table.column_names:
            raise no_column(wanted, table.column_names, "--target")
        return wanted
    return next((name for name in table.column_names if _LABELS.fullmatch(name)), "")


def _is_table(path: Path) -> bool:
    return suffix(path) in FILES - {".gz"}


def _known(ask: Ask) -> list[str] | None:
    return None if ask.schema is None else list(ask.schema.details["channels"])


def _columns(gathered: Gathered) -> dict[str, NDArray[Any]]:
    """Give the numbers of one file by column, in the order of time."""
    name, _, when = find_time(gathered.table)
    columns, _ = settled_columns(gathered.table, [name] if name else [])
    order = np.argsort(when, kind="stable")
    return {name: each[order] for name, each in columns.items() if each.dtype != object}


def _named(
    columns: dict[str, NDArray[Any]], gathered: Gathered, known: Sequence[str] | None
) -> dict[str, NDArray[Any]]:
    """Give columns without names those of the training data, in their order."""
    if known is None or gathered.header:
        return columns
    values = list(columns.values())
    if len(values) == len(known) + 1 and len(set(np.diff(values[0]).tolist())) == 1:
        values = values[1:]  # it numbers the steps
    return dict(zip(known, values, strict=True)) if len(values) == len(known) else columns


def _stacked(columns: Mapping[str, NDArray[Any]], channels: Sequence[str]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        return np.stack([columns[name] for name in channels], axis=1).astype(np.float32)


def _track(name: str, values: NDArray[np.float32]) -> Track:
    raw = np.where(np.abs(values) < 1e30, values, np.float32(np.nan)).astype(np.float32)
    return Track(name=name, start=0, seen=filled(raw), truth=raw)


def _examples(
    tracks: list[Track], channels: tuple[str, ...], faults: list[Fault], *, files: bool
) -> Examples:
    windows = Windows(
        tracks=tracks,
        of=np.arange(len(tracks)),
        end=np.array([len(track.seen) for track in tracks], np.int64),
        past=0,
        season=0,
        ahead=0,
        rhythm=Rhythm(unit="steps"),
        channels=channels,
        form={"files": files},
    )
    return Examples(kind="series", names=WindowNames(windows), raw=windows, faults=tuple(faults))


def _labels(column: Any) -> NDArray[Any]:
    settled = settle(column)
    if settled.column is not None and settled.kind == "numbers":
        return numbers(settled.column)
    return np.array([None if each is None else str(each) for each in column.to_pylist()], object)


def _one_label(labels: NDArray[Any], name: str, column: str) -> Any:
    """Give the label of one series.

    Raises:
        BadInputError: if its rows do not agree.
    """
    found = list(
        dict.fromkeys(each for each in labels.tolist() if each is not None and each == each)
    )
    if len(found) > 1:
        raise BadInputError(
            given=f"the series {name!r} has {found[0]!r} and {found[1]!r} in {column!r}",
            needed="one label for each whole series",
            remedy="for what comes next, write `--task forecast`",
        )
    return found[0] if found else (None if labels.dtype == object else np.nan)
