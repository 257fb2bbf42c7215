"""One file is one kind of raw data: pictures, tables, and whatever comes next.

A kind owns everything that is particular to it, so that no other stage asks "is this a picture?".
The way of the data is the same for all:

    source ──read──▶ Examples ──split──▶ sides ──describe──▶ Schema ──encode──▶ array (N, *stored)
    array ──batch──▶ stored (B, *stored) ──tensor──▶ x (B, *schema.shape) ──augment──▶ x

`read` touches the disk and leaves broken examples out, each with a name and a reason; `describe`
learns from the training side alone; `encode` gives what is kept in memory, compact (uint8 where it
can be); `tensor` and `augment` work on a batch, on the batch's device.

And the way back, from a network to what a person knows, for explanations:

    Examples ──parts──▶ Parts, each with its name and its place in the raw example
    x ──blanks──▶ x where nothing is there            stored ──restore──▶ Examples ──paint──▶ PNG

To add a kind: copy the shortest file of this folder, decorate the class with `@kind("name")`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pellucid.data._examples import Ask, Beside, Examples, Fault, Finding, Group, Parts
from pellucid.data._schema import Schema

if TYPE_CHECKING:
    import torch

__all__ = ["Ask", "Beside", "Examples", "Fault", "Finding", "Group", "Kind", "Parts", "Schema"]


class Kind(ABC):
    """Everything that is particular to one kind of raw data.

    Attributes:
        name: how the user writes it; the same as in `@kind(name)`.
        pointed: whether single numbers of x, such as pixels, can be pointed at: then explanations
            say where within a part its share lies.
    """

    name: ClassVar[str]
    pointed: ClassVar[bool] = False

    @abstractmethod
    def recognises(self, source: Any) -> float:
        """Tell how surely this source is of this kind, from 0 (not) to 1 (no other could be).

        Args:
            source: a Path (a file or folder that exists), a list of them, an array, a pair of
                arrays (x, y), a pandas, polars or pyarrow table, or a torch Dataset. Looking must
                be quick: at most a few hundred directory entries and the head of a file.
        """

    @abstractmethod
    def read(self, source: Any, ask: Ask) -> Examples:
        """Read raw examples; leave broken ones out and say so in `faults`.

        With `ask.schema`, read as the trained model needs it: same columns, same working size.

        Raises:
            BadInputError: if nothing can be used at all, or the target is not there.
        """

    def take(self, examples: Examples, places: NDArray[np.int64]) -> Examples:
        """Give the examples at these places, in this order, with faults and notes dropped.

        The default asks the raw data for their own `take(places)`.
        """
        return examples.at(places, examples.raw.take(places))

    @abstractmethod
    def keys(self, examples: Examples) -> NDArray[np.uint64]:
        """Hash the content of each example, without its name or place: (N,).

        Equal content gives equal keys, on every machine and in every order; targets do not count.
        """

    def vectors(self, examples: Examples) -> NDArray[np.float32] | None:
        """Give a vector of length 1 for each example, (N, D), that is alike for near-duplicates.

        None, the default, if only exact duplicates can be told. Vectors of other examples of this
        kind, read elsewhere, are comparable.
        """
        del examples
        return None

    def clusters(self, examples: Examples) -> NDArray[np.int64]:
        """Number the near-duplicate cluster of each example, (N,), from 0; alone is a cluster too.

        The default unites equal `keys` with near `vectors`.
        """
        from pellucid.data._components import united
        from pellucid.data._duplicates import near_duplicates

        equal = np.unique(self.keys(examples), return_inverse=True)[1].astype(np.int64)
        vectors = self.vectors(examples)
        return equal if vectors is None else united(equal, near_duplicates(vectors))

    @abstractmethod
    def describe(self, examples: Examples) -> Schema:
        """Learn the form of the data from the training side; no field of the target is set."""

    @abstractmethod
    def encode(self, examples: Examples, schema: Schema) -> NDArray[Any]:
        """Give what is kept of the examples, (N, *stored), as compact as it can be."""

    def steps(
        self, piece: Any, schema: Schema, before: NDArray[np.float32] | None = None, count: int = 0
    ) -> NDArray[np.float32]:
        """Encode raw data that go on where others stopped, (T, *step): what `each` takes, bare.

        A row of a series gives (1, C), NaN where a number is missing: whoever knows the last one
        puts it there. A piece of text gives (T,) codes. The default: this kind has no
        order in time.

        Args:
            piece: raw data.
            schema: of the model.
            before: the last step that was encoded before, with nothing missing; None for none.
            count: steps that were encoded before.

        Raises:
            BadInputError: if it cannot be read as a continuation.
        """
        from pellucid.errors import BadInputError

        del piece, schema, before, count
        raise BadInputError(
            given=f"data of the kind {self.name!r} to be pushed step by step",
            needed="a kind that has an order in time, such as a series or a text",
            remedy="call `predict` on whole examples",
        )

    @abstractmethod
    def tensor(self, stored: "torch.Tensor", schema: Schema) -> "torch.Tensor":
        """Turn a batch (B, *stored) into x (B, *schema.shape), float32, on the same device.

        Where examples have lengths (`sizes`), the first axis of the shape is the longest there may
        be, and x is only as long as the longest example of the batch; what follows a shorter one
        is 0.
        """

    def sizes(self, stored: NDArray[Any], schema: Schema) -> NDArray[np.int64] | None:
        """Give the length of each encoded example, (N,), so that batches are of like lengths.

        None, the default, if all are equally long.
        """
        del stored, schema
        return None

    def apart(
        self, examples: Examples, schema: Schema
    ) -> tuple[Examples, NDArray[np.int64], Sequence[str]]:
        """Divide what is too large: parts, owners (M,), what stands before each (`Task.joined`)."""
        del schema
        return examples, np.arange(len(examples)), ("",) * len(examples)

    def augment(
        self, x: "torch.Tensor", schema: Schema, generator: "torch.Generator"
    ) -> "torch.Tensor":
        """Give plausible other views of a training batch; the default changes nothing.

        Where examples have lengths, the views may be longer or shorter. All chance comes from the
        generator, which lives on the CPU.
        """
        del schema, generator
        return x

    def views(self, x: "torch.Tensor", schema: Schema) -> "list[torch.Tensor]":
        """Give the views of a batch that a prediction may average over, itself first."""
        del schema
        return [x]

    def look(self, examples: Examples) -> list[Finding]:
        """Find what is particular to this kind: constant columns, mixed sizes, and so on."""
        del examples
        return []

    def columns(self, examples: Examples) -> dict[str, NDArray[Any]]:
        """Give what else is known of each example, by name: numbers or words (object), each (N,).

        Groups that the model is weak for are looked for by it; the default knows nothing.
        """
        del examples
        return {}

    def course(
        self, examples: Examples, place: int, schema: Schema
    ) -> tuple[Sequence[str], dict[str, NDArray[np.float64]]]:
        """Say what an answer about what comes next stands between.

        Returns:
            The times of the steps to come, (H,), and what came before, by variable, (L,) each, in
            its own unit, NaN where missing. The default: nothing comes next.
        """
        del examples, place, schema
        return (), {}

    @abstractmethod
    def draw(self, examples: Examples, places: Sequence[int]) -> bytes:
        """Draw the examples at these places as one PNG sheet, titled by target where known."""

    @abstractmethod
    def parts(self, examples: Examples, schema: Schema) -> list[Parts]:
        """Divide each example into the parts that an explanation may cover, 2 to about 64.

        A part is what a person would name as one reason: a piece of a picture that looks alike, a
        column of a table.
        """

    def areas(self, examples: Examples, schema: Schema) -> list[Parts]:
        """Divide each example into parts that have the same names in all examples.

        So explanations of many examples can be laid over each other: a column, a place in the
        picture. The default holds for kinds whose `parts` are already like that.
        """
        return self.parts(examples, schema)

    @abstractmethod
    def blanks(
        self, x: "torch.Tensor", schema: Schema, others: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        """Give what a batch looks like where nothing is there, in one or more ways.

        Args:
            x: (B, *schema.shape).
            schema: of the model.
            others: examples of the training side, (N, *schema.shape); N may be 0.

        Returns:
            By name, the most natural first: (R, B, *schema.shape), R blanks for each example, whose
            effects are averaged. R is 1 for a plain blank; several where nothing but what other
            examples have there can stand for nothing.
        """

    @abstractmethod
    def restore(self, stored: NDArray[Any], schema: Schema) -> Examples:
        """Give raw examples, as near as can be, from what `encode` gave, (N, *stored).

        They have no targets and plain names; they can be drawn, divided and encoded again.
        """

    @abstractmethod
    def paint(
        self, examples: Examples, place: int, parts: Parts, shares: NDArray[np.float64]
    ) -> bytes:
        """Draw one example as a PNG with what each part added to the answer, (P,), in colour.

        What speaks for the answer and what speaks against it are told apart without colour, too.
        """

    def sound(self, examples: Examples, place: int) -> bytes:
        """Give one example as a WAV file that a page can play; the default is nothing to hear."""
        del examples, place
        return b""

    def illustrate(
        self,
        examples: Examples,
        place: int,
        parts: Parts,
        shares: NDArray[np.float64],
        beside: Beside,
    ) -> bytes:
        """Draw as `paint` does, with what is known beside the shares; by default without it."""
        del beside
        return self.paint(examples, place, parts, shares)

    def tell(self, examples: Examples, place: int, parts: Parts) -> tuple[str, ...]:
        """Say in a few words what one example has in each part; "" where words cannot say.

        The default says nothing of any part.

        Args:
            examples: raw.
            place: of the example among them.
            parts: of it, or of another one that has the same names.
        """
        del examples, place
        return ("",) * len(parts)

    def untensor(self, x: "torch.Tensor", schema: Schema) -> NDArray[Any]:
        """Give what would be stored, (N, *stored), of x, (N, *schema.shape): the way back.

        The default: examples of this kind cannot be made from noise.

        Raises:
            BadInputError: if the kind has no way back.
        """
        from pellucid.errors import BadInputError

        del x, schema
        raise BadInputError(
            given=f"data of the kind {self.name!r}, of which whole examples shall be made",
            needed="a kind that has a way back from numbers, such as pictures",
            remedy="see `pellucid list kinds`",
        )

    def files(self, stored: NDArray[Any], schema: Schema) -> Iterator[tuple[str, bytes]]:
        """Give each stored example as a raw file that `read` reads: its suffix and its content."""
        del stored, schema
        return iter(())

    def sheet(
        self, stored: NDArray[Any], groups: Sequence[Group], captions: Sequence[str], schema: Schema
    ) -> bytes:
        """Draw stored examples, (N, *stored), under the titles of their groups, as one PNG.

        Args:
            stored: the examples.
            groups: title, a remark beside it, and the places of its examples among all.
            captions: one below each example; none for none.
            schema: of the model.
        """
        del stored, groups, captions, schema
        return b""

    def film(self, stored: NDArray[Any], schema: Schema) -> bytes:
        """Draw stored examples, (N, *stored), one after the other, as a GIF; b"" if it cannot."""
        del stored, schema
        return b""

    @classmethod
    @abstractmethod
    def specimen(cls, folder: Path) -> Path:
        """Write a small data set of raw files of this kind that has an answer, for the contracts.

        At least 120 examples of two classes that a network can tell apart, learnable in seconds.
        The folder is made if it is not there.

        Returns:
            The path that a user would give to `pellucid fit`.
        """
