"""Picture files for the tests: small, made on the spot, whole or broken."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pellucid.data.image import Image

SHARED = Path(__file__).parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
RED, GREEN, BLUE, GREY = (250, 10, 10), (10, 250, 10), (10, 10, 250), (128, 128, 128)


def put(path, colour=RED, size=(24, 24), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, colour).save(path, **options)
    return path


def halves(left=RED, right=BLUE, size=(32, 24)):
    """A picture whose left half differs from its right."""
    picture = Pillow.new("RGB", size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def read_one(path, ask):
    return Image().read(path, ask).raw.pixels[0].astype(int)


def reasons(examples):
    return {Path(fault.name).name: fault.reason for fault in examples.faults}


def write_idx(path, array):
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_idx_pair(folder, side, count, *, end="", seed=0):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 28, 28), np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    write_idx(folder / f"{side}-images-idx3-ubyte{end}", pixels)
    write_idx(folder / f"{side}-labels-idx1-ubyte{end}", labels)
    return pixels, labels


def png_that_claims(width, height):
    def chunk(name, data):
        sum_ = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def many(folder, count=80):
    for number in range(count):
        put(folder / f"{number:03}.png", (number, 0, 0), (9, 8))
    (folder / "broken.png").write_bytes(b"no")
