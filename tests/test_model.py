"""What a trained model does: answer, be scored, be saved, show itself."""

import json
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy import Bent, Toy, known_to, toy_model

import pellucid
from pellucid import registry
from pellucid._inference import batch_size
from pellucid.data import Ask, Fault, Schema
from pellucid.errors import BadInputError, ModelFileError, SavingError
from pellucid.model import Model
from pellucid.networks import recipe_of
from pellucid.tasks.classify import Classify
from pellucid.tasks.forecast import Forecast
from pellucid.tasks.regress import Regress

FORMS = {
    "audio": {"shape": (4000,), "rate": 8000.0},
    "image": {"shape": (1, 28, 28)},
    "table": {"shape": (5,)},
    "text": {"shape": (12,), "cardinalities": (40,)},
    "series": {"shape": (24, 3)},
    "video": {"shape": (3, 8, 16, 16)},
}
COMING = {"ahead": 4, "season": 6, "variables": ("a",), "means": (0.5,), "scales": (2.0,)}


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    known_to(monkeypatch)


@pytest.fixture
def model():
    return toy_model()


@pytest.fixture
def folder(tmp_path):
    """Twelve files, the fourth of them broken, with the class behind the numbers."""
    raw = np.random.default_rng(0).normal(size=(12, 4))
    for place, row in enumerate(raw):
        words = ["rose", "tulip", "aster"][place % 3]
        text = "1 2" if place == 3 else " ".join([*map(str, row), words])
        (tmp_path / f"{place}.toy").write_text(text)
    return tmp_path


def outputs_of(model, x):
    with torch.inference_mode():
        return model.network(x)


# Answers


def test_one_file_has_one_answer(model, folder):
    answer = model.predict(folder / "0.toy")

    assert answer.label in model.schema.classes
    assert answer.probability == max(answer.probabilities.values())


def test_a_list_has_a_list_of_answers_in_its_order_with_faults_in_their_place(model, folder):
    paths = [str(folder / f"{place}.toy") for place in (5, 3, 0)]

    answers = model.predict(paths)

    assert answers[0] == model.predict(paths[0])
    assert answers[1] == Fault(name=paths[1], reason="holds 2 of 4 numbers")
    assert answers[2] == model.predict(paths[2])


def test_a_folder_is_answered_in_the_order_of_its_names(model, folder):
    found = list(model.predict_many(folder))

    assert sorted(each.name for each in found) == sorted(map(str, folder.glob("*.toy")))
    assert json.loads(json.dumps(found[0].to_json()))["name"] == found[0].name
    broken = [each for each in found if isinstance(each.answer, Fault)]
    assert [each.to_json()["fault"] for each in broken] == ["holds 2 of 4 numbers"]
    assert "left out, holds 2 of 4 numbers" in str(broken[0])


def test_the_only_file_being_broken_is_said_in_a_sentence(model, folder):
    with pytest.raises(BadInputError):
        model.predict(folder / "3.toy")


def test_the_level_widens_the_set(model, folder):
    path = folder / "0.toy"

    assert set(model.predict(path, level=0.5).set) <= set(model.predict(path, level=0.99).set)


@pytest.mark.parametrize("views", [True, False])
def test_outputs_are_those_of_the_network_averaged_over_views(folder, views):
    model = toy_model(views=views)
    examples = model.kind.read(folder, Ask(schema=model.schema))
    x = torch.tensor(examples.raw)

    expected = (outputs_of(model, x) + outputs_of(model, -x)) / 2 if views else outputs_of(model, x)

    torch.testing.assert_close(model.outputs(examples), expected)


def test_outputs_do_not_depend_on_how_many_are_asked_at_once(model):
    many = batch_size(model.schema) + 7
    raw = np.random.default_rng(0).normal(size=(many, 4)).astype(np.float32)
    names = [str(place) for place in range(many)]
    examples = Toy().read_array(raw, names)

    together = model.outputs(examples)

    apart = model.outputs(model.kind.take(examples, np.array([0, many - 1])))
    torch.testing.assert_close(together[[0, -1]], apart)


