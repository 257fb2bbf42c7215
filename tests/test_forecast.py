"""What comes next: errors, intervals that hold what they promise, and what is said of them."""

import json
import math

import numpy as np
import pytest
import torch
from asking import Always, asked, windows

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.tasks._forecast_intervals import summarise, widths
from pellucid.tasks._forecast_scores import block_length
from pellucid.tasks.forecast import Forecast

SEASON, AHEAD = 4, 6


@pytest.fixture
def task():
    return asked(Forecast, windows(300))


@pytest.fixture
def y(task):
    return task.encode(windows(300))


def one_step(season, *, target=""):
    """The task of foretelling two steps of two variables with means 10 and 0, scales 2 and 5."""
    schema = Schema(
        kind="series",
        shape=(8, 2),
        target=target,
        ahead=2,
        season=season,
        variables=("load", "heat"),
        means=(10.0, 0.0),
        scales=(2.0, 5.0),
    )
    return Forecast(schema)


def outputs_of(means, logs=0.0):
    """Means, (N, H, A), with one logarithm of the scale for all, as a network gives them."""
    return torch.stack([means, torch.full_like(means, logs)], dim=-1).flatten(1)


def perfect(task, y):
    """What a network that knows the future would say."""
    return (y[:, SEASON:] - torch.tensor(task.schema.means)) / torch.tensor(task.schema.scales)


# Targets


def test_windows_that_share_memory_are_not_copied(task):
    targets = windows(50)

    assert task.encode(targets).data_ptr() == targets.__array_interface__["data"][0]


def test_only_what_comes_next_suits_it():
    assert Forecast.suits(windows(20)) > 0.9
    assert Forecast.suits(np.arange(20.0)) == 0
    assert Forecast.suits(np.array(["a", "b"], dtype=object)) == 0


# Loss


def test_loss_is_the_squared_error_in_scales_and_a_share_of_the_likelihood():
    task = one_step(1)
    y = torch.tensor([[[10.0, 0.0], [12.0, 5.0], [14.0, 0.0]]])
    outputs = outputs_of(torch.zeros(1, 2, 2))

    loss = task.losses(outputs, y)

    squares, absolutes = (1 + 1 + 4 + 0) / 4, (1 + 1 + 2 + 0) / 4
    torch.testing.assert_close(loss, torch.tensor([squares + 0.1 * absolutes]))


def test_missing_values_do_not_count():
    task = one_step(1)
    y = torch.tensor([[[10.0, 0.0], [12.0, math.nan], [math.nan, math.nan]]])
    outputs = outputs_of(torch.zeros(1, 2, 2))

    assert task.losses(outputs, y).item() == pytest.approx(1 + 0.1)
    assert task.score(outputs, y) == pytest.approx(1.0)
    assert task.scores(outputs, y, {})["mse"].value == pytest.approx(1.0)


def test_a_window_of_which_nothing_is_known_costs_nothing():
    task = one_step(1)
    y = torch.full((2, 3, 2), math.nan)
    y[:, 0] = 1.0

    assert task.losses(outputs_of(torch.ones(2, 2, 2)), y).tolist() == [0.0, 0.0]


def test_the_scale_does_not_pull_at_the_mean():
    task = one_step(1)
    y = torch.tensor([[[10.0, 0.0], [12.0, 5.0], [14.0, 0.0]]])
    means = torch.zeros(1, 2, 2, requires_grad=True)

    task.losses(outputs_of(means, logs=-3.0), y).sum().backward()

    torch.testing.assert_close(means.grad, -2 * torch.tensor([[[1.0, 1.0], [2.0, 0.0]]]) / 4)


# Intervals


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9])
def test_intervals_hold_the_truth_as_often_as_they_say(task, y, level):
    noise = torch.randn(len(y), AHEAD, 2)
    scale = torch.linspace(0.2, 2.0, AHEAD)[:, None]
    outputs = outputs_of(perfect(task, y) + noise * scale)
    calibration = json.loads(json.dumps(task.calibrate(outputs[:150], y[:150])))

    answers = task.answers(outputs[150:], calibration, level=level)

    future = y[150:, SEASON:].numpy()
    for place, name in enumerate(task.schema.variables):
        low = np.stack([answer.low[name] for answer in answers])
        high = np.stack([answer.high[name] for answer in answers])
        truth = future[:, :, place]
        assert ((low <= truth) & (truth <= high)).mean() == pytest.approx(level, abs=0.05)


