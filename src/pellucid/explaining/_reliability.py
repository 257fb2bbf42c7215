"""Whether an explanation can be relied on: yes or no, and in a sentence why not.

Idea: what was measured on an explanation, and on its method over the held-out examples of the same
model, foretells whether its highest shares are the network's true reasons. How well each of these
signs foretells it was learned on networks whose reasons are known because their data was made
(benchmarks/calibrate.py), by a logistic regression; an explanation is called reliable above the
probability at which at most one in fifty so called was wrong.

Source: Hosmer, Lemeshow & Sturdivant 2013, "Applied logistic regression", third edition.
Departs: every sign is turned so that more of it is better, and no weight is negative, so that an
explanation cannot gain by doing worse in a test, and each sign that speaks against it can be named.
What is better than the mean by more than one standard deviation counts no more than that: passing
one test brilliantly makes up for no failure in another. Mean and standard deviation are those of
the kind of data, where networks of that kind were learned from: a text whose every word counts a
little scores lower than a photo with one object, and both may be explained rightly.

Letters: N explanations, F signs, J kinds of data.
"""

import functools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.explaining._evidence import Faithfulness

_FILE = Path(__file__).with_name("_reliability.json")
_LEAST_EFFECT = 0.05  # nats, or standard deviations of the target
_WRONG = 0.02  # of those called reliable, at most
_UNLIKE = 0.05  # of those learned from, which are called unreliable even if none of them was wrong
_PENALTIES = (0.001, 0.01, 0.1)  # of squared weights, beside the mean log-loss
_FOLDS = 5
_ROUNDS = 3000
_MOST = 1.0  # standard deviations above the mean that a sign counts for
_NEVER = 2.0  # a threshold that no probability reaches

_Row = Mapping[str, float]
_Array = NDArray[np.float64]

_SENTENCES: dict[str, Callable[[_Row], str]] = {
    "value": lambda row: f"it foretells little of what the network does: {_interval(row)}",
    "usual": lambda row: (
        f"it foretells {row['value']:.2f} of what the network does, where explanations of this "
        f"model foretell {row['value'] - row['usual']:.2f}"
    ),
    "margin": lambda row: (
        f"orders by chance come close: it scores {row['margin']:.1f} times their spread, "
        f"{_interval(row)}"
    ),
    "detector": lambda row: (
        "a detector of contrast that does not look at the network does as well"
        if row["detector"] <= _LEAST_EFFECT
        else f"it is only {row['detector']:.2f} better than a detector of contrast that does not "
        "look at the network"
    ),
    "foretold": lambda row: (
        "its shares do not foretell what the network does when several parts are covered: "
        f"correlation {row['foretold']:.2f}"
    ),
    "stability": lambda row: (
        f"small noise changes it: correlation {row['stability']:.2f} with what it was"
    ),
    "gap": lambda row: f"its shares miss {-row['gap']:.0%} of the change they should sum up to",
    "effect": lambda row: _unmoved(row),
    "towards": lambda row: (
        "the example says little more for the answer than a blank does: "
        f"{row['towards']:.0%} of the range"
    ),
    "concentration": lambda row: (
        f"no part stands out: the shares are as even as among {1 / row['concentration']:.0f} parts"
    ),
    "trusted": lambda row: (
        "explanations by this method foretell little of what this model does: "
        f"{row['trusted']:.2f} on held-out examples"
    ),
    "learned": lambda row: (
        "a network that has learned nothing is explained alike: "
        f"correlation {1 - row['learned']:.2f}"
    ),
}


def verdict(
    faithfulness: Faithfulness,
    trust: Mapping[str, Any],
    *,
    method: str | None = None,
    kind: str = "",
) -> tuple[bool, str]:
    """Say whether an explanation can be relied on.

    It cannot if nothing that is covered moves the number (below 0.05 nats of log-odds, or standard
    deviations of a target that is a number), if a blank speaks more for the answer than the example
    does, or if it does no better than chance: its value is 0 or less, or luck may have made it
    (`low` is 0 or less) and over the held-out examples of the model its method did no better
    either. Past these the regression decides.

    Args:
        faithfulness: of the explanation.
        trust: of the model, as `_choosing.trust` gave it; {} if nobody measured that.
        method: name of the explainer; None for the one that speaks for the model.
        kind: of the data; one that nothing was learned from is taken for a mixture of all, with the
            strictest threshold.

    Returns:
        Whether it is reliable; and if not, what speaks most against it, as a sentence without a
        capital and a full stop, else "".
    """
    row = signs(faithfulness, trust, method=method)
    barred = _barred(row)
    if barred:
        return False, barred
    known = _known()
    against = _speaking(row, known, kind)
    threshold = known["thresholds"].get(kind, known["thresholds"][""])
    if _probability(against, known) >= threshold:
        return True, ""
    weakest = min(against, key=lambda name: against[name], default="value")
    return False, _SENTENCES[weakest](row)


