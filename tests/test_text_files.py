"""Texts in all the forms that they come in: folders, tables, lists, encodings."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from pellucid import registry
from pellucid.data import Ask
from pellucid.data._opening import recognised
from pellucid.errors import BadInputError

SHARED = Path(__file__).parents[2] / "shared" / "data"
GOOD = [f"A good and warm story, number {n}, that all of us liked" for n in range(15)]
BAD = [f"A grim and dull story, number {n}, that none of us liked" for n in range(15)]
TEXTS = [text for pair in zip(GOOD, BAD, strict=True) for text in pair]
LABELS = ["yes", "no"] * 15


@pytest.fixture
def kind():
    return registry.kind["text"]()


@pytest.fixture
def folder(tmp_path):
    """Folders by class below train and test."""
    for place, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        side = "test" if place >= 20 else "train"
        path = tmp_path / "texts" / side / label / f"{place}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path / "texts"


def table(columns=("text", "label")):
    return pa.table({columns[0]: TEXTS, columns[1]: LABELS})


def written(form, folder):
    """Write the same texts in one of the forms of a table."""
    path = folder / f"reviews.{form}"
    rows = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
    plain = path.with_suffix("") if form.endswith(".gz") else path
    if form.startswith("csv"):
        content = pd.DataFrame(rows).to_csv(index=False)
    elif form.startswith("tsv"):
        content = "".join(f"{row['text']}\t{row['label']}\n" for row in rows)
    else:
        content = "".join(json.dumps(row) + "\n" for row in rows)
    if form == "parquet":
        parquet.write_table(table(), path)
    elif plain != path:
        path.write_bytes(gzip.compress(content.encode()))
    else:
        path.write_text(content, encoding="utf-8")
    return path


def sure(source):
    return {name: registry.kind[name]().recognises(source) for name in registry.kind}


def test_folders_name_the_class_and_the_side(kind, folder):
    examples = kind.read(folder, Ask())
    assert recognised(folder).name == "text"
    assert examples.target == "class"
    assert set(examples.targets) == {"yes", "no"}
    assert sorted(examples.raw) == sorted(TEXTS)
    assert (examples.sides == "test").sum() == 10
    assert examples.names[0] == "test/no/21.txt"


def test_what_is_said_about_a_data_set_is_no_text_of_it(kind, folder):
    (folder / "README.md").write_text("About these texts.", encoding="utf-8")
    (folder / "train" / "LICENSE.txt").write_text("All rights.", encoding="utf-8")
    assert sorted(kind.read(folder, Ask()).raw) == sorted(TEXTS)


def test_packed_texts_are_unpacked(kind, folder):
    for path in list(folder.rglob("*.txt")):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert sorted(kind.read(folder, Ask()).raw) == sorted(TEXTS)


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"])
def test_a_table_of_texts_and_labels_is_read(form, kind, tmp_path):
    path = written(form, tmp_path)
    examples = kind.read(path, Ask())
    assert recognised(path).name == "text"
    assert sure(path)["text"] > 0.8
    assert list(examples.raw) == TEXTS
    assert examples.targets.tolist() == LABELS
    assert examples.names[2] == f"{path.name} row 3"


@pytest.mark.parametrize(
    "source",
    [
        table().to_pandas(),
        pl.from_arrow(table()),
        table(),
        [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)],
        (TEXTS, LABELS),
        (np.array(TEXTS), np.array(LABELS)),
    ],
    ids=["pandas", "polars", "pyarrow", "rows", "pair", "arrays"],
)
def test_texts_in_memory_are_read(source, kind):
    examples = kind.read(source, Ask())
    assert recognised(source).name == "text"
    assert list(examples.raw) == TEXTS
    assert examples.targets.tolist() == LABELS


def test_numbers_as_labels_stay_numbers(kind):
    examples = kind.read((TEXTS, [0, 1] * 15), Ask())
    assert examples.targets.dtype == np.float64


def test_a_table_of_numbers_with_a_text_beside_them_stays_a_table(tmp_path):
    path = tmp_path / "houses.csv"
    frame = pd.DataFrame({"text": TEXTS, "rooms": range(5, 35), "area": np.linspace(40, 90, 30)})
    frame.assign(price=np.linspace(1, 2, 30)).to_csv(path, index=False)
    assert recognised(path).name == "table"
    assert sure(path)["text"] < 0.8


def test_plain_tables_and_prose_are_told_apart(tmp_path):
    prose = tmp_path / "prose.txt"
    prose.write_text("It was late, and it rained.\nWe went home, tired.\n" * 40, encoding="utf-8")
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"{n},{n * n},{n % 3}\n" for n in range(40)), encoding="utf-8")
    assert recognised(prose).name == "text"
    assert recognised(numbers, task="regress").name == "table"
    assert sure(numbers)["text"] < sure(numbers)["table"]


def test_an_identifier_beside_text_and_label_is_left_out_and_said(kind, tmp_path):
    path = tmp_path / "reviews.csv"
    frame = pd.DataFrame({"id": range(1, 31), "text": TEXTS, "label": LABELS})
    frame.to_csv(path, index=False)
    examples = kind.read(path, Ask())
    assert recognised(path).name == "text"
    assert examples.target == "label"
    assert "'id' numbers or names the rows" in " ".join(note.text for note in examples.notes)


def test_several_columns_of_text_are_joined(kind, tmp_path):
    path = tmp_path / "news.csv"
    frame = pd.DataFrame({"class": LABELS, "title": TEXTS, "body": TEXTS[::-1]})
    frame.to_csv(path, index=False)
    examples = kind.read(path, Ask())
    assert examples.raw[0] == f"{TEXTS[0]}\n{TEXTS[-1]}"
    assert examples.target == "class"


@pytest.mark.parametrize("target", ["mood", None])
def test_the_target_may_be_named_and_a_wrong_name_is_answered(target, kind, tmp_path):
    path = tmp_path / "reviews.csv"
    pd.DataFrame({"text": TEXTS, "mood": LABELS}).to_csv(path, index=False)
    assert kind.read(path, Ask(target=target)).target == "mood"
    with pytest.raises(BadInputError, match="no column is called 'mode'"):
        kind.read(path, Ask(target="mode"))


def test_of_several_labels_one_has_to_be_named(kind, tmp_path):
    path = tmp_path / "reviews.csv"
    frame = pd.DataFrame({"text": TEXTS, "mood": LABELS, "tone": LABELS[::-1]})
    frame.to_csv(path, index=False)
    with pytest.raises(BadInputError, match="2 columns may be the label: mood, tone"):
        kind.read(path, Ask())
    assert kind.read(path, Ask(target="tone")).targets.tolist() == LABELS[::-1]


def test_groups_stay_together(kind, tmp_path):
    path = tmp_path / "reviews.csv"
    frame = pd.DataFrame({"text": TEXTS, "label": LABELS, "writer": list("abcde") * 6})
    frame.to_csv(path, index=False)
    examples = kind.read(path, Ask(target="label", group="writer"))
    assert examples.groups.tolist() == list("abcde") * 6


def test_empty_texts_are_named_and_left_out(kind, tmp_path):
    path = tmp_path / "reviews.csv"
    frame = pd.DataFrame({"text": [*TEXTS, "", "   "], "label": [*LABELS, "no", "yes"]})
    frame.to_csv(path, index=False)
    examples = kind.read(path, Ask())
    assert len(examples) == 30
    assert [fault.name for fault in examples.faults] == ["reviews.csv row 31", "reviews.csv row 32"]
    assert examples.faults[0].reason == "the text is empty"


def test_a_trained_model_reads_other_forms_of_the_same_texts(kind, folder, tmp_path):
    schema = replace(kind.describe(kind.read(folder, Ask())), target="class", classes=("no", "yes"))
    whole = np.sort(kind.encode(kind.read(folder, Ask(schema=schema)), schema), axis=0)
    sources = [
        TEXTS,
        [{"text": text} for text in TEXTS],
        written("csv", tmp_path),
        pd.DataFrame({"anything": TEXTS}),
    ]
    for source in sources:
        examples = kind.read(source, Ask(schema=schema))
        assert np.array_equal(np.sort(kind.encode(examples, schema), axis=0), whole)


def test_a_trained_model_reads_a_table_without_its_label(kind, tmp_path):
    path = written("tsv", tmp_path)
    schema = replace(kind.describe(kind.read(path, Ask())), target="2", classes=("no", "yes"))
    bare = tmp_path / "bare.tsv"
    bare.write_text("".join(f"{text.replace(',', '')}\n" for text in TEXTS), encoding="utf-8")
    examples = kind.read(bare, Ask(schema=schema))
    assert [*examples.raw] == [text.replace(",", "") for text in TEXTS]
    assert examples.targets is None
    assert kind.read(path, Ask(schema=schema)).targets.tolist() == LABELS


def test_one_string_and_one_file_are_one_example(kind, folder):
    schema = kind.describe(kind.read(folder, Ask()))
    path = next(folder.rglob("*.txt"))
    assert list(kind.read("A good one, at last", Ask(schema=schema)).raw) == ["A good one, at last"]
    assert len(kind.read(path, Ask(schema=schema))) == 1
    assert len(kind.read([path, path], Ask(schema=schema))) == 2


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", ""),
        ("utf-8-sig", ""),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-32", "UTF-32"),
        ("latin-1", "Windows-1252"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_every_usual_encoding_gives_the_same_text(encoding, said, kind, tmp_path):
    path = tmp_path / "letter.txt"
    text = "Ein schöner Tag für alle, déjà vu. " * 8
    path.write_bytes(text.encode(encoding))
    examples = kind.read(path, Ask(task="classify"))
    assert examples.raw[0] == text
    assert said in " ".join(note.text for note in examples.notes)
    assert bool(examples.notes) == bool(said)


@pytest.mark.parametrize(
    "text",
    ["one\r\ntwo\r\n", "one\rtwo\r", "one\ntwo\n", "\ufeffone\ntwo\n", "on\0e\ntwo\n"],
)
def test_line_ends_marks_and_nul_bytes_make_no_difference(text, kind, tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes(text.encode())
    assert kind.read(path, Ask(task="classify")).raw[0] == "one\ntwo\n"


def test_letters_and_their_accents_are_composed(kind):
    apart, composed = kind.read(["cafe\u0301 olé", "café ole\u0301"], Ask(task="classify")).raw
    assert apart == composed == "café olé"


def test_labelled_texts_that_are_very_long_are_cut_and_that_is_said(kind):
    texts = [*TEXTS, "word " * 1_000, "汉" * 9_000]
    examples = kind.read((texts, [*LABELS, "yes", "no"]), Ask())
    (note,) = (note for note in examples.notes if note.what == "cut at the end")
    assert note.text.startswith("2 texts are longer than 400 words")
    assert len(examples.raw[30].split()) == 400
    assert len(examples.raw[31]) == 4_000
    assert kind.describe(examples).shape[0] <= 1_024


def test_what_is_cut_of_a_text_to_be_answered_is_said(kind):
    schema = kind.describe(kind.read((TEXTS, LABELS), Ask()))
    examples = kind.read([TEXTS[0], "good story " * 100], Ask(schema=schema))
    assert "1 text is longer than all in training" in examples.notes[0].text
    assert kind.encode(examples, schema).shape[1] == schema.shape[0]


def test_a_small_packed_file_that_holds_a_huge_text_is_read_in_part(kind, tmp_path):
    path = tmp_path / "bomb.txt.gz"
    path.write_bytes(gzip.compress(b"abc def " * 3_000_000))
    examples = kind.read(path, Ask(task="generate_text", memory=1 << 23, seconds=1))
    assert sum(map(len, examples.raw)) < 1.2 * (1 << 20)


def test_packed_texts_one_after_the_other_are_one_text(kind, tmp_path):
    path = tmp_path / "two.txt.gz"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"two"))
    assert kind.read(path, Ask(task="classify")).raw[0] == "one two"


def test_a_huge_line_is_read_as_far_as_it_can_be_used(kind, tmp_path):
    path = tmp_path / "line.txt"
    path.write_bytes(b"abcdefghij " * 600_000)
    examples = kind.read(path, Ask(task="generate_text", memory=1 << 23, seconds=1))
    assert sum(map(len, examples.raw)) < 1.2 * (1 << 20)
    assert "is longer than can be used: its first 1.05 MB are read" in examples.notes[0].text


def test_texts_of_a_flat_folder_are_to_be_continued(kind, tmp_path):
    for place in range(5):
        (tmp_path / f"{place}.txt").write_text(" ".join(TEXTS), encoding="utf-8")
    examples = kind.read(tmp_path, Ask())
    assert examples.targets is None
    assert examples.raw.stream


def test_rows_with_labels_can_be_continued_too(kind, tmp_path):
    examples = kind.read(written("csv", tmp_path), Ask(task="generate_text"))
    assert examples.targets is None
    assert [text.strip("\x03") for text in examples.raw] == TEXTS
    assert set(examples.sides) == {"train", "valid"}


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_the_shared_sets_are_read_as_their_files_stand(kind):
    sst2 = kind.read(SHARED / "sst2", Ask())
    news = kind.read(SHARED / "ag_news_small" / "ag_news_test.csv", Ask())
    counts = {side: int((sst2.sides == side).sum()) for side in ("train", "valid", "test")}
    assert counts == {"train": 6_920, "valid": 872, "test": 1_821}
    assert sst2.target == "2"
    assert len(news) == 7_600
    assert news.target == "1"
    assert recognised(SHARED / "sst2").name == recognised(SHARED / "ag_news_small").name == "text"
