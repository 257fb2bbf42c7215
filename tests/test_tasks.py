"""What every task must do, over all there are; then what is particular to each."""

import json
import math
import time

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.registry import task as tasks
from pellucid.tasks import _scores
from pellucid.tasks._conformal import summarise, threshold
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

RAW = {
    "words": np.array(["rose", "tulip", "aster"] * 40, dtype=object),
    "numbers": np.random.default_rng(0).normal(50, 10, 120),
}


class Always(nn.Module):
    """A network that gives the same whatever it sees."""

    def __init__(self, given):
        super().__init__()
        self.given = given

    def forward(self, x):
        return self.given


def words(*values):
    return np.array(values, dtype=object)


def asked(cls, targets):
    """The task, as asked of some raw targets of four columns."""
    return cls(Schema(kind="table", shape=(4,), **cls.describe(targets)))


@pytest.fixture(params=list(tasks))
def cls(request):
    return tasks[request.param]


@pytest.fixture
def targets(cls):
    return max(RAW.values(), key=cls.suits)


@pytest.fixture
def outputs(cls, targets):
    return torch.randn(len(targets), asked(cls, targets).outputs)


# What every task must do


def test_some_targets_suit_it_and_none_do_where_there_are_none(cls, targets):
    assert 0 < cls.suits(targets) <= 1
    assert cls.suits(None) == 0
    assert cls.suits(targets[:0]) == 0


def test_what_it_knows_of_targets_goes_into_a_schema_and_back(cls, targets):
    schema = asked(cls, targets).schema

    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_targets_that_are_all_missing_are_refused(cls, targets):
    missing = np.full(5, np.nan) if targets.dtype == float else words(*[None] * 5)

    with pytest.raises(BadInputError, match=r"needed: .*\n  remedy: "):
        cls.describe(missing)


def test_a_missing_target_is_refused_when_encoding(cls, targets):
    task, one = asked(cls, targets), targets[:3].copy()
    one[1] = np.nan if targets.dtype == float else None

    with pytest.raises(BadInputError, match="1 of 3 targets are missing"):
        task.encode(one)


def test_loss_falls_on_eight_examples(cls, targets):
    task = asked(cls, targets)
    batch = {"x": torch.randn(8, 4), "y": task.encode(targets[:8])}
    network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, task.outputs))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    first = task.loss(network, batch, "whole").mean().item()

    for _ in range(50):
        optimizer.zero_grad()
        task.loss(network, batch, "whole").mean().backward()
        optimizer.step()

    assert task.loss(network, batch, "whole").mean().item() < first / 2


def test_loss_is_computed_in_full_precision_whatever_the_network_gives(cls, targets):
    task = asked(cls, targets)
    batch = {"x": torch.randn(8, 4), "y": task.encode(targets[:8])}

    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = task.loss(nn.Linear(4, task.outputs), batch, "whole")

    assert loss.dtype == torch.float32


def test_members_are_judged_one_by_one(cls, targets):
    task = asked(cls, targets)
    batch = {"x": torch.randn(8, 4), "y": task.encode(targets[:8])}
    first, second = torch.randn(2, 8, task.outputs)

    together = task.loss(Always(torch.stack([first, second], dim=1)), batch, "whole")
    apart = [task.loss(Always(each), batch, "whole") for each in (first, second)]

    torch.testing.assert_close(together, (apart[0] + apart[1]) / 2)


def test_calibration_is_json_and_gives_one_answer_an_example(cls, targets, outputs):
    task = asked(cls, targets)
    calibration = json.loads(json.dumps(task.calibrate(outputs, task.encode(targets))))

    answers = task.answers(outputs, calibration, level=0.9)

    assert len(answers) == len(targets)
    assert all(json.loads(json.dumps(answer.to_json())) for answer in answers)
    assert 3 < len(str(answers[0])) < 80


