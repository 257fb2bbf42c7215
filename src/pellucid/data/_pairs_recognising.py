"""How surely a source holds pairs of sentences.

Idea: two files whose names differ in their language alone can be little else, and so can a table
whose two columns are called by languages. What is less sure is left to whoever names the question.
"""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from pellucid.data._pairs_sources import NAMES, TABLES, language_of, stems_of
from pellucid.data._text_files import is_named_as_text, read_text
from pellucid.errors import BadInputError

_SURE, _MAYBE, _NONE = 0.98, 0.04, 0.0
_HEAD = 1 << 14  # bytes
_CODES = (
    "ar bg bn ca cs da de el en es et fa fi fr ga gu he hi hr hu id is it ja ka kk ko lt lv mk ml "
    "mr ms mt nb nl nn no pl pt ro ru sk sl sq sr sv sw ta te th tr uk ur vi zh"
)
_LANGUAGES = frozenset(_CODES.split())


def surely(source: Any) -> float:
    """Tell how surely a source is pairs, from 0 to 1."""
    if isinstance(source, str | Path):
        path = Path(source)
        return _folder(path) if path.is_dir() else _file(path)
    if not isinstance(source, list | tuple) or not source:
        return _NONE
    if len(source) == 2 and all(isinstance(one, Path) for one in source):
        one, other = (language_of(path) for path in source)
        return _SURE if one != other and {one, other} <= _LANGUAGES else _MAYBE
    if all(isinstance(one, Path) for one in source):
        return min(_file(path) for path in source)
    if isinstance(source, list) and isinstance(source[0], Mapping):
        return _rows(source[0])
    if isinstance(source, tuple):
        sides = len(source) == 2 and all(isinstance(side, list | tuple) for side in source)
        return _MAYBE if sides and all(map(len, source)) and _texts(source) else _NONE
    return _MAYBE if isinstance(source[0], str) else _NONE


def _texts(sides: Any) -> bool:
    return all(isinstance(text, str) for side in sides for text in side[:20])


def _folder(folder: Path) -> float:
    try:
        stems = stems_of(folder)
    except OSError:
        return _NONE
    languages = {name for names in stems.values() for name in names}
    return _SURE if len(languages) == 2 and languages <= _LANGUAGES else _NONE


def _file(path: Path) -> float:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".tmx"):
        return 1.0
    if not name.endswith(TABLES):
        return _plain(path)
    try:
        head = read_text(path, path.name, _HEAD)[0].split("\n")
    except BadInputError:
        return _NONE
    if name.endswith((".tsv", ".tab")):
        cells = [cell.strip().lower() for cell in head[0].split("\t")]
        return _named(cells[:2]) if len(cells) == 2 else _NONE
    try:
        first = json.loads(head[0])
    except ValueError:
        return _NONE
    return _rows(first) if isinstance(first, Mapping) else _NONE


def _rows(row: Mapping[str, Any]) -> float:
    inner = row.get("translation")
    if isinstance(inner, Mapping):
        return _SURE
    return _named([key.lower() for key in islice(row, 3) if isinstance(row[key], str)])


def _named(names: list[str]) -> float:
    if len(names) != 2 or names[0] == names[1]:
        return _NONE
    if all(name.partition("-")[0] in _LANGUAGES for name in names):
        return _SURE
    return _SURE if {*names} <= NAMES - {"text"} else _NONE


def _plain(path: Path) -> float:
    """A plain file may hold sources or pairs, where somebody asks for a translation."""
    known = is_named_as_text(path) or language_of(path) in _LANGUAGES
    return _MAYBE if path.is_file() and known else _NONE
