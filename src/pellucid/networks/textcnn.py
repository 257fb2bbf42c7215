"""Convolutions over words, and a bag of n-grams beside them, for text.

Idea: a filter looks for a short phrase; the strongest place it finds says whether the phrase is
there, wherever it stands. A bag of n-grams learns more from few texts but not how far a phrase
reaches, so both learn alone from the same batch, and the mean of what they say is the answer.

Source: Kim 2014, "Convolutional neural networks for sentence classification", arXiv:1408.5882
(filters of several widths, the maximum over time, dropout); Bojanowski, Grave, Joulin & Mikolov
2017, arXiv:1607.04606 (a word is the sum of its own vector and those of its parts).
Departs: the mean over time is kept beside the maximum; whole words and whole directions of their
vectors are left out while training; a bag of n-grams votes too.

Letters: B batch, T tokens, W words, V words with what frames them, E C width of a vector, M voters,
K outputs.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from pellucid.data import Schema
from pellucid.networks import Recipe, recipe
from pellucid.networks._lexicon import Lexicon, lexicon
from pellucid.networks.ngrams import NGrams, buckets_for
from pellucid.registry import network

WIDTHS = (2, 3, 4)  # words that a filter sees
SAY = 0.75  # of the bag, which knows better when it does not know
_BUCKETS = 1 << 14  # rows that words share
_AT_ONCE = 256  # texts that are answered at once, to bound memory; explanations look at fewer
_WORDS, _DIRECTIONS, _FEATURES = 0.2, 0.3, 0.5  # shares that are left out while training


class Words(nn.Module):
    """Give each word of a text a vector: its own row and those of its pieces.

    Args:
        lexicon: numbers words and pieces.
        width: of a vector.
    """

    def __init__(self, lexicon: Lexicon, width: int) -> None:
        super().__init__()
        self.lexicon = lexicon
        rows = lexicon.rows if lexicon.joins else lexicon.codes
        self.weight = nn.Parameter(torch.randn(rows, width) * 0.1)

    def forward(self, codes: Int64[Tensor, "B T"]) -> Float[Tensor, "B W E"]:
        pieces = F.embedding(codes, self.weight) * (codes > 0)[:, :, None]
        if not self.lexicon.joins:
            return pieces
        words, place = self.lexicon.words(codes)
        over = place[:, :, None].expand_as(pieces)
        vectors = F.embedding(words, self.weight) * (words > 0)[:, :, None]
        vectors = vectors.scatter_add(1, over, pieces)
        count = (words > 0).long().scatter_add(1, place, (codes > 0).long())
        vectors = vectors / count.clamp(min=1).sqrt()[:, :, None]
        return vectors[:, : int(place.max()) + 1] if self.training else vectors


class Phrases(nn.Module):
    """Find phrases by convolutions over the words of a text.

    Args:
        words: gives their vectors.
        outputs: numbers per example that the task asks for.
        width: of a vector.
        filters: of each width.
    """

    def __init__(self, words: Words, outputs: int, *, width: int, filters: int) -> None:
        super().__init__()
        self.words = words
        self.filters = nn.ModuleList(nn.Conv1d(width, filters, span) for span in WIDTHS)
        self.head = nn.Linear(2 * filters * len(WIDTHS), outputs)

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        h = self.words(x.long())
        there = (h != 0).any(dim=2, keepdim=True)
        h = self._thinned(h) if self.training else h
        h, touched = _framed(h), _framed(there.float())
        length = 3 * there.sum(dim=1).clamp(min=1).sqrt()
        found = []
        for span, convolve in zip(WIDTHS, self.filters, strict=True):
            # A filter that sees no word at all says nothing, however much may follow the end.
            seen = F.relu(convolve(h)) * F.max_pool1d(touched, span, stride=1)
            found += [seen.amax(dim=2), seen.sum(dim=2) / length]
        return self.head(F.dropout(torch.cat(found, dim=1), _FEATURES, self.training))

    def _thinned(self, h: Float[Tensor, "B W E"]) -> Float[Tensor, "B W E"]:
        kept = torch.rand_like(h[:, :, :1]) >= _WORDS
        return h * kept * F.dropout(torch.ones_like(h[:, :1]), _DIRECTIONS)


class TextCNN(nn.Module):
    """A bag of n-grams and convolutions that vote.

    Args:
        bag: has `SAY` of the say; None where another member of a committee says it.
        phrases: have the rest.
    """

    def __init__(self, bag: NGrams | None, phrases: Phrases) -> None:
        super().__init__()
        self.bag, self.phrases = bag, phrases

    def forward(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B *M K"]:
        if self.training and self.bag is not None:
            return torch.cat([self.bag(x), self.phrases(x)[:, None]], dim=1)
        return torch.cat([self._said(some) for some in x.split(_AT_ONCE)])

    def _said(self, x: Float[Tensor, "B T"]) -> Float[Tensor, "B K"]:
        phrases = (1 - SAY) * self.phrases(x)
        return phrases if self.bag is None else SAY * self.bag(x) + phrases

    @staticmethod
    def joined(members: "Sequence[TextCNN]") -> "list[TextCNN]":
        """Give members of which the first says what all bags say, and the others none of it."""
        bags = [member.bag for member in members if member.bag is not None]
        (mean,) = NGrams.joined(bags)
        bag = mean.weighing(mean.weight.detach() * len(bags), mean.bias.detach() * len(bags))
        first, *others = members
        said = [TextCNN(bag, first.phrases), *(TextCNN(None, each.phrases) for each in others)]
        return [one.train(first.training) for one in said]


@network("textcnn", takes=["text"])
@recipe(Recipe(sizes=2, passes=3.0, most=1.2, batch=64, rate=4e-3, decay=0.1, smoothing=0.1))
def build(schema: Schema, outputs: int, *, size: int) -> TextCNN:
    """Double the filters, and quadruple the width of a word."""
    words = Words(lexicon(schema, buckets=_BUCKETS * size), 16 * size**2)
    phrases = Phrases(words, outputs, width=16 * size**2, filters=64 * size)
    return TextCNN(NGrams(lexicon(schema, buckets=buckets_for(outputs)), outputs), phrases)


def _framed(h: Float[Tensor, "B W C"]) -> Float[Tensor, "B C V"]:
    """Put channels before words, and as much nothing around them as the widest filter sees."""
    return F.pad(h.transpose(1, 2), (max(WIDTHS) - 1, max(WIDTHS) - 1))
