"""Parts of pictures and of rows, what stands for nothing, and how shares are drawn."""

import io
import json

import numpy as np
import pytest
import torch
from pictures import BLUE, RED, put
from PIL import Image as Pillow

from pellucid.data import Ask, Examples, Parts, Schema
from pellucid.data._columns import Column
from pellucid.data._painting import signed, strongest
from pellucid.data._picture_rows import Pictures
from pellucid.data._superpixels import perceived, superpixels
from pellucid.data.image import Image
from pellucid.data.table import Table

ORANGE, DARK_BLUE = (226, 113, 29), (40, 104, 172)


def picture_schema(height, width, channels=3):
    details = {"mean": [100.0] * channels, "std": [50.0] * channels, "flip": False, "augment": []}
    return Schema(kind="image", shape=(channels, height, width), details=details)


def read_from(*pixels, sizes=None):
    stacked = np.stack(pixels)
    height, width = stacked.shape[1:3]
    held = Pictures(
        pixels=stacked,
        sizes=np.array(sizes or [(width, height)] * len(pixels)),
        grey=np.zeros(len(pixels), bool),
    )
    return Examples(kind="image", names=[f"{n}" for n in range(len(pixels))], raw=held)


def split(*pixels, sizes=None):
    height, width, channels = pixels[0].shape
    return Image().parts(read_from(*pixels, sizes=sizes), picture_schema(height, width, channels))


def areas_of(size, height, width):
    examples = read_from(np.zeros((height, width, 3), np.uint8), sizes=[size])
    (areas,) = Image().areas(examples, picture_schema(height, width))
    return dict(zip(areas.names, areas.where, strict=True))


def square_on_ground(side=64, ground=60, light=220, box=(20, 24, 17, 19)):
    top, left, tall, wide = box
    pixels = np.full((side, side, 1), ground, np.uint8)
    pixels[top : top + tall, left : left + wide] = light
    return pixels, pixels[..., 0] == light


def pieces_of(of):
    """Count the connected pieces of each number, by flooding."""
    left, count = np.ones(of.shape, bool), {}
    while left.any():
        row, column = np.argwhere(left)[0]
        number, border = of[row, column], [(row, column)]
        left[row, column] = False
        count[number] = count.get(number, 0) + 1
        while border:
            row, column = border.pop()
            for one, other in (
                (row + 1, column),
                (row - 1, column),
                (row, column + 1),
                (row, column - 1),
            ):
                inside = 0 <= one < of.shape[0] and 0 <= other < of.shape[1]
                if inside and left[one, other] and of[one, other] == number:
                    left[one, other] = False
                    border.append((one, other))
    return count


def table_schema(*columns, **details):
    sources = [{"name": one.of, "kind": "numbers", "form": one.form} for one in columns]
    details = {"names": ["a"], "header": True, "sources": sources, **details}
    details["columns"] = [one.to_json() for one in columns]
    cardinalities = tuple(one.cardinality for one in columns)
    return Schema(kind="table", shape=(len(columns),), cardinalities=cardinalities, details=details)


def number(**given):
    return Column(**{"name": "a", "of": "a", "kind": "number", **given})


def restored(schema, *rows):
    return Table().restore(np.array(rows, np.float32), schema).raw.to_pydict()


def test_a_light_square_is_cut_out_of_its_ground():
    pixels, light = square_on_ground()
    of = superpixels(pixels, (7, 7))
    inside = np.bincount(of.ravel(), light.ravel()) / np.bincount(of.ravel())
    assert set(inside.tolist()) == {0.0, 1.0}


def test_a_square_of_another_colour_of_the_same_lightness_is_cut_out_too():
    pixels = np.full((64, 64, 3), (119, 119, 119), np.uint8)
    pixels[20:37, 24:43] = (157, 101, 117)
    of = superpixels(pixels, (7, 7))
    inside = np.bincount(of.ravel(), (pixels[..., 0] == 157).ravel()) / np.bincount(of.ravel())
    assert set(inside.tolist()) == {0.0, 1.0}


