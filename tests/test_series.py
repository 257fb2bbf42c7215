"""Series: windows of the past, what came next, and whole series that are told apart."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data import Ask, Schema
from pellucid.data._series_steps import following
from pellucid.data._split import split
from pellucid.data.series import Series
from pellucid.errors import BadInputError

SHARED = Path(__file__).parents[2] / "shared" / "data"
START = datetime(2020, 1, 1)
ASK = Ask(task="forecast", ahead=3, past=5)


@pytest.fixture
def series():
    return Series()


def hours(*columns, names=("y",), start=START):
    """Write columns as a CSV file with an hour for each row."""
    head = ",".join(["date", *names])
    rows = [
        ",".join([(start + timedelta(hours=place)).isoformat(), *map(str, row)])
        for place, row in enumerate(zip(*columns, strict=True))
    ]
    return "\n".join([head, *rows]) + "\n"


def said(examples):
    return " ".join(note.text for note in examples.notes)


# Windows


def test_each_window_shows_its_past_and_what_came_next(series, saved):
    examples = series.read(saved(hours(range(40))), ASK)
    schema = series.describe(examples)

    stored = series.encode(examples, schema)

    assert len(examples) == 40 - 5 - 3 + 1
    assert stored[0, :, 0].tolist() == [0, 1, 2, 3, 4]
    assert stored[-1, :, 0].tolist() == [32, 33, 34, 35, 36]
    assert examples.targets[0, -3:, 0].tolist() == [5, 6, 7]
    assert examples.targets[-1, -3:, 0].tolist() == [37, 38, 39]


def test_targets_begin_with_the_last_season(series, saved):
    wave = [10, 20, 30, 40, 50, 60, 70] * 20
    days = hours(wave).replace("T00:00:00", "")
    days = "date,y\n" + "".join(
        f"{(START + timedelta(days=place)).date()},{value}\n" for place, value in enumerate(wave)
    )

    examples = series.read(saved(days), Ask(task="forecast", ahead=2, past=14))

    assert series.describe(examples).season == 7
    assert examples.targets.shape[1:] == (9, 1)
    assert examples.targets[0, :, 0].tolist() == [10, 20, 30, 40, 50, 60, 70, 10, 20]


def test_windows_of_one_series_share_its_memory(series, saved):
    examples = series.read(saved(hours(range(400), range(400), names=("a", "b"))), ASK)
    train = series.take(examples, np.flatnonzero(examples.sides == "train"))

    for some in (examples, train):
        stored = series.encode(some, series.describe(some))
        assert stored.strides == (8, 8, 4)
        assert some.targets.strides == (8, 8, 4)
        assert torch.from_numpy(stored).shape == (len(some), 5, 2)


def test_places_that_do_not_follow_each_other_are_the_same_windows_copied(series, saved):
    examples = series.read(saved(hours(range(60))), ASK)
    schema = series.describe(examples)
    places = np.array([7, 3, 30])

    some = series.take(examples, places)

    assert np.array_equal(series.encode(some, schema), series.encode(examples, schema)[places])
    assert np.array_equal(some.targets, examples.targets[places])
    assert list(some.names) == [examples.names[place] for place in places]


def test_names_say_the_file_and_the_last_time_that_is_looked_at(series, saved):
    examples = series.read(saved(hours(range(40))), ASK)

    assert examples.names[0] == "data.csv 2020-01-01 04:00"
    assert examples.names[-1] == "data.csv 2020-01-02 12:00"
    assert list(examples.names[1:3]) == ["data.csv 2020-01-01 05:00", "data.csv 2020-01-01 06:00"]


def test_the_times_that_follow_are_told_by_the_name_alone(series, saved):
    schema = series.describe(series.read(saved(hours(range(40))), ASK))

    times = following("anywhere.csv 2020-02-28 22:00", schema)

    assert times == ["2020-02-28 23:00", "2020-02-29 00:00", "2020-02-29 01:00"]


# Sides


def test_the_end_is_held_out_and_no_future_reaches_over_the_border(series, saved):
    examples = series.read(saved(hours(range(200))), ASK)
    sides = examples.sides
    futures = {
        side: set(examples.targets[sides == side][:, -3:].ravel().tolist())
        for side in ("train", "valid")
    }

    assert max(futures["train"]) < min(futures["valid"])
    assert max(futures["valid"]) == 199
    assert (sides == "gap").sum() == 2


def test_what_is_in_the_gap_is_on_no_side(series, saved):
    examples = series.read(saved(hours(range(200))), ASK)

    parts = split(examples, series.clusters(examples), series.keys(examples), seed=0)

    used = np.concatenate([parts.train, parts.valid])
    assert np.array_equal(np.sort(used), np.flatnonzero(examples.sides != "gap"))


def test_nothing_is_held_out_where_that_is_given_elsewhere(series, saved):
    whole = Ask(task="forecast", ahead=3, past=5, whole=True)

    assert series.read(saved(hours(range(40))), whole).sides is None


def test_series_that_repeat_themselves_exactly_are_not_taken_for_duplicates(series, saved):
    examples = series.read(saved(hours([1, 2, 3, 4] * 50)), ASK)

    parts = split(examples, series.clusters(examples), series.keys(examples), seed=0)

    assert len(np.unique(series.keys(examples))) == len(examples)
    assert len(parts.train) > 100


def test_files_that_are_called_train_and_test_are_sides(series, tmp_path):
    (tmp_path / "train.csv").write_text(hours(range(100)))
    (tmp_path / "test.csv").write_text(hours(range(50), start=START + timedelta(hours=100)))

    examples = series.read(tmp_path, ASK)

    test = examples.sides == "test"
    assert test.sum() == 50 - 5 - 3 + 1
    assert all(examples.names[place].startswith("test.csv") for place in np.flatnonzero(test))
    assert set(examples.sides) == {"train", "gap", "valid", "test"}


# What is learned of the form


def test_means_and_scales_are_those_of_the_training_rows_alone(series, saved):
    values = np.r_[np.arange(90.0), np.full(10, 1e6)]
    examples = series.read(saved(hours(values)), ASK)
    train = series.take(examples, np.flatnonzero(examples.sides == "train"))
    seen = values[: int(train.targets.max()) + 1]

    schema = series.describe(train)

    assert schema.means == pytest.approx([seen.mean()])
    assert schema.scales == pytest.approx([seen.std()])


def test_x_is_scaled_and_what_was_never_there_is_zero(series, saved):
    values = ["", "", *range(58)]
    examples = series.read(saved(hours(values)), ASK)
    schema = series.describe(examples)

    x = series.tensor(torch.from_numpy(series.encode(examples, schema)[:1].copy()), schema)

    mean, scale = schema.means[0], schema.scales[0]
    wanted = [0, 0, *((np.arange(3) - mean) / scale)]
    assert x[0, :, 0].tolist() == pytest.approx(wanted, abs=1e-6)


def test_what_is_missing_is_seen_as_the_last_value_before_and_stays_missing_in_targets(
    series, saved
):
    values = [*range(10), "", "", *range(12, 40)]
    examples = series.read(saved(hours(values)), ASK)
    schema = series.describe(examples)

    shown = series.encode(examples, schema)[7, :, 0]

    assert shown.tolist() == [7, 8, 9, 9, 9]
    assert np.isnan(examples.targets[7 - 2, -3:, 0]).tolist() == [True, True, False]


def test_rows_that_are_not_there_are_missing_steps_and_said(series, saved):
    text = hours(range(60))
    without = "\n".join(
        line for line in text.split("\n") if "T05" not in line and "T06" not in line
    )

    examples = series.read(saved(without), ASK)

    assert len(examples) == 60 - 5 - 3 + 1
    assert "6 of 60 steps (10.0%) of data.csv are missing, such as 2020-01-01 05:00" in said(
        examples
    )


def test_the_schema_names_variables_channels_and_rhythm(series, saved):
    text = hours(range(60), range(60), names=("a", "b"))
    schema = series.describe(series.read(saved(text), Ask(task="forecast", target="b", ahead=3)))

    assert schema.variables == ("b",)
    assert schema.details["channels"] == ["b", "a"]
    assert schema.ahead == 3
    assert schema.details["freq"] == "hour"
    assert Schema.from_json(schema.to_json()) == schema


def test_the_season_is_found_where_the_data_repeat_themselves_and_only_there(series, saved):
    random = np.random.default_rng(0)
    wave = np.sin(np.arange(480) * 2 * np.pi / 24) + random.normal(0, 0.1, 480)
    walk = np.cumsum(random.normal(size=480))

    seasons = [
        series.describe(series.read(saved(hours(y)), Ask(task="forecast"))).season
        for y in (wave, walk)
    ]

    assert seasons == [24, 1]


def test_a_season_of_steps_of_unknown_length_is_heard(series):
    random = np.random.default_rng(0)
    wave = np.sin(np.arange(600) * 2 * np.pi / 37) + random.normal(0, 0.2, 600)

    examples = series.read(wave, Ask(task="forecast"))

    assert examples.raw.season == pytest.approx(37, abs=1)


# Several series and other columns

LONG = "shop,date,size,sales\n" + "".join(
    f"{shop},{(START + timedelta(days=day)).date()},{size},{least + day}\n"
    for day in range(60)
    for shop, size, least in (("a", 1, 0), ("b", 11, 100))
)


def test_rows_of_several_series_are_told_apart_by_the_column_that_names_them(series, saved):
    examples = series.read(saved(LONG), ASK)
    schema = series.describe(examples)
    stored = series.encode(examples, schema)

    assert schema.details["channels"] == ["sales", "size"]
    assert examples.names[0] == "data.csv a 2020-01-05"
    assert examples.names[-1] == "data.csv b 2020-02-26"
    assert stored[0, :5, 0].tolist() == [0, 1, 2, 3, 4]
    assert stored[-1, :5, 0].tolist() == [152, 153, 154, 155, 156]
    assert set(stored[-1, :5, 1].tolist()) == {11}


def test_a_window_never_reaches_from_one_series_into_another(series, saved):
    examples = series.read(saved(LONG), ASK)
    stored = series.encode(examples, series.describe(examples))

    assert (np.abs(np.diff(stored[:, :5, 0], axis=1)) == 1).all()


def test_windows_of_several_series_are_thinned_to_what_memory_takes(series, saved):
    examples = series.read(saved(LONG), Ask(task="forecast", ahead=3, past=5, memory=4_000))

    assert 0 < len(examples) < 40
    assert "which is what the memory takes" in said(examples)


def test_the_value_of_a_known_column_is_seen_as_many_steps_early_as_are_foretold(series, saved):
    text = hours(range(40), range(1000, 1040), names=("y", "known: price"))
    examples = series.read(saved(text), ASK)

    stored = series.encode(examples, series.describe(examples))

    assert stored[0, :, 0].tolist() == [0, 1, 2, 3, 4]
    assert stored[0, :, 1].tolist() == [1003, 1004, 1005, 1006, 1007]


def test_columns_that_go_on_where_what_is_asked_has_ended_are_known_in_advance(series, saved):
    text = hours([*range(40), "", "", "", ""], range(1000, 1044), names=("y", "price"))
    path = saved(text)
    examples = series.read(path, Ask(task="forecast", target="y", past=5))
    schema = series.describe(examples)

    last = series.read(path, Ask(schema=schema))

    assert schema.variables == ("y",)
    assert schema.ahead == 4
    assert "'price' counts as known in advance" in said(examples)
    assert last.names[0] == "data.csv 2020-01-02 15:00"
    assert series.encode(last, schema)[0, -1].tolist() == [39, 1043]


def test_a_column_is_not_known_in_advance_because_another_lacks_its_last_value(series, saved):
    text = hours([*range(39), ""], range(1000, 1040), names=("y", "price"))

    asked = series.read(saved(text), Ask(task="forecast", target="y", ahead=3))
    every = series.read(saved(text), Ask(task="forecast", ahead=3))

    assert series.describe(asked).details["form"]["roles"]["past"] == ("price",)
    assert series.describe(every).variables == ("y", "price")


# With a trained model


def test_a_prediction_looks_at_the_end_of_each_series(series, saved):
    path = saved(LONG)
    schema = series.describe(series.read(path, ASK))

    asked = series.read(path, Ask(schema=schema))

    assert list(asked.names) == ["data.csv a 2020-02-29", "data.csv b 2020-02-29"]
    assert asked.targets is None
    assert series.encode(asked, schema)[:, 4, 0].tolist() == [59, 159]


def test_an_evaluation_scores_every_window_of_a_file_that_begins_with_its_past(series, saved):
    schema = series.describe(series.read(saved(hours(range(100))), ASK))
    later = saved(hours(range(95, 130), start=START + timedelta(hours=95)), "later.csv")

    judged = series.read(later, Ask(schema=schema, judged=True))

    assert judged.targets[:, -3, 0].tolist() == list(range(100, 128))


def test_pushed_rows_are_what_the_window_holds(series, saved):
    text = hours(range(40), range(100, 140), names=("a", "b"))
    examples = series.read(saved(text), ASK)
    schema = series.describe(examples)
    x = series.tensor(torch.from_numpy(series.encode(examples, schema)[:1].copy()), schema)

    by_name = series.steps({"b": 100, "a": "0", "c": 5}, schema)
    in_order = series.steps([[0, 100], [1, 101]], schema)

    assert by_name.shape == (1, 2)
    np.testing.assert_allclose(by_name[0], x[0, 0], rtol=1e-5)
    np.testing.assert_allclose(in_order, x[0, :2], rtol=1e-5)
    assert np.isnan(series.steps([None, 100], schema)[0]).tolist() == [True, False]


def test_a_row_that_lacks_a_number_is_refused(series, saved):
    schema = series.describe(series.read(saved(hours(range(40))), ASK))

    with pytest.raises(BadInputError, match="a row without 'y'"):
        series.steps({"x": 1}, schema)
    with pytest.raises(BadInputError, match="a row of 2 numbers"):
        series.steps([1, 2], schema)


# Explanations


def test_spans_double_on_their_way_back_and_hold_every_step_of_every_variable(series, saved):
    text = hours(range(120), range(120), names=("a", "b"))
    examples = series.read(saved(text), Ask(task="forecast", ahead=3, past=32))
    schema = series.describe(examples)

    (parts,) = series.parts(series.take(examples, np.array([0])), schema)

    sizes = [int((parts.of[:, 0] == number).sum()) for number in range(len(parts) // 2)]
    assert sum(sizes) == 32
    assert sizes == sorted(sizes, reverse=True)
    assert parts.of.min() == 0
    assert parts.names[len(sizes) - 1] == "a, last 1 hour"
    assert parts.where[len(sizes) - 1] == ["2020-01-02 07:00", "2020-01-02 07:00", "a"]


def test_a_span_of_a_known_column_is_named_by_its_own_time(series, saved):
    text = hours(range(120), range(120), names=("y", "known price"))
    examples = series.read(saved(text), Ask(task="forecast", ahead=4, past=16))
    schema = series.describe(examples)

    (parts,) = series.parts(series.take(examples, np.array([0])), schema)

    assert parts.names[-1] == "known price, 3 hours to 4 hours ahead"


def test_tells_what_a_window_holds_in_each_part(series, saved):
    examples = series.read(saved(hours(range(40))), Ask(task="forecast", ahead=3, past=8))
    schema = series.describe(examples)
    (parts,) = series.parts(series.take(examples, np.array([0])), schema)

    told = series.tell(examples, 0, parts)

    assert told[0] == "1.5, from 0 to 3"
    assert told[-1] == "7"


def test_forecast_windows_survive_being_restored(series, saved):
    examples = series.read(saved(hours(range(60))), ASK)
    schema = series.describe(examples)
    stored = np.array(series.encode(examples, schema)[:4])

    restored = series.restore(stored, schema)

    assert np.array_equal(series.encode(restored, schema), stored)
    assert series.draw(restored, [0, 3]).startswith(b"\x89PNG")
    assert len(series.parts(restored, schema)) == 4


def test_blanks_of_a_forecast_keep_the_level_the_last_value_or_another_window(series, saved):
    examples = series.read(saved(hours(range(60))), ASK)
    schema = series.describe(examples)
    x = series.tensor(torch.from_numpy(np.array(series.encode(examples, schema))), schema)

    blanks = series.blanks(x[:2], schema, x[5:7])

    assert list(blanks) == ["mean", "last", "others"]
    torch.testing.assert_close(blanks["mean"][0, 0, :, 0], x[0].mean().expand(5))
    torch.testing.assert_close(blanks["last"][0, 1, :, 0], x[1, -1].expand(5))
    assert blanks["others"].shape == (2, 2, 5, 1)


def test_looking_says_what_is_constant_missing_and_has_moved(series, saved):
    moved = [*[0, 1] * 50, *[9, 8] * 50]
    gone = ["" if place % 2 else place % 5 for place in range(200)]
    text = hours(moved, [7] * 200, gone, names=("moved", "still", "gone"))

    found = {each.what: each.text for each in series.look(series.read(saved(text), ASK))}

    assert "'still' never changes" in found["constant variable"]
    assert "'gone' 50.0%" in found["missing values"]
    assert "'moved' from 0.5 to 8.5" in found["shift in time"]
    assert "whose future reaches over the border are on neither side" in found["sides"]


def test_the_calendar_and_the_level_of_each_window_are_known(series, saved):
    examples = series.read(saved(hours(range(40))), ASK)

    facts = series.columns(examples)

    assert facts["hour"][:2].tolist() == [5, 6]
    assert facts["weekday"][0] == "Wednesday"
    assert facts["y, mean"][:2].tolist() == [2, 3]
    assert facts["y, spread"][0] == pytest.approx(np.arange(5).std())


# Whole series


def test_short_series_begin_with_nothing_and_the_end_of_long_ones_is_kept(series, tmp_path):
    for label, length in (("up", 4), ("down", 6)):
        for number in range(3):
            path = tmp_path / label / f"{number}.csv"
            path.parent.mkdir(exist_ok=True)
            path.write_text("t,y\n" + "".join(f"{step},{step}\n" for step in range(length)))

    examples = series.read(tmp_path, Ask())
    stored = series.encode(examples, series.describe(examples))

    assert examples.targets.tolist() == ["down"] * 3 + ["up"] * 3
    assert stored.shape == (6, 6, 1)
    assert np.isnan(stored[-1, :2]).all()
    assert stored[-1, 2:, 0].tolist() == [0, 1, 2, 3]


def test_series_with_a_column_of_labels_are_examples(series, saved):
    text = "series,t,force,label\n" + "".join(
        f"s{number},{step},{step * number},{'ab'[number % 2]}\n"
        for number in range(6)
        for step in range(4)
    )

    examples = series.read(saved(text), Ask(target="label"))

    assert examples.targets.tolist() == ["a", "b"] * 3
    assert list(examples.names) == [f"s{number}" for number in range(6)]
    assert series.encode(examples, series.describe(examples))[5, :, 0].tolist() == [0, 5, 10, 15]


def test_a_model_of_files_by_class_answers_for_files_and_frames(series, tmp_path):
    specimen = series.specimen(tmp_path / "bumps")
    schema = series.describe(series.read(specimen, Ask()))
    paths = [specimen / "late" / "4.csv", specimen / "early" / "3.csv"]

    one = series.read(paths[0], Ask(schema=schema))
    two = series.read(paths, Ask(schema=schema))
    frame = series.read({"noise": [0.0] * 9, "force": [1.0] * 9}, Ask(schema=schema))

    assert list(one.names) == [str(paths[0])]
    assert list(two.names) == [str(path) for path in paths]
    assert np.array_equal(series.encode(one, schema), series.encode(two, schema)[:1], True)
    assert series.encode(frame, schema)[0, -1].tolist() == [1, 0]
    assert (two.targets, frame.targets) == (None, None)


def test_one_file_without_names_is_read_in_the_order_of_training(series, tmp_path):
    specimen = series.specimen(tmp_path / "bumps")
    schema = series.describe(series.read(specimen, Ask()))
    path = specimen / "late" / "4.csv"
    bare = tmp_path / "bare.csv"
    bare.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    values = np.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]

    plain, unnamed, array = (
        series.encode(series.read(given, Ask(schema=schema)), schema)
        for given in (path, bare, values)
    )

    assert np.array_equal(unnamed, plain, True)
    np.testing.assert_allclose(array, plain)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("step,other\n1,2\n2,3\n", "the columns of the training data: force, noise"),
        ("", "is empty"),
    ],
)
def test_one_file_that_cannot_be_answered_is_told_what_it_lacks(series, tmp_path, content, told):
    schema = series.describe(series.read(series.specimen(tmp_path / "bumps"), Ask()))
    path = tmp_path / "one.csv"
    path.write_text(content)

    with pytest.raises(BadInputError, match=told):
        series.read(path, Ask(schema=schema))


def test_numbers_as_labels_stay_numbers(series, saved):
    text = "series,t,force,load\n" + "".join(
        f"s{number},{step},{step},{number / 2}\n" for number in range(6) for step in range(4)
    )

    examples = series.read(saved(text), Ask(target="load", task="regress"))

    assert examples.targets.tolist() == [0, 0.5, 1, 1.5, 2, 2.5]


def test_a_table_stays_a_table_unless_somebody_asks_what_comes_next(series, saved):
    from pellucid.data._opening import recognised

    path = saved(hours(range(40)))

    assert recognised(path).name == "table"
    assert recognised(path, task="classify").name == "table"


# Real data

ett = pytest.mark.skipif(not (SHARED / "ett_h1").exists(), reason="the data are not there")


@ett
def test_ett_is_read_as_windows_without_copying_them(series):
    examples = series.read(SHARED / "ett_h1" / "ETTh1.csv", Ask(task="forecast", ahead=96))
    schema = series.describe(examples)

    assert schema.variables == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    assert schema.shape == (336, 7)
    assert schema.season == 24
    assert len(examples) == 17_420 - 336 - 96 + 1
    assert examples.names[0] == "ETTh1.csv 2016-07-14 23:00"
    assert series.encode(examples, schema).strides == (28, 28, 4)
    assert len(np.unique(series.keys(examples))) == len(examples)


@pytest.mark.skipif(not (SHARED / "exchange_rate").exists(), reason="the data are not there")
def test_rates_without_times_are_numbered_and_do_not_repeat_themselves(series):
    path = SHARED / "exchange_rate" / "exchange_rate.txt.gz"

    examples = series.read(path, Ask(task="forecast", ahead=96))

    assert examples.targets.shape[2] == 8
    assert examples.raw.season == 1
    assert examples.names[-1] == "exchange_rate.txt.gz step 7491"
    assert "no column of times" in said(examples)
