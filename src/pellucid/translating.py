"""The verb `translate`: lines in, their translations out, in order, as they come.

Idea: sentences are translated many at once, since that costs little more than one; but nobody who
types a line wants to wait for others. So lines are gathered as long as they come quickly.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from pellucid.errors import BadInputError
from pellucid.tasks._translate_answer import Translation

if TYPE_CHECKING:
    from pellucid.model import Model

_TOGETHER = 512  # lines
_WAITING = 0.05  # s for a further line


def translate(
    model: "Model",
    lines: Iterable[str],
    *,
    keep: Sequence[str] = (),
    say: Callable[[str], object] | None = None,
) -> Iterator[str]:
    """Translate lines; an empty one stays empty, a long one is translated by its sentences.

    Args:
        model: that translates.
        lines: as they come; never more than some hundred are held.
        keep: names that must stand in a translation as they stand in its source.
        say: is told of a name that could not be kept.

    Raises:
        BadInputError: if the model does not translate.
    """
    if model.task.name != "translate":
        raise BadInputError(
            given=f"a model that was made to {model.task.name}",
            needed="a model that translates",
            remedy="learn one: `pellucid fit train.en train.de --task translate`",
        )
    if not all(map(str.strip, keep)):
        raise BadInputError(
            given="an empty name to be kept",
            needed="a word of the sources that must not be changed",
            remedy="leave it out",
        )
    pairs = (pair for some in _gathered(lines) for pair in _translated(model, some))
    return (
        (_kept(model, *pair, keep, say) for pair in pairs) if keep else (made for _, made in pairs)
    )


def _kept(
    model: "Model",
    line: str,
    made: str,
    keep: Sequence[str],
    say: Callable[[str], object] | None,
) -> str:
    from pellucid import _keeping

    if made and _keeping.missing(line, made, keep):
        made = _keeping.kept(model, line, made, keep)
        lost = _keeping.missing(line, made, keep)
        if lost and say is not None:
            say(f"no word of the translation stands for {', '.join(lost)}: {line[:60]!r}")
    return made


def _translated(model: "Model", lines: list[str]) -> list[tuple[str, str]]:
    """Give lines with their translations."""
    told = [line.strip() for line in lines]
    places = [place for place, line in enumerate(told) if line]
    made = [""] * len(lines)
    if places:
        answers = model.predict([{"text": told[place]} for place in places])
        several = answers if isinstance(answers, list) else [answers]
        for place, answer in zip(places, several, strict=True):
            if isinstance(answer, Translation):
                made[place] = " ".join(answer.text.split("\n"))
    return list(zip(told, made, strict=True))


def _gathered(lines: Iterable[str]) -> Iterator[list[str]]:
    """Give lines that came quickly after each other together."""
    coming: queue.Queue[str | BaseException | None] = queue.Queue(maxsize=2 * _TOGETHER)

    def read() -> None:
        try:
            for line in lines:
                coming.put(line)
            coming.put(None)
        except BaseException as error:
            coming.put(error)

    threading.Thread(target=read, daemon=True).start()
    while True:
        some, last = _together(coming)
        if some:
            yield some
        if isinstance(last, BaseException):
            raise last
        if last is None:
            return


def _together(
    coming: "queue.Queue[str | BaseException | None]",
) -> tuple[list[str], str | BaseException | None]:
    """Give the lines that are there, and the last of what came."""
    last: str | BaseException | None = coming.get()
    some: list[str] = []
    while isinstance(last, str):
        some.append(last)
        if len(some) == _TOGETHER:
            return some, last
        try:
            last = coming.get(timeout=_WAITING)
        except queue.Empty:
            return some, some[-1]
    return some, last
