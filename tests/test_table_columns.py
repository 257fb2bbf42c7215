"""What the columns of a table become, and what is found in them."""

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest

from pellucid.data import Ask, Schema
from pellucid.data.table import Table

PLAIN = "age,work,class\n39,office,no\n50,craft,yes\n38,office,no\n53,,yes\n"
LONG = "a,b,class\n" + "".join(
    f"{n * n % 7},{'xyz'[n % 3]},{['no', 'yes'][n % 2]}\n" for n in range(60)
)


@pytest.fixture
def table():
    return Table()


def said(examples):
    return " ".join(note.text for note in examples.notes)


def columns(schema):
    return [column["name"] for column in schema.details["columns"]]


def encoded(table, examples):
    return table.encode(examples, table.describe(examples))


# What columns become


def test_a_number_is_scaled_and_a_missing_one_is_the_median(table):
    values = [1.0, 2.0, 3.0, 4.0, 5.0, None, 7.0, 9.0, 11.0]

    examples = table.read({"a": values, "class": list("xyxyxyxyx")}, Ask())
    schema = table.describe(examples)
    x = table.encode(examples, schema)

    assert columns(schema) == ["a", "a is missing"]
    assert x[5].tolist() == [0, 1]
    assert x[values.index(5.0)].tolist() == [0, 0]
    assert (np.diff(x[[0, 1, 2, 3, 4, 6, 7, 8], 0]) > 0).all()


def test_a_heavy_tail_keeps_its_order_and_stays_small(table):
    values = np.concatenate([np.zeros(900), np.geomspace(1, 1e12, 100)])

    x = encoded(table, table.read({"a": values, "class": ["x", "y"] * 500}, Ask()))[:, 0]

    assert np.isfinite(x).all()
    assert (np.diff(x[900:]) > 0).mean() > 0.6
    assert np.abs(x).max() < 40


def test_bins_are_distinct_rising_and_at_most_48(table):
    random = np.random.default_rng(0)
    values = np.where(random.random(5000) < 0.9, 0, random.lognormal(8, 2, 5000))

    schema = table.describe(table.read({"a": values, "class": ["x", "y"] * 2500}, Ask()))
    bins = schema.details["bins"][0]

    assert 20 < len(bins) <= 48
    assert (np.diff(bins) > 0).all()
    assert schema.details["columns"][0]["bins"] == bins


def test_categories_have_codes_and_unseen_ones_are_0(table):
    seen = table.read({"a": ["u", "v", "u", None, "w"], "class": list("xyxyx")}, Ask())
    schema = replace(table.describe(seen), target="class")

    x = table.encode(table.read({"a": ["v", "new", None, "u"]}, Ask(schema=schema)), schema)

    assert schema.cardinalities == (5,)
    assert schema.details["columns"][0]["levels"] == ["", "u", "v", "w"]
    assert x[:, 0].tolist() == [3, 0, 1, 2]


def test_of_very_many_categories_the_most_frequent_are_kept(table):
    words = [f"w{n}" for n in range(1500)] + [f"w{n}" for n in range(1000)] * 2

    schema = table.describe(table.read({"a": words, "class": ["x", "y"] * 1750}, Ask()))

    assert schema.cardinalities == (1001,)
    assert "w1400" not in schema.details["columns"][0]["levels"]


def test_dates_become_the_circles_of_the_year_the_week_and_the_day(table, saved):
    days = "".join(f"2024-{n % 12 + 1:02}-15 {n % 24:02}:00:00,{n % 2}\n" for n in range(48))

    examples = table.read(saved("when,class\n" + days), Ask())
    schema = table.describe(examples)
    x = table.encode(examples, schema)

    circles = [
        f"when {part} {wave}"
        for part in ("month", "weekday", "hour")
        for wave in ("sine", "cosine")
    ]
    assert columns(schema) == ["when year", *circles]
    assert x.shape == (48, 7)


def test_days_first_or_months_first_is_remembered(table, saved):
    schema = table.describe(
        table.read(saved("d,class\n31/12/2019,a\n01/02/2020,b\n05/06/2021,b\n"), Ask())
    )

    again = table.read({"d": ["03/04/2020"]}, Ask(schema=schema))

    assert str(again.raw.column("d")[0]) == "2020-04-03 00:00:00"


