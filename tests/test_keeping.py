"""Names that must not be changed in translation are put back where they belong."""

import numpy as np
import pytest

from pellucid import _keeping
from pellucid.errors import BadInputError
from pellucid.translating import translate

SOURCE = "Zubrika meets Anna Lee"
MADE = "Subrika trifft Anne Lied."
PLACES = [(0, 7), (8, 13), (14, 18), (19, 22)]
# The network has never seen "Zubrika": nothing rests on it, but nothing else explains "Subrika".
LOST = np.array(
    [[0.1, 0.2, 0.0, 0.0], [0.1, 4.0, 0.1, 0.0], [0.0, 0.1, 3.0, 1.0], [0.0, 0.0, 0.9, 2.0],
     [0.0, 0.1, 0.0, 0.0]]
)  # fmt: skip


@pytest.fixture
def resting(monkeypatch):
    monkeypatch.setattr(_keeping, "_resting", lambda *given: (PLACES, LOST))


@pytest.mark.usefixtures("resting")
def test_a_name_stands_where_the_word_stood_that_nothing_else_explains():
    assert _keeping.kept(None, SOURCE, MADE, ["Zubrika"]) == "Zubrika trifft Anne Lied."


@pytest.mark.usefixtures("resting")
def test_a_name_of_two_words_stands_for_two_words():
    found = _keeping.kept(None, SOURCE, MADE, ["Anna Lee", "Zubrika"])

    assert found == "Zubrika trifft Anna Lee."


@pytest.mark.usefixtures("resting")
def test_what_stands_there_already_or_is_not_asked_stays():
    assert _keeping.kept(None, "Maria meets", MADE, ["Zubrika"]) == MADE
    right = "Zubrika trifft Anne Lied."
    assert _keeping.kept(None, SOURCE, right, ["Zubrika"]) == right


def test_a_name_is_missing_where_other_words_explain_all(monkeypatch):
    taken = LOST + np.array([0.0, 2.0, 0.0, 0.0])
    monkeypatch.setattr(_keeping, "_resting", lambda *given: (PLACES, taken))

    assert _keeping.kept(None, SOURCE, MADE, ["Zubrika"]) == MADE
    assert _keeping.missing(SOURCE, MADE, ["Zubrika", "Lee", "trifft"]) == ["Zubrika", "Lee"]


def test_part_of_a_word_is_no_name():
    assert _keeping.missing("Annabel", "Belanna", ["Anna"]) == []


class Named:
    """A model that only says what it was made for."""

    def __init__(self, name):
        self.task = type("Task", (), {"name": name})


def test_an_empty_name_is_a_sentence():
    with pytest.raises(BadInputError, match="an empty name"):
        translate(Named("translate"), ["a"], keep=["Anna", " "])
