"""Picture files: every make of them, whole and broken, at one size, kept for a second run."""

import errno
import io
import os
import time

import numpy as np
import pytest
import torch
from pictures import BLUE, GREEN, GREY, RED, halves, many, png_that_claims, put, read_one, reasons
from PIL import Image as Pillow

from pellucid.data import Ask, Schema
from pellucid.data._cache import SUFFIX, Writer
from pellucid.data._pictures import CHUNK
from pellucid.data._working_size import working_size
from pellucid.data.image import Image
from pellucid.errors import BadInputError


@pytest.fixture
def ask(tmp_path):
    return Ask(cache=tmp_path / "cache", seconds=60.0)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    return root


@pytest.mark.parametrize("end", ["jpg", "png", "webp", "gif", "tiff", "bmp", "ppm"])
def test_every_format_is_read(folder, ask, end):
    options = {"quality": 95} if end in ("jpg", "webp") else {}
    path = put(folder / f"a.{end}", RED, **options)
    assert np.abs(read_one(path, ask) - RED).max() <= 12


def test_a_file_is_read_by_content_not_by_suffix(folder, ask):
    put(folder / "really.png").rename(folder / "a.jpg")
    assert len(Image().read(folder, ask)) == 1


@pytest.mark.parametrize(("turn", "first"), [(1, RED), (2, BLUE), (3, BLUE), (4, RED)])
@pytest.mark.parametrize("end", ["jpg", "png", "tiff"])
def test_a_mirrored_photo_is_read_as_it_was_seen(folder, ask, turn, first, end):
    exif = Pillow.Exif()
    exif[0x0112] = turn
    options = {"quality": 95} if end == "jpg" else {}
    halves().save(folder / f"a.{end}", exif=exif, **options)
    pixels = read_one(folder / f"a.{end}", ask)
    assert np.abs(pixels[4, 4] - first).max() < 40


@pytest.mark.parametrize(("turn", "top"), [(5, RED), (6, RED), (7, BLUE), (8, BLUE)])
@pytest.mark.parametrize("end", ["jpg", "png", "tiff"])
def test_a_rotated_photo_is_read_upright(folder, ask, turn, top, end):
    exif = Pillow.Exif()
    exif[0x0112] = turn
    options = {"quality": 95} if end == "jpg" else {}
    halves().save(folder / f"a.{end}", exif=exif, **options)
    examples = Image().read(folder / f"a.{end}", ask)
    pixels = examples.raw.pixels[0].astype(int)
    assert pixels.shape[:2] == (32, 24)
    assert examples.raw.sizes.tolist() == [[24, 32]]
    assert np.abs(pixels[4, 12] - top).max() < 40


def test_what_is_transparent_is_white(folder, ask):
    Pillow.new("RGBA", (8, 8), (255, 0, 0, 0)).save(folder / "a.png")
    Pillow.new("RGBA", (8, 8), (255, 0, 0, 255)).save(folder / "b.png")
    Pillow.new("LA", (8, 8), (0, 0)).save(folder / "c.png")
    pixels = Image().read(folder, ask).raw.pixels
    assert pixels[:, 0, 0].tolist() == [[255, 255, 255], [255, 0, 0], [255, 255, 255]]


def test_a_palette_is_looked_up(folder, ask):
    Pillow.new("RGB", (8, 8), GREEN).quantize(4).save(folder / "a.png")
    assert np.abs(read_one(folder / "a.png", ask) - GREEN).max() <= 2


def test_cmyk_becomes_colour(folder, ask):
    Pillow.new("CMYK", (16, 16), (0, 255, 255, 0)).save(folder / "a.jpg", quality=95)
    assert np.abs(read_one(folder / "a.jpg", ask)[8, 8] - (255, 0, 0)).max() < 12


