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
_CELLS = 4  # along each side, in which motion is summed
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


def motions(clips: Clips) -> Float32[np.ndarray, " N"]:
    """Tell how much moves in each clip: grey levels a pixel changes by from frame to frame."""
    found = [
        float(np.abs(np.diff(shrunk(one), axis=0)).mean()) if len(one) > 1 else 0.0
        for block in clips.blocks()
        for one in block
    ]
    return np.array(found, np.float32)


def sided(clips: Clips) -> Float32[np.ndarray, "N D"]:
    """Tell what of the motion in each clip, region by region, a mirror would turn round.

    Where something moves right, a pixel becomes what its left neighbour was: the change in time is
    the slope in space with its sign turned. A mirror exchanges left and right of the picture and of
    the motion, so what goes right in both halves, or up in one and down in the other, is turned.
    """
    return np.array([_sided(shrunk(one)) for b in clips.blocks() for one in b], np.float32)


def _sided(small: Float32[np.ndarray, "T _ _"]) -> Float[np.ndarray, " D"]:
    change, middle = np.diff(small, axis=0), (small[1:] + small[:-1]) / 2
    if not change.size or min(small.shape[1:]) < _CELLS:
        return np.zeros(2 * _CELLS * _CELLS)
    found = []
    for axis, sign in ((2, 1.0), (1, -1.0)):
        slope = np.gradient(middle, axis=axis)
        size = float(np.sqrt((change**2).sum() * (slope**2).sum()))
        flow = -(change * slope).sum(axis=0) / max(size, 1e-6)
        rows = np.add.reduceat(flow, np.arange(_CELLS) * len(flow) // _CELLS, axis=0)
        cells = np.add.reduceat(rows, np.arange(_CELLS) * flow.shape[1] // _CELLS, axis=1)
        found.append((cells + sign * cells[:, ::-1]).ravel())
    return np.concatenate(found)


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
