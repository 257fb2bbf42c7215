"""Model files are kept for years: what one version wrote, every later one opens.

`fixtures/first.pellucid` has format version 1. It is what version 0.1.0 made of the specimen of the
kind `table` by `fit(specimen, steps=200, network="linear", seed=0)`, on a CPU with torch 2.13. It
is never written again: where a change of the code breaks this test, the change is wrong, or has to
read the old form too.
"""

from pathlib import Path

import pytest

import pellucid

FIRST = Path(__file__).parent / "fixtures" / "first.pellucid"
ROWS = (
    {"age": 30, "hours": 40.5, "work": "office", "since": "2015-03-15"},
    {"age": 70, "hours": 25, "work": "craft", "since": "2021-07-15"},
    {"age": "", "hours": 38.0, "work": "never seen", "since": "2012-01-15"},
)
PROBABILITIES = (0.8870969, 0.0171477, 0.2938626)  # of "yes"
SETS = (("yes",), ("no",), ("no",))


@pytest.fixture(scope="module")
def first():
    return pellucid.load(FIRST)


@pytest.mark.parametrize(
    ("row", "probability", "held"), [*zip(ROWS, PROBABILITIES, SETS, strict=True)]
)
def test_the_first_model_file_answers_as_on_the_day_it_was_written(first, row, probability, held):
    answer = first.predict(row)

    assert answer.probabilities["yes"] == pytest.approx(probability, abs=1e-5)
    assert answer.set == held


def test_the_first_model_file_still_knows_how_it_came_about(first):
    summary = first.record["summary"]

    assert first.schema.classes == ("no", "yes")
    assert (summary["n_train"], summary["n_valid"], summary["steps"]) == (320, 80, 200)
    assert summary["scores"]["accuracy"]["value"] == 0.8875


def test_the_first_model_file_is_evaluated_and_saved_anew(first, tmp_path):
    path = tmp_path / "people.csv"
    lines = [f"{r['age']},{r['hours']},{r['work']},{r['since']}" for r in ROWS]
    answers = ["yes", "no", "yes"]
    rows = [f"{line},{answer}" for line, answer in zip(lines, answers, strict=True)]
    path.write_text("\n".join(["age,hours,work,since,class", *rows]))

    result = first.evaluate(path)
    first.save(tmp_path / "copy.pellucid")

    assert result.scores["accuracy"].value == pytest.approx(2 / 3)
    again = pellucid.load(tmp_path / "copy.pellucid")
    assert again.predict(ROWS[0]).probabilities == first.predict(ROWS[0]).probabilities