def test_a_network_is_left_in_the_mode_it_was_in(model, folder):
    model.network.train()
    model.network.layers[1].eval()

    model.predict(folder / "0.toy")

    assert model.network.training
    assert not model.network.layers[1].training


def test_a_network_that_gives_no_row_an_example_is_refused(folder):
    with pytest.raises(BadInputError, match="one row of outputs for each example"):
        toy_model(network=nn.Flatten(0)).predict(folder)


# Scores


def test_an_evaluation_counts_what_it_scored_and_what_it_left_out(model, folder):
    result = model.evaluate(folder)

    assert result.n == 11
    told = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert list(told)[:3] == ["n", "scores", "guess"]
    assert told["scores"]["accuracy"].keys() == {"value", "low", "high"}
    assert told["scores"].keys() == told["guess"].keys()
    assert told["left_out"][0]["reason"] == "holds 2 of 4 numbers"
    assert 0 <= told["calibration"]["ece"] <= 1
    assert np.sum(told["confusion"]) == 11


def test_an_evaluation_shows_itself(model, folder):
    result = model.evaluate(folder)

    assert "balanced accuracy" in str(result)
    assert "95 % interval" in str(result)
    assert "left out: 1, such as" in str(result)
    assert "<table>" in result._repr_html_()


def test_examples_without_a_target_are_left_out_and_named(model, folder):
    (folder / "0.toy").write_text("1 2 3 4")

    result = model.evaluate(folder)

    assert result.n == 10
    assert {fault.reason for fault in result.faults} == {
        "it has no target",
        "holds 2 of 4 numbers",
    }


def test_data_without_targets_cannot_be_scored(model, tmp_path):
    (tmp_path / "a.toy").write_text("1 2 3 4")

    with pytest.raises(BadInputError, match="none of 1 examples says what is right"):
        model.evaluate(tmp_path)


def test_where_folders_name_a_test_side_it_alone_is_scored(model, folder):
    (folder / "test").mkdir()
    for place in (0, 1):
        (folder / f"{place}.toy").rename(folder / "test" / f"{place}.toy")

    result = model.evaluate(folder)

    assert result.n == 2
    assert "the test side alone: 2 of 11 examples" in str(result)


# Files


def test_a_model_comes_back_as_it_was_saved(model, tmp_path):
    model.views = True
    model.save(tmp_path / "a.pellucid")

    loaded = pellucid.load(tmp_path / "a.pellucid")

    x = torch.randn(5, 4)
    assert torch.equal(outputs_of(loaded, x), outputs_of(model, x))
    assert loaded.schema == model.schema
    same = ("built", "calibration", "record", "numerics", "views")
    assert {name: getattr(loaded, name) for name in same} == {
        name: getattr(model, name) for name in same
    }


def test_equal_models_are_equal_files(model, tmp_path):
    model.save(tmp_path / "a")
    Model.load(tmp_path / "a").save(tmp_path / "b")

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_loading_takes_no_random_number(model, tmp_path):
    model.save(tmp_path / "a")
    torch.manual_seed(1)
    expected = torch.rand(1)

    torch.manual_seed(1)
    Model.load(tmp_path / "a")

    assert torch.equal(torch.rand(1), expected)


TOLD_APART = [name for name in registry.network if registry.network.takes(name)[0] in FORMS]


