"""Whole examples from noise: samples, walks, directions, and how they are kept."""

import json

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import nn

import pellucid
from pellucid import making
from pellucid._made import form_of
from pellucid.data import Ask, Schema
from pellucid.data.image import Image
from pellucid.errors import BadInputError, SavingError
from pellucid.explaining import Subject
from pellucid.model import Model
from pellucid.networks.gan import build
from pellucid.registry import task as tasks

GREY = {"mean": [128.0], "std": [64.0], "channels": 1, "height": 16, "width": 16}
CLASSES = ("Ankle boot", "Bag", "T-shirt/top")


def schema(*classes, shape=(1, 16, 16), latent=8, shares=()):
    return Schema(
        kind="image",
        shape=shape,
        classes=classes,
        shares=shares,
        latent=latent,
        details={**GREY, "flip": False, "augment": {}},
    )


def subject(of=None, network=None):
    of = of or schema(*CLASSES)
    torch.manual_seed(0)
    return Subject(
        network=(network or build(of, 1, size=1)).eval(),
        task=tasks["generate_image"](of),
        kind=Image(),
        calibration={},
        numerics={"dtype": "float32", "channels_last": False},
    )


def model(of=None):
    one = subject(of)
    built = {"network": "gan", "size": 1}
    return Model(network=one.network, task=one.task, kind=one.kind, built=built)


def frames(path):
    with Pillow.open(path) as film:
        return film.n_frames


