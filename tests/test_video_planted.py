"""Clips with a planted reason: the reason decides, and nothing else does."""

import numpy as np
import pytest
from benchmarks._planted_clips import ANSWERS, FRAMES, Films, ordered, write
from benchmarks._planted_truth import NEITHER

from pellucid.data.video import Video

DESIGNS = [Films(name, level) for name in ANSWERS for level in (1, 3)]
each_design = pytest.mark.parametrize("design", DESIGNS, ids=str)


@each_design
def test_the_same_seed_gives_the_same_clips(design):
    one, again = design.made(4, seed=3), design.made(4, seed=3)

    assert np.array_equal(np.stack(one.x), np.stack(again.x))
    assert all(np.array_equal(a, b) for a, b in zip(one.truth, again.truth, strict=True))


@each_design
def test_other_scenery_keeps_the_reason_of_a_clip(design):
    one, other = design.made(20, seed=3), design.made(20, seed=3, scenery=4)

    assert (one.y == other.y).all()
    assert all(np.array_equal(a, b) for a, b in zip(one.truth, other.truth, strict=True))
    assert (np.stack(one.x) != np.stack(other.x)).mean() > 0.8


@each_design
def test_nothing_but_the_true_patch_tells_two_clips_apart(design):
    one, other = design.made(30, seed=3), design.made(30, seed=3, swapped=True)
    there = one.y != NEITHER

    assert (one.y != other.y)[there].all()
    changed = np.stack(one.x) != np.stack(other.x)
    for row, marks in zip(changed, one.truth, strict=True):
        assert not row[marks == 0].any()
    assert (changed.any(axis=(1, 2, 3)) == there).all()


def test_only_the_order_of_frames_tells_ordered_clips_apart():
    clips, labels = ordered(20, seed=1)

    assert labels == ["one", "other"] * 10
    for one, other in zip(clips[::2], clips[1::2], strict=True):
        assert len(one) == FRAMES
        assert np.array_equal(one, other[::-1])


@pytest.mark.slow
def test_motion_alone_is_learned_and_the_average_of_frames_stays_at_chance(tmp_path):

    import pellucid

    for side, count, seed in (("train", 400, 0), ("test", 200, 1)):
        for place, (frames, label) in enumerate(zip(*ordered(count, seed=seed), strict=True)):
            write(tmp_path / side / label / f"clip{place:04}", frames)
    right = {}
    for network in ("r2plus1d", "framelstm", "framemean"):
        model = pellucid.fit(tmp_path / "train", steps=150, seed=0, network=network)
        scores = model.evaluate(tmp_path / "test").scores
        right[network] = scores["accuracy"].value
    assert right["r2plus1d"] >= 0.95
    assert right["framelstm"] >= 0.95
    assert 0.4 < right["framemean"] < 0.6


@each_design
def test_made_clips_are_taken_for_clips(design, tmp_path):
    planted = design.made(12, seed=1)
    for place, (frames, label) in enumerate(zip(planted.x, planted.y, strict=True)):
        write(tmp_path / label / f"clip{place}", frames)
    assert Video().recognises(tmp_path) > 0.96
