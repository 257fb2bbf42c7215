"""A picture of which source words each word of a translation rests on.

Idea: a word of the source is left out, and each word of the translation says how much less likely
it has become; the same for words that were written before it. What was left out is measured, not
what the network attends to, which need not be what it uses.

Source: Li, Monroe & Jurafsky 2016, "Understanding neural networks through representation erasure",
arXiv:1612.08220; Jain & Wallace 2019, "Attention is not explanation", arXiv:1902.10186.

Letters: R numbers of x, P source words, Q words of the translation.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data import Parts
from pellucid.data._lettering import cut, font, png
from pellucid.networks._translating import WIDTH, found_in
from pellucid.tasks._translate_words import Words

_MARGIN, _CELL, _LEFT, _TOP = 18, 44, 150, 96  # pixels
_MOST = 40  # words of either side that are drawn
_PAPER, _INK, _RULE = "#ffffff", "#1f2430", "#e3e6ec"
_FOR, _AGAINST = (230, 120, 30), (50, 110, 200)
_NUMBERED = 0.25  # nats from which on a cell has its number

Matrix = NDArray[np.float64]


def alignment(
    x: Float[Tensor, " R"], parts: Parts, ask: Callable[[Tensor], Tensor], words: Words
) -> tuple[list[str], list[str], Matrix]:
    """Measure what each word of a translation loses when a word is left out.

    Args:
        x: the source, and its translation behind it.
        parts: words of the source, first.
        ask: gives the outputs for such examples.
        words: tells the words of the translation.

    Returns:
        The words of the source and of the translation, and the nats of log-probability that each
        word of the translation loses: (Q, P + Q), where those written before it stand behind those
        of the source, and 0 stands for what comes later.
    """
    written = words.written(x)
    start = int((written != 0).int().argmax())
    told, belongs = words.of(written[start:])
    own = torch.from_numpy(np.broadcast_to(parts.of, (len(parts.of),))[:start].copy()).to(x.device)
    names = [
        name for name, at in zip(parts.names, parts.where, strict=True) if at[:1] != ["written"]
    ]
    rows = [x.clone() for _ in range(1 + len(names) + len(told))]
    for place in range(len(names)):
        rows[1 + place][:start] *= own != place
    inside = torch.from_numpy(belongs).to(x.device)
    for place in range(len(told)):
        rows[1 + len(names) + place][start:] += words.codes * (inside == place)
    outputs = ask(torch.stack(rows))
    longest = outputs.shape[1] // (2 * WIDTH)
    logs = found_in(outputs, longest).logs[:, 0, : len(inside)].double().cpu()
    sums = torch.stack(
        [
            logs[:, torch.from_numpy(belongs[: logs.shape[1]] == q)].sum(dim=1)
            for q in range(len(told))
        ]
    )
    lost = (sums[:, :1] - sums[:, 1:]).numpy()
    for place in range(len(told)):
        lost[: place + 1, len(names) + place] = 0.0
    return names, told, lost


def picture(
    x: Float[Tensor, " R"], parts: Parts, ask: Callable[[Tensor], Tensor], words: Words
) -> bytes:
    """Draw the words of the translation below each other, beside the words they rest on, a PNG."""
    names, told, lost = alignment(x, parts, ask, words)
    if not names or not told:
        return b""
    return drawn(names[:_MOST], told[:_MOST], lost[:_MOST, : len(names)][:, :_MOST])


def drawn(names: list[str], told: list[str], lost: Matrix) -> bytes:
    """Draw a table of nats: rows are words of the translation, columns of the source."""
    from PIL import Image, ImageDraw

    size = (2 * _MARGIN + _LEFT + _CELL * len(names), 2 * _MARGIN + _TOP + _CELL * len(told))
    page = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(page)
    most = float(np.abs(lost).max(initial=1e-9))
    for column, name in enumerate(names):
        _upright(page, name, _MARGIN + _LEFT + _CELL * column, _MARGIN)
    for line, word in enumerate(told):
        top = _MARGIN + _TOP + _CELL * line
        shown = cut(pen, word, font(15), _LEFT - 16)
        pen.text((_MARGIN, top + _CELL // 2 - 9), shown, font=font(15), fill=_INK)
        for column in range(len(names)):
            left = _MARGIN + _LEFT + _CELL * column
            box = (left, top, left + _CELL - 2, top + _CELL - 2)
            value = float(lost[line, column])
            pen.rectangle(box, fill=_colour(value / most), outline=_RULE)
            if abs(value) >= _NUMBERED:
                pen.text((left + 6, top + 15), f"{value:+.1f}", font=font(11), fill=_INK)
    return png(page)


def _upright(page: object, name: str, left: int, top: int) -> None:
    """Write a word from below to above, over its column."""
    from PIL import Image, ImageDraw

    strip = Image.new("RGB", (_TOP, _CELL), _PAPER)
    pen = ImageDraw.Draw(strip)
    pen.text((2, _CELL // 2 - 9), cut(pen, name, font(15), _TOP - 8), font=font(15), fill=_INK)
    assert isinstance(page, Image.Image)
    page.paste(strip.rotate(90, expand=True), (left, top))


def _colour(share: float) -> tuple[int, int, int]:
    deep = min(1.0, abs(share)) ** 0.7
    red, green, blue = _FOR if share >= 0 else _AGAINST
    paper = 255 * (1 - deep)
    return int(paper + red * deep), int(paper + green * deep), int(paper + blue * deep)
