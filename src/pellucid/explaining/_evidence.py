"""What an explanation says: evidence in the units of the raw data, and how far to trust it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.tasks import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the raw example.

    Args:
        name: as a person would point at it.
        share: what it added to the number explained, in its unit; negative if it took away.
        where: in the units of the raw example; see `Parts.where`.
    """

    name: str
    share: float
    where: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Faithfulness:
    """How much better than chance an explanation foretells what the network does.

    Args:
        value: insertion minus deletion, as a share of the change, less the same for random orders:
            0 is chance, negative is worse; see `_faithfulness.py`.
        low: lower end of its 95 % interval.
        high: upper end.
        checks: what else was measured, by name; `_reliability.py` weighs it.
    """

    value: float
    low: float
    high: float
    checks: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """One training example that bears on the answer.

    Args:
        name: of the example, as it was read.
        target: its answer in training, in the user's words.
        similarity: cosine in the network's own feature space, from -1 to 1.
        influence: how much learning from it moved the number explained towards the answer, as a
            share of the largest push of any stored case; negative if against it.
        place: among the stored training cases.
    """

    name: str
    target: str
    similarity: float
    influence: float
    place: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One part that would have to change for another answer.

    Args:
        name: of the part.
        where: it is; see `Parts.where`.
        given: what is there, in a few words; "" where words cannot say.
        needed: what would have to be there.
    """

    name: str
    where: Any
    given: str
    needed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contrast:
    """The fewest changes found that lead to the next likeliest answer.

    Args:
        answer: the other answer, in the user's words.
        changes: that lead to it, the strongest first; empty if none were found.
        found: whether they do lead to it.
        like: name of the training example whose parts were put in; "" if parts were blanked.
        number: the number explained before the changes, in its unit.
        after: and after them.
    """

    answer: str
    changes: tuple[Change, ...]
    found: bool
    like: str
    number: float
    after: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """Why a model answered as it did, and how far that can be trusted.

    Args:
        name: of the example.
        answer: what the model answered.
        about: the answer that is explained, in the user's words; mostly the one it gave.
        unit: of the number that the shares divide.
        number: it, for this example.
        blank_number: it, where nothing is there.
        blank: the way of showing nothing that was used.
        method: the explainer.
        sums: whether the shares sum up to `number` less `blank_number`.
        reliable: whether parts of a high share can be taken for the network's reasons.
        reason: why not, as a sentence; "" if reliable.
        faithfulness: measured on this very example.
        parts: all of them, the largest share first.
        neighbours: training examples, those that speak most for and against the answer.
        contrast: what would have to change for the next likeliest answer; None if there is none.
        picture: the example as a PNG, with its shares in colour.
        sound: the example as a WAV file, where it can be heard.
        detail: what single numbers of the example added within their parts, (1, H, W) for a
            picture as the network gets it; None where nobody knows.
        notes: sentences that a reader must know, such as that no training cases are stored.
    """

    name: str
    answer: Answer
    about: str
    unit: str
    number: float
    blank_number: float
    blank: str
    method: str
    sums: bool
    reliable: bool
    reason: str
    faithfulness: Faithfulness
    parts: tuple[Part, ...]
    neighbours: tuple[Neighbour, ...] = ()
    contrast: Contrast | None = None
    picture: bytes = field(default=b"", repr=False)
    sound: bytes = field(default=b"", repr=False)
    detail: NDArray[np.float32] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types; picture, sound and detail are left out."""
        faithful = self.faithfulness
        return {
            "name": self.name,
            "answer": self.answer.to_json(),
            "about": self.about,
            "reliable": self.reliable,
            "reason": self.reason,
            "faithfulness": {
                "value": faithful.value,
                "low": faithful.low,
                "high": faithful.high,
                "checks": dict(faithful.checks),
            },
            "parts": [asdict(part) for part in self.parts],
            "neighbours": [asdict(one) for one in self.neighbours],
            "contrast": None if self.contrast is None else asdict(self.contrast),
            "method": self.method,
            "sums": self.sums,
            "unit": self.unit,
            "number": self.number,
            "blank_number": self.blank_number,
            "blank": self.blank,
            "notes": list(self.notes),
        }

    def page(self) -> str:
        """Give one HTML page that needs no other file: all that is known, with the picture."""
        from pellucid.explaining._page import page

        return page(self)

    def save(self, path: str | Path) -> None:
        """Write it as a page (.html), as the picture alone (.png) or for machines (.json).

        Raises:
            BadInputError: if the name of the file ends in something else.
            SavingError: if it cannot be written.
        """
        from pellucid.explaining import _showing

        _showing.save(self, Path(path))

    def __str__(self) -> str:
        from pellucid.explaining import _showing

        return _showing.text(self)

    def _repr_html_(self) -> str:
        from pellucid.explaining._page import fragment

        return fragment(self)
