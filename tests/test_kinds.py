"""What every kind of data must do. A new file in data/ is tested because it is there."""

import io
import json
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


@pytest.fixture
def schema(kind, examples):
    return kind.describe(examples)


@pytest.fixture
def divided(kind, examples, schema):
    return kind.parts(kind.take(examples, np.arange(8)), schema)


def seen(kind, examples, schema, count=8):
    """Give the shape of an example in a batch: where examples have lengths, that of the longest."""
    sizes = kind.sizes(kind.encode(examples, schema)[:count], schema)
    return schema.shape if sizes is None else (int(sizes.max()), *schema.shape[1:])


def same(one, other):
    return (
        one.names == other.names and one.where == other.where and np.array_equal(one.of, other.of)
    )


def test_recognises_its_own_specimen_more_surely_than_any_other_kind(kind, source):
    sure = {name: registry.kind[name]().recognises(source) for name in KINDS}
    assert max(sure, key=sure.get) == kind.name
    assert sure[kind.name] > 0


def test_reads_named_examples_of_two_classes_or_a_text_of_its_own_for_each(kind, examples):
    assert examples.kind == kind.name
    assert len(examples) >= 120
    assert len(set(examples.names)) == len(examples)
    assert len(set(examples.targets.tolist())) in (2, len(examples))
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
    assert x.shape == (8, *seen(kind, examples, schema))
    assert x.dtype == torch.float32
    assert x.isfinite().all()


def test_a_schema_survives_json(kind, examples):
    schema = kind.describe(examples)
    again = Schema.from_json(schema.to_json())
    torch.testing.assert_close(tensor(kind, examples, again), tensor(kind, examples, schema))


def test_an_example_is_encoded_the_same_alone_and_among_others(kind, examples):
    schema = kind.describe(examples)
    alone = kind.take(examples, np.array([3]))
    one, among = tensor(kind, alone, schema)[0], tensor(kind, examples, schema)[3]
    assert torch.equal(one, among[: len(one)])
    assert not among[len(one) :].any()


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
    lengths = kind.sizes(kind.encode(examples, schema)[:8], schema) is not None
    assert one.shape[2 if lengths else 1 :] == x.shape[2 if lengths else 1 :]
    assert len(one) == len(x)
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


def test_parts_have_names_of_their_own_and_a_place_in_the_raw_example(divided):
    assert len(divided) == 8
    for parts in divided:
        assert 2 <= len(parts) <= 100
        assert all(parts.names)
        assert len(set(parts.names)) == len(parts.names) == len(parts.where)
        assert json.loads(json.dumps(parts.where)) == [*parts.where]


def test_each_part_is_some_numbers_of_x_and_most_numbers_are_in_a_part(
    kind, examples, divided, schema
):
    stored = kind.encode(examples, schema)
    sizes = kind.sizes(stored, schema)
    for place, parts in enumerate(divided):
        of = np.broadcast_to(parts.of, schema.shape)
        assert of.dtype == np.int64
        assert set(of.ravel().tolist()) - {-1} == set(range(len(parts)))
        length = len(of) if sizes is None else sizes[place]
        assert (of[:length] >= 0).mean() > 0.5
        assert (of[length:] == -1).all()


def test_parts_do_not_depend_on_the_time_or_on_the_examples_beside(kind, examples, schema, divided):
    again = kind.parts(kind.take(examples, np.arange(8)), schema)
    (alone,) = kind.parts(kind.take(examples, np.array([3])), schema)
    assert all(same(one, other) for one, other in zip(again, divided, strict=True))
    assert same(alone, divided[3])


def test_equal_examples_have_equal_parts(kind, examples, schema):
    one, other = kind.parts(kind.take(examples, np.array([4, 4])), schema)
    assert same(one, other)


def test_parts_follow_a_schema_that_was_saved(kind, examples, schema, divided):
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    found = kind.parts(kind.take(examples, np.arange(8)), again)
    assert all(same(one, other) for one, other in zip(found, divided, strict=True))


