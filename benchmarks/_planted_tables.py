"""Tables of twenty columns whose answer uses a few that are known, made by seed.

Idea: the answer is computed by a rule from two or three columns; the others hold numbers and words
of the same sorts, and the rule never sees them. How much a column moved one answer is known, too:
the rule is asked again with other values there, and with that value alone among others.

Letters: N examples, F columns, K other rows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks._planted_truth import Planted, of_columns

COLUMNS = tuple(f"c{number:02}" for number in range(1, 21))
WORDS = ("c04", "c08", "c12", "c16", "c20")  # the others hold numbers
LEVELS_OF_WORDS = ("ash", "beech", "elm", "oak")
RANKS = np.array([-1.6, -0.4, 0.6, 1.4])  # what those are worth to a rule that uses them
TARGET = "answer"
KNOWS = "c16"  # the column of the shortcut
OTHERS = 128  # rows whose values are tried in place of an example's own

Columns = Mapping[str, NDArray[Any]]
Rule = Callable[[Columns], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Level:
    """How hard it is.

    Args:
        rows: to learn from.
        flipped: share of the answers in training that are wrong; of a number's spread, the noise.
        missing: share of the values that are missing, in columns that are not used.
        alike: correlation of the columns that go with a used one (`correlated`).
    """

    rows: int
    flipped: float
    missing: float
    alike: float


LEVELS = {
    1: Level(20000, flipped=0.0, missing=0.0, alike=0.5),
    2: Level(20000, flipped=0.03, missing=0.05, alike=0.7),
    3: Level(12000, flipped=0.06, missing=0.1, alike=0.85),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which columns a rule uses, and the rule."""

    used: tuple[str, ...]
    rule: Rule
    number: bool = False


def _rank(words: NDArray[Any]) -> NDArray[np.float64]:
    return RANKS[np.searchsorted(LEVELS_OF_WORDS, words.astype(str))]


PLANS = {
    "three": Plan(("c03", "c10", "c17"), lambda x: 1.5 * x["c03"] - x["c10"] + x["c17"]),
    "interaction": Plan(("c02", "c11", "c15"), lambda x: 1.5 * x["c02"] * x["c11"] + x["c15"]),
    "threshold": Plan(("c06", "c14"), lambda x: 3 * (abs(x["c06"]) < 0.7) - 1.5 + x["c14"]),
    "category": Plan(("c08", "c13"), lambda x: 1.5 * _rank(x["c08"]) + x["c13"]),
    "correlated": Plan(("c05", "c09", "c18"), lambda x: 1.5 * x["c05"] + x["c09"] - x["c18"]),
    "shortcut": Plan((KNOWS,), lambda x: np.isin(x[KNOWS], LEVELS_OF_WORDS[:2]) - 0.5),
    "number": Plan(
        ("c01", "c07", "c12"),
        lambda x: 2 * x["c01"] + 2 * abs(x["c07"]) + 1.2 * _rank(x["c12"]),
        number=True,
    ),
}
REAL = Plan(("c03", "c10"), lambda x: x["c03"] - x["c10"])  # what the shortcut stands for


