"""What is said of raw data before a network sees any of it: examples, faults, findings, parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data._schema import Schema

Group = tuple[str, str, list[int]]  # title, what is said of it, places of its examples


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One example that could not be used: it is counted, named and left out.

    Args:
        name: the file, or the file and row.
        reason: what is wrong with it, as a clause: "cut short after 812 bytes".
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing worth knowing before training, found by looking.

    Args:
        what: short name from a fixed list per kind, such as "near duplicates".
        level: "note", "warning" (may hurt), or "error" (training makes no sense).
        text: one sentence with the figures in it, and what to do.
        examples: names of examples that show it, at most ten.
    """

    what: str
    level: str
    text: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """What the user said about the data, and what reading may spend.

    Args:
        target: the column that holds the answer; None to find it, "" to find it or do without.
        group: the column whose equal values must stay on one side of a split.
        schema: of a trained model: read as it was read then, targets optional. None when learning.
        seconds: the whole budget, s; a working size is chosen from it.
        memory: bytes that encoded data may take in memory; past that it lives in a mapped file.
        cache: folder for decoded data that a second run reuses; None for the user's cache folder.
        reading: the time that decoding may take, s; what is not decoded by then is left out, and
            the rest is a fair sample. Infinite for all, however long it takes.
        further: decode more than an earlier run had the time for; not if a run that was stopped
            goes on, which must see what it saw before.
        task: name of the question, where the user named one: a text is read as examples with
            classes, or as one long text to be continued.
        ahead: steps that a forecast shall reach; None for the kind to choose.
        past: steps that a forecast may look back at, at most; None for the kind to choose.
        whole: what is held out is given elsewhere, so all of this may be learned from: a kind that
            divides by time does not.
        judged: with `schema`, read what shall be scored, such as every window of a series and what
            came next; else what is asked, such as the end of the series alone.
    """

    target: str | None = None
    group: str | None = None
    schema: Schema | None = None
    seconds: float = 600.0
    memory: int = 1 << 30
    cache: Path | None = None
    reading: float = float("inf")
    further: bool = True
    task: str | None = None
    ahead: int | None = None
    past: int | None = None
    whole: bool = False
    judged: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Raw examples that were read and can be used, in the order given.

    Args:
        kind: name of the kind of data.
        names: one name each: a path, or a file and row.
        raw: what the kind reads from: an array (N, ...), an Arrow table; only the kind looks in.
        target: name of what is asked; "" where there are no targets.
        targets: (N,), float64 (NaN where missing) when all are numbers, else strings (object, None
            where missing); None where nothing is known. Pictures in class folders give strings.
            Where the raw data themselves go on past an example, (N, S + H, C) float32: the last
            S = `schema.season` steps of it, for the guess, and the H = `schema.ahead` steps that
            come next, of C variables in their own units, NaN where missing. It may be a view into
            memory that windows share.
        groups: strings (object); equal ones stay on one side. None where no group is known.
        sides: "train", "valid", "test" or "" for each, as the folders say it. None if they do not.
        faults: what was left out.
        notes: findings made while reading (an encoding, a missing header), for `look`.
    """

    kind: str
    names: Sequence[str]
    raw: Any
    target: str = ""
    targets: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    sides: NDArray[Any] | None = None
    faults: tuple[Fault, ...] = ()
    notes: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        """Count the examples that can be used."""
        return len(self.names)

    def at(self, places: NDArray[np.int64], raw: Any) -> "Examples":
        """Give what is known of the examples at these places, in this order, without faults.

        Args:
            places: numbers of examples.
            raw: theirs.
        """
        names = self.names
        chosen = {
            field: None if (column := getattr(self, field)) is None else column[places]
            for field in ("targets", "groups", "sides")
        }
        return self.replace(
            names=names.take(places)
            if hasattr(names, "take")
            else [names[place] for place in places.tolist()],
            raw=raw,
            faults=(),
            notes=(),
            **chosen,
        )

    def replace(self, **changes: Any) -> "Examples":
        """Give a copy with some fields changed."""
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The parts of one example that an explanation weighs, each covered or shown as a whole.

    Args:
        of: the part, from 0 to P - 1, that each number of x belongs to; -1 for what is always
            shown. Its shape broadcasts to `schema.shape`: (1, H, W) for a picture, whose channels
            belong to the same part.
        names: one each, as a person would point at it: a column, "top left".
        where: one each, as JSON in the units of the raw example: [left, top, width, height] in
            pixels of the file, the name of the column.
    """

    of: NDArray[np.int64]
    names: tuple[str, ...]
    where: tuple[Any, ...]

    def __len__(self) -> int:
        """Count the parts, P."""
        return len(self.names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What is known of an explained answer beside the shares of its parts.

    Args:
        words: start, end, s, and the word, where an answer is words said: `Answer.words_at`.
        detail: how shares lie within their parts, as the numbers of the parts, such as (1, H, W);
            None where nobody knows.
    """

    words: Sequence[tuple[float, float, str]] = ()
    detail: NDArray[np.float64] | None = None
