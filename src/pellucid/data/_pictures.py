"""Picture files become arrays of one size.

Idea: a file is judged by what is in it, not by what it is called. Its header is read first, so that
a few bytes which claim to be billions of pixels are refused before they are believed; then it is
decoded no larger than needed, turned upright, cropped to the wanted shape and made smaller with
antialiasing.

Letters: H height, W width, C channels (1 grey, 3 red green blue).
"""

import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

Opened = Any  # PIL.Image.Image, which is imported late

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
    | {".ppm", ".pgm", ".pbm"}
)
# All other formats are attack surface. JPEG covers MPO; the last two make Pillow load more plugins.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF")
MOST_PIXELS = 100_000_000  # 0.4 GB once decoded; a large camera gives 60 million
LONGEST = 4 / 3  # longer pictures are cropped to this side ratio, then squeezed
# A JPEG is decoded at no less than this many times the size wanted. At once the size, decoding is
# 1.6 times as fast, but the result is 28 dB from the true one instead of 43 dB (photos of 227).
SHARP = 2
GREY_WITHIN = 4  # of 255: colour noise that a grey photo saved as colour JPEG has
CHUNK = 256  # pictures decoded between two writes
_ORIENTATION = 0x0112  # the EXIF tag
_SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The one form that all pictures are brought to.

    Args:
        height: rows of pixels.
        width: columns of pixels.
        channels: 1 for grey, 3 for red, green and blue.
    """

    height: int
    width: int
    channels: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """One picture in its form.

    Args:
        pixels: as the form says.
        width: of the picture as it was, upright, pixels.
        height: of the picture as it was, upright, pixels.
        grey: whether it shows no colour, whatever the file's mode.
    """

    pixels: UInt8[np.ndarray, "H W C"]
    width: int
    height: int
    grey: bool


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what Pillow would warn of to itself: a file is either used or named as a fault.

    Filters are global to the process, so this stands around the threads, not in them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_picture(path: Path) -> bool:
    """Tell by its first bytes whether a file is likely a picture."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def probe(source: Path | Opened) -> tuple[int, int] | None:
    """Read the width and height, upright, off a header; None for what is no picture."""
    if not isinstance(source, Path):
        return source.size
    if not source.is_file():  # a pipe would be waited for without end
        return None
    try:
        with source.open("rb") as file:
            picture = _opened(file)
            aside = _turn(picture) >= 5
            return (picture.height, picture.width) if aside else (picture.width, picture.height)
    except Exception:  # decoding will say what is wrong with it
        return None


def decode(source: Path | Opened, form: Form) -> Decoded | str:
    """Bring one picture to the form.

    Args:
        source: a file, or a picture that Pillow has opened.
        form: the size and channels wanted.

    Returns:
        The picture, or what is wrong with it as a clause.
    """
    try:
        if not isinstance(source, Path):
            return _shaped(source, form, source.size)
        if not source.is_file():
            return "is not a file" if source.exists() else "does not exist"
        with source.open("rb") as file:
            picture = _opened(file)
            least = SHARP * max(form.height, form.width)
            size = picture.size
            picture.draft(None, (least, least))  # a JPEG is decoded at 1/2, 1/4 or 1/8 if that does
            return _shaped(picture, form, size)
    except Exception as error:  # a broken file can make Pillow raise nearly anything
        return _reason(error, source)


def decode_all(
    sources: Sequence[Path | Opened], form: Form, *, late: Callable[[], bool] | None = None
) -> Iterator[list[Decoded | str]]:
    """Bring pictures to the form on all cores, in order, a chunk of them at a time.

    Args:
        sources: as `decode` takes them.
        form: wanted.
        late: tells whether the time is up; no picture is begun from then on.
    """

    def one(source: Path | Opened) -> Decoded | str | None:
        return None if late is not None and late() else decode(source, form)

    # A thread each is enough: Pillow lets go of the interpreter while it decodes and resizes.
    with quiet(), ThreadPoolExecutor(_cores()) as pool:
        for start in range(0, len(sources), CHUNK):
            chunk = sources[start : start + CHUNK]
            found = list(takewhile(lambda each: each is not None, pool.map(one, chunk)))
            yield [each for each in found if each is not None]
            if len(found) < len(chunk):
                break


