"""Variables that tell of others, and columns known in advance: found without being named."""

from datetime import datetime, timedelta

import numpy as np
import pytest
import torch

import pellucid
from pellucid import Budget
from pellucid.data import Ask, Schema
from pellucid.data._series_leads import leads_of, strongest
from pellucid.data.series import Series
from pellucid.networks._horizon import Leads
from pellucid.registry import network


def written(columns, *, empty=0):
    """Write columns by name with an hour for each row; the first is empty in the last rows."""
    count = len(next(iter(columns.values())))
    rows = [",".join(["date", *columns])]
    for step in range(count):
        cells = [f"{values[step]:.6g}" for values in columns.values()]
        if step >= count - empty:
            cells[0] = ""
        rows.append(",".join([str(datetime(2020, 1, 1) + timedelta(hours=step)), *cells]))
    return "\n".join(rows) + "\n"


def lagged(count=900, lag=8, noise=0.2):
    """`flow` is chance; `load` is what `flow` was so many hours before; `other` is chance too."""
    random = np.random.default_rng(0)
    flow = np.convolve(random.normal(size=count + lag + 4), np.ones(3) / 3, "same")
    load = 50 + 10 * flow[4 : count + 4] + noise * random.normal(size=count)
    return {
        "load": load,
        "flow": flow[4 + lag : count + lag + 4],
        "other": random.normal(size=count).cumsum(),
    }


def promoted(count=900):
    """`sales` follow the day and jump where `promotion` is, which is known in advance."""
    random = np.random.default_rng(0)
    wave = np.sin(np.arange(count) * 2 * np.pi / 24)
    promotion = np.repeat(random.random(count // 6 + 1) < 0.3, 6)[:count].astype(float)
    sales = 20 + wave + 4 * promotion + 0.2 * random.normal(size=count)
    return {"sales": sales, "known: promotion": promotion}


def as_lines(columns):
    return [np.stack(list(columns.values()), axis=1).astype(np.float32)]


def test_a_variable_that_leads_another_is_found_and_chance_is_not():
    found = leads_of(as_lines(lagged()), 3, 32, 8)

    assert [(lead.channel, lead.variable) for lead in found] == [(1, 0)]
    assert found[0].left < 0.2
    assert strongest(found) == (1,)


@pytest.mark.parametrize("seed", range(3))
def test_walks_by_chance_lead_nothing(seed):
    walks = np.random.default_rng(seed).normal(size=(900, 6)).cumsum(axis=0)

    assert leads_of([walks.astype(np.float32)], 6, 48, 12) == []


def test_a_lead_is_found_in_series_of_any_size():
    one, other = lagged(500), lagged(500)
    lines = [*as_lines(one), 1000 * as_lines(other)[0]]

    assert strongest(leads_of(lines, 1, 32, 8)) == (1,)


@pytest.mark.parametrize("count", [1, 10, 60])
def test_too_short_a_series_leads_nothing(count):
    assert leads_of(as_lines(lagged(count)), 3, 32, 8) == []


@pytest.mark.parametrize("past", [8, 64, 300])
@pytest.mark.parametrize("ahead", [1, 100, 250, 400, 900])
def test_any_past_and_horizon_can_be_asked_for(past, ahead):
    assert isinstance(leads_of(as_lines(lagged(500)), 3, past, ahead), list)


def test_what_stands_still_or_is_missing_leads_nothing():
    columns = lagged()
    columns["load"][:] = 3.0
    columns["flow"][:] = np.nan

    assert leads_of(as_lines(columns), 3, 32, 8) == []


def test_reading_says_what_leads_and_the_schema_keeps_it(saved):
    series = Series()
    ask = Ask(task="forecast", target="load", ahead=8, past=32)

    examples = series.read(saved(written(lagged())), ask)
    schema = series.describe(examples)

    said = " ".join(note.text for note in examples.notes)
    assert "the past of 'flow' tells of 'load' what its own past does not" in said
    assert (schema.leads, schema.lagging) == ((1,), 2)
    assert Schema.from_json(schema.to_json()) == schema


def test_a_channel_that_leads_reaches_every_variable_and_step():
    schema = Schema(
        kind="series", shape=(6, 3), ahead=2, season=1, variables=("a", "b"), means=(0.0, 0.0),
        scales=(1.0, 1.0), lagging=1, leads=(2,),
    )  # fmt: skip
    module = Leads(schema)
    torch.nn.init.ones_(module.leave.weight)
    x = torch.zeros(1, 6, 3)
    x[0, 0, 2], x[0, 1, 2], x[0, 3, 0] = 6.0, 3.0, 9.0

    assert module(x).shape == (1, 2, 2)
    assert module(x).abs().max() < 1e-5  # all weights equal: the sum of what departs from the mean
    assert network["seasonal"](schema, 8, size=1)(x).shape == (1, 1, 8)


def test_a_column_that_neither_leads_nor_is_known_ahead_changes_nothing():
    schema = Schema(
        kind="series", shape=(12, 2), ahead=3, season=4, variables=("a",), means=(0.0,),
        scales=(1.0,), lagging=1,
    )  # fmt: skip
    torch.manual_seed(0)
    module = network["seasonal"](schema, 6, size=1).eval()
    x = torch.randn(2, 12, 2)
    other = x.clone()
    other[..., 1] = 7.0

    assert torch.equal(module(x), module(other))


def test_the_lag_that_decides_is_found_without_naming_a_network(saved, tmp_path):
    model = pellucid.fit(
        saved(written(lagged())),
        task="forecast",
        target="load",
        horizon=8,
        past=32,
        budget=Budget(steps=600),
    )

    summary = model.record["summary"]
    assert summary["scores"]["mse"]["value"] < 0.25 * summary["guess"]["mse"]


def test_what_is_known_in_advance_is_used_without_naming_a_network(saved):
    model = pellucid.fit(
        saved(written(promoted())),
        task="forecast",
        target="sales",
        horizon=12,
        budget=Budget(steps=600),
    )

    summary = model.record["summary"]
    assert summary["scores"]["mse"]["value"] < 0.2 * summary["guess"]["mse"]
