"""Translation by the command line: several files, a stream, faults as sentences."""

import io
import json
import sys

import pytest

from pellucid.cli import main
from pellucid.data._pairs_specimen import invented

PAIRS = invented(260, seed=4)


def run(*words):
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return end.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("pairs")
    for stem, part in (("train", PAIRS[:200]), ("val", PAIRS[200:230]), ("test", PAIRS[230:])):
        for ending, side in (("en", 0), ("xx", 1)):
            text = "".join(f"{pair[side]}\n" for pair in part)
            (place / f"{stem}.{ending}").write_text(text)
    held = [word for e in ("en", "xx") for word in ("--valid", place / f"val.{e}")]
    asked = ["--task", "translate", "--steps", 12, "--quiet", "--out", place / "m.pellucid"]
    assert run("fit", place / "train.en", place / "train.xx", *held, *asked) == 0
    return place


def test_two_files_are_learned_and_two_more_scored(folder, capsys):
    status = run(
        "evaluate", folder / "m.pellucid", folder / "test.en", folder / "test.xx", "--json"
    )
    told = json.loads(capsys.readouterr().out)

    assert status == 0
    assert told["n"] == 30
    assert {"bleu", "bleu_lowercased", "chrf"} == set(told["scores"])
    assert told["signatures"]["bleu"].startswith("nrefs:1|case:mixed")
    assert len(told["worst"]) == 5


def test_a_stream_is_translated_line_by_line_in_order(folder, capsys, monkeypatch):
    lines = [PAIRS[230][0], "", PAIRS[231][0], "\udcff" * 3]
    given = "\n".join(lines).encode(errors="surrogateescape")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))

    assert run("translate", folder / "m.pellucid") == 0

    out = capsys.readouterr().out.split("\n")
    assert len(out) == 5
    assert out[0]
    assert out[1] == ""


def test_a_text_is_answered_with_its_confidence(folder, capsys):
    assert run("predict", folder / "m.pellucid", "--text", PAIRS[0][0], "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["translation"]
    assert 0 <= told["at_least"] <= told["confidence"] <= 1


def test_an_empty_text_and_an_unequal_side_are_sentences(folder, capsys):
    assert run("predict", folder / "m.pellucid", "--text", "") == 2
    assert "an empty text" in capsys.readouterr().err
    assert run("fit", folder / "train.en", folder / "test.xx", "--task", "translate") == 2
    told = capsys.readouterr().err
    assert "200 lines in train.en and 30 in test.xx" in told
    assert "remedy:" in told


def test_an_explanation_is_saved_as_a_page(folder, capsys):
    page = folder / "why.html"
    assert run("explain", folder / "m.pellucid", "--text", PAIRS[0][0], "--out", page) == 0
    assert "the translation" in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")


def test_the_report_sets_the_worst_beside_what_was_learned(folder):
    page = folder / "report.html"
    assert run("report", folder / "m.pellucid", "--out", page) == 0
    text = page.read_text()

    assert "a text, " in text
    assert "lower bounds of chrF hold in" in text
    assert "True against predicted chrF of a sentence" in text
    assert "Where it is at its worst" in text
    assert "Those it doubts most" in text
    assert "nearest in training" in text
    assert "train.en row" in text[text.index("nearest in training") :]


def test_a_name_to_be_kept_is_told_where_it_has_no_place(folder, capsys, monkeypatch):
    given = f"{PAIRS[230][0]} Zubrika\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given.encode())))

    assert run("translate", folder / "m.pellucid", "--keep", "Zubrika") == 0

    told = capsys.readouterr()
    assert ("Zubrika" in told.out) != ("no word of the translation" in told.err)
