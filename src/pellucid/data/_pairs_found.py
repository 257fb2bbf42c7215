"""Pairs of sentences as they were found, before anything is left out.

Letters: N pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.data import Examples, Fault, Finding
from pellucid.data._text_found import Texts


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Pairs with all that stood beside them.

    Args:
        sources: N sentences.
        targets: their translations; None where only sources were given.
        names: one each.
        sides: "train", "valid", "test" or "" for each; empty if nothing says.
        languages: what the two sides are called, such as "en" and "de".
        faults: what was left out.
        notes: how it was read.
    """

    sources: Sequence[str]
    targets: Sequence[str] | None
    names: Sequence[str]
    sides: Sequence[str] = ()
    languages: tuple[str, str] = ("source", "target")
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()

    def replace(self, **changes: Any) -> "Found":
        """Give a copy with some fields changed."""
        return replace(self, **changes)

    def kept(self, places: Sequence[int]) -> "Found":
        """Give the pairs at these places."""
        return self.replace(
            sources=[self.sources[place] for place in places],
            targets=None if self.targets is None else [self.targets[place] for place in places],
            names=[self.names[place] for place in places],
            sides=[self.sides[place] for place in places] if self.sides else (),
        )

    def examples(self) -> Examples:
        """Give examples: the sources are what is read, the targets what is asked."""
        targets = None if self.targets is None else np.array([*self.targets, None], object)[:-1]
        sides = np.array([*self.sides, None], object)[:-1] if any(self.sides) else None
        return Examples(
            kind="pairs",
            names=list(self.names),
            raw=Texts(self.sources, columns=self.languages),
            target=self.languages[1],
            targets=targets,
            sides=sides,
            faults=self.faults,
            notes=self.notes,
        )


def joined(several: Sequence[Found]) -> Found:
    """Put what was found in several places together."""
    first = several[0]
    targets = [target for each in several for target in each.targets or ()]
    return Found(
        sources=[source for each in several for source in each.sources],
        targets=targets if all(each.targets is not None for each in several) else None,
        names=[name for each in several for name in each.names],
        sides=[side for each in several for side in each.sides],
        languages=first.languages,
        faults=tuple(fault for each in several for fault in each.faults),
        notes=tuple(note for each in several for note in each.notes),
    )
