"""Clips that were read in one form, brought to another.

Letters: N clips, T frames, H height, W width.
"""

import numpy as np
from jaxtyping import UInt8

from pellucid.data._picture_reading import fitted as fitted_pictures
from pellucid.data._pictures import Form as PictureForm
from pellucid.data._video_clips import Clips, Form
from pellucid.data._video_folders import picked


def fitted(clips: Clips, form: Form) -> UInt8[np.ndarray, "N T H W 3"]:
    """Give the frames of clips in a form; nothing is copied if they have it already."""
    whole = clips.whole()
    if clips.form == form:
        return whole
    chosen = whole[:, np.array(picked(clips.form.frames, form.frames))]
    wanted = PictureForm(height=form.height, width=form.width, channels=3)
    frames = chosen.reshape(-1, *chosen.shape[2:])
    return fitted_pictures(frames, wanted).reshape(len(whole), *form.row)
