"""An explanation shows itself: on a terminal, in a notebook, as a page, as a file."""

import dataclasses
import json
import re
from html.parser import HTMLParser

import pytest
from reasoned import explained, png

from pellucid.errors import BadInputError, SavingError
from pellucid.explaining._evidence import Change, Faithfulness, Part
from pellucid.explaining._showing import place_of
from pellucid.tasks.regress import Regression

HOSTILE = '<script>alert("1")</script>\x1b[2J & co\n'


class Read(HTMLParser):
    """What a browser would see: the tags with their attributes, and the words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_answer_comes_first_then_whether_the_reasons_can_be_believed():
    lines = str(explained()).splitlines()

    assert lines[0] == "rose.jpg: rose (75.0%), set: rose, tulip"
    assert lines[1].startswith("Reliable: ")
    assert lines[2] == "Faithfulness 0.50, 95 % interval 0.25 to 0.75; 0 is chance, 1 the most."


def test_what_is_not_reliable_says_why():
    told = str(explained(reliable=False, reason="it does no better than chance"))

    assert "\nNot reliable: it does no better than chance.\n" in told


def test_the_eight_strongest_parts_are_shown_as_bars_and_the_rest_is_counted():
    told = str(explained())

    # Of 2 + 1 + ... - 1 = 3.17 the two parts of 0.01 are not shown.
    assert "  part 0  +2.00  ████████████████████████\n" in told
    assert "  part 1  +1.00  ████████████\n" in told
    assert "  part 9  −1.00  ░░░░░░░░░░░░\n" in told
    assert "part 7" not in told
    assert "  and 2 more parts, +0.02 in all\n" in told


def test_shares_that_do_not_sum_up_have_no_unit_and_no_sum():
    told = str(explained(sums=False))

    assert "the shares have no unit" in told
    assert "nats" not in told
    assert "  and 2 more parts\n" in told


def test_training_examples_say_which_way_they_push():
    told = str(explained())

    assert "  a.jpg  rose   for 100%     alike 0.90\n" in told
    assert "  b.jpg  tulip  against 50%  alike 0.80\n" in told


def test_the_other_answer_comes_with_what_it_would_take():
    told = str(explained())

    assert "It would be tulip with these changes, as in b.jpg; the number goes from " in told
    assert "1.10 to −0.30:\n  hours: 40 → 52" in told


def test_a_search_that_found_no_way_says_so():
    whole = explained().contrast

    in_vain = str(explained(contrast=dataclasses.replace(whole, found=False)))
    nothing = str(explained(contrast=dataclasses.replace(whole, changes=(), found=False)))

    assert "Not even these changes, as in b.jpg, make it tulip; " in in_vain
    assert "For tulip instead: no few changes were found that lead there." in nothing


@pytest.mark.parametrize(
    ("given", "needed", "told"),
    [("40", "52", "hours: 40 → 52"), ("", "52", "hours: 52"), ("40", "", "hours: not 40")],
)
def test_a_change_says_what_is_there_and_what_would_have_to_be(given, needed, told):
    change = Change(name="hours", where="hours", given=given, needed=needed)
    contrast = dataclasses.replace(explained().contrast, changes=(change,))

    assert f"  {told}" in str(explained(contrast=contrast)).splitlines()


def test_an_answer_that_was_not_given_is_said_to_be_another():
    assert "which is not the answer that was given" in str(explained(about="tulip"))
    assert "which is not the answer" not in str(explained())
    number = Regression(value=5.0, low=4.0, high=6.0)
    assert "which is not the answer" not in str(explained(answer=number, about="quality"))


def test_notes_and_what_is_missing_leave_no_gap():
    told = str(explained(neighbours=(), contrast=None, notes=("no training cases are stored",)))

    assert told.endswith("in all\n\nNote: no training cases are stored")


def test_large_small_and_strange_numbers_are_written_alike():
    shares = (12345.6, 1.5, 0.0, float("nan"))
    parts = tuple(
        Part(name=str(place), share=share, where="a") for place, share in enumerate(shares)
    )

    told = str(explained(parts=parts))

    assert "  0  +12,346  ████████████████████████\n  1       +2\n  2        0\n" in told
    assert "  3     +nan" in told


def test_names_cannot_move_the_cursor_of_a_terminal():
    parts = (Part(name=HOSTILE, share=1.0, where="a"),)

    told = str(explained(name=HOSTILE, parts=parts))

    assert "\x1b" not in told
    assert len(told.splitlines()[0]) > 20


# Pages


def test_the_page_holds_everything_and_fetches_nothing():
    why = explained(notes=("mind the step",))

    page = why.page()

    read = Read(page)
    for part in why.parts:
        assert part.name in read.words
    for word in ("+2.00", "a.jpg", "against 50%", "hours: 40 → 52", "mind the step", "0.001"):
        assert word in read.words
    assert [image["src"][:22] for image in read.all("img")] == ["data:image/png;base64,"]
    assert "part 0" in read.all("img")[0]["alt"]
    assert not re.search(r"https?://|//|url\(|@import|<script", page.replace("base64,", ""))
    assert not [tag for tag, _ in read.tags if tag in {"script", "link", "iframe", "object"}]


def test_the_page_can_be_read_without_seeing_it():
    read = Read(explained().page())

    assert read.all("html")[0]["lang"] == "en"
    assert len(read.all("h1")) == len(read.all("main")) == len(read.all("title")) == 1
    assert all(head.get("scope") in {"col", "row"} for head in read.all("th"))
    assert all(region["aria-label"] for region in read.all("div") if "role" in region)
    viewport = [each for each in read.all("meta") if each.get("name") == "viewport"]
    assert viewport[0]["content"].startswith("width=device-width")


def test_names_are_escaped_wherever_they_stand():
    why = explained()
    change = Change(name=HOSTILE, where=HOSTILE, given=HOSTILE, needed=HOSTILE)
    hostile = explained(
        name=HOSTILE,
        about=HOSTILE,
        answer=dataclasses.replace(why.answer, label=HOSTILE),
        unit=HOSTILE,
        blank=HOSTILE,
        reason=HOSTILE,
        reliable=False,
        faithfulness=Faithfulness(value=0.0, low=0.0, high=0.0, checks={HOSTILE: 1.0}),
        parts=(Part(name=HOSTILE, share=1.0, where={HOSTILE: [HOSTILE]}),),
        neighbours=(dataclasses.replace(why.neighbours[0], name=HOSTILE, target=HOSTILE),),
        contrast=dataclasses.replace(why.contrast, answer=HOSTILE, like=HOSTILE, changes=(change,)),
        notes=(HOSTILE,),
    )

    for text in (hostile.page(), hostile._repr_html_()):
        assert "<script" not in text
        assert "\x1b" not in text
        assert not Read(text).all("script")


def test_a_notebook_gets_the_picture_and_the_strongest_parts():
    read = Read(explained()._repr_html_())

    assert len(read.all("img")) == 1
    assert "part 0" in read.words
    assert "part 7" not in read.words
    assert not read.all("html")


def test_where_a_part_is_stands_there_if_its_name_does_not_say_it():
    columns = tuple(Part(name=name, share=1.0, where=name) for name in ("age", "hours"))

    assert "3, 2, 3, 4" in explained().page()
    assert ">where<" not in explained(parts=columns).page()


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("age", "age"),
        ([1, 2, 30, 40], "1, 2, 30, 40"),
        ([0.5, 1.25], "0.5, 1.25"),
        ({"variable": "wind", "from": [1, 2]}, "variable wind, from 1, 2"),
        (None, "None"),
    ],
)
def test_where_a_part_is_is_written_whatever_it_is(where, told):
    assert place_of(where) == told


# Files


def test_the_end_of_its_name_says_what_a_file_shall_be(tmp_path):
    why = explained()

    for end in ("html", "PNG", "json"):
        why.save(tmp_path / f"why.{end}")

    assert (tmp_path / "why.html").read_text(encoding="utf-8") == why.page()
    assert (tmp_path / "why.PNG").read_bytes() == png()
    kept = json.loads((tmp_path / "why.json").read_text())
    assert kept == json.loads(json.dumps(why.to_json()))
    assert list(kept)[:2] == ["name", "answer"]


def test_json_has_null_where_a_number_is_none(tmp_path):
    faithful = Faithfulness(value=float("nan"), low=0.0, high=0.0)

    explained(faithfulness=faithful).save(tmp_path / "why.json")

    assert json.loads((tmp_path / "why.json").read_text())["faithfulness"]["value"] is None


@pytest.mark.parametrize("name", ["why.jpg", "why", "why.html.gz"])
def test_a_file_of_another_kind_is_refused_with_a_name_that_would_do(tmp_path, name):
    with pytest.raises(BadInputError, match=r"ends in \.html, \.png or \.json(?s:.*)\.html'"):
        explained().save(tmp_path / name)


def test_a_picture_that_was_never_drawn_cannot_be_saved(tmp_path):
    with pytest.raises(BadInputError, match=r"save it as \.html or \.json"):
        explained(picture=b"").save(tmp_path / "why.png")
    assert not Read(explained(picture=b"").page()).all("img")


def test_a_folder_that_is_not_there_is_said_in_a_sentence(tmp_path):
    with pytest.raises(SavingError, match="could not be written"):
        explained().save(tmp_path / "no" / "why.html")
