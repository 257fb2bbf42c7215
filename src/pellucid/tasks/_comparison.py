"""What the scores of made pictures are read beside: real ones, class by class, and by heart.

Letters: N pictures, F features, K classes.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from pellucid.tasks import _likeness
from pellucid.tasks._seen import Seen

_RARE = 0.5  # times its share among real pictures, below which a class is named
_OFTEN = 2.0
_HEART = 0.05  # of made pictures nearer to a training one than 99 % of new ones: by heart
_SURE = 5  # real pictures of a class, below which its share says little


def compared(seen: Seen, classes: Sequence[str]) -> dict[str, Any]:
    """Give as JSON what scores are read beside.

    Returns:
        "floor": what training pictures score in place of made ones; "repeated": the share of made
        pictures nearer to a training one than 99 % of held-out ones are; with classes, "classes":
        how often each is there among real and made pictures, as the eye sees both, and "asked":
        the share of made pictures in which it sees the class that was asked for.
    """
    found: dict[str, Any] = {}
    known = _likeness.distinct(seen.known)
    if min(len(known), len(seen.real)) >= 2:
        # As many of one as of the other: coverage would rise with the number of those that cover.
        found["floor"] = _likeness.values(seen.real[: len(known)], known[: len(seen.real)])
    if len(seen.real):
        found["repeated"] = asdict(_likeness.repeated(seen.made_near, seen.real_near))
    if not classes or not len(seen.real):
        return found
    real, made = (_counts(each, len(classes)) for each in (seen.true, seen.told))
    found["classes"] = [
        {
            "class": name,
            "real": round(of_real / len(seen.real), 4),
            "made": round(of_made / len(seen.made), 4),
            "times": round(of_made / of_real, 3) if of_real else None,
        }
        for name, of_real, of_made in zip(classes, real, made, strict=True)
    ]
    asked = seen.asked >= 0
    if bool(asked.any()):
        found["asked"] = float((seen.asked == seen.told)[asked].double().mean())
    return found


def uneven(seen: Seen, classes: Sequence[str]) -> str:
    """Say in a sentence which classes are made too rarely or too often; "" if none is."""
    if not classes or not len(seen.real):
        return ""
    real, made = (_counts(each, len(classes)) for each in (seen.true, seen.told))
    told = [
        f"{name} ({of_made / of_real:.2g} times as often as among real ones)"
        for name, of_real, of_made in zip(classes, real, made, strict=True)
        if of_real >= _SURE and not _RARE <= of_made / of_real <= _OFTEN
    ]
    if not told:
        return ""
    return f"as the eye sees them, classes are too rare or too frequent: {', '.join(told)}"


def by_heart(seen: Seen) -> str:
    """Say in a sentence if training pictures are repeated; "" if they are not."""
    if not len(seen.real):
        return ""
    share = _likeness.repeated(seen.made_near, seen.real_near)
    if share.low is None or share.low < _HEART:
        return ""
    return (
        f"{share.value:.0%} of the made pictures are nearer to one that was learned from than 99 %"
        " of new real ones are: training pictures are being repeated"
    )


def _counts(places: Tensor, count: int) -> list[int]:
    inside = places[(places >= 0) & (places < count)]
    counts: list[int] = torch.bincount(inside, minlength=count).tolist()
    return counts
