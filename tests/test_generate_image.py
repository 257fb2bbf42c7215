"""Making pictures: what is asked, what is measured, and what goes wrong while it is learned."""

import json

import numpy as np
import pytest
import torch
from asking import words
from torch import nn

import pellucid
from pellucid.data import Schema
from pellucid.data._working_size import working_size
from pellucid.data.image import Image
from pellucid.errors import BadInputError
from pellucid.networks._eye import FEATURES, Eye
from pellucid.registry import network
from pellucid.registry import task as tasks
from pellucid.tasks import Trouble, _eye, _noise
from pellucid.tasks._seen import Seen, kept, maker
from pellucid.tasks._straying import altering, straying
from pellucid.tasks.generate_image import GenerateImage
from pellucid.training.choosing import candidates

FORM = Schema(kind="image", shape=(1, 12, 12), latent=8)


@pytest.fixture(autouse=True)
def _quickly_taught(monkeypatch):
    """An eye need not see well to be part of a model."""
    monkeypatch.setattr(_eye, "STEPS", 10)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of crosses and discs."""
    return Image.specimen(tmp_path_factory.mktemp("pictures"))


def fitted(source, out=None, **wishes):
    return pellucid.fit(source, task="generate_image", out=out, **wishes)


def same(one, other):
    pairs = zip(one.network.state_dict().items(), other.network.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


def gan(schema=FORM):
    torch.manual_seed(0)
    return network["gan"](schema, 1, size=1)


# What is asked


def test_it_is_asked_for_by_name_alone():
    assert GenerateImage.suits(words("a", "b")) == 0
    assert tasks["generate_image"].needs_targets is False


def test_classes_are_used_where_there_are_any():
    found = GenerateImage.describe(words("b", "a", "b", "a", "b"))
    assert found["classes"] == ("a", "b")
    assert found["shares"] == (0.4, 0.6)


@pytest.mark.parametrize(
    "targets",
    [
        None,
        np.array([0.5, 1.5, 2.5, 0.5]),
        words("a", "b", "c", "d"),
        words("a", "a", "a"),
        words("a", "b", "b", "b"),
        words("a", "b", None, None, None),
    ],
    ids=["nothing", "numbers", "each its own", "one class", "one class twice", "mostly unknown"],
)
def test_without_classes_worth_asking_for_none_are(targets):
    assert GenerateImage.describe(targets).keys() == {"latent"}


def test_codes_of_an_idx_file_are_classes():
    assert GenerateImage.describe(np.array([0.0, 1, 2] * 5))["classes"] == ("0", "1", "2")


def test_a_class_of_one_example_is_left_out_and_its_example_kept():
    targets = words("a", "a", "b", "b", "c")
    task = GenerateImage(Schema(kind="image", shape=(1, 8, 8), **GenerateImage.describe(targets)))
    assert task.schema.classes == ("a", "b")
    assert task.encode(targets).tolist() == [0, 0, 1, 1, -1]
    assert task.told(torch.tensor([1, -1])) == ["b", ""]


def test_a_missing_class_is_no_fault():
    task = GenerateImage(Schema(kind="image", shape=(1, 8, 8), classes=("a", "b"), latent=4))
    assert task.encode(words("b", None, "z")).tolist() == [1, -1, -1]


def test_only_networks_that_make_are_asked_to_make_and_no_others():
    assert {name for name, _ in candidates(FORM, None)} == {"gan"}
    told = Schema(kind="image", shape=(1, 12, 12), classes=("a", "b"))
    assert {"gan", "dcgan"}.isdisjoint(name for name, _ in candidates(told, None))
    with pytest.raises(BadInputError, match="one of dcgan, gan"):
        candidates(FORM, "resnet")


def test_a_network_that_makes_nothing_is_refused_in_a_sentence():
    with pytest.raises(BadInputError, match="which makes nothing"):
        maker(nn.Linear(2, 2))


def test_pictures_that_are_made_are_smaller_than_those_that_are_named():
    photos = [(400, 300)] * 5
    assert working_size(photos, 800, 1800.0) == (160, 160)
    assert working_size(photos, 800, 1800.0, made=True) == (64, 64)
    assert working_size(photos, 800, 60.0, made=True) == (32, 32)
    assert working_size(photos, 800, 86400.0, made=True) == (128, 128)
    assert working_size([(28, 28)], 60_000, 60.0, made=True) == (28, 28)


# Noise


def test_noise_follows_from_what_it_stands_beside():
    x = torch.randn(5, 1, 6, 6)
    whole = _noise.noise(x, 16)
    assert torch.equal(_noise.noise(x[3:4], 16), whole[3:4])
    assert torch.equal(_noise.noise(x.flip(0), 16), whole.flip(0))
    x[0, 0, 0, 0] += 1e-3
    assert not torch.equal(_noise.noise(x[:1], 16), whole[:1])


def test_noise_is_normal():
    found = _noise.noise(torch.randn(2000, 1, 4, 4), 32).double()
    assert abs(float(found.mean())) < 0.02
    assert float(found.std()) == pytest.approx(1, abs=0.02)
    assert float(found.corrcoef().fill_diagonal_(0).abs().mean()) < 0.2
    assert float((found.abs() > 1.96).double().mean()) == pytest.approx(0.05, abs=0.005)


def test_classes_are_drawn_as_often_as_they_are():
    found = _noise.drawn(torch.randn(4000, 1, 4, 4), (0.25, 0.75, 0.0))
    shares = found.bincount(minlength=3) / 4000
    assert shares.tolist() == pytest.approx([0.25, 0.75, 0.0], abs=0.03)
    assert _noise.drawn(torch.randn(3, 1, 4, 4), ()).tolist() == [-1, -1, -1]


# What is measured


def test_what_is_kept_is_read_again():
    module = gan().eval()
    x = torch.randn(20, 1, 12, 12)
    with torch.no_grad():
        seen = Seen.of(kept(module, x, FORM))
        torch.testing.assert_close(seen.view, module(x)[:, 0])
        torch.testing.assert_close(seen.real, module.eye(x))
        made = module.make(_noise.noise(x, 8))
        torch.testing.assert_close(seen.made, module.eye(made), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(seen.true, module.eye.judge(seen.real).argmax(dim=1))
    assert seen.asked.tolist() == [-1] * 20
    assert seen.known.shape == (20, FEATURES)


def outputs(real, made, known=None):
    beside = torch.zeros(len(real), 5)
    known = made if known is None else known
    return torch.cat([torch.zeros(len(real), 1), real, made, known, beside], dim=1)


def test_pictures_like_the_real_ones_score_near_nothing_and_others_far():
    task, y = GenerateImage(FORM), torch.zeros(400)
    real, made = torch.randn(2, 400, 8)
    near = task.score(outputs(real, made), y)
    far = task.score(outputs(real, 0.1 * made + 3), y)
    assert near < 1
    assert far == pytest.approx(8 * 9 + 8 * 0.81, rel=0.05)


def test_the_main_score_comes_first_beside_its_guess():
    task, y = GenerateImage(FORM), torch.zeros(100)
    real, made = torch.randn(2, 100, 8)
    scores = task.scores(outputs(real, made), y, {})
    assert next(iter(scores)) == "distance"
    assert scores["distance"].value == pytest.approx(task.score(outputs(real, made), y))
    assert task.guess(y)["distance"] > 0


def test_one_picture_for_everything_is_called_a_collapse():
    task = GenerateImage(FORM)
    real = torch.randn(200, 8)
    assert "collapsed" in task.degenerate(outputs(real, torch.zeros(200, 8)))
    assert task.degenerate(outputs(real, torch.randn(200, 8))) is None
    assert "not numbers" in task.degenerate(outputs(real, real * torch.nan))


def test_a_view_is_read_beside_those_of_real_pictures():
    task = GenerateImage(FORM)
    views = torch.tensor([[1.0], [3.0], [5.0]])
    calibration = json.loads(json.dumps(task.calibrate(views, torch.zeros(3))))
    (answer,) = task.answers(torch.tensor([[7.0]]), calibration, level=0.9)
    assert answer.view == pytest.approx(2.0)
    assert "more real" in str(answer)
    assert json.dumps(answer.to_json())


# What goes wrong


def older(module, steps=1000):
    """A network some steps on, whose eye knows pictures of noise."""
    module.count.fill_(steps)
    with torch.no_grad():
        module.eye.known.copy_(module.eye(torch.randn(len(module.eye.known), 1, 12, 12)))
    return module


def test_an_artist_that_makes_one_picture_is_named_a_collapse_and_sent_back():
    module = older(gan())
    for weight in module.averaged.parameters():
        weight.zero_()
    trouble = straying(module, FORM, 0.1)
    assert "collapsed" in trouble.sentence
    assert trouble.back
    assert trouble.balance["critic"] < 1


def test_a_critic_that_tells_everything_apart_is_named_and_slowed():
    module = older(gan(), steps=20)
    module.signs.copy_(torch.tensor([11.0, 0.99, 0.3, 11.0]))
    trouble = straying(module, FORM, 0.02)
    assert "the critic has won" in trouble.sentence
    assert trouble.balance["critic"] < 1


def test_a_critic_that_runs_away_is_named_whichever_way_it_leans():
    module = older(gan(), steps=400)
    module.signs.copy_(torch.tensor([-0.3, 0.5, 0.9, 127.0]))  # as measured at 20 times its rate
    trouble = straying(module, FORM, 0.03)
    assert "the critic runs away" in trouble.sentence
    assert trouble.back
    assert trouble.balance["critic"] < 1


@pytest.mark.parametrize(
    ("steps", "share", "signs"),
    [
        (200, 0.05, [4.0, 0.99, 0.45, 4.0]),  # as measured early in a healthy run
        (280, 0.07, [3.3, 0.98, 0.74, 3.3]),
        (20, 0.02, [11.0, 0.99, 0.9, 11.0]),  # sure, but the artist is on its way
    ],
)
def test_a_critic_that_is_ahead_has_not_won(steps, share, signs):
    module = older(gan(), steps=steps)
    module.signs.copy_(torch.tensor(signs))
    assert straying(module, FORM, share) is None


def test_pictures_learned_by_heart_are_named_and_more_is_altered(monkeypatch):
    module = older(gan())
    learned = torch.randn(module.eye.known.shape, generator=torch.Generator().manual_seed(1))
    module.eye.known.copy_(learned)
    monkeypatch.setattr(Eye, "forward", lambda self, x: learned[: len(x)] + 1e-5)
    trouble = straying(module, FORM, 0.5)
    assert "repeats training pictures" in trouble.sentence
    assert float(module.strength) == pytest.approx(0.2)


def test_looking_for_trouble_changes_nothing():
    module = older(gan()).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    chance = torch.get_rng_state()
    straying(module, FORM, 0.5)
    assert torch.equal(chance, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert module.training


def test_a_young_artist_may_be_bad_at_everything():
    module = older(gan(), steps=5)
    for weight in module.averaged.parameters():
        weight.zero_()
    assert straying(module, FORM, 0.5) is None


def test_few_pictures_are_altered_more_often_than_many():
    strengths = []
    for count in (100, 2000, 60_000):
        module = gan()
        altering(module, count)
        strengths.append(float(module.strength))
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] == 0.0
    assert strengths[0] == pytest.approx(0.8)


# The whole way


def test_a_folder_goes_in_and_a_model_that_makes_pictures_comes_out(pictures, tmp_path):
    model = fitted(pictures, tmp_path / "made.pellucid", steps=8)
    again = pellucid.load(tmp_path / "made.pellucid")
    assert same(model, again)
    assert again.schema.classes == ("cross", "disc")
    assert again.network.make(torch.randn(3, again.schema.latent)).shape == (3, 1, 24, 24)
    assert "distance" in again.record["summary"]["scores"]
    assert "looks" in str(again.predict(sorted(pictures.rglob("*.png"))[0]))


def test_a_run_by_steps_repeats_to_the_last_bit(pictures):
    assert same(fitted(pictures, steps=5, seed=3), fitted(pictures, steps=5, seed=3))


def test_the_classic_network_is_made_when_asked_for(pictures):
    model = fitted(pictures, steps=3, network="dcgan")
    assert model.built["network"] == "dcgan"


def test_a_class_of_two_pictures_gets_a_sentence(pictures, tmp_path):
    for place, path in enumerate(sorted(pictures.rglob("*.png"))):
        name = "rare" if place < 2 else "often" if place < 80 else "common"
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / path.name).write_bytes(path.read_bytes())
    model = fitted(tmp_path, steps=2)
    assert any("without a class" in each or "rare (" in each for each in model.record["said"])


def test_pictures_without_classes_are_made_too(tmp_path):
    x = np.random.default_rng(0).integers(0, 255, (120, 14, 14), dtype=np.uint8)
    model = fitted(x, steps=3)
    assert model.schema.classes == ()
    assert model.network.make(torch.randn(2, model.schema.latent)).shape == (2, 1, 14, 14)
    assert (model.network.sorts.shares > 0).sum() > 1


def test_pictures_of_thirty_sizes_are_brought_to_one(tmp_path):
    from PIL import Image as Pillow

    random = np.random.default_rng(0)
    for place in range(60):
        pixels = random.integers(0, 255, (40, 20 + place % 30, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).save(tmp_path / f"{place}.png")
    model = fitted(tmp_path, steps=2)
    channels, height, width = model.schema.shape
    assert (channels, height) == (3, 40)
    assert 28 <= width <= 40


def test_one_picture_is_refused_in_a_sentence(tmp_path):
    from PIL import Image as Pillow

    Pillow.new("L", (20, 20), 9).save(tmp_path / "one.png")
    with pytest.raises(BadInputError, match="needed"):
        fitted(tmp_path, steps=2)


def test_an_eye_is_part_of_the_file(pictures, tmp_path):
    model = fitted(pictures, tmp_path / "made.pellucid", steps=2)
    again = pellucid.load(tmp_path / "made.pellucid")
    assert isinstance(again.network.eye, Eye)
    assert torch.equal(model.network.eye.known, again.network.eye.known)


# Two parts that take turns


@pytest.fixture
def learner(pictures):
    """A learner of pictures of 24 × 24, eight at a time."""
    from dataclasses import replace

    from pellucid.data import Ask
    from pellucid.data._batches import Supply
    from pellucid.networks import recipe_of
    from pellucid.training.learner import Habits, Learner
    from pellucid.training.numerics import Numerics

    kind = Image()
    examples = kind.read(pictures, Ask())
    answers = GenerateImage.describe(examples.targets)
    task = GenerateImage(replace(kind.describe(examples), **answers))
    stored = kind.encode(examples, task.schema)
    y = task.encode(examples.targets)
    supply = Supply(kind, task.schema, stored, np.arange(len(y)), y)

    def make():
        how = recipe_of(network["gan"], task.schema)
        habits = Habits(recipe=how, batch=8, numerics=Numerics(), seed=1)
        return Learner(gan(task.schema).train(), task, supply, habits)

    return make


def weights(one):
    return {name: value.clone() for name, value in one.network.state_dict().items()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(learner):
    whole, first, second = learner(), learner(), learner()
    for _ in range(6):
        whole.learn(0.05)
        whole.inspect()
    for _ in range(3):
        first.learn(0.05)
        first.inspect()
    second.restore(first.tensors(), json.loads(json.dumps(first.numbers())))
    for _ in range(3):
        second.learn(0.05)
        second.inspect()
    assert equal(weights(whole), weights(second))
    assert equal(whole.sound, second.sound)


def test_trouble_sends_both_parts_back_and_changes_their_balance(learner, monkeypatch):
    one, wrong = learner(), []
    monkeypatch.setattr(GenerateImage, "trouble", lambda *_: wrong.pop() if wrong else None)
    one.learn(0.1)
    assert one.inspect() == ""
    good, step = weights(one), one.step
    one.learn(0.1)
    wrong.append(Trouble(sentence="it went astray", back=True, balance={"critic": 0.25}))
    assert one.inspect() == "it went astray"
    assert equal(weights(one), good)
    assert one.step == step + 1
    one.learn(0.1)
    rates = {name: part[0].groups[0]["lr"] for name, part in one.optimizers.items()}
    assert rates["critic"] == pytest.approx(rates["artist"] / 4)


def test_trouble_that_is_found_at_once_sends_back_to_the_first_step(learner, monkeypatch):
    one = learner()
    wrong = Trouble(sentence="it went astray", back=True)
    monkeypatch.setattr(GenerateImage, "trouble", lambda *_: wrong)
    one.learn(0.001)
    assert one.inspect() == ""  # nobody looks as early as that
    first = weights(one)
    one.learn(0.05)
    assert not equal(weights(one), first)
    assert one.inspect() == "it went astray"
    assert equal(weights(one), first)


def test_a_balance_is_kept_over_a_stop(learner):
    one, other = learner(), learner()
    one.balance["critic"] = 0.3
    one.learn(0.1)
    other.restore(one.tensors(), json.loads(json.dumps(one.numbers())))
    assert other.balance == {"critic": 0.3, "artist": 1.0}


def test_training_sees_pictures_as_they_are(learner):
    one, seen = learner(), []
    turn = one.network.turn
    one.network.turn = lambda name, x, y: seen.append(x.clone()) or turn(name, x, y)
    one.learn(0.1)
    places = learner().order.next()
    assert torch.equal(seen[0], one.supply.batch(places)["x"])
