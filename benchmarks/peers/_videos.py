"""A table of video files as tensors, for the peers that learn from clips."""

import argparse
import csv
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor


def arguments(description: str | None, *, frames: int, side: int, batch: int) -> argparse.Namespace:
    """Read the options that all peers for clips share.

    Args:
        description: the docstring of the peer.
        frames: of each clip.
        side: pixels of their squares.
        batch: clips a step.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("train", type=Path, help="table of path and label to learn from")
    parser.add_argument("test", type=Path, help="table to test on")
    parser.add_argument("--seconds", type=float, default=300.0, help="from the process's start")
    parser.add_argument("--epochs", type=float, help="so many instead of seconds, to try settings")
    parser.add_argument("--frames", type=int, default=frames)
    parser.add_argument("--side", type=int, default=side, help="pixels")
    parser.add_argument("--batch", type=int, default=batch)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(table: Path, frames: int, side: int) -> tuple[Tensor, Tensor]:
    """Read clips: uint8 (N, frames, 3, side, side), evenly over each, and labels (N,)."""
    with table.open(newline="") as file:
        rows = [*csv.DictReader(file)]
    classes = sorted({row["label"] for row in rows})
    x = torch.stack([_clip(table.parent / row["path"], frames, side) for row in rows])
    return x, torch.tensor([classes.index(row["label"]) for row in rows])


def augmented(x: Tensor, side: int) -> Tensor:
    """Crop each clip at one place of its own and flip half of them."""
    room = x.shape[-1] - side + 1
    rows, columns = torch.randint(room, (2, len(x))).tolist()
    crops = [
        clip[:, :, row : row + side, column : column + side]
        for clip, row, column in zip(x, rows, columns, strict=True)
    ]
    flip = torch.rand(len(x)) < 0.5
    batch = torch.stack(crops)
    batch[flip] = batch[flip].flip(-1)
    return batch


def _clip(path: Path, frames: int, side: int) -> Tensor:
    """Resize the shorter side and keep the middle square."""
    with av.open(str(path)) as file:
        shown = [*file.decode(video=0)]
    places = ((np.arange(frames) + 0.5) * len(shown) / frames).astype(int)
    pixels = []
    for place in places.tolist():
        frame = shown[place]
        scale = side / min(frame.width, frame.height)
        wide, high = max(side, round(frame.width * scale)), max(side, round(frame.height * scale))
        drawn = frame.to_ndarray(format="rgb24", width=wide, height=high)
        top, left = (high - side) // 2, (wide - side) // 2
        pixels.append(drawn[top : top + side, left : left + side])
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).contiguous()
