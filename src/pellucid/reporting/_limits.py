"""The limits of use: what the facts of this model warn of, the weightiest first.

Each function looks at one thing and says nothing where there is nothing to say.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pellucid import _grid
from pellucid.explaining._reliance import Reason
from pellucid.reporting._blocks import counted
from pellucid.reporting._facts import Facts

FAR_OFF = 0.05  # calibration error from which probabilities mislead
_SHORT = 0.03  # of the coverage promised, from which sets and intervals mislead
_TRUSTED = 0.6  # share of explanations that should be reliable
_TYPICAL = 8  # explanations that a share is taken of
_FEW = 30  # examples of a class, in training or for a score
_HELD = 300  # examples on which scores should rest
_NAMED = 6  # classes that a sentence names


class Caveat(NamedTuple):
    """One limit: how much it weighs, from 0 to 100, and a sentence."""

    weight: int
    text: str


def limits(facts: Facts) -> list[Caveat]:
    """Find the limits of use of a model."""
    looks = (
        _degenerate,
        _no_better,
        _suspicious,
        _dishonest,
        _uncovered,
        _worse_now,
        _unexplained,
        _weak_groups,
        _rare,
        _small,
        _hurried,
        _left_out,
        _untested,
        _mislabelled,
        _closed,
    )
    found = [caveat for look in looks for caveat in look(facts)]
    return sorted(found, key=lambda caveat: -caveat.weight)


def beats_guess(facts: Facts) -> bool | None:
    """Tell whether the main score is better than the guess beyond chance; None if unknown."""
    if facts.main is None or facts.main[2] is None:
        return None
    _, score, guess = facts.main
    if facts.model.task.better == "lower":
        high = score["value"] if score.get("high") is None else score["high"]
        return bool(high < guess)
    low = score["value"] if score.get("low") is None else score["low"]
    return bool(low > guess)


def reliable_share(facts: Facts) -> tuple[float, str] | None:
    """Give the share of explanations that are reliable, and of which; None if it is unknown.

    Mistakes do not count: they are harder to explain than most.
    """
    share, cases = facts.trust.get("reliable"), facts.trust.get("cases")
    if isinstance(share, float) and cases:
        return share, f"{cases:,} held-out examples"
    if len(facts.typical) >= _TYPICAL:
        count = len(facts.typical)
        return sum(facts.typical) / count, f"{count} examples drawn at random"
    return None


def faithfulness(facts: Facts) -> Mapping[str, Any] | None:
    """Give how faithful the method is that explains this model; None if nobody measured it."""
    score = (facts.trust.get("scores") or {}).get(facts.trust.get("method")) or {}
    return score if score.get("value") is not None else None


def suspicious(facts: Facts) -> list[Reason]:
    """Give what the model relies on and likely should not."""
    items = () if facts.reliance is None else facts.reliance.items
    return [item for item in items if item.suspicious]


def _degenerate(facts: Facts) -> Iterator[Caveat]:
    if facts.strange:
        yield Caveat(100, f"The answers are degenerate: {facts.strange}.")


def _no_better(facts: Facts) -> Iterator[Caveat]:
    if beats_guess(facts) is False and facts.main is not None:
        scored, score, guess = facts.main
        yield Caveat(
            90,
            f"Its {_words(facts.model.task.metric)} of {_grid.figure(score['value'])} is not better"
            f" than a guess that does not look ({_grid.figure(guess)}) beyond chance, on"
            f" {counted(scored.count)}.",
        )


def _suspicious(facts: Facts) -> Iterator[Caveat]:
    found = suspicious(facts)
    if found:
        names = [f"{item.name} for {item.answer}" if item.answer else item.name for item in found]
        why = f" ({found[0].why.rstrip('.')})" if found[0].why else ""
        yield Caveat(80, f"It may rely on what it should not: {_some(names)}{why}.")


def _dishonest(facts: Facts) -> Iterator[Caveat]:
    error = facts.details.get("calibration", {}).get("ece")
    low = (facts.scored[0].scores.get("ece") or {}).get("low") if facts.scored else None
    if error is not None and error > FAR_OFF and (low is None or low > 0.5 * FAR_OFF):
        yield Caveat(
            75,
            f"Its probabilities are {100 * error:.0f} points off on average: take them for an"
            " order, not for how often it will be right.",
        )


def _uncovered(facts: Facts) -> Iterator[Caveat]:
    known = facts.details.get("coverage")
    if not known or facts.sample is None:
        return
    level, count = known["level"], len(facts.sample)
    chance = 2 * math.sqrt(level * (1 - level) / count)
    if known["share"] < level - max(_SHORT, chance):
        yield Caveat(
            74,
            f"Its {level:.0%} {_grid.covering(known)} in {known['share']:.1%} of {count:,} cases:"
            " these examples differ from those it was calibrated on.",
        )


def _worse_now(facts: Facts) -> Iterator[Caveat]:
    metric = facts.model.task.metric
    ends = [each.scores.get(metric, {}) for each in facts.scored[:2]]
    if len(ends) < 2 or facts.sample is None or not facts.sample.given:
        return
    (now, before), lower = ends, facts.model.task.better == "lower"
    bounds = (now.get("low"), before.get("high")) if lower else (before.get("low"), now.get("high"))
    worse, better = bounds
    if worse is not None and better is not None and worse > better:
        yield Caveat(
            72,
            f"It does worse on the data given ({_grid.figure(now['value'])}) than on what was held"
            f" out from training ({_grid.figure(before['value'])}): the data have changed, or"
            " training and held-out examples have more in common than it seemed.",
        )


def _unexplained(facts: Facts) -> Iterator[Caveat]:
    known, faithful = reliable_share(facts), faithfulness(facts)
    if known is None and faithful is None:
        yield Caveat(20, "No explanation was measured: its reasons are unknown.")
    if faithful is not None and (faithful.get("low") or 0.0) <= 0:
        weight = 66 if faithful["value"] <= 0 else 42
        yield Caveat(
            weight,
            f"{facts.trust.get('cases', 0)} explanations did not show that they are better than"
            f" chance (faithfulness {_grid.figure(faithful['value'])}; 0 is chance): heed what each"
            " says of itself.",
        )
    elif known is not None and known[0] < _TRUSTED:
        yield Caveat(
            65,
            f"Only {known[0]:.0%} of its explanations are reliable (of {known[1]}): do not act on"
            " the others.",
        )


def _weak_groups(facts: Facts) -> Iterator[Caveat]:
    weak = [
        f"{group.name} = {group.value} ({_grid.figure(group.score.value)})"
        for group in facts.groups
    ]
    if weak:
        metric, whole = _words(facts.model.task.metric), _grid.figure(facts.groups[0].whole)
        yield Caveat(
            60, f"It is clearly weaker for some than for all ({metric} {whole}): {_some(weak)}."
        )


def _rare(facts: Facts) -> Iterator[Caveat]:
    schema, total = facts.model.schema, facts.summary.get("n_train")
    if not total or not schema.shares or not schema.classes:
        return
    counts = [round(share * total) for share in schema.shares]
    pairs = sorted(zip(counts, schema.classes, strict=True))
    few = [f"{name} ({count})" for count, name in pairs if count < _FEW]
    if few:
        yield Caveat(50, f"It has learned from fewer than {_FEW} examples of {_some(few)}.")


def _small(facts: Facts) -> Iterator[Caveat]:
    if facts.main is None:
        yield Caveat(85, "It was never scored on examples that it had not seen.")
        return
    scored, score, _ = facts.main
    if scored.count < _HELD:
        low, high = score.get("low"), score.get("high")
        span = "" if low is None else f": {_grid.figure(low)} to {_grid.figure(high)}"
        yield Caveat(
            45,
            f"The scores rest on {counted(scored.count)}, so the"
            f" {_words(facts.model.task.metric)} is known only roughly{span}.",
        )


def _hurried(facts: Facts) -> Iterator[Caveat]:
    for row in facts.part("choice").get("tried", ()):
        mine = all(row.get(name) == value for name, value in _built(facts).items())
        seen, wanted = facts.summary.get("passes"), row.get("wanted")
        if mine and seen and wanted and seen < 0.8 * wanted:
            yield Caveat(
                40,
                f"It saw every example {seen:.3g} times; a network like this wants {wanted:.3g}: a"
                " larger budget would likely make it better.",
            )


def _left_out(facts: Facts) -> Iterator[Caveat]:
    count, used = facts.part("data").get("faults"), facts.summary.get("n_train") or 0
    if count:
        heavy = 55 if count > 0.05 * used else 30
        yield Caveat(heavy, f"{counted(count)} could not be read: training went without.")


def _untested(facts: Facts) -> Iterator[Caveat]:
    rows = facts.details.get("per_class") or {}
    missing = [name for name, row in rows.items() if not row.get("count")]
    few = [f"{name} ({row['count']})" for name, row in rows.items() if 0 < row["count"] < 10]
    if missing:
        yield Caveat(35, f"None of the examples scored here was {_some(missing, ' or ')}.")
    if few:
        yield Caveat(32, f"Fewer than ten examples scored here were {_some(few, ' or ')}.")


def _mislabelled(facts: Facts) -> Iterator[Caveat]:
    if facts.suspects and facts.sample is not None:
        yield Caveat(
            25,
            f"{len(facts.suspects):,} of {len(facts.sample):,} targets look wrong: where they are,"
            " the scores count a right answer against the model.",
        )


def _closed(facts: Facts) -> Iterator[Caveat]:
    classes = facts.model.schema.classes
    if classes:
        yield Caveat(
            10,
            f"It knows {len(classes)} answers ({_some(list(classes))}) and gives one of them for"
            " whatever it is shown, also for what is none of them.",
        )


def _built(facts: Facts) -> dict[str, Any]:
    return {name: value for name, value in facts.model.built.items() if name != "members"}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _some(names: list[str], last: str = ", ") -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return last.join(filter(None, [", ".join(names[:-1]), names[-1]]))
