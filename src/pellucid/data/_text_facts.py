"""What is known of each text besides its words: how long it is, in which script, how it is written.

Letters: N texts.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOOKED = 400  # characters looked at to tell the script


def facts(texts: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Give by name what is known of each text, (N,) each."""
    found: dict[str, NDArray[Any]] = {
        "words": np.array([len(text.split()) for text in texts], np.float64),
        "capitals": np.array([_share(text, str.isupper) for text in texts], np.float64),
        "digits": np.array([_share(text, str.isdigit) for text in texts], np.float64),
    }
    scripts = [script_of(text) for text in texts]
    if len(set(scripts)) > 1:
        found["script"] = np.array(scripts, object)
    return {name: values for name, values in found.items() if len(set(values.tolist())) > 1}


def script_of(text: str) -> str:
    """Name the script that most letters of a text are of: "Latin", "Greek", "CJK"."""
    head = text[:_LOOKED]
    if head.isascii():
        return "Latin" if any(map(str.isalpha, head)) else "none"
    counts = Counter(_script(letter) for letter in head if letter.isalpha())
    return min(counts, key=lambda name: (-counts[name], name)) if counts else "none"


@lru_cache(maxsize=8_192)
def _script(letter: str) -> str:
    """Read the script off the name of a letter: "CYRILLIC SMALL LETTER A"."""
    name = unicodedata.name(letter, "other").split()[0].partition("-")[0]
    return name if name == "CJK" else name.capitalize()


def _share(text: str, has: Any) -> float:
    return sum(map(has, text)) / max(1, len(text))
