"""Smooth gradients: integrated gradients, averaged over many crooked ways in place of one line.

Idea: the gradient of a deep network jumps from place to place, and on the straight line every part
is equally faint all the time, which no example ever was. On each of these ways the parts appear one
after the other, in an order drawn at random; the mean over the ways loses the jumps.

Source: Sundararajan, Taly & Yan 2017, "Axiomatic attribution for deep networks", arXiv:1703.01365,
section 3 (path methods); Smilkov, Thorat, Kim, Viégas & Wattenberg 2017, "SmoothGrad: removing
noise by adding noise", arXiv:1706.03825 (averaging gradients over noisy copies).
Departs: the noise is in when a part appears, not in its values: each takes half of the way, from a
moment of its own. So every copy is an example with some parts there, some not and some faint, what
equals the blank gets nothing, and each way, and so their mean, still sums up to the change.

Letters: P parts.
"""

from jaxtyping import Float
from torch import Tensor

from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._paths import differentiable, walked
from pellucid.registry import explainer


@explainer("smooth_gradients")
class SmoothGradients(Explainer):
    """Shares along ways on which each part appears at a moment of its own."""

    name = "smooth_gradients"
    sums = True

    def suits(self, subject: Subject) -> bool:
        return differentiable(subject)

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        return walked(subject, case, width=0.5, walks=16, steps=5)