def test_scores_lie_in_their_intervals_beside_a_guess_of_the_same_names(cls, targets, outputs):
    task, y = asked(cls, targets), asked(cls, targets).encode(targets)

    scores = task.scores(outputs, y, task.calibrate(outputs, y))

    assert next(iter(scores)) == task.metric
    assert scores[task.metric].value == pytest.approx(task.score(outputs, y))
    assert scores.keys() == task.guess(y).keys()
    assert all(score.low <= score.value <= score.high for score in scores.values())


def test_scores_and_details_repeat_and_are_json(cls, targets, outputs):
    task, y = asked(cls, targets), asked(cls, targets).encode(targets)
    calibration = task.calibrate(outputs, y)

    assert task.scores(outputs, y, calibration) == task.scores(outputs, y, calibration)
    assert json.dumps(task.details(outputs, y, calibration), allow_nan=False)


def test_outputs_that_are_no_numbers_are_named_and_break_nothing(cls, targets, outputs):
    task, y = asked(cls, targets), asked(cls, targets).encode(targets)
    outputs = torch.full_like(outputs, math.nan)
    calibration = task.calibrate(outputs, y)

    assert "not numbers" in task.degenerate(outputs)
    assert json.dumps(task.answers(outputs, calibration, level=0.9)[0].to_json(), allow_nan=False)
    assert math.isfinite(task.scores(outputs, y, calibration)[task.metric].value)


def test_one_answer_to_everything_is_called_degenerate(cls, targets):
    task = asked(cls, targets)

    assert "to all 60 held-out examples" in task.degenerate(torch.ones(60, task.outputs))
    assert task.degenerate(torch.ones(20, task.outputs)) is None
    assert task.degenerate(torch.randn(60, task.outputs)) is None


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.1])
def test_a_level_that_is_no_probability_is_refused(cls, targets, outputs, level):
    with pytest.raises(BadInputError, match="between 0 and 1"):
        asked(cls, targets).answers(outputs, {}, level=level)


# Which question suits


@pytest.mark.parametrize(
    ("targets", "question"),
    [
        (words("cat", "dog", "cat", "dog"), Classify),
        (np.array([0.0, 1, 2, 0, 1, 2]), Classify),
        (np.array([1.0, 2, 3, 1, 2, 3]), Classify),
        (np.array([-1.0, 1, 1, -1]), Classify),
        (np.array([0.0, 1, np.nan, 1, 0, 2, 2]), Classify),
        (np.array([3.0, 4, 5, 6, 7, 8, 9, 5, 6, 6]), Regress),  # the ratings of wine_quality
        (np.array([0.0, 1, 2, 3]), Regress),  # no class occurs twice
        (np.arange(25.0).repeat(4), Regress),
        (np.array([0.5, 1.5, 2.5, 0.5]), Regress),
        (np.array([1.0, 2, 4, 1, 2, 4]), Regress),
    ],
)
def test_the_question_is_read_off_the_targets(targets, question):
    suit = {candidate: candidate.suits(targets) for candidate in (Classify, Regress)}

    assert max(suit, key=suit.get) is question


# Classes


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


# Numbers


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


# What the tasks share


def test_the_ninth_of_nine_scores_is_the_threshold_at_nine_in_ten():
    nine = {"conformal": summarise(np.arange(9.0))}
    eight = {"conformal": summarise(np.arange(8.0))}

    assert threshold(nine, 0.9) == 8.0
    assert threshold(nine, 0.5) == 4.0
    assert threshold(eight, 0.9) == math.inf


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_stored_scores_never_give_a_smaller_threshold_than_all_would(level):
    wrongness = np.random.default_rng(0).permutation(12_345) / 12_345
    exact = np.sort(wrongness)[math.ceil(12_346 * level) - 1]
    summary = summarise(wrongness)

    found = threshold({"conformal": summary}, level)

    assert len(summary["scores"]) == 1000
    assert exact <= found <= exact + 0.001


def test_the_interval_of_a_well_calibrated_model_holds_its_small_error():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 2000)
    gaps = confidence - (random.uniform(size=2000) < confidence)
    bins = _scores.bins_of(confidence)

    found = _scores.estimates({"ece": lambda w: _scores.calibration_error(bins, gaps, w)}, 2000)

    assert found["ece"].low < found["ece"].value < found["ece"].high
