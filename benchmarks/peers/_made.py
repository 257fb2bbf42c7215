"""What every peer that makes pictures shares: its data, its clock, and how samples are written."""

import argparse
from collections.abc import Callable
from pathlib import Path

import _photos
import numpy as np
import torch
from _clock import Clock
from _idx import read
from torch import Tensor, nn

SAMPLES = 10_000
LEFT = 6.0  # seconds of the budget that are kept for making and writing samples
_ROWS = 500


def arguments(description: str | None) -> argparse.Namespace:
    """Read the options that all of them have."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="folder of gzipped IDX files or of photos")
    parser.add_argument("out", type=Path, help="samples are written here, as .npz")
    parser.add_argument("--seconds", type=float, default=900.0, help="of the whole process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=SAMPLES)
    return parser.parse_args()


def pictures(folder: Path, low: float, side: int) -> Tensor:
    """Give the training pictures from `low` to 1, (N, 1, side, side), with a rim of `low`."""
    pixels, _ = read(folder, "train")
    x = torch.from_numpy(pixels.copy()).float().div_(255)[:, None] * (1 - low) + low
    rim = (side - x.shape[-1]) // 2
    return nn.functional.pad(x, (rim,) * 4, value=low)


def photos(folder: Path, low: float, side: int) -> Tensor:
    """Give class folders of photos from `low` to 1, (N, 3, side, side)."""
    return _photos.read(folder, side)[0].float().div_(255) * (1 - low) + low


def until(clock: Clock, seconds: float, step: Callable[[], None]) -> int:
    """Step until the time is up, and say how often."""
    steps = 0
    while clock.spent < seconds - LEFT:
        step()
        steps += 1
    return steps


def write(out: Path, made: Callable[[int], Tensor], count: int, low: float, side: int = 28) -> None:
    """Write samples as the bytes of square pictures, their rim cut off."""
    rows = []
    with torch.inference_mode():
        for start in range(0, count, _ROWS):
            x = made(min(_ROWS, count - start)).float()
            rim = (x.shape[-1] - side) // 2
            x = x[:, :, rim : rim + side, rim : rim + side]
            rows.append(((x - low) / (1 - low) * 255).round().clamp(0, 255).to(torch.uint8))
    pixels = torch.cat(rows).permute(0, 2, 3, 1).numpy()
    np.savez_compressed(out, x=pixels)


def low_precision() -> torch.autocast:
    """Multiply in bfloat16, which is twice as fast where the CPU has it."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=bool(asked and asked()))
