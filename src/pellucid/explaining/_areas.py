"""Areas that many examples share: where they lie, which of them touch, what they are together.

Idea: a mark that lies over the edge of two areas is one reason and not two, so areas that touch and
do the same are named as one.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any


def touching(where: Any, other: Any) -> bool:
    """Tell whether two places lie side by side or over each other; meeting at a corner is too far.

    Args:
        where: as in `Parts.where`: [left, top, width, height], or [start, end], or several of those
            by name, as a time and a box. Anything else, such as the name of a column, touches
            nothing.
        other: the same.
    """
    one, two = _spans(where), _spans(other)
    if not one or len(one) != len(two):
        return False
    shared = [min(a[1], b[1]) - max(a[0], b[0]) for a, b in zip(one, two, strict=True)]
    return min(shared) >= 0 and sum(length == 0 for length in shared) <= 1


def together(names: Sequence[str], where: Sequence[Any]) -> tuple[str, Any]:
    """Name several areas as one, and give the place around them.

    Args:
        names: of the areas, the most important first.
        where: as in `Parts.where`.

    Returns:
        For places that cannot be joined, a list of them.
    """
    if len(names) == 1:
        return names[0], where[0]
    name = f"{names[0]} and {names[1] if len(names) == 2 else f'{len(names) - 1} more'}"
    if all(isinstance(one, Mapping) for one in where) and len({tuple(one) for one in where}) == 1:
        return name, {key: together(names, [one[key] for one in where])[1] for key in where[0]}
    spans = [_spans(one) for one in where]
    if not all(spans) or len({len(one) for one in spans}) > 1:
        return name, list(where)
    around = [
        (min(low for low, _ in axis), max(high for _, high in axis))
        for axis in zip(*spans, strict=True)
    ]
    if len(around) == 1:
        return name, list(around[0])
    lows, lengths = [low for low, _ in around], [high - low for low, high in around]
    return name, [*lows, *lengths]


def cluster(chosen: Sequence[int], where: Sequence[Any]) -> list[list[int]]:
    """Unite areas that touch, directly or over others of them.

    Args:
        chosen: places of areas, the most important first.
        where: of all areas.
    """
    groups: list[list[int]] = []
    for place in chosen:
        near = [group for group in groups if any(touching(where[place], where[o]) for o in group)]
        groups = [group for group in groups if group not in near]
        groups.append(sorted({place, *chain(*near)}, key=list(chosen).index))
    return sorted(groups, key=lambda group: list(chosen).index(group[0]))


def is_place(where: Any) -> bool:
    """Tell whether an area is a place in a larger whole, and not a thing of its own."""
    return bool(_spans(where))


def _spans(where: Any) -> list[tuple[float, float]]:
    """Give from where to where a place reaches along each axis; nothing if it is no place."""
    if isinstance(where, Mapping):
        each = [_spans(one) for one in where.values()]
        return [*chain(*each)] if all(each) else []
    if isinstance(where, str) or not isinstance(where, Sequence):
        return []
    if not all(isinstance(one, int | float) for one in where):
        return []
    if len(where) == 2:
        return [(where[0], where[1])]
    if len(where) == 4:
        return [(where[0], where[0] + where[2]), (where[1], where[1] + where[3])]
    return []
