"""A bag of n-grams, for text: the network to beat.

Idea: every word, every pair of words, and every run of up to three pieces of words has a weight for
each output, wherever it stands, and the answer is their sum. While training, most of them are left
out at a time: what is left must answer alone, so a rare word is not excused from learning because a
frequent one beside it knew already.

Source: Joulin, Grave, Bojanowski & Mikolov 2016, "Bag of tricks for efficient text classification",
arXiv:1607.01759 (hashed n-grams); Wager, Fithian, Wang & Liang 2014, "Altitude training: strong
bounds for single-layer dropout", arXiv:1407.3289 (a linear model that learned to answer texts with
much left out is better at whole ones).
Departs: no hidden layer, so that a weight is a reason; several thinned copies of a text are judged
at once; the sum is divided by the root of the number of runs, so that a long text is not surer for
its length alone.

Letters: B batch, T tokens, N runs, M copies, K outputs.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._lexicon import Lexicon, lexicon
from pellucid.registry import network

GAIN = 5.0  # how much faster than the rest what is learned of single runs moves
_WEIGHTS = 1 << 20  # of runs, for all outputs: more take longer to move than to look up


class NGrams(nn.Module):
    """The sum of what the runs in a text weigh.

    Args:
        lexicon: numbers them.
        outputs: numbers per example that the task asks for.
        kept: share of the runs that a copy keeps while training.
        copies: of a text while training, each with other runs left out.
    """

    def __init__(
        self, lexicon: Lexicon, outputs: int, *, kept: float = 0.3, copies: int = 4
    ) -> None:
        super().__init__()
        self.lexicon = lexicon
        self.weight = nn.Parameter(torch.zeros(lexicon.rows, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.kept, self.copies = kept, copies

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B *M K"]:
        rows = self.lexicon(x.long())
        if self.training:
            return self._thinned(rows)
        count = (rows > 0).sum(dim=1, keepdim=True).clamp(min=1)
        total = F.embedding_bag(rows, self.weight, mode="sum", padding_idx=0)
        return total * (GAIN / count.sqrt()) + self.bias

    @staticmethod
    def joined(members: "Sequence[NGrams]") -> "list[NGrams]":
        """Give the one bag that answers as the mean of several does."""
        weight = torch.stack([member.weight.detach() for member in members]).mean(dim=0)
        bias = torch.stack([member.bias.detach() for member in members]).mean(dim=0)
        return [members[0].weighing(weight, bias)]

    def weighing(self, weight: Float[Tensor, "V K"], bias: Float[Tensor, " K"]) -> "NGrams":
        """Give a bag of the same runs with other weights."""
        with torch.device("meta"):
            bag = NGrams(self.lexicon, len(bias), kept=self.kept, copies=self.copies)
        bag.weight, bag.bias = nn.Parameter(weight), nn.Parameter(bias)
        return bag.train(self.training)

    def _thinned(self, rows: Int64[Tensor, "B N"]) -> Float[Tensor, "B M K"]:
        text, run = rows.nonzero(as_tuple=True)
        kept = torch.rand(self.copies, len(text), device=rows.device) < self.kept
        copy, place = kept.nonzero(as_tuple=True)
        bags = len(rows) * self.copies
        bag = text[place] * self.copies + copy
        bag, order = bag.sort()
        count = torch.bincount(bag, minlength=bags)
        chosen = rows[text, run][place[order]]
        total = F.embedding_bag(chosen, self.weight, count.cumsum(0) - count, mode="sum")
        answers = total * (GAIN / count.clamp(min=1).sqrt())[:, None] + self.bias
        return answers.view(len(rows), self.copies, -1)


def buckets_for(width: int) -> int:
    """Give how many rows of this width hashed runs may share, a power of two."""
    return 1 << max(12, int(math.log2(_WEIGHTS / width)))


@network("ngrams", takes=["text"])
@recipe(Recipe(passes=3.0, most=1.2, batch=64, rate=4e-3, smoothing=0.1, contender=False))
def build(schema: Schema, outputs: int, *, size: int) -> NGrams:
    """One size only: longer runs than these hardly occur twice."""
    del size
    return NGrams(lexicon(schema, buckets=buckets_for(outputs)), outputs)
