"""New data from a model that tells what comes next.

Idea: what is drawn is read again, so that the next draw follows from all before it. The memory of
the network is carried, so a text of any length costs the same for each of its characters.

The chances of the n-th text depend on (seed, n) alone: more texts at once leave the first as it is.

Letters: B texts, V codes.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid._memory import Memory, memory_of, repeated
from pellucid.data._text_forms import END
from pellucid.errors import BadInputError
from pellucid.tasks._drawing import Drawing

if TYPE_CHECKING:
    from pellucid.explaining import Subject
    from pellucid.explaining._cases import Cases

__all__ = ["Drawing", "Piece", "Wish", "generate", "learned", "repetition", "tried", "written"]

_LEARNED = 2e-5  # share of the tokens from which on the end of a text was met often enough
_CONTEXT = 16  # codes before the last that are spelled again, since a piece may end in mid-letter
_TORN = "\ufffd"  # stands where the bytes of a letter are not all there yet
_SPAN = 24  # characters that recur by chance hardly ever
_REPEATED = 0.3  # share of a text from which on it is called a repetition
_LIKE = 24  # learned texts
_TRIED = 600  # characters that a model writes to show what it can
_MORE = 3.0  # times as much as in the text that was learned


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is to be written.

    Args:
        prompt: what stands before it and is read first.
        length: characters to write, at most; a text may end before.
        count: of texts.
        seed: of the draws; the same seed writes the same text on a CPU.
        drawing: how freely.

    Raises:
        BadInputError: if one of them makes no sense.
    """

    prompt: str = ""
    length: int = 400
    count: int = 1
    seed: int = 0
    drawing: Drawing = field(default_factory=Drawing)

    def __post_init__(self) -> None:
        for name, value in (("length", self.length), ("count", self.count)):
            if value < 1:
                raise BadInputError(
                    given=f"{name} {value}",
                    needed="a whole number from 1 up",
                    remedy=f"`--{name} 1` is the least",
                )


class Piece(NamedTuple):
    """Some characters more of one of the texts."""

    place: int
    text: str


def generate(subject: "Subject", wish: Wish) -> Iterator[Piece]:
    """Write texts, side by side, piece by piece as they come.

    Args:
        subject: a model that tells what comes next, in use: `model.why.subject`.
        wish: what is to be written.

    Raises:
        BadInputError: if the model does not tell what comes next, before anything is written.
    """
    # Tried before anything is read, so that a model that cannot says so at once.
    subject.task.draw(torch.zeros(1, subject.task.outputs), torch.zeros(1), wish.drawing, {})
    before = subject.kind.steps(wish.prompt, subject.schema)
    return _written(subject, wish, _begun(subject, before, wish.count), before)


def written(subject: "Subject", wish: Wish) -> list[str]:
    """Write texts as a whole; see `generate`."""
    texts = [""] * wish.count
    for place, text in generate(subject, wish):
        texts[place] += text
    return texts


def tried(subject: "Subject", cases: "Cases | None", *, seed: int, seconds: float) -> str:
    """Say in a sentence if what a model writes repeats itself; "" if it does not, or cannot write.

    Args:
        subject: the model.
        cases: what it learned, to compare with; None without any.
        seed: of the draws.
        seconds: that writing may take; what is written by then is looked at.
    """
    deadline = time.monotonic() + seconds
    wish = Wish(length=_TRIED, seed=seed, drawing=Drawing(temperature=0.8))
    text = ""
    try:
        for piece in generate(subject, wish) if seconds > 0 else ():
            text += piece.text
            if time.monotonic() > deadline:
                break
        found = repetition(text, learned(subject, cases) if text else ())
    except BadInputError:
        return ""
    # A network of the user's own may fail in any way; what was learned is done.
    except Exception as error:
        return f"what the model writes could not be seen: {type(error).__name__}: {error}"
    return f"what the model writes is degenerate: {found}" if found else ""


def learned(subject: "Subject", cases: "Cases | None") -> list[str]:
    """Give some of the texts that a model learned from, to compare with; none without cases."""
    if cases is None:
        return []
    return [str(text) for text in subject.kind.restore(cases.spread(_LIKE), subject.schema).raw]


