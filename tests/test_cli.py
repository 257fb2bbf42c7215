"""Each command reads its options, calls one public function, and ends with the right status."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid.cli import main
from pellucid.errors import BadInputError, InterruptedRunError
from pellucid.training.progress import Progress

SOURCE = Path(__file__).parents[1] / "src"
OUTSIDE = {**os.environ, "PYTHONPATH": str(SOURCE)}
SUMMARY = {
    "task": "classify",
    "target": "class",
    "kind": "image",
    "network": {"network": "resnet", "size": 2},
    "weights": 280_000,
    "n_train": 900,
    "n_valid": 100,
    "scores": {"accuracy": {"value": 0.934, "low": 0.929, "high": 0.939}},
    "guess": {"accuracy": 0.1},
    "seconds": 59.2,
    "budget": 60.0,
    "steps": 340,
    "passes": 8.5,
    "reason": "",
    "model": "flowers.pellucid",
}
CURVE = {
    "seconds": [1.0, 2.0],
    "step": [10, 20],
    "loss": [0.9, 0.4],
    "score_seconds": [2.0],
    "score": [0.934],
    "metric": "accuracy",
    "guess": 0.1,
    "budget": 60.0,
}


class Told:
    """An object that says one thing to people and another to machines."""

    def __init__(self, text, **known):
        self._text = text
        self._known = known

    def __str__(self):
        return self._text

    def to_json(self):
        return self._known

    def sheet(self):
        return b"\x89PNG sheet"


class FakeModel:
    """Stands in for a trained model, which takes seconds to make."""

    record = {"summary": SUMMARY, "curve": CURVE}  # noqa: RUF012
    trust = {}  # noqa: RUF012

    def evaluate(self, data):
        return Told("accuracy 0.9", n=3, data=data, ece=float("nan"))

    def predict_many(self, files, *, level, say=None):
        return [Told(f"{file}: rose", file=file, level=level) for file in files]


@pytest.fixture
def calls(monkeypatch):
    """Replaces what the commands call by fakes that note how they were called."""
    noted = {}

    def fit(data, **options):
        noted["fit"] = {"data": data, **options}
        options["watch"](Progress(stage="training", spent=1.0, budget=60.0))
        return FakeModel()

    def look(data, **options):
        noted["look"] = {"data": data, **options}
        return Told("900 pictures", n=900)

    def load(path):
        noted["load"] = path
        return FakeModel()

    monkeypatch.setitem(sys.modules, "pellucid.fitting", SimpleNamespace(fit=fit))
    monkeypatch.setitem(sys.modules, "pellucid.looking", SimpleNamespace(look=look))
    monkeypatch.setitem(sys.modules, "pellucid.model", SimpleNamespace(load=load))
    return noted


def status_of(*arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code or 0


def test_help_answers_in_half_a_second():
    command = [sys.executable, "-m", "pellucid.cli", "--help"]

    before = os.times()
    told = subprocess.run(command, env=OUTSIDE, capture_output=True, text=True, check=True).stdout
    after = os.times()

    # Of processor time: what else the machine does just now must not decide.
    own = after.children_user - before.children_user
    assert own + after.children_system - before.children_system < 0.5
    verbs = ("look", "fit", "evaluate", "predict", "explain", "generate", "report", "replay")
    for verb in (*verbs, "list", "show"):
        assert f"\n  {verb}" in told


def test_fit_passes_on_every_option(calls, capsys):
    status = status_of(
        *("fit", "people.csv", "--task", "classify", "--target", "income", "--group", "family"),
        *("--network", "mlp", "--valid", "more.csv", "--budget", "30 s", "--memory", "1 GiB"),
        *("--horizon", "24", "--past", "96", "--unpaired", "more.de", "--unpaired", "still.de"),
        *("--steps", "7", "--seed", "3", "--device", "cpu", "--out", "a.pellucid"),
        "--no-cases",
    )

    given = calls["fit"]
    assert status == 0
    assert time.time() - 3600 < given.pop("started") < time.time()
    assert callable(given.pop("watch"))
    assert given == {
        "data": "people.csv",
        "task": "classify",
        "target": "income",
        "group": "family",
        "network": "mlp",
        "valid": "more.csv",
        "horizon": 24,
        "past": 96,
        "unpaired": [Path("more.de"), Path("still.de")],
        "budget": "30 s",
        "memory": "1 GiB",
        "steps": 7,
        "seed": 3,
        "device": "cpu",
        "cases": False,
        "out": "a.pellucid",
    }


def test_what_is_not_asked_for_has_its_default(calls):
    status_of("fit", "flowers")

    given = calls["fit"]
    assert (given["budget"], given["seed"], given["device"]) == ("10 min", 0, "auto")
    assert given["cases"] is True
    names = ("task", "target", "network", "memory", "steps", "horizon", "past", "unpaired")
    assert {given[name] for name in names} == {None}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("people.csv", "people.pellucid"),
        ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte.pellucid"),
        ("photos.2024/", "photos.2024.pellucid"),
        (".", "here.pellucid"),
        ("nowhere", "nowhere.pellucid"),
    ],
)
def test_a_model_is_named_after_its_data_and_lies_in_the_current_folder(
    calls, tmp_path, monkeypatch, data, name
):
    (tmp_path / "here" / "photos.2024").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")

    status_of("fit", data)

    assert calls["fit"]["out"] == name


def test_fit_tells_a_person_the_score_its_interval_the_guess_and_the_next_command(calls, capsys):
    status_of("fit", "flowers", "--out", "my flowers.pellucid")

    said = capsys.readouterr()
    for part in ("900", "59 s of 60 s", "0.9340", "0.9290 to 0.9390", "0.1000", "resnet 2"):
        assert part in said.out
    assert "pellucid predict 'my flowers.pellucid' FILE" in said.out
    assert said.err == "[1 s of 60 s] training\n"


def test_fit_prints_its_summary_as_json_and_nothing_else_on_stdout(calls, capsys):
    status_of("fit", "flowers", "--json")

    assert json.loads(capsys.readouterr().out) == SUMMARY


def test_quiet_hides_the_progress(calls, capsys):
    status_of("fit", "flowers", "--quiet")

    assert capsys.readouterr().err == ""


def test_look_draws_its_sheet_and_answers_in_json(calls, capsys, tmp_path):
    sheet = tmp_path / "sheet.png"

    status_of(
        *("look", "flowers", "--target", "a", "--group", "b", "--task", "c", "--test", "more"),
        *("--json", "--out", str(sheet)),
    )

    given = {"data": "flowers", "target": "a", "group": "b", "task": "c", "test": "more"}
    assert calls["look"] == given
    assert json.loads(capsys.readouterr().out) == {"n": 900}
    assert sheet.read_bytes() == b"\x89PNG sheet"


def test_look_tells_a_person(calls, capsys):
    status_of("look", "flowers")

    assert capsys.readouterr().out == "900 pictures\n"


def test_a_number_that_is_none_is_null_in_json(calls, capsys):
    status_of("evaluate", "flowers.pellucid", "test/", "--json")

    assert calls["load"] == "flowers.pellucid"
    assert json.loads(capsys.readouterr().out) == {"n": 3, "data": "test/", "ece": None}


def test_evaluate_tells_a_person(calls, capsys):
    status_of("evaluate", "flowers.pellucid", "test/")

    assert capsys.readouterr().out == "accuracy 0.9\n"


def test_predict_prints_one_json_object_a_line_in_the_order_given(calls, capsys):
    status_of("predict", "m.pellucid", "b.jpg", "a.jpg", "--level", "0.8", "--json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"file": "b.jpg", "level": 0.8}, {"file": "a.jpg", "level": 0.8}]


def test_show_prints_the_record_and_draws_its_curve(calls, capsys, tmp_path):
    picture = tmp_path / "curve.png"

    status_of("show", "m.pellucid", "--json", "--out", str(picture))

    assert json.loads(capsys.readouterr().out) == FakeModel.record
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")


def test_show_tells_a_person_all_but_the_points_of_the_curve(calls, capsys):
    status_of("show", "m.pellucid")

    out = capsys.readouterr().out
    assert "  n train: 900\n" in out
    assert "score seconds" not in out


def test_a_picture_that_cannot_be_written_is_a_sentence(calls, capsys, tmp_path):
    status = status_of("show", "m.pellucid", "--out", str(tmp_path / "no" / "curve.png"))

    said = capsys.readouterr()
    assert status == 2
    assert "could not be written" in said.err
    assert "remedy:" in said.err


def test_bad_input_is_a_sentence_and_status_2(calls, monkeypatch, capsys):
    def fit(data, **options):
        raise BadInputError(given="no file 'x'", needed="a folder", remedy="check the name")

    monkeypatch.setitem(sys.modules, "pellucid.fitting", SimpleNamespace(fit=fit))

    status = status_of("fit", "x")

    assert status == 2
    assert capsys.readouterr().err == (
        "pellucid: no file 'x'\n  needed: a folder\n  remedy: check the name\n"
    )


@pytest.mark.parametrize("stop", [InterruptedRunError("saved at step 40"), KeyboardInterrupt()])
def test_an_interrupted_run_ends_with_130(calls, monkeypatch, capsys, stop):
    def fit(data, **options):
        raise stop

    monkeypatch.setitem(sys.modules, "pellucid.fitting", SimpleNamespace(fit=fit))

    status = status_of("fit", "x")

    assert status == 130
    assert capsys.readouterr().err.startswith("pellucid: ")


def test_a_bug_keeps_its_traceback(calls, monkeypatch):
    def fit(data, **options):
        raise ZeroDivisionError

    monkeypatch.setitem(sys.modules, "pellucid.fitting", SimpleNamespace(fit=fit))

    with pytest.raises(ZeroDivisionError):
        main(["fit", "x"])


@pytest.mark.parametrize(
    "wrong", [["fit"], ["fit", "x", "--spedd", "3"], ["list", "cats"], ["fly"]]
)
def test_a_command_line_that_makes_no_sense_ends_with_2(wrong, capsys):
    status = status_of(*wrong)

    said = capsys.readouterr()
    assert status == 2
    assert said.out == ""
    assert "Usage" in said.err


def test_a_reader_that_has_read_enough_is_no_bug():
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [sys.executable, "-m", "pellucid.cli", "--version"],
        env=OUTSIDE,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("what", ["kinds", "tasks", "networks"])
def test_list_names_every_member_with_what_it_is(what, capsys):
    from pellucid import registry

    status_of("list", what, "--json")

    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == list(getattr(registry, what.removesuffix("s")))
    assert all(entry["about"] for entry in entries)
