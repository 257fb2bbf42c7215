"""How the codes of a text become rows of weights: pieces, runs of pieces, words and pairs of words.

Idea: a word that is rare shares its pieces with others that are not. Where it is known which pieces
begin a word, the word as a whole and each pair of words have rows of their own beside them.

Source: Bojanowski, Grave, Joulin & Mikolov 2017, "Enriching word vectors with subword information",
arXiv:1607.04606 (a word is what it is made of, and itself); Weinberger, Dasgupta, Langford, Smola
& Attenberg 2009, "Feature hashing for large scale multitask learning", arXiv:0902.2206.
Departs: pieces that were learned from the text stand for runs of letters.

Letters: B batch, T tokens, N runs, V codes.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Int64
from torch import Tensor, nn

from pellucid.data import Schema

_MIX = 0x2545F4914F6CDD1D  # odd: multiplying by it loses nothing
_BLANK = "Ġ"  # as a tokenizer of bytes writes the blank before a word
_FIRST = 2  # code of the first piece
_ORDERS = (2, 3)  # pieces of a run


class Lexicon(nn.Module):
    """Number what stands in a text; number 0 is nothing, those below `codes` are pieces.

    Args:
        codes: how many a piece can have, 0 for nothing among them.
        begins: whether a word begins with the piece of each code, (V,); every piece is a word
            where that is not known.
        buckets: numbers that runs and words are hashed into.
    """

    def __init__(self, codes: int, begins: Sequence[bool] | None = None, *, buckets: int) -> None:
        super().__init__()
        self.codes, self.buckets = codes, buckets
        self.joins = begins is not None
        table = torch.tensor(begins) if begins is not None else torch.ones(codes, dtype=torch.bool)
        self.register_buffer("table", table, persistent=False)

    @property
    def rows(self) -> int:
        """Count the numbers there are, nothing among them."""
        return self.codes + self.buckets

    def forward(self, codes: Int64[Tensor, "B T"]) -> Int64[Tensor, "B N"]:
        """Number pieces, runs of pieces, words of several pieces, and pairs of words."""
        found = [codes, *(self._hashed(codes, order) for order in _ORDERS)]
        if self.joins:
            words, _ = self.words(codes)
            found += [words, self._hashed(words, 2)]
        return torch.cat(found, dim=1)

    def words(
        self, codes: Int64[Tensor, "B T"]
    ) -> tuple[Int64[Tensor, "B T"], Int64[Tensor, "B T"]]:
        """Number the words, in their order, with nothing after the last.

        Returns:
            The numbers, and which word of the text each code belongs to.
        """
        begins = self.begins(codes)
        place = begins.cumsum(dim=1) - 1
        at = torch.arange(codes.shape[1], device=codes.device).expand_as(codes)
        within = at - torch.where(begins, at, 0).cummax(dim=1).values
        mixed = torch.where(codes > 0, _mixed([codes, within]), 0)
        whole = torch.zeros_like(codes).scatter_add(1, place, mixed)
        return torch.where(whole != 0, self._bucket(_mixed([whole])), 0), place

    def begins(self, codes: Int64[Tensor, "B T"]) -> Bool[Tensor, "B T"]:
        """Tell where a word begins; each place of nothing counts as one."""
        first = torch.arange(codes.shape[1], device=codes.device) == 0
        return self.get_buffer("table")[codes] | (codes == 0) | first

    def _hashed(self, codes: Int64[Tensor, "B T"], order: int) -> Int64[Tensor, "B N"]:
        """Number every run; one that touches nothing is nothing."""
        places = max(0, codes.shape[1] - order + 1)
        parts = [codes[:, start : start + places] for start in range(order)]
        there = torch.stack([part > 0 for part in parts]).all(dim=0)
        return torch.where(there, self._bucket(_mixed(parts)), 0)

    def _bucket(self, mixed: Int64[Tensor, "B N"]) -> Int64[Tensor, "B N"]:
        return mixed.remainder(self.buckets) + self.codes


def lexicon(schema: Schema, *, buckets: int) -> Lexicon:
    """Make the lexicon of a text; it knows words where the schema says what the pieces are."""
    codes = schema.cardinalities[0]
    return Lexicon(codes, _beginnings(schema.details, codes), buckets=buckets)


def _beginnings(details: Any, codes: int) -> list[bool] | None:
    if details.get("form") != "pieces":
        return None
    begins = [True] * codes
    for piece, place in json.loads(details["codes"])["model"]["vocab"].items():
        begins[_FIRST + place] = piece.startswith(_BLANK) or not piece[0].isalnum()
    return begins


def _mixed(parts: Sequence[Tensor]) -> Tensor:
    """Hash numbers that stand one after the other."""
    mixed = torch.full_like(parts[0], len(parts))
    for part in parts:
        mixed = (mixed ^ part) * _MIX
        mixed = mixed ^ (mixed >> 29)
    return mixed
