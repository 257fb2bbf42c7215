"""The eye in whose features pictures are compared."""

import numpy as np
import pytest
import torch

from pellucid.data import Ask, Schema
from pellucid.data._batches import Supply
from pellucid.data.image import Image
from pellucid.networks._eye import REMEMBERED, Eye
from pellucid.tasks import _eye, _likeness


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Discs and crosses: stored, classes, and their schema."""
    kind = Image()
    examples = kind.read(kind.specimen(tmp_path_factory.mktemp("shapes")), Ask())
    schema = kind.describe(examples)
    y = torch.tensor([int(target == "disc") for target in examples.targets.tolist()])
    return kind.encode(examples, schema), y, schema


def supplied(shapes, *classes, few=None):
    stored, y, schema = shapes
    fields = schema.to_json() | {"classes": list(classes)}
    known = Schema.from_json(fields)
    places = np.arange(len(stored))[:few]
    return Supply(Image(), known, stored, places, y[: len(places)]), known


def taught(shapes, *classes, monkeypatch, steps=60, few=None, seconds=None):
    monkeypatch.setattr(_eye, "STEPS", steps)
    monkeypatch.setattr(_eye, "_BATCH", 64)
    supply, schema = supplied(shapes, *classes, few=few)
    torch.manual_seed(0)
    eye = Eye(schema)
    said = _eye.learn(eye, supply, seconds=seconds, seed=0, half=False)
    return eye, supply, said


def test_it_learns_to_tell_the_classes_apart_and_says_how_well(shapes, monkeypatch):
    eye, _, said = taught(shapes, "cross", "disc", monkeypatch=monkeypatch)

    assert eye.accuracy >= 0.9
    assert "which of 2 classes it is in 60 steps" in said
    assert f"{float(eye.accuracy):.1%} of 16 training pictures" in said


def test_features_of_training_pictures_vary_by_their_number_altogether(shapes, monkeypatch):
    eye, supply, _ = taught(shapes, "cross", "disc", monkeypatch=monkeypatch)

    features = _eye.seen(eye, supply.batch(torch.arange(len(supply)))["x"])

    assert features.shape[1] == eye.width
    assert features.var(dim=0).sum() == pytest.approx(eye.width, rel=1e-3)
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(eye.width), atol=1e-3, rtol=0)
    assert eye.known.shape == (REMEMBERED, eye.width)
    assert len(_likeness.distinct(eye.known)) == len(supply)


def test_without_classes_it_learns_how_pictures_were_turned(shapes, monkeypatch):
    stored, y, schema = shapes
    lit = stored.copy()
    lit[:, :6] = 255  # a sky, so that up is up

    eye, _, said = taught((lit, y, schema), monkeypatch=monkeypatch, steps=80)

    assert eye.turns
    assert eye.accuracy >= 0.8
    assert "which way it was turned" in said


def test_an_eye_that_sees_nothing_says_so(shapes, monkeypatch):
    eye, _, said = taught(shapes, "cross", "disc", monkeypatch=monkeypatch, steps=0)

    assert eye.steps == 0
    assert "hardly more than chance" in said


def test_spoilt_real_pictures_are_farther_than_real_ones(shapes, monkeypatch):
    eye, supply, _ = taught(shapes, "cross", "disc", monkeypatch=monkeypatch)
    features = _eye.seen(eye, supply.batch(torch.arange(len(supply)))["x"])

    known = _eye.about(eye)

    floor = _likeness.distance(features[::2], features[1::2])
    assert floor < known["noisy"]["distance"]
    assert floor < known["blurred"]["distance"]


def test_the_same_recipe_and_seed_give_the_same_eye(shapes, monkeypatch):
    first, _, said = taught(shapes, "cross", "disc", monkeypatch=monkeypatch, steps=20)
    second, *_ = taught(shapes, "cross", "disc", monkeypatch=monkeypatch, steps=20)

    assert _eye.digest(first) == _eye.digest(second)
    assert _eye.digest(first) in said


def test_its_hash_changes_with_what_it_sees_and_with_nothing_else(shapes):
    _, schema = supplied(shapes, "cross", "disc")
    eye = Eye(schema)
    before = _eye.digest(eye)

    eye.known.fill_(1.0)
    same = _eye.digest(eye)
    eye.head.bias.add_(1e-3)

    assert same == before
    assert _eye.digest(eye) != before


def test_it_sees_alike_in_training_and_in_half_width(shapes):
    _, schema = supplied(shapes, "cross", "disc")
    eye = Eye(schema)
    x = torch.randn(4, *schema.shape)
    plain = eye(x)

    eye.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = eye(x)

    assert torch.equal(plain, again)
    assert not any(weight.requires_grad for weight in eye.parameters())


def test_where_the_time_is_short_it_takes_fewer_steps(shapes, monkeypatch):
    eye, *_ = taught(shapes, "cross", "disc", monkeypatch=monkeypatch, steps=5000, seconds=0.2)

    assert 0 < eye.steps < 500


@pytest.mark.parametrize("few", [1, 2, 3])
def test_a_handful_of_pictures_is_enough_to_go_on(shapes, monkeypatch, few):
    eye, _, said = taught(shapes, "cross", "disc", monkeypatch=monkeypatch, steps=2, few=few)

    assert eye.known.isfinite().all()
    assert said


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 48, 64), (3, 128, 128)])
def test_any_size_is_seen_as_so_many_numbers(shape):
    eye = Eye(Schema(kind="image", shape=shape, classes=("a", "b")))

    assert eye(torch.randn(2, *shape)).shape == (2, eye.width)
    assert eye.judge(eye(torch.randn(2, *shape))).shape == (2, 2)
