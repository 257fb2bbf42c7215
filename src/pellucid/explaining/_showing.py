"""How an explanation looks: in words on a terminal, in a notebook, as a page, as a file.

The same sentences stand in all of them; `_page.py` sets them as HTML.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid import _archive
from pellucid.errors import BadInputError
from pellucid.explaining._evidence import Change, Contrast, Explanation, Neighbour, Part

STRONGEST = 8  # parts that a person is shown first
_WIDTH = 24  # of the longest bar, in characters
_LONGEST = 40  # characters of a name on a terminal
_FOR, _AGAINST = "█", "░"
_FORMS = (".html", ".png", ".json")


def text(why: Explanation) -> str:
    """Tell an explanation on a terminal."""
    blocks = [
        [f"{clean(why.name)}: {clean(str(why.answer))}", verdict(why), score(why), *aside(why)],
        [heading(why), *_bars(strongest(why.parts)), *rest(why)],
        _nearest(why.neighbours),
        [] if why.contrast is None else instead(why.contrast),
        [f"Note: {clean(note)}" for note in why.notes],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def save(why: Explanation, path: Path) -> None:
    """Write an explanation as a page, a picture or JSON, as the end of the file's name says.

    Raises:
        BadInputError: if the name ends in something else, or there is no picture.
        SavingError: if the file cannot be written.
    """
    form = form_of(path)
    if form == ".png" and not why.picture:
        raise BadInputError(
            given=f"there is no picture of {why.name!r} to be written to {path}",
            needed="a kind of data that can be drawn",
            remedy="save it as .html or .json",
        )
    if form == ".html":
        from pellucid.explaining._page import page

        content = page(why).encode("utf-8")
    else:
        content = why.picture if form == ".png" else _json(why)
    _archive.write_plain(path, content)


def form_of(path: Path) -> str:
    """Tell what a file shall be by the end of its name: ".html", ".png" or ".json".

    Raises:
        BadInputError: if it is none of these.
    """
    form = path.suffix.lower()
    if form not in _FORMS:
        raise BadInputError(
            given=f"an explanation cannot be saved as {path.name!r}",
            needed=f"a name that ends in {', '.join(_FORMS[:-1])} or {_FORMS[-1]}",
            remedy=f"name it {path.with_suffix('.html').name!r}",
        )
    return form


def verdict(why: Explanation) -> str:
    """Say whether the parts can be taken for the network's reasons."""
    if why.reliable:
        return "Reliable: the parts can be taken for the reasons of the network."
    return f"Not reliable: {clean(why.reason).rstrip('.') or 'no reason was given'}."


def score(why: Explanation) -> str:
    """Say how faithful the shares are, and what luck could have made of it."""
    faithful = why.faithfulness
    value, low, high = (
        _typeset(f"{one:.2f}") for one in (faithful.value, faithful.low, faithful.high)
    )
    return f"Faithfulness {value}, 95 % interval {low} to {high}; 0 is chance, 1 the most."


def aside(why: Explanation) -> list[str]:
    """Say which answer is explained where it is not the one that was given."""
    given = {str(value) for value in why.answer.to_json().values() if isinstance(value, str)}
    if not given or why.about in given or why.answer.made:
        return []
    return [f"This explains {clean(why.about)!r}, which is not the answer that was given."]


def heading(why: Explanation) -> str:
    """Say what the shares are shares of."""
    by = f"({clean(why.method)})"
    if why.sums:
        return f"What each part added to {clean(why.about)}, in {clean(why.unit)} {by}:"
    return f"What each part did for {clean(why.about)}; the shares have no unit {by}:"


def account(why: Explanation) -> str:
    """Say by what method the number was divided, from where to where."""
    number, blank = figures([why.number, why.blank_number])
    return (
        f"The number explained is {number} {clean(why.unit)}, and {blank} where nothing is there "
        f"({clean(why.blank)}). Method: {clean(why.method)}."
    )


def strongest(parts: Sequence[Part]) -> list[Part]:
    """Give the parts of the largest shares for or against, the largest share first."""
    ranked = sorted(range(len(parts)), key=lambda place: -_size(parts[place].share))
    return [parts[place] for place in sorted(ranked[:STRONGEST])]


def rest(why: Explanation) -> list[str]:
    """Say how many other parts there are and, if shares sum up, what they come to."""
    count = len(why.parts) - STRONGEST
    if count <= 0:
        return []
    named = "one more part" if count == 1 else f"{count} more parts"
    if not why.sums:
        return [f"  and {named}"]
    shares = [part.share for part in why.parts]
    together = math.fsum(shares) - math.fsum(part.share for part in strongest(why.parts))
    return [f"  and {named}, {signed([together, *shares])[0]} in all"]