@pytest.mark.parametrize(
    ("values", "seen"),
    [
        (np.array([[0, 65535], [32896, 257]], np.uint16), [[0, 255], [128, 1]]),
        (np.array([[0.0, 1.0], [0.5, 0.25]], np.float32), [[0, 255], [128, 64]]),
        (np.array([[0.0, 255.0], [100.0, 50.0]], np.float32), [[0, 255], [100, 50]]),
        (np.array([[0, 65535], [257, 514]], np.int32), [[0, 255], [1, 2]]),
        (np.array([[-1.0, 1.0], [0.0, 1.0]], np.float32), [[0, 255], [128, 255]]),
    ],
)
def test_more_than_eight_bits_are_scaled_not_cut(folder, ask, values, seen):
    Pillow.fromarray(values).save(folder / "a.tiff")
    assert read_one(folder / "a.tiff", ask)[..., 0].tolist() == seen


def test_sixteen_bits_of_grey_in_a_png_are_scaled(folder, ask):
    Pillow.fromarray(np.array([[0, 65535]], np.uint16)).save(folder / "a.png")
    assert read_one(folder / "a.png", ask).flatten().tolist() == [0, 255]


def test_the_first_frame_of_a_moving_gif_is_taken(folder, ask):
    frames = [Pillow.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    frames[0].save(folder / "a.gif", save_all=True, append_images=frames[1:])
    assert np.abs(read_one(folder / "a.gif", ask) - RED).max() <= 12


def test_grey_pictures_have_one_channel_however_they_are_kept(folder, ask):
    put(folder / "a.png", GREY)
    Pillow.new("L", (24, 24), 7).save(folder / "b.png")
    assert Image().read(folder, ask).raw.pixels.shape == (2, 24, 24, 1)


def test_one_late_picture_in_colour_gives_all_of_them_three(folder, ask):
    for number in range(40):
        put(folder / f"{number:02}.png", GREY)
    put(folder / "10.png", RED)
    examples = Image().read(folder, ask)
    assert examples.raw.pixels.shape == (40, 24, 24, 3)
    assert int(examples.raw.grey.sum()) == 39


def test_each_broken_file_is_named_and_none_stops_the_rest(folder, ask):
    put(folder / "good.png")
    whole = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Pillow.fromarray(noise).save(whole, "JPEG")
    (folder / "short.jpg").write_bytes(whole.getvalue()[:1500])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "bomb.png").write_bytes(png_that_claims(50_000, 50_000))
    (folder / "large.png").write_bytes(png_that_claims(10_001, 10_000))
    examples = Image().read(folder, ask)
    found = reasons(examples)
    assert len(examples) == 1
    assert found["empty.jpg"] == "is empty (0 bytes)"
    assert found["text.jpg"] == "is no picture inside (18 bytes)"
    assert found["short.jpg"].startswith("is cut short")
    assert "2,500,000,000 pixels" in found["bomb.png"]
    assert "100,010,000 pixels" in found["large.png"]


def test_mutated_pictures_never_stop_the_run(folder, ask):
    random = np.random.default_rng(0)
    noise = Pillow.fromarray(random.integers(0, 256, (20, 20, 3), np.uint8))
    for end in ("jpg", "png", "webp", "gif", "tiff", "bmp"):
        noise.save(folder / f"whole.{end}")
        whole = (folder / f"whole.{end}").read_bytes()
        for number in range(30):
            broken = bytearray(whole)
            for place in random.integers(0, len(broken), 8):
                broken[place] ^= 1 << int(random.integers(8))
            cut = int(random.integers(len(broken))) if number % 3 == 0 else len(broken)
            (folder / f"{number}.{end}").write_bytes(broken[:cut])
    examples = Image().read(folder, ask)
    assert len(examples) + len(examples.faults) == 6 * 31
    assert len(examples) >= 6


def test_if_none_is_left_a_sentence_says_so(folder, ask):
    (folder / "a.jpg").write_bytes(b"")
    with pytest.raises(BadInputError, match=r"none of 1 pictures can be used: a\.jpg is empty"):
        Image().read(folder, ask)


