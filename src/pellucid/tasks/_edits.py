"""What was misheard: words and letters put in, left out and taken for others.

Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions and reversals";
counted by jiwer (github.com/jitsi/jiwer).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.errors import BadInputError

_SHOWN = 10  # commonest confusions that are told


@dataclass(frozen=True, kw_only=True, slots=True)
class Edits:
    """How one text differs from what is right.

    Args:
        wrong: words or letters put in, left out or taken for others.
        count: words or letters of what is right.
        right: for each word that was given, whether it is right.
        taken: pairs of what is right and what was given instead.
    """

    wrong: int
    count: int
    right: tuple[bool, ...]
    taken: tuple[tuple[str, str], ...] = ()


def needed() -> None:
    """Make sure that errors can be counted, before anything is learned.

    Raises:
        BadInputError: if jiwer is not installed.
    """
    try:
        import jiwer  # noqa: F401 - to see whether it is there
    except ImportError as error:
        raise BadInputError(
            given="recordings with transcripts, and no jiwer to count wrong words by",
            needed="the extra for recordings",
            remedy="pip install 'pellucid[audio]'",
        ) from error


def of_words(truths: Sequence[str], given: Sequence[str]) -> list[Edits]:
    """Compare texts word by word."""
    return [
        _compared(truth.split(), text.split()) for truth, text in zip(truths, given, strict=True)
    ]


def of_letters(truths: Sequence[str], given: Sequence[str]) -> list[int]:
    """Count the letters that are wrong in each text."""
    from rapidfuzz.distance import Levenshtein

    return [Levenshtein.distance(truth, text) for truth, text in zip(truths, given, strict=True)]


def confused(found: Sequence[Edits]) -> list[dict[str, Any]]:
    """Give the commonest confusions as JSON."""
    counts = Counter(pair for each in found for pair in each.taken)
    return [
        {"said": truth, "heard": given, "times": times}
        for (truth, given), times in counts.most_common(_SHOWN)
    ]


def _compared(truth: list[str], given: list[str]) -> Edits:
    if not truth or not given:
        wrong = max(len(truth), len(given))
        return Edits(wrong=wrong, count=len(truth), right=(False,) * len(given))
    import jiwer

    found = jiwer.process_words(" ".join(truth), " ".join(given))
    right, taken = [False] * len(given), []
    for piece in found.alignments[0]:
        spans = (
            range(piece.ref_start_idx, piece.ref_end_idx),
            range(piece.hyp_start_idx, piece.hyp_end_idx),
        )
        if piece.type == "equal":
            for place in spans[1]:
                right[place] = True
        elif piece.type == "substitute":
            taken += [(truth[at], given[to]) for at, to in zip(*spans, strict=True)]
    wrong = found.substitutions + found.insertions + found.deletions
    return Edits(wrong=wrong, count=len(truth), right=tuple(right), taken=tuple(taken))
