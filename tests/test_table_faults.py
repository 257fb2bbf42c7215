"""Tables that are damaged, hostile or unlike the training data."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from pellucid.data import Ask
from pellucid.data.table import Table
from pellucid.errors import BadInputError

PLAIN = "age,work,class\n39,office,no\n50,craft,yes\n38,office,no\n53,,yes\n"
LONG = "a,b,class\n" + "".join(
    f"{n * n % 7},{'xyz'[n % 3]},{['no', 'yes'][n % 2]}\n" for n in range(60)
)


@pytest.fixture
def table():
    return Table()


def said(examples):
    return " ".join(note.text for note in examples.notes)


def encoded(table, examples):
    return table.encode(examples, table.describe(examples))


# With a trained model


@pytest.fixture
def trained(table, saved):
    return replace(table.describe(table.read(saved(PLAIN), Ask())), target="class")


def test_columns_are_found_by_name_in_any_order_and_others_ignored(table, saved, trained):
    path = saved("extra,work,age\n1,craft,40\n2,office,41\n", "new.csv")

    examples = table.read(path, Ask(schema=trained))

    assert examples.raw.column("age").to_pylist() == [40, 41]
    assert examples.targets is None


def test_a_column_that_the_model_needs_is_named(table, saved, trained):
    with pytest.raises(BadInputError, match="column 'work' is not there"):
        table.read(saved("age,wrk\n1,x\n", "new.csv"), Ask(schema=trained))


def test_a_word_in_a_column_of_numbers_is_missing_when_predicting(table, trained):
    examples = table.read({"age": ["old"], "work": ["craft"]}, Ask(schema=trained))

    assert table.encode(examples, trained)[0, 0] == 0


def test_digits_in_a_column_of_words_stay_words(table, saved):
    schema = table.describe(table.read(saved("zip,class\n007,a\n1O1,b\n12,a\n007,b\n"), Ask()))

    examples = table.read(saved("zip\n007\n12\n", "new.csv"), Ask(schema=schema))

    assert (table.encode(examples, schema) > 0).all()


def test_missing_targets_do_not_stop_a_prediction(table, saved, trained):
    path = saved("age,work,class\n1,craft,\n2,office,yes\n", "new.csv")

    assert len(table.read(path, Ask(schema=trained))) == 2
    assert len(table.read(path, Ask(schema=trained, target="class"))) == 1


def test_columns_without_names_are_taken_by_place_with_or_without_the_target(table, saved):
    schema = table.describe(table.read(saved("0,1,2\n1,3,4\n0,5,7\n"), Ask(target="1")))

    whole = table.read(saved("1,8,9\n", "whole.csv"), Ask(schema=schema))
    without = table.read(np.array([[8.0, 9.0]]), Ask(schema=schema))

    assert whole.raw.to_pydict() == without.raw.to_pydict() == {"2": [8], "3": [9]}
    assert whole.targets.tolist() == [1]


def test_full_stops_after_known_labels_are_taken_off(table, saved):
    schema = table.describe(table.read(saved("1,a,no\n2,b,yes\n3,a,no\n"), Ask(target="3")))

    examples = table.read(saved("|note\n25, a, no.\n38, b, yes.\n", "x.test"), Ask(schema=schema))

    assert examples.targets.tolist() == ["no", "yes"]
    assert "'no.' were read as 'no'" in said(examples)


# Faults to survive


def test_nul_bytes_are_left_out_and_said(table, saved):
    examples = table.read(saved(LONG.replace("2,y", "2\0,y", 1)), Ask())

    assert len(examples) == 60
    assert "NUL" in said(examples)


def test_ragged_rows_are_named_and_left_out(table, saved):
    examples = table.read(saved(LONG + "1,2\n1,x,no\n1,2,3,4\n"), Ask())

    assert [(fault.name, fault.reason) for fault in examples.faults] == [
        ("data.csv row 61", "2 fields, the header has 3"),
        ("data.csv row 63", "4 fields, the header has 3"),
    ]
    assert examples.names[60] == "data.csv row 62"


def test_mixed_encodings_are_read_and_said(table, saved):
    mixed = LONG.replace("x", "é").encode() + "1,é,no\n".encode("latin-1")

    examples = table.read(saved(mixed), Ask())

    assert len(examples) == 61
    assert "mixes encodings" in said(examples)


def test_a_quote_that_is_never_closed_costs_one_row_at_most(table, saved):
    broken = LONG.replace("\n4,", '\n"4,z,', 1)

    examples = table.read(saved(broken), Ask())

    assert len(examples) + len(examples.faults) == 60
    assert [fault.reason for fault in examples.faults] == ["a quote is opened and not closed"]


def test_two_stray_quotes_do_not_swallow_the_rows_between_them(table, saved):
    rows = "1,2,no\n3,4,yes\n" * 100

    examples = table.read(saved(f'a,b,class\n5,"6,no\n{rows}5,"6,no\n{rows}'), Ask())

    assert len(examples) == 402


def test_a_hundred_thousand_columns_are_refused_with_a_sentence(table, saved):
    wide = (
        ",".join(f"c{n}" for n in range(10**5)) + "\n" + ",".join("1" for n in range(10**5)) + "\n"
    )

    with pytest.raises(BadInputError, match="has 100000 columns"):
        table.read(saved(wide), Ask())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b,class\n", "no rows"),
        ("class\nyes\nno\n", "only a target"),
        ("a,class\n,x\n,y\n", "one value in all 2 rows"),
        (b"\x89PNG\r\n\x1a\n0000", "is a picture"),
        (bytes(range(256)) * 20, "is not text"),
        (b"PAR1" + bytes(100) + b"PAR1", "damaged Parquet"),
        ("a,class\n1,\n2,\n", "missing in every row"),
    ],
)
def test_what_cannot_be_learned_from_is_refused_with_the_reason(table, saved, content, reason):
    with pytest.raises(BadInputError, match=reason):
        table.describe(table.read(saved(content), Ask()))


def test_a_packed_file_cut_short_gives_the_rows_before_the_cut(table, saved):
    packed = gzip.compress(LONG.encode() * 20)[:-12]

    examples = table.read(saved(packed, "data.csv.gz"), Ask())

    assert len(examples) > 50
    assert "cut short" in said(examples)


def test_a_packed_bomb_is_refused(table, saved):
    with pytest.raises(BadInputError, match="holds more than"):
        table.read(saved(gzip.compress(bytes(1 << 24)), "data.csv.gz"), Ask(memory=1 << 20))


def test_a_hundred_damaged_copies_are_read_or_refused_with_a_sentence(table, saved):
    random = np.random.default_rng(1)
    outcomes = [outcome(table, saved(damaged(LONG.encode(), random))) for _ in range(100)]

    assert all(one == "read" or "needed:" in one for one in outcomes)
    assert outcomes.count("read") > 50


def damaged(content, random):
    copy = np.frombuffer(content, dtype=np.uint8)[: random.integers(1, len(content) + 1)].copy()
    places = random.integers(0, len(copy), random.integers(1, 9))
    copy[places] ^= (1 << random.integers(0, 8, len(places))).astype(np.uint8)
    return copy.tobytes()


def outcome(table, path):
    try:
        x = encoded(table, table.read(path, Ask()))
    except BadInputError as error:
        return str(error)
    return "read" if np.isfinite(x).all() else "not finite"
