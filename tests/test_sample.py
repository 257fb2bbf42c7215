"""Decoding never makes a run late: what there is time for is a fair sample of all."""

import collections
import errno
import os

import numpy as np
import pytest
from pictures import put
from PIL import Image as Pillow

import pellucid
from pellucid.data import Ask, _pictures
from pellucid.data._picture_sample import fair_order
from pellucid.data.image import Image
from pellucid.errors import BudgetError

COUNTS = {"aster": 60, "rose": 30, "tulip": 10}


def put_noise(path):
    """Write a picture that is like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng([*str(path).encode()])
    Pillow.fromarray(random.integers(0, 256, (8, 9, 3), np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """A hundred pictures of three classes, no two alike, and two broken files."""
    root = tmp_path / "flowers"
    for name, count in COUNTS.items():
        for number in range(count):
            put_noise(root / name / f"{number}.png")
    for name in ("aster", "rose"):
        (root / name / "broken.png").write_bytes(b"no")
    return root


@pytest.fixture
def seconds(monkeypatch):
    """Makes every picture take a second to decode, by a clock that only decoding moves."""
    spent = []
    decode = _pictures.decode
    monkeypatch.setattr(_pictures, "_cores", lambda: 1)
    monkeypatch.setattr("pellucid.data._picture_reading.monotonic", lambda: float(len(spent)))
    monkeypatch.setattr(
        _pictures, "decode", lambda source, form: spent.append(source) or decode(source, form)
    )
    return spent


def ask(tmp_path, reading=30.0, **more):
    return Ask(cache=tmp_path / "cache", reading=reading, **more)


def counts(examples):
    return collections.Counter(examples.targets.tolist())


def same(one, other):
    pixels = (np.concatenate([*examples.raw.blocks()]) for examples in (one, other))
    return list(one.names) == list(other.names) and np.array_equal(*pixels)


def test_every_first_part_of_the_order_holds_each_class_in_proportion():
    classes = ["many"] * 200 + ["some"] * 90 + ["few"] * 10
    names = [f"{at}.png" for at in range(300)]

    order = fair_order(names, classes)

    assert sorted(order) == [*range(300)]
    for end in range(3, 300):
        taken = collections.Counter(classes[at] for at in order[:end])
        assert all(abs(taken[name] - end * classes.count(name) / 300) < 2 for name in set(classes))
        assert taken["few"] >= 1


def test_the_order_depends_on_the_names_alone():
    names = [f"{at}.png" for at in range(50)]
    there = [names[at] for at in fair_order(names, [""] * 50)]
    back = [names[::-1][at] for at in fair_order(names[::-1], [""] * 50)]

    assert there == back != sorted(there)


def test_decoding_stops_when_its_time_is_up_and_one_sentence_says_so(folder, tmp_path, seconds):
    examples = Image().read(folder, ask(tmp_path, 30.0))

    (note,) = examples.notes
    assert len(seconds) == 30
    assert len(examples) + len(examples.faults) == 30
    assert note.level == "warning"
    assert note.text.startswith("30 of 102 pictures were decoded in the 30 s that reading may take")
    assert note.text.endswith("the same command again continues where this one stopped")


def test_the_sample_is_fair_and_in_the_order_given(folder, tmp_path, seconds):
    examples = Image().read(folder, ask(tmp_path, 30.0))
    everything = Image().read(folder, ask(tmp_path / "other", np.inf))

    names = [name for name in everything.names if name in set(examples.names)]
    assert list(examples.names) == names
    assert all(abs(counts(examples)[name] - 0.3 * COUNTS[name]) < 2 for name in COUNTS)
    rows = np.isin(everything.names, names)
    assert np.array_equal(examples.raw.pixels, everything.raw.pixels[rows])
    assert all(name.startswith(f"{target}/") for name, target in zip(names, examples.targets))  # noqa: B905


def test_what_is_decoded_in_time_is_as_if_there_were_no_end(folder, tmp_path, seconds):
    within = Image().read(folder, ask(tmp_path, 1000.0))
    without = Image().read(folder, ask(tmp_path / "other", np.inf))

    assert same(within, without)
    assert within.notes == ()
    assert within.faults == without.faults


@pytest.mark.parametrize("memory", [1 << 30, 4_000])
def test_the_same_command_again_decodes_further_until_all_is_there(
    folder, tmp_path, seconds, memory
):
    seen = []
    for _ in range(4):
        seen.append(Image().read(folder, ask(tmp_path, 40.0, memory=memory)))

    assert len(seconds) == 102  # each file once
    found = [len(examples) + len(examples.faults) for examples in seen]
    assert found == [40, 80, 102, 102]
    assert set(seen[0].names) < set(seen[1].names)
    assert same(seen[2], seen[3])
    assert same(seen[3], Image().read(folder, ask(tmp_path / "other", np.inf)))
    assert len(seen[3].faults) == 2
    assert len([*(tmp_path / "cache").iterdir()]) == 1


def test_a_run_that_goes_on_sees_what_it_saw_before(folder, tmp_path, seconds):
    before = Image().read(folder, ask(tmp_path))
    again = Image().read(folder, ask(tmp_path, further=False))

    assert same(before, again)
    assert before.notes == again.notes
    assert len(seconds) == 30


def test_a_changed_file_makes_what_was_begun_void(folder, tmp_path, seconds):
    Image().read(folder, ask(tmp_path))
    put(folder / "rose" / "0.png", (1, 2, 3), (10, 10))
    Image().read(folder, ask(tmp_path))

    assert len(seconds) == 60


def test_a_damaged_file_of_what_was_begun_counts_as_absent(folder, tmp_path, seconds):
    before = Image().read(folder, ask(tmp_path))
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:-3])

    assert same(before, Image().read(folder, ask(tmp_path)))


def test_time_for_hardly_any_is_a_sentence_and_what_was_done_is_kept(folder, tmp_path, seconds):
    with pytest.raises(
        BudgetError, match=r"5 of 102 pictures were decoded in the 5\.0 s"
    ) as caught:
        Image().read(folder, ask(tmp_path, 5.0))
    assert "--budget" in str(caught.value)
    assert "goes on from there" in str(caught.value)

    assert len(Image().read(folder, ask(tmp_path, 25.0)).names) >= 28


@pytest.mark.parametrize("memory", [1 << 30, 4_000])
def test_a_disk_that_takes_nothing_costs_only_what_was_decoded(
    folder, tmp_path, seconds, monkeypatch, memory
):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    examples = Image().read(folder, ask(tmp_path, 30.0, memory=memory))

    assert len(examples) + len(examples.faults) == 30
    assert examples.notes[0].text.endswith("a longer budget leaves time for more")
    assert [*(tmp_path / "cache").iterdir()] == []


def test_colour_that_is_found_late_is_remembered(tmp_path, seconds):
    for number in range(100):
        put(tmp_path / "all" / f"{number}.png", (number, number, number), (9, 8))
    names = [f"{number}.png" for number in range(100)]
    late = max(set(range(100)) - {*range(0, 100, 7)}, key=fair_order(names, [""] * 100).index)
    Pillow.new("RGB", (9, 8), (200, 0, 0)).save(tmp_path / "all" / f"{late}.png")

    first = Image().read(tmp_path / "all", ask(tmp_path, 60.0))
    assert first.raw.pixels.shape[3] == 1
    second = Image().read(tmp_path / "all", ask(tmp_path, 60.0))
    assert second.raw.pixels.shape[3] == 3
    third = Image().read(tmp_path / "all", ask(tmp_path, 200.0))
    assert third.raw.pixels.shape == (100, 8, 9, 3)
    assert len(seconds) == 200


def test_without_classes_or_with_numbers_a_sample_is_taken_too(folder, tmp_path, seconds):
    lines = [f"{name}/{at}.png,{at}.5" for name, count in COUNTS.items() for at in range(count)]
    (folder / "prices.csv").write_text("\n".join(["path,price", *lines]))

    plain = Image().read([*folder.rglob("*.png")], ask(tmp_path))
    priced = Image().read(folder / "prices.csv", ask(tmp_path))

    assert len(plain) + len(plain.faults) == len(priced) == 30
    assert priced.targets.tolist() == [
        float(name[:-4].split("/")[1]) + 0.5 for name in priced.names
    ]


class _StopError(Exception):
    pass


@pytest.mark.parametrize(
    ("limits", "expected"), [({"budget": "60 s"}, 21.0), ({"steps": 5}, np.inf)]
)
def test_a_budget_bounds_reading_and_a_run_by_steps_does_not(monkeypatch, limits, expected):
    asked = []

    def prepare(data, ask, **_):
        asked.append(ask)
        raise _StopError

    monkeypatch.setattr("pellucid._fitting.prepare", prepare)
    with pytest.raises(_StopError):
        pellucid.fit("flowers", **limits)

    assert asked[0].reading == pytest.approx(expected, rel=0.01)
    assert asked[0].further


def test_a_run_that_was_stopped_does_not_decode_further(monkeypatch, tmp_path):
    def prepare(data, ask, **_):
        assert not ask.further
        raise _StopError

    (tmp_path / "m.pellucid.run").mkdir()
    (tmp_path / "m.pellucid.run" / "checkpoint").write_bytes(b"something")
    monkeypatch.setattr("pellucid._fitting.prepare", prepare)
    with pytest.raises(_StopError):
        pellucid.fit("flowers", out=tmp_path / "m.pellucid")


def test_fit_says_what_reading_warned_of(folder):
    put_noise(folder / "lost.png")
    told = []

    model = pellucid.fit(
        folder, steps=3, network="linear", watch=lambda progress: told.append(progress.said)
    )

    sentence = "1 picture lies in no class folder and so without a class"
    assert sentence in told
    assert sentence in model.record["said"]


def test_of_a_held_out_side_that_is_read_twice_no_more_is_used_than_was_compared(
    folder, tmp_path, seconds, monkeypatch
):
    from pellucid.preparing import prepare

    for number in range(60):
        for name in ("rose", "aster"):
            put_noise(tmp_path / "held" / name / f"{number}.png")
    ready = prepare(
        folder, ask(tmp_path, 90.0), task=None, valid=tmp_path / "held", seed=0, device="cpu"
    )

    assert len(ready.valid.y) == 30
    assert [note.text[:20] for note in ready.notes] == [
        "30 of 102 pictures w",
        "30 of 120 pictures w",
    ]
