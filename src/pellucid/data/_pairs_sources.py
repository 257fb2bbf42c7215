"""Everything that can hold pairs of sentences: two files, a table, TMX, JSON lines, a folder.

Idea: whatever the form, a pair is a source, a target and a name that says where both stand. Where
files or columns are called by languages, those name the sides.

Letters: N pairs.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Ask, Fault, Finding
from pellucid.data._pairs_drift import drifts_at
from pellucid.data._pairs_found import Found, joined
from pellucid.data._pairs_tmx import from_tmx
from pellucid.data._sources import side_of
from pellucid.data._text_files import clean, read_text
from pellucid.errors import BadInputError

_MOST = 1 << 30  # bytes of one side
_LANGUAGE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")
_PLAIN = {"txt", "text", "gz", "tok", "lc", "raw", "bpe", "norm", "clean"}
NAMES = {"source", "target", "src", "tgt", "trg", "input", "output", "text", "translation"}
TABLES = (".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".tmx")


def found_in(source: Any, ask: Ask) -> Found:
    """Read pairs, or sources alone where a trained model asks.

    Raises:
        BadInputError: if there are none, or two files have not as many lines.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        return from_folder(path) if path.is_dir() else _file(path, ask)
    if isinstance(source, tuple) and len(source) == 2:
        return _lists(list(source[0]), list(source[1]))
    rows = list(source)
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = [f"row {n + 1}" for n in range(len(rows))]
        return _rows(rows, names, ask, "the rows")
    there = [isinstance(row, Path) or _is_file(row) for row in rows]
    paths = bool(rows) and all(there)
    if any(there) and not paths:
        raise BadInputError(
            given=f"{rows[there.index(False)]!r} beside {rows[there.index(True)]!s}",
            needed="files that are there",
            remedy="check the name of the file",
        )
    if paths and len(rows) == 2:
        return two_files(Path(rows[0]), Path(rows[1]))
    if paths:
        return joined([_file(Path(row), ask) for row in rows])
    return _lists([str(row) for row in rows], None)


def language_of(path: Path) -> str:
    """Read the language off the name of a file: "de" of "train.de.gz"; "" if it does not say."""
    for part in reversed(path.name.split(".")[1:]):
        if part in _PLAIN:
            continue
        return part if _LANGUAGE.fullmatch(part) else ""
    return ""


def two_files(one: Path, other: Path) -> Found:
    """Read two files of which each line of the one is translated by that of the other.

    Raises:
        BadInputError: if they have not as many lines.
    """
    sources, notes = lines_of(one)
    targets, more = lines_of(other)
    if len(sources) != len(targets):
        place = drifts_at(sources, targets)
        raise BadInputError(
            given=f"{len(sources):,} lines in {one.name} and {len(targets):,} in {other.name}; they"
            f" seem to drift apart from line {place:,} on",
            needed="two files of which line n of the one translates line n of the other",
            remedy=f"look at line {place:,} of both: a line is missing or was broken in two there",
        )
    languages = language_of(one), language_of(other)
    if not all(languages) or languages[0] == languages[1]:
        languages = one.name, other.name
    names = [f"{one.name} row {n + 1}" for n in range(len(sources))]
    return Found(
        sources=sources,
        targets=targets,
        names=names,
        languages=languages,
        notes=(*notes, *more),
    )


def from_folder(folder: Path) -> Found:
    """Read all pairs of files in a folder whose names differ in the language alone.

    Raises:
        BadInputError: if there are none, or more than two languages.
    """
    stems = stems_of(folder)
    tables = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in TABLES]
    if not stems and tables:
        return joined([_sided(_file(path, Ask()), _side(path)) for path in tables])
    languages = sorted({name for names in stems.values() for name in names})
    if len(languages) != 2:
        raise BadInputError(
            given=f"the folder {folder}, with files in {len(languages)} languages"
            + (f": {', '.join(languages[:5])}" if languages else ""),
            needed="pairs of files such as train.en and train.de",
            remedy="name the two files themselves, the source first",
        )
    parts = []
    for stem, files in sorted(stems.items()):
        if len(files) == 2:
            one = two_files(files[languages[0]], files[languages[1]])
            parts.append(_sided(one, _side(Path(stem))))
    return joined(parts)


def stems_of(folder: Path) -> dict[str, dict[str, Path]]:
    """Give the files of a folder by their name without the language, and by language."""
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        language = language_of(path) if path.is_file() else ""
        if language and not path.name.startswith("."):
            stem = path.name[: path.name.rindex(f".{language}")]
            found.setdefault(stem, {})[language] = path
    return {stem: files for stem, files in found.items() if len(files) > 1}


def lines_of(path: Path) -> tuple[list[str], list[Finding]]:
    """Read the lines of a plain or packed file, clean.

    Raises:
        BadInputError: if it cannot be read or is no text.
    """
    text, notes = read_text(path, path.name, _MOST)
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.strip() for line in lines], notes