def signs(
    faithfulness: Faithfulness, trust: Mapping[str, Any], *, method: str | None = None
) -> dict[str, float]:
    """Give what foretells whether an explanation is right, each so that more is better.

    What was not measured is missing. A row of `fit_reliability` is this.

    Args:
        faithfulness: of the explanation.
        trust: of the model; {} if nobody measured that.
        method: name of the explainer; None for the one that speaks for the model.

    Returns:
        By name; "low" and "trusted_low", lower ends of intervals, serve the rules that come first,
        the others the regression.
    """
    checks = faithfulness.checks
    row = {"value": faithfulness.value, "low": faithfulness.low, "high": faithfulness.high}
    if "chance_sd" in checks:
        row["margin"] = min(faithfulness.value / (checks["chance_sd"] + 0.05), 10.0)
    for name in ("detector", "foretold", "stability", "towards", "concentration"):
        if name in checks:
            row[name] = checks[name]
    if "effect" in checks:
        row["effect"] = math.log10(max(checks["effect"], 1e-6))
    if "gap" in checks:
        row["gap"] = -min(checks["gap"], 1.0)
    score = trust.get("scores", {}).get(method or trust.get("method"), {})
    row |= {"trusted": score["value"], "trusted_low": score["low"]} if score else {}
    own = trust.get("scores", {}).get(trust.get("method"), {})
    row |= {"usual": faithfulness.value - own["value"]} if own else {}
    if "randomised" in trust:
        row["learned"] = 1 - trust["randomised"]
    return row


def fit_reliability(
    rows: Sequence[Mapping[str, Any]],
    right: Sequence[bool],
    *,
    wrong: Sequence[bool] | None = None,
    source: str = "",
) -> dict[str, Any]:
    """Learn from explanations of networks whose reasons are known when to call one reliable.

    Weights and penalty are judged on networks that they were not learned from, in five folds; so is
    the threshold of each kind of data, the lowest at which at most 2 % of those called reliable are
    wrong and at most 95 % are called so. Rows that the rules of `verdict` bar are left out.

    Args:
        rows: of `signs`, with the name or number of the network under "network" (rows without one
            count as networks of their own) and the kind of its data under "kind".
        right: whether each explanation is right; weights are learned from it.
        wrong: whether each is wrong, which decides the threshold; None for those not right.
        source: what it was learned from, for the reader of the file.

    Returns:
        What the package keeps in `_reliability.json`. "checked" says, for networks not learned
        from, how many explanations were called reliable, of how many, how many of these were wrong,
        and how often one that is right has the higher probability than one that is not ("auroc").

    Raises:
        ValueError: if there are no right or no wrong ones to learn from.
    """
    kept = [place for place, row in enumerate(rows) if not _barred(row)]
    y = np.array([right[place] for place in kept], dtype=np.float64)
    if len(set(y.tolist())) < 2:
        raise ValueError("explanations of both sorts are needed, right ones and wrong ones")
    false = y == 0 if wrong is None else np.array([wrong[place] for place in kept])
    rows = [rows[place] for place in kept]
    kind = np.array([row.get("kind", "") for row in rows])
    names = [name for name in _SENTENCES if any(name in row for row in rows)]
    raw = np.array([[row.get(name, math.nan) for name in names] for row in rows], float)
    x, levels = _standardised(raw, kind)
    fold = _folds([row.get("network", f"row {place}") for place, row in enumerate(rows)])
    tried = {penalty: _foretold(x, y, fold, penalty) for penalty in _PENALTIES}
    penalty = min(tried, key=lambda each: _loss(tried[each], y))
    bias, *weights = _learned(x, y, penalty).tolist()
    likely = tried[penalty]
    thresholds = {
        each: _threshold(likely[kind == each], false[kind == each]) for each in sorted(set(kind))
    }
    called = likely >= np.array([thresholds[each] for each in kind])
    return {
        "source": source or f"learned from {len(y)} explanations",
        "signs": dict(zip(names, weights, strict=True)),
        "levels": {each: _told(found, names) for each, found in levels.items()},
        "bias": bias,
        "thresholds": thresholds | {"": max(thresholds.values())},
        "penalty": penalty,
        "checked": _checked(likely, y, false, called),
    }


def _standardised(raw: _Array, kind: NDArray[Any]) -> tuple[_Array, dict[str, _Array]]:
    """Bring signs, (N, F), to the levels of their kinds of data; what was not measured is 0."""
    levels = {each: _level(raw[kind == each]) for each in sorted(set(kind))} | {"": _level(raw)}
    mean, scale = np.array([levels[each] for each in kind]).transpose(1, 0, 2)
    return np.nan_to_num(np.minimum((raw - mean) / scale, _MOST)), levels


