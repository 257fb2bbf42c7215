"""From raw data to a model file, by steps so that every run repeats."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from torch import nn

import pellucid
from pellucid import registry
from pellucid.errors import BadInputError

KINDS = sorted(registry.kind)


def quick(data, **wishes):
    return pellucid.fit(data, **{"steps": 300, "network": "linear", **wishes})


def state(model):
    return model.network.state_dict()


def same(one, other):
    return all(torch.equal(value, state(other)[key]) for key, value in state(one).items())


def frame(count=300):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 3))
    return {
        "a": x[:, 0],
        "b": x[:, 1],
        "c": x[:, 2],
        "answer": np.where(x[:, 0] + x[:, 1] > 0, "yes", "no"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_specimen_of_every_kind_is_learned_better_than_guessed(kind, tmp_path):
    source = registry.kind[kind].specimen(tmp_path)
    model = pellucid.fit(source, steps=150)
    summary = model.record["summary"]
    metric = model.task.metric
    assert summary["scores"][metric]["low"] > summary["guess"][metric] + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_by_steps_repeats_to_the_last_bit(kind, tmp_path):
    source = registry.kind[kind].specimen(tmp_path)
    one, other = (pellucid.fit(source, steps=12, seed=3) for _ in range(2))
    assert same(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_model_answers_as_before(kind, tmp_path):
    source = registry.kind[kind].specimen(tmp_path)
    model = pellucid.fit(source, steps=12, out=tmp_path / "m.pellucid")
    again = pellucid.load(tmp_path / "m.pellucid")
    one, other = model.evaluate(source), again.evaluate(source)
    assert one.to_json() == other.to_json()
    assert not (tmp_path / "m.pellucid.run").exists()


def test_another_seed_gives_other_weights():
    assert not same(quick(frame(), target="answer"), quick(frame(), target="answer", seed=1))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, dict])
def test_tables_in_memory_are_learned_alike(make):
    model = quick(make(frame()), target="answer")
    assert model.schema.classes == ("no", "yes")
    assert model.record["summary"]["scores"]["accuracy"]["value"] > 0.8


def test_arrays_are_learned_as_tables_or_pictures_by_their_shape():
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 200)
    rows = random.normal(size=(200, 5)) + y[:, None]
    pictures = (random.random((200, 12, 12)) * 100 + 100 * y[:, None, None]).astype(np.uint8)
    assert quick((rows, y)).schema.kind == "table"
    assert quick((pictures, y)).schema.kind == "image"


def test_a_torch_dataset_is_learned():
    y = torch.arange(120) % 2
    pictures = torch.rand(120, 1, 10, 10) * 0.5 + 0.5 * y[:, None, None, None]
    data = torch.utils.data.TensorDataset(pictures, y)
    assert quick(data).record["summary"]["scores"]["accuracy"]["value"] > 0.9


def test_numbers_are_regressed_in_their_own_unit():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3))
    rows = {"a": x[:, 0], "b": x[:, 1], "price": 1000 + 100 * x[:, 0] + random.normal(size=400)}
    model = quick(rows, target="price", steps=300)
    answer = model.predict({"a": 1.0, "b": 0.0})
    assert model.task.name == "regress"
    assert answer.value == pytest.approx(1100, abs=15)
    assert answer.low < answer.value < answer.high


def test_a_module_of_the_users_own_is_trained_and_needed_again_to_load(tmp_path):
    own = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    quick(frame(), target="answer", network=own, out=tmp_path / "own.pellucid")
    fresh = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    again = pellucid.Model.load(tmp_path / "own.pellucid", network=fresh)
    assert again.evaluate(pd.DataFrame(frame())).scores["accuracy"].value > 0.7
    with pytest.raises(BadInputError, match="network"):
        pellucid.load(tmp_path / "own.pellucid")


def test_a_given_held_out_side_is_held_out_and_what_it_shares_is_left_out():
    rows = pd.DataFrame(frame())
    model = quick(rows, target="answer", valid=rows.iloc[:50])
    assert model.record["summary"]["n_valid"] == 50
    assert model.record["summary"]["n_train"] == 250
    assert model.record["data"]["faults"] == 50


def test_rows_of_a_group_stay_on_one_side():
    rows = pd.DataFrame(frame())
    rows["person"] = [f"p{place // 30}" for place in range(len(rows))]
    model = quick(rows, target="answer", group="person")
    held = model.record["summary"]["n_valid"]
    assert held % 30 == 0
    assert "person" not in str(model.schema.details.get("columns"))


@pytest.mark.parametrize(
    ("data", "wishes", "sentence"),
    [
        ("nowhere/at/all", {}, "nowhere"),
        (frame(), {"target": "anwser"}, "answer"),
        (frame(), {"target": "answer", "network": "resnet"}, "resnet"),
        (frame(), {"target": "answer", "network": "linaer"}, "linear"),
        (frame(), {"target": "answer", "task": "forecast"}, "classify"),
        (frame(), {"target": "answer", "device": "cuda:7"}, "cpu"),
        (frame(), {"target": "answer", "steps": 0}, "steps"),
        ({"a": [1.0, 2.0, 3.0], "answer": ["x", "x", "x"]}, {"target": "answer"}, "x"),
    ],
)
def test_bad_input_is_met_with_what_is_needed_and_a_remedy(data, wishes, sentence):
    with pytest.raises(BadInputError, match="remedy") as caught:
        quick(data, **wishes)
    assert "needed" in str(caught.value)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", ["empty", "one picture", "one class"])
def test_a_folder_from_which_nothing_can_be_learned_gets_a_sentence(content, tmp_path):
    picture = next((registry.kind["image"].specimen(tmp_path / "made")).rglob("*.png")).read_bytes()
    (tmp_path / "data").mkdir()
    for place in range({"empty": 0, "one picture": 1, "one class": 30}[content]):
        file = tmp_path / "data" / "cats" / f"{place}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(picture)
    with pytest.raises(BadInputError, match="remedy"):
        quick(tmp_path / "data")


def test_a_read_only_data_folder_is_no_hindrance(tmp_path):
    source = Path(registry.kind["image"].specimen(tmp_path / "data"))
    for folder in [source, *(path for path in source.rglob("*") if path.is_dir())]:
        folder.chmod(0o555)
    try:
        assert quick(source, out=tmp_path / "m.pellucid").record["summary"]["n_train"] > 100
    finally:
        for folder in [source, *(path for path in source.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)


PROGRAM = """
import sys, pellucid
pellucid.fit(sys.argv[1], steps=int(sys.argv[3]), seed=1, network="linear", out=sys.argv[2],
             watch=lambda p: print(p.stage, p.step, flush=True))