@pytest.mark.parametrize("name", TOLD_APART)
@pytest.mark.parametrize("question", [Classify, Regress])
def test_every_network_there_is_can_be_saved_and_loaded(name, question, tmp_path):
    kind = registry.network.takes(name)[0]
    form = FORMS.get(kind, {"shape": (4,)})
    schema = Schema(kind=kind, classes=("a", "b"), shares=(0.5, 0.5), **form)
    if recipe_of(registry.network[name], schema).ahead:
        question, schema = Forecast, Schema(kind=kind, **form, **COMING)
    task = question(schema)
    network = registry.network[name](schema, task.outputs, size=1).eval()
    model = toy_model(
        network=network, task=task, built={"network": name, "size": 1}, calibration={}
    )
    x = torch.rand(2, *form["shape"])

    model.save(tmp_path / "a")

    assert torch.equal(outputs_of(Model.load(tmp_path / "a"), x), outputs_of(model, x))


def test_what_json_cannot_say_does_not_cost_a_finished_run(tmp_path):
    record = {
        "loss": [float("nan"), np.float32(0.5)],
        "path": Path("a/b"),
        3: np.arange(2),
        "most": float("inf"),
    }

    toy_model(record=record).save(tmp_path / "a")

    expected = {"loss": [None, 0.5], "path": str(Path("a/b")), "3": [0, 1], "most": None}
    assert Model.load(tmp_path / "a").record == expected


def test_a_network_of_ones_own_is_given_again_when_loading(tmp_path):
    own = Bent(3, 5)
    toy_model(network=own, built={"module": "mine:Bent"}).save(tmp_path / "a")

    with pytest.raises(BadInputError, match=r"network of your own, 'mine:Bent'(?s:.*)Bent\(...\)"):
        Model.load(tmp_path / "a")
    with pytest.raises(ModelFileError, match="layers"):
        Model.load(tmp_path / "a", network=Bent(3, 6))
    loaded = Model.load(tmp_path / "a", network=Bent(3, 5))

    assert torch.equal(loaded.network.layers[0].weight, own.layers[0].weight)


def test_weights_that_share_memory_are_saved(tmp_path):
    own = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    own[1].weight = own[0].weight

    toy_model(network=own, built={"module": "mine:Own"}).save(tmp_path / "a")

    assert (tmp_path / "a").stat().st_size > 0


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path):
    with pytest.raises(ModelFileError, match=r"cannot be read: No such file(?s:.*)remedy"):
        Model.load(tmp_path / "none.pellucid")


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits on file size")
def test_a_disk_that_takes_no_more_leaves_the_old_file(model, tmp_path):
    path = tmp_path / "a.pellucid"
    model.save(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(SavingError, match=r"could not be written: .*(?s:.*)make room"):
            model.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_file_system_leaves_the_old_file(model, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(["mount", *options], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if mounted.returncode:
        pytest.skip("mounting a small file system needs rights that this process has not")
    try:
        model.save(disk / "a.pellucid")
        before = (disk / "a.pellucid").read_bytes()
        model.record["long"] = "x" * 100_000

        with pytest.raises(SavingError, match="No space left on device"):
            model.save(disk / "a.pellucid")

        assert (disk / "a.pellucid").read_bytes() == before
        assert list(disk.iterdir()) == [disk / "a.pellucid"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_folder_that_is_not_there_is_said_in_a_sentence(model, tmp_path):
    with pytest.raises(SavingError, match="No such file or directory"):
        model.save(tmp_path / "none" / "a.pellucid")


# Showing


def test_a_model_shows_what_it_is(model):
    model.record["summary"] = {
        "scores": {"accuracy": {"value": 0.9, "low": 0.85, "high": 0.93}},
        "guess": {"accuracy": 0.5},
    }

    assert "3: rose, tulip, aster" in str(model)
    assert "toy 1, 83 weights" in str(model)
    assert "0.8500 to 0.9300" in str(model)
    assert "<td>0.9000</td>" in model._repr_html_()
    assert repr(model).startswith("<Model task: classify")


def test_names_are_escaped_in_a_notebook():
    classes = ("<script>", "b")
    task = Classify(Schema(kind="toy", shape=(4,), classes=classes))

    assert "<script>" not in toy_model(task=task)._repr_html_()
