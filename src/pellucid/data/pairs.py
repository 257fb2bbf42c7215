"""Pairs of sentences: each the translation of the other, to learn to translate from.

Idea: what is read is the source, what is asked is the target. Both are cut into the same list of
pieces, learned from both sides together, so that a name is the same piece in both; whatever was
never seen is spelled in bytes. Pairs that teach nothing good are left out, and that is said.

`schema.details["longest"]` says how many codes an answer may have, `["usual"]` is the sentence that
is most like all targets: the best translation that does not look.

Source: Sennrich, Haddow & Birch 2016, arXiv:1508.07909 (joint byte-pair encoding).

Letters: N pairs, B batch, S source codes, T target codes.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding, Schema
from pellucid.data._pairs_cleaning import cleaned, without_empty
from pellucid.data._pairs_recognising import surely
from pellucid.data._pairs_sentences import apart
from pellucid.data._pairs_sources import found_in
from pellucid.data._text_alike import keys
from pellucid.data._text_found import Texts
from pellucid.data._text_learning import learned
from pellucid.data._text_parts import plain_words, telling
from pellucid.data._worded import Worded, form_of
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_LONGEST = 256  # codes of a sentence
_SHORTEST = 32  # codes that a source may have at least: what is spelled in bytes is long
_ROOM = 1.25  # times the longest target of training that an answer may be
_PIECES = 2_500  # for a million characters of both sides together
_MARKS = re.compile(r"[\W_]+")
_USUAL = 4_000  # targets looked at for the most usual one


@kind("pairs")
class Pairs(Worded):
    """Sentences and their translations."""

    name = "pairs"

    def recognises(self, source: Any) -> float:
        return surely(source)

    def read(self, source: Any, ask: Ask) -> Examples:
        found = found_in(source, ask)
        return (cleaned(found) if ask.schema is None else without_empty(found)).examples()

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        # Of the sources alone, without case and marks: the same source must not be on both sides
        # of a split. Sources that are only alike may be: what changes between them is translated.
        plain = [" ".join(_MARKS.sub(" ", text.casefold()).split()) for text in examples.raw]
        return keys([one or text for one, text in zip(plain, examples.raw, strict=True)])

    def describe(self, examples: Examples) -> Schema:
        sources: Texts = examples.raw
        targets = [] if examples.targets is None else [str(one) for one in examples.targets]
        form = learned([*sources, *targets], "pieces", stream=False, pieces=_PIECES)
        codes = form.many(sources)
        answers = [len(some) + 1 for some in form.many(targets)]
        room = _ROOM * max(answers, default=1)
        details = {
            "form": "pieces",
            "codes": form.to_json(),
            "columns": list(sources.columns),
            "areas": telling(sources, None),
            "longest": min(_LONGEST, 8 * math.ceil(room / 8)),
            "usual": _usual(targets),
        }
        return Schema(
            kind="pairs",
            shape=(min(_LONGEST, max(_SHORTEST, *(len(some) for some in codes))),),
            cardinalities=(form.size,),
            details=details,
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        codes = [some[: schema.shape[0]] for some in form_of(schema).many(examples.raw)]
        longest = max((len(some) for some in codes), default=0)
        stored = np.zeros((len(codes), longest), np.uint16)
        for row, some in zip(stored, codes, strict=True):
            row[: len(some)] = some
        return stored

    def apart(
        self, examples: Examples, schema: Schema
    ) -> tuple[Examples, NDArray[np.int64], Sequence[str]]:
        return apart(self, examples, form_of(schema), schema.shape[0])

    def look(self, examples: Examples) -> list[Finding]:
        from pellucid.data._pairs_findings import findings

        return findings(examples)

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        import torch

        # A code of an answer stays one that is to be foretold, but is not read by what follows.
        codes = schema.cardinalities[0]
        blank = torch.where((x >= codes) & (x < 2 * codes), x + codes, x * (x >= codes))
        del others
        return {"nothing": blank[None]}

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        form = form_of(schema)
        texts = [form.text(row[row != 0].astype(np.int32)) for row in np.asarray(stored)]
        names = [f"sentence {n + 1}" for n in range(len(texts))]
        raw = Texts(texts, columns=tuple(schema.details["columns"]))
        return Examples(kind="pairs", names=names, raw=raw)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        from pellucid.data._pairs_specimen import write

        return write(folder)


def _usual(targets: Sequence[str]) -> str:
    """Give the target that shares the most words with all others, for its length."""
    some = targets[:_USUAL]
    sets = [plain_words(text) for text in some]
    counts = Counter(word for each in sets for word in each)
    middle = float(np.median([len(text) for text in some])) if some else 0.0

    def worth(place: int) -> tuple[float, str]:
        near = 1 / (1 + abs(len(some[place]) - middle) / max(middle, 1.0))
        return near * sum(counts[word] for word in sets[place]), some[place]

    return some[max(range(len(some)), key=worth)] if some else ""
