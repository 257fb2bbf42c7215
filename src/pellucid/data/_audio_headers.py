"""Headers of WAV files that contradict themselves or the file.

Idea: a WAV says several times over how much sound it holds and how it is written. Where it does not
agree with itself, what comes out is noise or a piece of what was said, and nothing else tells.

Source: IBM & Microsoft 1991, "Multimedia programming interface and data specifications 1.0" (RIFF
WAVE: the chunks "fmt " and "data").
"""

import struct
from pathlib import Path
from typing import BinaryIO

_PLAIN = (1, 3)  # whole numbers and floats, whose bytes can be counted
_UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # sizes of a file that was written into a pipe
_CHUNKS = 64  # looked at
_SLACK = 64  # bytes that may be missing at the end


def contradiction(path: Path) -> str:
    """Say as a clause what is wrong with the header of a WAV; "" for nothing, and other files."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
            return ""
        return _in_chunks(file, path.stat().st_size)


def _in_chunks(file: BinaryIO, size: int) -> str:
    rate = 0
    for _ in range(_CHUNKS):
        head = file.read(8)
        if len(head) < 8:
            return "holds no sound (its header ends before any)"
        name, length = head[:4], struct.unpack("<I", head[4:])[0]
        if name == b"data":
            return _cut_short(length, size - file.tell(), rate)
        body = file.read(min(length, 40)) if name == b"fmt " else b""
        if len(body) >= 16:
            wrong, rate = _in_format(body)
            if wrong:
                return wrong
        file.seek(length + length % 2 - len(body), 1)
        if file.tell() > size:
            return "holds no sound (its header points behind the end of the file)"
    return ""


def _in_format(body: bytes) -> tuple[str, int]:
    """Compare what is said of the rate; gives bytes a second, too."""
    form, channels, rate, bytes_a_second, align, bits = struct.unpack("<HHIIHH", body[:16])
    if not channels or not rate:
        return f"claims {channels} channels at {rate:,} Hz", 0
    if form not in _PLAIN:
        return "", 0
    frame = channels * ((bits + 7) // 8)
    said = f"{channels} × {bits} bits at {rate:,} Hz"
    if align != frame:
        return f"has a header that contradicts itself: {said}, but {align} bytes each", 0
    if bytes_a_second not in (0, rate * frame):
        return f"has a header that contradicts itself: {said}, but {bytes_a_second:,} bytes/s", 0
    return "", rate * frame


def _cut_short(promised: int, there: int, rate: int) -> str:
    if promised in _UNKNOWN or promised <= there + _SLACK:
        return ""
    if rate:
        return (
            f"is cut short: {promised / rate:,.2f} s are promised, {there / rate:,.2f} s are there"
        )
    return f"is cut short: {promised:,} bytes are promised, {there:,} are there"