def test_a_scale_twice_as_large_makes_an_interval_twice_as_wide(task, y):
    outputs = outputs_of(perfect(task, y) + torch.randn(len(y), AHEAD, 2))
    calibration = task.calibrate(outputs, y)
    wider = outputs_of(torch.zeros(1, AHEAD, 2), math.log(2.0))

    (plain,) = task.answers(outputs_of(torch.zeros(1, AHEAD, 2)), calibration, level=0.9)
    (double,) = task.answers(wider, calibration, level=0.9)

    np.testing.assert_allclose(
        double.high["v0"] - double.low["v0"], 2 * (plain.high["v0"] - plain.low["v0"]), rtol=1e-6
    )


def test_the_width_is_the_distance_at_the_rank_of_the_level():
    off = torch.arange(1.0, 100.0)[:, None, None]

    found = widths({"conformal": summarise(off, 99)}, 0.9, steps=1, variables=1)

    assert found.tolist() == [[90.0]]


def test_too_few_windows_promise_nothing_and_say_so(task, y):
    outputs = outputs_of(perfect(task, y)[:8] + 1.0)
    calibration = task.calibrate(outputs, y[:8])

    (answer, *_) = task.answers(outputs, calibration, level=0.9)

    assert answer.low == {}
    assert "too few windows" in answer.doubt()
    assert answer.to_json()["low"] is None
    assert task.answers(outputs, calibration, level=0.8)[0].doubt() == ""


def test_a_damaged_calibration_is_not_believed(task, y):
    outputs = outputs_of(perfect(task, y))
    calibration = task.calibrate(outputs, y)
    calibration["conformal"]["widths"].pop()

    with pytest.raises(ValueError, match="damaged"):
        task.answers(outputs, calibration, level=0.9)


# Scores


def test_scores_are_those_of_the_literature():
    task = one_step(1)
    y = torch.tensor([[[10.0, 0.0], [12.0, 5.0], [14.0, 0.0]]] * 12)

    scores = task.scores(outputs_of(torch.zeros(12, 2, 2), math.log(0.5)), y, {})

    assert scores["mse"].value == pytest.approx((1 + 1 + 4 + 0) / 4)
    assert scores["mae"].value == pytest.approx((1 + 1 + 2 + 0) / 4)
    # From one season, here one step, to the next: 2 / 2 and 5 / 5 standard deviations.
    assert scores["mase"].value == pytest.approx(((1 + 2) / 2 + (1 + 0) / 2) / 2)
    half = 0.5 * math.log(10)
    assert scores["coverage"].value == pytest.approx(3 / 4)
    assert scores["interval_score"].value == pytest.approx(2 * half + 20 * (2 - half) / 4)


def test_the_guess_is_what_was_there_one_season_before():
    task = one_step(2)
    rows = [[10.0, 0.0], [14.0, 5.0], [12.0, 0.0], [14.0, 10.0]]
    y = torch.tensor([rows] * 12)

    guess = task.guess(y)

    assert guess["mse"] == pytest.approx((1 + 0 + 0 + 1) / 4)
    assert guess.keys() == task.scores(outputs_of(torch.zeros(12, 2, 2)), y, {}).keys()


def test_a_season_longer_than_the_horizon_is_cut_and_a_shorter_one_repeated():
    y = torch.arange(7.0)[None, :, None].expand(12, 7, 2)

    longer = one_step(5)._before(y)
    shorter = one_step(1)._before(y[:, :3])

    assert (longer[0, :, 1] * 5).round().tolist() == [0.0, 1.0]
    assert shorter[0, :, 1].tolist() == [0.0, 0.0]


def test_a_hole_in_the_season_before_is_filled():
    y = torch.tensor([[[math.nan, math.nan], [14.0, math.nan], [12.0, 0.0], [14.0, 10.0]]])

    before = one_step(2)._before(y)

    assert before.tolist() == [[[2.0, 0.0], [2.0, 0.0]]]


@pytest.mark.parametrize(("shift", "block"), [(1, 6), (2, 3), (6, 1), (7, 1)])
def test_the_overlap_of_windows_is_seen(shift, block):
    y = torch.from_numpy(windows(300)[::shift, SEASON:].copy())

    assert block_length(y) == block


def test_overlapping_windows_leave_more_doubt_than_separate_ones(task, y):
    outputs = outputs_of(torch.zeros(len(y), AHEAD, 2))
    shuffled = torch.randperm(len(y))

    together = task.scores(outputs, y, {})["mse"]
    apart = task.scores(outputs, y[shuffled], {})["mse"]

    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


