"""Texts: sentences and documents with a label, or long ones to be continued.

Idea: a text becomes the codes of its characters, its words or of pieces of them, whichever suits
what is asked and how much text there is; nothing is ever unknown, since every form can spell what
it has not seen. Texts of like length share a batch, so little is padded.

`schema.details["form"]` names the form and `["codes"]` holds what it learned; `["stream"]` tells
texts to be continued, in stretches, from texts with labels, and `["lines"]` says whether they are
short texts, one a line; `["crop"]` says how many codes a step of training reads; `["tokens"]` how
many codes the training side has. For texts to be continued, `schema.shares` says how frequent each
code is.

Letters: N texts, B batch, T tokens, L longest text, V codes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples, Finding, Schema
from pellucid.data._text_alike import keys, vectors
from pellucid.data._text_files import clean
from pellucid.data._text_found import Texts, bounded
from pellucid.data._text_learning import chosen_form, learned, shares
from pellucid.data._text_parts import telling
from pellucid.data._text_recognising import surely
from pellucid.data._text_sources import found_in
from pellucid.data._text_specimen import write
from pellucid.data._text_streams import CROP, STRETCH, holds_lines, lined, stretched
from pellucid.data._worded import Worded, form_of
from pellucid.errors import BadInputError
from pellucid.registry import kind

if TYPE_CHECKING:
    import torch

_LONGEST = 1_024  # tokens of a text with a label


@kind("text")
class Text(Worded):
    """Sentences, documents, rows with texts in them."""

    name = "text"

    def recognises(self, source: Any) -> float:
        return surely(source)

    def read(self, source: Any, ask: Ask) -> Examples:
        found = found_in(source, ask)
        details: Mapping[str, Any] = {} if ask.schema is None else ask.schema.details
        asked = ask.task == "generate_text" or (ask.task is None and found.targets is None)
        if details["stream"] if details else asked:
            whole, ended = ask.whole or bool(details), not details or ask.judged
            short = details.get("lines", False) if details else holds_lines(found)
            cut = lined if short else stretched
            found = cut(found, form=details.get("form"), whole=whole, ended=ended)
            return found.examples(stream=True)
        examples = bounded(found).examples(stream=False)
        return examples if ask.schema is None else _with_remark(examples, ask.schema)

    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        return keys(examples.raw)

    def vectors(self, examples: Examples) -> NDArray[np.float32] | None:
        # Stretches of one text lie anywhere in its repetitions, so likeness would say little.
        return None if examples.raw.stream else vectors(examples.raw)

    def describe(self, examples: Examples) -> Schema:
        texts: Texts = examples.raw
        name = texts.form or chosen_form(texts, stream=False)
        form = learned(texts, name, stream=texts.stream)
        codes = form.many(texts)
        longest = max(len(some) for some in codes)
        longest = longest if texts.stream else min(longest, _LONGEST)
        details = {
            "form": name,
            "codes": form.to_json(),
            "stream": texts.stream,
            "lines": texts.lines,
            "crop": min(CROP, longest) if texts.stream else longest,
            "tokens": sum(map(len, codes)),
            "areas": telling(texts, examples.targets),
            "columns": list(texts.columns),
            "names": list(texts.all_columns),
            "header": texts.header,
        }
        # Of texts to be continued that are read later, one may be longer.
        room = min(2 * longest, STRETCH) if texts.lines else STRETCH
        return Schema(
            kind="text",
            shape=(max(longest, room) if texts.stream else longest,),
            cardinalities=(form.size,),
            shares=shares(codes, form.size) if texts.stream else (),
            details=details,
        )

    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        codes = [some[: schema.shape[0]] for some in form_of(schema).many(examples.raw)]
        longest = max((len(some) for some in codes), default=0)
        kept = np.uint16 if schema.cardinalities[0] <= 1 << 16 else np.int32
        stored = np.zeros((len(codes), longest), kept)
        for row, some in zip(stored, codes, strict=True):
            row[: len(some)] = some
        return stored

    def steps(
        self, piece: Any, schema: Schema, before: NDArray[np.float32] | None = None, count: int = 0
    ) -> NDArray[np.float32]:
        del before, count
        if not isinstance(piece, str):
            raise BadInputError(
                given=f"an object of type {type(piece).__name__} to go on with",
                needed="a piece of text",
                remedy='push a string, such as "and then"',
            )
        return form_of(schema).codes(clean(piece)).astype(np.float32)

    def augment(
        self, x: "torch.Tensor", schema: Schema, generator: "torch.Generator"
    ) -> "torch.Tensor":
        if not schema.details["stream"]:
            return x
        from pellucid.data._text_crops import cropped

        return cropped(x, int(schema.details["crop"]), generator)

    def look(self, examples: Examples) -> list[Finding]:
        from pellucid.data._text_findings import findings

        return findings(examples)

    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        from pellucid.data._text_blanks import blanks

        del schema
        return blanks(x, others)

    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        form = form_of(schema)
        details = schema.details
        texts = Texts(
            [form.text(row[row != 0].astype(np.int32)) for row in np.asarray(stored)],
            stream=bool(details["stream"]),
            form=str(details["form"]) if details["stream"] else "",
            lines=bool(details.get("lines", False)),
            columns=tuple(details["columns"]),
            all_columns=tuple(details["names"]),
            header=bool(details["header"]),
        )
        return Examples(kind="text", names=[f"text {n + 1}" for n in range(len(texts))], raw=texts)

    @classmethod
    def specimen(cls, folder: Path) -> Path:
        return write(folder)


def _with_remark(examples: Examples, schema: Schema) -> Examples:
    """Say so if texts are longer than any that the model was trained on."""
    longest = schema.shape[0]
    # A token has a byte at least, so most texts are seen to be short enough at once.
    some = [text for text in examples.raw if len(text.encode()) > longest]
    count = sum(len(codes) > longest for codes in form_of(schema).many(some))
    if not count:
        return examples
    said = "1 text is" if count == 1 else f"{count:,} texts are"
    text = f"{said} longer than all in training, {longest} tokens: what follows is not read"
    note = Finding(what="cut at the end", level="warning", text=text)
    return examples.replace(notes=(*examples.notes, note))
