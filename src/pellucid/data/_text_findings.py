"""What is worth knowing of texts before training.

Letters: N texts.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Examples, Finding
from pellucid.data._targets import as_classes
from pellucid.data._text_facts import script_of
from pellucid.data._text_parts import plain_words

_SHOWN = 10
_SHORT = 2  # words, at most: a text of so few says little
_TIMES_AS_LONG = 20  # as the middle one
_GIVEN_AWAY = 0.98  # share of the texts with a word that are of one class
_OFTEN = 0.3  # share of a class that such a word is in
_LEAST = 20  # texts that such a word is in
_NAMED = 0.3  # share of a class whose texts hold the name of the class
_SCRIPTS = 0.02  # share of the texts that a script is worth naming from
_REPEATED = 0.5  # share of a text that its most frequent line may make up


def findings(examples: Examples) -> list[Finding]:
    """Make every finding about the texts themselves."""
    texts: Sequence[str] = examples.raw
    if examples.raw.stream:
        return [*_scripts(examples, texts), *_loops(examples, texts)]
    return [
        *_lengths(examples, texts),
        *_scripts(examples, texts),
        *_leaks(examples, texts),
    ]


def _lengths(examples: Examples, texts: Sequence[str]) -> Iterator[Finding]:
    counts = np.array([len(text.split()) for text in texts])
    letters = np.array([len(text) for text in texts])
    short = (counts <= _SHORT) & (letters <= 12)
    middle = float(np.median(letters))
    if short.any() and not short.mean() > 0.5:
        text = f"{_texts(short)} of one or two words only; look whether they say what is asked"
        yield Finding(what="short", level="note", text=text, examples=_names(examples, short))
    long = letters > _TIMES_AS_LONG * max(middle, 20)
    if long.any():
        text = (
            f"{_texts(long)} more than {_TIMES_AS_LONG} times as long as the middle one "
            f"({middle:,.0f} characters); look whether several texts run together in them"
        )
        yield Finding(what="very long", level="warning", text=text, examples=_names(examples, long))


def _scripts(examples: Examples, texts: Sequence[str]) -> Iterator[Finding]:
    found = [script_of(text) for text in texts]
    counts = Counter(script for script in found if script != "none")
    common = [name for name, count in counts.most_common() if count >= _SCRIPTS * len(texts)]
    if len(counts) < 2:
        return
    rare = np.array([script in counts and script != common[0] for script in found])
    shown = ", ".join(f"{counts[name]:,} in {name}" for name in list(counts)[:5])
    text = (
        f"texts are written in {len(counts)} scripts ({shown}); where that goes with the class, "
        "the script alone gives the answer away"
    )
    yield Finding(what="mixed scripts", level="note", text=text, examples=_names(examples, rare))


def _leaks(examples: Examples, texts: Sequence[str]) -> Iterator[Finding]:
    """Find words that give the class away, and texts that name it."""
    classes = None if examples.targets is None else as_classes(examples.targets)
    if classes is None or len(classes[0]) < 2:
        return
    names, codes = classes
    sets = [plain_words(text) for text in texts]
    yield from _naming(examples, sets, names, codes)
    total = np.bincount(codes[codes >= 0], minlength=len(names))
    counts = [Counter[str]() for _ in names]
    for words, code in zip(sets, codes.tolist(), strict=True):
        if code >= 0:
            counts[code].update(word for word in words if word.isalnum())
    every = sum(counts, Counter[str]())
    for code, name in enumerate(names):
        least = max(_LEAST, _OFTEN * total[code])
        sure = [
            (count, word)
            for word, count in counts[code].items()
            if count >= least and count >= _GIVEN_AWAY * every[word]
        ]
        if sure and total[code] < _GIVEN_AWAY * total.sum():
            yield _given_away(name, sorted(sure, reverse=True), int(total[code]))


def _given_away(name: str, sure: Sequence[tuple[int, str]], total: int) -> Finding:
    shown = ", ".join(f"{word!r} ({count:,})" for count, word in sure[:5])
    text = (
        f"of {total:,} texts of the class {name!r} many hold words that nearly no other class has: "
        f"{shown}; a mark of where the texts are from would look so, and be no reason"
    )
    return Finding(what="words that give the class away", level="warning", text=text)


def _naming(
    examples: Examples,
    sets: Sequence[set[str]],
    names: Sequence[str],
    codes: NDArray[np.int64],
) -> Iterator[Finding]:
    for code, name in enumerate(names):
        word = name.casefold()
        if len(word) < 3 or word.isdigit():
            continue
        has = np.array([word in words for words in sets])
        own = has & (codes == code)
        of_class = max(1, int((codes == code).sum()))
        if own.sum() >= max(3, _NAMED * of_class) and own.sum() > 0.8 * has.sum():
            text = (
                f"{own.sum():,} of {of_class:,} texts of the class {name!r} hold that word itself; "
                "take it out if it was put there with the label"
            )
            yield Finding(
                what="label in the text", level="warning", text=text, examples=_names(examples, own)
            )


def _loops(examples: Examples, texts: Sequence[str]) -> Iterator[Finding]:
    """Find stretches that say one line again and again: nothing but that is learned from them."""
    loops = np.array([_is_loop(text) for text in texts])
    if loops.any():
        text = f"{_texts(loops)} mostly one line again and again; leave such stretches out"
        yield Finding(
            what="repetition", level="warning", text=text, examples=_names(examples, loops)
        )


def _is_loop(text: str) -> bool:
    lines = Counter(line.strip() for line in text.split("\n") if line.strip())
    if lines.total() < 4:
        return False
    line, count = lines.most_common(1)[0]
    return count * len(line) > _REPEATED * len(text)


def _texts(which: NDArray[np.bool_]) -> str:
    count = int(which.sum())
    return "1 text is" if count == 1 else f"{count:,} texts are"


def _names(examples: Examples, which: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(examples.names[place] for place in np.flatnonzero(which)[:_SHOWN].tolist())
