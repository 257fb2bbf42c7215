"""A small set of texts with an answer, for the contracts."""

import csv
from pathlib import Path

import numpy as np

_GOOD = ("splendid", "warm", "clever", "moving", "bright", "fresh")
_BAD = ("dull", "clumsy", "flat", "noisy", "stale", "grim")
_THINGS = ("story", "film", "song", "play", "novel", "scene", "ending", "cast", "score", "dialogue")
_WHERE = ("last night", "in Oslo", "at the fair", "on tour", "this spring", "for an hour")
_WHO = ("we", "they", "my friends", "the critics", "both of us", "the children")


def write(folder: Path) -> Path:
    """Write reviews of one sentence, with what the writer thought, as a CSV file.

    Returns:
        The path of the file.
    """
    random = np.random.default_rng(11)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "reviews.csv"
    seen: set[str] = set()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        while len(seen) < 320:
            liked = bool(random.integers(2))
            text = _sentence(random, liked=liked)
            if text not in seen:
                seen.add(text)
                writer.writerow([text, "liked" if liked else "not"])
    return path


def _sentence(random: np.random.Generator, *, liked: bool) -> str:
    def some(words: tuple[str, ...]) -> str:
        return words[int(random.integers(len(words)))]

    words = _GOOD if liked else _BAD
    start = f"{some(_WHO)} saw it {some(_WHERE)}"
    text = f"{start}: the {some(_THINGS)} is {some(words)}, the {some(_THINGS)} too"
    if random.random() < 0.5:
        text = (
            f"a {some(words)} {some(_THINGS)} and a {some(_THINGS)} that {some(_WHO)} knew, {start}"
        )
    return f"{text[0].upper()}{text[1:]}."
