"""What every command of the shell does: it prints, it saves, it turns faults into sentences."""

import contextlib
import itertools
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from pellucid.errors import BadInputError, InterruptedRunError, PellucidError

INTERRUPTED = 130
AT_FAULT = 2


class Commands(TyperGroup):
    """Turns what a user can meet into a sentence and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (InterruptedRunError, KeyboardInterrupt) as stop:
            tell(f"pellucid: {str(stop) or 'interrupted'}")
            raise SystemExit(INTERRUPTED) from None
        except PellucidError as error:
            tell(f"pellucid: {error}")
            raise SystemExit(AT_FAULT) from None


def answer(given: Any, *, indent: int | None = 2) -> None:
    """Print a text as it is, and anything else as JSON."""
    from pellucid._archive import finite

    if isinstance(given, str):
        say(given)
    else:
        say(json.dumps(finite(given), indent=indent, allow_nan=False))


def say(text: str, *, end: str = "\n") -> None:
    """Print at once; a reader that has read enough ends the command."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        # Whoever read has read enough; without this the exit would try to flush again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def save(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    from pellucid._archive import write_plain

    write_plain(path, content)


def keep(explanation: Any, path: Path) -> None:
    """Save one explanation; an example that could not be used has none."""
    from pellucid.data import Fault

    if isinstance(explanation, Fault):
        return
    with contextlib.suppress(OSError):  # what is wrong with the folder is said when saving
        path.parent.mkdir(parents=True, exist_ok=True)
    explanation.save(path)
    tell(f"Saved {path}")


def listen(model: Any, files: Sequence[str], *, as_json: bool) -> None:
    """Print the words of a stream of sound as they come, and how late they were.

    Raises:
        BadInputError: if there are several, or the model does not transcribe.
    """
    from pellucid import _hearing
    from pellucid.listening import Listening

    if len(files) > 1:
        raise BadInputError(
            given=f"{len(files)} files to listen to at once",
            needed="one, or - for standard input",
            remedy="leave --stream out for files that are finished",
        )
    session = Listening(model)
    if not as_json:
        tell(f"listening: a word is told {session.latency:.2f} s after it ends, at the soonest")
    late: list[float] = []
    pieces = map(session.hear, _hearing.blocks(files[0], session.rate, sys.stdin.buffer))
    for words in itertools.chain(pieces, (end() for end in [session.end])):
        for word in words:
            late.append(word.late)
            answer(word.to_json() if as_json else str(word), indent=None)
    if late and not as_json:
        tell(f"{len(late)} words, {sorted(late)[len(late) // 2]:.2f} s late in the middle")


def only(found: Iterator[Any], out: Path) -> list[Any]:
    """Give the only one there is: a file holds one explanation."""
    first = list(itertools.islice(found, 2))
    if len(first) > 1:
        raise BadInputError(
            given=f"several examples, to be explained in one file {str(out)!r}",
            needed="a folder, which gets a page for each",
            remedy=f"`--out {shlex.quote(str(out.with_suffix('')))}`",
        )
    return first


def page_name(place: int, name: str) -> str:
    """Name the page of one of several explanations."""
    plain = re.sub(r"[^\w.-]+", "-", Path(name).name).strip("-.")[:80]
    return f"{place:04}-{plain or 'example'}.html"


def headline(scores: Mapping[str, Any], guess: Mapping[str, Any]) -> list[str]:
    """Say the main score on one line."""
    from pellucid._grid import figure

    for name, score in scores.items():
        low, high = figure(score.get("low")), figure(score.get("high"))
        told = f"{name.replace('_', ' ')} {figure(score['value'])} ({low} to {high}) held out"
        return [f"{told}; a guess reaches {figure(guess.get(name))}"]
    return []


def tell(sentence: str) -> None:
    """Say something that is no result."""
    print(sentence, file=sys.stderr)


def one_or_all(data: Sequence[str]) -> Any:
    """Give the only path there is, or all of them."""
    return data[0] if len(data) == 1 else list(data)


def lines() -> Iterator[str]:
    """Give the lines of standard input as they come; bytes that are no text are replaced."""
    for line in sys.stdin.buffer:
        yield line.decode(errors="replace").rstrip("\r\n")


def named_after(data: str) -> str:
    """Name a model after its data, in the current folder."""
    path = Path(data).resolve()
    return f"{path.name if path.is_dir() else path.name.split('.')[0] or path.name}.pellucid"


def saved(path: str, task: str) -> str:
    """Say where the model is and what to do with it."""
    from pellucid import registry

    command = registry.task[task].command.format(shlex.quote(path))
    return f"Saved {path}; try: pellucid {command}"


def given(files: Sequence[str], texts: Sequence[str]) -> Any:
    """Give what is asked about: files, or texts that stand in the command itself.

    Raises:
        BadInputError: if there is neither, or both.
    """
    if files and texts:
        raise BadInputError(
            given=f"{len(files)} files and {len(texts)} texts",
            needed="one or the other",
            remedy="ask about the files in a command of their own",
        )
    if not files and not texts:
        raise BadInputError(
            given="neither a file nor a text",
            needed="what to answer about",
            remedy="name a file, or write `--text 'some words'`",
        )
    return list(files) or [{"text": text} for text in texts]


def about(member: Any) -> str:
    """Give the first line of the module that a member is from."""
    module = sys.modules[member.__module__]
    return (module.__doc__ or "").strip().partition("\n")[0]
