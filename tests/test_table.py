"""Tables as they really occur: every way of writing one reads the same."""

import gzip
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import polars
import pyarrow
import pytest
from pyarrow import parquet

from pellucid.data import Ask
from pellucid.data.table import Table
from pellucid.errors import BadInputError

SHARED = Path(__file__).parents[2] / "shared" / "data"
ADULT, WINE = SHARED / "adult", SHARED / "wine_quality"
needs_adult = pytest.mark.skipif(not ADULT.exists(), reason="the adult data are not here")
needs_wine = pytest.mark.skipif(not WINE.exists(), reason="the wine data are not here")
PLAIN = "age,work,class\n39,office,no\n50,craft,yes\n38,office,no\n53,,yes\n"


@pytest.fixture
def table():
    return Table()


def said(examples):
    return " ".join(note.text for note in examples.notes)


def encoded(table, examples):
    return table.encode(examples, table.describe(examples))


# Ways of writing the same table


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_every_usual_encoding_reads_the_same(table, saved, encoding):
    text = PLAIN.replace("office", "Büro")

    examples = table.read(saved(text.encode(encoding)), Ask())

    assert examples.raw.column("work").to_pylist() == ["Büro", "craft", "Büro", None]
    assert examples.raw.column_names == ["age", "work"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_ends_are_inferred(table, saved, delimiter, end):
    text = PLAIN.replace(",", delimiter).replace("\n", end)

    examples = table.read(saved(text, "data.txt"), Ask())

    assert examples.raw.column("age").to_pylist() == [39, 50, 38, 53]
    assert examples.targets.tolist() == ["no", "yes", "no", "yes"]


def test_a_decimal_comma_is_a_number(table, saved):
    examples = table.read(saved("a;b;class\n1,5;x;no\n-2,25;y;yes\n"), Ask())

    assert examples.raw.column("a").to_pylist() == [1.5, -2.25]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(table, saved):
    examples = table.read(saved('a,b,class\n1,"x, ""y""\nz",no\n2,"q",yes\n'), Ask())

    assert examples.raw.column("b").to_pylist() == ['x, "y"\nz', "q"]


def test_a_sign_for_inches_is_no_quote(table, saved):
    examples = table.read(saved('a,b,class\n1,5",no\n2,7,yes\n3,6,no\n'), Ask())

    assert len(examples) == 3
    assert examples.faults == ()


@pytest.mark.parametrize("empty", ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-"])
def test_what_means_missing_is_missing(table, saved, empty):
    text = f"a,b,class\n1, {empty},no\n {empty},x,yes\n3,y,no\n"

    raw = table.read(saved(text), Ask()).raw

    assert raw.column("b").to_pylist() == [None, "x", "y"]
    assert np.isnan(raw.column("a").to_pylist()[1])


def test_json_lines_of_unlike_objects_make_one_table(table, saved):
    lines = '{"a": 1, "class": "n"}\n{"a": 2.5, "b": {"c": 3}, "class": "y"}\nnope\n'

    examples = table.read(saved(lines, "data.jsonl"), Ask())

    assert examples.raw.column("a").to_pylist() == [1, 2.5]
    assert [fault.name for fault in examples.faults] == ["data.jsonl row 3"]


def test_every_form_of_one_table_gives_the_same_rows(table, saved, tmp_path):
    frame = pandas.DataFrame(
        {"age": [39, 50, 38], "work": ["office", None, "craft"], "class": ["no", "yes", "no"]}
    )
    arrow = pyarrow.Table.from_pandas(frame, preserve_index=False)
    parquet.write_table(arrow, tmp_path / "data.parquet")
    forms = [
        frame,
        arrow,
        polars.from_pandas(frame),
        frame.to_dict("list"),
        frame.to_dict("records"),
        tmp_path / "data.parquet",
        saved(frame.to_csv(index=False)),
        saved(gzip.compress(frame.to_csv(index=False).encode()), "data.csv.gz"),
        saved(frame.to_json(orient="records"), "data.json"),
        saved(frame.to_json(orient="records", lines=True), "data.ndjson"),
    ]

    keys = [table.keys(table.read(form, Ask())).tolist() for form in forms]

    assert all(key == keys[0] for key in keys)
    assert len(set(keys[0])) == 3


def test_arrays_are_a_table_with_columns_called_by_number(table):
    x = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 7.0]])

    examples = table.read((x, np.array(["a", "b", "a"])), Ask())

    assert examples.raw.column_names == ["1", "2"]
    assert examples.targets.tolist() == ["a", "b", "a"]
    assert table.read(x, Ask()).targets is None


def test_a_folder_says_which_side_a_file_is(table, saved, tmp_path):
    for name in ("train.csv", "valid.csv", "test.csv"):
        saved(PLAIN, name)
    saved("about these data", "README.md")

    examples = table.read(tmp_path, Ask())

    assert examples.sides.tolist() == ["train"] * 4 + ["test"] * 4 + ["valid"] * 4
    assert examples.names[5] == "test.csv row 2"
    assert table.recognises(tmp_path) > 0.5