def pushes(one: Neighbour) -> str:
    """Say whether a training example speaks for the answer; "-" if that is not known."""
    if not one.influence:
        return "-"
    return f"{'for' if one.influence >= 0 else 'against'} {abs(one.influence):.0%}"


def instead(contrast: Contrast) -> list[str]:
    """Say what would have to change for the other answer."""
    before, after = figures([contrast.number, contrast.after])
    other = clean(contrast.answer)
    moved = f"the number goes from {before} to {after}"
    if not contrast.changes:
        return [f"For {other} instead: no few changes were found that lead there."]
    source = f", as in {clean(contrast.like)}" if contrast.like else ""
    lines = [f"  {changed(change)}" for change in contrast.changes]
    bare = not any(change.given or change.needed for change in contrast.changes)
    if contrast.found:
        how = "without these" if bare and not source else "with these changes"
        return [f"It would be {other} {how}{source}; {moved}:", *lines]
    source += "," if source else ""
    return [f"Not even these changes{source} make it {other}; {moved}:", *lines]


def changed(change: Change) -> str:
    """Say what would have to change in one part."""
    name, given, needed = clean(change.name), clean(change.given), clean(change.needed)
    if given and needed:
        return f"{name}: {given} → {needed}"
    if needed:
        return f"{name}: {needed}"
    return f"{name}: not {given}" if given else name


def place_of(where: Any) -> str:
    """Write where a part is, as JSON without its brackets."""
    if isinstance(where, str):
        return clean(where)
    if isinstance(where, Mapping):
        return ", ".join(f"{clean(str(name))} {place_of(each)}" for name, each in where.items())
    if isinstance(where, list | tuple):
        return ", ".join(place_of(each) for each in where)
    return f"{where:g}" if isinstance(where, float) else str(where)


def signed(values: Sequence[float]) -> list[str]:
    """Write numbers with their sign and as many decimals as three figures of the largest need."""
    places = _decimals(values)
    written = [f"{value:+,.{places}f}" for value in values]
    return [_typeset(text if text.strip("+-0.") else text[1:]) for text in written]


def figures(values: Sequence[float]) -> list[str]:
    """Write numbers without a sign in front, alike in their decimals."""
    places = _decimals(values)
    return [_typeset(f"{value:,.{places}f}") for value in values]


def clean(name: str) -> str:
    """Take out of a name what would move a cursor or cannot be written; names come from files."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )


def length(share: float, parts: Sequence[Part]) -> float:
    """Tell how long the bar of a share is, from 0 to 1 for the largest there is."""
    most = max((_size(part.share) for part in parts), default=0.0)
    return _size(share) / most if most else 0.0


def _bars(parts: Sequence[Part]) -> list[str]:
    names = [_short(part.name) for part in parts]
    shares = signed([part.share for part in parts])
    wide, broad = max(map(len, names), default=0), max(map(len, shares), default=0)
    rows = []
    for name, share, part in zip(names, shares, parts, strict=True):
        mark = _FOR if part.share > 0 else _AGAINST
        bar = mark * round(_WIDTH * length(part.share, parts))
        rows.append(f"  {name.ljust(wide)}  {share.rjust(broad)}  {bar}".rstrip())
    return rows


def _nearest(neighbours: Sequence[Neighbour]) -> list[str]:
    if not neighbours:
        return []
    rows = [(_short(one.name, end=True), _short(one.target), pushes(one)) for one in neighbours]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "Training examples that bear on it, and how alike the network finds them:",
        *(
            f"  {name.ljust(widths[0])}  {target.ljust(widths[1])}  {push.ljust(widths[2])}"
            f"  alike {one.similarity:.2f}"
            for (name, target, push), one in zip(rows, neighbours, strict=True)
        ),
    ]


def _short(name: str, *, end: bool = False) -> str:
    """Cut a long name; the end of a path tells more than its start."""
    name = clean(name)
    if len(name) <= _LONGEST:
        return name
    return f"…{name[1 - _LONGEST :]}" if end else f"{name[: _LONGEST - 1]}…"


def _decimals(values: Sequence[float]) -> int:
    most = max((_size(value) for value in values), default=0.0)
    return min(9, max(0, 2 - math.floor(math.log10(most)))) if most else 2


def _typeset(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def _size(value: float) -> float:
    return abs(value) if math.isfinite(value) else 0.0


def _json(why: Explanation) -> bytes:
    return json.dumps(_archive.finite(why.to_json()), indent=2, allow_nan=False).encode()
