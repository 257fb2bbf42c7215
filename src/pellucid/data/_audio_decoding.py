"""Sound files become whole numbers at one rate.

Idea: a file is judged by what is in it. It is read a piece at a time, mixed to one channel and
brought to the rate on the way, so that however long it is, no more of it lies in memory than what
is kept: 16 bits a sample.

Letters: T samples, S samples of the file, C channels.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16
from numpy.typing import NDArray

from pellucid.data._audio_headers import contradiction
from pellucid.errors import BadInputError

SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au"}
    | {".snd", ".caf", ".w64", ".rf64", ".sph", ".nist"}
)
# All other formats that libsndfile knows are attack surface.
FORMATS = frozenset(
    {"WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF", "W64", "RF64", "NIST"}
)
LOUDEST = 32_767  # of a sample; the number below the least of them is behind the end
LONGEST = 4 * 3600.0  # s
CHUNK = 256  # files decoded between two writes
_RATES = (1_000, 768_000)  # Hz, that a file may have
_CHANNELS = 64
_PIECE = 1 << 18  # samples read at a time
_CLIPPED = 0.999  # of full scale
_OPPOSED = 0.1  # of the level of the loudest channel: channels whose mean is below cancel out
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32, "DOUBLE": 64}
_SIGNATURES = (b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"caff", b"riff", b"NIST_1A")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """One recording as it is kept, and what the file said of it.

    Args:
        samples: at the rate asked for, from -32,767 to 32,767.
        rate: of the file, Hz.
        channels: of the file.
        bits: a sample of the file; 16 where it was compressed.
        clipped: share of the samples of the file that are at full scale.
    """

    samples: Int16[np.ndarray, " T"]
    rate: int
    channels: int
    bits: int
    clipped: float


def package() -> Any:
    """Give the package that opens sound files, imported on first use.

    Raises:
        BadInputError: if it is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise _missing("soundfile") from error
    return soundfile


def resampling() -> Any:
    """Give the package that changes the rate of a sound, imported on first use.

    Raises:
        BadInputError: if it is not installed.
    """
    try:
        import soxr
    except (ImportError, OSError) as error:
        raise _missing("soxr") from error
    return soxr


def is_sound(path: Path) -> bool:
    """Tell by its first bytes whether a file is likely a sound."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    wave = head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:] == b"WAVE"
    frame = head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 == 0xE2  # of an MP3
    return wave or head.startswith(_SIGNATURES) or frame


def rate_of(path: Path) -> int | None:
    """Read the rate off a header, Hz; None for what is no sound."""
    try:
        with package().SoundFile(path) as file:
            return int(file.samplerate)
    except BadInputError:
        raise
    except Exception:  # decoding will say what is wrong with it
        return None


def decode(path: Path, rate: int) -> Sound | str:
    """Read one file, mixed to one channel, at a rate.

    Returns:
        The sound, or what is wrong with the file as a clause.
    """
    try:
        if not path.is_file():  # a pipe would be waited for without end
            return "is not a file" if path.exists() else "does not exist"
        wrong = contradiction(path)
        if wrong:
            return wrong
        with package().SoundFile(path) as file:
            wrong = _refused(file)
            return wrong or _read(file, rate)
    except BadInputError:
        raise
    except PermissionError:
        return "may not be read"
    except Exception as error:  # a broken file can make libsndfile raise nearly anything
        size = path.stat().st_size if path.exists() else 0
        reason = str(error).rpartition("': ")[2].strip().rstrip(".") or type(error).__name__
        return f"is no sound that can be read ({size:,} bytes: {reason})" if size else "is empty"


def decode_all(
    paths: Sequence[Path], rate: int, *, late: Callable[[], bool] | None = None
) -> Iterator[list[Sound | str]]:
    """Read files on all cores, in order, a chunk of them at a time.

    Args:
        paths: of the files.
        rate: that all are brought to, Hz.
        late: tells whether the time is up; no file is begun from then on.
    """

    def one(path: Path) -> Sound | str | None:
        return None if late is not None and late() else decode(path, rate)

    package(), resampling()  # here, where what is missing can be said
    # A thread each is enough: both packages let go of the interpreter while they compute.
    with ThreadPoolExecutor(_cores()) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            found = list(takewhile(lambda each: each is not None, pool.map(one, chunk)))
            yield [each for each in found if each is not None]
            if len(found) < len(chunk):
                break


def whole_numbers(samples: Float32[np.ndarray, " T"]) -> Int16[np.ndarray, " T"]:
    """Write samples between -1 and 1 as 16 bits; what is louder is clipped."""
    return np.clip(np.rint(samples * 32_768), -LOUDEST, LOUDEST).astype(np.int16)


def mixed(samples: Float32[np.ndarray, "S C"], chosen: int | None) -> Float32[np.ndarray, " S"]:
    """Make one channel of several: their mean, or one of them."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    return samples.mean(axis=1) if chosen is None else samples[:, chosen]


