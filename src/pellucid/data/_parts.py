"""The parts of one example, which explanations weigh."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The parts of one example that an explanation weighs, each covered or shown as a whole.

    Args:
        of: the part, from 0 to P - 1, that each number of x belongs to; -1 for what is always
            shown. Its shape broadcasts to `schema.shape`: (1, H, W) for a picture, whose channels
            belong to the same part.
        names: one each, as a person would point at it: a column, "top left".
        where: one each, as JSON in the units of the raw example: [left, top, width, height] in
            pixels of the file, the name of the column.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    where: tuple[Any, ...]

    def __len__(self) -> int:
        """Count the parts, P."""
        return len(self.names)