def test_a_flat_picture_is_cut_into_a_grid():
    of = superpixels(np.full((28, 28, 1), 90, np.uint8), (7, 7))
    rows, columns = np.mgrid[:28, :28] // 4
    assert (of == rows * 7 + columns).all()


@pytest.mark.parametrize("shape", [(24, 24, 1), (31, 57, 3), (8, 9, 3)])
def test_every_piece_hangs_together_and_none_is_a_speck(shape):
    noise = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    of = superpixels(noise, (5, 5))
    assert set(pieces_of(of).values()) == {1}
    assert np.bincount(of.ravel()).min() >= shape[0] * shape[1] / 25 / 3


@pytest.mark.parametrize(("side", "least", "most"), [(24, 25, 50), (28, 30, 60), (128, 50, 80)])
def test_a_picture_has_about_fifty_parts(side, least, most):
    random = np.random.default_rng(1)
    smooth = Pillow.fromarray(random.integers(0, 256, (6, 6, 3), np.uint8)).resize((side, side))
    assert least <= len(split(np.asarray(smooth))[0]) <= most


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 2), (2, 1), (3, 40), (5, 5)])
def test_the_smallest_pictures_have_parts_and_areas(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    (parts,) = split(pixels)
    assert len(parts) >= min(2, height * width)
    assert len(areas_of((width, height), height, width)) == min(7, height) * min(7, width)


def test_equal_pictures_have_equal_parts_whatever_stands_between_them():
    random = np.random.default_rng(2)
    one, other = random.integers(0, 256, (2, 28, 28, 3), np.uint8)
    first, _, last = split(one, other, one)
    assert np.array_equal(first.of, last.of)
    assert (first.names, first.where) == (last.names, last.where)


def test_white_is_as_light_as_can_be_and_has_no_hue():
    white, red = perceived(np.array([[255, 255, 255], [255, 0, 0]], np.uint8))
    np.testing.assert_allclose(white, (1, 0, 0), atol=1e-4)
    np.testing.assert_allclose(red, (0.628, 0.225, 0.126), atol=1e-3)  # Ottosson's values


def test_grey_is_as_light_in_one_channel_as_in_three():
    levels = np.arange(256, dtype=np.uint8)
    grey = perceived(levels[:, None])[:, 0]
    colour = perceived(np.repeat(levels[:, None], 3, axis=1))[:, 0]
    np.testing.assert_allclose(grey, colour, atol=1e-4)


def test_parts_are_named_by_their_place_and_colour():
    pixels = np.zeros((60, 60, 3), np.uint8)
    pixels[:12, 48:] = RED
    pixels[24:36, 24:36] = (255, 255, 255)
    (parts,) = split(pixels)
    named = {name.rstrip(" 123456789") for name in parts.names}
    assert {"top right corner, red", "centre, white", "bottom left, black"} <= named


def test_places_in_a_picture_that_was_not_cropped_are_scaled():
    where = areas_of((280, 280), 28, 28)
    assert where["top left corner"] == [0, 0, 40, 40]
    assert where["row 2, column 5"] == [160, 40, 40, 40]
    assert where["bottom right corner"] == [240, 240, 40, 40]


def test_places_in_a_long_picture_leave_out_what_was_cropped():
    # 300 × 100 as a square: the middle 4:3 of it, 133.3 wide, begins at 83.3.
    where = areas_of((300, 100), 28, 28)
    assert where["top left corner"] == [83, 0, 19, 14]
    assert where["bottom right corner"] == [198, 86, 19, 14]


def test_places_in_a_high_picture_leave_out_what_was_cropped():
    where = areas_of((100, 300), 28, 28)
    assert where["top left corner"] == [0, 83, 14, 19]


def test_a_file_that_was_cropped_is_pointed_at_where_its_square_is(tmp_path):
    picture = Pillow.new("RGB", (300, 100), BLUE)
    picture.paste(RED, (180, 40, 200, 60))
    picture.save(tmp_path / "long.png")
    schema = picture_schema(64, 64)
    examples = Image().read(tmp_path / "long.png", Ask(schema=schema))
    (parts,) = Image().parts(examples, schema)
    boxes = [box for name, box in zip(parts.names, parts.where, strict=True) if ", red" in name]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = (max(box[side] + box[side + 2] for box in boxes) for side in (0, 1))
    assert np.abs(np.array([left, top, right, bottom]) - (180, 40, 200, 60)).max() <= 3


def test_places_are_in_a_picture_lying_on_its_side_as_it_is_seen_upright(tmp_path):
    exif = Pillow.Exif()
    exif[0x0112] = 6
    put(tmp_path / "aside.jpg", RED, (60, 40), exif=exif)
    schema = picture_schema(28, 28)
    (areas,) = Image().areas(Image().read(tmp_path / "aside.jpg", Ask(schema=schema)), schema)
    assert areas.where[-1] == [34, 49, 6, 8]  # of 40 × 60 upright the middle 53.3 is seen


@pytest.mark.parametrize("size", [(3, 3), (1, 1), (5, 40), (300, 100), (640, 480)])
def test_places_lie_inside_the_file(size):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    (parts,) = split(pixels, sizes=[size])
    for left, top, width, height in [*parts.where, *areas_of(size, 32, 32).values()]:
        assert 0 <= left < left + width <= size[0]
        assert 0 <= top < top + height <= size[1]


def test_places_hold_when_pictures_are_fitted_a_second_time():
    examples = read_from(np.zeros((48, 96, 3), np.uint8), sizes=[(192, 96)])
    (areas,) = Image().areas(examples, picture_schema(28, 28))
    # Of 96 × 48 the middle 64 are seen, of the file the middle 128.
    assert areas.where[0] == [32, 0, 18, 14]


def test_where_nothing_is_in_a_picture_its_surroundings_go_on():
    pixels, _ = square_on_ground(ground=60)
    schema = picture_schema(64, 64, 1)
    x = Image().tensor(torch.from_numpy(pixels[None]), schema)
    blanks = Image().blanks(x, schema, x[:0])
    assert next(iter(blanks)) == "surroundings"
    torch.testing.assert_close(blanks["surroundings"], torch.full((1, 1, 1, 64, 64), -0.8))


def test_where_nothing_is_in_a_picture_without_a_plain_ground_it_is_blurred():
    noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 1), np.uint8)
    x = Image().tensor(torch.from_numpy(noise), picture_schema(64, 64, 1))
    blanks = Image().blanks(x, picture_schema(64, 64, 1), x[:0])
    assert torch.equal(blanks["surroundings"], blanks["blurred"])
    assert blanks["blurred"].std() < 0.1 * x.std()


