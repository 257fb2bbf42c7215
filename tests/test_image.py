"""Pictures: what is read, what is refused, what is kept, and what is done with them."""

import errno
import gzip
import io
import os
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from pellucid.data import Ask, Schema
from pellucid.data._cache import SUFFIX, Writer
from pellucid.data._picture_views import plan, varied
from pellucid.data._pictures import CHUNK
from pellucid.data._working_size import working_size
from pellucid.data.image import Image
from pellucid.errors import BadInputError
from pellucid.registry import kind

SHARED = Path(__file__).parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data sets are not here")
RED, GREEN, BLUE, GREY = (250, 10, 10), (10, 250, 10), (10, 10, 250), (128, 128, 128)


@pytest.fixture
def ask(tmp_path):
    return Ask(cache=tmp_path / "cache", seconds=60.0)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    return root


def put(path, colour=RED, size=(24, 24), **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.new("RGB", size, colour).save(path, **options)
    return path


def halves(left=RED, right=BLUE, size=(32, 24)):
    """A picture whose left half differs from its right."""
    picture = Pillow.new("RGB", size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


def read_one(path, ask):
    return Image().read(path, ask).raw.pixels[0].astype(int)


def reasons(examples):
    return {Path(fault.name).name: fault.reason for fault in examples.faults}


def write_idx(path, array):
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    data = head + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_idx_pair(folder, side, count, *, end="", seed=0):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (count, 28, 28), np.uint8)
    labels = (np.arange(count) % 10).astype(np.uint8)
    write_idx(folder / f"{side}-images-idx3-ubyte{end}", pixels)
    write_idx(folder / f"{side}-labels-idx1-ubyte{end}", labels)
    return pixels, labels


def png_that_claims(width, height):
    def chunk(name, data):
        sum_ = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", sum_)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


# Folders, tables, IDX, arrays


def test_the_kind_is_found_by_its_name():
    assert kind["image"] is Image


def test_a_folder_names_the_class_and_the_folder_above_it_the_side(folder, ask):
    for name in ("train/rose/1.png", "train/tulip/1.png", "val/rose/2.png", "test/tulip/3.png"):
        put(folder / name)
    examples = Image().read(folder, ask)
    assert list(examples.names) == [
        "test/tulip/3.png",
        "train/rose/1.png",
        "train/tulip/1.png",
        "val/rose/2.png",
    ]
    assert list(examples.targets) == ["tulip", "rose", "tulip", "rose"]
    assert list(examples.sides) == ["test", "train", "train", "valid"]
    assert examples.target == "class"


def test_class_folders_without_sides_leave_the_split_open(folder, ask):
    put(folder / "a" / "1.png")
    put(folder / "b" / "1.png")
    assert Image().read(folder, ask).sides is None


def test_a_folder_that_only_wraps_the_data_is_passed_over(folder, ask):
    put(folder / "download" / "a" / "1.png")
    put(folder / "download" / "b" / "1.png")
    assert list(Image().read(folder, ask).targets) == ["a", "b"]


def test_pictures_are_listed_as_a_person_would_count_them(folder, ask):
    for number in (10, 9, 1):
        put(folder / f"img{number}.png")
    assert list(Image().read(folder, ask).names) == ["img1.png", "img9.png", "img10.png"]


def test_hidden_files_and_notes_beside_pictures_are_no_faults(folder, ask):
    put(folder / "a.png")
    (folder / "._a.png").write_bytes(b"resource fork")
    (folder / "README.md").write_text("about")
    examples = Image().read(folder, ask)
    assert len(examples) == 1
    assert examples.faults == ()


def test_a_flat_folder_has_no_targets(folder, ask):
    put(folder / "a.png")
    examples = Image().read(folder, ask)
    assert examples.targets is None
    assert examples.target == ""


@pytest.mark.parametrize(("header", "name"), [("path,label", ""), ("file;kind", ""), ("id,y", ".")])
def test_a_table_beside_flat_pictures_names_their_labels(folder, ask, header, name):
    put(folder / "apple1.png")
    put(folder / "pear22.png")
    suffix = "" if name else ".png"
    mark = ";" if ";" in header else ","
    rows = [header, f"apple1{suffix}{mark}apple", f"pear22{suffix}{mark}pear"]
    (folder / "labels.csv").write_text("\n".join(rows))
    examples = Image().read(folder, ask)
    assert list(examples.targets) == ["apple", "pear"]
    assert examples.target == header[-1] if name else examples.target in ("label", "kind")


def test_a_table_can_be_given_itself_with_target_and_group(folder, ask):
    for number in range(3):
        put(folder / "images" / f"{number}.png")
    rows = [
        "who,path,age,size",
        "ann,images/0.png,3,1.5",
        "bob,images/1.png,,2",
        "ann,images/9.png,5,1",
    ]
    (folder / "all.csv").write_text("\n".join(rows))
    wanted = Ask(cache=ask.cache, target="size", group="who")
    examples = Image().read(folder / "all.csv", wanted)
    assert examples.targets.tolist() == [1.5, 2.0]
    assert list(examples.groups) == ["ann", "bob"]
    assert [fault.name for fault in examples.faults] == ["all.csv, row 3"]


def test_a_parquet_table_with_a_column_of_sides_is_followed(folder, ask):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for number in range(3):
        put(folder / f"{number}.png")
    columns = {
        "file": ["0.png", "1.png", "2.png"],
        "label": ["a", "b", "a"],
        "split": ["train", "train", "test"],
    }
    pq.write_table(pa.table(columns), folder / "index.parquet")
    examples = Image().read(folder, ask)
    assert list(examples.sides) == ["train", "train", "test"]
    assert list(examples.targets) == ["a", "b", "a"]


def test_a_column_that_is_not_there_is_answered_with_those_that_are(folder, ask):
    put(folder / "a.png")
    (folder / "labels.csv").write_text("path,label\na.png,x")
    with pytest.raises(BadInputError, match="one of path, label"):
        Image().read(folder, Ask(cache=ask.cache, target="lable"))


def test_several_columns_that_may_be_the_label_are_asked_about(folder, ask):
    put(folder / "a.png")
    (folder / "labels.csv").write_text("path,colour,taste\na.png,red,sweet")
    with pytest.raises(BadInputError, match="--target colour"):
        Image().read(folder, ask)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_pairs_give_digits_as_words_and_their_sides(folder, ask, end):
    pixels, _ = write_idx_pair(folder, "train", 30, end=end)
    write_idx_pair(folder, "t10k", 10, end=end, seed=1)
    examples = Image().read(folder, ask)
    assert examples.raw.pixels.shape == (40, 28, 28, 1)
    assert (examples.raw.pixels[:30, :, :, 0] == pixels).all()
    assert list(examples.targets[:12]) == [*"012345678901"]
    assert list(examples.sides) == ["train"] * 30 + ["test"] * 10


def test_one_idx_file_finds_its_labels(folder, ask):
    write_idx_pair(folder, "t10k", 10, end=".gz")
    examples = Image().read(folder / "t10k-images-idx3-ubyte.gz", ask)
    assert list(examples.targets) == [*"0123456789"]
    assert examples.sides is None


@pytest.mark.parametrize("end", ["", ".gz"])
def test_a_truncated_idx_file_is_refused_with_its_name(folder, ask, end):
    write_idx_pair(folder, "train", 30, end=end)
    path = folder / f"train-images-idx3-ubyte{end}"
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(BadInputError, match="train-images-idx3"):
        Image().read(folder, ask)


def test_an_idx_header_that_claims_a_terabyte_is_not_believed(folder, ask):
    head = bytes((0, 0, 8, 3)) + struct.pack(">3I", 2**20, 2**10, 2**10)
    (folder / "train-images-idx3-ubyte").write_bytes(head + bytes(1000))
    with pytest.raises(BadInputError, match="more than its size allows"):
        Image().read(folder, ask)


def test_as_many_labels_as_pictures_are_needed(folder, ask):
    write_idx_pair(folder, "train", 30)
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(29, np.uint8))
    with pytest.raises(BadInputError, match=r"30 pictures in .*, 29 in"):
        Image().read(folder, ask)


