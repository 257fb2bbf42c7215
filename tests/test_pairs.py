"""Pairs of sentences: how they are read, cleaned, divided and cut into pieces."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import Ask
from pellucid.data._pairs_cleaning import LONGEST
from pellucid.data._pairs_drift import drifts_at
from pellucid.data._pairs_specimen import invented
from pellucid.data._split import split
from pellucid.data.pairs import Pairs
from pellucid.errors import BadInputError

SHARED = Path(__file__).parents[2] / "shared" / "data" / "multi30k_en_de"
PAIRS = invented(300, seed=1)


def write(path, lines):
    text = "".join(f"{line}\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def two(folder, pairs, ending=""):
    sources, targets = zip(*pairs, strict=True)
    return [write(folder / f"a.en{ending}", sources), write(folder / f"a.xx{ending}", targets)]


def reasons(examples):
    return {fault.name: fault.reason for fault in examples.faults}


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_two_files_go_line_by_line(tmp_path, ending):
    examples = Pairs().read(two(tmp_path, PAIRS, ending), Ask())

    assert list(zip(examples.raw, examples.targets, strict=True)) == PAIRS
    assert examples.names[2] == f"a.en{ending} row 3"
    assert examples.target == "xx"


def test_tables_json_lines_and_memories_say_the_same(tmp_path):
    pairs = PAIRS[:250]
    rows = [f"{one}\t{other}" for one, other in pairs]
    units = "".join(
        f'<tu><tuv xml:lang="de"><seg>{other}</seg></tuv>'
        f'<tuv xml:lang="en"><seg>{one}</seg></tuv></tu>'
        for one, other in pairs
    )
    memory = f'<?xml version="1.0"?><tmx><header srclang="en"/><body>{units}</body></tmx>'
    files = [
        write(tmp_path / "a.tsv", ["en\tde", *rows]),
        write(tmp_path / "b.tsv", rows),
        write(tmp_path / "c.jsonl", [json.dumps({"en": o, "de": t}) for o, t in pairs]),
        write(
            tmp_path / "d.jsonl",
            [json.dumps({"id": "x", "translation": {"en": o, "de": t}}) for o, t in pairs],
        ),
        write(tmp_path / "e.tmx", [memory]),
    ]

    for file in files:
        examples = Pairs().read(file, Ask())
        assert list(zip(examples.raw, examples.targets, strict=True)) == pairs, file.name
    assert all(Pairs().recognises(file) > 0.9 for file in files if file.name != "b.tsv")


def test_a_folder_names_languages_and_sides(tmp_path):
    for stem, part in (("train", PAIRS[:200]), ("val", PAIRS[200:250]), ("test_2016", PAIRS[250:])):
        sources, targets = zip(*part, strict=True)
        write(tmp_path / f"{stem}.en.gz", sources)
        write(tmp_path / f"{stem}.de.gz", targets)

    examples = Pairs().read(tmp_path, Ask())

    counts = {side: int((examples.sides == side).sum()) for side in ("train", "valid", "test")}
    assert counts == {"train": 200, "valid": 50, "test": 50}
    # Of two languages the first in the alphabet is the source.
    assert examples.target == "en"


def test_sides_of_unequal_length_name_the_line_that_drifts(tmp_path):
    random = np.random.default_rng(0)
    sizes = random.integers(1, 40, 400)
    sources = ["word " * int(size) for size in sizes]
    targets = ["longword " * int(size) for size in sizes]
    del targets[123]

    assert abs(drifts_at(sources, targets) - 124) <= 2
    with pytest.raises(BadInputError, match=r"400 lines .* 399 .* from line 12\d on"):
        Pairs().read([write(tmp_path / "a.en", sources), write(tmp_path / "a.de", targets)], Ask())


def test_what_teaches_nothing_good_is_left_out_and_named(tmp_path):
    german = [
        (f"The man number {n} walks with his dog.", f"Der Mann Nummer {n} geht mit seinem Hund.")
        for n in range(300)
    ]
    odd = [
        ("A cat sleeps.", ""),
        ("A boy and a girl sing.", "a boy and a girl sing."),
        ("A horse.", "Ein Pferd " * 40),
        ("x" * (LONGEST + 1), "Ein Buchstabe."),
        ("Der Mann geht mit seinem Hund.", "The man with the red hat walks with his dog."),
        german[7],
    ]

    examples = Pairs().read(two(tmp_path, [*german, *odd]), Ask())

    found = reasons(examples)
    assert len(examples) == 300
    for row, words in zip(
        range(301, 307),
        ("empty", "copy", "differ too much", "longer than", "language of the sources", "before"),
        strict=True,
    ):
        assert words in found[f"a.en row {row}"]
    told = " ".join(note.text for note in examples.notes)
    assert "1 pair is left out, such as a.en row 302: the target is a copy of the source" in told


def test_a_line_of_a_million_characters_is_a_fault(tmp_path):
    examples = Pairs().read(two(tmp_path, [*PAIRS, ("y" * 1_000_000, "z")]), Ask())

    assert len(examples) == len(PAIRS)
    assert "longer than 2,000 characters" in reasons(examples)["a.en row 301"]


def test_a_file_against_itself_leaves_nothing(tmp_path):
    file = write(tmp_path / "a.en", [one for one, _ in PAIRS])
    other = write(tmp_path / "b.de", [one for one, _ in PAIRS])

    with pytest.raises(BadInputError, match="300 times the target is a copy of the source"):
        Pairs().read([file, other], Ask())


def test_mixed_encodings_are_read_and_said(tmp_path):
    lines = ["Ein Mann läuft über die Straße.".encode()] * 20
    lines += ["Ein Mädchen hört Musik.".encode("cp1252")]
    (tmp_path / "a.de").write_bytes(b"\n".join(lines) + b"\n")
    write(tmp_path / "a.en", [f"A man crosses street {n}." for n in range(21)])

    examples = Pairs().read([tmp_path / "a.en", tmp_path / "a.de"], Ask())

    assert len(examples) == 21
    assert any("encod" in note.what or "encod" in note.text for note in examples.notes)


def test_one_plain_file_alone_says_what_is_missing(tmp_path):
    file = write(tmp_path / "train.en", [one for one, _ in PAIRS])

    with pytest.raises(BadInputError, match="name both files"):
        Pairs().read(file, Ask())


def test_a_name_that_is_not_there_is_no_sentence(tmp_path):
    file = write(tmp_path / "train.en", [one for one, _ in PAIRS])

    with pytest.raises(BadInputError, match="files that are there"):
        Pairs().read([str(file), "train.missing"], Ask())


def test_the_same_source_stays_on_one_side(tmp_path):
    pairs = [*PAIRS, *[(one, f"{other} nu") for one, other in PAIRS[:60]]]
    kind = Pairs()
    examples = kind.read(two(tmp_path, pairs), Ask())

    sides = split(examples, kind.clusters(examples), kind.keys(examples), seed=0)

    train = {examples.raw[place] for place in sides.train}
    held = {examples.raw[place] for place in sides.valid}
    assert held
    assert not train & held
    assert not any("too few separate examples" in said for said in sides.said)


def test_letters_that_training_never_saw_are_spelled_in_bytes(tmp_path):
    kind = Pairs()
    schema = kind.describe(kind.read(two(tmp_path, PAIRS), Ask()))
    strange = kind.read(["Привет, 世界 🙂"], Ask(schema=schema))

    again = kind.restore(kind.encode(strange, schema), schema)

    assert again.raw == ["Привет, 世界 🙂"]


def test_a_long_source_is_divided_at_the_ends_of_its_sentences(tmp_path):
    kind = Pairs()
    schema = kind.describe(kind.read(two(tmp_path, PAIRS), Ask()))
    text = " ".join(f"the dog number {n} sees a red boat." for n in range(30))
    given = kind.read(["a cat", text, "a" * 900], Ask(schema=schema))

    parts, owners, between = kind.apart(given, schema)

    assert parts.raw[0] == "a cat"
    assert " ".join(p for p, owner in zip(parts.raw, owners, strict=True) if owner == 1) == text
    assert set(owners.tolist()) == {0, 1, 2}
    assert between[0] == ""
    assert (kind.sizes(kind.encode(parts, schema), schema) <= schema.shape[0]).all()


def test_an_empty_source_is_a_fault_and_alone_is_refused(tmp_path):
    kind = Pairs()
    schema = kind.describe(kind.read(two(tmp_path, PAIRS), Ask()))

    some = kind.read([{"text": "the dog"}, {"text": "  "}], Ask(schema=schema))

    assert reasons(some) == {"row 2": "it is empty"}
    with pytest.raises(BadInputError, match="an empty text"):
        kind.read([{"text": ""}], Ask(schema=schema))


@pytest.mark.skipif(not SHARED.exists(), reason="multi30k_en_de is not here")
def test_captions_are_pairs_of_which_nearly_all_can_be_used():
    kind = Pairs()
    source = [SHARED / "val.en.gz", SHARED / "val.de.gz"]

    examples = kind.read(source, Ask())

    assert kind.recognises(source) > 0.95
    assert kind.recognises(SHARED) > 0.95
    assert len(examples) >= 1_010
    assert examples.targets[0].startswith("Eine Gruppe von Männern")
