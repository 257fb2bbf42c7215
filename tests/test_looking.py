"""Looking: what is there, what is broken and what leaks is said before anything is learned."""

import base64
import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid import registry
from pellucid.data import Examples, Fault, Finding, Kind, Schema
from pellucid.errors import BadInputError
from pellucid.looking import look

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass
class Pile:
    """Raw data of the fake kind: one direction in degrees for each example."""

    degrees: list
    targets: list | None = None
    sides: list | None = None
    groups: list | None = None
    faults: tuple = ()
    notes: tuple = field(default=())


def texts(values):
    return None if values is None else np.array(values, object)


class FakeKind(Kind):
    """Directions in a plane; near ones are near-duplicates."""

    name = "fake"

    def recognises(self, source):
        return 1.0 if isinstance(source, Pile) else 0.0

    def read(self, source, ask):
        targets = source.targets
        numbers = targets is not None and isinstance(targets[0], float)
        return Examples(
            kind="fake",
            names=[f"{place}.x" for place in range(len(source.degrees))],
            raw=np.array(source.degrees, np.float64),
            target="side" if targets is not None else "",
            targets=np.array(targets, np.float64) if numbers else texts(targets),
            sides=texts(source.sides),
            groups=texts(source.groups),
            faults=source.faults,
            notes=source.notes,
        )

    def take(self, examples, places):
        raise NotImplementedError

    def keys(self, examples):
        return examples.raw.view(np.uint64)

    def vectors(self, examples):
        angles = np.deg2rad(examples.raw)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def describe(self, examples):
        return Schema(kind="fake", shape=(2,))

    def encode(self, examples, schema):
        raise NotImplementedError

    def tensor(self, stored, schema):
        raise NotImplementedError

    def look(self, examples):
        return [Finding(what="flat", level="note", text="everything lies in a plane")]

    def draw(self, examples, places):
        return b"PNG of " + ",".join(examples.names[place] for place in places).encode()

    def parts(self, examples, schema):
        raise NotImplementedError

    def blanks(self, x, schema, others):
        raise NotImplementedError

    def restore(self, stored, schema):
        raise NotImplementedError

    def paint(self, examples, place, parts, shares):
        raise NotImplementedError

    @classmethod
    def specimen(cls, folder):
        raise NotImplementedError


@pytest.fixture
def fake(monkeypatch):
    """Adds the fake kind to the registry for one test."""
    list(registry.kind)
    monkeypatch.setitem(registry.kind._entries, "fake", FakeKind)
    monkeypatch.setitem(registry.kind._takes, "fake", ())


def finding(found, what):
    return next(each for each in found.findings if each.what == what)


def whats(found):
    return [each.what for each in found.findings]


def test_a_look_counts_examples_classes_sides_and_groups(fake):
    pile = Pile(
        [0, 20, 40, 60],
        targets=["a", "b", "b", "b"],
        sides=["", "train", "train", "test"],
        groups=["g", "h", "h", None],
    )

    found = look(pile)

    assert (found.kind, found.count, found.groups) == ("fake", 4, 2)
    assert list(found.classes.items()) == [("b", 3), ("a", 1)]
    assert found.sides == {"train": 3, "test": 1}


def test_a_number_is_summed_up(fake):
    found = look(Pile([0, 20, 40], targets=[1.5, float("nan"), 4.5]))

    assert found.numbers == {"mean": 3.0, "sd": 1.5, "least": 1.5, "median": 3.0, "most": 4.5}
    assert finding(found, "missing targets").examples == ("1.x",)


def test_broken_files_are_counted_by_reason_and_named(fake):
    faults = (
        Fault(name="a.jpg", reason="cut short after 812 bytes"),
        Fault(name="b.jpg", reason="cut short after 3 bytes"),
        Fault(name="c.jpg", reason="no picture"),
    )

    broken = finding(look(Pile([0, 20], faults=faults)), "broken")

    assert broken.text.startswith("3 examples cannot be used")
    assert "2 × cut short after … bytes; 1 × no picture" in broken.text
    assert broken.examples[1] == "b.jpg: cut short after 3 bytes"


