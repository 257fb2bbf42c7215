"""Splitting: nothing leaks, classes stay in proportion, and order and names do not matter."""

import numpy as np
import pytest

from pellucid.data import Examples
from pellucid.data._components import components, united
from pellucid.data._duplicates import EXACT_UP_TO, NEAR, near_duplicates
from pellucid.data._split import held_out_share, split
from pellucid.errors import BadInputError


def made(count, *, targets=None, groups=None, sides=None):
    """Examples of which only the count, targets, groups and sides matter to a split."""
    return Examples(
        kind="fake",
        names=[f"{place}.jpg" for place in range(count)],
        raw=None,
        target="class",
        targets=targets,
        groups=groups,
        sides=sides,
    )


def keys_of(count):
    return np.random.default_rng(7).permutation(10 * count)[:count].astype(np.uint64)


def divided(examples, *, clusters=None, keys=None, share=None, seed=0):
    count = len(examples)
    keys = keys_of(count) if keys is None else keys
    clusters = np.arange(count) if clusters is None else clusters
    return split(examples, clusters, keys, share=share, seed=seed)


def words(*parts):
    return np.array([word for word, count in parts for _ in range(count)], object)


def unit_vectors(count, *, size=256, seed=0):
    vectors = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def turned(vectors, cosine, seed=1):
    """Vectors at exactly this cosine to the given ones."""
    noise = unit_vectors(len(vectors), size=vectors.shape[1], seed=seed)
    noise -= (noise * vectors).sum(1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (cosine * vectors + np.sqrt(1 - cosine**2) * noise).astype(np.float32)


def as_sets(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def test_components_are_what_hangs_together():
    first, second = np.array([0, 1, 5]), np.array([1, 2, 4])

    labels = components(7, first, second)

    assert labels.tolist() == [0, 0, 0, 1, 2, 2, 3]


def test_a_chain_of_a_hundred_thousand_is_one_component():
    order = np.random.default_rng(0).permutation(100_000)

    labels = components(100_000, order[:-1], order[1:])

    assert labels.max() == 0


def test_uniting_two_partitions_keeps_what_either_holds_together():
    labels = united(np.array([0, 0, 1, 2, 3]), np.array([5, 6, 6, 7, 8]))

    assert labels.tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize("count", [500, EXACT_UP_TO + 1000])
def test_planted_near_duplicates_are_found_and_nothing_else(count):
    vectors = unit_vectors(count)
    near, far = turned(vectors[:200], NEAR + 0.001), turned(vectors[200:400], NEAR - 0.002)

    labels = near_duplicates(np.concatenate([vectors, near, far]))

    assert (labels[:200] == labels[count : count + 200]).mean() >= 0.99
    assert len(np.unique(labels)) >= count + 200
    assert np.bincount(labels).max() == 2


@pytest.mark.parametrize("count", [300, EXACT_UP_TO + 500])
def test_clusters_do_not_depend_on_the_order_of_the_examples(count):
    vectors = unit_vectors(count, size=40)
    vectors = np.concatenate([vectors, turned(vectors[:100], 0.998), vectors[:50]])
    order = np.random.default_rng(3).permutation(len(vectors))

    labels = near_duplicates(vectors)
    again = np.empty_like(labels)
    again[order] = near_duplicates(vectors[order])

    assert as_sets(labels) == as_sets(again)


def test_blank_vectors_are_near_to_blank_ones_only():
    vectors = np.eye(4, dtype=np.float32)
    vectors[[1, 3]] = 0

    found = as_sets(near_duplicates(vectors))

    assert found == {frozenset({0}), frozenset({1, 3}), frozenset({2})}


def test_things_that_are_all_alike_are_no_near_duplicates_but_copies_among_them_are():
    turn = 2 * np.pi / 42
    across, along = np.meshgrid(turn * np.arange(42), turn * np.arange(42))
    across, along = np.append(across, 0.02), np.append(along, 0)
    vectors = np.stack([np.cos(across), np.sin(across), np.cos(along), np.sin(along)], axis=1)

    labels = near_duplicates((vectors / np.sqrt(2)).astype(np.float32))

    assert (np.cos(turn) + 1) / 2 > NEAR
    assert len(np.unique(labels)) == 42 * 42
    assert labels[0] == labels[-1]


def test_no_vectors_have_no_clusters():
    assert near_duplicates(np.zeros((0, 8), np.float32)).shape == (0,)


@pytest.mark.parametrize(
    ("count", "share"),
    [(10, 0.2), (1_000, 0.2), (5_000, 0.15), (20_000, 0.1), (60_000, 0.05), (10**6, 0.01)],
)
def test_the_more_data_the_smaller_the_share_held_out(count, share):
    assert held_out_share(count) == pytest.approx(share)


def test_every_example_is_on_one_side():
    sides = divided(made(500, targets=words(("a", 300), ("b", 200))))

    both = np.concatenate([sides.train, sides.valid, sides.test])
    assert sorted(both.tolist()) == list(range(500))
    assert (np.diff(sides.train) > 0).all()
    assert (np.diff(sides.valid) > 0).all()


def test_classes_keep_their_proportions():
    targets = words(("common", 800), ("rare", 150), ("rarest", 50))

    sides = divided(made(1000, targets=targets))

    held = targets[sides.valid]
    assert [(held == name).sum() for name in ("common", "rare", "rarest")] == [160, 30, 10]


def test_a_class_of_six_has_two_held_out_and_a_class_of_two_one():
    targets = words(("many", 400), ("six", 6), ("two", 2))

    held = targets[divided(made(408, targets=targets), share=0.1).valid]

    assert ((held == "six").sum(), (held == "two").sum()) == (2, 1)


def test_a_class_of_one_stays_in_training_and_is_said():
    targets = words(("many", 50), ("lone", 1))

    sides = divided(made(51, targets=targets))

    assert 50 in sides.train
    assert any("'lone' (1)" in sentence for sentence in sides.said)


def test_numbers_are_held_out_evenly_over_their_range():
    targets = np.random.default_rng(0).lognormal(size=1000)

    sides = divided(made(1000, targets=targets))

    deciles = np.quantile(targets, np.linspace(0, 1, 11)[1:-1])
    counts = np.bincount(np.searchsorted(deciles, targets[sides.valid]))
    assert counts.min() >= 18
    assert counts.max() <= 22


def test_groups_and_near_duplicates_never_straddle():
    random = np.random.default_rng(0)
    groups = np.array([f"speaker {place}" for place in random.integers(0, 60, 900)], object)
    clusters = np.arange(900)
    clusters[1::9] = clusters[0::9]

    sides = divided(made(900, groups=groups), clusters=clusters)

    assert not {*groups[sides.train]} & {*groups[sides.valid]}
    assert not {*clusters[sides.train]} & {*clusters[sides.valid]}
    assert len(sides.valid) > 0


def test_six_speakers_of_equal_size_give_one_or_two_to_the_held_out_side():
    groups = words(*((f"speaker {place}", 500) for place in range(6)))
    targets = np.tile(np.array([str(digit) for digit in range(10)], object), 300)

    sides = divided(made(3000, groups=groups, targets=targets))

    assert len({*groups[sides.valid]}) in (1, 2)


def test_one_giant_group_does_not_leave_the_held_out_side_empty():
    groups = np.array(["giant"] * 800 + [str(place) for place in range(200)], object)

    for seed in range(10):
        sides = divided(made(1000, groups=groups), seed=seed)
        assert 150 <= len(sides.valid) <= 250


def test_an_example_without_a_group_is_a_group_of_its_own():
    groups = np.array([None] * 100, object)

    assert len(divided(made(100, groups=groups)).valid) == 20


@pytest.mark.parametrize("numeric", [False, True])
def test_the_split_does_not_depend_on_the_order_of_the_files(numeric):
    random = np.random.default_rng(1)
    targets = random.standard_normal(400) if numeric else words(("a", 300), ("b", 100))
    groups = np.array([str(place) for place in random.integers(0, 150, 400)], object)
    clusters, keys = random.integers(0, 350, 400), keys_of(400)
    order = random.permutation(400)

    one = divided(made(400, targets=targets, groups=groups), clusters=clusters, keys=keys)
    other = divided(
        made(400, targets=targets[order], groups=groups[order]),
        clusters=clusters[order],
        keys=keys[order],
    )

    assert {*keys[one.valid]} == {*keys[order][other.valid]}
    assert one.fingerprint == other.fingerprint


def test_another_seed_holds_out_others_and_has_another_fingerprint():
    examples = made(300)

    one, other = divided(examples, seed=0), divided(examples, seed=1)

    assert one.valid.tolist() != other.valid.tolist()
    assert one.fingerprint != other.fingerprint


def test_adding_one_example_moves_few_others():
    keys = keys_of(1001)

    one = divided(made(1000), keys=keys[:1000])
    other = divided(made(1001), keys=keys)

    assert len({*one.valid.tolist()} ^ {*other.valid.tolist()}) <= 3


def test_the_test_side_of_the_folders_never_enters_training_and_its_twins_are_said():
    sides = words(("train", 100), ("test", 50))
    clusters = np.arange(150)
    clusters[100:112] = clusters[:12]

    found = divided(made(150, sides=sides), clusters=clusters)

    assert found.test.tolist() == list(range(100, 150))
    assert not {*found.test} & {*found.train, *found.valid}
    assert any("near-duplicates of test examples" in sentence for sentence in found.said)


def test_the_held_out_side_of_the_folders_is_used_and_its_twins_leave_training():
    sides = words(("train", 100), ("valid", 50))
    clusters = np.arange(150)
    clusters[100:103] = clusters[:3]

    found = divided(made(150, sides=sides), clusters=clusters)

    assert found.valid.tolist() == list(range(100, 150))
    assert found.train.tolist() == list(range(3, 100))
    assert any(sentence.startswith("3 training examples that are") for sentence in found.said)


def test_training_examples_of_a_held_out_group_leave_training():
    sides = words(("", 10), ("valid", 5))
    groups = np.array([str(place % 8) for place in range(15)], object)

    found = divided(made(15, sides=sides, groups=groups))

    assert found.train.tolist() == [0, 1, 7, 8, 9]


@pytest.mark.parametrize(
    ("examples", "clusters", "sentence"),
    [
        (made(1), None, "1 example to learn from"),
        (made(9), np.zeros(9, np.int64), "9 examples that all are near-duplicates"),
        (made(9, groups=words(("me", 9))), None, "9 examples that all are one group"),
        (made(9, sides=words(("test", 9))), None, "0 examples to learn from"),
        (made(9, sides=words(("valid", 9))), None, "none of them apart"),
    ],
)
def test_what_cannot_be_divided_is_met_with_a_sentence(examples, clusters, sentence):
    with pytest.raises(BadInputError, match=sentence):
        divided(examples, clusters=clusters)


def test_two_pictures_are_one_to_learn_from_and_one_to_judge_by():
    sides = divided(made(2, targets=words(("a", 2))))

    assert (len(sides.train), len(sides.valid)) == (1, 1)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 20.0])
def test_a_share_outside_zero_and_one_is_refused(share):
    with pytest.raises(BadInputError, match=r"share=0\.2"):
        divided(made(10), share=share)


def test_missing_targets_do_not_hinder_a_split():
    targets = np.array([None, "a", "b", "a"] * 25, object)
    numbers = np.where(np.arange(100) % 7 == 0, np.nan, np.arange(100) * 0.37)

    assert len(divided(made(100, targets=targets)).valid) == 20
    assert 18 <= len(divided(made(100, targets=numbers)).valid) <= 25