def test_a_blurred_picture_has_no_square_and_keeps_a_flat_one():
    pixels, _ = square_on_ground()
    schema = picture_schema(64, 64, 1)
    x = Image().tensor(torch.from_numpy(np.stack([pixels, pixels * 0 + 50])), schema)
    blurred = Image().blanks(x, schema, x[:0])["blurred"][0]
    assert (blurred[0].max() - blurred[0].min()) < 0.3 * (x[0].max() - x[0].min())
    torch.testing.assert_close(blurred[1], x[1])


def test_a_row_without_its_values_is_like_other_rows_on_average():
    schema = table_schema(number(), number())
    others = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)).exp()

    blanks = Table().blanks(torch.zeros(3, 2), schema, others)

    assert [*blanks] == ["others", "typical"]
    assert blanks["others"].shape == (24, 3, 2)
    rows = blanks["others"][:, 1]
    assert torch.equal(rows, blanks["others"][:, 2])
    assert all(any(torch.equal(row, other) for other in others) for row in rows)
    # Rows drawn by chance would be off by a fifth of a deviation.
    off = (rows.mean(dim=0) - others.mean(dim=0)).abs() / others.std(dim=0)
    assert off.max() < 0.07


def test_the_typical_row_has_medians_and_the_most_frequent_level_and_misses_nothing():
    schema = table_schema(
        number(),
        Column(name="a is missing", of="a", kind="missing"),
        Column(name="b", of="b", kind="category", levels=("red", "blue")),
        Column(name="c", of="c", kind="category", levels=("", "red")),
    )
    x = torch.full((1, 4), 3.0)
    blanks = Table().blanks(x, schema, x[:0])
    assert [*blanks] == ["typical"]
    assert blanks["typical"].tolist() == [[[0, 0, 1, 2]]]