class Linear(nn.Module):
    """Makes pictures that are a known matrix times the noise."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = nn.Parameter(matrix, requires_grad=False)
        self.eye = None

    def make(self, z, y=None):
        del y
        return (z @ self.matrix.T).view(-1, 1, 4, 4)


@pytest.fixture
def linear(monkeypatch):
    matrix = torch.zeros(16, 4)
    matrix[3, 1], matrix[7, 2], matrix[11, 0] = 2.0, 1.0, 0.5
    one = subject(schema(shape=(1, 4, 4), latent=4), Linear(matrix))
    monkeypatch.setattr(type(one.task), "make", lambda self, network, z, y: network.make(z, y))
    monkeypatch.setattr(type(one.task), "seen", lambda self, network, x: x.flatten(1))
    return one


# Samples


def test_a_sample_depends_on_its_seed_and_number_alone():
    one = subject()

    alone = making.make(one, 1, seed=3)
    many = making.make(one, 70, seed=3)
    other = making.make(one, 1, seed=4)

    assert (alone.stored[0] == many.stored[0]).all()
    assert (making.make(one, 40, seed=3).stored == many.stored[:40]).all()
    assert (alone.stored != other.stored).any()


def test_classes_are_as_frequent_as_in_training():
    shares = (0.7, 0.3, 0.0)

    made = making.make(subject(schema(*CLASSES, shares=shares)), 300)

    assert abs(made.classes.count("Ankle boot") - 210) < 30
    assert "T-shirt/top" not in made.classes


def test_all_are_of_the_class_that_is_asked_for():
    made = making.make(subject(), 5, of="Bag")

    assert made.classes == ("Bag",) * 5
    assert made.stored.shape == (5, 16, 16, 1)
    assert made.stored.dtype == np.uint8


def test_a_class_that_is_not_there_is_named_with_the_nearest_that_is():
    with pytest.raises(BadInputError, match=r"--class 'ankle boots'\n.*\n.*'Ankle boot'"):
        making.make(subject(), 5, of="ankle boots")


def test_a_class_asked_of_a_model_without_any_is_refused():
    with pytest.raises(BadInputError, match="learned from examples with classes"):
        making.make(subject(schema()), 5, of="Bag")


@pytest.mark.parametrize("count", [0, -3, 10**9])
def test_a_count_that_makes_no_sense_is_refused(count):
    with pytest.raises(BadInputError, match="a whole number from 1"):
        making.make(subject(), count)


# Walks


def test_a_walk_begins_and_ends_with_its_samples():
    one = subject()
    samples = making.make(one, 13, seed=5)

    walk = making.walk(one, (2, 12), seed=5, frames=9)

    assert len(walk) == 9
    np.testing.assert_allclose(walk.stored[0].astype(int), samples.stored[2], atol=1)
    np.testing.assert_allclose(walk.stored[-1].astype(int), samples.stored[12], atol=1)


def test_noise_on_a_walk_is_as_long_as_that_of_samples():
    first, last = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))

    along = making._arc(first, last, torch.linspace(0, 1, 7).double())

    lengths = along.norm(dim=1)
    assert lengths.min() >= min(first.norm(), last.norm()) - 0.2
    assert lengths.max() <= max(first.norm(), last.norm()) + 0.2


def test_a_walk_to_a_sample_below_zero_is_refused():
    with pytest.raises(BadInputError, match="the numbers of two samples, from 0 up"):
        making.walk(subject(), (-1, 3))


# Directions


def test_directions_of_a_linear_artist_are_those_of_its_matrix(linear):
    found = making.directions(linear, 0, count=3)

    strengths = np.array([2.0, 1.0, 0.5]) ** 2
    shares = strengths / strengths.sum()
    for direction, axis, share in zip(found, (1, 2, 0), shares, strict=True):
        np.testing.assert_allclose(direction.noise, np.eye(4)[axis], atol=1e-3)
        assert direction.share == pytest.approx(share, abs=1e-3)


def test_a_strip_has_the_sample_itself_in_its_middle(linear):
    sample = making.make(linear, 1)

    (first,) = making.directions(linear, 0, count=1)

    assert len(first.strip) == len(first.steps) == 9
    np.testing.assert_array_equal(first.strip[4], sample.stored[0])


# How they are kept


def test_a_folder_of_what_was_made_is_read_as_data_with_classes(tmp_path):
    made = making.make(subject(), 40, seed=1)

    made.save(tmp_path / "made")

    read = Image().read(tmp_path / "made", Ask())
    order = np.argsort([int(str(name).split("/")[-1].split(".")[0]) for name in read.names])
    assert [str(read.targets[place]) for place in order] == [
        name.replace("/", "-") for name in made.classes
    ]
    np.testing.assert_array_equal(read.raw.take(order).whole()[..., :1], made.stored)


def test_a_name_says_whether_it_is_a_sheet_a_film_or_arrays(tmp_path):
    made = making.make(subject(), 6)

    for name in ("sheet.png", "walk.gif", "made.npz"):
        made.save(tmp_path / name)

    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert frames(tmp_path / "walk.gif") > 1
    kept = np.load(tmp_path / "made.npz")
    np.testing.assert_array_equal(kept["x"], made.stored)
    assert tuple(kept["y"]) == made.classes


def test_a_name_that_says_something_else_is_refused_before_the_work(tmp_path):
    with pytest.raises(BadInputError, match=r"ends in \.png, \.gif, \.npz, or a folder"):
        form_of(tmp_path / "sheet.jpg")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(BadInputError, match="which has something in it"):
        making.make(subject(), 2).save(tmp_path)


def test_an_output_that_cannot_be_written_is_said_in_a_sentence(tmp_path):
    made = making.make(subject(), 2)
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "file" / "made", tmp_path / "nowhere" / "sheet.png"):
        with pytest.raises(SavingError, match=r"needed: .*\n  remedy: "):
            made.save(path)


def test_pictures_become_numbers_and_pictures_again():
    kind, of = Image(), schema()
    stored = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1)).astype(np.uint8)

    x = kind.tensor(torch.from_numpy(stored), of)

    np.testing.assert_array_equal(kind.untensor(x, of), stored)
    np.testing.assert_array_equal(kind.untensor(1e6 * torch.ones_like(x), of), 255 + 0 * stored)


# From the command line


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model().save(tmp_path / "clothes.pellucid")
    return "clothes.pellucid"


def run(words, capsys):
    from pellucid.cli import main

    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    return stop.value.code, said.out, said.err


def test_the_command_draws_a_sheet_named_after_the_model(saved, capsys, tmp_path):
    code, out, _ = run(["generate", saved, "--count", "5", "--json"], capsys)

    assert code == 0
    assert json.loads(out)["made"] == 5
    assert (tmp_path / "clothes.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_walks_and_finds_directions(saved, capsys, tmp_path):
    assert run(["generate", saved, "--between", "1", "4", "--count", "6"], capsys)[0] == 0
    assert run(["generate", saved, "--directions", "2", "--out", "strip.png"], capsys)[0] == 0

    assert frames(tmp_path / "clothes.gif") == 6
    assert (tmp_path / "strip.png").stat().st_size > 1000


@pytest.mark.parametrize("option", [["--prompt", "To be"], ["--top-k", "3"], ["--length", "9"]])
def test_options_about_text_are_refused_for_pictures(saved, capsys, option):
    code, _, err = run(["generate", saved, *option], capsys)

    assert code == 2
    assert f"{option[0]} for a model that makes whole examples" in err


def test_faults_of_the_command_are_sentences(saved, capsys):
    for words in (["--class", "Boot"], ["--out", "no/such/folder.png"], ["--out", "a.jpg"]):
        code, _, err = run(["generate", saved, *words], capsys)

        assert code == 2
        assert "needed: " in err


def test_the_public_face_makes_too(saved):
    made = pellucid.load(saved).make(3, of="Bag", seed=2)

    assert made.classes == ("Bag",) * 3
    assert len(pellucid.load(saved).make(4, between=(0, 1))) == 4
