"""Data with planted reasons: the reason decides, and nothing else does."""

import math

import numpy as np
import pytest
from benchmarks import _planted_pictures as pictures
from benchmarks import _planted_tables as tables
from benchmarks._planted_truth import NEITHER, auroc, of_columns, of_parts

COUNT = 60
PICTURES = [pictures.Pictures(name, level) for name in pictures.DESIGNS for level in (1, 2, 3)]
TABLES = [tables.Tables(name, level) for name in tables.PLANS for level in (1, 3)]

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
