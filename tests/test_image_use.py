"""Pictures as later stages see them: keys, batches, views, findings, sheets."""

import io

import numpy as np
import pytest
import torch
from pictures import RED, SHARED, needs_shared, put
from PIL import Image as Pillow

from pellucid.data import Ask, Schema
from pellucid.data._picture_views import plan, varied
from pellucid.data.image import Image


@pytest.fixture
def ask(tmp_path):
    return Ask(cache=tmp_path / "cache", seconds=60.0)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    return root


@pytest.fixture(scope="module")
def specimen(tmp_path_factory):
    root = tmp_path_factory.mktemp("specimen")
    ask = Ask(cache=root / "cache")
    return Image().read(Image.specimen(root / "data"), ask)


def test_the_specimen_has_two_classes_that_differ(specimen):
    assert len(specimen) == 160
    assert set(specimen.targets) == {"cross", "disc"}
    assert specimen.raw.pixels.shape == (160, 24, 24, 1)
    assert len(set(Image().keys(specimen).tolist())) == 160


def test_keys_follow_content_alone(specimen):
    image = Image()
    back = image.take(specimen, np.arange(160)[::-1].copy())
    assert (image.keys(back) == image.keys(specimen)[::-1]).all()


def test_the_same_pixels_in_another_shape_are_another_picture(ask):
    wide = Image().read(np.zeros((1, 4, 8), np.uint8), ask)
    tall = Image().read(np.zeros((1, 8, 4), np.uint8), ask)
    assert Image().keys(wide) != Image().keys(tall)


def test_near_duplicates_share_a_cluster_and_others_do_not(ask):
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (6, 8, 8), np.uint8)
    pictures = coarse.repeat(6, axis=1).repeat(6, axis=2)
    brighter = np.clip(pictures[:1] * 0.8 + 20, 0, 255).astype(np.uint8)
    clusters = Image().clusters(Image().read(np.concatenate([pictures, brighter]), ask))
    assert clusters[0] == clusters[6]
    assert len(set(clusters.tolist())) == 6


def test_flat_pictures_are_near_only_if_equal(ask):
    x = np.zeros((3, 20, 20), np.uint8)
    x[2] = 1
    x[2, :, 10:] = 200
    clusters = Image().clusters(Image().read(x, ask))
    assert clusters[0] == clusters[1] != clusters[2]


def test_batches_are_normalised_and_channels_last(specimen):
    image = Image()
    schema = image.describe(specimen)
    stored = torch.from_numpy(image.encode(specimen, schema))
    x = image.tensor(stored, schema)
    assert x.shape == (160, *schema.shape)
    assert x.dtype == torch.float32
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert abs(x.mean()) < 1e-5
    assert abs(x.std() - 1) < 1e-3


def test_a_schema_is_plain_json_and_comes_back_equal(specimen):
    import json

    schema = Image().describe(specimen)
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema


def test_taking_keeps_rows_together(specimen):
    some = Image().take(specimen, np.array([159, 0], np.int64))
    assert list(some.names) == ["disc/079.png", "cross/000.png"]
    assert list(some.targets) == ["disc", "cross"]
    assert (some.raw.whole()[0] == specimen.raw.pixels[159]).all()


def views_of(x, side, channels, *, flip, seed=0):
    chosen = plan(side, side, channels, flip=flip)
    return varied(x, chosen, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 3), (96, 1), (96, 3)])
def test_views_keep_shape_layout_and_chance(side, channels):
    x = torch.randn(6, channels, side, side).contiguous(memory_format=torch.channels_last)
    seen = views_of(x, side, channels, flip=True)
    assert seen.shape == x.shape
    assert seen.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(seen, views_of(x, side, channels, flip=True))
    assert not torch.equal(seen, views_of(x, side, channels, flip=True, seed=1))


def test_a_small_picture_is_moved_by_at_most_one_pixel():
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 14, 10] = 1
    places = views_of(x, 28, 1, flip=False)[:, 0].nonzero()
    assert places[:, 1].unique().tolist() == [13, 14, 15]
    assert places[:, 2].unique().tolist() == [9, 10, 11]


def test_a_flip_mirrors_about_half_of_the_pictures():
    x = torch.zeros(400, 1, 28, 28)
    x[:, :, 14, 4] = 1
    right = (views_of(x, 28, 1, flip=True)[:, 0].nonzero()[:, 2] > 14).float().mean()
    assert 0.4 < right < 0.6


