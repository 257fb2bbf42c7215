"""The commands that say why: explain, report, predict --why, replay."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pictures import put
from reasoned import explained, learned, png

import pellucid
from pellucid import registry
from pellucid._evaluation import Explained
from pellucid.cli import main
from pellucid.data import Fault

SUMMARY = {
    "scores": {"accuracy": {"value": 0.934, "low": 0.929, "high": 0.939}, "ece": {"value": 0.1}},
    "guess": {"accuracy": 0.1},
}
BROKEN = Explained("broken.jpg", Fault(name="broken.jpg", reason="cut short"))


class FakeModel:
    """Stands in for a model whose explanations take seconds."""

    def __init__(self):
        self.record = {"summary": SUMMARY}
        self.asked = {}
        self.found = [Explained("rose.jpg", explained())]

    def explain_many(self, files, **options):
        self.asked = {"files": files, **options}
        return iter(self.found)

    def report(self, path, data, *, command):
        self.asked = {"path": path, "data": data, "command": command}


@pytest.fixture
def fake(monkeypatch):
    model = FakeModel()
    monkeypatch.setitem(sys.modules, "pellucid.model", SimpleNamespace(load=lambda path: model))
    return model


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The path of a small model, and a table of three rows for it."""
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        path, data = learned(folder, patch)
        few = folder / "few.csv"
        few.write_text("\n".join(data.read_text().splitlines()[:4]) + "\n")
        yield SimpleNamespace(path=str(path), few=str(few))


def status_of(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(each) for each in arguments])
    return end.value.code or 0


# Explaining


def test_explain_tells_a_person(fake, capsys):
    assert status_of("explain", "m", "rose.jpg") == 0

    assert capsys.readouterr().out == f"{explained()}\n\n"
    assert fake.asked == {"files": ["rose.jpg"], "answer": None, "method": None}


def test_explain_passes_on_every_option_and_prints_one_json_object_a_line(fake, capsys):
    fake.found.append(BROKEN)

    status_of("explain", "m", "a", "b", "--answer", "tulip", "--method", "shapley", "--json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert fake.asked == {"files": ["a", "b"], "answer": "tulip", "method": "shapley"}
    assert lines[0] == json.loads(json.dumps(explained().to_json()))
    assert lines[0]["parts"][0] == {"name": "part 0", "share": 2.0, "where": [0, 2, 3, 4]}
    assert lines[1] == {"name": "broken.jpg", "fault": "cut short"}


@pytest.mark.parametrize("end", ["html", "png", "json"])
def test_the_end_of_the_name_says_what_is_saved(fake, capsys, tmp_path, end):
    out = tmp_path / f"why.{end}"

    status_of("explain", "m", "rose.jpg", "--out", out)

    assert out.stat().st_size > 0
    assert capsys.readouterr().err == f"Saved {out}\n"


def test_several_explanations_go_into_a_folder_a_page_each(fake, capsys, tmp_path):
    fake.found += [BROKEN, Explained("b/tu lip?.jpg", explained(name="b/tu lip?.jpg"))]

    status_of("explain", "m", "a", "--out", tmp_path / "new")

    pages = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert pages == ["0001-rose.jpg.html", "0003-tu-lip-.jpg.html"]
    assert (tmp_path / "new" / pages[0]).read_text(encoding="utf-8") == explained().page()


def test_one_file_for_several_explanations_is_refused_with_the_folder_to_name(
    fake, capsys, tmp_path
):
    fake.found *= 2
    out = tmp_path / "why.html"

    assert status_of("explain", "m", "a", "--out", out) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert f"`--out {tmp_path / 'why'}`" in said.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "told"), [("why.jpg", "ends in"), ("no/a/why.html", "be written")]
)
def test_a_place_that_will_not_do_is_a_sentence(fake, capsys, tmp_path, name, told):
    (tmp_path / "no").write_text("a file where a folder should be")

    assert status_of("explain", "m", "a", "--out", tmp_path / name) == 2

    assert told in capsys.readouterr().err


def test_a_small_model_explains_each_row_of_a_table(known, capsys):
    assert status_of("explain", known.path, known.few, "--json") == 0

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["few.csv row 1", "few.csv row 2", "few.csv row 3"]
    first = lines[0]
    assert first["answer"]["label"] == first["about"]
    assert type(first["reliable"]) is bool
    assert first["faithfulness"]["low"] <= first["faithfulness"]["value"]
    shares = [part["share"] for part in first["parts"]]
    assert shares == sorted(shares, reverse=True)
    assert {part["where"] for part in first["parts"]} == {"age", "hours", "work", "since"}
    assert first["neighbours"][0]["name"].startswith("people.csv row ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--answer", "rose"], "there is no class 'rose'\n  needed: one of no, yes"),
        (["--method", "alne"], "no explainer is called 'alne'"),
    ],
)
def test_what_is_not_there_is_named(known, capsys, options, told):
    assert status_of("explain", known.path, known.few, *options) == 2

    assert told in capsys.readouterr().err


