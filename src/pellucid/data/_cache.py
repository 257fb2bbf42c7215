"""Decoded examples on disk, so that a second run does not decode again.

Idea: a file is named after a hash of all that decides what is in it, so a changed source has
another name and nothing ever has to be declared out of date. The array lies at the start, so that
it can be mapped as it is; what else is known of it follows as JSON, then a footer with lengths and
checksums. A file that is not exactly what it should be counts as absent.
"""

import contextlib
import hashlib
import json
import os
import struct
import tempfile
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

VERSION = 1  # of the file format and of how examples are decoded
MOST = 16 << 30  # bytes that the folder may grow to before the longest unused files go
SUFFIX = ".decoded"
MAPPED = 4  # what is decoded is mapped where it takes more than this part of the memory
_FOOTER = struct.Struct("<QQII8s")  # bytes of array, bytes of JSON, their checksums, mark
_MARK = b"pellucid"
_STALE = 86_400  # s, after which an unfinished file is taken for a killed run's
_BLOCK = 1 << 24  # bytes copied at a time


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """What a cache file held.

    Args:
        array: uint8, (N, *row), writable; mapped changes never reach the file.
        facts: what was stored beside it, as JSON.
    """

    array: NDArray[np.uint8]
    facts: Mapping[str, Any]


def cache_folder(given: Path | None) -> Path:
    """Give the folder for decoded data: the one given, or the user's cache folder."""
    if given is not None:
        return given
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "pellucid"


def key_of(paths: Sequence[Path], about: Sequence[object]) -> str:
    """Hash the files' places, sizes and times of change, and how they are decoded.

    Args:
        paths: the files, in order.
        about: all else that decides the result, each with a `repr` that says it all.
    """
    digest = hashlib.blake2b(repr((VERSION, *about)).encode(), digest_size=16)
    for path in paths:
        try:
            seen = path.stat()
            line = f"{seen.st_size} {seen.st_mtime_ns} {path.absolute()}\0"
        except OSError:
            line = f"gone {path.absolute()}\0"
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def load(file: Path, row: Sequence[int], *, mapped_past: int) -> Stored | None:
    """Give what a cache file holds, or None if it is absent, damaged or of another form.

    Args:
        file: as `cache_folder` and `key_of` name it.
        row: shape of one example.
        mapped_past: bytes from which the array is mapped instead of loaded. The checksum of a
            mapped array is not checked, since that would read all of it.
    """
    try:
        with file.open("rb") as opened:
            opened.seek(-_FOOTER.size, os.SEEK_END)
            size, length, array_sum, facts_sum, mark = _FOOTER.unpack(opened.read())
            count, rest = divmod(size, int(np.prod(row)))
            whole = size + length + _FOOTER.size == file.stat().st_size
            if mark != _MARK or rest or not whole:
                return None
            opened.seek(size)
            text = opened.read(length)
            if zlib.crc32(text) != facts_sum:
                return None
            shape = (count, *row)
            mapped = size > mapped_past
            array = _mapped(file, shape) if mapped else _loaded(opened, shape)
            if not mapped and zlib.crc32(array.data) != array_sum:
                return None
        with contextlib.suppress(OSError):
            os.utime(file)  # so that `_prune` knows it is in use
        return Stored(array=array, facts=json.loads(text))
    except (OSError, ValueError, struct.error):
        return None


class Writer:
    """Writes a cache file piece by piece; it appears under its name only when it is finished.

    Args:
        file: the name it gets.
        expected: bytes it will about have, taken from the disk at once where the system can, so
            that a full disk is noticed before the work.

    Raises:
        OSError: from any method, if the disk does not take it.
    """

    def __init__(self, file: Path, *, expected: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        _prune(file.parent, room=expected)
        self._file = file
        self._size = 0
        self._sum = 0
        number, self._name = tempfile.mkstemp(dir=file.parent, prefix=file.stem, suffix=".part")
        self._opened = os.fdopen(number, "wb")
        try:
            _take(self._opened.fileno(), expected)
        except OSError:
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._opened.close()
        with contextlib.suppress(OSError):
            Path(self._name).unlink(missing_ok=True)

    def append(self, rows: NDArray[np.uint8]) -> None:
        """Write rows after those already written."""
        piece = _bytes(rows)
        self._opened.write(piece)
        self._size += len(piece)
        self._sum = zlib.crc32(piece, self._sum)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write what else is known and give the file its name."""
        text = json.dumps(facts).encode()
        self._opened.write(text)
        sums = (self._sum, zlib.crc32(text))
        self._opened.write(_FOOTER.pack(self._size, len(text), *sums, _MARK))
        self._opened.truncate()
        self._opened.close()
        Path(self._name).replace(self._file)


def spill(
    blocks: Iterator[NDArray[np.uint8]], row: Sequence[int], folder: Path, *, expected: int = 0
) -> Any:
    """Write blocks of rows to a nameless file that lasts as long as the array given back.

    Args:
        blocks: of rows, one after the other.
        row: shape of one of them.
        folder: where the file lies; it is made if it is not there.
        expected: bytes to take from the disk at once, as a `Writer` does.

    Returns:
        A writable mapped array, uint8, (N, *row).

    Raises:
        OSError: if the disk does not take it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        _take(file.fileno(), expected)
        size = sum(file.write(_bytes(block)) for block in blocks)
        file.truncate()
        file.flush()
        shape = (size // int(np.prod(row)), *row)
        return np.memmap(file, np.uint8, mode="c", shape=shape) if size else np.empty(shape, "u1")


def _bytes(rows: NDArray[np.uint8]) -> memoryview:
    # An array without rows cannot be cast.
    return np.ascontiguousarray(rows).data.cast("B") if rows.size else memoryview(b"")


def _take(number: int, expected: int) -> None:
    """Have the disk set bytes apart for an open file, where the system can."""
    allocate = getattr(os, "posix_fallocate", None)
    if allocate is not None and expected > 0:
        allocate(number, 0, expected)


def _mapped(file: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    # Mode "c" lets torch have a writable array and keeps what is written out of the file.
    return np.memmap(file, np.uint8, mode="c", shape=shape)


def _loaded(opened: Any, shape: tuple[int, ...]) -> UInt8[np.ndarray, "..."]:
    array = np.empty(shape, np.uint8)
    opened.seek(0)
    opened.readinto(array.data.cast("B") if array.size else bytearray())
    return array


def _prune(folder: Path, *, room: int) -> None:
    """Make room by deleting unfinished files of killed runs and the longest unused others."""
    files = []
    now = time.time()
    for file in folder.iterdir():
        with contextlib.suppress(OSError):
            seen = file.stat()
            if file.suffix == ".part" and now - seen.st_mtime > _STALE:
                file.unlink()
            elif file.suffix == SUFFIX:
                files.append((seen.st_mtime, seen.st_size, file))
    held = sum(size for _, size, _ in files)
    for _, size, file in sorted(files):
        if held + room <= MOST:
            break
        with contextlib.suppress(OSError):
            file.unlink()
        held -= size
