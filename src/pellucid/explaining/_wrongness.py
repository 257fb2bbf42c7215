"""Which areas look like wrong reasons: they decide alone, though they are a small part of it all.

Idea: first every area is pasted a few times, then the most telling ones more often; areas that
touch and do the same are one. What counts in the end was measured on pairs that chose nothing.

Source: Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter
optimization", arXiv:1502.07943 (successive halving: most of the effort for the few best).
Departs: two rounds, which is as many as some dozens of areas need.

Letters: A areas.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.explaining._areas import is_place, touching
from pellucid.explaining._grafting import Graft, Grafting

_FEWEST = 4  # examples with an answer, and without it, that pasting needs
_SCANNED = (2, 6)  # pairs an area in the first round: at least, and where time does not press
_AGAIN = (6, 12)  # pairs in the second
_KEPT = 8  # of so many areas one goes to the second round
_DONORS, _EACH = (6, 16), (4, 12)  # at least, and where time does not press
_SMALL, _STEEP = 0.14, 3.5  # weight that no place needs, and what its share of x adds to that
_COLUMN, _WIDE, _ALL = 0.38, 2.0, 0.85  # the same for what is no place, and the most of it
_OF_SOME = 0.25  # share of answers turned, by the donors that turn most, that takes no mark
_CHANCE, _CHANCE_OF_SOME = 0.3, 0.5  # what chance adds to each of them, with one pair
_SOFT = 0.04
_GROWING = 0.12  # weight from which it is worth looking whether a mark goes on beside
_GROWN_BY = 24  # pairs
_SETS = 4  # of areas that are pasted in the last round, about
_FEW, _NEAR = 4, 8  # areas at least, in the second round and beside the best one


@dataclass(frozen=True, kw_only=True, slots=True)
class Doubt:
    """Areas that were pasted together, and what came of it.

    Args:
        which: the answer of the donors.
        areas: places of them, the most telling first.
        graft: what pasting them did.
        place: whether they are places in a larger whole; a column is a reason of its own, however
            small a part of the row, so that it may weigh more.
    """

    which: int
    areas: tuple[int, ...]
    graft: Graft
    place: bool

    @property
    def suspicion(self) -> float:
        """How much the areas look like a wrong reason, from 0 to 1."""
        return max(self._whole, self._part)

    @property
    def partial(self) -> bool:
        """Whether that holds for some of the examples with the answer alone."""
        return self._part > 0.5 > self._whole

    @property
    def strength(self) -> float:
        """What the areas decide, from 0 to 1, to tell worse from bad."""
        return self.graft.best_turned / 2 if self.partial else self.graft.weight

    @property
    def _whole(self) -> float:
        size = self.graft.size
        fair = _SMALL + _STEEP * size if self.place else min(_ALL, _COLUMN + _WIDE * size)
        chance = _CHANCE / math.sqrt(self.graft.pairs)
        return _step((self.graft.weight - fair - chance) / _SOFT)

    @property
    def _part(self) -> float:
        fair = _OF_SOME + _STEEP * self.graft.size
        chance = _CHANCE_OF_SOME / math.sqrt(self.graft.best_pairs)
        return _step((self.graft.best_turned - fair - chance) / _SOFT) if self.place else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Effort:
    """How often to paste.

    Args:
        scanned: pairs an area in the first round.
        again: pairs of the few in the second.
        donors: in the last.
        each: recipients of a donor in the last, an even number.
    """

    scanned: int
    again: int
    donors: int
    each: int

    @classmethod
    def within(cls, questions: float, *, answers: int, areas: int) -> "Effort":
        """Choose so that all answers together take about so many questions to the network.

        Args:
            questions: infinite if time does not press.
            answers: that are gone through.
            areas: of an example.
        """
        rounds = areas * _SCANNED[1] + areas // _KEPT * _AGAIN[1] + _SETS * _DONORS[1] * _EACH[1]
        share = min(1.0, questions / (2 * max(1, answers) * rounds))
        root = math.sqrt(share)
        return cls(
            scanned=max(_SCANNED[0], round(_SCANNED[1] * share)),
            again=max(_AGAIN[0], round(_AGAIN[1] * root)),
            donors=max(_DONORS[0], round(_DONORS[1] * root)),
            each=max(_EACH[0], 2 * round(_EACH[1] * root / 2)),
        )


def doubts(
    grafting: Grafting,
    leading: Mapping[int, Sequence[Sequence[int]]],
    where: Sequence[Any],
    effort: Effort,
    late: Callable[[], bool],
) -> dict[int, list[Doubt]]:
    """Paste the areas that each answer seems to rest on, the most suspicious first.

    Args:
        grafting: which pastes.
        leading: the answers to go through, with sets of areas that explanations say they rest on;
            those are tried, too.
        where: of each area.
        effort: how often to paste.
        late: tells when to stop; the answers that look worst come first.
    """
    every = [(area,) for area in range(len(where))]
    possible = [which for which in leading if grafting.possible(which, _FEWEST)]
    first = {which: grafting.scan(which, every, effort.scanned) for which in possible}
    possible.sort(key=lambda which: -max(graft.weight for graft in first[which]))
    found: dict[int, list[Doubt]] = {}
    for which in possible:
        if found and late():
            break
        sets = _telling(grafting, which, where, first[which], effort)
        each = []
        for areas in dict.fromkeys([*sets, *map(tuple, leading[which])]):
            graft = grafting.graft(which, areas, donors=effort.donors, each=effort.each)
            place = is_place(where[areas[0]])
            each.append(Doubt(which=which, areas=areas, graft=graft, place=place))
        found[which] = sorted(each, key=lambda doubt: -doubt.suspicion)
    return found


def _telling(
    grafting: Grafting, which: int, where: Sequence[Any], first: Sequence[Graft], effort: Effort
) -> list[tuple[int, ...]]:
    """Give the area that weighs most, that turns most, and the first with what belongs to it."""
    order = sorted(range(len(where)), key=lambda area: -first[area].weight)
    few = order[: max(_FEW, len(where) // _KEPT)]
    few += [max(range(len(where)), key=lambda area: first[area].given)]
    again = grafting.scan(which, [(area,) for area in few], effort.again)
    weights = [graft.weight for graft in again]
    best = few[weights.index(max(weights))]
    turning = few[max(range(len(few)), key=lambda at: again[at].given)]
    found: list[tuple[int, ...]] = [(best,), (turning,)]
    if max(weights) >= _GROWING and is_place(where[best]):
        found.append(_grown(grafting, which, where, [best, *order]))
    return found


def _grown(
    grafting: Grafting, which: int, where: Sequence[Any], order: Sequence[int]
) -> tuple[int, ...]:
    """Add areas that touch to the first as long as each adds more weight than its size is worth."""
    found: tuple[int, ...] = (order[0],)
    (best,) = grafting.scan(which, [found], _GROWN_BY)
    for area in order[1 : 1 + max(_NEAR, len(where) // 3)]:
        if area in found or not any(touching(where[area], where[other]) for other in found):
            continue
        (more,) = grafting.scan(which, [(*found, area)], _GROWN_BY)
        if more.weight - best.weight > _STEEP * (more.size - best.size):
            found, best = (*found, area), more
    return found


def _step(over: float) -> float:
    """Turn what is over a limit into a number from 0 to 1, a half at the limit."""
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, over))))
