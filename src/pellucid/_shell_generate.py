"""`pellucid generate`: what a model makes is printed as it comes, or kept in files.

What it makes is said by its task (`Task.makes`); options that are about something else are refused.
"""

import itertools
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid import _shell
from pellucid.errors import BadInputError

_SHEET, _COUNT = ".png", 64
_ABOUT = {
    "text": ("prompt", "length", "temperature", "top_k", "top_p"),
    "examples": ("class", "between", "directions"),
}
_WORDS = {"text": "what comes next in a text", "examples": "whole examples from noise"}
_TEMPERATURE = 0.8

Options = Mapping[str, Any]


def generate(model: Any, path: str, options: Options, out: Path | None, *, as_json: bool) -> None:
    """Make what the model makes.

    Args:
        model: that makes it.
        path: of the model, by which files are named.
        options: as they were given, None where they were not.
        out: a file or folder; None for none, or for one named after the model.
        as_json: print JSON and nothing else.

    Raises:
        BadInputError: if an option makes no sense for what this model makes, or it makes nothing.
    """
    kind = model.task.makes
    given = {name: value for name, value in options.items() if value is not None}
    _check(kind, given)
    if kind == "text":
        _texts(model, given, out, as_json=as_json)
    else:  # what makes nothing is refused there in a sentence
        _examples(model, path, given, out, as_json=as_json)


def _check(kind: str, given: Options) -> None:
    for other, names in _ABOUT.items():
        wrong = [name for name in names if name in given and other != kind]
        if wrong and kind:
            own = ", ".join(f"--{name.replace('_', '-')}" for name in _ABOUT[kind])
            raise BadInputError(
                given=f"--{wrong[0].replace('_', '-')} for a model that makes {_WORDS[kind]}",
                needed=f"options about that: {own}, --count, --seed, --out",
                remedy=f"leave --{wrong[0].replace('_', '-')} out",
            )


def _texts(model: Any, given: Options, out: Path | None, *, as_json: bool) -> None:
    from pellucid.generating import Drawing, Wish

    about = {"temperature": _TEMPERATURE, **given}
    how = Drawing(
        **{name: about[name] for name in ("temperature", "top_k", "top_p") if name in about}
    )
    rest = {name: given[name] for name in ("prompt", "length", "count", "seed") if name in given}
    _write(model, Wish(drawing=how, **rest), out, as_json=as_json)


def _examples(model: Any, path: str, given: Options, out: Path | None, *, as_json: bool) -> None:
    from pellucid import making
    from pellucid._made import form_of

    suffix = ".gif" if "between" in given else _SHEET
    out = out or Path(Path(path).stem + suffix)
    form_of(out)  # refused before the work
    subject, seed, of = model.why.subject, given.get("seed", 0), given.get("class")
    if "directions" in given:
        place = given["directions"]
        found = making.directions(subject, place, of=of, seed=seed)
        made = making.strips(subject, found, place)
    elif "between" in given:
        frames = given.get("count", making.FRAMES)
        made = making.walk(subject, given["between"], of=of, seed=seed, frames=frames)
    else:
        made = making.make(subject, given.get("count", _COUNT), of=of, seed=seed)
    made.save(out)
    counts = {name: count for name, count in sorted(Counter(made.classes).items()) if name}
    said = {"made": len(made), "classes": counts, "seed": seed, "saved": str(out)}
    _shell.answer(said if as_json else f"Made {len(made):,}; saved {out}")


def _write(model: Any, wish: Any, out: Path | None, *, as_json: bool) -> None:
    """Print what a model writes: one text as it comes, several when all are there.

    Args:
        model: that writes it.
        wish: a `generating.Wish`.
        out: a file to keep it in, too.
        as_json: one object a text, on a line of its own.
    """
    from pellucid import generating

    subject = model.why.subject
    live = wish.count == 1 and not as_json
    texts = [""] * wish.count
    pieces = generating.generate(subject, wish)  # what cannot be is said before anything is shown
    for place, piece in itertools.chain([generating.Piece(0, "")], pieces):
        if live:
            _shell.say(piece or wish.prompt, end="")
        texts[place] += piece
    if live:
        _shell.say("")
    for place, text in enumerate(texts if not live else []):
        made = {"prompt": wish.prompt, "text": text, "seed": wish.seed, "place": place}
        plain = f"--- {place + 1} of {wish.count}\n{wish.prompt}{text}\n"
        _shell.answer(made if as_json else plain, indent=None)
    if out is not None:
        _shell.save(out, "\n\n".join(f"{wish.prompt}{text}" for text in texts).encode() + b"\n")
        _shell.tell(f"Saved {out}")
    like = generating.learned(subject, model.cases)
    for said in dict.fromkeys(generating.repetition(text, like) for text in texts):
        if said:
            _shell.tell(said)
