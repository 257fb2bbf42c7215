"""Why, for series: spans of time and variables, forecasts that are many numbers at once."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Ask
from pellucid.deciding import decide, replay
from pellucid.explaining._cases import Cases, choose
from pellucid.explaining._faithfulness import measure
from pellucid.explaining._suspects import suspects
from pellucid.model import Model
from pellucid.reporting import report

PAST, AHEAD, LAG = 32, 4, 6
TRUST = {
    "method": "integrated_gradients",
    "scores": {"integrated_gradients": {"value": 0.8, "low": 0.7, "high": 0.9, "seconds": 0.01}},
}


class Late(nn.Module):
    """Foretells the first variable as the last one was some steps before."""

    def __init__(self, channel, spread=-1.0):
        super().__init__()
        self.channel = channel
        self.scale = nn.Linear(AHEAD, AHEAD, bias=False)
        self.spread = spread
        nn.init.eye_(self.scale.weight)

    def forward(self, x):
        first = x.shape[1] - LAG
        mean = self.scale(x[:, first : first + AHEAD, self.channel])
        return torch.stack([mean, torch.full_like(mean, self.spread)], dim=-1).flatten(1)


class Bump(nn.Module):
    """Tells by how high the first channel rises in the middle."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(1, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[4.0], [-4.0]]))
            self.head.bias.zero_()

    def forward(self, x):
        return self.head(x[:, 8:16, :1].mean(dim=1))


def loads(steps=400, *, seed=0, broken=None):
    """Hours of a load that follows what the wind was six hours before, and of a noise."""
    random = np.random.default_rng(seed)
    wind, noise = random.normal(size=steps), random.normal(size=steps)
    load = 50 + 10 * np.concatenate([np.zeros(LAG), wind[:-LAG]])
    if broken is not None:
        load[broken] += 400
    hours = np.datetime64("2024-01-01T00", "s") + np.arange(steps) * np.timedelta64(3600, "s")
    return pa.table({"time": hours, "load": load, "noise": noise, "wind": wind})


@pytest.fixture(scope="module")
def model():
    """A forecast of the load by the wind."""
    kind = registry.kind["series"]()
    ask = Ask(task="forecast", target="load", ahead=AHEAD, past=PAST)
    examples = kind.read(loads(), ask)
    schema = kind.describe(examples)
    schema = type(schema).from_json({**schema.to_json(), "target": "load"})
    task = registry.task["forecast"](schema)
    channels = list(schema.details["channels"])
    network = Late(channels.index("wind")).eval()
    stored, y = kind.encode(examples, schema), task.encode(examples.targets)
    names = list(examples.names)
    cases = choose(stored[:150], y[:150], names[:150], stored[200:], y[200:], names[200:], seed=0)
    outputs = network(kind.tensor(torch.from_numpy(np.array(stored)), schema)).detach()
    return Model(
        network=network, task=task, kind=kind, built={"network": "late"}, cases=cases,
        calibration=task.calibrate(outputs, y), trust=TRUST,
    )  # fmt: skip


@pytest.fixture(scope="module")
def telling(tmp_path_factory):
    """Whole series told apart by how high they rise in the middle, and the folder of them."""
    folder = tmp_path_factory.mktemp("told apart")
    random = np.random.default_rng(0)
    for place in range(24):
        label = ("high", "low")[place % 2]
        (folder / label).mkdir(exist_ok=True)
        values = random.normal(size=(24, 2))
        values[8:16, 0] += 3 if label == "high" else -3
        lines = ["a,b", *(f"{one:.4f},{two:.4f}" for one, two in values)]
        (folder / label / f"{place:02}.csv").write_text("\n".join(lines))
    kind, task = registry.kind["series"](), registry.task["classify"]
    examples = kind.read(folder, Ask(task="classify"))
    schema = kind.describe(examples)
    described = schema.to_json() | task.describe(examples.targets) | {"target": "class"}
    task = task(type(schema).from_json(described))
    stored, y = kind.encode(examples, task.schema), task.encode(examples.targets)
    names = list(examples.names)
    cases = choose(stored, y, names, stored, y, names, seed=0)
    made = Model(
        network=Bump().eval(), task=task, kind=kind, built={"network": "bump"}, cases=cases,
        calibration={"temperature": 1.0}, trust=TRUST,
    )  # fmt: skip
    return made, folder


def those(why):
    """The names of the parts, from the largest share for or against to the smallest."""
    return [part.name for part in sorted(why.parts, key=lambda part: -abs(part.share))]


@pytest.mark.parametrize("method", [None, "shapley", "occlusion"])
def test_the_variable_and_the_time_that_decide_have_the_largest_shares(model, method):
    why = one(model.explain(loads(60, seed=3), method=method))

    ahead = [part for part in why.parts if part.share != pytest.approx(0.0, abs=1e-4)]
    assert ahead
    assert all(part.name.startswith("wind") for part in ahead)
    assert why.about == "load"


def test_a_forecast_is_explained_in_the_unit_of_its_variable(model):
    table = loads(60, seed=3)

    why = one(model.explain(table))

    (answer,) = [one(model.predict(table))]
    assert why.number == pytest.approx(answer.median["load"].mean(), rel=1e-5)
    assert why.unit == "units of load"


