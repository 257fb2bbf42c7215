"""How far an explanation foretells what the network does, on networks that can be seen through."""

import dataclasses

import numpy as np
import pytest
import torch
from columns import Exact, One, Random, Turning, case_of, four, many, subject_of

from pellucid.data import Parts
from pellucid.explaining._faithfulness import correlation, measure, ranks, t_quantile


def test_the_right_order_scores_what_it_does_by_hand():
    subject, case = four()

    found = measure(subject, case, torch.tensor([4.0, 3.0, 2.0, 1.0]), Exact())

    # Shown 0 4 7 9 10, covered 10 6 3 1 0: between them -10 -2 4 8 10, 2.5 of 10 on the mean.
    assert found.value == pytest.approx(0.25)


def test_the_reverse_order_scores_the_opposite():
    subject, case = four()

    found = measure(subject, case, torch.tensor([1.0, 2.0, 3.0, 4.0]), Exact())

    assert found.value == pytest.approx(-0.25)


def test_equal_shares_say_nothing():
    subject, case = four()

    found = measure(subject, case, torch.ones(4), Exact())

    assert found.value == 0


def test_one_part_of_many_that_decides_alone_scores_nearly_one():
    weights = [0.0] * 30 + [5.0] + [0.0] * 30
    subject, case = subject_of(weights), case_of([1.0] * 61)

    found = measure(subject, case, torch.tensor(weights), Exact())

    assert found.value == pytest.approx(60 / 61, abs=0.001)
    assert found.checks["concentration"] == 1


def test_large_parts_are_counted_by_their_size():
    parts = Parts(of=np.array([0, 0, 0, 1]), names=("large", "small"), where=("large", "small"))
    subject = subject_of([1.0, 1.0, 1.0, 3.0])
    case = dataclasses.replace(case_of([1.0] * 4), parts=parts)

    found = measure(subject, case, torch.tensor([1.0, 2.0]), Exact())

    # From -6 to 0 over the small quarter, to 6 over the rest: (-0.75 + 2.25) / 6.
    assert found.value == pytest.approx(0.25)


def test_a_number_below_its_blank_is_explained_as_well_as_one_above():
    subject = subject_of([-4.0, -1.5, -2 / 3, -0.25], network=One, mean=0.0, scale=2.0)
    case = case_of([1.0, 2.0, 3.0, 4.0])

    found = measure(subject, case, torch.tensor([-4.0, -3.0, -2.0, -1.0]), Exact())

    assert found.value == pytest.approx(0.25)
    assert found.checks["change"] == pytest.approx(-20)
    assert found.checks["towards"] == pytest.approx(1)
    assert found.checks["effect"] == pytest.approx(10)


def test_reasons_that_cancel_do_not_blow_the_value_up():
    subject, case = subject_of([5.0, -4.99, 0.0, 0.0]), case_of([1.0] * 4)

    found = measure(subject, case, torch.tensor([5.0, -4.99, 0.0, 0.0]), Exact())

    assert 0.5 < found.value <= 1
    assert found.checks["change"] == pytest.approx(0.01, abs=1e-4)
    assert found.checks["range"] == pytest.approx(9.99, abs=1e-4)


def test_random_shares_score_zero_on_the_mean():
    values = []
    for seed in range(60):
        subject, case, shares = many(seed)
        values.append(measure(subject, case, shares, Exact(), thorough=False).value)

    assert abs(np.mean(values)) < 3 * np.std(values) / 60**0.5


def test_the_interval_holds_zero_for_nineteen_random_orders_in_twenty():
    covered = []
    for seed in range(200):
        subject, case, shares = many(seed)
        found = measure(subject, case, shares, Exact(), thorough=False)
        covered.append(found.low <= 0 <= found.high)

    assert 0.9 <= np.mean(covered) <= 0.99


def test_right_shares_of_many_parts_leave_chance_behind():
    subject, case, _ = many(3)

    found = measure(subject, case, Exact().shares(subject, case), Exact())

    assert found.low > 0
    assert found.checks["foretold"] == pytest.approx(1)


def test_measuring_twice_gives_the_same():
    subject, case, shares = many(4)

    assert measure(subject, case, shares, Exact()) == measure(subject, case, shares, Exact())


def test_measuring_asks_few_answers_in_few_calls():
    subject, case, shares = many(5, count=49)
    batches = []
    subject.network.register_forward_pre_hook(lambda _, given: batches.append(len(given[0])))

    measure(subject, case, shares, Random(), thorough=False)

    assert len(batches) == 2
    assert sum(batches) <= 120


def test_the_detector_is_beaten_by_what_it_does_worse():
    subject, case = four()

    found = measure(subject, case, torch.tensor([4.0, 3.0, 2.0, 1.0]), Exact())

    # It orders by what x is, which is the reverse: 0.25 - -0.25.
    assert found.checks["detector"] == pytest.approx(0.5)


def test_the_detector_sees_codes_as_equal_or_not():
    subject = subject_of([1.0, 4.0], cardinalities=(9, 0))
    case = case_of([8.0, 3.0])

    found = measure(subject, case, torch.tensor([0.0, 1.0]), Exact(), thorough=False)

    assert found.checks["detector"] == 0


def test_the_gap_is_what_the_shares_miss():
    subject, case = four()

    assert measure(subject, case, torch.tensor([4.0, 3.0, 2.0, 0.0]), Exact()).checks[
        "gap"
    ] == pytest.approx(0.1)
    assert measure(subject, case, torch.tensor([4.0, 3.0, 2.0, 0.0]), Random()).checks["gap"] == 0


@pytest.mark.parametrize(("explainer", "expected"), [(Exact(), 1.0), (Turning(), -1.0)])
def test_stability_tells_what_noise_turns_from_what_it_does_not(explainer, expected):
    subject, case = four()

    found = measure(subject, case, explainer.shares(subject, case), explainer)

    assert found.checks["stability"] == pytest.approx(expected, abs=0.05)


def test_codes_of_categories_are_given_no_noise():
    subject = subject_of([4.0, 1.5, 2.0, 1.0], cardinalities=(3, 3, 3, 3))
    _, case = four()

    assert "stability" not in measure(subject, case, torch.arange(4.0), Turning()).checks


def test_stability_is_left_out_when_nobody_asks_for_it():
    subject, case = four()

    found = measure(subject, case, torch.arange(4.0), Exact(), thorough=False)

    assert "stability" not in found.checks


def test_a_network_that_never_moves_scores_zero():
    subject = subject_of([0.0, 0.0, 0.0])

    found = measure(subject, case_of([1.0, 2.0, 3.0]), torch.arange(3.0), Exact())

    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert found.checks["effect"] == 0


def test_a_network_that_gives_no_numbers_scores_zero():
    subject, case = subject_of([float("nan"), 1.0]), case_of([1.0, 2.0])

    assert measure(subject, case, torch.tensor([1.0, 2.0]), Random()).value == 0


@pytest.mark.parametrize(("freedom", "quantile"), [(3, 3.1824), (8, 2.3060), (23, 2.0687)])
def test_quantiles_of_t_are_those_of_the_tables(freedom, quantile):
    assert t_quantile(freedom) == pytest.approx(quantile, rel=0.005)


def test_ranks_share_ties():
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 7.0])).tolist() == [1.5, 0, 1.5, 3]
    assert correlation(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 2.0])) == 0
