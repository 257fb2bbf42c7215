"""A single linear layer, for tables and pictures: the network to beat.

Idea: the answer is a weighted sum. A number has one weight for each output, a category one weight
for each of its levels. Where that answers the question, nothing deeper should be asked.

Source: Legendre 1805, "Nouvelles méthodes pour la détermination des orbites des comètes" (least
squares); Cox 1958, "The regression analysis of binary sequences" (the same sum for a choice).

Letters: B batch, C columns, K outputs.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.registry import network


class Linear(nn.Module):
    """A weighted sum of the columns of a table.

    Args:
        cardinalities: one entry a column: codes that a category can have, 0 for a number.
        outputs: numbers per example that the task asks for.
    """

    def __init__(self, cardinalities: Sequence[int], outputs: int) -> None:
        super().__init__()
        numbers = [place for place, codes in enumerate(cardinalities) if codes == 0]
        self.register_buffer("numbers", torch.tensor(numbers, dtype=torch.long), persistent=False)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weigh = nn.Linear(len(numbers), outputs, bias=False) if numbers else None
        categories = {str(place): codes for place, codes in enumerate(cardinalities) if codes > 0}
        self.levels = nn.ModuleDict(
            {place: nn.Embedding(codes, outputs) for place, codes in categories.items()}
        )
        for embedding in self.levels.values():
            nn.init.zeros_(embedding.get_parameter("weight"))

    def forward(self, x: Float[Tensor, "B C"]) -> Float[Tensor, "B K"]:
        terms = [embedding(x[:, int(place)].long()) for place, embedding in self.levels.items()]
        if self.weigh is not None:
            terms.append(self.weigh(x[:, self.get_buffer("numbers")]))
        return torch.stack(terms).sum(dim=0) + self.bias


@network("linear", takes=["table", "image"])
@recipe(Recipe(sizes=1, passes=1.0, most=60.0, batch=128, rate=0.01, contender=False))
def build(schema: Schema, outputs: int, *, size: int) -> nn.Module:
    """One size only: a weighted sum has no depth to add."""
    del size
    if schema.kind == "table":
        return Linear(schema.cardinalities or (0,) * schema.shape[0], outputs)
    flat = int(torch.Size(schema.shape).numel())
    return nn.Sequential(nn.Flatten(), nn.Linear(flat, outputs))
