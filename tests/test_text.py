"""Texts: the form they are read in, stretches, parts, blanks, near-copies."""

import io
import itertools
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pellucid import registry
from pellucid.data import Ask, Schema
from pellucid.data._text_forms import END, END_SIGN, Characters, Pieces, Words, learned_from
from pellucid.data._text_learning import is_closed
from pellucid.data._text_streams import STRETCH
from pellucid.errors import MissingExtraError

SHARED = Path(__file__).parents[2] / "shared" / "data"
STREAM = Ask(task="generate_text")
ODD = "naïve café — „ja“ 😀 汉字 \u0627\u0644\u0644 x\u0301"


@pytest.fixture
def kind():
    return registry.kind["text"]()


@pytest.fixture
def reviews(kind, tmp_path):
    return kind.read(kind.specimen(tmp_path), Ask())


def prose(count, seed=0):
    """Write lines of made-up words that go on from each other: none ends as a sentence does."""
    random = np.random.default_rng(seed)
    letters = np.array(list(string.ascii_lowercase))
    words = ["".join(random.choice(letters, random.integers(2, 9))) for _ in range(400)]
    lengths = random.integers(4, 12, count)
    return "\n".join(" ".join(random.choice(words, length)) + "," for length in lengths) + "\n"


def stream(kind, text, tmp_path, **ask):
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    return kind.read(path, Ask(task="generate_text", **ask))


def side(kind, examples, name):
    return kind.take(examples, np.flatnonzero(examples.sides == name))


def joined(kind, examples, schema):
    """Give the codes of stretches one after the other, without those that they share."""
    stored = kind.encode(examples, schema)
    sizes = kind.sizes(stored, schema)
    rows = [row[:size] for row, size in zip(stored, sizes, strict=True)]
    return np.concatenate([rows[0], *(row[1:] for row in rows[1:])])


@pytest.mark.parametrize(
    "form",
    [Characters("abc xé"), Words(("the", "cat", "\n")), Words(("<unk>", "cat"))],
    ids=["characters", "words", "closed words"],
)
def test_the_codes_of_a_text_lie_between_one_and_the_number_of_codes(form):
    codes = form.codes(f"{END_SIGN}the cat {ODD}\n")
    assert codes.min() == 1
    assert codes.max() < form.size
    assert len(form.widths()) == form.size


def test_characters_that_were_never_seen_are_spelled_and_come_back():
    form = Characters("abc ")
    assert form.text(form.codes(f"{END_SIGN}a {ODD} cab")) == f"{END_SIGN}a {ODD} cab"
    assert len(form.codes("a😀")) == 1 + 8


def test_words_that_were_never_seen_are_spelled_and_come_back():
    form = Words(("the", "cat", "\n"))
    text = f"the naïve 😀 cat\nthe {END_SIGN} zebra zebu cat"
    assert form.text(form.codes(text)) == text
    assert form.codes("the cat\n").tolist() == [258, 259, 260]


def test_where_a_text_has_a_word_for_unknown_words_it_is_used():
    form = Words(("<unk>", "the", "cat", "\n"))
    assert form.text(form.codes("the zebra cat")) == "the <unk> cat"
    assert form.size == 6


def test_pieces_spell_any_text(kind, reviews):
    form = learned_from(kind.describe(reviews).details)
    assert isinstance(form, Pieces)
    for text in (ODD, "story", " two  blanks", "tabs\tand\nlines"):
        assert form.text(form.codes(text)).strip(" ") == text.strip(" ")


def test_a_word_has_the_same_piece_at_the_start_as_inside(kind, reviews):
    form = learned_from(kind.describe(reviews).details)
    inside = form.codes("the story").tolist()
    assert form.codes("story").tolist() == inside[-1:]


def test_pieces_are_learned_alike_every_time(kind, reviews):
    assert kind.describe(reviews) == kind.describe(reviews)