@pytest.mark.parametrize(
    "shape", [(5, 8, 9), (5, 8, 9, 1), (5, 1, 8, 9), (5, 8, 9, 3), (5, 3, 8, 9)]
)
def test_arrays_are_taken_with_channels_first_last_or_none(ask, shape):
    examples = Image().read(np.zeros(shape, np.uint8), ask)
    channels = 1  # black is grey, whatever the array says
    assert examples.raw.pixels.shape == (5, 8, 9, channels)


def test_one_array_in_colour_is_one_picture(ask):
    x = np.full((20, 30, 3), RED, np.uint8)
    assert Image().read(x, ask).raw.pixels.shape == (1, 20, 30, 3)


def test_floats_from_zero_to_one_become_bytes(ask):
    x = np.linspace(0, 1, 3 * 4 * 4).reshape(3, 4, 4)
    examples = Image().read((x, np.array([0, 1, 1])), ask)
    assert examples.raw.pixels.flatten().tolist() == np.rint(x * 255).flatten().tolist()
    assert list(examples.targets) == ["0", "1", "1"]


def test_a_boolean_array_is_black_and_white(ask):
    x = np.zeros((2, 4, 4), bool)
    x[0] = True
    assert set(Image().read(x, ask).raw.pixels[0].flatten().tolist()) == {255}


