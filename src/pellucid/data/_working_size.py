"""The size that all pictures of a data set are brought to.

Idea: cost grows with the number of pixels, and what a network can still learn from finer pixels
grows slowly; so the size is the largest that the budget can look at often enough, and never finer
than the pictures are.
"""

from collections.abc import Sequence

import numpy as np

SMALL = 40  # pixels; pictures whose longer side is at most this stay as they are
SIZES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224)  # halve well, several times
# The least budget, s, from which a size may be taken. A small convolutional network on two cores
# looks at 800 pictures of 96 × 96 some forty times in two minutes; at 224 it needs the hour.
_SECONDS = {32: 0, 40: 10, 48: 20, 56: 35, 64: 50, 80: 80, 96: 110, 112: 240, 128: 420}
_SECONDS |= {160: 1200, 192: 2100, 224: 3000}
PASSES = 30  # times that every picture should be seen
SECONDS_PER_PIXEL = 1.2e-7  # of forward and backward of a small network, two cores, bf16
# Making pictures of a size takes about eight times as much arithmetic to learn as naming them. The
# sizes are what four pixels come to by doubling.
_MADE = {32: 0, 64: 300, 128: 14_400}
_DEARER = 8.0
_LEARNING = 0.8  # share of the budget in which pictures are learned from


def working_size(
    sizes: Sequence[tuple[int, int]], count: int, seconds: float, *, made: bool = False
) -> tuple[int, int]:
    """Choose the height and width that pictures are brought to.

    Args:
        sizes: width and height of some of the pictures.
        count: how many pictures there are.
        seconds: the whole budget.
        made: whether pictures like these are to be made.

    Returns:
        Height and width, pixels: the median where that is small, else a square.
    """
    if not sizes:
        return SIZES[0], SIZES[0]
    width, height = (int(side) for side in np.median(np.array(sizes), axis=0))
    if max(width, height) <= SMALL:
        return max(1, height), max(1, width)
    least = _MADE if made else _SECONDS
    each = SECONDS_PER_PIXEL * PASSES * (_DEARER if made else 1.0)
    affordable = _LEARNING * seconds / (each * max(1, count))
    fitting = [
        size
        for size in least
        if size <= min(width, height) and seconds >= least[size] and size**2 <= affordable
    ]
    side = max(fitting, default=SIZES[0])
    return side, side