def test_details_say_how_errors_grow_and_which_variable_is_hard(task, y):
    outputs = outputs_of(perfect(task, y) + torch.tensor([0.5, 1.0]))

    details = task.details(outputs, y, task.calibrate(outputs, y))

    assert [row["name"] for row in details["variables"]] == ["v0", "v1"]
    assert [row["mse"] for row in details["variables"]] == pytest.approx([0.25, 1.0], rel=1e-3)
    assert [row["step"] for row in details["horizon"]] == [1, 2, 3, 4, 5, 6]
    assert details["coverage"]["level"] == 0.9


@pytest.mark.parametrize(
    ("error", "verdict"), [(0.1, "It beats"), (5.0, "It is worse than"), (None, "surely beat")]
)
def test_whether_the_guess_is_beaten_is_said(task, y, error, verdict):
    means = task._before(y) if error is None else perfect(task, y) + error
    outputs = outputs_of(means)

    said = task.details(outputs, y, {})["beside_guess"]

    assert verdict in said["said"]
    assert said["low"] <= said["ratio"] <= said["high"]


# Answers


def test_answers_are_in_the_units_of_the_variables():
    means = torch.tensor([[[1.0, 1.0], [-1.0, 2.0]]])

    (answer,) = one_step(1).answers(outputs_of(means), {}, level=0.9)

    assert answer.to_json() == {
        "median": {"load": [12.0, 8.0], "heat": [5.0, 10.0]},
        "low": None,
        "high": None,
        "level": 0.9,
        "times": None,
    }
    assert str(answer) == "load: 12 to 8 over 2 steps, and 1 more"


def test_an_answer_draws_itself_over_its_past(task, y):
    outputs = outputs_of(perfect(task, y))
    (answer,) = task.answers(outputs[:1], task.calibrate(outputs, y), level=0.9)
    past = {"v0": np.arange(20.0), "v1": np.full(20, np.nan)}

    times = [f"2018-06-{day:02}" for day in range(1, 7)]

    drawn = answer.over(past, times).draw({"v0": np.arange(6.0)})

    assert drawn.startswith(b"\x89PNG")
    assert answer.over(past) == answer
    assert answer._repr_html_().startswith("<img alt=")


# Explaining


def test_what_is_explained_is_the_mean_over_the_horizon_of_one_variable():
    task = one_step(1)
    outputs = outputs_of(torch.tensor([[[1.0, 1.0], [-1.0, 2.0]]] * 2))

    found = task.explained(outputs, torch.tensor([0, 1]), {})

    assert found.tolist() == [10.0, 7.5]
    assert task.answer_name(1) == "heat"
    assert task.answer_place("heat") == 1
    assert task.told(torch.tensor([[[0.0, 0.0], [12.0, 0.0], [13.0, 0.0]]])) == ["12.5"]


def test_the_target_is_explained_where_one_is_named():
    outputs = outputs_of(torch.zeros(3, 2, 2))

    assert one_step(1, target="heat").chosen(outputs).tolist() == [1, 1, 1]
    assert one_step(1).chosen(outputs).tolist() == [0, 0, 0]
    assert one_step(1).rivals(outputs).tolist() == [-1, -1, -1]


def test_a_variable_that_is_not_foretold_is_refused():
    with pytest.raises(BadInputError, match="one of load, heat"):
        one_step(1).answer_place("light")


# Degenerate


def test_a_flat_line_for_every_window_is_called_degenerate(task):
    levels = torch.randn(60, 1, 2).expand(60, AHEAD, 2)

    assert "flat line" in task.degenerate(outputs_of(levels.clone()))


def test_the_same_answer_whatever_is_seen_is_called_degenerate(task):
    course = torch.randn(1, AHEAD, 2).expand(60, AHEAD, 2)

    assert "the same to all 60" in task.degenerate(outputs_of(course.clone()))


def test_members_are_averaged_in_the_loss():
    task = one_step(1)
    y = torch.tensor([[[10.0, 0.0], [12.0, 5.0], [14.0, 0.0]]])
    first, second = outputs_of(torch.zeros(1, 2, 2)), outputs_of(torch.ones(1, 2, 2))
    batch = {"x": torch.zeros(1, 8, 2), "y": y}

    together = task.loss(Always(torch.stack([first, second], dim=1)), batch, "whole")

    apart = [task.loss(Always(each), batch, "whole") for each in (first, second)]
    torch.testing.assert_close(together, (apart[0] + apart[1]) / 2)
