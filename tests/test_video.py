"""Clips as examples: frames by time, parts in seconds and pixels, views the same for all frames."""

import io
import json

import numpy as np
import pytest
import torch
from benchmarks._planted_clips import ordered
from clips import folder, moving, two_classes
from PIL import Image

from pellucid.data import Ask, Examples
from pellucid.data._video_clips import Clips, Form, plain_facts
from pellucid.data._video_form import Probed, working_form
from pellucid.data._video_views import may_flip, plan, varied
from pellucid.data.video import Video
from pellucid.explaining._areas import together, touching
from pellucid.looking import look
from pellucid.networks._clips import Change, HalveTime, Timewise
from pellucid.networks.framemean import build as framemean

KIND = Video()


def examples(*films, targets=None, seconds=2.0):
    pixels = np.stack(films)
    form = Form(frames=pixels.shape[1], height=pixels.shape[2], width=pixels.shape[3])
    names = [f"{place}.mp4" for place in range(len(films))]
    known = None if targets is None else np.array(targets, dtype=object)
    raw = Clips(pixels=pixels, facts=plain_facts(len(films), form, seconds))
    return Examples(kind="video", names=names, raw=raw, targets=known)


def batch(given):
    schema = KIND.describe(given)
    return KIND.tensor(torch.from_numpy(KIND.encode(given, schema)), schema), schema


def test_a_batch_lies_in_memory_as_convolutions_want_it():
    x, schema = batch(examples(moving(8), moving(8, seed=1)))
    assert x.shape == (2, *schema.shape) == (2, 3, 8, 48, 64)
    assert x.is_contiguous(memory_format=torch.channels_last_3d)
    assert abs(float(x.mean())) < 0.01


def test_parts_have_a_span_in_seconds_and_a_box_in_pixels_of_the_file():
    given = examples(moving(8), seconds=4.0)
    given = given.replace(
        raw=Clips(
            pixels=given.raw.pixels,
            facts=plain_facts(1, Form(frames=8, height=480, width=640), 4.0),
        )
    )
    (parts,) = KIND.parts(given, KIND.describe(given))
    assert parts.where[0] == {"seconds": [0.0, 1.0], "box": [0, 0, 160, 120]}
    assert parts.where[-1] == {"seconds": [3.0, 4.0], "box": [480, 360, 160, 120]}
    assert parts.names[0] == "0.00 to 1.00 s, top left corner"


def test_the_box_of_a_part_is_inside_what_is_left_of_a_long_picture():
    given = examples(moving(8, height=48, width=48))
    raw = Clips(
        pixels=given.raw.pixels,
        facts=plain_facts(1, Form(frames=8, height=100, width=400), 1.0),
    )
    (parts,) = KIND.parts(given.replace(raw=raw), KIND.describe(given))
    lefts = [where["box"][0] for where in parts.where]
    rights = [where["box"][0] + where["box"][2] for where in parts.where]
    assert (min(lefts), max(rights)) == (133, 267)  # 4:3 of 100 pixels, in the middle of 400


def test_parts_say_where_it_stands_still_and_where_much_moves():
    given = examples(moving(8))
    (parts,) = KIND.parts(given, KIND.describe(given))
    told = dict(zip(parts.names, KIND.tell(given, 0, parts), strict=True))
    assert told["0.50 to 1.00 s, top left corner"] == "stands still"
    assert "much moves" in [told[f"0.50 to 1.00 s, {at}"] for at in ("upper left", "lower left")]


def test_each_part_is_one_span_of_frames_and_one_region():
    given = examples(moving(8))
    (parts,) = KIND.parts(given, KIND.describe(given))
    when, rows, columns = np.nonzero(parts.of[0] == 21)
    assert set(when.tolist()) == {2, 3}
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 23, 16, 31)


def test_a_view_is_the_same_for_all_frames_of_a_clip():
    still = np.repeat(moving(1, seed=3), 8, axis=0)
    x, schema = batch(examples(still, still[:, :, ::-1]))
    seen = varied(x, schema.details["augment"], torch.Generator().manual_seed(2))
    assert seen.shape == x.shape
    torch.testing.assert_close(seen, seen[:, :, :1].expand_as(seen))
    assert not torch.allclose(seen, x)