def test_an_empty_folder_and_a_missing_path_are_a_sentence_each(folder, ask):
    with pytest.raises(BadInputError, match="holds no pictures"):
        Image().read(folder, ask)
    with pytest.raises(BadInputError, match="does not exist"):
        Image().read(folder / "nowhere", ask)
    with pytest.raises(BadInputError, match=r"gone\.png does not exist"):
        Image().read([folder / "gone.png"], ask)


def test_a_read_only_folder_and_no_cache_are_enough(folder, tmp_path):
    for number in range(70):
        put(folder / f"{number}.png")
    (tmp_path / "file").write_text("")
    examples = Image().read(folder, Ask(cache=tmp_path / "file" / "below"))
    assert len(examples) == 70


@pytest.mark.parametrize(
    ("sizes", "count", "seconds", "expected"),
    [
        ([(28, 28)] * 3, 60_000, 60, (28, 28)),
        ([(20, 30), (22, 32), (24, 34)], 100, 60, (32, 22)),
        ([(640, 480)] * 3, 1_000, 10, (40, 40)),
        ([(640, 480)] * 3, 1_000, 120, (96, 96)),
        ([(640, 480)] * 3, 1_000, 600, (128, 128)),
        ([(640, 480)] * 3, 1_000, 3600, (224, 224)),
        ([(640, 480)] * 3, 200_000, 600, (32, 32)),
        ([(100, 90)] * 3, 1_000, 3600, (80, 80)),
        ([], 0, 60, (32, 32)),
    ],
)
def test_working_size_follows_budget_number_and_size(sizes, count, seconds, expected):
    assert working_size(sizes, count, float(seconds)) == expected


def test_pictures_are_made_smaller_with_antialiasing(folder, ask):
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    Pillow.fromarray(stripes).save(folder / "a.png")
    pixels = read_one(folder / "a.png", ask)
    assert np.abs(pixels - 127.5).max() < 4


