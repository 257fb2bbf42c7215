"""What every kind of data must do. A new file in data/ is tested because it is there."""

import io
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import registry
from pellucid.data import Ask, Schema

KINDS = sorted(registry.kind)


@pytest.fixture(params=KINDS)
def kind(request):
    return registry.kind[request.param]()


@pytest.fixture
def source(kind, tmp_path):
    return kind.specimen(tmp_path / "specimen")


@pytest.fixture
def examples(kind, source):
    return kind.read(source, Ask())


def tensor(kind, examples, schema, count=8):
    stored = np.asarray(kind.encode(examples, schema)[:count])
    return kind.tensor(torch.from_numpy(stored.copy()), schema)


def test_recognises_its_own_specimen_more_surely_than_any_other_kind(kind, source):
    sure = {name: registry.kind[name]().recognises(source) for name in KINDS}
    assert max(sure, key=sure.get) == kind.name
    assert sure[kind.name] > 0


def test_reads_named_examples_of_two_classes(kind, examples):
    assert examples.kind == kind.name
    assert len(examples) >= 120
    assert len(set(examples.names)) == len(examples)
    assert len(set(examples.targets.tolist())) == 2
    assert examples.faults == ()


def test_keys_follow_the_content_and_not_the_place(kind, examples):
    order = np.random.default_rng(0).permutation(len(examples))
    keys = kind.keys(examples)
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) > 0.9 * len(keys)
    assert np.array_equal(kind.keys(kind.take(examples, order)), keys[order])


def test_taking_keeps_names_and_targets_together(kind, examples):
    places = np.array([5, 2, 9])
    taken = kind.take(examples, places)
    assert list(taken.names) == [examples.names[place] for place in places]
    assert taken.targets.tolist() == examples.targets[places].tolist()


def test_equal_examples_are_in_one_cluster(kind, examples):
    twice = kind.take(examples, np.array([0, 1, 0, 2, 1]))
    clusters = kind.clusters(twice)
    assert clusters[0] == clusters[2]
    assert clusters[1] == clusters[4]


def test_gives_finite_numbers_of_the_shape_that_its_schema_says(kind, examples):
    schema = kind.describe(examples)
    x = tensor(kind, examples, schema)
    assert x.shape == (8, *schema.shape)
    assert x.dtype == torch.float32
    assert x.isfinite().all()


def test_a_schema_survives_json(kind, examples):
    schema = kind.describe(examples)
    again = Schema.from_json(schema.to_json())
    torch.testing.assert_close(tensor(kind, examples, again), tensor(kind, examples, schema))


def test_an_example_is_encoded_the_same_alone_and_among_others(kind, examples):
    schema = kind.describe(examples)
    alone = kind.take(examples, np.array([3]))
    assert torch.equal(tensor(kind, alone, schema)[0], tensor(kind, examples, schema)[3])


def test_reading_as_a_trained_model_does_gives_the_same_numbers(kind, source, examples):
    schema = kind.describe(examples)
    again = kind.read(source, Ask(schema=schema))
    torch.testing.assert_close(tensor(kind, again, schema), tensor(kind, examples, schema))


def test_augmenting_keeps_the_shape_and_repeats_with_its_generator(kind, examples):
    schema = kind.describe(examples)
    x = tensor(kind, examples, schema)
    one, other = (
        kind.augment(x.clone(), schema, torch.Generator().manual_seed(4)) for _ in range(2)
    )
    assert one.shape == x.shape
    assert torch.equal(one, other)


def test_the_first_view_is_the_example_itself(kind, examples):
    schema = kind.describe(examples)
    x = tensor(kind, examples, schema)
    views = kind.views(x, schema)
    assert torch.equal(views[0], x)
    assert all(view.shape == x.shape for view in views)


def test_draws_a_picture_of_some_examples(kind, examples):
    drawn = Image.open(io.BytesIO(kind.draw(examples, [0, 1, len(examples) - 1])))
    assert drawn.format == "PNG"
    assert min(drawn.size) > 20


def test_looking_gives_findings_with_a_known_level(kind, examples):
    assert all(found.level in {"note", "warning", "error"} for found in kind.look(examples))


def test_a_copy_in_another_place_has_the_same_keys(kind, source, examples, tmp_path):
    other = tmp_path / "elsewhere" / source.name
    if source.is_dir():
        shutil.copytree(source, other)
    else:
        other.parent.mkdir()
        shutil.copy(source, other)
    again = kind.read(other, Ask())
    assert np.array_equal(np.sort(kind.keys(again)), np.sort(kind.keys(examples)))