def one_channel(samples: Float32[np.ndarray, "S C"]) -> int | None:
    """Give the loudest channel where channels cancel each other out; None to take the mean."""
    if samples.shape[1] == 1:
        return None
    levels = np.sqrt(np.square(samples, dtype=np.float64).mean(axis=0))
    together = np.sqrt(np.square(samples.mean(axis=1), dtype=np.float64).mean())
    return int(levels.argmax()) if together < _OPPOSED * levels.max() else None


def at_rate(
    samples: Float32[np.ndarray, " S"], rate: int, wanted: int
) -> Float32[np.ndarray, " T"]:
    """Bring samples to another rate."""
    if rate == wanted:
        return samples
    changed: NDArray[np.float32] = resampling().resample(samples, rate, wanted)
    return changed.astype(np.float32)


def _refused(file: Any) -> str:
    if file.format not in FORMATS:
        return f"is of the format {file.format}, which is not read"
    if not _RATES[0] <= file.samplerate <= _RATES[1]:
        return f"claims {file.samplerate:,} samples a second"
    if file.channels > _CHANNELS:
        return f"claims {file.channels:,} channels"
    return ""


def _read(file: Any, rate: int) -> Sound | str:
    """Read, mix, change the rate and round, a piece at a time."""
    kept, tally = bytearray(), _Tally()
    change = None
    if file.samplerate != rate:
        change = resampling().ResampleStream(file.samplerate, rate, 1, dtype="float32")
    for piece in file.blocks(_PIECE, dtype="float32", always_2d=True):
        if not np.isfinite(piece).all():
            return "holds values that are no numbers"
        plain = tally.plain(piece)
        if tally.count > LONGEST * file.samplerate:
            return f"is longer than {LONGEST / 3600:g} hours: cut it"
        kept += whole_numbers(plain if change is None else change.resample_chunk(plain)).tobytes()
    if change is not None and tally.count:
        last = change.resample_chunk(np.zeros(0, np.float32), last=True)
        kept += whole_numbers(last).tobytes()
    if not kept:
        return "holds no sound (0 samples)"
    promised = file.frames
    if tally.count < 0.9 * promised - file.samplerate:
        there = _seconds(tally.count, file)
        return f"is cut short: {_seconds(promised, file)} are promised, {there} are there"
    return Sound(
        samples=np.frombuffer(kept, np.int16),
        rate=int(file.samplerate),
        channels=int(file.channels),
        bits=_BITS.get(file.subtype, 16),
        clipped=tally.clipped / max(1, tally.count),
    )


@dataclass(slots=True)
class _Tally:
    """What was seen of a file so far, and how its samples are made plain."""

    count: int = 0
    clipped: int = 0
    scale: float = 0.0
    channel: int | None = None

    def plain(self, piece: Float32[np.ndarray, "S C"]) -> Float32[np.ndarray, " S"]:
        """Give the samples of a piece between -1 and 1, in one channel."""
        if not self.scale:  # the first piece tells
            large = np.abs(piece).max(initial=0) > 256  # whole numbers that were written as floats
            self.scale = 1 / 32_768 if large else 1.0
            self.channel = one_channel(piece)
        self.count += len(piece)
        self.clipped += int((np.abs(piece) >= _CLIPPED / self.scale).any(axis=1).sum())
        return mixed(piece, self.channel) * np.float32(self.scale)


def _seconds(samples: int, file: Any) -> str:
    return f"{samples / file.samplerate:,.2f} s"


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)  # only some systems can say
    return len(known(0)) if known else os.cpu_count() or 1


def _missing(name: str) -> BadInputError:
    return BadInputError(
        given=f"the package {name} is not installed",
        needed="it, to read recordings",
        remedy='`pip install "pellucid[audio]"`',
    )
