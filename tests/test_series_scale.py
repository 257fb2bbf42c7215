"""Series of very different size in one file: each in its own scale, known from its past alone."""

import json
import math
from datetime import datetime, timedelta

import numpy as np
import pytest
import torch
from torch import nn

import pellucid
from pellucid import Budget
from pellucid.data import Ask, Schema
from pellucid.data.series import Series
from pellucid.networks._own_scale import OwnScale
from pellucid.registry import network
from pellucid.tasks.forecast import Forecast

RATIO = 1000.0
ASK = Ask(task="forecast", ahead=4, past=24)


@pytest.fixture
def series():
    return Series()


def stores(count=300, *, changed=None):
    """Two stores with a daily wave and noise; the large one sells 1000 times as much."""
    random = np.random.default_rng(0)
    wave = np.sin(np.arange(count) * 2 * np.pi / 24)
    rows = ["date,store,sales"]
    for name, size in (("large", RATIO), ("small", 1.0)):
        values = size * (5 + wave + 0.1 * random.normal(size=count))
        if changed is not None:
            values[changed:] *= 50
        for step, value in enumerate(values):
            rows.append(f"{datetime(2020, 1, 1) + timedelta(hours=step)},{name},{value:.7g}")
    return "\n".join(rows) + "\n"


def x_of(series, examples, schema, places):
    stored = np.array(series.encode(series.take(examples, np.array(places)), schema))
    return series.tensor(torch.from_numpy(stored), schema)


def of_store(examples, name):
    return [place for place, each in enumerate(examples.names) if f" {name} " in f" {each} "]


def test_each_window_tells_the_level_and_the_size_of_its_series_up_to_its_end(series, saved):
    rows = [
        f"{step},{name},{size * step}\n"
        for name, size in (("a", 1), ("b", 100))
        for step in range(40)
    ]
    ask = Ask(task="forecast", ahead=2, past=8)
    examples = series.read(saved("t,series,y\n" + "".join(rows)), ask)
    schema = series.describe(examples)

    stored = series.encode(examples, schema)

    first, last = of_store(examples, "b")[0], of_store(examples, "a")[-1]
    assert stored.shape[1:] == (8 + 2, 1)
    assert stored[first, 8:, 0].tolist() == pytest.approx([350, 100 * np.arange(8).std()])
    assert stored[last, 8:, 0].tolist() == pytest.approx([18.5, np.arange(38).std()])
    assert examples.targets[first, 0, 0] == pytest.approx(100 * np.arange(8).std())


def test_what_comes_later_changes_no_window_before(series, saved, tmp_path):
    early = series.read(saved(stores()), ASK)
    (tmp_path / "later.csv").write_text(stores(changed=250))
    later = series.read(tmp_path / "later.csv", ASK)
    schema = series.describe(early)
    places = of_store(early, "small")[: 250 - 24 - 4]

    assert torch.equal(x_of(series, early, schema, places), x_of(series, later, schema, places))
    assert np.array_equal(early.targets[places], later.targets[places])


def test_one_series_is_scaled_as_ever(series, saved):
    rows = [row for row in stores().splitlines() if "large" not in row]
    text = "\n".join(row.replace(",small", "").replace(",store", "") for row in rows) + "\n"

    examples = series.read(saved(text), ASK)
    schema = series.describe(examples)

    assert not schema.own_scale
    assert schema.shape == (24, 1)
    assert examples.targets.shape[1] == schema.season + 4


def test_sides_of_one_series_in_three_files_are_one_series(series, tmp_path):
    rows = stores().splitlines()
    small = [row.replace(",small", "") for row in rows if "small" in row]
    for name, part in (("train", small[:200]), ("valid", small[150:])):
        (tmp_path / f"{name}.csv").write_text("\n".join(["date,sales", *part]) + "\n")

    examples = series.read(tmp_path, ASK)

    assert not series.describe(examples).own_scale


def test_a_network_sees_series_of_any_size_alike_and_answers_in_their_own(series, saved):
    examples = series.read(saved(stores()), ASK)
    schema = series.describe(examples)
    x = x_of(series, examples, schema, [0, len(examples) - 1])
    bigger = x.clone()
    bigger[..., :1] *= 10
    bigger[..., -2:-1] *= 10
    bigger[..., -1:] += math.log(10)
    seen = []
    module = Seen(seen)

    own = OwnScale(module, variables=1, horizon=4)(x)
    other = OwnScale(module, variables=1, horizon=4)(bigger)

    torch.testing.assert_close(seen[0][..., 0], seen[1][..., 0], rtol=1e-4, atol=1e-5)
    shaped, larger = (each.reshape(2, 4, 1, 2) for each in (own, other))
    torch.testing.assert_close(larger[..., 0], 10 * shaped[..., 0])
    torch.testing.assert_close(larger[..., 1], shaped[..., 1] + math.log(10))


