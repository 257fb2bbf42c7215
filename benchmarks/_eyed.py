"""One judge for all makers of pictures: `python -m benchmarks._eyed FASHION_MNIST MADE.npz`.

An eye (`pellucid/networks/_eye.py`) is taught on the 60,000 real training pictures by its fixed
recipe, another seed than any maker has, and kept in build/. All samples are then compared with the
10,000 real test pictures. Without samples, or with "blurred" or "noisy", real training pictures
stand for them: what as many real ones score, and what spoilt ones do.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks._clothes import read
from pellucid.data import Schema
from pellucid.data._batches import Supply
from pellucid.data.image import Image
from pellucid.networks._eye import Eye
from pellucid.tasks import _eye, _likeness

SEED = 90_001
CLASSES = 10
_KEPT = Path(__file__).parents[1] / "build" / "eye-fashion.safetensors"
_BLURS, _NOISE = 2, 20.0  # times that 3 × 3 pixels are averaged; deviation, of 255


def main() -> None:
    """Judge, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("made", help="an .npz with x, (N, 28, 28, 1); or real, blurred, noisy")
    options = parser.parse_args()
    eye, schema = _taught(options.folder)
    test, labels = read(options.folder, "t10k")
    pixels = _real(options.folder, options.made)
    pixels = np.load(options.made)["x"] if pixels is None else pixels
    real, made = (_seen(eye, schema, each) for each in (test[..., None], pixels))
    shares = _shares(eye, made) / _shares(eye, real)
    found = _likeness.values(real, made)
    print(
        json.dumps(
            {
                **found,
                "classes within half and twice": int(((shares > 0.5) & (shares < 2)).sum()),
                "rarest class": float(shares.min()),
                "commonest class": float(shares.max()),
                "accuracy of the eye": float(
                    (eye.judge(real).argmax(dim=1) == torch.from_numpy(labels.copy()))
                    .float()
                    .mean()
                ),
                "eye": _eye.digest(eye),
            }
        )
    )


def _taught(folder: Path) -> tuple[Eye, Schema]:
    pixels, labels = read(folder, "train")
    mean, std = float(pixels.mean()), float(pixels.std())
    details = {"mean": [mean], "std": [std], "flip": False}
    details["augment"] = {"flip": False, "shift": 1, "crop": None, "light": 0.0}
    classes = tuple(str(label) for label in range(CLASSES))
    schema = Schema(kind="image", shape=(1, 28, 28), classes=classes, details=details)
    torch.manual_seed(SEED)
    eye = Eye(schema)
    if _KEPT.exists():
        eye.load_state_dict(load_file(_KEPT))
        return eye, schema
    places, y = np.arange(len(pixels)), torch.from_numpy(labels.astype(np.int64))
    supply = Supply(Image(), schema, pixels[..., None], places, y)
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    _eye.learn(eye, supply, seconds=None, seed=SEED, half=half)
    _KEPT.parent.mkdir(parents=True, exist_ok=True)
    save_file(eye.state_dict(), _KEPT)
    return eye, schema


def _seen(eye: Eye, schema: Schema, pixels: np.ndarray) -> Tensor:
    return _eye.seen(eye, Image().tensor(torch.from_numpy(np.array(pixels)), schema))


def _shares(eye: Eye, features: Tensor) -> Tensor:
    """Count classes as the eye sees them, in real and made pictures alike."""
    counts = eye.judge(features).argmax(dim=1).bincount(minlength=CLASSES)
    return counts / counts.sum()


def _real(folder: Path, wish: str) -> np.ndarray | None:
    """Give 10,000 real training pictures, as they are or spoilt."""
    if wish not in ("real", "blurred", "noisy"):
        return None
    random = np.random.default_rng(SEED)
    pixels, _ = read(folder, "train")
    x = pixels[random.permutation(len(pixels))[:10_000]].astype(np.float32)
    if wish == "noisy":
        x += random.normal(0, _NOISE, x.shape)
    for _ in range(_BLURS if wish == "blurred" else 0):
        wide = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
        x = sum(wide[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3)) / 9
    return np.clip(np.round(x), 0, 255).astype(np.uint8)[..., None]


if __name__ == "__main__":
    main()
