"""A small folder of series of two classes, for the contracts."""

from pathlib import Path

import numpy as np

_EACH = 61
_STEPS = 40


def write(folder: Path) -> Path:
    """Write series in which a bump comes early or late, one file each."""
    random = np.random.default_rng(11)
    folder.mkdir(parents=True, exist_ok=True)
    for name, start in (("early", 5), ("late", 25)):
        (folder / name).mkdir(exist_ok=True)
        for number in range(_EACH):
            values = random.normal(0, 0.4, (_STEPS + int(random.integers(0, 5)), 2))
            first = start + int(random.integers(0, 5))
            values[first : first + 8, 0] += 2.0
            rows = [f"{step},{a:.3f},{b:.3f}" for step, (a, b) in enumerate(values)]
            path = folder / name / f"{number}.csv"
            path.write_text("\n".join(["step,force,noise", *rows]) + "\n", encoding="utf-8")
    return folder
