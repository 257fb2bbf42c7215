"""Which blank and which explainer are chosen, on networks that can be seen through."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from columns import (
    Columns,
    Exact,
    Exhausting,
    Largest,
    One,
    Random,
    cases_of,
    four,
    known_explainers,
    many,
    subject_of,
)
from torch import nn

from pellucid.explaining import _choosing
from pellucid.explaining._choosing import choose_blank, redrawn, trust


def test_the_first_blank_that_takes_away_half_of_the_most_is_chosen(monkeypatch):
    subject, case = four()
    offered = {"faint": 0.9, "half": 0.4, "all": 0.0}
    monkeypatch.setattr(
        Columns,
        "offered",
        staticmethod(lambda x: {name: each * x[None] for name, each in offered.items()}),
    )

    name, blanks = choose_blank(subject, case.x, 0, torch.zeros(0, 4))

    assert name == "half"
    assert torch.equal(blanks, 0.4 * case.x[None])


def test_for_a_number_a_blank_may_add_instead(monkeypatch):
    subject = subject_of([1.0, 1.0], network=One)
    monkeypatch.setattr(
        Columns, "offered", staticmethod(lambda x: {"same": x[None], "more": x[None] + 5})
    )

    name, _ = choose_blank(subject, torch.ones(2), 0, torch.zeros(0, 2))

    assert name == "more"


def test_a_blank_that_is_taken_for_the_answer_is_not_chosen(monkeypatch):
    subject, case = four()
    monkeypatch.setattr(
        Columns, "offered", staticmethod(lambda x: {"more": x[None] * 9, "less": x[None] / 2})
    )

    assert choose_blank(subject, case.x, 0, torch.zeros(0, 4))[0] == "less"


def test_the_method_that_foretells_best_is_trusted(monkeypatch):
    known_explainers(monkeypatch, Exact, Random)
    subject, _, _ = many(1)

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(40, 16))), seconds=None)

    assert found["method"] == "exact"
    assert found["cases"] == 12
    assert found["scores"]["exact"]["low"] > found["scores"]["random"]["high"]
    assert found["scores"]["random"]["low"] < 0 < found["scores"]["random"]["high"]
    assert json.loads(json.dumps(found)) == found


def test_trust_is_the_same_twice_when_there_is_no_clock(monkeypatch):
    known_explainers(monkeypatch, Exact, Random)
    subject, _, _ = many(1)
    cases = cases_of(np.random.default_rng(0).normal(size=(9, 16)))

    assert trust(subject, cases, seconds=None) == trust(subject, cases, seconds=None)


def test_of_two_that_tie_the_much_cheaper_one_is_trusted(monkeypatch):
    known_explainers(monkeypatch, Exhausting, Exact)
    subject, _, _ = many(1)

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(9, 16))), seconds=None)

    assert found["method"] == "exact"
    assert found["scores"]["exact"]["cost"] == 1
    assert found["scores"]["exhausting"]["cost"] == 501


def test_a_cheaper_method_that_is_worse_is_not_trusted(monkeypatch):
    known_explainers(monkeypatch, Exhausting, Random)
    subject, _, _ = many(1)

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(9, 16))), seconds=None)

    assert found["method"] == "exhausting"


def test_without_time_nothing_is_measured_and_the_network_is_as_it_was(monkeypatch):
    known_explainers(monkeypatch, Exact, Random)
    subject, _, _ = many(1)

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(9, 16))), seconds=0.0)

    assert found == {}
    assert not subject.network._forward_pre_hooks


def test_when_time_runs_out_what_all_methods_have_done_counts(monkeypatch):
    known_explainers(monkeypatch, Exact, Random)
    subject, _, _ = many(1)
    left = iter([1.0] * 40)  # answers until then, and looks at the clock
    monkeypatch.setattr(_choosing._Clock, "left", lambda self: next(left, -1.0))

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(24, 16))), seconds=1.0)

    assert 2 <= found["cases"] < 24
    assert "randomised" not in found
    assert not subject.network._forward_pre_hooks


def test_with_time_enough_all_methods_see_all_examples(monkeypatch):
    known_explainers(monkeypatch, Exact, Random)
    subject, _, _ = many(1)

    found = trust(subject, cases_of(np.random.default_rng(0).normal(size=(9, 16))), seconds=600)

    assert found["cases"] == 9
    assert sorted(found["scores"]) == ["exact", "random"]


def test_one_held_out_example_leaves_the_interval_open(monkeypatch):
    known_explainers(monkeypatch, Exact)
    subject, _, _ = many(1)

    score = trust(subject, cases_of(np.ones((1, 16))), seconds=None)["scores"]["exact"]

    assert score["low"] == pytest.approx(score["value"] - 1)
    assert score["high"] == 1


def test_without_held_out_examples_nothing_is_claimed(monkeypatch):
    known_explainers(monkeypatch, Exact)

    assert trust(many(1)[0], cases_of(np.zeros((0, 16))), seconds=None) == {}


def test_blanks_of_a_model_with_stored_cases_see_them(monkeypatch):
    known_explainers(monkeypatch, Exact)
    seen = []
    plain = Columns.blanks
    monkeypatch.setattr(
        Columns,
        "blanks",
        lambda self, x, schema, others: seen.append(others) or plain(self, x, schema, others),
    )
    rows = np.arange(8000, dtype=np.float32).reshape(1000, 8)
    cases = dataclasses.replace(cases_of(rows[:2]), stored=rows)

    trust(subject_of([1.0] * 8), cases, seconds=None)

    assert seen[0].shape == (256, 8)
    assert seen[0][-1].tolist() == rows[-1].tolist()


def test_a_method_that_does_not_look_at_the_network_is_found_out(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(9, 16))
    subject, _, _ = many(1)

    known_explainers(monkeypatch, Largest)
    blind = trust(subject, cases_of(rows), seconds=None)
    known_explainers(monkeypatch, Exact)
    seeing = trust(subject, cases_of(rows), seconds=None)

    assert blind["randomised"] == pytest.approx(1)
    assert seeing["randomised"] < 0.8


def test_weights_drawn_anew_leave_the_network_as_it_was():
    network = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).eval()
    before = {name: each.clone() for name, each in network.state_dict().items()}

    forgetful = redrawn(network, seed=0)

    for name, each in forgetful.state_dict().items():
        assert torch.equal(network.state_dict()[name], before[name])
        assert torch.equal(each.flatten().sort().values, before[name].flatten().sort().values)
    assert not torch.equal(forgetful[0].weight, network[0].weight)


def test_what_is_no_number_is_never_written_down(monkeypatch):
    known_explainers(monkeypatch, Random)
    subject = subject_of([float("nan")] * 8)

    found = trust(subject, cases_of(np.ones((6, 8), dtype=np.float32)), seconds=None)

    assert json.loads(json.dumps(found, allow_nan=False))["scores"]["random"]["value"] == 0
