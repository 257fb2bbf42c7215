"""How alike two sets of pictures are, against values worked out by hand."""

import math

import pytest
import torch

from pellucid.tasks import _likeness


def standard(count, features, seed=0):
    """Give features whose mean is 0 and whose covariance is the identity, to the last digit."""
    drawn = torch.randn(count, features, generator=torch.Generator().manual_seed(seed)).double()
    apart = drawn - drawn.mean(dim=0)
    root = torch.linalg.cholesky(apart.T @ apart / (count - 1))
    return torch.linalg.solve_triangular(root, apart.T, upper=False).T


def on_a_line(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


# Distances


def test_the_distance_of_two_round_clouds_is_that_of_their_means_and_widths():
    real = standard(200, 5)
    made = 3.0 * standard(300, 5, seed=1) + torch.tensor([1.0, 2.0, 0.0, 0.0, 0.0])

    assert _likeness.distance(real, made) == pytest.approx(1 + 4 + 5 * (3 - 1) ** 2)


def test_the_distance_of_clouds_that_lie_across_each_other_is_of_the_roots():
    real = standard(100, 2) * torch.tensor([2.0, 1.0])
    made = standard(100, 2, seed=1) * torch.tensor([1.0, 2.0])

    assert _likeness.distance(real, made) == pytest.approx(5 + 5 - 2 * (2 + 2))


def test_pictures_are_at_no_distance_from_themselves():
    real = standard(100, 4)

    assert _likeness.distance(real, real) == pytest.approx(0.0, abs=1e-9)


def test_one_real_picture_again_and_again_is_as_far_as_the_guess_says():
    real = standard(400, 8)

    apart = [_likeness.distance(real, one.expand(50, -1)) for one in real[:400:1]]

    assert sum(apart) / len(apart) == pytest.approx(_likeness.guess(8)["distance"], rel=0.01)


def test_the_kernel_distance_of_points_on_a_line_is_as_by_hand():
    # (x y + 1)³ is 8 for two ones, 1 wherever there is a zero.
    assert _likeness.kernel(on_a_line(1, 1), on_a_line(0, 0)) == pytest.approx(8 + 1 - 2 * 1)
    assert _likeness.kernel(on_a_line(0, 1), on_a_line(0, 0)) == pytest.approx(1 + 1 - 2 * 1)


def test_the_kernel_distance_of_like_sets_is_zero_on_average_however_small_they_are():
    random = torch.Generator().manual_seed(0)
    drawn = torch.randn(2, 600, 8, 3, generator=random).double()

    found = torch.tensor([_likeness.kernel(*pair) for pair in zip(*drawn, strict=True)])

    assert abs(found.mean()) < 3 * found.std() / math.sqrt(len(found))
    assert 0.3 < (found < 0).float().mean() < 0.9


def test_intervals_of_distances_hold_what_more_pictures_would_give():
    random = torch.Generator().manual_seed(0)
    real = torch.randn(60_000, 4, generator=random).double()
    made = 1.3 * torch.randn(60_000, 4, generator=random).double() + 0.2
    whole = _likeness.distance(real, made)

    parts = zip(real.split(2000), made.split(2000), strict=True)
    held = [_likeness.distance_estimate(*part) for part in parts]

    inside = sum(each.low <= whole <= each.high for each in held)
    assert inside >= 25  # of 30


# Neighbours


def test_precision_and_recall_on_a_line_are_as_by_hand():
    real, made = on_a_line(0, 1, 2, 3, 10), on_a_line(1.5, 100)

    found = _likeness.neighbourhood(real, made)

    # The third neighbours of the real ones are 3, 2, 2, 3 and 9 away; 100 is 90 from 10.
    assert found.believable.tolist() == [True, False]
    # Two made points have one neighbour each, 98.5 away.
    assert found.covered.tolist() == [True] * 5
    # With four neighbours at most, a ball holds all real points: 1.5 lies in five of them.
    assert found.dense.tolist() == [5 / 4, 0.0]
    assert found.met.tolist() == [True] * 5


def test_pictures_of_one_kind_alone_are_believable_and_cover_little():
    real = torch.cat([standard(200, 3), standard(200, 3, seed=1) + 20])
    made = standard(200, 3, seed=2)

    found = {
        name: each.value for name, each in _likeness.neighbourhood(real, made).estimates().items()
    }

    assert found["precision"] > 0.9
    assert 0.4 < found["recall"] <= 0.5
    assert found["coverage"] <= 0.5


def test_two_sets_of_the_same_kind_are_as_dense_as_each_other():
    found = _likeness.estimates(standard(1500, 4), standard(1500, 4, seed=1))

    assert found["density"].value == pytest.approx(1.0, abs=0.1)
    assert found["coverage"].value > 0.9
    assert all(each.low <= each.value <= each.high for each in found.values())


def test_every_likeness_is_there_for_a_handful_of_pictures():
    found = _likeness.estimates(standard(9, 4), standard(9, 4, seed=1))

    assert list(found) == ["distance", "kernel", "precision", "recall", "density", "coverage"]
    assert all(math.isfinite(each.value) for each in found.values())


# Memorising


def test_training_pictures_made_again_are_nearer_than_new_ones():
    train, held = standard(300, 8), standard(300, 8, seed=1)
    near = _likeness.nearest(held, train)

    repeated = _likeness.repeated(_likeness.nearest(train + 1e-3, train), near)
    fresh = _likeness.repeated(_likeness.nearest(standard(300, 8, seed=2), train), near)

    assert repeated.value == 1.0
    assert fresh.value < 0.05


def test_rows_that_are_there_again_count_once():
    rows = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0], [3.0, 0.0]])

    assert _likeness.distinct(rows).tolist() == [[1.0, 2.0], [0.0, 1.0], [3.0, 0.0]]
