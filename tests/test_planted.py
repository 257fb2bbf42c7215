"""Data with planted reasons: the reason decides, and nothing else does."""

import math

import numpy as np
import pytest
from benchmarks import _planted_pictures as pictures
from benchmarks import _planted_series as series
from benchmarks import _planted_tables as tables
from benchmarks import _planted_texts as texts
from benchmarks._planted_truth import NEITHER, auroc, of_columns, of_parts, of_spans

COUNT = 60
PICTURES = [pictures.Pictures(name, level) for name in pictures.DESIGNS for level in (1, 2, 3)]
TABLES = [tables.Tables(name, level) for name in tables.PLANS for level in (1, 3)]

TEXTS = [texts.Texts(name, level) for name in texts.TALES for level in (1, 2, 3)]
SERIES = [series.Lines(name, level) for name in series.ANSWERS for level in (1, 3)]

each_text = pytest.mark.parametrize("design", TEXTS, ids=str)
each_series = pytest.mark.parametrize("design", SERIES, ids=str)
each_pictures = pytest.mark.parametrize("design", PICTURES, ids=str)
each_table = pytest.mark.parametrize("design", TABLES, ids=str)


def column(table, name):
    return np.array(table[name].to_pylist())


@each_pictures
def test_the_same_seed_gives_the_same_pictures(design):
    one, again = design.made(8, seed=3), design.made(8, seed=3)

    assert np.array_equal(one.x, again.x)
    assert np.array_equal(one.truth, again.truth)


