"""Video files become a few frames of one size.

Idea: a file is judged by what is in it. Its packets say when each frame is shown, so frames are
taken by time, whatever the rate and however uneven; only those that are taken are made smaller. In
a long file the decoder jumps from one to the next.

Letters: T frames kept, H height, W width.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from pellucid.data import _video_folders as folders
from pellucid.data._pictures import seen
from pellucid.data._video_clips import Form
from pellucid.data._video_form import Probed
from pellucid.errors import BadInputError

SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp"}
    | {".ogv", ".mts", ".m2ts", ".vob", ".y4m", ".mjpeg", ".mjpg", ".divx", ".asf"}
)
MOST_PIXELS = 40_000_000  # of a frame; 8K has 33 million
CHUNK = 64  # clips decoded between two writes
_LONG = 120.0  # s; in longer files the decoder jumps
_SHORT_OF = 0.9  # of the frames that are promised; fewer are a file that is cut short
_BROKEN = 0.5  # of the frames there are that cannot be decoded; more are a broken file
_TIMED = 0.9  # of the frames that have times of their own; fewer are no times
_SAME = 1e-6  # s
_UNKNOWN = 25.0  # frames a second where nothing says
_SIGNATURES = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"FLV", b"YUV4MPEG2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """One clip as it is kept, and what the file said of it.

    Args:
        pixels: in the form asked for.
        seconds: from the first frame to the end of the last, s.
        rate: frames a second, on average.
        count: frames in the file.
        width: upright, pixels.
        height: upright, pixels.
    """

    pixels: UInt8[np.ndarray, "T H W 3"]
    seconds: float
    rate: float
    count: int
    width: int
    height: int


def package() -> Any:
    """Give the package that decodes videos, imported on first use.

    Raises:
        BadInputError: if it is not installed.
    """
    try:
        import av
    except (ImportError, OSError) as error:
        raise BadInputError(
            given="the package av is not installed",
            needed="it, to read video files",
            remedy='`pip install "pellucid[video]"`, or give folders of frames',
        ) from error
    av.logging.set_level(None)  # a file is either used or named as a fault
    return av


def is_video(path: Path) -> bool:
    """Tell by its first bytes whether a file is likely a video."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    film = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return film or head.startswith(_SIGNATURES) or head[4:8] == b"ftyp"


def probe(path: Path) -> Probed | None:
    """Read the size and about the number of frames off a header; None for what is no video."""
    if path.is_dir():
        return folders.probe(path)
    av = package()
    try:
        with av.open(str(path)) as file:
            stream = _stream(file)
            promised = stream.frames or round(_promised(file, stream) * _rate(stream))
            return Probed(stream.width, stream.height, max(1, promised))
    except Exception:  # decoding will say what is wrong with it
        return None


def decode(path: Path, form: Form) -> Clip | str:
    """Bring one file, or one folder of frames, to the form.

    Returns:
        The clip, or what is wrong with it as a clause.
    """
    if path.is_dir():
        return _from_folder(path, form)
    if not path.is_file():
        return "is not a file" if path.exists() else "does not exist"
    av = package()
    try:
        return _read(av, path, form)
    except _RefusedError as error:
        return str(error)
    except Exception as error:  # a broken file can make the decoder raise nearly anything
        return _reason(error, path)


def decode_all(
    paths: Sequence[Path], form: Form, *, late: Callable[[], bool] | None = None
) -> Iterator[list[Clip | str]]:
    """Bring clips to the form on all cores, in order, a chunk of them at a time.

    Args:
        paths: of the files or folders of frames.
        form: wanted.
        late: tells whether the time is up; no clip is begun from then on.
    """
    if any(not path.is_dir() for path in paths):
        package()

    def one(path: Path) -> Clip | str | None:
        return None if late is not None and late() else decode(path, form)

    # A thread each is enough: PyAV lets go of the interpreter while it decodes and resizes.
    with folders.quiet(), ThreadPoolExecutor(_cores()) as pool:
        for start in range(0, len(paths), CHUNK):
            chunk = paths[start : start + CHUNK]
            found = list(takewhile(lambda each: each is not None, pool.map(one, chunk)))
            yield [each for each in found if each is not None]
            if len(found) < len(chunk):
                break