def _told(level: _Array, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Give a level as JSON, without the signs that were not measured."""
    return {
        name: {"mean": at, "scale": by}
        for name, at, by in zip(names, *level.tolist(), strict=True)
        if math.isfinite(at)
    }


def _level(raw: _Array) -> _Array:
    """Give mean and standard deviation of each sign, (2, F); NaN and 1 where none was measured."""
    known = np.isfinite(raw)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, raw, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(known, raw - mean, 0.0) ** 2).sum(axis=0) / count)
    some = known.any(axis=0)
    return np.stack([np.where(some, mean, math.nan), np.where(some, np.maximum(spread, 1e-3), 1.0)])


@functools.cache
def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return known


def _barred(row: _Row) -> str:
    """Say in a sentence which rule an explanation breaks; "" if none."""
    if row.get("effect", 0.0) < math.log10(_LEAST_EFFECT):
        return _unmoved(row)
    if row.get("towards", 0.0) < 0:
        return "nothing here speaks more for the answer than a blank does"
    if row["value"] <= 0 or (row["low"] <= 0 and row.get("trusted_low", -1.0) <= 0):
        return f"it foretells what the network does no better than chance: {_interval(row)}"
    return ""


def _unmoved(row: _Row) -> str:
    most = 10 ** row["effect"]
    return f"whatever is covered, the answer hardly changes: by {most:.2g} at most"


def _interval(row: _Row) -> str:
    figures = [f"{row[name]:.2f}".replace("-", "−") for name in ("value", "low", "high")]
    return "{} ({} to {})".format(*figures)


def _speaking(row: _Row, known: Mapping[str, Any], kind: str) -> dict[str, float]:
    """Give what each sign that was measured adds to the log-odds of being right."""
    levels = known["levels"].get(kind, known["levels"][""])
    return {
        name: weight * min((row[name] - levels[name]["mean"]) / levels[name]["scale"], _MOST)
        for name, weight in known["signs"].items()
        if name in row and name in levels and name in _SENTENCES and weight > 0
    }


def _probability(speaking: Mapping[str, float], known: Mapping[str, Any]) -> float:
    odds = known["bias"] + sum(speaking.values())
    return 0.5 * (1 + math.tanh(odds / 2))


def _sigmoid(odds: _Array) -> _Array:
    return 0.5 * (1 + np.tanh(odds / 2))


def _folds(networks: Sequence[Any]) -> NDArray[np.int64]:
    """Share networks out, each with all its explanations."""
    order = sorted(set(networks), key=str)
    drawn = np.random.default_rng(0).permutation(len(order)) % _FOLDS
    fold_of = dict(zip(order, drawn.tolist(), strict=True))
    return np.array([fold_of[network] for network in networks])


def _foretold(x: _Array, y: _Array, fold: NDArray[np.int64], penalty: float) -> _Array:
    """Give the probability of each, learned from the networks of the other folds."""
    foretold = np.full(len(y), y.mean())
    for each in np.unique(fold):
        rest = fold != each
        if rest.any():
            bias, *weights = _learned(x[rest], y[rest], penalty)
            foretold[~rest] = _sigmoid(bias + x[~rest] @ np.array(weights))
    return foretold


def _learned(x: _Array, y: _Array, penalty: float) -> _Array:
    """Fit a logistic regression whose weights are not negative; the bias comes first.

    Projected gradient steps with Nesterov's momentum, no longer than the curvature allows.
    """
    inputs = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    step = 1 / (np.linalg.norm(inputs, 2) ** 2 / (4 * len(x)) + penalty)
    found = ahead = np.zeros(inputs.shape[1])
    for each in range(_ROUNDS):
        slope = inputs.T @ (_sigmoid(inputs @ ahead) - y) / len(y)
        slope[1:] += penalty * ahead[1:]
        last, found = found, ahead - step * slope
        found[1:] = np.maximum(found[1:], 0.0)
        ahead = found + each / (each + 3) * (found - last)
    return found


def _loss(likely: _Array, y: _Array) -> float:
    likely = np.clip(likely, 1e-6, 1 - 1e-6)
    return float(-np.mean(y * np.log(likely) + (1 - y) * np.log(1 - likely)))


def _threshold(likely: _Array, wrong: NDArray[np.bool_]) -> float:
    """Find the lowest threshold past which at most the share allowed is wrong.

    What is less likely than nearly all that was learned from is beyond what is known.
    """
    for each in np.unique(likely[likely >= np.quantile(likely, _UNLIKE)]):
        if wrong[likely >= each].mean() <= _WRONG:
            return float(each)
    return _NEVER


def _checked(
    likely: _Array, y: _Array, wrong: NDArray[np.bool_], called: NDArray[np.bool_]
) -> dict[str, float]:
    above = (likely[y == 1][:, None] - likely[y == 0][None]).ravel()
    return {
        "reliable": int(called.sum()),
        "of": len(y),
        "wrong": int(wrong[called].sum()),
        "auroc": float(np.mean((above > 0) + 0.5 * (above == 0))),
    }
