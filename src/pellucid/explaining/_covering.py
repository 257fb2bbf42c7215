"""What covering an area in many examples does to the answers and the scores.

Letters: N examples, R blanks, K outputs.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pellucid import _inference
from pellucid.data import Parts
from pellucid.explaining import Subject, places
from pellucid.explaining._reliance import Effect
from pellucid.tasks import Estimate

_FEWEST = 5  # examples that a score is given for


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Examples that areas are covered in.

    Args:
        x: of the network, on its device.
        outputs: for them as they are, on the CPU.
        y: the right answers, on the CPU; None if they are not known.
        parts: the areas of each.
        blank: name of the blank that covers.
        others: training examples that blanks may be made of.
    """

    x: Float[Tensor, "N ..."]
    outputs: Float[Tensor, "N K"]
    y: Tensor | None
    parts: tuple[Parts, ...]
    blank: str
    others: Float[Tensor, "M ..."]


class Covering:
    """Covers areas and measures what is left.

    Args:
        subject: what is asked.
        judged: examples to cover areas in.
        seed: of which blank is put where, if the kind has several.
    """

    def __init__(self, subject: Subject, judged: Judged, *, seed: int) -> None:
        self.subject = subject
        self.judged = judged
        self.seed = seed
        self._known: dict[frozenset[str], Tensor] = {}

    def effect(self, areas: Collection[str], own: Bool[Tensor, " N"]) -> Effect:
        """Measure what is left when areas are blank.

        Args:
            areas: names of them.
            own: the examples that the reason goes with; of all of them it is told once.
        """
        as_is, covered = self.judged.outputs, self._covered(frozenset(areas))
        task = self.subject.task
        numbers = bool((task.rivals(as_is[:1]) < 0).any())
        stayed = task.chosen(as_is) == task.chosen(covered)
        some = bool(own.any()) and not numbers
        every = torch.ones_like(own)
        apart = own if not own.all() else ~own
        return Effect(
            n=len(own),
            kept=float(stayed[own].double().mean()) if some else None,
            score=self._score(as_is, every),
            covered=self._score(covered, every),
            own=self._score(as_is, apart),
            own_covered=self._score(covered, apart),
        )

    def _score(self, outputs: Tensor, rows: Bool[Tensor, " N"]) -> Estimate | None:
        y = self.judged.y
        if y is None or int(rows.sum()) < _FEWEST:
            return None
        subject = self.subject
        scores = subject.task.scores(outputs[rows], y[rows], subject.calibration)
        return scores[subject.task.metric]

    def _covered(self, areas: frozenset[str]) -> Float[Tensor, "N K"]:
        if areas not in self._known:
            size = _inference.batch_size(self.subject.schema)
            starts = range(0, len(self.judged.x), size)
            rows = [self._batch(areas, slice(start, start + size)) for start in starts]
            self._known[areas] = torch.cat(rows)
        return self._known[areas]

    def _batch(self, areas: frozenset[str], rows: slice) -> Float[Tensor, "B K"]:
        judged, subject = self.judged, self.subject
        x = judged.x[rows]
        several = subject.kind.blanks(x, subject.schema, judged.others)[judged.blank]
        random = np.random.default_rng([self.seed, rows.start])
        chosen = torch.from_numpy(random.integers(len(several), size=len(x))).to(x.device)
        blank = several[chosen, torch.arange(len(x), device=x.device)]
        shape = x.shape[1:]
        hidden = torch.stack([_inside(parts, areas, shape) for parts in judged.parts[rows]])
        return subject.judged(torch.where(hidden.to(x.device), blank, x))


def _inside(parts: Parts, areas: frozenset[str], shape: Sequence[int]) -> Bool[Tensor, "..."]:
    """Tell which numbers of x belong to the areas; the last place is what -1 points to."""
    belongs = torch.tensor([*(name in areas for name in parts.names), False])
    return belongs[places(parts, shape)]