def test_a_column_of_the_source_is_one_part():
    schema = table_schema(number(part="year"), number(part="month sine"), number(of="b"))
    (parts,) = Table().parts(Table().restore(np.zeros((1, 3), np.float32), schema), schema)
    assert parts.of.tolist() == [0, 0, 1]
    assert parts.names == parts.where == ("a", "b")


def test_numbers_come_back_in_their_own_unit_from_the_bent_end_too():
    schema = table_schema(number(center=40.0, scale=2.0))
    # Beyond 3 scales x is 3 + log(1 + scales - 3): 4 stands for 3 + e - 1 scales.
    assert restored(schema, [0], [1], [-3], [4])["a"] == pytest.approx(
        [40, 42, 34, 40 + 2 * (2 + np.e)], abs=1e-4
    )


def test_what_was_missing_is_missing_again():
    schema = table_schema(number(), Column(name="a is missing", of="a", kind="missing"))
    values = restored(schema, [2, 0], [0, 1])["a"]
    assert values[0] == 2
    assert np.isnan(values[1])


def test_words_come_back_and_what_has_no_word_is_said_to_be_unknown():
    schema = table_schema(Column(name="b", of="b", kind="category", levels=("", "red", "blue")))
    words = restored(schema, [1], [2], [3], [0])["b"]
    assert words == [None, "red", "blue", "(not known in training)"]


def test_codes_that_no_level_has_are_met_with_the_nearest():
    schema = table_schema(Column(name="b", of="b", kind="category", levels=("red", "blue")))
    assert restored(schema, [99], [-4], [np.nan])["b"] == ["blue", None, None]


def test_numbers_that_no_column_can_hold_come_back_finite():
    schema = table_schema(number(scale=1e300))
    assert np.isfinite(restored(schema, [3e38], [-3e38], [np.nan])["a"]).all()


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S"])
def test_moments_come_back_to_the_second(form, tmp_path):
    random = np.random.default_rng(5)
    unit = "D" if form == "%Y-%m-%d" else "s"
    start = np.datetime64("1999-01-01", unit)
    when = start + random.integers(0, (np.datetime64("2024-01-01", unit) - start).astype(int), 200)
    rows = [f"{str(one).replace('T', ' ')},{place % 2}" for place, one in enumerate(when)]
    path = tmp_path / "moments.csv"
    path.write_text("\n".join(["when,class", *rows]))
    examples = Table().read(path, Ask(target="class"))
    schema = Table().describe(examples)
    again = Table().restore(Table().encode(examples, schema), schema)
    found = np.array(again.raw.column("when").to_pylist(), "datetime64[ms]")
    assert (found == when).all()


def test_restored_rows_are_read_like_those_of_a_file(tmp_path):
    path = Table().specimen(tmp_path)
    examples = Table().read(path, Ask())
    schema = Schema.from_json(json.loads(json.dumps(Table().describe(examples).to_json())))
    again = Table().restore(Table().encode(examples, schema), schema)
    parts = Table().parts(again, schema)[0]
    assert again.raw.schema.equals(examples.raw.schema)
    assert Table().tell(again, 0, parts) == Table().tell(examples, 0, parts)


