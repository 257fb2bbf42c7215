"""How much is it: numbers in their own unit, intervals, scores."""

import math

import numpy as np
import pytest
import torch
from asking import asked, words

from pellucid.errors import BadInputError
from pellucid.tasks.regress import Regress


def test_targets_that_are_all_equal_are_refused():
    with pytest.raises(BadInputError, match=r"every target is 0\.1\n.*numbers that differ"):
        Regress.describe(np.full(7, 0.1))


def test_words_are_no_numbers():
    with pytest.raises(BadInputError, match="write `--task classify`"):
        Regress.describe(words("a", "b"))


def test_a_number_goes_in_and_comes_out_in_its_own_unit():
    task = asked(Regress, np.array([1_000_001.0, 1_000_003.0]))
    y = task.encode(np.array([1_000_002.5]))

    assert y.tolist() == [0.5]
    assert task.answers(y[:, None], {}, level=0.9)[0].to_json() == {
        "value": 1_000_002.5,
        "low": None,
        "high": None,
    }


def test_scores_of_four_numbers_are_those_computed_by_hand():
    task = asked(Regress, np.array([1.0, 2.0, 3.0, 6.0]))
    said, truth = np.array([1.0, 2.0, 5.0, 5.0]), np.array([1.0, 2.0, 3.0, 6.0])

    scores = task.scores(task.encode(said)[:, None], task.encode(truth), {})

    # Errors 0, 0, 2, -1; the truth has a mean of 3 and squares of 4, 1, 0, 9 about it.
    assert scores["rmse"].value == pytest.approx(math.sqrt(5 / 4))
    assert scores["mae"].value == pytest.approx(3 / 4)
    assert scores["r2"].value == pytest.approx(1 - 5 / 14)


def test_the_guess_is_the_mean_of_training():
    task = asked(Regress, np.array([0.0, 4.0]))

    guess = task.guess(task.encode(np.array([1.0, 5.0])))

    assert guess == pytest.approx({"rmse": math.sqrt(5), "mae": 2.0, "r2": 1 - 10 / 8})


def test_targets_that_do_not_vary_leave_nothing_to_explain():
    task = asked(Regress, np.array([0.0, 4.0]))
    y = task.encode(np.array([1.0, 1.0]))

    assert task.scores(torch.zeros(2, 1), y, {})["r2"].value == 0.0


def test_no_interval_leaves_what_its_score_can_be():
    truth = np.array([0.0, 1.0] * 20 + [50.0])
    task = asked(Regress, truth)
    said = truth + np.array([0.0] * 40 + [-30.0])  # one large error, at the only large number

    scores = task.scores(task.encode(said)[:, None], task.encode(truth), {})

    assert min(scores["rmse"].low, scores["mae"].low) >= 0
    assert scores["r2"].value < scores["r2"].high <= 1.0


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(0)
    truth = random.normal(100, 20, 6000)
    task = asked(Regress, truth)
    outputs, y = task.encode(truth + random.laplace(0, 5, 6000))[:, None], task.encode(truth)
    calibration = task.calibrate(outputs[:3000], y[:3000])

    coverage = task.details(outputs[3000:], y[3000:], calibration)["coverage"]

    assert coverage["share"] == pytest.approx(0.9, abs=0.015)
    # Half of the 90 % interval of a Laplace distribution of scale 5 is 5 ln 10.
    assert coverage["mean_width"] == pytest.approx(2 * 5 * math.log(10), rel=0.06)