class _RefusedError(Exception):
    """A file cannot be used; the text says why, as a clause."""


def _read(av: Any, path: Path, form: Form) -> Clip:
    with av.open(str(path)) as file:
        stream = _stream(file)
        promised = _promised(file, stream)
        if promised > _LONG:
            return _from_long(file, stream, form, promised)
        times, timed = _times(file, stream)
        if not len(times):
            raise _RefusedError("holds no frames")
        if len(times) < _SHORT_OF * stream.frames - 2:
            raise _RefusedError(
                f"is cut short: {stream.frames:,} frames are promised, {len(times):,} are there"
            )
        each = float(np.median(np.diff(times))) if len(times) > 1 else 1 / _rate(stream)
    seconds = float(times[-1] - times[0]) + each
    wanted = times[0] + (np.arange(form.frames) + 0.5) * seconds / form.frames
    with av.open(str(path)) as file:  # again: not every format goes back to its start
        stream = _stream(file)
        stream.codec_context.thread_count = 1  # files are decoded side by side
        pixels, size, decoded = _picked(_shown(av, file, stream, timed=timed), wanted, form)
    if decoded < (1 - _BROKEN) * len(times):
        lost = len(times) - decoded
        raise _RefusedError(f"is broken: {lost:,} of {len(times):,} frames cannot be decoded")
    return _made(pixels, size, seconds, len(times))


def _from_long(file: Any, stream: Any, form: Form, seconds: float) -> Clip:
    """Jump to each of the frames that are wanted."""
    pixels: list[UInt8[np.ndarray, "H W 3"]] = []
    size = (0, 0)
    start = float((stream.start_time or 0) * stream.time_base)
    for place in range(form.frames):
        at = start + (place + 0.5) * seconds / form.frames
        file.seek(int(at / stream.time_base), stream=stream)
        shown = None
        for frame in file.decode(stream):
            shown = frame
            if frame.time is None or frame.time >= at:
                break
        if shown is None:
            there = place * seconds / form.frames
            raise _RefusedError(
                f"is cut short: {seconds:,.0f} s are promised, about {there:,.0f} s are there"
            )
        one, size = _small(shown, form)
        pixels.append(one)
    count = stream.frames or round(seconds * _rate(stream))
    return _made(np.stack(pixels), size, seconds, count)


def _shown(av: Any, file: Any, stream: Any, *, timed: bool) -> Iterator[tuple[float, Any]]:
    """Decode everything: give when each frame is shown, s, and the frame."""
    rate, decoded = _rate(stream), 0
    for packet in file.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:  # how many are lost is counted in the end
            continue
        for frame in frames:
            known = timed and frame.time is not None
            yield (frame.time if known else decoded / rate), frame
            decoded += 1


def _picked(
    shown: Iterator[tuple[float, Any]], wanted: Float[np.ndarray, " T"], form: Form
) -> tuple[UInt8[np.ndarray, "T H W 3"], tuple[int, int], int]:
    """Keep, for each time, the frame that is shown then; give its size and how many there were."""
    pixels: list[UInt8[np.ndarray, "H W 3"]] = []
    size, decoded = (0, 0), 0
    last: Any = None
    for at, frame in shown:
        if last is not None and len(pixels) < len(wanted) and wanted[len(pixels)] < at - _SAME:
            small, size = _small(last, form)
            while len(pixels) < len(wanted) and wanted[len(pixels)] < at - _SAME:
                pixels.append(small)
        last, decoded = frame, decoded + 1
    if last is None:
        raise _RefusedError("holds no frames that can be decoded")
    small, size = _small(last, form)
    pixels += [small] * (len(wanted) - len(pixels))
    return np.stack(pixels), size, decoded


