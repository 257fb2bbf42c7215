"""A decision on record can be repeated, and what has changed since is noticed."""

import copy
import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pictures import put
from reasoned import ROSE, ROW, learned

import pellucid
from pellucid import _records
from pellucid._inputs import Inputs
from pellucid.data import Ask, Fault
from pellucid.data.image import Image
from pellucid.deciding import decide, decisions, replay
from pellucid.errors import BadInputError
from pellucid.tasks.classify import Classification
from pellucid.tasks.regress import Regression


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A model, the path of its file, and the table that it was learned from."""
    with pytest.MonkeyPatch.context() as patch:
        path, data = learned(tmp_path_factory.mktemp("known"), patch)
        yield SimpleNamespace(model=pellucid.load(path), path=path, data=data)


@pytest.fixture
def table(known, tmp_path):
    """The first six rows of the table, the third of them cut short."""
    lines = known.data.read_text().splitlines()[:7]
    lines[3] = "30,40"
    path = tmp_path / "few.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def record(known, table):
    """The record of the fourth row, as it comes back from a file."""
    return kept(known, table)[3]


def kept(known, source, **options):
    found = decide(known.model, source, path=known.path, **options)
    return [json.loads(json.dumps(record, allow_nan=False)) for record in found]


def sum_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


# The record


def test_a_record_says_what_was_decided_from_what_by_which_model(known, table, record):
    answer = known.model.predict(table)[3]

    assert record["name"] == "few.csv row 4"
    assert record["answer"]["label"] == answer.label
    assert record["answer"]["probability"] == pytest.approx(answer.probability, rel=1e-5)
    assert record["input"]["path"] == str(table.resolve())
    assert record["input"]["sha256"] == sum_of(table)
    assert record["input"]["place"] == 2
    assert record["model"]["path"] == str(known.path.resolve())
    assert record["model"]["sha256"] == sum_of(known.path)
    assert record["settings"] == {"level": 0.9, "seed": 0, "method": "alone"}
    assert record["versions"]["pellucid"] == pellucid.__version__
    assert record["explanation"]["method"] == "alone"
    assert {part["name"] for part in record["explanation"]["parts"]} == {*ROW}
    assert record["explanation"]["faithfulness"].keys() == {"value", "low", "high", "checks"}
    assert record["explanation"]["neighbours"]


def test_records_come_in_the_order_given_with_faults_in_their_place(known, table):
    records = kept(known, table)

    assert [each["name"] for each in records] == [f"few.csv row {row}" for row in range(1, 7)]
    assert ["fault" in each for each in records] == [False, False, True, False, False, False]
    assert "fields" in records[2]["fault"]


def test_a_row_given_as_a_dictionary_stands_in_its_record(known):
    (record,) = kept(known, {**ROW, "age": np.int64(30)})

    assert record["input"]["row"] == ROW
    assert record["input"]["path"] is None
    assert replay(record, known.model).holds


def test_a_decision_does_not_depend_on_what_it_was_asked_with(known):
    other = {**ROW, "age": 61}

    together = kept(known, [ROW, other])
    alone = kept(known, other)

    for part in ("answer", "explanation"):
        first, second = together[1][part], alone[0][part]
        assert {**first, "name": ""} == {**second, "name": ""}
    assert together[1]["input"]["content"] == alone[0]["input"]["content"]


def test_a_model_that_was_never_saved_is_known_by_its_weights(known):
    (record,) = decide(known.model, ROW)

    assert record["model"]["path"] is record["model"]["sha256"] is None
    assert replay(record, pellucid.load(known.path)).holds
    with pytest.raises(BadInputError, match="names no model file"):
        _records.model_path(record)


def test_a_picture_is_known_by_its_file(tmp_path):
    first, second = put(tmp_path / "a" / "x.png"), put(tmp_path / "b" / "x.png", (0, 9, 0))
    kind = Image()
    schema = kind.describe(kind.read(tmp_path, Ask(target="")))

    for source in (tmp_path, [first, second], [str(first), str(second)]):
        inputs = Inputs(source, kind, schema)
        told = [inputs.described(name, place) for place, name in enumerate(inputs.examples.names)]
        assert [each["path"] for each in told] == [str(first.resolve()), str(second.resolve())]
        assert [each["sha256"] for each in told] == [sum_of(first), sum_of(second)]
        assert [each["place"] for each in told] == [0, 0]
        assert told[0]["content"] != told[1]["content"]
        assert inputs.find(told[1]["content"]) == 1


def test_rows_of_two_files_of_one_name_are_known_by_their_content_alone(known, table):
    (table.parent / "more").mkdir()
    twin = table.parent / "more" / table.name
    twin.write_text(table.read_text())

    records = kept(known, [str(table), str(twin)])

    assert {each["input"]["path"] for each in records} == {None}
    assert replay(records[0], known.model, source=table).holds


# Abstention


@pytest.mark.parametrize(
    ("answer", "doubt"),
    [
        (ROSE, "2 classes cannot be told apart at this level: rose, tulip"),
        (Classification(label="a", probability=0.6, set=(), probabilities={}), "no class is sure"),
        (Classification(label="a", probability=0.9, set=("a",), probabilities={}), ""),
        (Regression(value=1.0, low=None, high=None), "too few examples were held out"),
        (Regression(value=1.0, low=0.5, high=1.5), ""),
    ],
)
def test_an_answer_in_doubt_says_why_it_should_be_left_to_a_person(answer, doubt):
    assert answer.doubt().startswith(doubt)
    assert bool(answer.doubt()) == bool(doubt)


def test_a_decision_abstains_where_its_answer_is_in_doubt(known):
    ((sure,), (unsure,)) = (kept(known, ROW, level=level) for level in (0.5, 0.999))

    for record in (sure, unsure):
        assert record["abstains"] == (len(record["answer"]["set"]) != 1)
        assert bool(record["because"]) == record["abstains"]
    assert len(unsure["answer"]["set"]) == 2
    (told,) = decisions(known.model, ROW, level=0.999)
    assert "To be left to a person: 2 classes cannot be told apart" in str(told)


# Repeating it


def test_a_decision_holds_when_nothing_has_changed(known, table):
    model = pellucid.load(known.path)

    results = [replay(record, model, path=known.path) for record in kept(known, table)]

    assert [each.holds for each in results] == [True] * 6
    assert {each.differences + each.notes for each in results} == {()}
    assert str(results[0]) == "few.csv row 1: still holds"


def changed(record, *keys, to):
    other = copy.deepcopy(record)
    inner = other
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to(inner[keys[-1]])
    return other


@pytest.mark.parametrize(
    ("keys", "to", "told"),
    [
        (("answer", "label"), lambda _: "perhaps", 'label was "perhaps" and is "'),
        (("answer", "probability"), lambda number: number * (1 + 1e-5), "probability was 0."),
        (("answer", "probabilities", "no"), lambda number: number / 2, "probabilities no was"),
        (("answer", "set"), lambda _: ["perhaps"], 'set was ["perhaps"] and is ['),
        (("explanation", "reliable"), lambda yes: not yes, "explanation reliable was"),
        (("explanation", "method"), lambda _: "dice", 'explanation method was "dice"'),
        (("explanation", "parts", 0, "share"), lambda share: share * 1.01, "the share of '"),
        (("settings", "method"), lambda _: "dice", "no explainer is called 'dice'"),
        (("explanation", "parts", 0, "name"), lambda _: "shoes", "divided into other parts"),
    ],
)
def test_what_differs_is_named(known, record, keys, to, told):
    result = replay(changed(record, *keys, to=to), known.model)

    assert not result.holds
    assert told in result.differences[0]
    assert str(result).startswith("few.csv row 4: does not hold\n  ")


@pytest.mark.parametrize(
    ("keys", "by"),
    [
        (("answer", "probability"), 1 + 1e-7),
        (("explanation", "parts", 0, "share"), 1 + 1e-5),
    ],
)
def test_numbers_may_differ_in_their_last_digits(known, record, keys, by):
    assert replay(changed(record, *keys, to=lambda number: number * by), known.model).holds


def test_other_versions_are_noted_and_may_differ_in_the_fourth_digit(known, record):
    elsewhere = changed(record, "versions", "torch", to=lambda _: "2.5")
    near = changed(elsewhere, "answer", "probability", to=lambda number: number * 1.0002)
    far = changed(elsewhere, "answer", "probability", to=lambda number: number * 1.002)

    assert replay(near, known.model).holds
    assert "decided with torch 2.5" in replay(near, known.model).notes[0]
    assert not replay(far, known.model).holds


def test_another_model_is_noticed_and_what_it_answers_is_compared(known, record):
    other = pellucid.load(known.path)
    for weight in other.network.parameters():
        weight.data.neg_()

    result = replay(record, other)

    assert result.differences[0] == "this is another model: its weights are not those of then"
    assert any(sentence.startswith("probability was") for sentence in result.differences)


def test_a_model_file_that_changed_around_its_weights_is_noted(known, record, tmp_path):
    model = pellucid.load(known.path)
    model.record["remark"] = "more"
    model.save(tmp_path / "more.pellucid")

    result = replay(record, model, path=tmp_path / "more.pellucid")

    assert result.holds
    assert result.notes == ("the file of the model has changed, its weights have not",)


def test_a_file_that_grew_still_holds_the_example(known, table, record):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], "77,20,craft,2011-01-15,no", *lines[1:]]))

    result = replay(record, known.model)

    assert result.holds
    assert result.notes == (f"the file {table.resolve()} has changed, this example in it has not",)


def test_an_example_that_changed_is_gone(known, table, record):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:4], "77,20,craft,2011-01-15,no", *lines[5:]]))

    result = replay(record, known.model)

    assert not result.holds
    assert "has changed: this example is no longer in it" in result.differences[0]


def test_a_file_that_is_gone_or_spoilt_is_said_in_a_sentence(known, table, record):
    table.write_bytes(b"\x89PNG\r\n\x1a\n")
    spoilt = replay(record, known.model)
    table.unlink()
    gone = replay(record, known.model)

    assert len(spoilt.differences) == 1
    assert table.name in spoilt.differences[0]
    assert gone.differences == (f"the file {table.resolve()} is gone",)


def test_data_that_was_moved_can_be_named(known, table, record):
    moved = table.rename(table.with_name("moved.csv"))

    assert replay(record, known.model, source=moved).holds
    elsewhere = replay(record, known.model, source={**ROW, "age": 19})
    assert elsewhere.differences == ("this example is not in the data",)
    with pytest.raises(BadInputError):
        replay(record, known.model, source=moved.with_name("none.csv"))


def test_data_that_came_from_no_file_has_to_be_given_again(known):
    frame = pd.read_csv(known.data).head(3)
    record = kept(known, frame)[1]

    with pytest.raises(BadInputError, match=r"names no file and holds no row(?s:.*)--data FILE"):
        replay(record, known.model)
    assert replay(record, known.model, source=frame).holds


def test_what_could_not_be_used_is_still_left_out(known, table):
    broken = kept(known, table)[2]
    (told,) = [
        each for each in decisions(known.model, table) if isinstance(each.explanation, Fault)
    ]

    assert replay(broken, known.model).holds
    assert "left out" in str(told)
    table.write_text(table.read_text().replace("30,40\n", "30,40,craft,2011-01-15,no\n"))
    mended = replay(broken, known.model)
    assert "could not be used" in mended.differences[0]
    table.write_text("")
    assert replay(broken, known.model).holds


def test_a_long_list_of_differences_is_cut_for_a_person(known, record):
    result = replay(record, known.model)
    long = type(result)(name="a", holds=False, differences=tuple("abcdefghijkl"))

    assert "and 2 more differences" in str(long)
    assert len(long.to_json()["differences"]) == 12


# Files of records


def test_a_file_holds_one_record_or_one_a_line(record, tmp_path):
    path = tmp_path / "r.json"

    path.write_text(json.dumps(record, indent=2))
    assert _records.read(path) == [record]
    path.write_text(f"{json.dumps(record)}\n{json.dumps(record)}\n\n")
    assert _records.read(path) == [record, record]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("rose", "is no decision record"),
        ('{"answer": "rose"}', "'format' is missing"),
        ("[1, 2]", "is no decision record"),
        ('{"format": 1}\n{"format": 1}', "'name' is missing"),
        ('{"format": 2}', "format 2(?s:.*)pip install --upgrade pellucid"),
        ("\udc80", "is no decision record"),
    ],
)
def test_a_file_that_is_no_record_is_refused_with_the_command_that_makes_one(text, told, tmp_path):
    path = tmp_path / "r.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(BadInputError, match=rf"r\.json .*{told}"):
        _records.read(path)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("input",), []),
        (("input", "path"), 7),
        (("model", "weights"), None),
        (("settings", "level"), "high"),
        (("settings", "seed"), True),
        (("settings", "seed"), -1),
        (("settings", "method"), 3),
        (("explanation", "parts", 0), "age"),
        (("explanation", "parts", 0, "share"), "much"),
        (("explanation", "reliable"), 1),
    ],
)
def test_a_record_with_another_thing_in_a_field_is_refused(record, keys, value):
    with pytest.raises(BadInputError, match=rf"{keys[-1] or 'name'}|name"):
        _records.check(changed(record, *keys, to=lambda _: value))


def test_a_file_that_cannot_be_read_is_said_in_a_sentence(tmp_path):
    with pytest.raises(BadInputError, match="cannot be read: No such file"):
        _records.read(tmp_path / "none.json")