def test_views_keep_the_order_of_frames():
    frames = np.stack([np.full((48, 64, 3), 10 * place, np.uint8) for place in range(16)])
    x, schema = batch(examples(frames, frames))
    for seed in range(5):
        seen = varied(x, schema.details["augment"], torch.Generator().manual_seed(seed))
        assert (seen.mean(dim=(1, 3, 4)).diff(dim=1) >= -1e-4).all()


def test_nothing_is_mirrored_where_the_way_things_move_tells_the_class():
    right = [moving(8, seed=seed) for seed in range(24)]
    left = [moving(8, seed=seed + 50)[:, :, ::-1] for seed in range(24)]
    both = examples(*right, *left, targets=["right"] * 24 + ["left"] * 24)
    assert not may_flip(both.raw, both.targets)
    mixed = np.array(["a", "b"] * 24, dtype=object)
    assert may_flip(both.raw, mixed)
    assert not may_flip(both.raw, np.array([1.0] * 24 + [-1.0] * 24))


def test_nothing_is_mirrored_where_the_sense_of_turning_tells_the_class():
    films, labels = ordered(80, seed=3)
    coloured = [np.repeat(film[..., None], 3, axis=3) for film in films]
    turning = examples(*coloured, targets=labels)
    assert not may_flip(turning.raw, turning.targets)


def test_a_plan_without_mirroring_mirrors_nothing():
    assert not plan(Form(frames=16, height=64, width=64), flip=False)["flip"]


def test_where_it_stands_still_nothing_moves():
    x, schema = batch(examples(moving(8)))
    still = KIND.blanks(x, schema, x[:0])["standing still"][0]
    assert not still.diff(dim=2).any()


def test_the_same_clip_brighter_and_smaller_is_a_near_duplicate_and_its_neighbour_is_not():
    films = [moving(8, seed=7, down=bool(number % 2)) for number in range(2)]
    random = np.random.default_rng(0)
    for number in range(6):
        films.append(np.roll(moving(8, seed=7), 5 * number + 4, axis=1))
    noisy = films[0] * 0.8 + random.normal(0, 2, films[0].shape)
    clusters = KIND.clusters(examples(*films, np.clip(noisy, 0, 255).astype(np.uint8)))
    assert clusters[8] == clusters[0]
    assert clusters[1] != clusters[0]


def test_clips_of_one_frame_and_still_clips_are_found():
    still = np.repeat(moving(1, seed=3), 8, axis=0)
    given = examples(moving(8), still, moving(8, seed=2))
    facts = given.raw.facts
    facts.counts[2] = 1
    found = {finding.what: finding for finding in KIND.look(given)}
    assert found["still"].examples == ("1.mp4",)
    assert found["one frame"].examples == ("2.mp4",)


def test_a_class_with_a_rate_of_its_own_is_warned_of():
    given = examples(*(moving(8, seed=n) for n in range(6)), targets=[*"aaabbb"])
    given.raw.facts.rates[:] = [25, 25, 25, 30, 30, 30]
    (found,) = [finding for finding in KIND.look(given) if finding.what == "mixed rates"]
    assert found.level == "warning"


def test_a_longer_budget_takes_more_frames_and_finer_ones():
    probed = [Probed(320, 240, 60)]
    forms = [working_form(probed, 200, seconds) for seconds in (20, 120, 600)]
    assert [form.frames for form in forms] == [8, 16, 16]
    sizes = [form.height for form in forms]
    assert sizes == sorted(set(sizes))
    assert all(form.width >= form.height for form in forms)


def test_small_clips_keep_their_size_and_short_ones_their_frames():
    assert working_form([Probed(28, 20, 5)], 100, 600) == Form(frames=5, height=20, width=28)


def test_the_average_of_frames_does_not_see_their_order():
    x, schema = batch(examples(*(moving(8, seed=n) for n in range(3))))
    module = framemean(schema, 2, size=1).eval()
    shuffled = x[:, :, torch.tensor([3, 1, 7, 0, 2, 6, 5, 4])]
    torch.testing.assert_close(module(shuffled), module(x), rtol=1e-4, atol=1e-5)