def test_a_long_picture_loses_its_ends_and_a_photo_nothing(folder, ask):
    def marked(width):
        picture = Pillow.new("RGB", (width, 300), GREEN)
        picture.paste(RED, (0, 0, width // 8, 300))
        return picture

    marked(1200).save(folder / "long.png")
    marked(400).save(folder / "photo.png")
    pixels = Image().read(folder, ask).raw.pixels[:, 20].astype(int)
    assert np.abs(pixels[0, 2] - GREEN).max() < 10
    assert np.abs(pixels[1, 2] - RED).max() < 10


def test_a_model_reads_any_picture_as_it_was_taught(folder, ask):
    put(folder / "a.png", RED, (300, 200))
    Pillow.new("L", (10, 10), 50).save(folder / "b.png")
    taught = Schema(kind="image", shape=(3, 48, 48))
    examples = Image().read(folder, Ask(cache=ask.cache, schema=taught))
    assert examples.raw.pixels.shape == (2, 48, 48, 3)
    grey = Schema(kind="image", shape=(1, 16, 16))
    assert Image().read(folder, Ask(cache=ask.cache, schema=grey)).raw.pixels.shape[3] == 1


def test_a_model_reads_arrays_of_another_size(ask):
    taught = Schema(kind="image", shape=(3, 48, 48))
    examples = Image().read(np.zeros((2, 20, 30), np.uint8), Ask(cache=ask.cache, schema=taught))
    assert examples.raw.pixels.shape == (2, 48, 48, 3)


def test_a_model_reads_a_table_without_its_target(folder, ask):
    put(folder / "a.png")
    (folder / "t.csv").write_text("path,colour,taste\na.png,red,sweet")
    taught = Schema(kind="image", shape=(3, 24, 24), target="taste")
    unknown = Schema(kind="image", shape=(3, 24, 24), target="smell")
    with_it = Image().read(folder, Ask(cache=ask.cache, schema=taught))
    without = Image().read(folder, Ask(cache=ask.cache, schema=unknown))
    assert list(with_it.targets) == ["sweet"]
    assert without.targets is None


def test_a_second_run_decodes_nothing(folder, ask, monkeypatch):
    many(folder)
    first = Image().read(folder, ask)
    monkeypatch.setattr("pellucid.data._picture_decoding.decode_all", None)
    second = Image().read(folder, ask)
    assert (first.raw.pixels == second.raw.pixels).all()
    assert first.faults == second.faults
    assert list(first.names) == list(second.names)
    assert (first.raw.sizes == second.raw.sizes).all()


def test_a_changed_file_is_decoded_again(folder, ask):
    many(folder)
    Image().read(folder, ask)
    put(folder / "005.png", (200, 0, 0), (9, 8))
    os.utime(folder / "005.png", ns=(time.time_ns(), time.time_ns() + 1_000_000))
    assert Image().read(folder, ask).raw.pixels[5, 0, 0, 0] == 200


@pytest.mark.parametrize("harm", ["cut", "flip", "grow", "empty"])
def test_a_damaged_cache_is_made_again(folder, ask, harm):
    many(folder)
    whole = Image().read(folder, ask).raw.pixels.copy()
    (file,) = ask.cache.glob(f"*{SUFFIX}")
    data = bytearray(file.read_bytes())
    data[100] ^= 0xFF
    file.write_bytes({"cut": data[:-9], "flip": data, "grow": data + b"x", "empty": b""}[harm])
    assert (Image().read(folder, ask).raw.pixels == whole).all()


def test_more_than_memory_allows_is_mapped_and_stays_right(folder, ask):
    many(folder, CHUNK + 10)
    small = Ask(cache=ask.cache, memory=4_000)
    mapped = Image().read(folder, small)
    plain = Image().read(folder, Ask(cache=ask.cache / "other"))
    assert isinstance(mapped.raw.pixels, np.memmap)
    assert not isinstance(plain.raw.pixels, np.memmap)
    assert (mapped.raw.pixels == plain.raw.pixels).all()
    assert len(mapped.faults) == 1


@pytest.mark.parametrize("memory", [4_000, 1 << 30])
def test_a_full_disk_is_answered_with_memory(folder, ask, monkeypatch, memory):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    many(folder)
    monkeypatch.setattr(os, "posix_fallocate", full)
    examples = Image().read(folder, Ask(cache=ask.cache, memory=memory))
    assert len(examples) == 80
    assert list(ask.cache.iterdir()) == []


def test_the_longest_unused_files_leave_a_full_cache(tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data._cache.MOST", 250)
    for age, name in enumerate(("new", "old", "older")):
        with Writer(tmp_path / f"{name}{SUFFIX}", expected=0) as writer:
            writer.append(np.zeros((1, 60), np.uint8))
            writer.finish({})
        os.utime(tmp_path / f"{name}{SUFFIX}", (1e9 - age, 1e9 - age))
    Writer(tmp_path / f"next{SUFFIX}", expected=60).__exit__(None, None, None)
    assert sorted(file.stem for file in tmp_path.iterdir()) == ["new", "old"]


def test_rows_taken_of_mapped_pictures_are_mapped_too(folder, ask):
    many(folder)
    image = Image()
    examples = image.read(folder, Ask(cache=ask.cache, memory=4_000))
    some = image.take(examples, np.arange(60)[::-1].copy())
    stored = image.encode(some, image.describe(some))
    assert isinstance(stored, np.memmap)
    assert stored[:, 0, 0, 0].tolist() == [*range(59, -1, -1)]
    torch.from_numpy(np.asarray(stored)).mul_(0)
    assert examples.raw.pixels[59, 0, 0, 0] == 59


def test_an_unfinished_cache_file_leaves_nothing_behind(tmp_path):
    def fail():
        with Writer(tmp_path / f"a{SUFFIX}", expected=100) as writer:
            writer.append(np.zeros((2, 3), np.uint8))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []
