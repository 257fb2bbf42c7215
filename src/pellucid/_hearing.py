"""Sound as it comes: from a file that still grows, from standard input, or from a finished file.

Sound without a header is one channel of 16 bits a sample at the rate of the model; a WAV says what
it holds.

Letters: T samples.
"""

import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import BadInputError

_BLOCK = 1600  # samples that are read at once: a tenth of a second at 16 kHz
_WAIT = 2.0  # seconds that a file may stand still before it counts as finished
_LOOK = 0.05  # seconds between two looks at a file that grows
_HEAD = 1 << 16  # bytes in which the header of a WAV must end
_PLAIN = 1  # the code of PCM in a WAV
_EXTENSIBLE = 0xFFFE

Samples = NDArray[np.float32]


@runtime_checkable
class Bytes(Protocol):
    """What bytes can be read from."""

    def read(self, count: int, /) -> bytes:
        """Give so many bytes, or fewer."""


def blocks(source: str, rate: float, standard: Bytes, *, wait: float = _WAIT) -> Iterator[Samples]:
    """Give sound at the rate of a model, block by block as it comes.

    Args:
        source: a file, or "-" for standard input.
        rate: that is wanted, Hz.
        standard: the standard input.
        wait: seconds that a file may stand still before it counts as finished.

    Raises:
        BadInputError: if there is no such file, or it holds no sound.
    """
    if source == "-":
        return _from_bytes(_Growing(standard, 0.0), rate)
    path = Path(source)
    if not path.is_file():
        raise BadInputError(
            given=f"no file {source!r}",
            needed="a sound file, or - for standard input",
            remedy="check the path",
        )
    if path.suffix.lower() in {".wav", ".raw", ".pcm"}:
        return _followed(path, rate, wait)
    return _decoded(path, rate)


class _Growing:
    """Bytes of a file that may still be written.

    Args:
        file: that is read.
        wait: seconds without a new byte after which it is over; 0 for the end of a pipe.
    """

    def __init__(self, file: Bytes, wait: float) -> None:
        self.file, self.wait = file, wait

    def read(self, count: int) -> bytes:
        """Give so many bytes; fewer at the end alone."""
        found, since = b"", time.monotonic()
        while len(found) < count:
            new = self.file.read(count - len(found))
            if new:
                found, since = found + new, time.monotonic()
            elif time.monotonic() - since >= self.wait:
                break
            else:
                time.sleep(_LOOK)
        return found


def _followed(path: Path, rate: float, wait: float) -> Iterator[Samples]:
    with path.open("rb") as file:
        yield from _from_bytes(_Growing(file, wait), rate)


def _from_bytes(stream: _Growing, rate: float) -> Iterator[Samples]:
    head = stream.read(4)
    if head == b"RIFF":
        channels, given, width = _header(stream)
        return _resampled(_pcm(stream, b"", channels, width), given, rate)
    return _resampled(_pcm(stream, head, 1, 2), rate, rate)


def _header(stream: _Growing) -> tuple[int, float, int]:
    """Read the header of a WAV up to its samples: channels, rate and bytes a sample."""
    stream.read(8)
    found: tuple[int, float, int] | None = None
    seen = 0
    while seen < _HEAD:
        head = stream.read(8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sI", head)
        if name == b"data" and found is not None:
            return found
        body = stream.read(min(length + length % 2, _HEAD))
        seen += len(body) + 8
        if name == b"fmt " and len(body) >= 16:
            code, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if code in (_PLAIN, _EXTENSIBLE) and channels and bits in (16, 24, 32) and rate:
                found = channels, float(rate), bits // 8
    raise BadInputError(
        given="a WAV whose header names no PCM of 16, 24 or 32 bits",
        needed="such a WAV, or samples of 16 bits without a header",
        remedy="have the recorder write 16-bit PCM",
    )


def _pcm(stream: _Growing, first: bytes, channels: int, width: int) -> Iterator[Samples]:
    each = channels * width
    rest = first
    while True:
        read = stream.read(_BLOCK * each - len(rest))
        rest += read
        whole = len(rest) // each * each
        if whole:
            padded = np.frombuffer(rest[:whole], np.uint8).reshape(-1, width)
            wide = np.zeros((len(padded), 4), np.uint8)
            wide[:, 4 - width :] = padded
            samples = wide.reshape(-1).view("<i4").astype(np.float32) * np.float32(2.0**-31)
            yield samples.reshape(-1, channels).mean(axis=1)
        rest = rest[whole:]
        if not read:
            return


def _decoded(path: Path, rate: float) -> Iterator[Samples]:
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            read = file.blocks(_BLOCK, dtype="float32", always_2d=True)
            yield from _resampled((each.mean(axis=1) for each in read), file.samplerate, rate)
    except soundfile.LibsndfileError as error:
        raise BadInputError(
            given=f"{path}, which cannot be read as sound ({error})",
            needed="a sound file",
            remedy="see whether another program plays it",
        ) from error


def _resampled(pieces: Iterator[Samples], given: float, rate: float) -> Iterator[Samples]:
    if given == rate:
        yield from pieces
        return
    import soxr

    stream = soxr.ResampleStream(given, rate, 1, dtype="float32")
    for piece in pieces:
        found = stream.resample_chunk(piece)
        if len(found):
            yield found
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