def test_a_picture_given_to_a_model_of_tables_is_a_sentence(known, capsys, tmp_path):
    picture = put(tmp_path / "rose.png")

    assert status_of("explain", known.path, picture) == 2

    said = capsys.readouterr().err
    assert "rose.png" in said
    assert "remedy:" in said


def test_a_model_without_stored_cases_explains_all_the_same_and_says_so(known, capsys, tmp_path):
    model = pellucid.load(known.path)
    model.cases = None
    model.save(tmp_path / "bare.pellucid")

    assert status_of("explain", tmp_path / "bare.pellucid", known.few, "--json") == 0

    line = json.loads(capsys.readouterr().out.splitlines()[0])
    assert len(line["parts"]) == 4
    assert line["neighbours"] == []
    assert "no training cases are stored" in line["notes"][0]


# Decisions


def test_predict_why_tells_a_person(known, capsys):
    assert status_of("predict", known.path, known.few, "--why", "--level", "0.999") == 0

    said = capsys.readouterr().out
    assert said.startswith("few.csv row 1: ")
    assert said.count("eliable: ") == 3
    assert "To be left to a person: 2 classes cannot be told apart" in said


def test_decisions_on_record_hold_when_they_are_repeated(known, capsys, tmp_path):
    status_of("predict", known.path, known.few, "--why", "--json")
    lines = capsys.readouterr().out
    (tmp_path / "records.json").write_text(lines)

    assert status_of("replay", tmp_path / "records.json") == 0
    assert capsys.readouterr().out.count(": still holds\n") == 3
    assert status_of("replay", tmp_path / "records.json", "--json") == 0
    results = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert results[0] == {
        "name": "few.csv row 1",
        "holds": True,
        "differences": [],
        "notes": [],
    }


def test_a_decision_that_no_longer_holds_ends_with_2_and_says_what_differs(known, capsys, tmp_path):
    status_of("predict", known.path, known.few, "--why", "--json")
    good, bad = capsys.readouterr().out.splitlines()[:2]
    bad = {**json.loads(bad), "model": {**json.loads(bad)["model"], "weights": "0" * 64}}
    (tmp_path / "records.json").write_text(f"{json.dumps(bad)}\n{good}\n")

    assert status_of("replay", tmp_path / "records.json", "--json") == 2

    said = capsys.readouterr()
    first, second = [json.loads(line) for line in said.out.splitlines()]
    assert first["holds"] is False
    assert first["differences"] == ["this is another model: its weights are not those of then"]
    assert second["holds"] is True
    assert said.err == ""


def test_model_and_data_can_be_named_when_they_were_moved(known, capsys, tmp_path):
    status_of("predict", known.path, known.few, "--why", "--json")
    record = json.loads(capsys.readouterr().out.splitlines()[1])
    record["model"]["path"] = str(tmp_path / "gone.pellucid")
    record["input"]["path"] = str(tmp_path / "gone.csv")
    kept = tmp_path / "record.json"
    kept.write_text(json.dumps(record))

    assert status_of("replay", kept) == 2
    assert "gone.pellucid cannot be read" in capsys.readouterr().err
    assert status_of("replay", kept, "--model", known.path) == 2
    assert f"the file {tmp_path / 'gone.csv'} is gone" in capsys.readouterr().out
    assert status_of("replay", kept, "--model", known.path, "--data", known.few) == 0


def test_a_file_that_is_no_record_is_a_sentence(known, capsys):
    assert status_of("replay", known.few) == 2

    assert "few.csv is no decision record" in capsys.readouterr().err


# Reports and lists


def test_report_says_where_it_is_and_the_main_score(fake, capsys):
    status_of("report", "a/flowers.pellucid", "--data", "test set/")

    assert fake.asked == {
        "path": "flowers.html",
        "data": "test set/",
        "command": "pellucid report a/flowers.pellucid --data 'test set/' --out flowers.html",
    }
    assert capsys.readouterr().out == (
        "accuracy 0.9340 (0.9290 to 0.9390) held out; a guess reaches 0.1000\nSaved flowers.html\n"
    )


def test_report_answers_in_json(fake, capsys):
    status_of("report", "m.pellucid", "--out", "x.html", "--json")

    assert json.loads(capsys.readouterr().out) == {"report": "x.html", **SUMMARY}
    assert fake.asked["data"] is None


def test_a_model_without_scores_still_has_a_report(fake, capsys):
    fake.record = {}

    status_of("report", "m.pellucid")

    assert capsys.readouterr().out == "Saved m.html\n"


def test_list_names_every_explainer_with_what_it_is(capsys):
    status_of("list", "explainers", "--json")

    entries = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in entries] == list(registry.explainer)
    assert all(entry["about"] for entry in entries)


def test_a_picture_of_an_explanation_is_the_picture_itself(fake, tmp_path):
    status_of("explain", "m", "rose.jpg", "--out", tmp_path / "why.png")

    assert Path(tmp_path / "why.png").read_bytes() == png()