def test_exact_and_near_duplicates_are_told_apart(fake):
    found = look(Pile([0, 0, 30, 60, 60.5, 90]))

    assert finding(found, "exact duplicates").examples == ("0.x", "1.x")
    assert finding(found, "near duplicates").examples == ("3.x", "4.x")


def test_labels_that_contradict_each_other_are_shown_with_their_names(fake):
    found = look(Pile([0, 0, 30, 30.2, 90], targets=["a", "b", "a", "b", "a"]))

    exact, near = [each for each in found.findings if each.what == "contradicting labels"]
    assert exact.examples == ("0.x: a", "1.x: b")
    assert near.examples == ("2.x: a", "3.x: b")


def test_duplicates_that_agree_contradict_nothing(fake):
    found = look(Pile([0, 0, 30, 60], targets=["a", "a", "b", None]))

    assert "contradicting labels" not in whats(found)


def test_a_class_of_one_is_named(fake):
    found = look(Pile([0, 20, 40], targets=["a", "a", "lone"]))

    assert "'lone'" in finding(found, "classes of one").text
    assert finding(found, "classes of one").examples == ("2.x",)


def test_one_class_alone_is_an_error_and_comes_first(fake):
    found = look(Pile([0, 0, 40], targets=["a", "a", "a"]))

    assert found.findings[0].level == "error"
    assert found.findings[0].what == "one answer"


def test_uneven_classes_are_said_with_what_a_guess_would_score(fake):
    found = look(Pile(np.arange(210).tolist(), targets=["a"] * 200 + ["b"] * 10))

    assert "95.2 %" in finding(found, "uneven classes").text


def test_test_examples_that_are_in_training_are_found(fake):
    pile = Pile(
        [0, 30, 60, 0, 30.3, 120, 60],
        sides=["train", "train", "", "test", "test", "test", "valid"],
    )

    found = look(pile)

    exact, near = [each for each in found.findings if each.what == "test/training overlap"]
    assert "1 of 3 test examples" in exact.text
    assert exact.examples == ("3.x ~ 0.x",)
    assert near.examples == ("4.x ~ 1.x",)
    assert finding(found, "valid/training overlap").examples == ("6.x ~ 2.x",)


def test_a_test_set_read_from_elsewhere_is_compared_too(fake):
    found = look(Pile([0, 30, 60]), test=Pile([90, 60, 0.3]))

    exact, near = [each for each in found.findings if each.what == "test/training overlap"]
    assert exact.examples == ("1.x ~ 2.x",)
    assert near.examples == ("2.x ~ 0.x",)


def test_groups_on_two_given_sides_are_found(fake):
    pile = Pile([0, 20, 40], sides=["train", "test", "test"], groups=["ann", "ann", "bob"])

    assert "1 of 2 groups" in finding(look(pile), "groups on both sides").text


def test_findings_of_the_kind_and_of_reading_are_kept(fake):
    note = Finding(what="encoding", level="note", text="read as latin-1")

    assert whats(look(Pile([0, 20], notes=(note,)))) == ["encoding", "flat"]


def test_the_sheet_shows_some_of_each_class(fake):
    found = look(Pile(np.arange(40).tolist(), targets=["a"] * 38 + ["b"] * 2))

    assert found.sheet() == b"PNG of 0.x,7.x,14.x,22.x,29.x,37.x,38.x,39.x"


def test_a_look_is_json_text_and_a_drawing(fake):
    found = look(Pile([0, 0, 40], targets=["<b>", "b", "b"]))

    told = json.loads(json.dumps(found.to_json()))
    assert told["classes"] == {"b": 2, "<b>": 1}
    assert told["findings"][0]["what"] == "contradicting labels"
    assert re.search(r"classes +2 of side", str(found))
    assert "warning: contradicting labels" in str(found)
    drawn = found._repr_html_()
    assert "&lt;b&gt;" in drawn
    assert base64.b64encode(found.sheet()).decode() in drawn


def test_a_path_that_is_not_there_is_answered_with_the_nearest_one(tmp_path):
    (tmp_path / "flowers" / "train").mkdir(parents=True)

    with pytest.raises(BadInputError, match=r"did you mean '.*flowers'\?"):
        look(tmp_path / "flower" / "train")
    with pytest.raises(BadInputError, match=r"did you mean '.*flowers/train'\?"):
        look(str(tmp_path / "flowers" / "Trian"))