def _made(
    pixels: UInt8[np.ndarray, "T H W 3"], size: tuple[int, int], seconds: float, count: int
) -> Clip:
    return Clip(
        pixels=pixels,
        seconds=seconds,
        rate=count / seconds,
        count=count,
        width=size[0],
        height=size[1],
    )


def _small(frame: Any, form: Form) -> tuple[UInt8[np.ndarray, "H W 3"], tuple[int, int]]:
    """Bring a frame to the form, upright; give its own upright size, too."""
    turns = round((getattr(frame, "rotation", 0) or 0) / 90) % 4
    wide, high = frame.width, frame.height
    height, width = (form.width, form.height) if turns % 2 else (form.height, form.width)
    _, _, across, down = seen((wide, high), width, height)
    whole = (max(width, round(width * wide / across)), max(height, round(height * high / down)))
    drawn = frame.reformat(
        width=whole[0], height=whole[1], format="rgb24", interpolation="AREA"
    ).to_ndarray()
    left, top = (whole[0] - width) // 2, (whole[1] - height) // 2
    cut = np.rot90(drawn[top : top + height, left : left + width], turns)
    return np.ascontiguousarray(cut), (high, wide) if turns % 2 else (wide, high)


def _stream(file: Any) -> Any:
    """Give the first stream of pictures.

    Raises:
        _RefusedError: if there is none, or its frames are too large.
    """
    moving = [one for one in file.streams.video if not _is_cover(one)]
    if not moving:
        others = sorted({one.type for one in file.streams})
        told = f" (only {' and '.join(others)})" if others else ""
        raise _RefusedError(f"has no video stream{told}")
    stream = moving[0]
    if stream.width * stream.height > MOST_PIXELS:
        raise _RefusedError(
            f"claims frames of {stream.width * stream.height:,} pixels; more than"
            f" {MOST_PIXELS:,} are not decoded"
        )
    return stream


def _is_cover(stream: Any) -> bool:
    """Tell whether a stream is the picture on the cover of a song."""
    told = getattr(stream, "disposition", None)  # older versions of av do not say
    return told is not None and bool(told & type(told).attached_pic)


def _times(file: Any, stream: Any) -> tuple[Float[np.ndarray, " _"], bool]:
    """Give when each frame is shown, s, in ascending order, and whether the packets say so.

    Some programs write no times, or the same for all: then frames are taken to be even.
    """
    marks = [
        packet.dts if packet.pts is None else packet.pts
        for packet in file.demux(stream)
        if packet.size
    ]
    known = sorted({mark for mark in marks if mark is not None})
    if len(known) < _TIMED * len(marks):
        return np.arange(len(marks)) / _rate(stream), False
    return np.array(known, np.float64) * float(stream.time_base), True


def _promised(file: Any, stream: Any) -> float:
    """Give the length that the header claims, s; 0 where it does not say."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return file.duration / 1e6 if file.duration else 0.0


def _rate(stream: Any) -> float:
    """Give frames a second; what the codec says goes before what the header counts."""
    return float(stream.guessed_rate or stream.average_rate or _UNKNOWN)


def _from_folder(path: Path, form: Form) -> Clip | str:
    found = folders.decode(path, form)
    if isinstance(found, str):
        return found
    pixels, size, count = found
    return _made(pixels, size, count / folders.RATE, count)


def _reason(error: Exception, path: Path) -> str:
    if isinstance(error, PermissionError):
        return "may not be read"
    size = path.stat().st_size
    if not size:
        return "is empty (0 bytes)"
    said = str(getattr(error, "strerror", "") or error or type(error).__name__)
    return f"is no video inside, broken or cut short ({size:,} bytes; {said.lower()})"


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)  # only some systems can say
    return len(known(0)) if known else os.cpu_count() or 1
