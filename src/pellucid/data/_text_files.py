"""From the bytes of a file to a clean text, whatever wrote it.

Idea: every way to write the same text (encodings, line ends, letters with their accents apart)
becomes one way, so that equal texts are equal; what was repaired is said.
"""

import unicodedata
import zlib
from pathlib import Path
from typing import IO

from pellucid.data import Finding
from pellucid.data._encodings import to_utf8
from pellucid.data._sources import unreadable
from pellucid.data._text_forms import END_SIGN
from pellucid.errors import BadInputError

SUFFIXES = (".txt", ".text", ".md")
_STRANGE = 0.05  # share of signs that no text has, past which it is none
_LOOKED = 1 << 16  # characters looked at to tell
_PACKED, _GZIP, _CHUNK = b"\x1f\x8b", 31, 1 << 16  # as gzip starts; its window; bytes at once


def is_named_as_text(path: Path) -> bool:
    """Tell by its name whether a file holds a plain text."""
    name = path.name.lower().removesuffix(".gz")
    return name.endswith(SUFFIXES) and not name.startswith(".")


def read_text(path: Path, name: str, limit: int) -> tuple[str, list[Finding]]:
    """Read a plain text.

    Args:
        path: of the file.
        name: of it, for messages.
        limit: bytes that are read of it; the rest is left out, and that is said.

    Raises:
        BadInputError: if it cannot be read, is no text, or holds nothing.
    """
    data, notes = _load(path, name, limit)
    try:
        data, said = to_utf8(data, name)
    except BadInputError as error:
        raise _no_text(str(error).partition("\n")[0]) from error
    text = clean(data.decode(errors="replace"))
    if not text.strip():
        raise _no_text(f"{name} is empty")
    if is_strange(text):
        raise _no_text(f"{name} is not text: most of it is no sign of any script")
    return text, [*notes, *said]


def clean(text: str) -> str:
    """Write a text as all are written here: composed letters, a line feed after each line."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if END_SIGN in text:
        text = text.replace(END_SIGN, "")
    if text.isascii():
        return text.replace("\0", "") if "\0" in text else text
    text = text.replace("\ufeff", "").replace("\0", "")
    # What came from elsewhere may hold half a pair, which no encoding can write.
    text = text.encode("utf-8", errors="replace").decode()
    return text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


def is_strange(text: str) -> bool:
    """Tell what was decoded from bytes that are no text."""
    head = text[:_LOOKED]
    if not head or head.isascii():
        return False
    signs = sum(map(_is_no_sign, head))
    return signs > _STRANGE * len(head)


def _is_no_sign(letter: str) -> bool:
    return letter == "\ufffd" or unicodedata.category(letter) in ("Cn", "Co", "Cs")


def _load(path: Path, name: str, limit: int) -> tuple[bytes, list[Finding]]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _PACKED
            file.seek(0)
            data, whole = _unpacked(file, limit + 1) if packed else (file.read(limit + 1), True)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > limit:
        text = (
            f"{name} is longer than can be used: its first {limit / 1e6:,.3g} MB are read, the "
            "rest is left out"
        )
        return _whole_letters(data[:limit]), [_warning("cut short", text)]
    text = f"{name} is damaged after {len(data):,} unpacked bytes: what follows is lost"
    return data, [] if whole else [_warning("damaged file", text)]


def _unpacked(file: IO[bytes], limit: int) -> tuple[bytes, bool]:
    """Undo gzip up to a number of bytes, as far as it can be; a small file can hold a huge one."""
    parts: list[bytes] = []
    left = limit
    engine, rest = zlib.decompressobj(_GZIP), b""
    try:
        while left > 0:
            rest = rest or file.read(_CHUNK)
            if not rest:
                return b"".join(parts), engine.eof
            if engine.eof:  # one archive may follow another
                if not rest.startswith(_PACKED):
                    break
                engine = zlib.decompressobj(_GZIP)
            parts.append(engine.decompress(rest, left))
            left -= len(parts[-1])
            rest = engine.unconsumed_tail or engine.unused_data
    except zlib.error:
        return b"".join(parts), False
    return b"".join(parts), True


def _warning(what: str, text: str) -> Finding:
    return Finding(what=what, level="warning", text=text)


def _whole_letters(data: bytes) -> bytes:
    """Leave out half a letter at the end, as UTF-8 writes it."""
    end = len(data)
    while end > len(data) - 4 and end and data[end - 1] & 0xC0 == 0x80:
        end -= 1
    return data[: end - 1] if end and data[end - 1] >= 0xC0 else data[:end]


def _no_text(given: str) -> BadInputError:
    return BadInputError(
        given=given,
        needed="a plain text with something in it",
        remedy="save it as plain text in UTF-8, or leave the file out",
    )
