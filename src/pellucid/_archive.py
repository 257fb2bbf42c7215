"""One file that holds a few named byte strings, and trusts nobody.

Idea: a plain zip, so that any tool opens it, but the narrowest there is: members are stored and
never compressed, they stand one behind the other from the first byte on, their names are fixed, and
one more member holds their checksums. The last bytes, the comment of the zip, name format and
version, so that a file of a later format is known for what it is before anything is believed.

Written to a temporary file in the same folder, synced, then renamed: the old file or the new one is
there, never half of one.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
import secrets
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from pellucid.errors import ModelFileError, SavingError

FORMAT = 4
CHECKSUMS = "checksums.json"
_COMMENT = "pellucid model {}"
_LONGEST_JSON = 64 << 20  # bytes
_LONGEST_DIRECTORY = 2048  # bytes; four entries take about 300
_END = re.compile(rb"PK\x05\x06(.{16})(..)pellucid model (\d{1,6})\Z", re.DOTALL)
_END64 = re.compile(rb"PK\x06\x06(.{52})PK\x06\x07.{16}\Z", re.DOTALL)


def check_place(path: Path) -> None:
    """Find out before the work, not after it, whether a file can be written here.

    Raises:
        SavingError: if it cannot.
    """
    target = Path(os.path.realpath(path))
    half = _half(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with _new(half):
            pass
    except OSError as error:
        raise SavingError(
            given=f"{path} cannot be written: {error.strerror or error}",
            needed="the name of a file in a folder that is there and may be written to",
            remedy=f"`mkdir -p '{path.parent}'`, or name another place: `--out PATH`",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)


def write(path: Path, members: Mapping[str, bytes]) -> None:
    """Write members and their checksums; a file that was there stays until the new one is whole.

    Raises:
        SavingError: if the disk does not take it.
    """
    target = Path(os.path.realpath(path))
    half = _half(target)
    try:
        with _new(half) as file:
            _fill(file, members)
            file.flush()
            os.fsync(file.fileno())
        half.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise SavingError(
            given=f"{path} could not be written: {error.strerror or error}",
            needed=f"room for {sum(map(len, members.values())) / 1e6:.1f} MB in a folder that is "
            "there and may be written to; a file of that name that was there is untouched",
            remedy="make room, or save it elsewhere: `model.save(path)`, `--out PATH`",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)


def read(
    path: Path, names: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, bytes]:  # fmt: skip
    """Read the members of a file that may come from a stranger.

    Takes memory for the bytes of the file once, whatever the file says of itself.

    Args:
        path: the file.
        names: the members there must be, besides the checksums; those that end in ".json" hold at
            most 64 MiB.
        optional: members that may be there too.

    Returns:
        The content of each member that is there.

    Raises:
        ModelFileError: if it cannot be read, is no such file, is damaged or of a newer format.
    """
    try:
        with path.open("rb") as file:
            least = len(names) + 1
            _check_end(path, file, range(least, least + len(optional) + 1))
            with zipfile.ZipFile(file) as archive:
                there = {*archive.namelist()} & {*optional} | {*names, CHECKSUMS}
                _check_entries(archive, os.fstat(file.fileno()).st_size, there)
                found = {name: archive.read(name) for name in there}
        _check_sums(found)
    except OSError as error:
        raise ModelFileError(
            given=f"{path} cannot be read: {error.strerror or error}",
            needed="a model file as `pellucid fit` writes it",
            remedy="look whether the path is right and the file may be read",
        ) from error
    # zipfile raises these for bytes that make no sense; NotImplementedError is a RuntimeError.
    except (ValueError, RuntimeError, zipfile.BadZipFile, EOFError, struct.error) as error:
        raise error if isinstance(error, ModelFileError) else damaged(path, str(error)) from error
    return {name: content for name, content in found.items() if name != CHECKSUMS}


def write_plain(path: Path, content: bytes) -> None:
    """Write a picture or a page.

    Raises:
        SavingError: if it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SavingError(
            given=f"{path} could not be written: {error.strerror}",
            needed="a folder that is there, can be written to and has room",
            remedy="name another file with --out",
        ) from error


def damaged(path: Path, reason: str) -> ModelFileError:
    """Say that a model file cannot be trusted."""
    return ModelFileError(
        given=f"{path} is damaged or no model file: {reason}",
        needed="a model file as `pellucid fit` wrote it",
        remedy="copy it again from where it came, or fit the model again",
    )


