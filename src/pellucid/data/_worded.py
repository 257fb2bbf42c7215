"""What texts and sentences share: a text as the codes of a form that was learned from the data.

Letters: B batch, T codes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Kind, Parts, Schema
from pellucid.data._text_forms import Form, learned_from
from pellucid.data._text_parts import divided, occurrences, shared

if TYPE_CHECKING:
    import torch


def form_of(schema: Schema) -> Form:
    """Give the form that the texts of a model are spelled in."""
    return learned_from(schema.details)


class Worded(Kind):
    """A kind whose examples are texts, `Texts`, and whose stored codes end in 0.

    Stored: uint16, (L,), and 0 behind the end.
    """

    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        del schema
        used = stored.ne(0).any(dim=0).nonzero()
        longest = int(used[-1]) + 1 if len(used) else 1
        return stored[:, :longest].float()

    def sizes(self, stored: NDArray[Any], schema: Schema) -> NDArray[np.int64] | None:
        del schema
        ends = stored.shape[1] - (stored[:, ::-1] != 0).argmax(axis=1)
        return np.where(stored.any(axis=1), ends, 0).astype(np.int64)

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        from pellucid.data._text_facts import facts

        return facts(examples.raw)

    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        from pellucid.data._text_sheet import sheet

        return sheet(examples, places)

    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        return [divided(text, form_of(schema), schema.shape[0]) for text in examples.raw]

    def areas(self, examples: Examples, schema: Schema) -> list[Parts]:
        words = [str(word) for word in schema.details["areas"]]
        return [shared(text, form_of(schema), schema.shape[0], words) for text in examples.raw]

    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        from pellucid.data._text_painting import painted

        return painted(examples.raw[place], parts, shares)

    def tell(self, examples: Examples, place: int, parts: Parts) -> tuple[str, ...]:
        return occurrences(examples.raw[place], parts)