def test_a_path_far_off_is_answered_with_what_lies_there(tmp_path):
    (tmp_path / "flowers").mkdir()

    with pytest.raises(BadInputError, match="holds flowers"):
        look(tmp_path / "zzz")
    with pytest.raises(BadInputError, match="is empty"):
        look(tmp_path / "flowers" / "zzz")


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "x" * 5000, "~nobody-of-that-name/x"])
def test_a_path_that_cannot_be_is_met_with_a_sentence(path):
    with pytest.raises(BadInputError):
        look(path)


def test_an_empty_folder_and_a_foreign_one_are_told_apart(tmp_path):
    with pytest.raises(BadInputError, match="the empty folder"):
        look(tmp_path)
    (tmp_path / "a.xyz").write_bytes(b"\x00\x01")
    with pytest.raises(BadInputError, match=r"1 \.xyz"):
        look(tmp_path)


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(BadInputError, match="neither a file nor a folder"):
        look(tmp_path / "pipe")


def test_a_link_to_nowhere_is_called_that(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")

    with pytest.raises(BadInputError, match="a link to something that is not there"):
        look(tmp_path / "link")


@pytest.mark.parametrize("thing", [None, 3, object()])
def test_what_is_no_data_is_met_with_its_type(thing):
    with pytest.raises(BadInputError, match=type(thing).__name__):
        look(thing)


def test_a_folder_with_broken_and_repeated_pictures_is_looked_at_all_the_same(tmp_path):
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(6):
            coarse = Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8))
            picture = coarse.resize((64, 64), Image.Resampling.BICUBIC)
            picture.save(tmp_path / "pets" / name / f"{number}.jpg", quality=95)
    picture.save(tmp_path / "pets" / "cat" / "twin.jpg", quality=40)
    (tmp_path / "pets" / "dog" / "empty.jpg").touch()

    found = look(tmp_path / "pets", cache=tmp_path / "cache")

    assert (found.kind, found.count, len(found.faults)) == ("image", 13, 1)
    assert "empty.jpg" in finding(found, "broken").examples[0]
    assert finding(found, "contradicting labels").examples == (
        "cat/twin.jpg: cat",
        "dog/5.jpg: dog",
    )


@pytest.mark.parametrize(("last", "target"), [("income", ""), ("label", "label")])
def test_a_table_is_looked_at_with_or_without_an_obvious_target(tmp_path, last, target):
    rows = [f"{20 + at % 50},{['office', 'craft'][at % 2]},{at * 10}" for at in range(60)]
    (tmp_path / "people.csv").write_text("\n".join([f"age,work,{last}", *rows]))

    found = look(tmp_path / "people.csv", test=tmp_path / "people.csv")

    assert (found.kind, found.count, found.target) == ("table", 60, target)
    assert found.sheet().startswith(b"\x89PNG")
    assert "left out" not in str(found)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_a_flower_in_black_and_white_is_known_again_in_the_test_set(tmp_path):
    found = look(SHARED / "flowers5", cache=tmp_path)

    assert found.kind == "image"
    assert found.sides == {"train": 800, "test": 300}
    assert finding(found, "test/training overlap").examples == (
        "test/dandelion/18304194360_2a4a0be631_m.jpg ~ "
        "train/dandelion/17161833794_e1d92259d2_m.jpg",
    )
    assert found.sheet().startswith(b"\x89PNG")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_ants_and_bees_lie_on_two_sides(tmp_path):
    found = look(SHARED / "hymenoptera", cache=tmp_path)

    assert found.sides == {"train": 244, "valid": 153}
    assert found.classes == {"bees": 204, "ants": 193}
    assert "contradicting labels" not in whats(found)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_people_who_are_alike_are_found_in_both_files_of_adult():
    found = look(SHARED / "adult" / "adult.data", target="15", test=SHARED / "adult" / "adult.test")

    assert found.count == 32_561
    assert found.classes == {"<=50K": 24_720, ">50K": 7_841}
    assert "contradicting labels" in whats(found)
    assert "test/training overlap" in whats(found)