@pytest.mark.parametrize("form", ["characters", "words", "pieces"])
def test_spans_say_where_each_code_is_from(form, kind, reviews):
    made = {
        "characters": Characters("abcdefgh "),
        "words": Words(("a", "good")),
        "pieces": learned_from(kind.describe(reviews).details),
    }[form]
    text = "a good naïve film"
    spans = made.spans(text)
    assert len(spans) == len(made.codes(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)


def test_a_closed_vocabulary_is_told_from_an_open_one():
    words = [f"w{place}" for place in range(500)]
    assert is_closed(Counter(words * 200))
    assert is_closed(Counter([*words * 200, "<unk>"] + ["<unk>"] * 2_000))
    assert not is_closed(Counter([*words * 200, *(f"rare{n}" for n in range(300))]))
    assert not is_closed(Counter(words * 2))


def test_without_the_package_pieces_are_refused_with_the_cure(kind, reviews, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pellucid\[text\]'"):
        kind.describe(reviews)


def test_the_last_twentieth_of_a_text_is_held_out_to_the_character(kind, tmp_path):
    text = prose(2_000)
    examples = stream(kind, text, tmp_path)
    train, valid = (side(kind, examples, name) for name in ("train", "valid"))
    schema = kind.describe(train)
    form = learned_from(schema.details)
    whole = round(len(text) * 0.95)
    assert schema.details["form"] == "characters"
    assert form.text(joined(kind, train, schema).astype(np.int32)) == END_SIGN + text[:whole]
    assert form.text(joined(kind, valid, schema).astype(np.int32)) == text[whole - 1 :]


def test_every_token_but_the_first_follows_another_once(kind, tmp_path):
    text = prose(600)
    examples = stream(kind, text, tmp_path, whole=True)
    schema = kind.describe(examples)
    stored = kind.encode(examples, schema)
    asked = (kind.sizes(stored, schema) - 1).sum()
    assert asked == len(text)
    assert all(one[-1] == other[0] for one, other in itertools.pairwise(examples.raw))
    assert stored.shape[1] == STRETCH


def test_the_last_of_several_texts_are_held_out_whole(kind, tmp_path):
    for place in range(20):
        (tmp_path / f"{place}.txt").write_text(prose(20, seed=place), encoding="utf-8")
    examples = kind.read(tmp_path, STREAM)
    held = {name.partition(" ")[0] for name in side(kind, examples, "valid").names}
    learned = {name.partition(" ")[0] for name in side(kind, examples, "train").names}
    assert held == {"19.txt"}
    assert held | learned == {f"{place}.txt" for place in range(20)}
    assert not held & learned


def test_nothing_is_held_out_of_what_may_be_learned_whole(kind, tmp_path):
    assert stream(kind, prose(100), tmp_path, whole=True).sides is None


def test_a_trained_model_reads_a_text_in_the_form_it_learned(kind, tmp_path):
    examples = stream(kind, prose(300), tmp_path)
    schema = kind.describe(examples)
    other = tmp_path / "other.txt"
    other.write_text("Never seen: ß😀!\n" * 20, encoding="utf-8")
    again = kind.read(other, Ask(schema=schema, judged=True))
    restored = kind.restore(kind.encode(again, schema), schema)
    assert restored.raw[0] == again.raw[0]
    assert again.sides is None


def test_shares_of_a_stream_say_how_frequent_each_token_is(kind, tmp_path):
    schema = kind.describe(stream(kind, "ab" * 500 + "\n", tmp_path, whole=True))
    assert len(schema.shares) == schema.cardinalities[0]
    assert sum(schema.shares) == pytest.approx(1)
    assert schema.shares[-2:] == pytest.approx((0.5, 0.5), abs=0.01)


def test_steps_go_on_without_a_start_or_an_end(kind, tmp_path):
    schema = kind.describe(stream(kind, prose(100), tmp_path))
    assert kind.steps("", schema).shape == (0,)
    codes = kind.steps("no end", schema)
    assert codes.shape == (6,)
    assert codes.dtype == np.float32
    assert END not in codes


def test_windows_lie_inside_their_stretch_and_differ(kind, tmp_path):
    examples = stream(kind, prose(2_000), tmp_path, whole=True)
    schema = kind.describe(examples)
    x = kind.tensor(torch.from_numpy(kind.encode(examples, schema)), schema)
    windows = kind.augment(x, schema, torch.Generator().manual_seed(3))
    assert windows.shape == (len(x), schema.details["crop"])
    starts = []
    for row, window in zip(x, windows, strict=True):
        slides = row.unfold(0, windows.shape[1], 1)
        found = (slides == window).all(dim=1).nonzero()
        starts.append(int(found[0]))
    assert len(set(starts)) > len(starts) // 2


def test_every_token_of_a_stretch_is_about_as_often_in_a_window():
    from pellucid.data._text_crops import cropped

    x = torch.arange(1, 1025).float().repeat(4_000, 1)
    windows = cropped(x, 128, torch.Generator().manual_seed(0)).long()
    counts = torch.bincount(windows.flatten(), minlength=1025)[1:].float()
    halves = counts / counts.mean()
    assert halves.min() > 0.4
    assert halves.max() < 1.7
    assert halves[:128].mean() == pytest.approx(1, abs=0.1)
    assert halves[-128:].mean() == pytest.approx(1, abs=0.1)


def test_a_batch_is_as_long_as_its_longest_text(kind, reviews):
    schema = kind.describe(reviews)
    stored = kind.encode(reviews, schema)
    sizes = kind.sizes(stored, schema)
    for place in (0, 7, 30):
        x = kind.tensor(torch.from_numpy(stored[place : place + 1].copy()), schema)
        assert x.shape == (1, sizes[place])
        assert x.ne(0).all()


def test_texts_of_different_lengths_alone_and_together_have_the_same_codes(kind):
    examples = kind.read(["one", "one two three four five", "six"], Ask(task="classify"))
    schema = kind.describe(examples)
    together = kind.encode(examples, schema)
    for place in range(3):
        alone = kind.encode(kind.take(examples, np.array([place])), schema)
        assert np.array_equal(together[place, : alone.shape[1]], alone[0])
        assert not together[place, alone.shape[1] :].any()


def test_parts_are_words_with_their_place_in_the_text(kind, reviews):
    text = "A clever, moving song: we knew it."
    examples = reviews.replace(
        raw=reviews.raw.of([text]), names=["one"], targets=None, sides=None, groups=None
    )
    (parts,) = kind.parts(examples, kind.describe(reviews))
    assert parts.names == (*("A", "clever", ",", "moving", "song", ":", "we", "knew", "it", "."),)
    assert [text[start:end] for start, end in parts.where] == list(parts.names)


def test_words_that_come_twice_are_told_apart(kind, reviews):
    raw = reviews.raw.of(["no no (2) no"])
    examples = reviews.replace(raw=raw, names=["one"], targets=None)
    (parts,) = kind.parts(examples, kind.describe(reviews))
    assert len(set(parts.names)) == len(parts.names)


def test_long_texts_are_divided_at_sentences(kind, reviews):
    text = " ".join(f"Sentence number {place} ends right here." for place in range(50))
    examples = reviews.replace(raw=reviews.raw.of([text]), names=["one"], targets=None)
    schema = kind.describe(examples)
    (parts,) = kind.parts(examples, schema)
    ends = [text[end - 1] for _, end in parts.where]
    assert 20 <= len(parts) <= 64
    assert np.mean([sign == "." for sign in ends]) > 0.9


@pytest.mark.parametrize("text", ["汉字" * 300, "ภาษาไทย" * 90, "x" * 900, "a.b " * 400])
def test_any_script_is_divided_into_a_few_parts(text, kind, reviews):
    examples = reviews.replace(raw=reviews.raw.of([text]), names=["one"], targets=None)
    (parts,) = kind.parts(examples, kind.describe(examples))
    assert 1 <= len(parts) <= 64
    assert (parts.of >= 0).all()


def test_areas_are_the_words_that_tell_the_class(kind, reviews):
    schema = kind.describe(reviews)
    told = {"splendid", "warm", "clever", "moving", "bright", "fresh"}
    told |= {"dull", "clumsy", "flat", "noisy", "stale", "grim"}
    assert set(schema.details["areas"][:12]) == told
    areas = kind.areas(reviews, schema)
    assert all(area.names == areas[0].names for area in areas)
    place = next(at for at, text in enumerate(reviews.raw) if " dull" in text)
    dull = areas[place].names.index("dull")
    codes = kind.encode(reviews, schema)[place][: len(areas[place].of)]
    inside = codes[areas[place].of[: len(codes)] == dull].astype(np.int32)
    assert learned_from(schema.details).text(inside).strip() == "dull"


def test_the_blank_of_a_word_is_nothing_or_a_word_of_another_text(kind, reviews):
    schema = kind.describe(reviews)
    stored = torch.from_numpy(kind.encode(reviews, schema))
    x, others = kind.tensor(stored[:4], schema), kind.tensor(stored[4:], schema)
    blanks = kind.blanks(x, schema, others)
    assert list(blanks) == ["nothing", "others"]
    assert not blanks["nothing"].any()
    assert (blanks["others"].ne(0) == x.ne(0)).all()
    assert blanks["others"].shape[0] > 4


def test_copies_that_differ_in_marks_case_or_a_letter_are_one_cluster(kind):
    text = "The children saw the clever play at the fair and knew every song of it"
    copies = [text, text.upper() + " !!", text.replace("play", "plaz"), prose(1)]
    clusters = kind.clusters(kind.read(copies, Ask(task="classify")))
    assert clusters[0] == clusters[1] == clusters[2]
    assert clusters[3] != clusters[0]


def test_sentences_of_one_pattern_are_not_taken_for_copies(kind, reviews):
    assert len(np.unique(kind.clusters(reviews))) == len(reviews)


def test_vectors_are_of_length_one_and_do_not_depend_on_those_beside(kind, reviews):
    together = kind.vectors(reviews)
    alone = kind.vectors(kind.take(reviews, np.array([5])))
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(alone[0], together[5])


def found(kind, texts, labels):
    return {each.what: each for each in kind.look(kind.read((texts, labels), Ask()))}


def test_a_label_that_stands_in_the_text_is_found(kind):
    texts = [f"{prose(1, seed)[:-1]} {'sports' if seed % 2 else ''}" for seed in range(60)]
    findings = found(kind, texts, ["sports" if seed % 2 else "other" for seed in range(60)])
    assert "hold that word itself" in findings["label in the text"].text


def test_a_word_that_gives_a_class_away_is_found(kind):
    texts = [f"{prose(1, seed)[:-1]} {'(Reuters)' if seed % 2 else ''}" for seed in range(60)]
    findings = found(kind, texts, ["news" if seed % 2 else "not" for seed in range(60)])
    assert "'reuters' (30)" in findings["words that give the class away"].text


def test_mixed_scripts_short_and_very_long_texts_are_found(kind):
    texts = [prose(1, seed) for seed in range(30)]
    texts[3], texts[5], texts[9] = "Добрый день, как дела", "ok", prose(60)
    findings = found(kind, texts, ["a", "b"] * 15)
    assert {"mixed scripts", "short", "very long"} <= findings.keys()


def test_good_texts_give_no_finding(kind, reviews):
    quiet = [each for each in kind.look(reviews) if each.level != "note"]
    assert [each.what for each in quiet] == []


def test_columns_tell_length_and_script(kind):
    examples = kind.read(["one two three", "Добрый день", "汉字"], Ask(task="classify"))
    columns = kind.columns(examples)
    assert columns["words"].tolist() == [3, 2, 1]
    assert columns["script"].tolist() == ["Latin", "Cyrillic", "CJK"]


def test_what_speaks_against_is_told_apart_without_colour(kind, reviews):
    (parts,) = kind.parts(kind.take(reviews, np.array([0])), kind.describe(reviews))
    shares = np.zeros(len(parts))
    shares[1] = 1.0
    drawn = [
        np.array(Image.open(io.BytesIO(kind.paint(reviews, 0, parts, each))).convert("L"))
        for each in (shares, -shares)
    ]
    changed = np.argwhere(np.abs(drawn[0].astype(int) - drawn[1]) > 12)
    assert len(changed) > 100


def test_a_schema_survives_json_whatever_the_form(kind, tmp_path):
    for examples in (stream(kind, prose(100), tmp_path), kind.read([ODD, "b c"], Ask(task="x"))):
        schema = kind.describe(examples)
        again = Schema.from_json(schema.to_json())
        assert np.array_equal(kind.encode(examples, again), kind.encode(examples, schema))


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_the_penn_treebank_has_its_known_number_of_words(kind):
    examples = kind.read(SHARED / "ptb" / "ptb.train.txt.gz", Ask(task="generate_text", whole=True))
    schema = kind.describe(examples)
    stored = kind.encode(examples, schema)
    assert schema.details["form"] == "words"
    assert schema.cardinalities == (10_002,)
    assert (kind.sizes(stored, schema) - 1).sum() == 929_589


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
def test_tiny_shakespeare_is_read_in_characters(kind):
    examples = kind.read(SHARED / "tiny_shakespeare" / "input.txt", STREAM)
    train, valid = (side(kind, examples, name) for name in ("train", "valid"))
    schema = kind.describe(train)
    asked = [
        int((kind.sizes(kind.encode(each, schema), schema) - 1).sum()) for each in (train, valid)
    ]
    assert asked == [1_059_626, 55_768]
    assert schema.cardinalities == (2 + 16 + 65,)
