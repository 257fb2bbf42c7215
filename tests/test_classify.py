"""Which of these classes is it: names, probabilities, sets, scores."""

import math
import time

import numpy as np
import pytest
import torch
from asking import Always, asked, words
from torch import nn

from pellucid.errors import BadInputError
from pellucid.tasks import _scores
from pellucid.tasks.classify import Classify


def test_classes_that_are_numbers_stand_in_the_order_of_numbers():
    assert Classify.describe(words("10", "9", "1", "10"))["classes"] == ("1", "9", "10")
    assert Classify.describe(words("b", "10", "9", "b"))["classes"] == ("10", "9", "b")


def test_classes_from_numbers_are_named_without_a_point():
    known = Classify.describe(np.array([1.0, 0.0, 1.0, 1.0, np.nan]))

    assert known == {"classes": ("0", "1"), "shares": (0.25, 0.75)}


def test_one_class_is_refused_with_the_cure():
    with pytest.raises(BadInputError, match=r"every target is 'cat'\n.*two classes(?s:.*)--target"):
        Classify.describe(words("cat", "cat"))


def test_classes_that_never_repeat_are_refused():
    with pytest.raises(BadInputError, match="each of the 30 targets is another class"):
        Classify.describe(np.arange(30.0) / 7)


def test_a_class_that_training_never_saw_is_named():
    with pytest.raises(BadInputError, match="never saw: cow"):
        asked(Classify, words("cat", "dog")).encode(words("cat", "cow"))


def test_label_smoothing_may_be_set():
    task = asked(Classify, words("a", "b"))
    sure = torch.tensor([[40.0, 0.0]])
    batch = {"x": sure, "y": torch.tensor([0])}
    plain = task.loss(Always(sure), batch, "whole")

    task.smoothing = 0.1

    assert plain.item() == pytest.approx(0, abs=1e-6)
    assert task.loss(Always(sure), batch, "whole").item() == pytest.approx(0.05 * 40)


def test_a_temperature_that_was_put_in_is_found():
    torch.manual_seed(0)
    logits = torch.randn(20_000, 5, dtype=torch.float64) * 2
    y = torch.distributions.Categorical(logits=logits).sample()
    task = asked(Classify, words(*"abcde", *"abcde"))

    assert task.calibrate(3 * logits, y)["temperature"] == pytest.approx(3, rel=0.03)


def test_a_few_right_answers_do_not_promise_certainty():
    task = asked(Classify, words("a", "b", "a", "b"))
    outputs = torch.tensor([[2.0, 0.0], [0.0, 2.0]] * 5)

    answer = task.answers(outputs, task.calibrate(outputs, torch.tensor([0, 1] * 5)), level=0.9)[0]

    assert 0.88 < answer.probability < 0.999


def test_scores_of_four_examples_are_those_computed_by_hand():
    task = asked(Classify, words("a", "b"))
    outputs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.4, 0.6]]).log()

    scores = task.scores(outputs, torch.tensor([0, 0, 0, 1]), {"temperature": 1.0})

    assert scores["accuracy"].value == 0.75
    assert scores["balanced_accuracy"].value == pytest.approx((2 / 3 + 1) / 2)
    nats = -(math.log(0.9) + math.log(0.8) + math.log(0.3) + math.log(0.6)) / 4
    assert scores["log_loss"].value == pytest.approx(nats)
    # Bins of a fifteenth: each of the four stands alone, off by 0.1, 0.2, 0.7 and 0.4.
    assert scores["ece"].value == pytest.approx((0.1 + 0.2 + 0.7 + 0.4) / 4)
    assert scores["ece"].low is None


def test_a_share_of_nine_in_ten_has_the_interval_of_wilson():
    # Wilson's interval for 90 of 100, as statsmodels' proportion_confint gives it.
    share = _scores.share(90, 100)

    assert (share.low, share.high) == pytest.approx((0.82563, 0.94478), abs=1e-4)


