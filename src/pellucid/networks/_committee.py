"""Networks that were trained apart and answer together.

Idea: each member was trained on other examples from another start, so their mistakes differ and the
mean makes fewer; and every example was held out by some member, so few labels are enough to judge.

Source: Breiman 1996, "Stacked regressions", Machine Learning 24 (cross-validated members);
Lakshminarayanan, Pritzel & Blundell 2017, arXiv:1612.01474 (members from different starts).

Departs: what is a weighted sum in every member is one weighted sum, that of the mean weights: the
same answers from a fraction of the weights. A network says how by `joined`.

Letters: B batch, K outputs.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Committee(nn.Module):
    """The mean of what its members say.

    Args:
        members: networks that take the same input and give the same outputs; they stay as they
            are.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        joined = getattr(type(members[0]), "joined", None)
        self.members = nn.ModuleList(joined(members) if joined else members)

    def forward(self, x: Float[Tensor, "B ..."]) -> Float[Tensor, "B K"]:
        return torch.stack([member(x) for member in self.members]).mean(dim=0)
