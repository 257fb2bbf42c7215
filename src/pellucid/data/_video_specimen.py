"""A small set of clips with an answer, for the contracts; folders of frames need no av.

Every frame of one class could be one of the other: only the order tells which way the spot moves.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

_EACH, _FRAMES, _SIDE = 64, 6, 20


def write(folder: Path) -> Path:
    """Write a light spot on noise that falls or rises, as folders of frames in class folders."""
    from PIL import Image

    random = np.random.default_rng(11)
    for way in ("falling", "rising"):
        for number in range(_EACH):
            inside = folder / way / f"clip{number:03}"
            inside.mkdir(parents=True, exist_ok=True)
            for place, frame in enumerate(_clip(random, rises=way == "rising")):
                Image.fromarray(frame).save(inside / f"{place:03}.png", compress_level=1)
    return folder


def _clip(random: np.random.Generator, *, rises: bool) -> UInt8[np.ndarray, "T H W"]:
    across, low, high = random.uniform(4, _SIDE - 4), random.uniform(13, 17), random.uniform(2, 6)
    down = np.linspace(low, high, _FRAMES) if rises else np.linspace(high, low, _FRAMES)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    apart = np.hypot(rows - down[:, None, None], columns - across)
    ground = random.normal(70, 12, (_SIDE, _SIDE))
    noise = random.normal(0, 4, (_FRAMES, _SIDE, _SIDE))
    return np.clip(ground + noise + 150 * (apart < 3), 0, 255).astype(np.uint8)
