"""What is worth knowing of pairs before training.

Letters: N pairs.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pellucid.data import Examples, Finding

_SHOWN = 10
_MANY = 0.2  # share of the pairs whose target stands elsewhere, too
_FEW = 2_000  # pairs


def findings(examples: Examples) -> list[Finding]:
    """Make every finding about the pairs themselves."""
    if examples.targets is None:
        return []
    return [*_size(examples), *_same(examples), *_several(examples)]


def _size(examples: Examples) -> Iterator[Finding]:
    words = [len(text.split()) for text in examples.raw]
    text = (
        f"{len(examples):,} pairs, {np.mean(words):.1f} words in a source on average, "
        f"{max(words)} in the longest"
    )
    yield Finding(what="pairs", level="note", text=text)
    if len(examples) < _FEW:
        said = f"{len(examples):,} pairs are few: expect whole phrases that were seen, and no more"
        yield Finding(what="few pairs", level="warning", text=said)


def _same(examples: Examples) -> Iterator[Finding]:
    assert examples.targets is not None
    counts = Counter(examples.targets.tolist())
    (target, most), *_ = counts.most_common(1)
    if most > max(2, _MANY * len(examples)):
        text = f"{most:,} of {len(examples):,} targets are the same sentence: {str(target)[:80]!r}"
        yield Finding(what="same target", level="warning", text=text)


def _several(examples: Examples) -> Iterator[Finding]:
    counts = Counter(examples.raw)
    several = sum(count > 1 for count in counts.values())
    if several:
        text = f"{several:,} sources have more than one translation; they stay on one side"
        yield Finding(what="several translations", level="note", text=text)
