"""Translation memories in the exchange format TMX: units of the same sentence in two languages.

Source: LISA OSCAR 2005, "TMX 1.4b specification".
Departs: of a unit in more than two languages, the two that the first unit is in are taken.
"""

import gzip
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

from pellucid.data import Fault
from pellucid.data._pairs_found import Found
from pellucid.data._sources import unreadable
from pellucid.data._text_files import clean
from pellucid.errors import BadInputError

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def from_tmx(path: Path) -> Found:
    """Read the units of a memory.

    Raises:
        BadInputError: if it is no XML, or no unit is in two languages.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            return _read(file, path.name)
    except (ElementTree.ParseError, EOFError, gzip.BadGzipFile) as error:
        raise BadInputError(
            given=f"{path.name}, which is no whole XML: {error}",
            needed="a translation memory in TMX",
            remedy="export it again",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _read(file: IO[bytes] | Any, name: str) -> Found:
    languages: list[str] = []
    sources, targets, names, faults = [], [], [], []
    number = 0
    first = ""
    for _, part in ElementTree.iterparse(file, events=("end",)):
        tag = part.tag.rpartition("}")[2]
        if tag == "header":
            first = (part.get("srclang") or "").lower()
        if tag != "tu":
            continue
        number += 1
        said = {_language(one): _text(one) for one in part if one.tag.rpartition("}")[2] == "tuv"}
        part.clear()
        if not languages and len(said) > 1:
            languages = sorted(said, key=lambda language: language != first)[:2]
        if not languages or not all(language in said for language in languages):
            faults.append(Fault(name=f"{name} row {number}", reason="it is not in both languages"))
            continue
        sources.append(said[languages[0]])
        targets.append(said[languages[1]])
        names.append(f"{name} row {number}")
    if not sources:
        raise BadInputError(
            given=f"{name}, {number:,} units, none of them in two languages",
            needed="units with the same sentence in two languages",
            remedy="export both languages into one memory",
        )
    return Found(
        sources=sources,
        targets=targets,
        names=names,
        languages=(languages[0], languages[1]),
        faults=tuple(faults),
    )


def _language(variant: ElementTree.Element) -> str:
    return (variant.get(_LANG) or variant.get("lang") or "").lower()


def _text(variant: ElementTree.Element) -> str:
    for part in variant:
        if part.tag.rpartition("}")[2] == "seg":
            return clean("".join(part.itertext())).strip()
    return ""
