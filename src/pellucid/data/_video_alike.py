"""Vectors of clips: alike for near-duplicates, and for what moves which way.

Idea: clips of one camera share their scenery, so scenery tells little. The same clip, saved again
by another program, smaller or brighter, changes in the same places at the same times; another clip
does not. A clip in which nothing changes is a picture, and compared as one.

Letters: N clips, T frames, D numbers in a vector.
"""

import numpy as np
from jaxtyping import Float, Float32, UInt8

from pellucid.data._picture_rows import shrunk
from pellucid.data._video_clips import Clips

_TIMES = 8  # frames that are compared
_CHANGE = 1.0  # grey levels that a pixel of a thumbnail changes by, on average; less is noise


def vectors(clips: Clips) -> Float32[np.ndarray, "N D"]:
    """Give vectors of length 1: what changes, or what is seen where nothing does."""
    found = [_vector(one) for block in clips.blocks() for one in block]
    return np.array(found, np.float32).reshape(len(clips), -1)


def stills(clips: Clips) -> Float32[np.ndarray, "N D"]:
    """Give a vector of length 1 of the mean frame of each clip."""
    return np.array([_still(one) for block in clips.blocks() for one in block], np.float32)


def mirrored_stills(clips: Clips) -> Float32[np.ndarray, "N D"]:
    """Give the same of each clip with left and right exchanged."""
    return np.array(
        [_still(one[:, :, ::-1]) for block in clips.blocks() for one in block], np.float32
    )


def motions(clips: Clips) -> Float32[np.ndarray, "N 2"]:
    """Tell how much moves in each clip, grey levels a frame, and how far right, from -1 to 1.

    Where something moves right, a pixel becomes what its left neighbour was: the change in time is
    the slope in space with its sign turned.
    """
    return np.array([_motion(shrunk(one)) for b in clips.blocks() for one in b], np.float32)


def _motion(small: Float32[np.ndarray, "T _ _"]) -> tuple[float, float]:
    if len(small) < 2:
        return 0.0, 0.0
    change = np.diff(small, axis=0)
    middle = (small[1:] + small[:-1]) / 2
    slope = np.gradient(middle, axis=2) if middle.shape[2] > 1 else np.zeros_like(middle)
    whole = float(np.sqrt((change**2).sum() * (slope**2).sum()))
    right = -float((change * slope).sum()) / whole if whole > 1e-6 else 0.0
    return float(np.abs(change).mean()), right


def _vector(frames: UInt8[np.ndarray, "T H W 3"]) -> Float32[np.ndarray, " D"]:
    chosen = np.linspace(0, len(frames) - 1, _TIMES).round().astype(np.int64)
    small = shrunk(frames[chosen])
    change = small - small.mean(axis=0)
    change -= change.mean(axis=(1, 2), keepdims=True)  # flicker is no motion
    still = small.mean(axis=0)
    still = still - still.mean()
    moves = float(np.abs(change).mean()) >= _CHANGE
    both = np.concatenate([(change * moves).ravel(), (still * (not moves)).ravel()])
    return _one_long(both, least=0.5 * np.sqrt(still.size))


def _still(frames: UInt8[np.ndarray, "T H W 3"]) -> Float32[np.ndarray, " D"]:
    seen = shrunk(frames).mean(axis=0)
    return _one_long((seen - seen.mean()).ravel(), least=0.5 * np.sqrt(seen.size))


def _one_long(vector: Float[np.ndarray, " D"], *, least: float) -> Float32[np.ndarray, " D"]:
    length = float(np.linalg.norm(vector))
    return (vector / length if length > least else 0 * vector).astype(np.float32)