def test_what_covering_does_is_told_in_standard_deviations_of_the_variable(model):
    why = one(model.explain(loads(60, seed=3)))

    checks = why.faithfulness.checks
    assert checks["effect"] == pytest.approx(checks["range"] / model.schema.scales[0])


def test_a_forecast_has_no_next_likeliest_answer(model):
    assert one(model.explain(loads(60, seed=3))).contrast is None


def test_windows_that_bear_on_a_forecast_are_told_by_what_came_next(model):
    why = one(model.explain(loads(60, seed=3)))

    assert len(why.neighbours) > 0
    assert all(float(each.target) < 200 for each in why.neighbours)
    assert max(abs(each.influence) for each in why.neighbours) > 0


def test_cases_with_what_came_next_are_read_again(model):
    again = Cases.from_members(*model.cases.to_members(), model.schema, model.task)

    assert torch.equal(again.y, model.cases.y)
    assert again.y.shape[1:] == (model.schema.season + AHEAD, 1)


@pytest.mark.parametrize("wrong", ["infinite", "shorter", "whole numbers"])
def test_cases_whose_future_cannot_be_are_refused(model, wrong):
    y = model.cases.y.clone()
    if wrong == "infinite":
        y[0, 0, 0] = torch.inf
    y = {"infinite": y, "shorter": y[:, 1:], "whole numbers": y.long()}[wrong]
    cases = Cases(**{**vars_of(model.cases), "y": y.contiguous()})

    with pytest.raises(ValueError, match="cases"):
        Cases.from_members(*cases.to_members(), model.schema, model.task)


def test_a_future_with_a_gap_is_kept(model):
    y = model.cases.y.clone()
    y[0, -1, 0] = torch.nan
    cases = Cases(**{**vars_of(model.cases), "y": y})

    again = Cases.from_members(*cases.to_members(), model.schema, model.task)

    assert bool(again.y[0, -1, 0].isnan())


def test_over_many_windows_the_model_relies_on_one_variable(model):
    found = model.explain_all(loads(300, seed=5))

    assert found.items
    assert all(area.startswith("wind") for item in found.items for area in item.areas)
    assert all(item.there == 1.0 for item in found.items)
    covered = found.items[0].effect
    assert covered.covered.value > covered.score.value
    assert found.picture.startswith(b"\x89PNG")


def test_the_mistakes_of_a_forecast_are_the_windows_that_were_farthest_off(model):
    found = model.explain_all(loads(300, seed=5, broken=150), mistakes=True)

    assert found.about == "the mistakes"
    assert 0 < found.n <= 40


def test_windows_whose_future_is_far_out_are_listed(model):
    examples = model.kind.read(
        loads(300, seed=5, broken=150), Ask(schema=model.schema, judged=True)
    )
    y = model.task.encode(examples.targets)

    found = suspects(
        model.outputs(examples), y, model.task, model.calibration, list(examples.names)
    )

    seen = [float(y[each.place, model.schema.season :].max()) for each in found]
    assert 0 < len(found) <= AHEAD
    assert min(seen) > 300
    assert all(float(each.given) > float(each.likelier) for each in found)


def test_a_report_on_a_forecast_has_fans_and_errors_along_the_horizon(model):
    page = report(model, loads(300, seed=5), seconds=4.0)

    assert "What its answers look like" in page
    assert "By horizon" in page
    assert "answered wrongly" not in page
    assert page.count("data:image/png") >= 3


def test_a_decision_about_a_series_holds_when_it_is_repeated(model, tmp_path):
    from pyarrow import csv

    csv.write_csv(loads(80, seed=7), tmp_path / "loads.csv")

    (record,) = decide(model, tmp_path / "loads.csv")

    json.dumps(record)
    assert record["explanation"]["about"] == "load"
    assert replay(record, model).holds


def test_the_span_that_tells_series_apart_has_the_largest_share(telling):
    model, folder = telling

    why = one(model.explain(folder))

    assert why.answer.label == "high"
    assert those(why)[0].startswith("a, steps ")
    assert sum(part.share for part in why.parts if part.name.startswith("b")) == pytest.approx(0.0)
    assert why.contrast.like.endswith(".csv")


def test_over_many_series_the_span_that_decides_is_found(telling):
    model, folder = telling

    found = model.explain_all(folder)

    assert found.items
    assert all(area.startswith("a") for area in found.items[0].areas)


def test_a_report_on_series_that_are_told_apart_can_be_drawn(telling):
    model, folder = telling

    page = report(model, folder, seconds=3.0)

    assert "What it relies on" in page
    assert "What its answers look like" not in page


def test_noise_on_a_series_hardly_changes_a_straight_explanation(telling):
    model, folder = telling
    examples = model.kind.read(folder, Ask(schema=model.schema))
    case, _, _ = model.why.case(examples, 0)
    explainer = registry.explainer["integrated_gradients"]()

    found = measure(model.why.subject, case, explainer.shares(model.why.subject, case), explainer)

    assert found.checks["stability"] > 0.9


def one(found):
    return found[0] if isinstance(found, list) else found


def vars_of(cases):
    return {name: getattr(cases, name) for name in cases.__dataclass_fields__}
