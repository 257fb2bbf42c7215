"""What must not be changed in translation: numbers, addresses, placeholders.

Idea: a network that learned from sentences spells a number that it never saw wrongly, and nobody
notices. A number of the translation that is not in the source stands, mostly, for the one of the
source that is not in the translation; so they are put in place of each other, in their order.
"""

import re
from collections import Counter
from collections.abc import Sequence

_ADDRESS = r"https?://[^\s<>\"]+|www\.[^\s<>\"]+|[\w.+-]+@[\w-]+\.[\w.-]*\w"
_SLOT = r"\{\{?[\w.]+\}?\}|%\(?\w*\)?[sd]\b|<[\w/][^<>]{0,40}>|\$\{\w+\}|@\w{2,}|#\w{2,}"
_NAME = r"\b(?=\w*\d)(?=\w*[A-Za-z])\w[\w-]*\b"  # letters and digits in one word: "B52"
_NUMBER = r"\d+(?:[.,:/-]\d+)*"
_KEPT = re.compile("|".join((_ADDRESS, _SLOT, _NAME, _NUMBER)))


def kept_in(text: str) -> list[str]:
    """Give what must not be changed in a text, in its order."""
    return [found[0] for found in _KEPT.finditer(text)]


def copied(source: str, translation: str) -> tuple[str, tuple[str, ...]]:
    """Put back what was changed and must not be.

    Returns:
        The translation, and what of the source is not in it all the same.
    """
    wanted, told = kept_in(source), kept_in(translation)
    missing = _beyond([each for each in wanted if each not in translation], told)
    if not missing:
        return translation, ()
    strange = [found for found in _KEPT.finditer(translation) if found[0] not in source]
    parts, last = [], 0
    for found, right in zip(strange, list(missing), strict=False):
        parts += [translation[last : found.start()], right]
        last = found.end()
        missing.remove(right)
    parts.append(translation[last:])
    return "".join(parts), tuple(missing)


def _beyond(wanted: Sequence[str], told: Sequence[str]) -> list[str]:
    """Give what is wanted and not told; a comma and a point in a number are the same."""
    left = Counter(_plain(each) for each in told)
    found = []
    for each in wanted:
        if left[_plain(each)]:
            left[_plain(each)] -= 1
        else:
            found.append(each)
    return found


def _plain(number: str) -> str:
    return re.sub(r"[.,](?=\d)", "", number)
