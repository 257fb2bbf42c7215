"""The forms in which series come: files, frames and arrays, and the many ways to write a time."""

import gzip
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from pellucid.data import Ask
from pellucid.data._series_rhythm import DAY, HOUR, Rhythm, infer
from pellucid.data._series_steps import following
from pellucid.data._series_times import in_standard_time, read_times
from pellucid.data.series import Series

ASK = Ask(task="forecast", ahead=3, past=5)
START = datetime(2020, 1, 1)
HOURS = [START + timedelta(hours=place) for place in range(60)]


@pytest.fixture
def series():
    return Series()


def told(times, *, separator=","):
    rows = [f"{when}{separator}{place % 13}" for place, when in enumerate(times)]
    return "\n".join([f"date{separator}y", *rows]) + "\n"


def ticks(times):
    return np.array(times, "datetime64[ms]").astype(np.int64)


# Files


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (told(HOURS), "a.csv"),
        (told(HOURS, separator="\t"), "a.tsv"),
        (told(HOURS, separator=";"), "a.txt"),
        (gzip.compress(told(HOURS).encode()), "a.csv.gz"),
        (told(HOURS).encode("utf-16"), "a.csv"),
        (b"\xef\xbb\xbf" + told(HOURS).replace("\n", "\r\n").encode(), "a.csv"),
    ],
)
def test_the_same_rows_are_read_from_files_of_any_form(series, saved, content, name):
    examples = series.read(saved(content, name), ASK)

    assert len(examples) == 53
    assert examples.names[0] == f"{name} 2020-01-01 04:00"
    assert examples.targets[0, -3:, 0].tolist() == [5, 6, 7]


def test_parquet_is_read_with_its_own_times(series, tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"when": HOURS, "y": [float(place) for place in range(60)]})
    parquet.write_table(table, path)

    assert series.read(path, ASK).names[0] == "a.parquet 2020-01-01 04:00"


def test_each_file_of_a_folder_is_a_series(series, tmp_path):
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(told(HOURS))

    examples = series.read(tmp_path, ASK)

    assert len(examples) == 2 * 53
    assert examples.names[0] == "a.csv 2020-01-01 04:00"
    assert examples.names[53] == "b.csv 2020-01-01 04:00"


# Frames and arrays


@pytest.mark.parametrize(
    "source",
    [
        pd.DataFrame({"when": HOURS, "y": np.arange(60.0)}),
        pl.DataFrame({"when": HOURS, "y": np.arange(60.0)}),
        pa.table({"when": HOURS, "y": np.arange(60.0)}),
        {"when": [str(when) for when in HOURS], "y": list(range(60))},
        [{"when": str(when), "y": place} for place, when in enumerate(HOURS)],
    ],
    ids=["pandas", "polars", "arrow", "mapping", "records"],
)
def test_frames_of_all_makes_are_read(series, source):
    examples = series.read(source, ASK)

    assert examples.names[0] == "series 2020-01-01 04:00"
    assert examples.targets[0, -3:, 0].tolist() == [5, 6, 7]


def test_an_array_is_variables_over_numbered_steps(series):
    examples = series.read(np.arange(120.0).reshape(60, 2), ASK)
    schema = series.describe(examples)

    assert schema.variables == ("1", "2")
    assert examples.names[0] == "series step 4"
    assert following(examples.names[0], schema) == ["step 5", "step 6", "step 7"]
    assert series.read(np.arange(60.0), ASK).targets[0, -3:, 0].tolist() == [5, 6, 7]


def test_a_model_of_a_file_with_a_header_reads_an_array_in_the_same_order(series, saved):
    schema = series.describe(series.read(saved(told(HOURS)), ASK))

    asked = series.read(np.arange(10.0)[:, None], Ask(schema=schema))

    assert series.encode(asked, schema)[0, :, 0].tolist() == [5, 6, 7, 8, 9]


# Times


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2020-03-01 05:00", "2020-03-01 06:30:00"),
        ("2020-03-01T05:00:00.000", "2020-03-01T06:30:00.000"),
        ("2020-03-01T06:00:00+01:00", "2020-03-01T08:30:00+02:00"),
        ("2020-03-01T05:00:00Z", "2020-03-01T06:30:00Z"),
        ("2020/03/01 05:00", "2020/03/01 06:30"),
        ("01.03.2020 05:00", "01.03.2020 06:30"),
        ("03/01/2020 05:00 AM", "03/01/2020 06:30 AM"),
        ("202003010500", "202003010630"),
    ],
)
def test_a_moment_is_the_same_however_it_is_written(first, second):
    found = read_times(pa.array([first, second]), "date")

    assert found.astype(str).tolist() == ["2020-03-01T05:00:00.000", "2020-03-01T06:30:00.000"]