def repetition(text: str, like: Sequence[str] = ()) -> str:
    """Say in a sentence if a text repeats itself; "" if it does not.

    Args:
        text: that was written.
        like: texts that were learned; what they repeat is no fault.
    """
    share = _repeated(text)
    usual = max((_repeated(each[: len(text)]) for each in like), default=0.0)
    if share < max(_REPEATED, _MORE * usual):
        return ""
    beside = f", where {usual:.0%} does in what was learned" if like else ""
    return (
        f"it repeats itself: {share:.0%} of the text stands in it before{beside}; "
        "a higher temperature, or a longer run, may help"
    )


def _begun(subject: "Subject", before: NDArray[np.float32], count: int) -> Memory:
    """Read the prompt once for all texts; without one, begin as texts begin."""
    memory = memory_of(subject.network.eval(), subject.schema)
    shares = subject.schema.shares
    if not len(before) and (not shares or shares[END] >= _LEARNED):
        before = np.full(1, END, np.float32)
    with torch.inference_mode():
        memory.push(torch.from_numpy(before)[None].to(subject.device))
        repeated(memory, count)
    return memory


def _written(
    subject: "Subject", wish: Wish, memory: Memory, before: NDArray[np.float32]
) -> Iterator[Piece]:
    chances = [np.random.default_rng([wish.seed, place]) for place in range(wish.count)]
    pens = [_Pen(subject, before, wish.length) for _ in range(wish.count)]
    while not all(pen.done for pen in pens):
        drawn = torch.from_numpy(np.array([each.random() for each in chances]))
        with torch.inference_mode():
            outputs = _expected(subject, memory, wish.count)
            codes = subject.task.draw(outputs, drawn, wish.drawing, subject.calibration)
            memory.step(codes.float())
        for place, (pen, code) in enumerate(zip(pens, codes.tolist(), strict=True)):
            text = pen.write(code)
            if text:
                yield Piece(place, text)


def _expected(subject: "Subject", memory: Memory, count: int) -> Tensor:
    """Give what comes next; where nothing was read, how frequent tokens are."""
    outputs = memory.outputs()
    if outputs is not None:
        return outputs.float()
    shares = torch.tensor(subject.schema.shares, device=subject.device)
    return shares.log().expand(count, -1)


class _Pen:
    """Spells the codes of one text as they come, and knows when it is long enough.

    Args:
        subject: the kind of data spells.
        before: codes of the prompt.
        length: characters, at most.
    """

    def __init__(self, subject: "Subject", before: NDArray[np.float32], length: int) -> None:
        self._subject = subject
        self._codes = before[-_CONTEXT:].astype(np.int64).tolist()
        self._spelled = self._spell()
        self._left = length
        self.done = False

    def write(self, code: int) -> str:
        """Take one code more, and give the characters that are new; "" if none is sure yet."""
        if self.done:
            return ""
        if code == END:
            self.done = True
            return ""
        self._codes.append(code)
        whole = self._spell()
        if whole.endswith(_TORN) and len(self._codes) < 2 * _CONTEXT:
            return ""
        text = whole[len(self._spelled) :][: self._left]
        self._codes = self._codes[-_CONTEXT:]
        self._spelled = self._spell()
        self._left -= len(text)
        self.done = self._left <= 0
        return text

    def _spell(self) -> str:
        if not self._codes:
            return ""
        schema = self._subject.schema
        stored = np.array([self._codes], np.int32 if schema.cardinalities[0] > 1 << 16 else "u2")
        return str(self._subject.kind.restore(stored, schema).raw[0])


def _repeated(text: str) -> float:
    """Give the share of places from which on a stretch of characters stands in the text before."""
    count = len(text) - _SPAN + 1
    if count < _SPAN:
        return 0.0
    seen: set[Any] = set()
    again = 0
    for place in range(count):
        piece = text[place : place + _SPAN]
        again += piece in seen
        seen.add(piece)
    return again / count
