"""Multilayer perceptrons that vote, for tables.

Idea: a number is spread over the bins of its column, so that one layer can already bend where the
data bend; a category is a row of learned numbers. Several small perceptrons read the same spread
row, each learns alone from the same batch, and the mean of what they say is the answer: their
mistakes differ, so the mean makes fewer.

Source: Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features in tabular deep
learning", arXiv:2203.05556 (piecewise linear encoding); Gorishniy, Kotelnikov & Babenko 2024,
"TabM: advancing tabular deep learning with parameter-efficient ensembling", arXiv:2410.24210.
Departs: members share the spread row but no weights behind it (the paper's packed form): the same
arithmetic without the scales between layers. The weights of bins start rough instead of at zero,
and are stored divided by `GAIN`, so that an optimiser which moves every weight by about its rate
moves them that much faster; both lowered the error on every table tried (EXPERIMENTS.md).

Letters: B batch, C columns, N numbers among them, T bins, E features of all columns, M members,
I O inputs and outputs of a layer, K outputs.
"""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.registry import network

GAIN = 16.0  # how much faster than the rest what is learned of single columns moves
FEATURES = 16  # a column
MEMBERS = (4, 8, 16, 32)  # by size


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
        self.slope = nn.Parameter(torch.empty(len(places), features).uniform_(-1, 1) / GAIN)
        self.start = nn.Parameter(torch.empty(len(places), features).uniform_(-1, 1) / GAIN)
        rough = torch.randn(*low.shape, features) * (roughness / GAIN)
        self.bends = nn.Parameter(rough) if low.numel() else None

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:
        x = x[:, self.get_buffer("places"), None]
        spread = x * self.slope + self.start
        if self.bends is not None:
            passed = ((x - self.get_buffer("low")) * self.get_buffer("share")).clamp(0, 1)
            spread = spread + torch.einsum("bnt,nte->bne", passed, self.bends)
        return GAIN * spread.flatten(1)


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
        *first, total = itertools.accumulate(cardinalities, initial=0)
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.register_buffer("first", torch.tensor(first), persistent=False)
        self.rows = nn.Embedding(total, features)
        nn.init.normal_(self.rows.weight, std=0.5 / GAIN)

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B E"]:
        codes = x[:, self.get_buffer("places")].long()
        return GAIN * self.rows(codes + self.get_buffer("first")).flatten(1)


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
        dropout: float = 0.4,
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


@network("mlp", takes=["table"])
@recipe(Recipe(sizes=len(MEMBERS), passes=7.0, most=1.4, batch=256, rate=4e-3, decay=0.1))
def build(schema: Schema, outputs: int, *, size: int) -> MLP:
    """Add members, not width: 4 of them at size 1, 32 at size 4; wider ones overfit sooner."""
    cardinalities = schema.cardinalities or (0,) * schema.shape[0]
    bins = schema.details.get("bins") or [[] for _ in cardinalities]
    numbers = [place for place, codes in enumerate(cardinalities) if codes == 0]
    categories = [place for place, codes in enumerate(cardinalities) if codes > 0]
    columns: list[nn.Module] = []
    if numbers:
        edges = [bins[place] for place in numbers]
        columns.append(Numbers(numbers, edges, features=FEATURES, roughness=1.0))
    if categories:
        codes = [cardinalities[place] for place in categories]
        columns.append(Categories(categories, codes, features=FEATURES))
    inputs = FEATURES * len(cardinalities)
    return MLP(columns, inputs, outputs, width=128, members=MEMBERS[size - 1])


def _edges(bins: Sequence[Sequence[float]]) -> tuple[Float[Tensor, "N T"], Float[Tensor, "N T"]]:
    """Give the lower edge of each bin and one over its width; 0 and 0 where a column has fewer."""
    most = max((len(edges) - 1 for edges in bins), default=0)
    low, share = [], []
    for edges in bins:
        pairs = list(itertools.pairwise(edges))
        void = [0.0] * (max(most, 0) - len(pairs))
        low.append([lower for lower, _ in pairs] + void)
        share.append([1 / (upper - lower) for lower, upper in pairs] + void)
    return torch.tensor(low), torch.tensor(share)
