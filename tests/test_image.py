"""Pictures: where they may come from."""

import struct

import numpy as np
import pytest
import torch
from pictures import BLUE, RED, put, reasons, write_idx, write_idx_pair
from PIL import Image as Pillow

from pellucid.data import Ask
from pellucid.data.image import Image
from pellucid.errors import BadInputError
from pellucid.registry import kind


@pytest.fixture
def ask(tmp_path):
    return Ask(cache=tmp_path / "cache", seconds=60.0)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    return root


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
