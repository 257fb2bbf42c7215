"""Noise that follows from what it stands beside.

Idea: each row of noise is a function of the content of one example alone, so that what is made
beside it is the same in every run, in any batch and in any order.

Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64);
Box & Muller 1958, "A note on the generation of random normal deviates".

Letters: B batch, Z numbers of noise.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def noise(x: Float[Tensor, "B ..."], count: int) -> Float[Tensor, "B Z"]:
    """Give normal numbers for each example, on the CPU.

    Args:
        x: the examples.
        count: Z.
    """
    chances = _chances(_keys(x), 1, 2 * count)
    first, second = chances[:, :count], chances[:, count:]
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * math.pi * second)
    return torch.from_numpy(normal.astype(np.float32))


def drawn(x: Float[Tensor, "B ..."], shares: tuple[float, ...]) -> Int[Tensor, " B"]:
    """Draw a class for each example by how frequent classes are, on the CPU; -1 without any."""
    if not shares:
        return torch.full((len(x),), -1)
    chances = _chances(_keys(x), 0, 1)[:, 0]
    ends = np.cumsum(shares) / sum(shares)
    places = np.searchsorted(ends, chances, side="right")
    return torch.from_numpy(places.clip(0, len(shares) - 1).astype(np.int64))


def place(x: Float[Tensor, "B ..."], count: int) -> Int[Tensor, " B"]:
    """Draw one of so many places for each example, on the CPU."""
    keys = _mixed(_keys(x))
    return torch.from_numpy((keys % np.uint64(count)).astype(np.int64))


def _keys(x: Tensor) -> NDArray[np.uint64]:
    """Hash each example: the sum of its numbers' bits, each times an odd number of its place."""
    flat = x.detach().float().cpu().contiguous().flatten(1).numpy()
    bits = flat.view(np.uint32).astype(np.uint64)
    places = _mixed(np.arange(flat.shape[1], dtype=np.uint64) * _GOLDEN) | np.uint64(1)
    keys: NDArray[np.uint64] = (_mixed(bits) * places).sum(axis=1, dtype=np.uint64)
    return keys


def _chances(keys: NDArray[np.uint64], start: int, count: int) -> NDArray[np.float64]:
    places = np.arange(start, start + count, dtype=np.uint64) * _GOLDEN
    mixed = _mixed(keys[:, None] + places)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
