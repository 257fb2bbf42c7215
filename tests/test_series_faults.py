"""Series that are damaged, hostile or unlike the training data."""

from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

import pellucid
from pellucid.data import Ask, Fault
from pellucid.data.series import Series
from pellucid.errors import BadInputError
from pellucid.tasks._forecast_answer import Outlook

START = datetime(2020, 1, 1)
ASK = Ask(task="forecast", ahead=3, past=5)


@pytest.fixture
def series():
    return Series()


def row(place, value):
    return f"{START + timedelta(hours=place)},{value}\n"


def hours(values, head="date,y\n"):
    return head + "".join(row(place, value) for place, value in enumerate(values))


def said(examples):
    return " ".join(note.text for note in examples.notes)


# Repairs that are named


def test_rows_in_any_order_are_sorted_and_it_is_said(series, saved):
    order = np.random.default_rng(0).permutation(60).tolist()
    text = "date,y\n" + "".join(row(place, place) for place in order)

    examples = series.read(saved(text), ASK)

    assert examples.targets[0, -3:, 0].tolist() == [5, 6, 7]
    assert "out of order and were sorted by time" in said(examples)


def test_of_rows_that_repeat_a_time_the_last_is_kept_with_what_only_earlier_ones_know(
    series, saved
):
    text = hours(range(60), head="date,y,z\n").replace("\n", ",1\n").replace("y,z,1", "y,z")
    text += f"{START},100,\n{START},200,\n"

    examples = series.read(saved(text), ASK)

    stored = series.encode(examples, series.describe(examples))
    assert stored[0, 0].tolist() == [200, 1]
    assert "2 rows of data.csv repeat a time: the last one of each was kept" in said(examples)


def test_rows_without_a_time_are_left_out_and_counted(series, saved):
    text = hours(range(60)) + "soon,1\n,2\n"

    examples = series.read(saved(text), ASK)

    assert len(examples) == 53
    assert "2 rows of data.csv have no time that can be read" in said(examples)


def test_endless_numbers_count_as_missing(series, saved):
    values = [*range(30), "1e300", "inf", "-inf", *range(33, 60)]

    examples = series.read(saved(hours(values)), ASK)
    stored = series.encode(examples, series.describe(examples))

    assert stored.max() == 56
    assert "beyond 1e30 and count as missing" in said(examples)


def test_times_too_far_apart_for_any_grid_are_taken_as_equal_steps(series, saved):
    days = np.cumsum(np.r_[np.ones(30), 10_000, np.ones(29)]).astype(int)
    text = "date,y\n" + "".join(f"{(START + timedelta(days=int(d))).date()},{d}\n" for d in days)

    examples = series.read(saved(text), ASK)

    assert len(examples) == 53
    assert "too uneven for any grid" in said(examples)


def test_words_among_the_numbers_are_missing(series, saved):
    values = [*range(40), "broken", *range(41, 60)]

    examples = series.read(saved(hours(values)), ASK)

    assert np.isnan(examples.targets).sum() > 0
    assert len(examples) == 53


def test_a_series_that_is_too_short_is_named_and_the_others_are_used(series, saved):
    text = "shop,date,y\n" + "".join(f"a,{row(place, place)}" for place in range(60))
    text += "".join(f"b,{row(place, place)}" for place in range(4))
    text += "".join(f"c,{row(place, place)}" for place in range(60))

    examples = series.read(saved(text), ASK)

    assert [(fault.name, fault.reason) for fault in examples.faults] == [
        ("data.csv b", "has 4 steps, too few for 5 to look back at and 3 ahead")
    ]
    assert len(examples) == 2 * 53


def test_another_rhythm_than_that_of_training_is_said(series, saved):
    schema = series.describe(series.read(saved(hours(range(60))), ASK))
    days = "date,y\n" + "".join(f"{START + timedelta(days=n)},{n}\n" for n in range(10))

    asked = series.read(saved(days, "days.csv"), Ask(schema=schema))

    assert "has a row every day, the model was trained on one every hour" in said(asked)


def test_a_missing_column_of_a_trained_model_is_named_or_said(series, saved):
    text = hours(range(60), head="date,y,z\n").replace("\n", ",1\n").replace("y,z,1", "y,z")
    schema = series.describe(series.read(saved(text), Ask(task="forecast", target="y", ahead=3)))

    with_y = series.read(saved(hours(range(60)), "y.csv"), Ask(schema=schema))

    assert "column 'z' is not there" in said(with_y)
    x = series.tensor(torch.from_numpy(np.array(series.encode(with_y, schema))), schema)
    assert x.isfinite().all()
    with pytest.raises(BadInputError, match="column 'y' is not there"):
        series.read(saved(hours(range(60), head="date,x\n"), "x.csv"), Ask(schema=schema))