def test_the_first_frame_differs_in_nothing():
    x = torch.randn(2, 3, 5, 4, 4)
    seen = Change()(x)
    assert not seen[:, 3:, 0].any()
    torch.testing.assert_close(seen[:, 3:, 2], 3 * (x[:, :, 2] - x[:, :, 1]))


def test_a_convolution_over_time_sees_one_place_alone():
    layer = Timewise(2, 2)
    x = torch.randn(1, 2, 6, 3, 3)
    other = x.clone()
    other[:, :, :, 0, 0] += 1
    changed = (layer(x) - layer(other)).abs().sum(dim=(0, 1, 2))
    assert changed[0, 0] > 0
    assert not changed.flatten()[1:].any()


def test_half_of_the_time_is_the_mean_of_two_frames():
    x = torch.arange(5.0).view(1, 1, 5, 1, 1)
    assert HalveTime()(x).flatten().tolist() == [0.5, 2.5, 4.0]


def test_parts_that_touch_in_time_and_place_are_named_as_one():
    one = {"seconds": [0.0, 1.0], "box": [0, 0, 10, 10]}
    later = {"seconds": [1.0, 2.0], "box": [0, 0, 10, 10]}
    beside = {"seconds": [1.0, 2.0], "box": [10, 0, 10, 10]}
    assert touching(one, later)
    assert not touching(one, beside)
    assert together(["a", "b"], [one, beside])[1] == {"seconds": [0.0, 2.0], "box": [0, 0, 20, 10]}


def test_arrays_of_clips_are_read_and_refused_in_words():
    films = np.stack([moving(8, seed=n) for n in range(10)])
    found = KIND.read((films, ["a", "b"] * 5), Ask(seconds=20))
    assert found.targets.tolist() == ["a", "b"] * 5
    assert KIND.recognises(films) == 0.9
    one = KIND.read(films[0], Ask(schema=KIND.describe(found)))
    assert KIND.encode(one, KIND.describe(found)).shape[1:] == found.raw.form.row
    with pytest.raises(ValueError, match="clips:"):
        KIND.read(np.zeros((4, 5)), Ask())


def test_looking_at_folders_of_frames_counts_and_draws(tmp_path):
    found = look(two_classes(tmp_path / "clips"), cache=tmp_path / "cache")
    assert found.kind == "video"
    assert found.classes == {"down": 6, "right": 6}
    drawn = Image.open(io.BytesIO(found.sheet()))
    assert min(drawn.size) > 100


def test_class_folders_of_pictures_are_no_clips(tmp_path):
    for side in ("train", "test"):
        for name in ("a", "b"):
            folder(tmp_path / "set" / side / name, moving(5))
            folder(tmp_path / "plain" / name, moving(5))
    assert KIND.recognises(tmp_path / "set") == 0
    assert KIND.recognises(tmp_path / "plain") == 0
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        for part in ("x", "y"):
            pictures = random.integers(0, 256, (5, 8, 8, 3)).astype(np.uint8)
            folder(tmp_path / "photos" / name / part, pictures.repeat(4, axis=1).repeat(4, axis=2))
    assert KIND.recognises(tmp_path / "photos") == 0
    assert KIND.recognises(two_classes(tmp_path / "more")) > 0.9
    many = tmp_path / "many"
    for number in range(90):
        (many / f"class{number:02}" / "clip").mkdir(parents=True)
    for number in range(3):
        folder(many / f"class{number:02}" / "clip", moving(24, seed=number))
    assert KIND.recognises(many) > 0.9


@pytest.mark.slow
def test_learned_explained_and_drawn_from_folders_of_frames(tmp_path):
    import pellucid

    source = two_classes(tmp_path / "clips", each=40, height=32, width=32, tall=8)
    model = pellucid.fit(source, steps=40, seed=0)
    assert model.evaluate(source).scores["accuracy"].value > 0.9
    why = model.explain(source / "down" / "clip3")
    parts = json.loads(json.dumps(why.to_json()))["parts"]
    assert all({*part["where"]} == {"seconds", "box"} for part in parts)
    assert "data:image/png;base64," in why.page()
