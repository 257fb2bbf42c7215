"""Gzipped IDX pairs as arrays, for every peer alike.

All peers get the set resident in memory, which is faster than the loaders of their examples.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np


def arguments(description: str | None, *, epochs: int) -> argparse.Namespace:
    """Read the options that all peers on Fashion-MNIST share.

    Args:
        description: the docstring of the peer.
        epochs: what its recipe says.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder with the four gzipped IDX files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--stop", type=float, default=1.0, help="stop at this test accuracy")
    parser.add_argument("--limit", type=int, help="use only so many examples, to try the script")
    parser.add_argument("--fast", action="store_true", help="settings found to be quickest, if any")
    return parser.parse_args()


def read(folder: Path, side: str, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read the pictures, (N, 28, 28) uint8, and labels, (N,) int64, of "train" or "t10k"."""
    with gzip.open(folder / f"{side}-images-idx3-ubyte.gz") as file:
        pictures = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{side}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)
    return pictures[:limit], labels[:limit]
