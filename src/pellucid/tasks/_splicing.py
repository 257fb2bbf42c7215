"""New sentences out of those there are: the beginning of one recording and the end of another.

Idea: from an hour of speech a network soon knows every sentence by heart and no longer listens.
What it aligned itself says where words end; there two recordings are cut and put together, so that
no sentence is heard twice.

Source: Lam, Ohta, Schamoni & Riezler 2021, "On-the-fly aligned data augmentation for
sequence-to-sequence ASR", arXiv:2104.01393 (single words replaced by others that were aligned).
Departs: whole ends are exchanged, not single words, so that most words keep their neighbours and
there is one seam; alignments are made anew, by the network as it is.

Letters: B batch, T samples, L codes.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.networks import FRAME
from pellucid.tasks._ctc import aligned, cost

_OFTEN = 0.5  # share of the batches whose recordings are put together anew
_SURE = 0.7  # nats a letter: what is heard less surely is not cut


def spliced(
    network: nn.Module,
    x: Float[Tensor, "B T"],
    y: Int[Tensor, "B L"],
    *,
    tokens: Sequence[str],
    rate: float,
) -> tuple[Float[Tensor, "B S"], Int[Tensor, "B M"]]:
    """Exchange the ends of recordings between words, in some batches.

    Args:
        network: in training mode; it is asked once more, and left as it was.
        x: samples, 0 behind the end.
        y: codes, 0 behind the end.
        tokens: by code.
        rate: of the samples, Hz.
    """
    if " " not in tokens or float(torch.rand(())) > _OFTEN:
        return x, y
    gap = list(tokens).index(" ")
    cuts = _cuts(network, x, y, gap)
    found = [place for place, each in enumerate(cuts) if each]
    if len(found) < 2:
        return x, y
    turned = np.roll(found, 1).tolist()
    partner = dict(zip(found, turned, strict=True))
    sounds, words = [], []
    for row in range(len(x)):
        if row not in partner:
            sounds.append(_ended(x[row]))
            words.append(y[row][y[row] > 0])
            continue
        left, right = _drawn(cuts[row]), _drawn(cuts[partner[row]])
        sound = [x[row][: _at(left[1], rate)], _ended(x[partner[row]])[_at(right[1], rate) :]]
        word = [y[row][: left[0] + 1], y[partner[row]][right[0] + 1 :]]
        sounds.append(torch.cat(sound))
        joined = torch.cat(word)
        words.append(joined[joined > 0])
    return _padded(sounds), _padded(words)


def _cuts(network: nn.Module, x: Tensor, y: Tensor, gap: int) -> list[list[tuple[int, float]]]:
    """Give the gaps between words of each recording: their place in y and when they are, s."""
    network.eval()
    with torch.no_grad():
        outputs: Tensor = network(x)
    network.train()
    if outputs.ndim != 3:
        return [[] for _ in x]
    logs = outputs.float().log_softmax(dim=2)
    letters = (y > 0).sum(dim=1)
    sure = (cost(logs, y) < _SURE * letters).cpu().numpy()
    if not sure.any():
        return [[] for _ in x]
    spans: NDArray[np.int64] = aligned(logs.cpu().numpy(), y.cpu().numpy())
    gaps = (y == gap).cpu().numpy() & sure[:, None]
    middle = spans.mean(axis=2) * FRAME
    return [
        [(int(at), float(middle[row, at])) for at in np.flatnonzero(here)]
        for row, here in enumerate(gaps)
    ]


def _drawn(cuts: Sequence[tuple[int, float]]) -> tuple[int, float]:
    return cuts[int(torch.randint(len(cuts), ()))]


def _at(seconds: float, rate: float) -> int:
    return round(seconds * rate)


def _ended(x: Float[Tensor, " T"]) -> Float[Tensor, " S"]:
    """Cut off what follows the end of a recording."""
    there = x.nonzero()
    return x[: int(there[-1]) + 1] if len(there) else x[:1]


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