def test_a_crop_stays_inside_the_picture():
    ramp = torch.linspace(0, 1, 96).expand(64, 3, 96, 96)
    chosen = {"flip": False, "shift": 0, "crop": [0.4, 1.0], "light": 0.0}
    seen = varied(ramp, chosen, torch.Generator().manual_seed(0))
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert (seen.diff(dim=3) >= -1e-6).all()
    widths = seen[:, 0, 0, -1] - seen[:, 0, 0, 0]
    assert 0.5 < widths.min() < 0.75 < 0.95 < widths.max()


def test_digits_are_not_mirrored(ask):
    from sklearn.datasets import load_digits

    digits = load_digits()
    image = Image()
    examples = image.read((digits.images / 16, digits.target), ask)
    schema = image.describe(examples)
    assert schema.details["flip"] is False
    x = torch.zeros(1, *schema.shape)
    assert len(image.views(x, schema)) == 1


def test_mirrored_twins_of_another_class_forbid_mirroring(ask):
    random = np.random.default_rng(0)
    x = random.integers(0, 60, (400, 20, 20), np.uint8)
    labels = np.arange(400) % 2
    for place, label in enumerate(labels):
        across = 4 if label else 12
        x[place, 3:17, 9:11] += 150
        x[place, 5 + random.integers(3) : 12, across : across + 4] += 150
    assert Image().describe(Image().read((x, labels), ask)).details["flip"] is False
    same = np.zeros(400, int)
    assert Image().describe(Image().read((x, same), ask)).details["flip"] is True


@needs_shared
def test_garments_may_be_mirrored(ask):
    image = Image()
    examples = image.read(SHARED / "fashion_mnist" / "t10k-images-idx3-ubyte.gz", ask)
    schema = image.describe(examples)
    assert schema.details["flip"] is True
    assert schema.shape == (1, 28, 28)
    x = torch.randn(2, *schema.shape)
    assert torch.equal(image.views(x, schema)[1], x.flip(3))


@needs_shared
def test_flowers_are_photos_of_five_kinds_and_may_be_mirrored(ask):
    image = Image()
    examples = image.read(SHARED / "flowers5" / "test", ask)
    assert len(examples) == 300
    assert sorted(set(examples.targets)) == ["daisy", "dandelion", "rose", "sunflower", "tulip"]
    assert examples.raw.pixels.shape == (300, 64, 64, 3)
    schema = image.describe(examples)
    assert schema.details["flip"] is True
    assert schema.details["augment"]["crop"] == [0.4, 1.0]


def found(examples):
    return {finding.what: finding for finding in Image().look(examples)}


def test_looking_finds_what_is_particular_to_pictures(folder, ask):
    random = np.random.default_rng(0)

    def noise(width, height, most=256):
        return random.integers(0, most, (height, width, 3), np.uint8)

    for number in range(8):
        Pillow.fromarray(noise(80, 80)).save(folder / f"a{number}.png")
    Pillow.fromarray(noise(400, 80)).save(folder / "long.png")
    Pillow.fromarray(noise(8, 8)).save(folder / "tiny.png")
    Pillow.fromarray(noise(80, 80, 16)).save(folder / "dark.png")
    Pillow.fromarray(noise(80, 80)).convert("L").save(folder / "grey.png")
    put(folder / "blank.png", RED, (80, 80))
    seen = found(Image().read(folder, ask))
    assert seen["cut at the ends"].examples == ("long.png",)
    assert seen["tiny"].examples == ("tiny.png",)
    assert seen["dark"].examples == ("dark.png",)
    assert seen["grey and colour"].examples == ("grey.png",)
    assert seen["blank"].examples == ("blank.png",)
    assert "widths run from 8 to 400" in seen["mixed sizes"].text


def test_nothing_is_found_where_all_is_well(specimen):
    assert found(specimen) == {}


def test_a_sheet_is_a_png_as_wide_as_its_classes(specimen):
    places = [*range(10), *range(80, 90)]
    sheet = Pillow.open(io.BytesIO(Image().draw(specimen, places)))
    assert sheet.format == "PNG"
    assert sheet.size == (10 * 112 + 9 * 6 + 48, 2 * (34 + 112) + 14 + 48)


def test_a_sheet_without_classes_or_of_nothing_can_be_drawn(specimen):
    plain = specimen.replace(target="", targets=None)
    assert Image().draw(plain, [0, 5]).startswith(b"\x89PNG")
    assert Image().draw(plain, []).startswith(b"\x89PNG")
    numbers = specimen.replace(target="age", targets=np.linspace(0, 1, 160))
    assert Image().draw(numbers, [0, 5]).startswith(b"\x89PNG")
