"""Short texts, one a line, and long texts that are not taken for them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.data import Ask
from pellucid.data._text_forms import END
from pellucid.data._text_lines import are_texts, lines_of
from pellucid.registry import kind as kinds

SHARED = Path(__file__).parents[2] / "shared" / "data"
THINGS = ("cup", "lamp", "chair", "clock", "spoon", "knife", "table", "door", "shelf", "plate")
HOW = ("broke at once.", "works well!", "is as described.", "came late.", "was too dear for me.")


def reviews(count=400, seed=0):
    random = np.random.default_rng(seed)
    return [
        f"The {THINGS[random.integers(10)]} {HOW[random.integers(5)]} {random.integers(10_000)} no."
        for _ in range(count)
    ]


def read(path, **asked):
    text = kinds["text"]()
    return text, text.read(path, Ask(task="generate_text", **asked))


@pytest.fixture
def file(saved):
    return saved("\n".join(reviews()) + "\n", name="reviews.txt")


def test_reviews_one_a_line_are_short_texts():
    assert are_texts("\n".join(reviews()))


def test_names_need_not_end_as_sentences_do():
    random = np.random.default_rng(0)
    names = ["".join(chr(97 + n) for n in random.integers(0, 26, 6)) for _ in range(300)]

    assert are_texts("\n".join(names))


def test_lines_that_break_for_want_of_room_are_one_text():
    assert not are_texts("\n".join(line.rstrip(".!") + " and" for line in reviews()))


def test_paragraphs_apart_are_one_text():
    assert not are_texts("\n\n".join(reviews()))


def test_sentences_that_go_on_from_each_other_are_one_text():
    story = [f"Then person{n // 4} met someone of place{n // 6}." for n in range(400)]

    assert not are_texts("\n".join(story))


def test_few_lines_are_one_text():
    assert not are_texts("\n".join(reviews(60)))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("multi30k_en_de/train.en.gz", True),
        ("multi30k_en_de/train.de.gz", True),
        ("ptb/ptb.valid.txt.gz", False),
        ("tiny_shakespeare/input.txt", False),
    ],
)
def test_real_files_are_taken_for_what_they_are(name, told):
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the repository")
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()

    assert are_texts(text[:400_000]) is told


def test_each_line_is_an_example_between_two_ends(file):
    text, examples = read(file)
    schema = text.describe(examples)
    stored = text.encode(examples, schema)

    assert len(examples) == 400
    assert (stored[:, 0] == END).all()
    assert ((stored == END).sum(axis=1) == 2).all()
    assert all(row[row != 0][-1] == END for row in stored)
    assert schema.details["lines"] is True
    assert any("400 short texts" in note.text for note in examples.notes)


def test_equal_lines_are_on_one_side_whatever_their_order(saved):
    lines = reviews(300) + reviews(300)
    forth = read(saved("\n".join(lines), name="a.txt"))[1]
    back = read(saved("\n".join(lines[::-1]), name="b.txt"))[1]
    sides = dict(zip(forth.raw, forth.sides, strict=True))

    assert dict(zip(back.raw, back.sides, strict=True)) == sides
    assert all(sides[text] == side for text, side in zip(forth.raw, forth.sides, strict=True))
    assert 0.02 < np.mean(forth.sides == "valid") < 0.4


def test_a_later_file_is_read_by_lines_as_the_first_was(file, saved):
    text, examples = read(file)
    schema = text.describe(examples)
    later = saved("One line.\nAnother line.\n", name="later.txt")

    assert len(read(later, schema=schema)[1]) == 2
    assert len(read(later, whole=True)[1]) == 1


def test_a_language_model_of_short_texts_learns_where_they_end(file):
    model = pellucid.fit(file, task="generate_text", network="rnn", steps=40, seed=0)

    assert model.schema.details["lines"] is True
    assert lines_of("".join(model.generate(length=300)))
    assert "\n" not in "".join(model.generate(length=300))
