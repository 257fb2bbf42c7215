"""The number of frames and the size that all clips of a data set are brought to.

Idea: cost grows with the number of pixels of all frames together. What is done shows in coarse
frames, if there are enough of them; so frames come first, and of what the budget leaves the largest
size is taken that it can look at often enough, never finer than the clips are.

Letters: T frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.data._video_clips import Form

SMALL = 40  # pixels; clips whose longer side is at most this stay as they are
# The least budget, s, from which a shorter side may be taken.
_SECONDS = {32: 0, 40: 20, 48: 40, 56: 80, 64: 150, 80: 500, 96: 1500, 112: 3600}
_FEW, _MANY = 8, 16  # frames, in budgets up to this many seconds and past it
_SHORT = 30.0  # s
PASSES = 40  # times that every clip should be seen
SECONDS_PER_PIXEL = 1.2e-7  # of forward and backward of a small network, two cores, bf16
_LEARNING = 0.7  # share of the budget in which clips are learned from
_LONGEST = 2.0  # side ratio of a form, at most


@dataclass(frozen=True, slots=True)
class Probed:
    """What the header of a clip says.

    Args:
        width: upright, pixels.
        height: upright, pixels.
        frames: about how many there are.
    """

    width: int
    height: int
    frames: int


def working_form(probed: Sequence[Probed], count: int, seconds: float) -> Form:
    """Choose the form that clips are brought to.

    Args:
        probed: some of the clips.
        count: how many clips there are.
        seconds: the whole budget.
    """
    frames = _FEW if seconds <= _SHORT else _MANY
    if not probed:
        return Form(frames=frames, height=32, width=32)
    frames = max(2, min(frames, round(float(np.median([one.frames for one in probed])))))
    width = float(np.median([one.width for one in probed]))
    height = float(np.median([one.height for one in probed]))
    if max(width, height) <= SMALL:
        return Form(frames=frames, height=max(2, round(height)), width=max(2, round(width)))
    each = SECONDS_PER_PIXEL * PASSES * frames * max(1, count)
    ratio = min(_LONGEST, max(width, height) / min(width, height))
    fitting = [
        side
        for side, least in _SECONDS.items()
        if side <= min(width, height)
        and seconds >= least
        and side**2 * ratio * each <= _LEARNING * seconds
    ]
    short = max(fitting, default=min(_SECONDS))
    long = 8 * round(short * ratio / 8)  # eight halves well, several times
    wide = width >= height
    return Form(
        frames=frames, height=short if wide else long, width=long if wide else short
    )  # fmt: skip
