"""A sheet of example texts, class by class, as one PNG."""

from collections.abc import Sequence
from typing import Any

from pellucid.data import Examples
from pellucid.data._lettering import cut, font, png
from pellucid.data._targets import as_classes
from pellucid.data._text_forms import END_SIGN

_WIDE, _MARGIN, _LINE, _HEAD, _BETWEEN = 900, 24, 22, 30, 12  # pixels
_LINES = 2  # of each text
_LETTERS = 14
_PAPER, _INK, _RULE = "#ffffff", "#1f2430", "#e3e6ec"

Group = tuple[str, list[list[str]]]  # a title, and the lines of each text


def sheet(examples: Examples, places: Sequence[int]) -> bytes:
    """Draw the beginning of each text, under the class that it has."""
    from PIL import Image, ImageDraw

    pen = ImageDraw.Draw(Image.new("RGB", (8, 8)))
    groups = [
        (title, [_lines(pen, examples.raw[place]) for place in inside])
        for title, inside in _groups(examples, places)
    ]
    page = Image.new("RGB", (_WIDE, 2 * _MARGIN + sum(map(_height, groups))), _PAPER)
    pen = ImageDraw.Draw(page)
    top = _MARGIN
    for group in groups:
        _group(pen, group, top)
        top += _height(group)
    return png(page)


def _groups(examples: Examples, places: Sequence[int]) -> list[tuple[str, list[int]]]:
    targets = examples.targets
    if targets is None:
        return [("", list(places))]
    classes = as_classes(targets)
    titles = {place: _title(targets[place]) for place in places}
    order = list(dict.fromkeys(titles[place] for place in places))
    if classes is not None:
        order.sort()
    return [(title, [p for p in places if titles[p] == title]) for title in order]


def _title(target: Any) -> str:
    if target is None:
        return "no target"
    return target if isinstance(target, str) else f"{target:.6g}"


def _lines(pen: Any, text: str) -> list[str]:
    """Break the beginning of a text into lines."""
    width = _WIDE - 2 * _MARGIN - 16
    left = " ".join(text[: 200 * _LINES].replace(END_SIGN, "").split())
    lines = []
    for number in range(_LINES):
        if number == _LINES - 1 or pen.textlength(left, font=font(_LETTERS)) <= width:
            lines.append(cut(pen, left, font(_LETTERS), width))
            break
        shown = left
        while len(shown) > 1 and pen.textlength(shown, font=font(_LETTERS)) > width:
            shorter = shown.rpartition(" ")[0]
            shown = shorter or shown[: int(len(shown) * 0.9)]
        lines.append(shown)
        left = left[len(shown) :].strip()
    return lines


def _height(group: Group) -> int:
    title, texts = group
    return (_HEAD if title else 0) + sum(_LINE * len(lines) + 8 for lines in texts) + _BETWEEN


def _group(pen: Any, group: Group, top: int) -> None:
    title, texts = group
    if title:
        shown = cut(pen, title, font(15, bold=True), _WIDE - 2 * _MARGIN)
        pen.text((_MARGIN, top), shown, font=font(15, bold=True), fill=_INK)
        top += _HEAD
    for lines in texts:
        height = _LINE * len(lines)
        pen.line((_MARGIN + 4, top + 2, _MARGIN + 4, top + height - 4), fill=_RULE, width=3)
        for number, line in enumerate(lines):
            pen.text((_MARGIN + 16, top + number * _LINE), line, font=font(_LETTERS), fill=_INK)
        top += height + 8
