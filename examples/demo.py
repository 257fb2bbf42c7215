"""From raw files to a model, by the commands a user would type; `make demo` runs this.

The pictures are the 1,797 handwritten digits of 8 x 8 points that scikit-learn ships, so nothing is
downloaded. They are written as PNG files in class folders under demo/, like photos someone took.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

DEMO = Path("demo")
TEST = 297  # pictures kept from training


def main() -> None:
    """Write the pictures, then look, fit, evaluate, predict, explain, show and report."""
    write_digits(DEMO / "digits")
    model = "demo/digits.pellucid"
    some = sorted(Path("demo/digits/test/7").iterdir())[0]
    run("look demo/digits/train --test demo/digits/test --out demo/sheet.png")
    run(f"fit demo/digits/train --budget '20 s' --out {model}")
    run(f"evaluate {model} demo/digits/test")
    run(f"predict {model} {some}")
    run(f"explain {model} {some} --out demo/why.html", quiet=True)
    run(f"show {model} --out demo/curve.png", quiet=True)
    run(f"report {model} --out demo/report.html", quiet=True)
    print(
        "\nSee demo/sheet.png (the data), demo/curve.png (how it was learned),"
        "\ndemo/why.html (why it answered so) and demo/report.html (the whole account)."
    )


def write_digits(folder: Path) -> None:
    """Write each digit to folder/SIDE/CLASS/NUMBER.png."""
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    for place, number in enumerate(order):
        side = "test" if place < TEST else "train"
        path = folder / side / str(digits.target[number]) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey = np.round(digits.images[number] * (255 / 16)).astype(np.uint8)
        Image.fromarray(grey).save(path)


def run(command: str, *, quiet: bool = False) -> None:
    """Run one command of the shell as it is shown."""
    print(f"\n$ pellucid {command}", flush=True)
    subprocess.run(
        [sys.executable, "-m", "pellucid.cli", *shlex.split(command)],
        check=True,
        stdout=subprocess.DEVNULL if quiet else None,
    )


if __name__ == "__main__":
    main()
