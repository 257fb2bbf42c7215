"""One judge for all makers of pictures: `python -m benchmarks._eyed DATA MADE.npz`.

DATA is Fashion-MNIST, or a folder with `train` and `test`, each of class folders of square photos
of one size. An eye (`pellucid/networks/_eye.py`) is taught on all real training pictures by its
fixed recipe, with another seed than any maker has, and kept in build/. All samples are then
compared with the real test pictures. Without samples, or with "blurred" or "noisy", real training
pictures stand for them: what as many real ones score, and what spoilt ones do.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from safetensors.torch import load_file, save_file
from torch import Tensor

from benchmarks._clothes import read
from pellucid.data import Schema
from pellucid.data._batches import Supply
from pellucid.data._picture_views import plan
from pellucid.data.image import Image
from pellucid.networks._eye import Eye
from pellucid.tasks import _eye, _likeness

SEED = 90_001
_KEPT = Path(__file__).parents[1] / "build"
_BLURS, _NOISE = 2, 20.0  # times that 3 × 3 pixels are averaged; deviation, of 255

Pixels = NDArray[np.uint8]
Labelled = tuple[Pixels, NDArray[np.int64]]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A data set that makers learned from.

    Args:
        name: of the file in which its eye is kept.
        train: pictures, (N, H, W, C), and their classes.
        test: the same of those that nobody learned from.
    """

    name: str
    train: Labelled
    test: Labelled

    @classmethod
    def of(cls, folder: Path) -> "Judged":
        """Read it."""
        if (folder / "train").is_dir():
            return cls(
                name=folder.name, train=_photos(folder / "train"), test=_photos(folder / "test")
            )
        sides = [read(folder, side) for side in ("train", "t10k")]
        train, test = [(pixels[..., None], labels.astype(np.int64)) for pixels, labels in sides]
        return cls(name="fashion", train=train, test=test)

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.train[1].max()) + 1


def main() -> None:
    """Judge, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("made", help="an .npz with x, (N, H, W, C); or real, blurred, noisy")
    options = parser.parse_args()
    judged = Judged.of(options.folder)
    eye, schema = _taught(judged)
    test, labels = judged.test
    pixels = _real(judged, options.made)
    pixels = np.load(options.made)["x"] if pixels is None else pixels
    real, made = (_seen(eye, schema, each) for each in (test, pixels[: len(test)]))
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
                    (eye.judge(real).argmax(dim=1) == torch.from_numpy(labels)).float().mean()
                ),
                "eye": _eye.digest(eye),
            }
        )
    )


def _taught(judged: Judged) -> tuple[Eye, Schema]:
    pixels, labels = judged.train
    height, width, channels = pixels.shape[1:]
    mean, std = pixels.mean(axis=(0, 1, 2)), pixels.std(axis=(0, 1, 2))
    details = {"mean": mean.tolist(), "std": std.tolist(), "flip": False}
    details["augment"] = plan(height, width, channels, flip=channels > 1)
    classes = tuple(str(label) for label in range(judged.classes))
    shape = (channels, height, width)
    schema = Schema(kind="image", shape=shape, classes=classes, details=details)
    torch.manual_seed(SEED)
    eye, kept = Eye(schema), _KEPT / f"eye-{judged.name}.safetensors"
    if kept.exists():
        eye.load_state_dict(load_file(kept))
        return eye, schema
    supply = Supply(Image(), schema, pixels, np.arange(len(pixels)), torch.from_numpy(labels))
    half = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    _eye.learn(eye, supply, seconds=None, seed=SEED, half=half)
    kept.parent.mkdir(parents=True, exist_ok=True)
    save_file(eye.state_dict(), kept)
    return eye, schema


def _seen(eye: Eye, schema: Schema, pixels: Pixels) -> Tensor:
    return _eye.seen(eye, Image().tensor(torch.from_numpy(np.array(pixels)), schema))


def _shares(eye: Eye, features: Tensor) -> Tensor:
    """Count classes as the eye sees them, in real and made pictures alike."""
    counts = eye.judge(features).argmax(dim=1).bincount(minlength=eye.answers)
    return counts / counts.sum()


def _real(judged: Judged, wish: str) -> Pixels | None:
    """Give as many real training pictures as there are test ones, as they are or spoilt."""
    if wish not in ("real", "blurred", "noisy"):
        return None
    random = np.random.default_rng(SEED)
    pixels, _ = judged.train
    x = pixels[random.permutation(len(pixels))[: len(judged.test[0])]].astype(np.float32)
    if wish == "noisy":
        x += random.normal(0, _NOISE, x.shape)
    rim = ((0, 0), (1, 1), (1, 1), (0, 0))
    height, width = x.shape[1:3]
    for _ in range(_BLURS if wish == "blurred" else 0):
        wide = np.pad(x, rim, mode="edge")
        x = sum(wide[:, i : i + height, j : j + width] for i in range(3) for j in range(3)) / 9
    return np.clip(np.round(x), 0, 255).astype(np.uint8)


def _photos(folder: Path) -> Labelled:
    """Read class folders of square photos of one size, in the order of their names."""
    classes = sorted(path.name for path in folder.iterdir())
    paths = [
        (path, label) for label, name in enumerate(classes) for path in (folder / name).iterdir()
    ]
    pictures = []
    for path, _ in sorted(paths):
        with Pillow.open(path) as picture:
            pictures.append(np.array(picture))
    return np.stack(pictures), np.array([label for _, label in sorted(paths)], np.int64)


if __name__ == "__main__":
    main()