def newer(path: Path, version: int) -> ModelFileError:
    """Say that a model file was written by a later version."""
    return ModelFileError(
        given=f"{path} has format version {version}",
        needed=f"format version {FORMAT} or lower",
        remedy="`pip install --upgrade pellucid`",
    )


def to_json(given: Any) -> bytes:
    """Write plain JSON types; dictionaries keep their order."""
    return json.dumps(given, ensure_ascii=False, allow_nan=False, indent=1).encode()


def finite(given: Any) -> Any:
    """Put null where a number is not finite: JSON has no other word for it."""
    if isinstance(given, Mapping):
        return {name: finite(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [finite(value) for value in given]
    return None if isinstance(given, float) and not math.isfinite(given) else given


def from_json(text: bytes) -> dict[str, Any]:
    """Read an object; numbers that are not finite and names that occur twice are refused.

    Raises:
        ValueError: if it is no such JSON.
    """
    try:
        given = json.loads(
            text,
            parse_constant=_finite,
            parse_float=_finite,
            object_pairs_hook=_without_doubles,
        )
    except RecursionError as error:
        raise ValueError("the JSON is nested too deep") from error
    if not isinstance(given, dict):
        raise ValueError("the JSON is no object")
    return given


def _half(target: Path) -> Path:
    return target.with_name(f".{target.name[:100]}.{secrets.token_hex(6)}.half")


@contextlib.contextmanager
def _new(path: Path) -> Iterator[BinaryIO]:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        yield file


def _fill(file: BinaryIO, members: Mapping[str, bytes]) -> None:
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in members.items()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in {**members, CHECKSUMS: to_json(sums)}.items():
            entry = zipfile.ZipInfo(name)  # dated 1980, so that equal models are equal files
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
        archive.comment = _COMMENT.format(FORMAT).encode()


def _sync(folder: Path) -> None:
    """Make the renaming itself last; not every system lets a folder be opened."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _check_end(path: Path, file: BinaryIO, entries: range) -> None:
    """Believe the end of the file before zipfile does: it would read as many entries as it says."""
    file.seek(0, os.SEEK_END)
    file.seek(max(0, file.tell() - 256))
    tail = file.read()
    found = _END.search(tail)
    if found is None:
        raise ValueError("its last bytes are not those of a model file; it may be cut short")
    if int(found[3]) > FORMAT:
        raise newer(path, int(found[3]))
    counts, size = struct.unpack("<4xHHI4x", found[1])[:2], struct.unpack("<8xI4x", found[1])[0]
    if counts[0] != counts[1] or counts[1] not in entries or size > _LONGEST_DIRECTORY:
        raise ValueError(f"it lists {counts[1]} members instead of {entries.start}")
    large = _END64.search(tail[: found.start()])
    if large is None and tail[: found.start()][-20:-16] == b"PK\x06\x07":
        raise ValueError("its directory is damaged")
    if large is not None:
        # After the signature: size 8, versions 4, disks 8, entries 8 and 8, size 8, offset 8.
        first, second, size = struct.unpack("<20xQQQ8x", large[1])
        if first != second or second not in entries or size > _LONGEST_DIRECTORY:
            raise ValueError("its directory is damaged")


def _check_entries(archive: zipfile.ZipFile, size: int, names: set[str]) -> None:
    entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    if len(entries) != len(names) or {entry.filename for entry in entries} != names:
        raise ValueError(f"its members are not {', '.join(sorted(names))}")
    end = 0
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise ValueError(f"{entry.filename} is compressed")
        if entry.flag_bits & 0x1:
            raise ValueError(f"{entry.filename} is encrypted")
        if entry.filename.endswith(".json") and entry.file_size > _LONGEST_JSON:
            raise ValueError(f"{entry.filename} is longer than {_LONGEST_JSON >> 20} MiB")
        # Before the second and third there may be the extra field of a member past 4 GiB.
        if not end <= entry.header_offset <= end + (32 if end else 0):
            raise ValueError(f"{entry.filename} does not follow the member before it")
        end = entry.header_offset + 30 + len(entry.filename) + entry.file_size
    if end > size:
        raise ValueError("its members are larger than the file")


def _check_sums(found: Mapping[str, bytes]) -> None:
    sums = from_json(found[CHECKSUMS])
    for name, content in found.items():
        if name != CHECKSUMS and hashlib.sha256(content).hexdigest() != sums.get(name):
            raise ValueError(f"the checksum of {name} is not right")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    given = dict(pairs)
    if len(given) != len(pairs):
        raise ValueError("the JSON holds a name twice")
    return given