# What cannot be foretold is refused with a sentence


@pytest.mark.parametrize(
    ("content", "ask", "reason"),
    [
        ("", ASK, "is empty"),
        ("date,y\n", ASK, "no rows"),
        (bytes(range(256)) * 20, ASK, "is not text"),
        (hours([""] * 60), ASK, "every value of 'y' is missing"),
        (hours(["much"] * 60), ASK, "no column holds numbers"),
        (hours(range(6)), ASK, "has 6 steps, too few for 5 to look back at and 3 ahead"),
        (hours(range(60)), Ask(task="forecast", ahead=90), "has 60 steps, too few"),
        (hours(range(60)), Ask(task="forecast", ahead=40), "60 steps, of which"),
        (hours(range(60)), Ask(task="forecast", ahead=0), "--horizon 0"),
        (hours(range(60)), Ask(task="forecast", past=-1), "--past -1"),
        (hours(range(60)), Ask(task="forecast", target="z"), "no column is called 'z'"),
        (hours(range(60)), Ask(task="forecast", target="date"), "holds no numbers"),
    ],
)
def test_what_cannot_be_foretold_is_refused_with_the_reason(series, saved, content, ask, reason):
    with pytest.raises(BadInputError, match=reason):
        series.read(saved(content), ask)


def test_a_horizon_longer_than_the_past_is_no_fault(series, saved):
    examples = series.read(saved(hours(range(200))), Ask(task="forecast", ahead=40, past=5))

    assert examples.targets.shape[1] >= 40


def test_too_few_rows_for_a_prediction_are_refused_with_what_is_needed(series, saved):
    schema = series.describe(series.read(saved(hours(range(60))), ASK))

    with pytest.raises(BadInputError, match="at least 5 steps to look back at"):
        series.read(saved(hours(range(4)), "new.csv"), Ask(schema=schema))


def test_a_line_of_200_megabytes_is_refused(series, saved):
    path = saved("date,y\n2020-01-01," + "1" * 200_000_000)

    with pytest.raises(BadInputError, match="line longer than"):
        series.read(path, ASK)


def test_labels_that_differ_within_a_series_are_refused(series, saved):
    text = "series,t,y,label\n" + "".join(f"s,{n},{n},{'ab'[n % 2]}\n" for n in range(20))
    text += "".join(f"r,{n},{n},a\n" for n in range(20))

    with pytest.raises(BadInputError, match="series 's' has 'a' and 'b'"):
        series.read(saved(text), Ask(task="classify", target="label"))


def test_a_broken_file_among_classes_is_named_and_left_out(series, tmp_path):
    for label in ("up", "down"):
        (tmp_path / label).mkdir()
        for number in range(3):
            (tmp_path / label / f"{number}.csv").write_text("t,y\n0,1\n1,2\n2,3\n")
    (tmp_path / "up" / "1.csv").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "up" / "2.csv").write_text("t,z\n0,1\n")

    examples = series.read(tmp_path, Ask())

    assert {fault.name for fault in examples.faults} == {"up/1.csv", "up/2.csv"}
    assert examples.targets.tolist() == ["down"] * 3 + ["up"]


# A hundred damaged files


def damaged(content, random):
    """Give a copy that is cut short, has bits flipped, or whose rows are shuffled or repeated."""
    if random.random() < 0.4:
        lines = content.split(b"\n")
        body = [lines[1 + place] for place in random.integers(0, len(lines) - 1, len(lines))]
        return b"\n".join([lines[0], *body])
    copy = np.frombuffer(content, np.uint8)[: random.integers(1, len(content) + 1)].copy()
    places = random.integers(0, len(copy), random.integers(1, 9))
    copy[places] ^= (1 << random.integers(0, 8, len(places))).astype(np.uint8)
    return copy.tobytes()


def outcome(series, path):
    try:
        examples = series.read(path, Ask(task="forecast", ahead=3))
        schema = series.describe(examples)
        again = series.read(path, Ask(schema=schema))
        series.read(path, Ask(schema=schema, judged=True))
    except BadInputError as error:
        return str(error)
    for each in (examples, again):
        stored = torch.from_numpy(np.array(series.encode(each, schema)[:50]))
        if not series.tensor(stored, schema).isfinite().all():
            return "not finite"
    series.look(examples)
    series.columns(examples)
    return "read"


