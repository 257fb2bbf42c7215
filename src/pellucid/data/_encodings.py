"""From the bytes of a text file, whatever wrote it, to clean UTF-8.

Idea: UTF-8 says of itself whether it is valid, so it is tried first; bytes that are not valid are
Windows-1252, unless the same file also holds valid UTF-8 beyond ASCII: then two encodings were
mixed, and what cannot be read is replaced and said.
"""

import zlib

from pellucid.data import Finding
from pellucid.errors import BadInputError

_CHUNK = 1 << 16  # packed bytes, which can hold a thousand times as many
_GZIP = 31  # as zlib calls it, with the largest window
_MARKS = (  # the longer mark first: UTF-32 starts as UTF-16 does
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CONTROL = bytes(set(range(32)) - {0, 9, 10, 11, 12, 13, 26, 27})
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, perhaps a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "an old Office document, perhaps a spreadsheet"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3", "a database"),
)


def unpack(data: bytes, name: str, limit: int) -> tuple[bytes, list[Finding]]:
    """Undo gzip if the bytes are gzipped, whatever the file is called.

    Args:
        data: the bytes of the file.
        name: of the file, for messages.
        limit: bytes that the content may have; a small archive can hold a huge one.

    Returns:
        The content, as far as it could be unpacked, and what is worth saying about it.

    Raises:
        BadInputError: if the content is larger than the limit, or nothing could be unpacked.
    """
    if data[:2] != b"\x1f\x8b":
        refuse_larger(len(data), name, limit)
        return data, []
    parts: list[bytes] = []
    size, place, whole = 0, 0, False
    engine = zlib.decompressobj(_GZIP)
    try:
        while place < len(data) and not whole:
            parts.append(engine.decompress(data[place : place + _CHUNK]))
            size += len(parts[-1])
            refuse_larger(size, name, limit)
            place += _CHUNK
            if engine.eof:  # one archive may follow another
                place = min(place, len(data)) - len(engine.unused_data)
                whole = data[place : place + 2] != data[:2]
                engine = engine if whole else zlib.decompressobj(_GZIP)
    except zlib.error:
        whole = False
    text = f"{name} is cut short or damaged after {size} unpacked bytes: what follows is lost"
    notes = [] if whole else [_note("damaged file", text, "warning")]
    return b"".join(parts), notes


def refuse_larger(size: int, name: str, limit: int) -> None:
    """Refuse content that would not fit in memory.

    Raises:
        BadInputError: if the size, in bytes, is above the limit.
    """
    if size > limit:
        raise BadInputError(
            given=f"{name} holds more than {limit / 2**30:.3g} GiB of text",
            needed="a table that fits in memory",
            remedy="allow more with `--memory`, or keep a sample of the rows",
        )


def to_utf8(data: bytes, name: str) -> tuple[bytes, list[Finding]]:
    """Give the text as UTF-8 without a byte order mark and without NUL bytes.

    Raises:
        BadInputError: if it is no text at all.
    """
    _refuse_foreign(data, name)
    data, notes = _decode(data, name)
    zeros = data.count(b"\0")
    if zeros:
        data = data.replace(b"\0", b"")
        text = f"{name} holds NUL bytes, which were left out: {zeros}"
        notes.append(_note("NUL bytes", text, "warning"))
    head = data[: 1 << 16]
    if len(head) - len(head.translate(None, _CONTROL)) > len(head) // 50:
        raise _not_text(name, "is not text: it holds control characters")
    return data, notes


def _decode(data: bytes, name: str) -> tuple[bytes, list[Finding]]:
    encoding = _marked(data)
    if encoding in ("utf-16", "utf-32", "utf-16-le", "utf-16-be"):
        text = data.decode(encoding, errors="replace").removeprefix("\ufeff").encode()
        return text, [_note("encoding", f"{name} was read as {encoding.upper()}")]
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.isascii():
        return data, []
    try:
        data.decode()
    except UnicodeDecodeError:
        return _repair(data, name)
    return data, []


def _marked(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    head = data[:4096]
    if len(head) >= 8 and head.count(0) > len(head) // 4:
        # Western text in UTF-16 has a zero in every second byte; which one tells the order.
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    return "utf-8"


def _repair(data: bytes, name: str) -> tuple[bytes, list[Finding]]:
    text = data.decode(errors="replace")
    lost = text.count("\ufffd")
    if len(text) - len(text.encode("ascii", errors="ignore")) == lost:
        windows = data.decode("cp1252", errors="replace")
        return windows.encode(), [_note("encoding", f"{name} was read as Windows-1252 (Latin-1)")]
    said = (
        f"{name} mixes encodings: it is mostly UTF-8, and {lost} bytes that are not were "
        "replaced by \ufffd"
    )
    return text.encode(), [_note("encoding", said, "warning")]


def _refuse_foreign(data: bytes, name: str) -> None:
    for start, what in _FOREIGN:
        if data.startswith(start):
            raise _not_text(name, f"is not text: it is {what}")


def _not_text(name: str, given: str) -> BadInputError:
    return BadInputError(
        given=f"{name} {given}",
        needed="a text file of rows (CSV, TSV), JSON lines or Parquet",
        remedy="save the table as CSV and give that file",
    )


def _note(what: str, text: str, level: str = "note") -> Finding:
    return Finding(what=what, level=level, text=text)
