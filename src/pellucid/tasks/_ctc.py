"""What a row of frames says, when any frame may say nothing: its cost, its best reading, its times.

Idea: a transcript is likely if the frames can say it in many ways, each letter held for some frames
with any silence between; all these ways are summed by going through the frames once.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, "Connectionist temporal classification", ICML.

Letters: B N examples, F frames, K tokens, L codes, S states of an alignment.
"""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor


def cost(logs: Float[Tensor, "B F K"], y: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Give the nats of each transcript; infinite where the frames are too few to say it.

    Args:
        logs: log-probabilities.
        y: codes, 0 for none; what is no token, K, is passed over.
    """
    y = packed(torch.where(y < logs.shape[2], y, 0))
    counts = (y > 0).sum(dim=1)
    frames = torch.full_like(counts, logs.shape[1])
    found: Tensor = F.ctc_loss(logs.transpose(0, 1), y, frames, counts, reduction="none")
    return found


def packed(y: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """Bring the codes of each row to its beginning, in their order."""
    order = (y == 0).int().argsort(dim=1, stable=True)
    return y.gather(1, order)


def possible(there: Int[Tensor, " B"], y: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
    """Tell which transcripts so many frames can say: one a code, one more between equal ones."""
    again = (y[:, 1:] == y[:, :-1]) & (y[:, 1:] > 0)
    return (y > 0).sum(dim=1) + again.sum(dim=1) <= there


def best(logs: Float[Tensor, "N F K"]) -> list[list[int]]:
    """Read what each frame says most surely: held letters once, nothing left out."""
    said = logs.argmax(dim=2).cpu().numpy()
    new = np.ones(said.shape, bool)
    new[:, 1:] = said[:, 1:] != said[:, :-1]
    return [row[here & (row > 0)].tolist() for row, here in zip(said, new, strict=True)]


def aligned(
    logs: Float[NDArray[np.float32], "B F K"], y: Int[NDArray[np.int64], "B L"]
) -> Int[NDArray[np.int64], "B L 2"]:
    """Find the frames that say each code in the likeliest of all ways to say them.

    Args:
        logs: log-probabilities.
        y: codes that were said, 0 behind the last; no more than the frames can say.

    Returns:
        The first frame of each code and the one behind its last; 0 and 0 where there is none.
    """
    batch, frames = logs.shape[:2]
    states = np.zeros((batch, 2 * y.shape[1] + 1), np.int64)
    states[:, 1::2] = y
    skips = np.zeros(states.shape, bool)
    skips[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    never = np.full((batch, 2), -np.inf)
    reached = np.full(states.shape, -np.inf)
    reached[:, :2] = np.take_along_axis(logs[:, 0], states[:, :2], axis=1)
    steps = np.zeros((frames, *states.shape), np.int8)
    for frame in range(1, frames):
        earlier = np.concatenate([never, reached], axis=1)
        ways = np.stack([reached, earlier[:, 1:-1], np.where(skips, earlier[:, :-2], -np.inf)])
        steps[frame] = ways.argmax(axis=0)
        reached = ways.max(axis=0) + np.take_along_axis(logs[:, frame], states, axis=1)
    rows = np.arange(batch)
    at = 2 * (y > 0).sum(axis=1)
    spoken = np.maximum(at - 1, 0)
    at = np.where(reached[rows, spoken] > reached[rows, at], spoken, at)
    spans = np.zeros((*y.shape, 2), np.int64)
    for frame in range(frames - 1, -1, -1):
        here = at % 2 == 1
        places = at[here] // 2
        spans[rows[here], places, 0] = frame
        spans[rows[here], places, 1] = np.maximum(spans[rows[here], places, 1], frame + 1)
        at = np.maximum(at - steps[frame, rows, at], 0)
    return spans