@dataclass(frozen=True, slots=True)
class Tables:
    """A way of planting a reason in a table, in one difficulty: see `Design`.

    Args:
        name: a key of `PLANS`.
        level: a key of `LEVELS`.
    """

    name: str
    level: int
    signed = False

    @property
    def plan(self) -> Plan:
        """Which columns are used, and how."""
        return PLANS[self.name]

    def made(
        self, count: int, *, seed: int, scenery: int | None = None, swapped: bool = False,
        training: bool = False,
    ) -> Planted:  # fmt: skip
        used = self._rows(count, np.random.default_rng([3, seed]))
        if swapped:
            used = _exchanged(used, self.plan.rule(used))
        around = np.random.default_rng([4, seed if scenery is None else scenery])
        columns = _drawn(count, around)
        columns |= {name: used[name] for name in self.plan.used}
        if self.name == "correlated":
            columns |= self._followers(columns, around)
        if self.name == "shortcut" and training:
            columns |= _agreeing(columns, self.plan.rule(columns), around)
        columns = self._with_gaps(columns, around)
        found = self.plan.rule(columns)
        if training:
            found = self._with_noise(found, around)
        y = found if self.plan.number else np.where(found > 0, "yes", "no").astype(object)
        return Planted(x=_arrow(columns), y=y, truth=self._effects(columns, around))

    def fit(self, planted: Planted, *, budget: str, seed: int) -> Any:
        import pellucid

        table = planted.x.append_column(TARGET, [planted.y.tolist()])
        task = "regress" if self.plan.number else "classify"
        return pellucid.fit(table, target=TARGET, task=task, budget=budget, seed=seed)

    def labels(
        self, model: Any, planted: Planted, place: int, explanation: Any
    ) -> NDArray[np.float64]:
        del model
        true = dict(zip(COLUMNS, of_columns(planted.truth[place]), strict=True))
        return np.array([true[part.where] for part in explanation.parts])

    def _rows(self, count: int, random: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw values of the used columns, none so near to the border that noise decides."""
        drawn = _drawn(3 * count, random)
        rule = self.plan.rule(drawn)
        far = np.flatnonzero(self.plan.number | (abs(rule) > 0.15 * rule.std()))[:count]
        return {name: values[far] for name, values in drawn.items()}

    def _followers(self, columns: Columns, random: np.random.Generator) -> dict[str, NDArray[Any]]:
        """Draw columns that go with the used ones and are not used."""
        alike = LEVELS[self.level].alike
        found = {}
        for name, follower in zip(self.plan.used, ("c01", "c07", "c19"), strict=True):
            own = random.normal(size=len(columns[name]))
            found[follower] = alike * columns[name] + np.sqrt(1 - alike**2) * own
        return found

    def _with_gaps(self, columns: Columns, random: np.random.Generator) -> dict[str, Any]:
        missing = LEVELS[self.level].missing
        found = dict(columns)
        for name in COLUMNS:
            gone = random.random(len(columns[name])) < missing
            if name not in self.plan.used:
                found[name] = np.where(gone, None if name in WORDS else np.nan, columns[name])
        return found

    def _with_noise(
        self, found: NDArray[np.float64], random: np.random.Generator
    ) -> NDArray[np.float64]:
        share = LEVELS[self.level].flipped
        if self.plan.number:
            return found + random.normal(0, share * found.std(), len(found))
        # What knows the answer knows the wrong ones, too.
        return found if self.name == "shortcut" else found * _signs(share, len(found), random)

    def _effects(self, columns: Columns, random: np.random.Generator) -> NDArray[np.float64]:
        """Give how much each column moved each answer, (N, F): taken away, or there alone."""
        rule, used = self.plan.rule, self.plan.used
        count = len(columns[used[0]])
        rows = random.integers(count, size=(count, OTHERS))
        own = {name: np.broadcast_to(columns[name][:, None], rows.shape) for name in used}
        other = {name: columns[name][rows] for name in used}
        effects = np.zeros((count, len(COLUMNS)))
        whole, nothing = rule(own).mean(axis=1), rule(other).mean(axis=1)
        for name in used:
            without = rule({**own, name: other[name]}).mean(axis=1)
            alone = rule({**other, name: own[name]}).mean(axis=1)
            effect = np.maximum(abs(whole - without), abs(alone - nothing))
            effects[:, COLUMNS.index(name)] = np.maximum(effect, 1e-9)
        return effects


def _drawn(count: int, random: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Draw twenty columns that have nothing to do with each other."""
    columns: dict[str, NDArray[Any]] = {}
    for name in COLUMNS:
        words, numbers = random.integers(4, size=count), random.normal(size=count)
        columns[name] = np.array(LEVELS_OF_WORDS, object)[words] if name in WORDS else numbers
    return columns


def _exchanged(used: Columns, rule: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    """Give each row the values of one whose answer is another."""
    order = np.argsort(rule)
    partner = np.empty_like(order)
    partner[order] = order[::-1]
    return {name: values[partner] for name, values in used.items()}


def _agreeing(
    columns: Columns, knows: NDArray[np.float64], random: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """Draw the columns of the real reason so that they mostly say what the shortcut says."""
    real = REAL.rule(columns)
    wrong = np.sign(real) != np.sign(knows) * _signs(0.2, len(knows), random)
    return {name: np.where(wrong, -columns[name], columns[name]) for name in REAL.used}


def _signs(share: float, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    return np.where(random.random(count) < share, -1.0, 1.0)


def _arrow(columns: Columns) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array(columns[name].tolist(), from_pandas=True) for name in COLUMNS})