def test_areas_are_the_same_in_all_examples(kind, examples, schema):
    areas = kind.areas(kind.take(examples, np.arange(8)), schema)
    lengths = kind.sizes(kind.encode(examples, schema)[:8], schema) is not None
    first = areas[0]
    assert len(areas) == 8
    assert 2 <= len(first) <= 100
    assert len(set(first.names)) == len(first)
    for area in areas:
        assert area.names == first.names
        assert area.of.max() < len(area)
        # Where examples have lengths, an area such as a word lies elsewhere in each.
        assert lengths or np.array_equal(area.of, first.of)
        assert len(area.where) == len(first)
        assert json.loads(json.dumps(area.where)) == [*area.where]


@pytest.mark.parametrize("count", [0, 3, 100])
def test_blanks_are_examples_of_finite_numbers(kind, examples, schema, count):
    x, others = tensor(kind, examples, schema), tensor(kind, examples, schema, count)
    blanks = kind.blanks(x, schema, others)
    assert 1 <= len(blanks) <= 4
    for name, blank in blanks.items():
        assert name
        assert blank.shape[1:] == x.shape
        assert blank.dtype == x.dtype
        assert blank.isfinite().all()


def test_the_blank_of_an_example_does_not_depend_on_those_beside_it(kind, examples, schema):
    x, others = tensor(kind, examples, schema), tensor(kind, examples, schema, 40)
    beside = kind.blanks(x, schema, others)
    alone = kind.blanks(x[3:4], schema, others)
    assert [*alone] == [*beside]
    for name, blank in beside.items():
        torch.testing.assert_close(alone[name], blank[:, 3:4])


def test_a_blank_differs_from_the_example(kind, examples, schema):
    x, others = tensor(kind, examples, schema), tensor(kind, examples, schema, 40)
    for blank in kind.blanks(x, schema, others).values():
        assert not torch.allclose(blank.mean(dim=0), x)


def test_restored_examples_are_encoded_to_the_same_numbers(kind, examples, schema):
    stored = np.array(kind.encode(examples, schema))
    again = kind.encode(kind.restore(stored, schema), schema)
    assert again.dtype == stored.dtype
    np.testing.assert_allclose(again, stored, atol=1e-4)


def test_restored_examples_can_be_drawn_divided_and_taken(kind, examples, schema):
    restored = kind.restore(np.array(kind.encode(examples, schema)[:6]), schema)
    some = kind.take(restored, np.array([4, 1]))
    assert restored.kind == kind.name
    assert len(restored) == len(set(restored.names)) == 6
    assert restored.targets is None
    assert [*some.names] == [restored.names[4], restored.names[1]]
    assert len(kind.parts(some, schema)) == 2
    assert kind.draw(restored, [0, 5]).startswith(b"\x89PNG")
    assert kind.keys(some).shape == (2,)


def test_restoring_reads_what_may_be_read_only(kind, examples, schema):
    stored = np.array(kind.encode(examples, schema)[:3])
    stored.setflags(write=False)
    assert len(kind.restore(stored, schema)) == 3


def test_paints_what_each_part_added(kind, examples, schema):
    (parts,) = kind.parts(kind.take(examples, np.array([2])), schema)
    shares = np.linspace(-1, 2, len(parts))
    one, again, other = (
        kind.paint(examples, 2, parts, given) for given in (shares, shares, -shares)
    )
    picture = Image.open(io.BytesIO(one))
    assert picture.format == "PNG"
    assert min(picture.size) > 20
    assert max(picture.size) < 3000
    assert one == again
    assert one != other


def test_paints_when_nothing_was_added_or_a_share_is_no_number(kind, examples, schema):
    (parts,) = kind.parts(kind.take(examples, np.array([0])), schema)
    nothing, strange = np.zeros(len(parts)), np.full(len(parts), np.nan)
    strange[0] = 1e-12
    assert kind.paint(examples, 0, parts, nothing).startswith(b"\x89PNG")
    assert kind.paint(examples, 0, parts, strange).startswith(b"\x89PNG")


def test_says_something_or_nothing_of_each_part(kind, examples, schema, divided):
    told = kind.tell(kind.take(examples, np.arange(8)), 5, divided[5])
    assert len(told) == len(divided[5])
    assert all(isinstance(words, str) for words in told)
