"""A small set of pairs in an invented language with rules, for the contracts.

The rules: the verb comes first; what is described stands before its quality; the quality ends as
its thing does; and the verb ends in "-en" if the one who acts is many.
"""

from pathlib import Path

import numpy as np

_WHO = (("dog", "hune"), ("cat", "kati"), ("child", "bero"), ("woman", "sala"), ("man", "tuma"))
_DOES = (("sees", "vid"), ("likes", "lom"), ("finds", "gar"), ("follows", "nes"))
_LIKE = (("small", "mik"), ("red", "rog"), ("old", "sen"), ("quick", "zip"), ("tall", "lan"))
_WHAT = (("stone", "pelu"), ("tree", "dara"), ("boat", "navi"), ("ball", "rolo"), ("book", "libe"))


def sentence(random: np.random.Generator) -> tuple[str, str]:
    """Draw a sentence and its translation."""

    def some(words: tuple[tuple[str, str], ...]) -> tuple[str, str]:
        return words[int(random.integers(len(words)))]

    who, does, like, what = some(_WHO), some(_DOES), some(_LIKE), some(_WHAT)
    other = some(_LIKE)
    many = bool(random.integers(2))
    actor = f"the {other[0]} {who[0]}{'s' if many else ''}"
    verb = does[0].removesuffix("s") if many else does[0]
    source = f"{actor} {verb} a {like[0]} {what[0]}"
    ends = "en" if many else "a"
    actors = f"{who[1]}{'m' if many else ''} {other[1]}{who[1][-1]}{'m' if many else ''}"
    return source, f"{does[1]}{ends} {actors} {what[1]} {like[1]}{what[1][-1]}"


def invented(count: int, *, seed: int) -> list[tuple[str, str]]:
    """Draw different pairs of the invented language, by seed."""
    random = np.random.default_rng(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        source, target = sentence(random)
        found[source] = target
    return list(found.items())


def write(folder: Path) -> Path:
    """Write pairs as a table with a header that names the languages.

    Returns:
        The path of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pairs.tsv"
    rows = [("source", "target"), *invented(400, seed=5)]
    path.write_text("".join(f"{one}\t{other}\n" for one, other in rows), encoding="utf-8")
    return path
