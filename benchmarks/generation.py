"""How good are pictures of clothes that were learned within 15 min, beside DCGAN and WGAN-GP?

Fashion-MNIST, its 60,000 training pictures; each system gets 900 s from the start of its process to
the samples (pellucid: to its model; drawing 10,000 of them is a command of its own). One eye that
was taught on the real training pictures judges 10,000 samples of each beside the 10,000 real test
pictures (`_eyed.py`): the Fréchet distance in its features (no FID, whose features are others), the
unbiased kernel distance, precision, recall, density, coverage, and how often each class is there.

Beside them: real training pictures, as they are, blurred and noisy; pellucid without classes, as
the peers have none; pellucid with every tenth picture; and what a classifier that learned from
10,000 made pictures alone (`pellucid fit made/`, 60 s) knows of real ones.

Then flowers5, 800 photos in colour, the middle square of each at 64 × 64, the same files for both:
pellucid beside DCGAN, 1,800 s each; 300 samples beside the 300 test photos. A sheet of what each
made is kept in build/.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks import _peers
from benchmarks._clothes import read, write
from benchmarks._pellucid import (
    NAMED,
    PACKAGES,
    Fit,
    command,
    dig,
    last_json,
    linked,
    module,
    scratch,
)
from benchmarks.runner import FailedRunError, Setting, System, Trial, measure, must

SECONDS, TAUGHT = 900.0, 60.0
COUNT = 10_000
PEERS = (("DCGAN, pytorch/examples", "dcgan"), ("WGAN-GP, its authors' script", "wgan_gp"))
SPOILT = ("real", "blurred", "noisy")
TENTH = 10
LONG, SIDE = 1800.0, 64  # s, pixels: photos
SHEETS = Path(__file__).parents[1] / "build" / "sheets"
SHOWN = (8, 12)  # rows, columns
TROUBLE = "times trouble is named"


def ask(setting: Setting) -> None:
    """Fit, make, and have all of it judged."""
    folder = setting.folder("fashion_mnist")
    seconds = 30.0 if setting.smoke else SECONDS
    with linked(folder, "train-*") as whole, _plain(folder) as plain, _tenth(folder) as tenth:
        own = {
            "pellucid, with classes": (whole, True),
            "pellucid, no classes": (plain, False),
            "pellucid, a tenth of the pictures": (tenth, False),
        }
        systems = [
            System(name, partial(_own, name, folder, *given, seconds), packages=PACKAGES)
            for name, given in own.items()
        ]
        systems += [
            System(name, partial(_peer, script, folder, folder, seconds)) for name, script in PEERS
        ]
        systems += [
            System(f"training pictures, {how}", partial(_floor, folder, how)) for how in SPOILT
        ]
        measure("generation", systems, setting)
    seconds = 45.0 if setting.smoke else LONG
    with scratch() as photos:
        _squares(setting.folder("flowers5"), photos / "flowers")
        sides = (photos / "flowers", photos / "flowers" / "train")
        both = [
            System(
                "pellucid", partial(_own, "pellucid", *sides, False, seconds), packages=PACKAGES
            ),
            System(PEERS[0][0], partial(_peer, PEERS[0][1], *sides, seconds)),
        ]
        measure("generation flowers5", both, setting)


def _own(name: str, folder: Path, data: Path, teach: bool, seconds: float, seed: int) -> Trial:
    with scratch() as room:
        fit = Fit(data=data, seconds=seconds, options=("--task", "generate_image"))
        done, model = fit.run(seed, room)
        if done.code != 0:
            raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
        made = room / "made.npz"
        words = [*command(), "generate", model, "--seed", str(seed)]
        quick = must([*words, "--count", "1000", "--out", room / "some.npz"])
        must([*words, "--count", str(COUNT), "--out", made])
        _keep_sheet(made, f"{folder.name}-{name}-{seed}")
        named = done.messages.count(NAMED)
        scores = {**_judged(folder, made), "seconds for 1,000": quick.seconds, TROUBLE: named}
        if teach:
            must([*words, "--count", str(COUNT), "--out", room / "made"])
            scores["accuracy of a classifier learned from it"] = _taught(room, folder, seed)
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def _peer(script: str, folder: Path, data: Path, seconds: float, seed: int) -> Trial:
    with scratch() as room:
        made = room / "made.npz"
        timed = ["--seconds", f"{seconds:g}", "--seed", str(seed)]
        done = _peers.script(script, "torch", [data, made, *timed])
        _keep_sheet(made, f"{folder.name}-{script}-{seed}")
        scores = dict(_judged(folder, made))
        return Trial(scores=scores, seconds=done.seconds, mebibytes=done.mebibytes)


def _floor(folder: Path, how: str, seed: int) -> Trial:
    del seed
    return Trial(scores=_judged(folder, how), seconds=0.0, mebibytes=0.0)


def _judged(folder: Path, made: Path | str) -> Mapping[str, float]:
    found = last_json(module("_eyed", [folder, made]).output)
    return {name: value for name, value in found.items() if name != "eye"}


def _keep_sheet(made: Path, name: str) -> None:
    """Draw the first samples, so that one can look at them, too."""
    pixels = np.load(made)["x"][: SHOWN[0] * SHOWN[1]]
    height, width, channels = pixels.shape[1:]
    rows = pixels.reshape(*SHOWN, height, width, channels).swapaxes(1, 2)
    sheet = rows.reshape(SHOWN[0] * height, SHOWN[1] * width, channels).squeeze()
    SHEETS.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(SHEETS / f"{name.replace(', ', '-').replace(' ', '-')}.png")


def _squares(source: Path, folder: Path) -> None:
    """Write the middle square of each photo of both sides."""
    for path in sorted(source.glob("*/*/*.*")):
        out = (folder / path.relative_to(source)).with_suffix(".png")
        out.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as photo:
            upright = ImageOps.exif_transpose(photo).convert("RGB")
        ImageOps.fit(upright, (SIDE, SIDE), Image.Resampling.LANCZOS).save(out)


def _taught(room: Path, folder: Path, seed: int) -> float:
    """Learn from made pictures alone, and be tested on real ones."""
    (room / "taught").mkdir()
    done, model = Fit(data=room / "made", seconds=TAUGHT).run(seed, room / "taught")
    if done.code != 0:
        raise FailedRunError(f"exit status {done.code} from pellucid fit: {done.messages}")
    with linked(folder, "t10k-*") as test:
        found = must([*command(), "evaluate", model, test, "--json"])
    return dig(last_json(found.output), "accuracy")


@contextmanager
def _plain(folder: Path) -> Iterator[Path]:
    """Give the training pictures without their classes."""
    with linked(folder, "train-images*") as found:
        yield found


@contextmanager
def _tenth(folder: Path) -> Iterator[Path]:
    """Give every tenth of the training pictures, with its class."""
    pixels, labels = read(folder, "train")
    with scratch() as room:
        write(room, "train", pixels[::TENTH], labels[::TENTH])
        yield room
