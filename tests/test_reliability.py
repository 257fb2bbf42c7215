"""When an explanation is called reliable, and what is said when it is not."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from pellucid.explaining import _reliability
from pellucid.explaining._evidence import Faithfulness
from pellucid.explaining._reliability import fit_reliability, signs, verdict

MEANS = {
    "value": (0.4, 0.2, 1.0),
    "margin": (2.0, 1.0, 0.8),
    "detector": (0.2, 0.2, 0.3),
    "foretold": (0.6, 0.2, 1.0),
    "stability": (0.9, 0.1, 0.4),
    "gap": (-0.02, 0.05, 0.4),
    "trusted": (0.4, 0.2, 0.6),
    "learned": (0.7, 0.25, 0.3),
}


@pytest.fixture(autouse=True)
def known_weights(monkeypatch):
    """Weights that name every check, whatever was learned last."""
    signs = {
        name: {"mean": mean, "scale": scale, "weight": weight}
        for name, (mean, scale, weight) in MEANS.items()
    }
    monkeypatch.setattr(_reliability, "_known", lambda: file_of(signs, bias=1.0, threshold=0.8))


def measured(value=0.8, spread=0.1, **checks):
    sound = {
        "chance_sd": spread,
        "detector": 0.5,
        "foretold": 0.95,
        "gap": 0.0,
        "stability": 0.99,
        "concentration": 0.3,
        "change": 6.0,
        "range": 6.0,
        "effect": 6.0,
        "towards": 1.0,
    }
    low, high = value - 2.3 * spread, min(value + 2.3 * spread, 1.0)
    return Faithfulness(value=value, low=low, high=high, checks={**sound, **checks})


def trusted(value=0.6, low=0.5):
    scores = {"exact": {"value": value, "low": low, "high": 0.7, "cost": 1.0, "seconds": None}}
    return {"method": "exact", "scores": scores, "cases": 24, "randomised": 0.1}


def test_a_sound_explanation_is_reliable():
    assert verdict(measured(), trusted()) == (True, "")


def test_an_explanation_within_chance_is_not_reliable():
    reliable, reason = verdict(measured(value=0.03, spread=0.03), {})

    assert not reliable
    assert reason == (
        "it foretells what the network does no better than chance: 0.03 (−0.04 to 0.10)"
    )


def test_luck_is_ruled_out_by_the_other_examples_of_the_model():
    lucky = measured(value=0.9, spread=0.5)

    assert not verdict(lucky, {})[0]
    assert not verdict(lucky, trusted(value=0.1, low=-0.1))[0]
    assert verdict(lucky, trusted())[0]


def test_the_method_asked_for_is_the_one_whose_score_counts():
    found = trusted()
    found["scores"]["other"] = {"value": 0.0, "low": -0.1}
    lucky = measured(value=0.9, spread=0.5)

    assert verdict(lucky, found, method="exact")[0]
    assert not verdict(lucky, found, method="other")[0]


def test_worse_than_chance_is_not_reliable_whatever_the_model():
    assert "no better than chance" in verdict(measured(value=-0.2), trusted())[1]


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ({"effect": 0.0}, "whatever is covered, the answer hardly changes: by 1e-06 at most"),
        ({"effect": 0.02}, "whatever is covered, the answer hardly changes: by 0.02 at most"),
        ({"towards": -0.1}, "nothing here speaks more for the answer than a blank does"),
        ({"stability": -0.9}, "small noise changes it: correlation -0.90 with what it was"),
        ({"gap": 0.8}, "its shares miss 80% of the change they should sum up to"),
        (
            {"foretold": -0.9},
            "its shares do not foretell what the network does when several parts are covered: "
            "correlation -0.90",
        ),
    ],
)
def test_the_weakest_check_is_named_with_its_figure(checks, said):
    assert verdict(measured(**checks), trusted()) == (False, said)


@pytest.mark.parametrize(
    ("excess", "said"),
    [
        (0.01, "a detector of contrast that does not look at the network does as well"),
        (0.08, "it is only 0.08 better than a detector of contrast that does not look at the"),
    ],
)
def test_a_detector_that_does_as_well_speaks_against_an_explanation(monkeypatch, excess, said):
    known_signs(monkeypatch, {"detector": {"mean": 0.5, "scale": 0.1, "weight": 2.0}})

    assert verdict(measured(detector=excess), trusted())[1].startswith(said)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("value", "it foretells little of what the network does: 0.80 (0.57 to 1.00)"),
        ("margin", "orders by chance come close: it scores 5.3 times their spread, 0.80 (0.57 to"),
        ("effect", "whatever is covered, the answer hardly changes: by 6 at most"),
        ("towards", "the example says little more for the answer than a blank does: 100% of"),
        ("concentration", "no part stands out: the shares are as even as among 3 parts"),
        ("trusted", "explanations by this method foretell little of what this model does: 0.60"),
        ("usual", "it foretells 0.80 of what the network does, where explanations of this model f"),
        ("learned", "a network that has learned nothing is explained alike: correlation 0.10"),
    ],
)
def test_every_sign_has_its_sentence(monkeypatch, name, said):
    known_signs(monkeypatch, {name: {"mean": 20.0, "scale": 1.0, "weight": 1.0}})

    assert verdict(measured(), trusted())[1].startswith(said)


def test_the_package_carries_what_was_learned_of_reliability():
    known = json.loads(files("pellucid.explaining").joinpath("_reliability.json").read_text())
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert known["source"]
    assert all(weight >= 0 for weight in known["signs"].values())
    assert {"", "image", "table", "text", "series"} <= set(known["levels"])
    assert all(each["scale"] > 0 for level in known["levels"].values() for each in level.values())
    assert set(known["signs"]) <= set(signs(measured(), trusted()))
    assert wheel == {"packages": ["src/pellucid"]}


def test_learning_of_reliability_finds_the_sign_that_tells():
    rows, right = made_rows(networks=20, each=30)

    found = fit_reliability(rows, right, source="made here")

    assert found["source"] == "made here"
    assert found["signs"]["foretold"] > 5 * found["signs"]["stability"]
    assert found["checked"]["auroc"] > 0.95
    assert found["checked"]["wrong"] <= 0.02 * found["checked"]["reliable"]
    assert found["checked"]["reliable"] > 0.5 * sum(right)
    assert json.loads(json.dumps(found)) == found


def test_a_sign_that_points_the_wrong_way_gets_no_weight():
    rows, right = made_rows(networks=10, each=30)

    found = fit_reliability([{**row, "foretold": -row["foretold"]} for row in rows], right)

    assert found["signs"]["foretold"] == 0


def test_learned_weights_are_those_where_the_slope_is_zero():
    rows, right = made_rows(networks=10, each=30)

    found = fit_reliability(rows, right)

    weights, levels = found["signs"], found["levels"][""]

    def seen(name):
        at, by = levels[name]["mean"], levels[name]["scale"]
        return np.minimum([(row[name] - at) / by for row in rows], 1)

    x = seen("foretold")
    odds = found["bias"] + weights["foretold"] * x + weights["stability"] * seen("stability")
    missed = 1 / (1 + np.exp(-odds)) - np.array(right)
    assert abs(missed.mean()) < 1e-4
    assert (missed @ x) / len(x) == pytest.approx(-found["penalty"] * weights["foretold"], abs=1e-4)


def test_reliability_that_cannot_be_told_is_never_claimed():
    generator = np.random.default_rng(0)
    certain = {"value": 0.5, "low": 0.1, "high": 0.9}
    rows = [{**certain, "foretold": each} for each in generator.normal(size=200)]
    right = (generator.random(200) < 0.5).tolist()

    found = fit_reliability(rows, right)

    assert found["checked"]["wrong"] <= 0.02 * max(found["checked"]["reliable"], 1)


def test_a_sign_is_weighed_against_what_is_usual_for_the_kind_of_data(monkeypatch):
    level = {"value": {"mean": 0.9, "scale": 0.1}}
    lower = {"value": {"mean": 0.5, "scale": 0.1}}
    known = {"signs": {"value": 1.0}, "levels": {"": level, "text": lower}}
    known |= {"bias": 0.0, "thresholds": {"": 0.5}}
    monkeypatch.setattr(_reliability, "_known", lambda: known)

    assert verdict(measured(value=0.6), trusted(), kind="text")[0]
    assert not verdict(measured(value=0.6), trusted(), kind="image")[0]


def test_what_counts_as_wrong_decides_the_threshold_alone():
    rows, right = made_rows(networks=20, each=30)

    strict = fit_reliability(rows, right)
    mild = fit_reliability(rows, right, wrong=[False] * len(rows))

    assert mild["signs"] == strict["signs"]
    assert mild["checked"]["reliable"] > strict["checked"]["reliable"]
    assert mild["checked"]["reliable"] >= 0.94 * mild["checked"]["of"]


def test_what_is_worse_than_nearly_all_that_was_learned_from_is_not_called_reliable():
    rows, right = made_rows(networks=20, each=30)

    found = fit_reliability(rows, right, wrong=[False] * len(rows))

    assert found["checked"]["reliable"] <= 0.96 * found["checked"]["of"]


def test_a_kind_that_nothing_was_learned_from_has_the_strictest_threshold():
    rows, right = made_rows(networks=20, each=30)
    told = [{**row, "kind": "text"} for row in rows]

    found = fit_reliability([*rows, *told], [*right, *[True] * len(told)])

    assert found["thresholds"][""] >= found["thresholds"]["text"]


def test_a_kind_of_data_has_its_own_levels():
    rows, right = made_rows(networks=20, each=30)
    rows = [{**row, "kind": "image"} for row in rows]
    shifted = [{**row, "kind": "text", "foretold": row["foretold"] - 5} for row in rows]

    alone = fit_reliability(rows, right)
    both = fit_reliability([*rows, *shifted], [*right, *right])

    assert both["checked"]["auroc"] == pytest.approx(alone["checked"]["auroc"], abs=0.02)
    found = both["levels"]["text"]["foretold"]["mean"]
    assert found == pytest.approx(both["levels"][""]["foretold"]["mean"] - 2.5, abs=0.01)


def test_signs_that_were_not_measured_count_as_middling():
    rows, right = made_rows(networks=10, each=30)
    for row in rows[::3]:
        del row["stability"]

    assert fit_reliability(rows, right)["checked"]["auroc"] > 0.9


def test_explanations_that_are_barred_are_not_learned_from():
    rows, right = made_rows(networks=10, each=10)
    barred = [{**rows[0], "value": -1.0}] * 50

    assert fit_reliability([*rows, *barred], [*right, *[True] * 50])["checked"]["of"] == 100


def test_learning_of_reliability_needs_both_sorts():
    with pytest.raises(ValueError, match="both sorts"):
        fit_reliability([{"value": 0.5, "low": 0.1}] * 3, [True] * 3)


def known_signs(monkeypatch, signs):
    monkeypatch.setattr(_reliability, "_known", lambda: file_of(signs, bias=0.0, threshold=0.5))


def file_of(signs, *, bias, threshold):
    """What was learned, with signs as name → mean, scale and weight."""
    return {
        "signs": {name: each["weight"] for name, each in signs.items()},
        "levels": {"": signs},
        "bias": bias,
        "thresholds": {"": threshold},
    }


def made_rows(networks, each):
    """Explanations that are right where the sum of shares foretells, with a little chance."""
    generator = np.random.default_rng(0)
    rows, right = [], []
    for network in range(networks):
        for _ in range(each):
            foretold, stability = generator.uniform(size=2)
            rows.append(
                {
                    "value": 0.5,
                    "low": 0.1,
                    "high": 0.9,
                    "foretold": float(foretold),
                    "stability": float(stability),
                    "network": f"network {network}",
                }
            )
            right.append(bool(foretold + 0.05 * generator.normal() > 0.4))
    return rows, right