def is_grey(pixels: UInt8[np.ndarray, "N H W 3"]) -> bool:
    """Tell whether no picture of an array shows colour; stops at the first that does."""
    step = max(1, (1 << 22) // max(1, pixels[0].size))
    blocks = (pixels[start : start + step] for start in range(0, len(pixels), step))
    return all(_colourless(block) for block in blocks)


def seen(size: tuple[int, int], width: int, height: int) -> tuple[float, float, float, float]:
    """Give the rectangle of a picture that is left when it is brought to another size.

    Args:
        size: width and height of the picture, upright, pixels.
        width: that it is brought to.
        height: that it is brought to.

    Returns:
        Left, top, width and height, in pixels of the picture; not whole ones.
    """
    wide, high = size
    across = min(wide, LONGEST * width / height * high)
    down = min(high, LONGEST * height / width * wide)
    return (wide - across) / 2, (high - down) / 2, across, down


def _colourless(pixels: UInt8[np.ndarray, "*any 3"]) -> bool:
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    most = np.maximum(np.maximum(red, green), blue)
    least = np.minimum(np.minimum(red, green), blue)
    return int((most - least).max(initial=0)) <= GREY_WITHIN


def _cores() -> int:
    known = getattr(os, "sched_getaffinity", None)  # only some systems can say
    return len(known(0)) if known else os.cpu_count() or 1


def _opened(file: Any) -> Opened:
    from PIL import Image

    picture = Image.open(file, formats=FORMATS)
    if picture.width * picture.height > MOST_PIXELS:
        raise Image.DecompressionBombError(f"({picture.width * picture.height} pixels)")
    return picture


def _shaped(picture: Opened, form: Form, size: tuple[int, int]) -> Decoded:
    turn = _turn(picture)
    aside = turn >= 5
    wide, high = size[::-1] if aside else size
    width, height = (form.height, form.width) if aside else (form.width, form.height)
    upright = _upright(_fitted(_plain(picture), width, height), turn)
    pixels = np.array(upright)
    grey = pixels.ndim == 2 or _colourless(pixels)
    return Decoded(
        pixels=_with_channels(upright, pixels, form.channels), width=wide, height=high, grey=grey
    )


def _turn(picture: Opened) -> int:
    """Read how the picture must be turned, from 1 (not) to 8; TIFF is turned as it is loaded."""
    turn = picture.getexif().get(_ORIENTATION, 1) if picture.format != "TIFF" else 1
    return int(turn) if turn in range(1, 9) else 1


def _plain(picture: Opened) -> Opened:
    """Give mode L or RGB: 16 bits scaled to 8, palettes looked up, alpha laid over white."""
    from PIL import Image

    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(picture)))
    if picture.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        flat = Image.alpha_composite(white, clear)
        return flat.convert("L" if picture.mode in {"LA", "La", "L"} else "RGB")
    return picture.convert("L" if picture.mode in {"1", "L"} else "RGB")


def _eight_bits(values: NDArray[Any]) -> UInt8[np.ndarray, "H W"]:
    """Scale grey values to 0..255 by the range that their numbers are written in.

    16 bits are parts of 65,535. Longer whole numbers may stand for 8, 16 or 31 bits, and floats for
    parts of 1, 255 or 65,535: the least range that holds the picture is taken. What fits in none,
    or is negative, is stretched from its least to its greatest value.
    """
    if values.dtype.itemsize == 2:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    ranges = (1.0, 255.0, 65_535.0) if values.dtype.kind == "f" else (255.0, 65_535.0, 2.0**31 - 1)
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    whole = next((top for top in ranges if high <= top), 0.0)
    if low < 0 or whole == 0:
        values, whole = values - low, max(high - low, 1e-9)
    return np.rint(values * (255 / whole)).astype(np.uint8)


def _fitted(picture: Opened, width: int, height: int) -> Opened:
    """Crop the middle out of a picture too long for the form, and resize it with antialiasing."""
    from PIL import Image

    if picture.size == (width, height):
        return picture
    left, top, across, down = seen(picture.size, width, height)
    box = (left, top, left + across, top + down)
    # A first step by whole pixels, no nearer to the goal than twice, saves most of the time.
    return picture.resize((width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def _upright(picture: Opened, turn: int) -> Opened:
    from PIL import Image

    turns = Image.Transpose
    acts = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }
    return picture.transpose(acts[turn]) if turn in acts else picture


def _with_channels(
    picture: Opened, pixels: NDArray[Any], channels: int
) -> UInt8[np.ndarray, "H W C"]:
    if channels == 3:
        return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return (pixels if pixels.ndim == 2 else np.array(picture.convert("L")))[..., None]


def _reason(error: Exception, source: Path | Opened) -> str:
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, Image.DecompressionBombError):
        found = re.search(r"\((\d+) pixels\)", str(error))
        count = f"{int(found[1]):,} pixels" if found else "too many pixels"
        return f"claims {count}; more than {MOST_PIXELS:,} are not decoded"
    if isinstance(error, UnidentifiedImageError) and isinstance(source, Path):
        size = source.stat().st_size
        return "is empty (0 bytes)" if size == 0 else f"is no picture inside ({size:,} bytes)"
    if isinstance(error, PermissionError):
        return "may not be read"
    if "truncated" in str(error) or isinstance(error, EOFError):
        return f"is cut short ({error})"
    return f"is broken ({str(error) or type(error).__name__})"
