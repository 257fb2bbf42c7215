"""The first lines of a report: how good, how honest, how well explained, and what to fear most."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pellucid import _grid
from pellucid.reporting._blocks import counted
from pellucid.reporting._facts import Facts
from pellucid.reporting._limits import FAR_OFF, Caveat, beats_guess, faithfulness, reliable_share

_NEAR = 0.02  # calibration error up to which probabilities can be taken at their word
_WELL, _BADLY = 0.8, 0.6  # shares of reliable explanations
_ALARMING = 30  # weight from which a caveat is a warning


class Line(NamedTuple):
    """One line of the verdict: what it is about, a sentence, and "good", "bad" or "plain"."""

    about: str
    text: str
    tone: str


def verdict(facts: Facts, caveats: list[Caveat]) -> list[Line]:
    """Sum a model up in four lines."""
    return [_score(facts), _honesty(facts), _explained(facts), _warning(caveats)]


def _score(facts: Facts) -> Line:
    if facts.main is None:
        return Line("How good", "It was never scored on examples it had not seen.", "bad")
    scored, score, guess = facts.main
    better = beats_guess(facts)
    text = (
        f"{facts.model.task.metric.replace('_', ' ').capitalize()} {_grid.figure(score['value'])}"
        f"{_span(score)} on {counted(scored.count)} of {scored.side}"
    )
    if guess is None:
        return Line("How good", f"{text}.", "plain")
    beside = f"a guess that does not look scores {_grid.figure(guess)}"
    close = "" if better else ", which is not worse beyond chance"
    return Line("How good", f"{text}; {beside}{close}.", "good" if better else "bad")


def _honesty(facts: Facts) -> Line:
    error = facts.details.get("calibration", {}).get("ece")
    if error is None and facts.scored:
        error = (facts.scored[0].scores.get("ece") or {}).get("value")
    coverage = facts.details.get("coverage")
    if error is not None:
        return _probabilities(error)
    if coverage:
        off = coverage["share"] - coverage["level"]
        text = f"Its {coverage['level']:.0%} {_grid.covering(coverage)} in {coverage['share']:.1%}"
        if not facts.tested:
            return Line("How honest", f"{text} of the cases by which they were set.", "plain")
        return Line("How honest", f"{text} of cases.", "good" if abs(off) <= FAR_OFF else "bad")
    return Line(
        "How honest", "How far its own certainty can be believed was not measured.", "plain"
    )


def _probabilities(error: float) -> Line:
    points = f"on average {100 * error:.1f} points off"
    if error <= _NEAR:
        return Line("How honest", f"Its probabilities can be believed: {points}.", "good")
    if error <= FAR_OFF:
        return Line("How honest", f"Its probabilities are roughly right: {points}.", "plain")
    return Line("How honest", f"Its probabilities mislead: {points}.", "bad")


def _explained(facts: Facts) -> Line:
    about, known, faithful = "How well explained", reliable_share(facts), faithfulness(facts)
    if known is not None:
        share, which = known
        tone = "good" if share >= _WELL else "bad" if share < _BADLY else "plain"
        text = f"{share:.0%} of explanations are reliable, of {which}. Each says so of itself."
        return Line(about, text, tone)
    if faithful is None:
        return Line(about, "No explanation was measured on this model.", "plain")
    tone = "bad" if faithful["value"] <= 0 else "plain"
    text = (
        f"Faithfulness {_grid.figure(faithful['value'])}{_span(faithful)}; 0 is chance, 1 the most."
    )
    return Line(about, f"{text} Each explanation says whether it is reliable.", tone)


def _warning(caveats: list[Caveat]) -> Line:
    if not caveats or caveats[0].weight < _ALARMING:
        return Line("Biggest warning", "Nothing stands out; see the limits of use.", "good")
    return Line("Biggest warning", caveats[0].text, "bad")


def _span(score: Mapping[str, Any]) -> str:
    low, high = score.get("low"), score.get("high")
    if low is None or high is None:
        return ""
    return f" (95 % interval {_grid.figure(low)} to {_grid.figure(high)})"