def test_a_row_is_painted_with_its_fifteen_strongest_columns_and_the_rest_together():
    def height(columns):
        named = [number(name=f"c{n}", of=f"c{n}") for n in range(columns)]
        schema = table_schema(*named)
        examples = Table().restore(np.zeros((1, columns), np.float32), schema)
        (parts,) = Table().parts(examples, schema)
        drawn = Table().paint(examples, 0, parts, np.arange(columns, dtype=float))
        return Pillow.open(io.BytesIO(drawn)).height

    assert height(16) - height(15) == height(15) - height(14) > 0
    assert height(40) == height(17) == height(16)


@pytest.mark.parametrize(
    ("shares", "shown", "hidden"),
    [((1.0, 0.4), ORANGE, DARK_BLUE), ((-1.0, -0.4), DARK_BLUE, ORANGE)],
)
def test_only_the_colour_of_what_speaks_is_painted(shares, shown, hidden):
    named = table_schema(number(), number(name="b", of="b"))
    examples = Table().restore(np.zeros((1, 2), np.float32), named)
    (parts,) = Table().parts(examples, named)
    drawn = Pillow.open(io.BytesIO(Table().paint(examples, 0, parts, np.array(shares))))
    below = drawn.convert("RGB").crop((0, 40, drawn.width, drawn.height))
    found = {colour for _, colour in below.getcolors(1 << 20)}
    assert shown in found
    assert hidden not in found


def test_what_speaks_against_is_hatched_in_a_picture():
    of = np.repeat([[0, 1]], 28, axis=0).repeat(14, axis=1)[None]
    parts = Parts(of=of, names=("left", "right"), where=([0, 0, 1, 1], [1, 0, 1, 1]))
    examples = read_from(np.full((28, 28, 3), 128, np.uint8))
    halves = {}
    for side, shares in (("for", (1.0, 0.01)), ("against", (-1.0, 0.01))):
        drawn = Pillow.open(io.BytesIO(Image().paint(examples, 0, parts, np.array(shares))))
        grey = np.asarray(drawn.convert("L"), float)[60:200, 470:630]
        halves[side] = np.abs(np.diff(grey, axis=1)).mean()
    assert halves["for"] < 1
    assert halves["against"] > 5


def test_what_belongs_to_no_part_stays_grey():
    of = np.full((1, 28, 28), -1)
    of[0, :14] = 0
    of[0, 14:, :14] = 1
    parts = Parts(of=of, names=("top", "left"), where=([0, 0, 28, 14], [0, 14, 14, 14]))
    examples = read_from(np.full((28, 28, 3), 128, np.uint8))
    drawn = Pillow.open(io.BytesIO(Image().paint(examples, 0, parts, np.array([1.0, 0.9]))))
    red, green, blue = np.asarray(drawn.convert("RGB"))[400, 800]
    assert red == green == blue


def test_shares_are_written_with_signs_and_as_many_digits_as_the_strongest_needs():
    assert signed([7.346, -0.108, 0.0001, 0.0]) == ["+7.35", "−0.11", "0.00", "0.00"]
    assert signed([-1234567.0, 2.0]) == ["−1,234,567", "+2"]
    assert signed([0.0, 0.0]) == ["0", "0"]
    assert signed([1e-12]) == ["+1.00e−12"]


def test_only_parts_near_the_strongest_are_numbered():
    assert strongest(np.array([0.05, -2.0, 1.0, 0.19, 0.21]), 5) == [1, 2, 4]
    assert strongest(np.zeros(4), 5) == []


def test_of_a_thousand_columns_neighbours_are_one_part():
    columns = [Column(name=f"c{place}", of=f"c{place}", kind="number") for place in range(1000)]

    one = Examples(kind="table", names=["row 1"], raw=None)
    (parts,) = Table().parts(one, table_schema(*columns))

    assert len(parts) == 250
    assert parts.names[:2] == ("c0 to c3", "c4 to c7")
    assert parts.of.tolist() == [place // 4 for place in range(1000)]