def test_no_interval_leaves_what_its_score_can_be():
    task = asked(Classify, words("a", "b"))
    y = torch.tensor([0] * 97 + [1] * 3)
    outputs = torch.eye(2)[y] * 9  # all right but one
    outputs[-1] = torch.tensor([0.0, -9.0])

    scores = task.scores(outputs, y, {"temperature": 1.0})

    # Of the rare class two of three are right, so resamples reach far past 5 in 6.
    assert scores["balanced_accuracy"].value == pytest.approx(5 / 6)
    assert scores["balanced_accuracy"].high == 1.0
    assert all(0 <= score.low <= score.value <= score.high for score in scores.values())


def test_the_guess_is_the_most_frequent_class_of_training():
    task = asked(Classify, words("a", "a", "a", "b"))

    guess = task.guess(torch.tensor([0, 0, 1, 1]))

    nats = -(math.log(0.75) + math.log(0.25)) / 2
    assert guess == pytest.approx(
        {"accuracy": 0.5, "balanced_accuracy": 0.5, "log_loss": nats, "ece": 0.25}
    )


def test_all_scores_of_ten_thousand_examples_take_less_than_half_a_second():
    task = asked(Classify, words(*"abcdefghij", *"abcdefghij"))
    outputs, y = torch.randn(10_000, 10), torch.randint(10, (10_000,))
    start = time.process_time()

    task.scores(outputs, y, {})

    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])  # accuracy about 98, 85 and 55 %
@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_sets_hold_the_truth_as_often_as_they_say(noise, level):
    torch.manual_seed(0)
    y = torch.randint(4, (8000,))
    outputs = 4 * (nn.functional.one_hot(y, 4) + noise * torch.randn(8000, 4))
    task = asked(Classify, words(*"abcd", *"abcd"))
    calibration = task.calibrate(outputs[:7000], y[:7000])

    answers = task.answers(outputs[7000:], calibration, level=level)

    held = ["abcd"[true] in answer.set for answer, true in zip(answers, y[7000:], strict=True)]
    assert sum(held) / 1000 == pytest.approx(level, abs=0.03)


def test_nine_in_ten_is_neither_missed_nor_exceeded_where_all_is_easy():
    torch.manual_seed(0)
    y = torch.randint(4, (10_000,))
    outputs = 4 * (nn.functional.one_hot(y, 4) + 0.37 * torch.randn(10_000, 4))
    task = asked(Classify, words(*"abcd", *"abcd"))
    calibration = task.calibrate(outputs[:5000], y[:5000])

    accuracy = task.scores(outputs[5000:], y[5000:], calibration)["accuracy"].value
    coverage = task.details(outputs[5000:], y[5000:], calibration)["coverage"]

    assert accuracy > 0.92
    assert coverage["share"] == pytest.approx(0.9, abs=0.015)
    assert coverage["mean_set_size"] < 1


def test_too_few_held_out_examples_keep_every_class():
    task = asked(Classify, words("a", "b"))
    outputs = torch.tensor([[9.0, 0.0]] * 8)

    calibration = task.calibrate(outputs, torch.zeros(8, dtype=torch.int64))

    assert task.answers(outputs, calibration, level=0.9)[0].set == ("a", "b")
    assert task.answers(outputs, calibration, level=0.8)[0].set == ("a",)


def test_the_set_of_a_doubtful_example_may_be_empty():
    task = asked(Classify, words("a", "b"))
    sure, doubtful = torch.tensor([[6.0, 0.0]]), torch.tensor([[0.1, 0.0]])
    calibration = task.calibrate(sure.repeat(100, 1), torch.zeros(100, dtype=torch.int64))

    assert task.answers(doubtful, calibration, level=0.9)[0].to_json()["set"] == []


def test_details_tell_each_class_and_which_is_taken_for_which():
    task = asked(Classify, words("a", "b", "c", "c"))
    outputs = 5 * nn.functional.one_hot(torch.tensor([0, 1, 1, 0])).float()
    outputs = torch.cat([outputs, torch.zeros(4, 1)], dim=1)

    details = task.details(outputs, torch.tensor([0, 1, 0, 0]), {})

    assert details["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert details["per_class"]["b"] == {"precision": 0.5, "recall": 1.0, "count": 1}
    assert details["per_class"]["c"] == {"precision": None, "recall": None, "count": 0}
    assert details["coverage"]["share"] == 1.0
    assert details["calibration"]["reliability"][0]["accuracy"] == 0.75