@each_pictures
def test_other_scenery_keeps_the_reason_and_the_class(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert np.array_equal(one.truth, other.truth)
    assert (one.x != other.x).mean() > 0.5


@each_pictures
def test_another_reason_in_the_same_scenery_is_another_class(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, swapped=True)

    there = one.y != NEITHER
    assert (one.y != other.y)[there].all()
    assert (one.y == other.y)[~there].all()
    assert ((one.x != other.x).any(axis=(1, 2, 3)) == there).all()


@each_pictures
def test_nothing_but_the_true_pixels_tells_the_two_apart(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, swapped=True)

    differs = (one.x != other.x).any(axis=3)
    assert not (differs & (one.truth == 0)).any()


@each_pictures
def test_every_picture_of_a_class_but_neither_has_a_mark(design):
    made = design.made(COUNT, seed=3)

    marked = made.truth.any(axis=(1, 2))
    assert marked[made.y != NEITHER].all()
    assert set(made.y) == set(pictures.CLASSES)


@pytest.mark.parametrize(("training", "share"), [(True, 0.867), (False, 0.333)])
def test_the_object_beside_a_watermark_goes_with_the_class_in_training_alone(
    monkeypatch, training, share
):
    seen = []
    drawn = pictures._objects
    monkeypatch.setattr(
        pictures, "_objects", lambda kind, *rest: seen.append(kind) or drawn(kind, *rest)
    )

    made = pictures.Pictures("shortcut", 1).made(600, seed=3, training=training)

    told = np.array(pictures.CLASSES)[seen] == made.y
    assert told.mean() == pytest.approx(share, abs=0.06)


@each_table
def test_the_same_seed_gives_the_same_table(design):
    one, again = design.made(COUNT, seed=3), design.made(COUNT, seed=3)

    assert one.x.equals(again.x)
    assert np.array_equal(one.truth, again.truth)


@each_table
def test_other_columns_keep_the_answer(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert all(one.x[name].equals(other.x[name]) for name in design.plan.used)
    rest = set(tables.COLUMNS) - set(design.plan.used)
    assert not any(one.x[name].equals(other.x[name]) for name in rest)


@each_table
def test_the_used_columns_of_another_row_give_another_answer(design):
    one, other = design.made(400, seed=3), design.made(400, seed=3, swapped=True)

    assert (one.y != other.y).mean() > 0.9
    if design.name != "correlated":
        rest = set(tables.COLUMNS) - set(design.plan.used)
        assert all(one.x[name].equals(other.x[name]) for name in rest)


@each_table
def test_the_columns_that_moved_an_answer_are_those_the_rule_uses(design):
    made = design.made(COUNT, seed=3)

    used = np.isin(tables.COLUMNS, design.plan.used)
    assert ((made.truth > 0) == used).all()


@pytest.mark.parametrize(("training", "share"), [(True, 0.8), (False, 0.5)])
def test_the_real_columns_say_what_the_shortcut_says_in_training_alone(training, share):
    made = tables.Tables("shortcut", 1).made(4000, seed=3, training=training)

    real = column(made.x, "c03") > column(made.x, "c10")
    assert (real == (made.y == "yes")).mean() == pytest.approx(share, abs=0.03)


def test_a_product_of_two_columns_moves_an_answer_by_both_or_by_neither():
    made = tables.Tables("interaction", 1).made(2000, seed=3)

    one, other = (column(made.x, name) for name in ("c02", "c11"))
    effects = made.truth[:, [tables.COLUMNS.index(name) for name in ("c02", "c11")]]
    assert np.corrcoef(effects[:, 0], abs(one * other))[0, 1] > 0.9
    assert np.corrcoef(effects[:, 0], effects[:, 1])[0, 1] > 0.9


@each_text
def test_the_same_seed_gives_the_same_texts(design):
    one, again = design.made(8, seed=3), design.made(8, seed=3)

    assert one.x == again.x
    assert (one.y == again.y).all()


@each_text
def test_other_filling_keeps_the_reason_and_the_class(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert [told(*pair) for pair in zip(one.x, one.truth, strict=True)] == [
        told(*pair) for pair in zip(other.x, other.truth, strict=True)
    ]
    assert all(before != after for before, after in zip(one.x, other.x, strict=True))


@each_text
def test_another_reason_in_the_same_filling_is_another_class(design):
    one, other = design.made(COUNT, seed=3), design.made(COUNT, seed=3, swapped=True)

    there = one.y != NEITHER
    assert (one.y != other.y)[there].all()
    assert (one.y == other.y)[~there].all()
    assert [len(text.split()) for text in one.x] == [len(text.split()) for text in other.x]


@each_text
def test_every_text_of_a_class_but_neither_has_words_that_tell(design):
    made = design.made(COUNT, seed=3)

    telling = np.array([(marks == 1).any() for marks in made.truth])
    assert (telling == (made.y != NEITHER)).all()
    assert all(len(marks) == len(text) for text, marks in zip(made.x, made.truth, strict=True))


def test_a_word_that_is_turned_round_speaks_for_both_classes_and_does_not_count():
    made = texts.Texts("negation", 1).made(COUNT, seed=3)

    turned = [
        (text, marks)
        for text, marks in zip(made.x, made.truth, strict=True)
        if np.isnan(marks).any()
    ]
    assert turned
    for text, marks in turned:
        words = text.split()
        assert told(text, marks) == [texts.TURNS]
        assert words[words.index(texts.TURNS) + 1] in np.ravel(texts.TELLING)


def test_of_two_words_in_order_both_are_reasons():
    made = texts.Texts("order", 2).made(COUNT, seed=3)

    for text, marks, label in zip(made.x, made.truth, made.y, strict=True):
        pair = [texts.TELLING[0][0], texts.TELLING[1][0]]
        expected = {"one": pair, "other": pair[::-1], NEITHER: []}
        assert told(text, marks) == expected[label]


@each_series
def test_the_same_seed_gives_the_same_series(design):
    one, again = design.made(4, seed=3), design.made(4, seed=3)

    assert all(before.equals(after) for before, after in zip(one.x, again.x, strict=True))
    assert np.array_equal(one.truth, again.truth)


@each_series
def test_other_noise_keeps_the_reason_of_a_series(design):
    one, other = design.made(20, seed=3), design.made(20, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert np.array_equal(one.truth, other.truth)


@each_series
def test_another_reason_is_another_answer_to_a_series(design):
    one, other = design.made(200, seed=3), design.made(200, seed=3, swapped=True)

    assert (one.y != other.y)[one.y != NEITHER].mean() > 0.9


@pytest.mark.parametrize("name", ["lag", "variable"])
@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_came_next_is_the_sum_of_what_moved_it(name, level):
    design = series.Lines(name, level)
    long = design.made(4000, seed=3, training=True).x[0]
    values = np.stack([column(long, each) for each in design.names], axis=1)

    starts = np.arange(0, 3900, 13)
    foretold = [
        values[start : start + series.PAST, design.used] @ design._weights() for start in starts
    ]
    came = [
        values[start + series.PAST : start + series.PAST + series.AHEAD, 0].mean()
        for start in starts
    ]
    noise = series.LEVELS[level].noise / np.sqrt(series.AHEAD)
    assert np.std(np.array(came) - foretold) == pytest.approx(noise, rel=0.2)


def test_a_shape_stands_in_one_variable_at_the_time_that_is_marked():
    made = series.Lines("span", 1).made(30, seed=3)

    for label, marks in zip(made.y, made.truth, strict=True):
        assert marks.sum() == (0 if label == NEITHER else series.SHAPE)
        assert not marks[:, :-1].any()


def test_a_stretch_is_true_that_holds_a_quarter_of_the_reasons_or_is_half_reason():
    marks = np.array([0, 0, 1, 1, 0, 0, 0, 0, np.nan, 0, 1, 1, 1, 1, 1, 1])

    labels = of_spans([[0, 2], [2, 4], [0, 8], [4, 9], [9, 16]], marks)

    assert [label if label == label else None for label in labels] == [0, 1, 1, None, 1]


def told(text, marks):
    """The words of a text that are marked as reasons."""
    places = np.cumsum([0, *(len(word) + 1 for word in text.split())])
    return [word for word, at in zip(text.split(), places, strict=False) if marks[at] == 1]


def test_a_part_is_true_that_holds_a_quarter_of_a_mark_or_is_half_mark():
    of = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 4]])
    marks = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, -2, 0], [0, 0, 0, 2]], np.int8)

    labels = of_parts(of, marks)

    assert [label if label == label else None for label in labels] == [None, 1, 0, None, 1]


def test_a_column_counts_if_it_is_never_used_or_mattered_here():
    labels = of_columns(np.array([4.0, 1.4, 1.2, 0.0]))

    assert labels[[0, 1, 3]].tolist() == [1, 1, 0]
    assert math.isnan(labels[2])


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([3, 2, 1], [1, 0, 0], 1.0),
        ([3, 2, 1], [0, 1, 0], 0.5),
        ([1, 1, 0], [1, 0, 0], 0.75),
        ([1, 9, 0], [1, np.nan, 0], 1.0),
    ],
)
def test_auroc_is_the_chance_that_a_true_part_scores_higher(scores, labels, expected):
    assert auroc(np.array(scores, float), np.array(labels, float)) == expected


def test_without_a_true_part_there_is_no_auroc():
    assert math.isnan(auroc(np.ones(3), np.zeros(3)))
