"""Integrated gradients: the gradient, added up on the way from nothing there to the example.

Idea: one gradient tells only what a small change would do; added up along the straight line from a
blank to the example, gradients tell what the whole of it did, and sum up to just that.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365.
Departs: eight steps, halved where their shares do not sum up, in place of a fixed number; what
little is then missing is spread in proportion to the shares. Shares from several blanks are
averaged. Codes of categories turn at random moments of the way; see `_paths.py`.

Letters: P parts.
"""

from jaxtyping import Float
from torch import Tensor

from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._paths import differentiable, walked
from pellucid.registry import explainer


@explainer("integrated_gradients")
class IntegratedGradients(Explainer):
    """Shares along the straight line from each blank to the example."""

    name = "integrated_gradients"
    sums = True

    def suits(self, subject: Subject) -> bool:
        return differentiable(subject)

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        return walked(subject, case, width=1.0, walks=1, steps=8)
