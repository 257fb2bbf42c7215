"""Where two files that should go line by line begin to drift apart.

Idea: a translation is about as long as its source. If one file has d lines more, all lines behind
the place where they came in are d apart; so the place is the one for which lengths agree best when
the lines before it are compared as they stand and those behind it moved by d.

Source: Gale & Church 1993, "A program for aligning sentences in bilingual corpora", Computational
Linguistics 19 (lengths alone align sentences).

Letters: N lines.
"""

from collections.abc import Sequence

import numpy as np


def drifts_at(sources: Sequence[str], targets: Sequence[str]) -> int:
    """Give the number, from 1, of the first line from which on the sides do not belong together.

    Args:
        sources: lines of one side.
        targets: lines of the other; more or fewer.
    """
    shorter, longer = sorted((sources, targets), key=len)
    by = len(longer) - len(shorter)
    sizes = np.log1p(np.array([len(line) for line in shorter], np.float64))
    others = np.log1p(np.array([len(line) for line in longer], np.float64))
    if not len(shorter):
        return 1
    # Which side is the wordier is no drift.
    others = others - np.median(others) + np.median(sizes)
    as_is = np.abs(sizes - others[: len(sizes)])
    moved = np.abs(sizes - others[by:])
    before = np.concatenate([[0.0], np.cumsum(as_is)])
    behind = np.concatenate([np.cumsum(moved[::-1])[::-1], [0.0]])
    return int(np.argmin(before + behind)) + 1
