"""Occlusion: cover one part, see what is lost.

Idea: if the answer needs a part, it suffers when that part alone is blank. What two parts say both
is not seen: cover either, and the other still says it.

Source: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks",
arXiv:1311.2901 (a grey square slid over the picture).
Departs: what is covered is a part as the kind of data gives it, by each of its blanks in turn.

Letters: P parts.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from pellucid.explaining import Case, Explainer, Subject
from pellucid.registry import explainer


@explainer("occlusion")
class Occlusion(Explainer):
    """What is lost when each part alone is covered; it need not sum up to the change."""

    name = "occlusion"
    sums = False

    def shares(self, subject: Subject, case: Case) -> Float[Tensor, " P"]:
        parts = len(case.parts)
        whole = torch.ones(1, parts, dtype=torch.bool)
        without = ~torch.eye(parts, dtype=torch.bool)
        numbers = subject.shown(case, torch.cat([whole, without]), exact=True)
        return numbers[0] - numbers[1:]