def test_normalised_floats_are_refused_with_the_cure(ask):
    with pytest.raises(BadInputError, match="before they are normalised"):
        Image().read(np.random.default_rng(0).normal(size=(3, 8, 8)), ask)


def test_a_picture_of_nan_is_left_out_and_named(ask):
    x = np.random.default_rng(0).random((3, 8, 8))
    x[1, 0, 0] = np.nan
    examples = Image().read((x, ["a", "b", "c"]), ask)
    assert list(examples.targets) == ["a", "c"]
    assert reasons(examples) == {"item 1": "holds NaN or infinity"}


def test_x_and_y_of_different_lengths_are_refused(ask):
    with pytest.raises(BadInputError, match="3 pictures and 2 targets"):
        Image().read((np.zeros((3, 8, 8)), np.zeros(2, int)), ask)


class Listed(torch.utils.data.Dataset):
    def __init__(self, items, classes=None):
        self.items = items
        self.classes = classes

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]


def test_a_dataset_of_tensors_or_pictures_is_read(ask):
    tensors = Listed([(torch.full((3, 8, 8), 0.5), 1), (torch.zeros(3, 8, 8), 0)], ["cat", "dog"])
    opened = Listed([(Pillow.new("RGB", (8, 8), RED), "x"), (Pillow.new("L", (8, 8), 7), "y")])
    first, second = Image().read(tensors, ask), Image().read(opened, ask)
    assert list(first.targets) == ["dog", "cat"]
    assert first.raw.pixels[0, 0, 0].tolist() == [128]
    assert second.raw.pixels[:, 0, 0].tolist() == [list(RED), [7, 7, 7]]
    assert list(second.targets) == ["x", "y"]


def test_a_list_keeps_its_order_and_names(folder, ask):
    paths = [put(folder / "b.png", RED), put(folder / "a.png", BLUE)]
    examples = Image().read([str(path) for path in paths], ask)
    assert list(examples.names) == [str(path) for path in paths]
    assert examples.raw.pixels[:, 0, 0].tolist() == [list(RED), list(BLUE)]


# What is recognised


def test_what_holds_pictures_is_recognised(folder, ask):
    put(folder / "c" / "a.png")
    (folder / "c" / "t.csv").write_text("path,label\na.png,x")
    known = Image().recognises
    assert known(folder) > 0.9
    assert known(folder / "c" / "a.png") > 0.9
    assert known([folder / "c" / "a.png"]) > 0.9
    assert known(folder / "c" / "t.csv") > 0.9
    assert known((np.zeros((4, 8, 8), np.uint8), np.zeros(4))) > 0.5
    assert known(Listed([(torch.zeros(1, 8, 8), 0)])) > 0.5


def test_what_holds_none_is_not(folder):
    (folder / "t.csv").write_text("name,age\nann,3")
    known = Image().recognises
    assert known(folder) == 0
    assert known(folder / "t.csv") == 0
    assert known(np.zeros((4, 8))) == 0
    assert known(Listed([(torch.zeros(8), 0)])) == 0


# Formats


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


# What is broken


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


# One size for all


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


# The cache


def many(folder, count=80):
    for number in range(count):
        put(folder / f"{number:03}.png", (number, 0, 0), (9, 8))
    (folder / "broken.png").write_bytes(b"no")


def test_a_second_run_decodes_nothing(folder, ask, monkeypatch):
    many(folder)
    first = Image().read(folder, ask)
    monkeypatch.setattr("pellucid.data._picture_reading.decode_all", None)
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


# What later stages ask for


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


# Views


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


def test_a_small_picture_is_moved_by_at_most_two_pixels():
    x = torch.zeros(200, 1, 28, 28)
    x[:, :, 14, 10] = 1
    places = views_of(x, 28, 1, flip=False)[:, 0].nonzero()
    assert places[:, 1].unique().tolist() == [12, 13, 14, 15, 16]
    assert places[:, 2].unique().tolist() == [8, 9, 10, 11, 12]


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


# Looking and drawing


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
