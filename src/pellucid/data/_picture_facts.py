"""What can be said of a picture cheaply, so that pictures can be grouped by it.

Letters: N pictures.
"""

import numpy as np
from numpy.typing import NDArray

from pellucid.data._picture_rows import LUMINANCE, Pictures


def facts(pictures: Pictures) -> dict[str, NDArray[np.float64]]:
    """Give the size as it was read, the brightness and the contrast of each picture, (N,).

    Width and height are in pixels of the file; brightness is the mean of all pixels and contrast
    their standard deviation, both from 0 to 255.
    """
    sizes = pictures.about()[0].astype(np.float64)
    weights = np.array(LUMINANCE if pictures.pixels.shape[-1] == 3 else (1.0,), np.float32)
    measured = [np.zeros((0, 2))]
    for block in pictures.blocks():
        grey = (block.astype(np.float32) @ weights).reshape(len(block), -1)
        measured.append(np.stack([grey.mean(axis=1), grey.std(axis=1)], axis=1))
    brightness, contrast = np.concatenate(measured).round(1).T
    return {
        "width": sizes[:, 0],
        "height": sizes[:, 1],
        "brightness": brightness,
        "contrast": contrast,
    }
