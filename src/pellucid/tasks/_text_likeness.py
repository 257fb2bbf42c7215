"""How like real texts made ones are: quality and diversity, and two writers at the same diversity.

Idea: one instrument for all, a model of counts that is learned from half of some texts and says
what others cost it, in nats a token. Made texts under a judge of real ones: quality. Real texts
under a judge of made ones: what the writer has left out, too. Made texts under a judge of other
made ones: diversity, low where they are all alike. Real texts under a judge of other real ones: the
floor, where all three would lie if made texts could not be told from real ones. The real texts are
held out, so learning by heart does not help.

A writer that is bolder writes worse and more diverse texts at once; so two of them are compared
where their diversity is the same, the control being drawn at several temperatures.

Source: Caccia et al. 2020, "Language GANs falling short", arXiv:1811.02549 (temperature sweeps,
forward and reverse costs under a language model); Zhu et al. 2018, "Texygen", arXiv:1802.01886
(likeness among made texts).
Departs: the language model is one of counts of three tokens, so it takes no time to learn and
is no relative of what it judges. Intervals are bootstraps over texts, with the judges as they are.

Letters: N texts, L tokens of a text, V codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.tasks import Estimate
from pellucid.tasks._ngrams import Codes, Cost, Trigrams, Values, runs_of
from pellucid.tasks._scores import estimates

FEWEST = 40  # held-out texts: fewer make no judge


@dataclass(frozen=True, kw_only=True, slots=True)
class Texts:
    """Texts of one writer, and what they cost; N of them, like the real ones.

    Args:
        quality: what each costs under judges of real texts.
        cover: what each real text costs under judges of these.
        alike: what each costs under a judge of others of them.
        repeating: whether a run of three tokens stands in a text twice, (N,).
        again: whether a text is the same as one before it, (N,).
        words: counts of pairs of tokens: which pair each is, and whose, for `distance`.
    """

    quality: Cost
    cover: Cost
    alike: Cost
    repeating: Values
    again: Values
    words: tuple[Codes, Codes]


class Bench:
    """Held-out texts as a judge of made ones.

    Args:
        real: held-out texts, (N, L) codes, 0 behind the end of a shorter one.
        codes: V.
    """

    def __init__(self, real: Codes, codes: int) -> None:
        self.codes = codes
        self._real = real
        self._judges = [Trigrams(half, codes) for half in _halves(real)]
        self.real = self.of(real)

    def of(self, made: Codes) -> Texts:
        """Look at as many made texts, (N, L)."""
        judges = [Trigrams(half, self.codes) for half in _halves(made)]
        same = made is self._real
        runs, rows = runs_of(made)
        alike = _crossed(judges, made)
        return Texts(
            quality=alike if same else _mean([judge.cost(made) for judge in self._judges]),
            cover=alike if same else _mean([judge.cost(self._real) for judge in judges]),
            alike=alike,
            repeating=_repeating(runs, rows, len(made), self.codes),
            again=_again(made),
            words=(runs[:, 1] * self.codes + runs[:, 2], rows),
        )

    def distance(self, made: Texts, weights: Values | None = None) -> float:
        """Give how far the pairs of tokens of made texts lie from those of real ones, 0 to 1.

        The Jensen-Shannon distance between how frequent they are. As many real texts against other
        real ones are not at 0: see `floor`.
        """
        return _apart(self.real.words, made.words, weights)

    def floor(self) -> float:
        """Give the distance between two halves of the real texts, each as large as it is."""
        pairs, rows = self.real.words
        even = rows % 2 == 0
        return _apart((pairs[even], rows[even]), (pairs[~even], rows[~even]), None)

    def measures(self, made: Texts) -> dict[str, Estimate]:
        """Give each measure of made texts with its interval."""
        found = estimates(
            {
                "quality": lambda w: rate(made.quality, w),
                "cover": lambda w: rate(made.cover, w),
                "diversity": lambda w: rate(made.alike, w),
                "repeating": lambda w: float(w @ made.repeating / w.sum()),
                "again": lambda w: float(w @ made.again / w.sum()),
            },
            len(self._real),
        )
        return found | {"distance": Estimate(value=self.distance(made))}


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A writer beside its control, at the same diversity.

    Args:
        worse: nats a token by which the writer's texts cost more than the control's.
        quality: of the writer's texts.
        control: what the control's cost at that diversity.
        temperature: at which the control is as diverse as that.
        inside: whether the control can be as diverse as that at the temperatures that were tried.
    """

    worse: Estimate
    quality: float
    control: float
    temperature: float
    inside: bool

    @property
    def sure(self) -> bool:
        """Tell whether the interval leaves no doubt which is better."""
        low, high = self.worse.low, self.worse.high
        return low is not None and high is not None and (low > 0 or high < 0)

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain JSON."""
        return {
            "worse": self.worse.value,
            "worse_low": self.worse.low,
            "worse_high": self.worse.high,
            "quality": self.quality,
            "control": self.control,
            "temperature": self.temperature,
            "same_diversity": self.inside,
        }


def compared(
    writer: Texts, control: Sequence[Texts], temperatures: Sequence[float], count: int
) -> Comparison:
    """Compare a writer with its control where their texts are equally diverse.

    Args:
        writer: texts of the writer.
        control: texts of the control at each temperature, drawn with the same chances.
        temperatures: rising.
        count: N.
    """
    low, high = (rate(control[end].alike) for end in (0, -1))
    aim = rate(writer.alike)

    def worse(weights: Values) -> float:
        found = _matched(rate(writer.alike, weights), control, weights)
        return rate(writer.quality, weights) - found

    ones = np.ones(count)
    curve = [rate(each.alike) for each in control]
    return Comparison(
        worse=estimates({"worse": worse}, count)["worse"],
        quality=rate(writer.quality),
        control=_matched(aim, control, ones),
        temperature=float(np.interp(aim, *_rising(curve, temperatures))),
        inside=bool(min(low, high) <= aim <= max(low, high)),
    )


def rate(cost: Cost, weights: Values | None = None) -> float:
    """Give nats a token, texts weighing as they do."""
    if weights is None:
        return float(cost.sums.sum() / max(1.0, cost.counts.sum()))
    return float(weights @ cost.sums / max(1.0, float(weights @ cost.counts)))


def _matched(aim: float, control: Sequence[Texts], weights: Values) -> float:
    """Give the quality of the control where it is as diverse as is asked."""
    curve = [rate(each.alike, weights) for each in control]
    return float(np.interp(aim, *_rising(curve, [rate(each.quality, weights) for each in control])))


def _rising(places: Sequence[float], values: Sequence[float]) -> tuple[Values, Values]:
    """Bring points into the order of their places."""
    order = np.argsort(places, kind="stable")
    return np.array(places, np.float64)[order], np.array(values, np.float64)[order]


def _halves(texts: Codes) -> tuple[Codes, Codes]:
    return texts[::2], texts[1::2]


def _crossed(judges: Sequence[Trigrams], texts: Codes) -> Cost:
    """Give what each half costs under the judge of the other."""
    first, second = _halves(texts)
    costs = judges[1].cost(first), judges[0].cost(second)
    sums, counts = np.zeros(len(texts)), np.zeros(len(texts))
    for start, cost in enumerate(costs):
        sums[start::2], counts[start::2] = cost
    return Cost(sums, counts)


def _mean(costs: Sequence[Cost]) -> Cost:
    return Cost(np.mean([cost.sums for cost in costs], axis=0), costs[0].counts)


def _repeating(runs: Codes, rows: Codes, count: int, codes: int) -> Values:
    whole = runs[:, 0] != 0
    keys = (runs[whole, 0] * codes + runs[whole, 1]) * codes + runs[whole, 2]
    found, times = np.unique(np.stack([rows[whole], keys], axis=1), axis=0, return_counts=True)
    twice = np.zeros(count)
    twice[found[times > 1, 0]] = 1.0
    return twice


def _again(texts: Codes) -> Values:
    again = np.ones(len(texts))
    again[np.unique(texts, axis=0, return_index=True)[1]] = 0.0
    return again


def _apart(real: tuple[Codes, Codes], made: tuple[Codes, Codes], weights: Values | None) -> float:
    pairs, places = np.unique(np.concatenate([real[0], made[0]]), return_inverse=True)
    own = None if weights is None else weights[made[1]]
    p = np.bincount(places[: len(real[0])], minlength=len(pairs)).astype(np.float64)
    q = np.bincount(places[len(real[0]) :], own, minlength=len(pairs)).astype(np.float64)
    p, q = p / max(1.0, p.sum()), q / max(1.0, q.sum())
    middle = (p + q) / 2
    return float(np.sqrt(max(0.0, (_divergence(p, middle) + _divergence(q, middle)) / 2)))


def _divergence(p: Values, q: Values) -> float:
    some = p > 0
    return float(p[some] @ np.log2(p[some] / q[some]))
