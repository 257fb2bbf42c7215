"""The parts of a window, spans of time of each variable, and what it is like without them.

Idea: what happened lately is asked about more finely than what happened long ago, so spans double
in length on their way back; whole series, which have no now, are cut into equal spans.

Letters: B batch, N examples, L steps, C channels, R blanks, P parts.
"""

import itertools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Parts, Schema
from pellucid.data._series_rhythm import Rhythm
from pellucid.data._series_windows import Windows

if TYPE_CHECKING:
    import torch

_MOST = 64  # parts
_USUAL = 48  # parts up to which there are more than two spans
_SPANS, _FEWEST = 8, 2
_OTHERS = 12

Span = tuple[int, int]  # first step and the one after the last, within a window


def spans(schema: Schema) -> list[Span]:
    """Divide the steps of a window, the oldest span first."""
    length, channels = schema.shape[0], len(schema.details["channels"])
    most = max(_FEWEST, min(_SPANS, _USUAL // channels))
    if not schema.ahead:
        cuts = np.unique(np.linspace(0, length, most + 1).astype(np.int64)).tolist()
        return list(itertools.pairwise(cuts))
    size = _latest(schema, most)
    cuts, back = [length], 0
    while length - back > size and len(cuts) < most:
        back += size
        cuts.append(length - back)
        size = max(size, back)
    cuts = [*cuts, 0] if length - back >= size // 2 or len(cuts) < 3 else [*cuts[:-1], 0]
    return list(itertools.pairwise(cuts[::-1]))


def _latest(schema: Schema, most: int) -> int:
    """Choose how long the latest span is: a part of a season, and the shorter the more spans."""
    length = schema.shape[0]
    size = min(max(1, schema.season // 2 if schema.season > 1 else length // 4), length)
    while size > 1 and 1 + np.ceil(np.log2(length / (size // 2))) <= most:
        size //= 2
    return size


def groups(schema: Schema) -> list[Span]:
    """Divide the channels: each alone, or neighbours together where there are many."""
    channels = len(schema.details["channels"])
    each = -(-channels // (_MOST // _FEWEST))
    return [(first, min(first + each, channels)) for first in range(0, channels, each)]


def divided(raw: Windows, schema: Schema) -> list[Parts]:
    """Give the parts of each window; they differ only in when they were."""
    length = schema.shape[0]
    cells = [(of, span) for of in groups(schema) for span in _own_spans(of, schema)]
    index = np.full(schema.shape, -1, np.int64)
    for number, ((first, last), (start, stop)) in enumerate(cells):
        index[start:stop, first:last] = number
    rhythm = Rhythm.from_json(schema.details["rhythm"])
    names = tuple(_named(of, span, schema, rhythm) for of, span in cells)
    found = []
    for place in range(len(raw)):
        # Each once: an explanation asks for the names of few steps.
        steps = {step for _, span in cells for step in (span[0], span[1] - 1)}
        when = _times(raw, place, sorted(steps), length)
        where = tuple(
            [when[start], when[stop - 1], _variable(of, schema)] for of, (start, stop) in cells
        )
        found.append(Parts(of=index, names=names, where=where))
    return found


def blanks(x: "torch.Tensor", schema: Schema, others: "torch.Tensor") -> "dict[str, torch.Tensor]":
    """Give the ways of showing nothing, by name, each (R, B, L, C).

    Args:
        x: (B, L, C).
        schema: of the model.
        others: windows of the training side, (N, L, C); N may be 0.
    """
    found = {"mean": x.mean(dim=1, keepdim=True).expand_as(x)[None]}
    if schema.ahead:
        found["last"] = x[:, -1:].expand_as(x)[None]
    if len(others):
        places = np.unique(np.linspace(0, len(others) - 1, _OTHERS).astype(np.int64)).tolist()
        some = others[places, None].to(x).expand(-1, len(x), -1, -1)
        found["others"] = _resized(some, x, len(schema.variables)) if schema.own_scale else some
    return found


def _resized(others: "torch.Tensor", x: "torch.Tensor", asked: int) -> "torch.Tensor":
    """Give other windows the level and the size of the series of x, (R, B, L, C)."""
    import torch

    own = x[None].expand(len(others), -1, -1, -1)
    level, size = own[..., -2 * asked : -asked], own[..., -asked:].exp()
    other, its = others[..., -2 * asked : -asked], others[..., -asked:].exp()
    wanted = (others[..., :asked] - other) / its * size + level
    rest = others[..., asked : -2 * asked]
    return torch.cat([wanted, rest, own[..., -2 * asked :]], dim=-1)


def tell(raw: Windows, place: int, parts: Parts) -> tuple[str, ...]:
    """Say in a few words what a window shows in each part: "12.4, from 8 to 15"."""
    values = raw.values(place)
    length = parts.of.shape[0]
    shown = np.full((length, values.shape[1]), np.nan, np.float32)
    kept = values[-length:]
    shown[length - len(kept) :] = kept
    of = parts.of[:, : values.shape[1]]
    return tuple(_told(shown[of == number]) for number in range(len(parts)))


def _own_spans(of: Span, schema: Schema) -> list[Span]:
    """Give the spans of some channels: one for what does not change."""
    form = schema.details["form"]
    count = len(form["roles"]["static"]) if schema.ahead else 0
    worded = sum(len(levels) - 1 for levels in form["levels"].values()) if count else 0
    still = of[0] >= len(schema.details["channels"]) - count - worded
    return [(0, schema.shape[0])] if still and count else spans(schema)


def _variable(of: Span, schema: Schema) -> str:
    channels = schema.details["channels"]
    first, last = channels[of[0]], channels[of[1] - 1]
    return str(first) if first == last else f"{first} to {last}"


def _named(of: Span, span: Span, schema: Schema, rhythm: Rhythm) -> str:
    name, length = _variable(of, schema), schema.shape[0]
    start, stop = length - span[0], length - span[1]
    if not schema.ahead:
        return f"{name}, steps {span[0] + 1} to {span[1]} of {length}"
    if span == (0, length):
        return name
    if _is_known(of, schema):
        return f"{name}, {_shown_early(start - schema.ahead, stop - schema.ahead, rhythm)}"
    if not stop:
        return f"{name}, last {rhythm.span(start)}"
    return f"{name}, {rhythm.span(stop)} to {rhythm.span(start)} back"


def _is_known(of: Span, schema: Schema) -> bool:
    roles = schema.details["form"]["roles"]
    first = len(roles["asked"]) + len(roles["past"])
    return first <= of[0] < first + len(roles["known"])


def _shown_early(start: int, stop: int, rhythm: Rhythm) -> str:
    """Name the time of what is known in advance: from `start` steps back to `stop` steps back."""
    if start <= 0:
        return f"{rhythm.span(-start)} to {rhythm.span(-stop)} ahead"
    if stop >= 0:
        return f"{rhythm.span(stop)} to {rhythm.span(start)} back"
    return f"{rhythm.span(start)} back to {rhythm.span(-stop)} ahead"


def _times(raw: Windows, place: int, steps: list[int], length: int) -> dict[int, str]:
    """Name the times of some steps of a window."""
    last = int(raw.places(place)[-1]) if len(raw.places(place)) else 0
    places = last - (length - 1) + np.array(steps, np.int64)
    return dict(zip(steps, raw.rhythm.text(places), strict=True))


def _told(values: NDArray[np.float32]) -> str:
    known = values[~np.isnan(values)]
    if not len(known):
        return "missing"
    low, high = float(known.min()), float(known.max())
    if low == high:
        return f"{low:.4g}"
    return f"{float(known.mean()):.4g}, from {low:.4g} to {high:.4g}"
