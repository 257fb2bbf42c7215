"""What one clip has in each part: whether anything moves there.

Letters: P parts.
"""

import numpy as np
from jaxtyping import UInt8

from pellucid.data import Parts

_STILL, _MUCH = 1.0, 2.0  # grey levels from frame to frame; times the mean of the clip


def told(frames: UInt8[np.ndarray, "T H W 3"], parts: Parts) -> tuple[str, ...]:
    """Say of each part, (P,), that it stands still, or that much moves in it, or nothing.

    Args:
        frames: of the clip, in the form that the parts divide.
        parts: of it, or of another clip.
    """
    of = parts.of[0].ravel()
    grey = frames.mean(axis=3)
    change = np.abs(np.diff(grey, axis=0, prepend=grey[:1])).ravel()
    inside = of >= 0
    counts = np.maximum(np.bincount(of[inside], minlength=len(parts)), 1)
    means = np.bincount(of[inside], change[inside], minlength=len(parts)) / counts
    usual = float(change.mean())
    return tuple(_words(float(mean), usual) for mean in means)


def _words(mean: float, usual: float) -> str:
    if mean < _STILL:
        return "stands still"
    return "much moves" if mean > _MUCH * usual else ""
