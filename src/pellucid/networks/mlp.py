"""Multilayer perceptrons that vote, for tables.

Idea: a number is spread over the bins of its column, so that one layer can already bend where the
data bend; a category is a row of learned numbers. Several small perceptrons read the same spread
row, each learns alone from the same batch, and the mean of what they say is the answer: their
mistakes differ, so the mean makes fewer.

Source: Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features in tabular deep
learning", arXiv:2203.05556 (piecewise linear encoding); Gorishniy, Kotelnikov & Babenko 2024,
"TabM: advancing tabular deep learning with parameter-efficient ensembling", arXiv:2410.24210.
Departs: members share the embeddings of the columns but no weights behind them (the paper's packed
form), which costs the same arithmetic and none of the scales between layers.

Letters: B batch, C columns, N numbers among them, T bins, E features a column, M members, I O
inputs and outputs of a layer, K outputs.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class Numbers(nn.Module):
    """Spread numbers over the bins of their columns, then weigh the bins.

    A bin that lies below x counts 1, one above it 0, the one that holds x the share of it that x
    has passed; so every feature is a line with a bend at each edge.

    Args:
        places: which columns of a row are numbers.
        bins: for each of them the rising edges of its bins; fewer than two make no bin.
        features: numbers that each column becomes.
        roughness: standard deviation of the weights of bins at the start; the more, the more
            unlike are rows that lie near each other.
    """

    def __init__(
        self,
        places: Sequence[int],
        bins: Sequence[Sequence[float]],
        *,
        features: int,
        roughness: float,
    ) -> None:
        super().__init__()
        low, share = _edges(bins)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("low", low, persistent=False)
        self.register_buffer("share", share, persistent=False)
        self.slope = nn.Parameter(torch.empty(len(places), features).uniform_(-1, 1))
        self.start = nn.Parameter(torch.empty(len(places), features).uniform_(-1, 1))
        rough = torch.randn(*low.shape, features) * roughness
        self.bends = nn.Parameter(rough) if low.numel() else None

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:
        x = x[:, self.get_buffer("places"), None]
        spread = x * self.slope + self.start
        if self.bends is not None:
            passed = ((x - self.get_buffer("low")) * self.get_buffer("share")).clamp(0, 1)
            spread = spread + torch.einsum("bnt,nte->bne", passed, self.bends)
        return spread.flatten(1)


class Categories(nn.Module):
    """Look up a row of learned numbers for the code of each category.

    Args:
        places: which columns of a row are categories.
        cardinalities: codes that each of them can have.
        features: numbers that each column becomes.
    """

    def __init__(
        self, places: Sequence[int], cardinalities: Sequence[int], *, features: int
    ) -> None:
        super().__init__()
        first = torch.tensor([0, *cardinalities]).cumsum(0)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("first", first[:-1], persistent=False)
        self.rows = nn.Embedding(int(first[-1]), features)
        nn.init.normal_(self.rows.weight, std=0.5)

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:
        codes = x[:, self.get_buffer("places")].long()
        return self.rows(codes + self.get_buffer("first")).flatten(1)


class Members(nn.Module):
    """A linear layer for each member, all computed at once.

    Args:
        members: how many.
        inputs: width of what comes in.
        outputs: width of what goes out.
    """

    def __init__(self, members: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(members, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members, 1, outputs).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "#M B I"]) -> Float[Tensor, "M B O"]:
        return torch.baddbmm(self.bias, x.expand(len(self.weight), -1, -1), self.weight)


class MLP(nn.Module):
    """Perceptrons that share the spread row and are averaged when they predict.

    Args:
        columns: modules that each turn a row into features.
        inputs: features that they give together.
        outputs: numbers per example that the task asks for.
        width: of each hidden layer.
        members: perceptrons that vote.
        dropout: share of hidden numbers that is left out while training, the same for all members.
    """

    def __init__(
        self,
        columns: Sequence[nn.Module],
        inputs: int,
        outputs: int,
        *,
        width: int,
        members: int,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.columns = nn.ModuleList(columns)
        widths = [inputs, width, width]
        self.hidden = nn.ModuleList(
            Members(members, wide, wider) for wide, wider in itertools.pairwise(widths)
        )
        self.head = Members(members, width, outputs)
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B *M K"]:
        h = torch.cat([column(x) for column in self.columns], dim=1)[None]
        for layer in self.hidden:
            h = F.relu(layer(h))
            if self.training:
                # One mask for all members: drawing numbers costs more than the layer's arithmetic.
                h = h * F.dropout(torch.ones_like(h[0]), self.dropout)
        outputs = self.head(h)
        return outputs.movedim(0, 1) if self.training else outputs.mean(dim=0)