def _sided(found: Found, side: str) -> Found:
    return found.replace(sides=[side] * len(found.sources))


def _side(path: Path) -> str:
    first = re.split(r"[._\-]", path.name)[0]
    return side_of(first)


def _file(path: Path, ask: Ask) -> Found:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".tmx"):
        return from_tmx(path)
    lines, notes = lines_of(path)
    names = [f"{path.name} row {n + 1}" for n in range(len(lines))]
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _json(path, lines, ask).replace(notes=tuple(notes))
    if any("\t" in line for line in lines[:20]):
        return _tabbed(path, lines, names).replace(notes=tuple(notes))
    if ask.schema is None:
        raise BadInputError(
            given=f"the file {path.name} alone, without tabs in its lines",
            needed="a source and a target in each line, or a second file with the translations",
            remedy=f"name both files, the source first: `pellucid fit {path.name} OTHER`",
        )
    return Found(sources=lines, targets=None, names=names, notes=tuple(notes))


def _tabbed(path: Path, lines: Sequence[str], names: Sequence[str]) -> Found:
    rows = [line.split("\t") for line in lines]
    head = [cell.strip().lower() for cell in rows[0][:2]]
    headed = len(head) == 2 and all(_LANGUAGE.fullmatch(c) or c in NAMES for c in head)
    languages = (head[0], head[1]) if headed else ("source", "target")
    kept, faults = [], []
    for place in range(int(headed), len(rows)):
        if len(rows[place]) >= 2:
            kept.append(place)
        else:
            faults.append(Fault(name=names[place], reason="there is no tab in it"))
    return Found(
        sources=[clean(rows[place][0]).strip() for place in kept],
        targets=[clean(rows[place][1]).strip() for place in kept],
        names=[names[place] for place in kept],
        languages=languages,
        faults=tuple(faults),
    )


def _json(path: Path, lines: Sequence[str], ask: Ask) -> Found:
    rows: list[Any] = []
    names, faults = [], []
    if lines and lines[0].startswith("["):
        try:
            rows = [row for row in json.loads("\n".join(lines)) if isinstance(row, Mapping)]
        except ValueError as error:
            raise BadInputError(
                given=f"{path.name}, which is no JSON: {error}",
                needed="a list of objects, or one object a line",
                remedy="write one JSON object a line, with the two sentences in it",
            ) from error
        names = [f"{path.name} row {n + 1}" for n in range(len(rows))]
        return _rows(rows, names, ask, path.name)
    for place, line in enumerate(lines):
        name = f"{path.name} row {place + 1}"
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, Mapping):
            rows.append(row)
            names.append(name)
        elif line:
            faults.append(Fault(name=name, reason="it is no JSON object"))
    return _rows(rows, names, ask, path.name).replace(faults=tuple(faults))


def _rows(rows: Sequence[Mapping[str, Any]], names: Sequence[str], ask: Ask, where: str) -> Found:
    """Take the two sentences out of rows, by the names that most rows begin with."""
    flat = [row["translation"] if isinstance(row.get("translation"), Mapping) else row
            for row in rows]  # fmt: skip
    wanted = tuple(ask.schema.details["columns"]) if ask.schema is not None else ()
    keys = [key for row in flat[:1] for key, value in row.items() if isinstance(value, str)]
    if wanted and wanted[0] in keys:
        keys = [key for key in wanted if key in keys]
    elif ask.schema is not None and "text" in keys:
        keys = ["text", *(key for key in keys if key in ("target", "translation"))]
    if not keys or (len(keys) < 2 and ask.schema is None):
        raise BadInputError(
            given=f"{where}, with {len(keys)} columns of text",
            needed="two: the source and the target, in this order",
            remedy='write rows such as {"en": "A dog.", "de": "Ein Hund."}',
        )
    sources = [clean(str(row.get(keys[0]) or "")).strip() for row in flat]
    if len(keys) < 2:
        return Found(sources=sources, targets=None, names=names)
    targets = [clean(str(row.get(keys[1]) or "")).strip() for row in flat]
    return Found(sources=sources, targets=targets, names=names, languages=(keys[0], keys[1]))


def _lists(sources: Sequence[Any], targets: Sequence[Any] | None) -> Found:
    names = [f"row {n + 1}" for n in range(len(sources))]
    if targets is not None and len(targets) != len(sources):
        raise BadInputError(
            given=f"{len(sources):,} sources and {len(targets):,} targets",
            needed="as many of both",
            remedy="give them pair by pair",
        )
    told = None if targets is None else [clean(str(one)).strip() for one in targets]
    return Found(sources=[clean(str(one)).strip() for one in sources], targets=told, names=names)


def _is_file(given: Any) -> bool:
    try:
        return isinstance(given, str) and Path(given).is_file()
    except (OSError, ValueError):
        return False
