"""Fashion-MNIST as arrays, and back into files: for benchmarks that plant something in it."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read(folder: Path, side: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read "train" or "t10k": pictures, (N, 28, 28), and labels, (N,)."""
    with gzip.open(folder / f"{side}-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{side}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return pixels.copy(), labels.copy()


def write(folder: Path, side: str, pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Write a pair of IDX files that `read` and pellucid read."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = {"images-idx3": (2051, *pixels.shape), "labels-idx1": (2049, len(labels))}
    for (kind, head), values in zip(heads.items(), (pixels, labels), strict=True):
        with gzip.open(folder / f"{side}-{kind}-ubyte.gz", "wb", compresslevel=1) as file:
            file.write(np.array(head, ">i4").tobytes() + values.tobytes())