def test_a_hundred_damaged_series_are_read_or_refused_with_a_sentence(series, saved):
    random = np.random.default_rng(2)
    wide = hours(random.normal(size=90).round(2)).encode()
    long = ("shop,when,y,z\n" + "".join(
        f"{'ab'[n % 2]},{START + timedelta(hours=n // 2)},{n % 7},{n}\n" for n in range(180)
    )).encode()  # fmt: skip

    outcomes = [outcome(series, saved(damaged((wide, long)[n % 2], random))) for n in range(100)]

    assert [one for one in outcomes if one != "read" and "needed:" not in one] == []
    assert outcomes.count("read") > 50


@pytest.mark.slow
def test_what_a_user_would_type_survives_what_is_broken(saved, tmp_path):
    random = np.random.default_rng(0)
    values = np.sin(np.arange(300) / 4).round(3).tolist()
    values[50:55] = [""] * 5
    text = hours(values) + row(20, 1) + "never,3\n"

    model = pellucid.fit(
        saved(text), task="forecast", horizon=4, past=24, network="seasonal", steps=5
    )
    answer = model.predict(saved(hours(random.normal(size=40)), "new.csv"))

    assert answer.to_json()


# What a reader of an answer must know


def test_a_column_that_goes_on_may_be_known_in_advance_and_it_is_said(series, saved):
    rows = [f"{START + timedelta(hours=at)},{'' if at >= 54 else at},{at % 5}" for at in range(60)]
    path = saved("\n".join(["date,sales,price", *rows]) + "\n")

    plain = series.read(path, ASK)
    named = series.read(path, Ask(task="forecast", target="sales", ahead=3, past=5))

    assert "'price' goes on where 'sales' has ended" in said(plain)
    assert "`--target sales`" in said(plain)
    assert "has ended" not in said(named)


def test_a_short_past_is_told_in_the_singular(series, saved):
    with pytest.raises(BadInputError, match="at least 1 step to look back at and 30 to be judged"):
        series.read(saved(hours(range(20))), Ask(task="forecast", ahead=30))


def test_held_out_is_said_to_be_what_comes_last(saved):
    told = []

    pellucid.fit(
        saved(hours(np.sin(np.arange(80)))),
        task="forecast",
        horizon=3,
        past=5,
        steps=2,
        watch=lambda progress: told.append(progress.said),
    )

    assert any(each and "what comes last in time" in each for each in told)


def test_predicting_tells_of_a_column_that_is_not_there(saved):
    waves = [f"{np.sin(at):.3f},{np.cos(at):.3f}" for at in range(80)]
    path = saved(hours(waves, head="date,y,z\n"))
    model = pellucid.fit(path, task="forecast", target="y", horizon=3, past=5, steps=2)
    lacking = saved(hours([each.partition(",")[0] for each in waves]), "lacking.csv")
    told = []

    answers = list(model.predict_many(lacking, say=told.append))

    assert len(answers) == 1
    assert told == ["the column 'z' is not there: its mean is taken to be there"]


def test_series_that_begin_at_different_times_are_foretold_each_in_its_own_size(saved):
    rows = [
        f"s{shop},{START + timedelta(hours=at)},{10**shop * (5 + np.sin(at / 2)):.5g}"
        for shop in range(4)
        for at in range(shop * 20, 120)
    ]
    path = saved("\n".join(["shop,date,sales", *rows, f"late,{START},7"]) + "\n")
    model = pellucid.fit(path, task="forecast", horizon=4, past=12, steps=60)

    found = dict(model.predict_many(path))

    means = [
        float(np.mean(found[name].median["sales"]))
        for name in sorted(found)
        if isinstance(found[name], Outlook)
    ]
    assert [round(np.log10(mean / 5)) for mean in means] == [0, 1, 2, 3]
    assert sum(isinstance(each, Fault) for each in found.values()) == 1


def test_a_series_that_never_changes_is_said_to_have_nothing_to_learn(series, saved):
    examples = series.read(saved(hours([5] * 60)), ASK)

    assert "never changes: there is nothing to learn about it" in said(examples)
    assert "constant variable" not in [each.what for each in series.look(examples)]
