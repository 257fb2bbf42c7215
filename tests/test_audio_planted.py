"""Recordings with a planted reason: the reason decides, and nothing else does."""

import numpy as np
import pytest
from benchmarks._planted_sounds import ANSWERS, RATE, Sounds
from benchmarks._planted_truth import NEITHER

DESIGNS = [Sounds(name, level) for name in ANSWERS for level in (1, 3)]
each_design = pytest.mark.parametrize("design", DESIGNS, ids=str)


def waves(planted):
    return np.stack([samples for samples, _ in planted.x])


@each_design
def test_the_same_seed_gives_the_same_sounds(design):
    one, again = design.made(4, seed=3), design.made(4, seed=3)

    assert np.array_equal(waves(one), waves(again))
    assert all(np.array_equal(a, b) for a, b in zip(one.truth, again.truth, strict=True))


@each_design
def test_other_scenery_keeps_the_reason_of_a_sound(design):
    one, other = design.made(20, seed=3), design.made(20, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert all(np.array_equal(a, b) for a, b in zip(one.truth, other.truth, strict=True))
    assert (waves(one) != waves(other)).mean() > 0.9


@each_design
def test_nothing_but_the_true_stretch_tells_two_sounds_apart(design):
    one, other = design.made(30, seed=3), design.made(30, seed=3, swapped=True)
    there = one.y != NEITHER

    assert (one.y != other.y)[there].all()
    assert (one.y == other.y)[~there].all()
    changed = waves(one) != waves(other)
    for row, marks in zip(changed, one.truth, strict=True):
        assert not row[marks == 0].any()
    assert (changed.any(axis=1) == there).all()


def test_both_answers_are_as_loud_and_as_long():
    for design in DESIGNS:
        planted = design.made(120, seed=5)
        levels = {
            label: np.sqrt((waves(planted)[planted.y == label] ** 2).mean())
            for label in ("one", "other")
        }
        assert levels["one"] == pytest.approx(levels["other"], rel=0.1)
        assert {len(samples) for samples, _ in planted.x} == {RATE}
