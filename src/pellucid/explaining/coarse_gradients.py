"""Coarse gradients: integrated gradients in a few steps, an order of importance for little.

Idea: what fifty steps find out about the order of pixels, eight find out too, in the numerics that
the network was trained in; what they miss is the sum, and an order needs none.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365.
Departs: eight steps, in the numerics of the model, from the mean of the blanks; the shares sum up
only about to the change and claim to be no more than an order.

Letters: P parts.
"""

from jaxtyping import Float
from torch import Tensor

from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._detail import moved
from pellucid.explaining._paths import all_numbers, differentiable
from pellucid.registry import explainer

_STEPS = 8


@explainer("coarse_gradients", takes=["image"])
class CoarseGradients(Explainer):
    """Shares from eight gradients; need not sum up to the change."""

    name = "coarse_gradients"
    sums = False

    def suits(self, subject: Subject) -> bool:
        return all_numbers(subject) and differentiable(subject)

    def __init__(self) -> None:
        self._last: tuple[Case, Tensor] | None = None

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        return case.gathered(self._numbers(subject, case))

    def detail(
        self, subject: Subject, case: Case, shares: Float[Tensor, " P"]
    ) -> Float[Tensor, "..."] | None:
        del shares
        return self._numbers(subject, case)

    def _numbers(self, subject: Subject, case: Case) -> Float[Tensor, "..."]:
        """Ask for the gradients once: the shares are their sums, and the detail is they."""
        if self._last is None or self._last[0] is not case:
            self._last = case, moved(subject, case, steps=_STEPS)
        return self._last[1]