def test_numbers_with_a_few_words_are_numbers_and_said(table, saved):
    rows = "".join(f"{n * n % 101 if n != 40 else 'broken'},{n % 2}\n" for n in range(100))

    examples = table.read(saved("a,class\n" + rows), Ask())

    assert columns(table.describe(examples)) == ["a", "a is missing"]
    assert "'broken'" in said(examples)


def test_names_of_rows_counters_and_free_text_are_left_out(table, saved):
    rows = "".join(f"{n},u{n * 7919},{n % 5},some words of row {n},{n % 2}\n" for n in range(50))

    examples = table.read(saved("id,user,a,text,class\n" + rows), Ask())

    assert examples.raw.column_names == ["a"]
    assert all(f"'{name}'" in said(examples) for name in ("id", "user", "text"))


def test_constant_columns_are_not_used(table):
    examples = table.read({"a": [1, 2, 3], "b": ["x"] * 3, "class": ["u", "v", "u"]}, Ask())

    assert columns(table.describe(examples)) == ["a"]


def test_what_is_known_is_learned_from_the_rows_given(table):
    examples = table.read({"a": [1, 2, 3, 400], "class": ["u", "v", "u", "v"]}, Ask())

    schema = table.describe(table.take(examples, np.array([0, 1, 2])))

    assert schema.details["columns"][0]["center"] == 2


def test_a_schema_is_the_same_after_json(table, saved):
    schema = table.describe(table.read(saved(LONG), Ask()))

    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


# Keys


def test_keys_follow_their_rows_and_not_the_target(table, saved):
    keys = table.keys(table.read(saved(PLAIN), Ask()))
    lines = PLAIN.splitlines()
    turned = "\n".join([lines[0], *reversed(lines[1:])]).replace("yes", "no")

    assert table.keys(table.read(saved(turned), Ask())).tolist() == keys[::-1].tolist()


def test_keys_are_the_same_on_every_machine(table):
    examples = table.read({"a": [1.5], "b": ["x"]}, Ask(target=""))

    cells = {"a": mixed(struct.unpack("<Q", struct.pack("<d", 1.5))[0]), "b": hashed("x")}
    parts = [mixed(cell ^ hashed(f"column {name}")) for name, cell in cells.items()]
    assert table.keys(examples).tolist() == [mixed(sum(parts) % 2**64)]


def hashed(text):
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mixed(bits):
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EB % 2**64
    return bits ^ bits >> 31


# Looking


def findings(table, source):
    return {finding.what: finding for finding in table.look(table.read(source, Ask()))}


def test_a_column_that_gives_the_answer_away_is_found(table):
    random = np.random.default_rng(0)
    answer = random.integers(0, 2, 400)
    source = {"noise": random.normal(size=400), "leak": answer * 2.0 + 5, "class": answer}

    found = findings(table, source)

    assert "'leak'" in found["gives the answer away"].text


def test_a_rare_class_alone_gives_nothing_away(table):
    random = np.random.default_rng(0)
    source = {"noise": random.normal(size=4000), "class": (np.arange(4000) % 1000 == 0).astype(int)}

    assert "gives the answer away" not in findings(table, source)


def test_a_copy_of_a_numeric_target_is_found(table):
    y = np.random.default_rng(0).normal(size=2000)

    assert "'twice'" in findings(table, {"twice": 2 * y + 1, "y": y})["gives the answer away"].text


def test_missing_values_repeats_constants_and_large_categories_are_found(table):
    numbers = [None if n % 3 else n * n % 7 for n in range(3000)]
    source = {
        "a": numbers,
        "b": numbers,
        "c": [1] * 3000,
        "d": [f"w{n % 1200}" for n in range(3000)],
        "class": ["x", "y"] * 1500,
    }

    found = findings(table, source)

    assert "66.7%" in found["missing values"].text
    assert found["missing values"].level == "warning"
    assert "'b'" in found["repeated column"].text
    assert "'c'" in found["constant column"].text
    assert "1200" in found["large category"].text


def test_a_sheet_is_a_picture(table, tmp_path):
    examples = table.read(Table.specimen(tmp_path), Ask())

    assert table.draw(examples, [0, 5]).startswith(b"\x89PNG")
    assert table.draw(examples, []).startswith(b"\x89PNG")
