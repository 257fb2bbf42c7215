"""Which training examples does the network take this one for?

Idea: the input of the last layer is how the network sees an example; what lies near there is the
same to it. Beside the nearest cases stand those that pushed the answer most, for it and against it:
an example may be unlike and still have taught the network its answer.

Source: Papernot & McDaniel 2018, "Deep k-nearest neighbors", arXiv:1803.04765 (training examples
near in the network's own space as evidence for an answer); influence: see `influence.py`.
Departs: the last layer alone is looked at, by cosine around the mean of the cases, and the cases
are a stored sample of the training side. Where a task has features of its own in which examples are
compared (`Task.seen`), those are looked at: whoever asks whether a made picture was copied wants to
know what it looks like, not what a critic makes of it.

Letters: N training cases, H held-out cases, E features, K outputs.
"""

from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid import _inference
from pellucid.explaining import Subject, influence
from pellucid.explaining._cases import Cases
from pellucid.explaining._evidence import Neighbour
from pellucid.explaining._features import looking

COUNT = 6
_CLOSE = 0.1  # share of the cases that count as having a number's answer


def neighbours(
    subject: Subject, x: Float[Tensor, "..."], which: int, cases: Cases, *, count: int = COUNT
) -> tuple[Neighbour, ...]:
    """Give the training cases that bear on one answer; for several examples make one `Recall`."""
    return Recall(subject, cases).neighbours(x, which, count=count)


class Recall:
    """The training cases as a network sees them, computed once for many explanations.

    Args:
        subject: what is explained.
        cases: of its training, at least one.

    Attributes:
        outputs: of the network for the training cases, (N, K).
    """

    def __init__(self, subject: Subject, cases: Cases) -> None:
        self.subject = subject
        self.cases = cases
        self._layer = looking(subject, self.x([0]))
        seen, self.outputs = self._looked(cases.stored)
        self._centre = seen.mean(dim=0)
        # One scale for all, so that the bias, a 1, weighs as much as a feature does.
        self._scale = (seen - self._centre).square().mean().sqrt().clamp(min=1e-12)
        self._seen = (seen - self._centre) / self._scale

    def x(self, places: list[int]) -> Float[Tensor, "B ..."]:
        """Give training cases as the network takes them, on its device."""
        return self.subject.x(self.cases.stored[places])

    def similarities(self, x: Float[Tensor, "..."]) -> Float[Tensor, " N"]:
        """Give the cosine of one example, (*schema.shape), with every training case."""
        return _cosine(self._own(x)[0], self._seen)[0]

    def influences(self, x: Float[Tensor, "..."], which: int) -> Float[Tensor, " N"]:
        """Give how much every training case pushed one answer, as a share of the largest push."""
        return self._pushes(*self._own(x), which)

    def neighbours(
        self, x: Float[Tensor, "..."], which: int, *, count: int = COUNT
    ) -> tuple[Neighbour, ...]:
        """Give the nearest cases, and those that speak most for and against an answer.

        Args:
            x: one example, (*schema.shape).
            which: the answer, as `Task.chosen` gives it.
            count: how many cases: half of them the nearest, then by influence, for and against in
                turn. None stands there twice.
        """
        seen, outputs = self._own(x)
        similarities = _cosine(seen, self._seen)[0]
        influences = self._pushes(seen, outputs, which)
        places = _chosen(similarities.numpy(), influences.numpy(), count)
        targets = self.subject.task.told(self.cases.y[places])
        return tuple(
            Neighbour(
                name=self.cases.names[place],
                target=target,
                similarity=float(similarities[place]),
                influence=float(influences[place]),
                place=place,
            )
            for place, target in zip(places, targets, strict=True)
        )

    @cached_property
    def _influence(self) -> influence.Influence:
        task, outputs, y = self.subject.task, self.outputs, self.cases.y
        return influence.Influence(
            _with_bias(self._seen),
            influence.slopes(task, outputs, y),
            influence.curvature(task, outputs, y),
        )

    def _pushes(self, seen: Tensor, outputs: Tensor, which: int) -> Float[Tensor, " N"]:
        task = self.subject.task
        if task.made or not task.needs_targets or not task.bends:
            # What a case wanted the answer to be is not known: it is like this one, no more.
            return torch.zeros(len(self.cases))
        slopes = influence.slopes_explained(self.subject, outputs, torch.tensor([which]))
        (pushes,) = self._influence.of(_with_bias(seen), slopes)
        return pushes / pushes.abs().max().clamp(min=1e-30)

    def _own(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen, outputs = self._layer.seen(x[None])
        return (seen - self._centre) / self._scale, outputs

    def _looked(self, stored: NDArray[Any]) -> tuple[Tensor, Tensor]:
        size = _inference.batch_size(self.subject.schema)
        rows = [
            self._layer.seen(self.subject.x(stored[start : start + size]))
            for start in range(0, len(stored), size)
        ]
        return torch.cat([seen for seen, _ in rows]), _inference.joined([had for _, had in rows])


def _with_bias(seen: Float[Tensor, "N E"]) -> Float[Tensor, "N E+1"]:
    return torch.cat([seen, torch.ones(len(seen), 1)], dim=1)


def _cosine(one: Float[Tensor, "H E"], other: Float[Tensor, "N E"]) -> Float[Tensor, "H N"]:
    lengths = one.norm(dim=1)[:, None] * other.norm(dim=1)
    return (one @ other.T / lengths.clamp(min=1e-12)).clamp(-1, 1)


def _chosen(
    similarities: NDArray[np.float32], influences: NDArray[np.float32], count: int
) -> list[int]:
    nearest = np.argsort(-similarities, kind="stable")[: (count + 1) // 2].tolist()
    order = np.argsort(-influences, kind="stable")
    speaking = order[influences[order] != 0]
    # The strongest for it, the strongest against it, the second for it, and so on.
    for_it = [place for place in speaking.tolist() if influences[place] > 0]
    against = [place for place in speaking[::-1].tolist() if influences[place] < 0]
    turns = [place for pair in zip(for_it, against, strict=False) for place in pair]
    rest = for_it[len(against) :] + against[len(for_it) :]
    return list(dict.fromkeys([*nearest, *turns, *rest]))[:count]