"""


def start(source, out, steps):
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(source), str(out), str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_terminated_run_goes_on_to_the_weights_of_one_that_was_not(tmp_path):
    source = registry.kind["table"].specimen(tmp_path)
    steps = 6000
    whole, stopped = tmp_path / "whole.pellucid", tmp_path / "stopped.pellucid"
    process = start(source, whole, steps)
    other = start(source, stopped, steps)
    for line in other.stdout:
        if line.startswith("training") and int(line.split()[1]) > 200:
            other.send_signal(signal.SIGTERM)
            break
    _, complaint = other.communicate(timeout=60)
    assert "the same command goes on" in complaint
    assert (tmp_path / "stopped.pellucid.run" / "checkpoint").exists()
    again = start(source, stopped, steps)
    told, _ = again.communicate(timeout=60)
    first = [line for line in told.splitlines() if line.startswith("training")]
    assert again.returncode == 0
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert int(next(line.split()[1] for line in first if line.split()[1] != "0")) > 200
    assert same(pellucid.load(whole), pellucid.load(stopped))


@pytest.mark.slow
def test_killed_twenty_times_at_random_a_run_ends_at_the_same_weights(tmp_path):
    source = registry.kind["image"].specimen(tmp_path)
    whole, killed, steps = tmp_path / "whole.pellucid", tmp_path / "killed.pellucid", 40_000
    reference = start(source, whole, steps)
    random = np.random.default_rng(0)
    kills = 0
    while kills < 20:
        process = start(source, killed, steps)
        lasting = random.uniform(1, 16)
        try:
            process.communicate(timeout=lasting)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            kills += 1
    if process.returncode != 0:
        process = start(source, killed, steps)
        process.communicate()
        assert process.returncode == 0
    reference.communicate()
    assert reference.returncode == 0
    assert kills > 0
    assert same(pellucid.load(whole), pellucid.load(killed))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [8, 15])
def test_a_budget_over_the_whole_command_is_kept_and_used(budget, kind, tmp_path):
    source = registry.kind[kind].specimen(tmp_path)
    command = [sys.executable, "-m", "pellucid.cli", "fit", str(source), "--budget", f"{budget} s"]
    begin = time.monotonic()
    told = subprocess.run(
        [*command, "--out", str(tmp_path / "m.pellucid"), "--json"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    took = time.monotonic() - begin
    assert took < budget
    assert took > 0.92 * budget or json.loads(told.stdout)["reason"]


def test_an_explainer_that_fails_costs_nothing_that_was_learned(monkeypatch, tmp_path):
    def fail(*given, **wishes):
        raise RuntimeError("no idea")

    monkeypatch.setattr("pellucid.judging._accounted", fail)
    model = quick(pd.DataFrame(frame()), target="answer", out=tmp_path / "m.pellucid")

    assert "explanations could not be measured: RuntimeError: no idea" in model.record["said"]
    assert same(model, pellucid.load(tmp_path / "m.pellucid"))