class Seen(nn.Module):
    """Keeps what it is shown, and foretells one size above the level."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x):
        self.seen.append(x)
        return torch.ones(len(x), 8)


def test_errors_are_counted_in_the_size_of_the_series():
    schema = Schema(
        kind="series", shape=(4, 3), ahead=2, season=1, variables=("y",), means=(0.0,),
        scales=(2.0,), own_scale=True,
    )  # fmt: skip
    task = Forecast(schema)
    # Sizes 1 and 1000; both are off by one size at the first step and right at the second.
    y = torch.tensor([[[1.0], [5.0], [6.0], [7.0]], [[1000.0], [5000.0], [6000.0], [7000.0]]])
    means = torch.tensor([[[5.0], [7.0]], [[5000.0], [7000.0]]]) / 2.0
    logs = torch.log(torch.tensor([[[1.0], [1.0]], [[1000.0], [1000.0]]]) / 2.0)
    outputs = torch.stack([means, logs], dim=-1).flatten(1)

    losses = task.losses(outputs, y)

    assert losses.tolist() == pytest.approx([0.5 + 0.1 * 0.5] * 2, rel=1e-5)
    assert task.score(outputs, y) == pytest.approx(0.5)
    assert task.guess(y)["mse"] == pytest.approx((1 + 4) / 2)
    answers = task.answers(outputs, {}, level=0.9)
    assert answers[1].median["y"].tolist() == pytest.approx([5000, 7000])
    assert task.told(y) == ["6.5", "6500"]


@pytest.mark.parametrize("name", ["seasonal", "segments", "rnn"])
def test_every_network_answers_for_series_in_their_own_scale(series, saved, name):
    examples = series.read(saved(stores()), ASK)
    schema = series.describe(examples)
    torch.manual_seed(0)
    module = network[name](schema, 2 * 4, size=1).eval()

    given = module(x_of(series, examples, schema, [0, len(examples) - 1]))

    means = given.reshape(2, 4, 2)[..., 0] * schema.scales[0]
    assert 3000 < float(means[0].mean().detach()) < 7000
    assert 3 < float(means[1].mean().detach()) < 7


def test_pushed_row_by_row_or_at_once_the_scale_is_the_same(series, saved):
    examples = series.read(saved(stores()), ASK)
    schema = series.describe(examples)
    rows = [[value] for value in (5.0, 5.5, None, 4.8, 5000.0)]

    once = series.steps(rows, schema)
    before, found = None, []
    for place, row in enumerate(rows):
        step = series.steps(row, schema, before, place)
        before = np.where(np.isnan(step[0]), found[-1][0] if found else 0, step[0])
        found.append(step)

    np.testing.assert_allclose(np.concatenate(found), once, rtol=1e-4, equal_nan=True)


def test_windows_in_their_own_scale_survive_being_restored(series, saved):
    examples = series.read(saved(stores()), ASK)
    schema = series.describe(examples)
    stored = np.array(series.encode(examples, schema)[-3:])

    restored = series.restore(stored, schema)

    assert np.array_equal(series.encode(restored, schema), stored)
    parts = series.parts(restored, schema)
    assert all(shown.of.shape == schema.shape for shown in parts)
    assert (parts[0].of[:, 1:] == -1).all()
    assert len(series.tell(restored, 0, parts[0])) == len(parts[0])


def test_other_windows_that_stand_for_nothing_take_the_size_of_the_series(series, saved):
    examples = series.read(saved(stores()), ASK)
    schema = series.describe(examples)
    x = x_of(series, examples, schema, [of_store(examples, "small")[0]])
    others = x_of(series, examples, schema, of_store(examples, "large"))

    blank = series.blanks(x, schema, others)["others"]

    assert (blank[..., 1:] == x[..., 1:]).all()
    own = blank[..., 0] * schema.scales[0]
    assert 2 < float(own.min()) < float(own.max()) < 8


def test_two_series_one_a_thousand_times_the_other_are_both_foretold_well(saved, tmp_path):
    path = saved(stores(600))
    model = pellucid.fit(
        path, task="forecast", horizon=12, out=tmp_path / "m.pellucid", budget=Budget(steps=150)
    )
    again = type(model).load(tmp_path / "m.pellucid")
    answers = dict(zip(("large", "small"), again.predict(path), strict=True))
    hours = np.arange(600, 612)
    wave = 5 + np.sin(hours * 2 * np.pi / 24)

    for name, size in (("large", RATIO), ("small", 1.0)):
        off = answers[name].median["sales"] / size - wave
        assert np.sqrt(np.square(off).mean()) < 0.25, name
        width = (answers[name].high["sales"] - answers[name].low["sales"]) / size
        assert 0.1 < width.mean() < 1.5, name
    assert json.dumps(answers["small"].to_json())
    weakest = model.record["summary"]["scores"]["mse"]["value"]
    assert weakest < model.record["summary"]["guess"]["mse"]


def test_a_schema_written_before_there_were_own_scales_is_read():
    schema = Schema(kind="series", shape=(4, 1), ahead=2, season=1, variables=("y",),
                    means=(1.0,), scales=(2.0,))  # fmt: skip
    older = schema.to_json()
    for name in ("own_scale", "lagging", "leads"):
        del older[name]

    assert Schema.from_json(older) == schema


@pytest.mark.parametrize("name", ["seasonal", "rnn"])
def test_a_stream_of_a_model_of_several_series_answers_in_the_size_that_was_pushed(saved, name):
    path = saved(stores(300))
    model = pellucid.fit(path, task="forecast", horizon=4, past=24, steps=20, network=name)
    rows = [[1e6 * (5 + np.sin(hour * 2 * np.pi / 24))] for hour in range(96)]
    once, each = model.stream(), model.stream()

    at_once = once.push(rows).median["sales"]
    for row in rows:
        one_by_one = each.push(row).median["sales"]

    np.testing.assert_allclose(one_by_one, at_once, rtol=2e-3)
    assert (np.abs(at_once / 1e6 - 5) < 2).all()
