"""What every task must do, over all there are, and what tasks share."""

import json
import math

import numpy as np
import pytest
import torch
from asking import Always, asked, windows, words
from torch import nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.registry import task as tasks
from pellucid.tasks import _scores
from pellucid.tasks._conformal import summarise, threshold
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

_FRAMES = 6
RAW = {
    "words": np.array(["rose", "tulip", "aster"] * 40, dtype=object),
    "numbers": np.random.default_rng(0).normal(50, 10, 120),
    "what comes next": windows(120),
    "what was said": np.array(
        [f"{one} {other}" for one in "abcdefghij" for other in "klmnopqrstuv"], object
    ),
}


@pytest.fixture(
    params=[name for name in tasks if tasks[name].needs_targets and not tasks[name].made]
)
def cls(request):
    return tasks[request.param]


@pytest.fixture
def targets(cls):
    return max(RAW.values(), key=cls.suits)


def columns(task):
    """Numbers that are kept of an example: of a recording, the outputs of several frames."""
    return task.outputs * (_FRAMES if task.schema.tokens else 1)


@pytest.fixture
def outputs(cls, targets):
    return torch.randn(len(targets), columns(asked(cls, targets)))


# What every task must do


def test_some_targets_suit_it_and_none_do_where_there_are_none(cls, targets):
    assert 0 < cls.suits(targets) <= 1
    assert cls.suits(None) == 0
    assert cls.suits(targets[:0]) == 0


def test_what_it_knows_of_targets_goes_into_a_schema_and_back(cls, targets):
    schema = asked(cls, targets).schema

    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_targets_that_are_all_missing_are_refused(cls, targets):
    numbers = targets.dtype.kind == "f"
    missing = np.full_like(targets[:5], np.nan) if numbers else words(*[None] * 5)

    with pytest.raises(BadInputError, match=r"needed: .*\n  remedy: "):
        cls.describe(missing)


def test_a_missing_target_is_refused_when_encoding(cls, targets):
    task, one = asked(cls, targets), targets[:3].copy()
    one[1] = np.nan if targets.dtype.kind == "f" else None

    with pytest.raises(BadInputError, match="1 of 3 targets are missing"):
        task.encode(one)


def test_loss_falls_on_eight_examples(cls, targets):
    task = asked(cls, targets)
    batch = {"x": torch.randn(8, 4), "y": task.encode(targets[:8])}
    network = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, columns(task)))
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
        loss = task.loss(nn.Linear(4, columns(task)), batch, "whole")

    assert loss.dtype == torch.float32


def test_members_are_judged_one_by_one(cls, targets):
    task = asked(cls, targets)
    batch = {"x": torch.randn(8, 4), "y": task.encode(targets[:8])}
    first, second = torch.randn(2, 8, columns(task))

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
    if not cls.refines:
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
    assert task.degenerate(torch.randn(60, columns(task))) is None


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