@pytest.mark.parametrize(
    ("cells", "days"),
    [
        (["2020-01", "2020-02", "2020-03"], ["2020-01-01", "2020-02-01", "2020-03-01"]),
        (["Jan 2020", "Feb 2020", "Mar 2020"], ["2020-01-01", "2020-02-01", "2020-03-01"]),
        (["2020Q1", "2020Q2", "2020Q4"], ["2020-01-01", "2020-04-01", "2020-10-01"]),
        (["2020-W01", "2020-W02"], ["2019-12-30", "2020-01-06"]),
        (["25.12.2020", "26.12.2020"], ["2020-12-25", "2020-12-26"]),
        (["12/25/2020", "12/26/2020"], ["2020-12-25", "2020-12-26"]),
        ([date(2020, 12, 25), date(2020, 12, 26)], ["2020-12-25", "2020-12-26"]),
        ([1990, 1991], ["1990-01-01", "1991-01-01"]),
        ([20201225, 20201226], ["2020-12-25", "2020-12-26"]),
        ([202011, 202012], ["2020-11-01", "2020-12-01"]),
        ([1577836800, 1577923200], ["2020-01-01", "2020-01-02"]),
        ([1577836800000, 1577923200000], ["2020-01-01", "2020-01-02"]),
    ],
)
def test_days_months_quarters_weeks_and_years_are_times(cells, days):
    found = read_times(pa.array(cells), "date")

    assert found.astype("datetime64[D]").astype(str).tolist() == days


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        ([1990, 1991], "price"),
        ([3.5, 4.5], "date"),
        (["high", "low"], "date"),
        (["a1", "b2"], "code"),
        ([None, None], "date"),
    ],
)
def test_what_is_no_time_is_not_taken_for_one(cells, name):
    assert read_times(pa.array(cells), name) is None


def test_summer_time_leaves_no_gap_and_no_hour_twice(series, saved):
    zone = ZoneInfo("Europe/Berlin")
    moments = [datetime(2021, 3, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(24 * 260)]
    local = [when.astimezone(zone) for when in moments]

    with_offset = series.read(saved(told(when.isoformat() for when in local)), ASK)
    as_on_the_wall = series.read(
        saved(told(when.replace(tzinfo=None) for when in local), "wall.csv"), ASK
    )

    for examples in (with_offset, as_on_the_wall):
        assert len(examples) == len(moments) - 7
        assert not {"gaps", "repeated times"} & {note.what for note in examples.notes}
    assert "was changed 2 times" in as_on_the_wall.notes[0].text
    assert with_offset.names[-1] == "data.csv 2021-11-15 20:00"


def test_a_clock_that_was_never_changed_stays_as_it_is():
    hourly = ticks(HOURS)
    with_a_gap = np.delete(hourly, 30)

    for times in (hourly, with_a_gap, hourly[::-1]):
        assert in_standard_time(times)[1] == 0


# Rhythm


@pytest.mark.parametrize(
    ("times", "unit", "words"),
    [
        (np.arange("2020-01-01", "2020-01-03", dtype="datetime64[h]"), "time", "hour"),
        (np.arange("2020-01-01T00", "2020-01-03T00", 15, "datetime64[m]"), "time", "15 minutes"),
        (np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]"), "time", "day"),
        (np.arange("2020-01-01", "2021-03-01", 7, "datetime64[D]"), "time", "week"),
        (np.arange("2020-01", "2024-01", dtype="datetime64[M]"), "months", "month"),
        (np.arange("2020-01", "2030-01", 3, "datetime64[M]"), "months", "3 months"),
        (np.arange("1980", "2020", dtype="datetime64[Y]"), "months", "year"),
        (np.arange("2020-02", "2024-02", dtype="datetime64[M]").astype("datetime64[D]") - 1,
         "months", "month"),
        (np.busday_offset("2020-01-01", np.arange(60), roll="forward"), "business days",
         "business day"),
    ],
)  # fmt: skip
def test_the_rhythm_is_inferred_and_gives_every_time_back(times, unit, words):
    when = times.astype("datetime64[ms]").astype(np.int64)

    rhythm, regular = infer([when])

    assert (rhythm.unit, rhythm.told, regular) == (unit, words, True)
    assert rhythm.places(when.astype(np.float64)).tolist() == list(range(len(when)))
    assert rhythm.ticks(np.arange(len(when))).tolist() == when.tolist()
    assert Rhythm.from_json(rhythm.to_json()) == rhythm


def test_some_missing_times_do_not_change_the_rhythm():
    when = np.delete(ticks(HOURS), [3, 4, 17, 40])

    assert infer([when])[0].every == HOUR


def test_times_that_jitter_are_put_on_an_even_grid():
    random = np.random.default_rng(0)
    when = ticks(HOURS) + random.integers(0, 900_000, 60)

    rhythm, regular = infer([when])

    assert (rhythm.told, regular) == ("hour", False)
    assert rhythm.origin % HOUR == 0


def test_business_days_skip_weekends_when_they_name_what_comes_next(series, saved):
    days = np.busday_offset("2020-01-01", np.arange(60), roll="forward")
    schema = series.describe(series.read(saved(told(days)), ASK))

    assert following("data.csv 2020-03-05", schema) == [
        "2020-03-06",
        "2020-03-09",
        "2020-03-10",
    ]


def test_lengths_of_time_are_said_as_a_person_would():
    assert Rhythm(unit="time", every=HOUR).span(12) == "12 hours"
    assert Rhythm(unit="time", every=HOUR).span(48) == "2 days"
    assert Rhythm(unit="time", every=DAY).span(1) == "1 day"
    assert Rhythm(unit="time", every=7 * DAY).span(3) == "3 weeks"
    assert Rhythm(unit="time", every=900_000).span(2) == "30 minutes"
    assert Rhythm(unit="months", every=1).span(12) == "12 months"
    assert Rhythm(unit="steps").span(5) == "5 steps"