def test_a_file_of_a_folder_without_the_columns_is_left_out(table, saved, tmp_path):
    saved(PLAIN, "train.csv")
    saved("age,work\n1,x\n", "test.csv")

    examples = table.read(tmp_path, Ask())

    assert [fault.name for fault in examples.faults] == ["test.csv"]
    assert len(examples) == 4


# Headers


def test_a_file_of_numbers_alone_has_no_header(table, saved):
    examples = table.read(saved("1,2,0\n3,4,1\n5,7,0\n"), Ask(target="3"))

    assert examples.raw.column_names == ["1", "2"]
    assert "no header" in said(examples)


def test_a_header_of_words_above_words_is_a_header(table, saved):
    examples = table.read(saved("size,colour,class\nbig,red,a\nbig,blue,b\nsmall,red,a\n"), Ask())

    assert examples.raw.column_names == ["size", "colour"]


def test_a_comment_above_the_table_is_left_out_and_said(table, saved):
    text = "|1x3 Cross validator\n25, a, no.\n38, b, yes.\n28, a, no.\n"

    examples = table.read(saved(text, "data.test"), Ask(target="3"))

    assert len(examples) == 3
    assert "1x3 Cross validator" in said(examples)


def test_columns_of_one_name_are_told_apart(table, saved):
    examples = table.read(saved("a,a,class\n1,2,x\n3,4,y\n"), Ask())

    assert examples.raw.column_names == ["a", "a (2)"]
    assert "a (2)" in said(examples)


# Targets and groups


def test_the_one_column_with_an_obvious_name_is_the_target(table, saved):
    assert table.read(saved(PLAIN.replace("class", "Label")), Ask()).target == "Label"


def test_without_an_obvious_target_the_columns_are_listed(table, saved):
    with pytest.raises(BadInputError, match=r"age, work, income[\s\S]*--target income"):
        table.read(saved(PLAIN.replace("class", "income")), Ask())


def test_looking_may_do_without_a_target(table, saved):
    examples = table.read(saved(PLAIN.replace("class", "income")), Ask(target=""))

    assert examples.targets is None
    assert examples.raw.num_columns == 3


def test_a_misspelt_target_is_answered_with_the_near_one(table, saved):
    with pytest.raises(BadInputError, match='write `--target "class"`'):
        table.read(saved(PLAIN), Ask(target="clas"))


def test_rows_without_a_target_are_named_and_left_out(table, saved):
    examples = table.read(saved("a,class\n1,x\n2,\n3,y\n"), Ask())

    assert examples.raw.column("a").to_pylist() == [1, 3]
    assert [fault.name for fault in examples.faults] == ["data.csv row 2"]


def test_a_target_of_numbers_is_numbers(table, saved):
    targets = table.read(saved("a,y\n1,2.5\n2,-1\n"), Ask()).targets

    assert targets.dtype == np.float64
    assert targets.tolist() == [2.5, -1]


def test_groups_leave_the_inputs(table, saved):
    examples = table.read(saved(PLAIN), Ask(group="work"))

    assert examples.raw.column_names == ["age"]
    assert examples.groups[:3].tolist() == ["office", "craft", "office"]
    assert examples.groups[3] not in ("office", "craft")


# Real data


@needs_adult
def test_adult_is_read_by_number_and_its_test_labels_match(table):
    learned = table.read(ADULT / "adult.data", Ask(target="15"))
    schema = replace(table.describe(learned), target="15", classes=("<=50K", ">50K"))
    judged = table.read(ADULT / "adult.test", Ask(schema=schema))

    assert len(learned) == 32561
    assert learned.names[16] == "adult.data row 17"
    assert schema.shape == (14,)
    assert schema.cardinalities[1] == 10  # 8 kinds of work, "?" and the unseen
    assert len(judged) == 16281
    assert set(judged.targets) == {"<=50K", ">50K"}
    assert (judged.targets == ">50K").sum() == 3846  # adult.names counts 24.6 %, 3846 rows


@needs_adult
def test_the_folder_of_adult_has_two_sides(table):
    examples = table.read(ADULT, Ask(target="15"))

    assert (examples.sides == "test").sum() == 16281
    assert set(examples.targets) == {"<=50K", ">50K"}


@needs_wine
@pytest.mark.parametrize(("colour", "rows"), [("red", 1599), ("white", 4898)])
def test_wine_is_eleven_numbers_and_a_number(table, colour, rows):
    examples = table.read(WINE / f"winequality-{colour}.csv", Ask(target="quality"))
    x = encoded(table, examples)

    assert x.shape == (rows, 11)
    assert examples.targets.dtype == np.float64
    assert np.abs(np.median(x, axis=0)).max() < 0.1


def test_reading_a_file_does_not_import_pandas(saved):
    path = saved(PLAIN)
    code = (
        "import sys; from pellucid.data import Ask; from pellucid.data.table import Table; "
        f"table = Table(); examples = table.read({str(path)!r}, Ask()); "
        "table.encode(examples, table.describe(examples)); assert 'pandas' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
