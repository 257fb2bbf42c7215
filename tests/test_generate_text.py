"""What a token costs, in which unit, and what comes next: by hand on texts of a few letters."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from writers import FIRST, RHYME, Follows, Frequencies, Reader, Windowed, codes_of, table, writer

from pellucid.errors import BadInputError
from pellucid.registry import task as tasks
from pellucid.tasks import _following
from pellucid.tasks._drawing import Drawing, drawn
from pellucid.tasks._following import TEMPERATURES, nats_of, temperature
from pellucid.tasks.generate_text import GenerateText

ABC = ("ab", "bc", "ca")


def kept(model, *texts):
    """What is kept of texts, (N, K)."""
    codes = [codes_of(model, text)[0] for text in texts]
    x = torch.nn.utils.rnn.pad_sequence(codes, batch_first=True)
    with torch.inference_mode():
        return model.task.outcome(model.network, x)


def nothing(outputs):
    return torch.zeros(len(outputs), dtype=torch.int64)


def scored(model, *texts):
    outputs = kept(model, *texts)
    return model.task.scores(outputs, nothing(outputs), {})


def flat(model_text=RHYME):
    """A model that holds every code to be equally likely."""
    return writer(lambda codes: Frequencies(torch.zeros(codes)), text=model_text)


@pytest.fixture
def alphabet():
    """A model that knows that a, b and c follow each other in a circle."""
    text = "abc" * 900
    return writer(lambda codes: Follows(table(*ABC, text=text)), text=text)


# What training lowers


def test_it_is_asked_for_by_name_alone():
    assert GenerateText.suits(None) == 0
    assert tasks["generate_text"].needs_targets is False
    assert GenerateText.describe(None) == {"ahead": 1}


def test_a_network_that_knows_nothing_pays_the_logarithm_of_the_codes():
    model = flat()
    batch = {"x": codes_of(model, "the cat")}

    loss = model.task.loss(model.network, batch, "whole")

    torch.testing.assert_close(loss, torch.tensor([math.log(model.task.outputs)]))


def test_the_loss_of_texts_is_the_mean_over_all_tokens_of_theirs():
    model = writer()
    long, short = codes_of(model, "the cat sat"), codes_of(model, "mat")
    x = F.pad(torch.cat([long, F.pad(short, (0, 8))]), (0, 2))

    together = model.task.loss(model.network, {"x": x}, "whole").mean()
    apart = [model.task.loss(model.network, {"x": each}, "whole")[0] for each in (long, short)]

    tokens = [each.shape[1] - 1 for each in (long, short)]
    mean = sum(loss * count for loss, count in zip(apart, tokens, strict=True)) / sum(tokens)
    torch.testing.assert_close(together, mean)


def test_a_text_of_one_token_costs_nothing_and_breaks_nothing():
    model = writer()

    assert model.task.loss(model.network, {"x": codes_of(model, "t")}, "whole").tolist() == [0.0]


def test_a_network_may_give_the_nats_itself():
    class Telling(torch.nn.Module):
        def nats(self, x):
            return torch.ones(len(x), x.shape[1] - 1, dtype=torch.bfloat16)

    found = nats_of(Telling(), torch.ones(2, 5))

    assert found.dtype == torch.float32
    assert found.tolist() == [[1.0] * 4] * 2


def test_a_network_that_answers_once_for_the_whole_text_is_refused():
    once = torch.nn.Sequential(torch.nn.Linear(7, 3))

    with pytest.raises(BadInputError, match="after every token"):
        nats_of(once, torch.ones(2, 8))


def test_text_is_what_it_is_asked_of():
    from pellucid.data import Schema

    with pytest.raises(BadInputError, match="no sequence of tokens"):
        GenerateText(Schema(kind="image", shape=(1, 8, 8)))


# What is kept of a text


@pytest.mark.parametrize("how", ["carried", "windowed"])
def test_reading_in_pieces_keeps_what_reading_at_once_does(how, monkeypatch):
    model = writer(Reader if how == "carried" else lambda codes: Windowed(Reader(codes)))
    texts = ("the cat sat on the mat", "the dog", "t")
    whole = kept(model, *texts)
    monkeypatch.setattr(_following, "_TOKENS", 12 if how == "carried" else 30)

    torch.testing.assert_close(kept(model, *texts), whole, equal_nan=True)


def test_what_is_kept_begins_with_what_the_network_expects_after_the_last_token():
    model = writer()

    outputs = kept(model, "the cat sat", "mat")

    for text, row in zip(("the cat sat", "mat"), outputs, strict=True):
        own = model.network(codes_of(model, text))[0]
        torch.testing.assert_close(row[: model.task.outputs], own)


def test_the_loss_of_what_is_kept_is_that_of_training():
    model = writer()
    x = codes_of(model, "the cat sat on the mat")

    found = model.task.losses(kept(model, "the cat sat on the mat"), torch.zeros(1))

    torch.testing.assert_close(found, model.task.loss(model.network, {"x": x}, "whole"))


# Scores


def test_what_is_foretold_for_sure_costs_nothing(alphabet):
    scores = scored(alphabet, "abcabcabc" * 100)

    assert scores["nats_per_token"].value == pytest.approx(0, abs=1e-6)
    assert scores["perplexity_per_word"].value == pytest.approx(1, abs=1e-3)


def test_scores_by_hand_for_a_network_that_knows_nothing():
    model = flat()
    nats = math.log(model.task.outputs)

    scores = scored(model, "the cat")  # six characters foretold: "he cat", two words

    assert scores["nats_per_token"].value == pytest.approx(nats)
    assert scores["nats_per_character"].value == pytest.approx(nats)
    assert scores["bits_per_byte"].value == pytest.approx(math.log2(model.task.outputs))
    assert scores["perplexity_per_word"].value == pytest.approx(math.exp(6 * nats / 2), rel=1e-6)


def test_a_character_of_two_bytes_shares_its_bits_among_them():
    model = flat()

    scores = scored(model, "aïïï")

    assert scores["bits_per_byte"].value == pytest.approx(math.log2(model.task.outputs) / 2)


def test_the_end_of_a_line_is_a_word():
    model = flat()
    nats = math.log(model.task.outputs)

    scores = scored(model, "a\nc\n")  # foretold: an end, a word, an end

    assert scores["perplexity_per_word"].value == pytest.approx(math.exp(nats))


def test_texts_weigh_by_their_tokens_and_intervals_hold_the_score():
    model = writer()
    texts = [RHYME[start : start + 40 + 9 * start] for start in range(12)]
    outputs = kept(model, *texts)

    scores = model.task.scores(outputs, nothing(outputs), {})

    y = nothing(outputs)
    sums = [
        model.task.losses(row[None], y)[0] * (len(text) - 1)
        for row, text in zip(outputs, texts, strict=True)
    ]
    whole = float(sum(sums)) / sum(len(text) - 1 for text in texts)
    assert scores["nats_per_token"].value == pytest.approx(whole, rel=1e-5)
    assert model.task.score(outputs, nothing(outputs)) == pytest.approx(whole, rel=1e-5)
    assert all(each.low < each.value < each.high for each in scores.values())
    assert next(iter(scores)) == model.task.metric
    assert scores.keys() == model.task.guess(nothing(outputs)).keys()


def test_a_long_text_is_many_pieces_of_evidence(alphabet):
    outputs = kept(writer(), RHYME[:2040], RHYME[100:2048])

    found = writer().task.scores(outputs, nothing(outputs), {})

    assert found["nats_per_token"].low is not None


def test_a_guess_knows_how_frequent_tokens_are():
    text = "ab" * 2000
    model = writer(text=text)

    guess = model.task.guess(torch.zeros(3))

    assert guess["nats_per_token"] == pytest.approx(math.log(2), rel=0.01)
    assert guess["bits_per_byte"] == pytest.approx(1, rel=0.01)
    assert all(math.isfinite(value) for value in guess.values())


def test_texts_in_which_nothing_follows_are_not_scored():
    with pytest.raises(BadInputError, match="longer texts"):
        scored(writer(), "t")


def test_what_memory_is_worth_is_told_by_how_much_was_read_before():
    outputs = kept(flat(), RHYME[:600])

    rows = flat().task.details(outputs, nothing(outputs), {})["by_context"]

    assert [(row["from"], row["to"], row["tokens"]) for row in rows] == [
        (1, 7, 7),
        (8, 31, 24),
        (32, 127, 96),
        (128, 511, 384),
        (512, 2047, 88),
    ]
    assert json.dumps(rows, allow_nan=False)


# Calibration


@pytest.mark.parametrize("wrong", [0.8, 1.0, 1.3])
def test_a_network_that_is_too_sure_or_not_sure_enough_gets_its_temperature(wrong):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 12, generator=generator) * 2
    y = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]

    means = [float(F.cross_entropy(logits * wrong / each, y)) for each in TEMPERATURES]

    assert temperature(torch.tensor(means)) == pytest.approx(wrong, abs=0.06)


@pytest.mark.parametrize(
    ("means", "found"),
    [([1.0, 2, 3, 4, 5], 0.7), ([5.0, 4, 3, 2, 1], 1.5), ([2.0] * 5, 1.0), ([math.nan] * 5, 1.0)],
)
def test_a_temperature_stays_among_those_that_were_tried(means, found):
    assert temperature(torch.tensor(means)) == pytest.approx(found, abs=1e-6)


def test_calibration_is_json_and_goes_into_what_is_expected():
    model = writer()
    outputs = kept(model, RHYME[:900], RHYME[50:400])

    calibration = json.loads(json.dumps(model.task.calibrate(outputs, nothing(outputs))))
    sure, unsure = (
        model.task.answers(outputs, {"temperature": each}, level=0.9)[0] for each in (0.7, 1.5)
    )

    assert TEMPERATURES[0] <= calibration["temperature"] <= TEMPERATURES[-1]
    assert max(sure.likeliest.values()) > max(unsure.likeliest.values())


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"temperature": "1"}])
def test_a_damaged_temperature_is_an_error(wrong):
    with pytest.raises(ValueError, match="temperature"):
        writer().task.answers(torch.zeros(1, writer().task.outputs), wrong, level=0.9)


# Answers


def test_an_answer_says_what_comes_next_and_what_was_surprising(alphabet):
    (answer,) = alphabet.task.answers(kept(alphabet, "abcabbca"), {}, level=0.9)

    assert next(iter(answer.likeliest)) == "b"
    assert answer.likeliest["b"] == pytest.approx(1)
    assert answer.tokens == 7
    assert answer.surprising[0][:2] == ("b", 5)
    assert answer.surprising[0][2] == pytest.approx(50, abs=0.1)
    assert answer.nats_per_token == pytest.approx(50 / 7, rel=1e-3)
    assert 3 < len(str(answer)) < 80
    assert json.loads(json.dumps(answer.to_json()))["surprising"][0]["place"] == 5


def test_what_comes_next_can_be_answered_without_a_text(alphabet):
    outputs = alphabet.network(codes_of(alphabet, "ab"))

    (answer,) = alphabet.task.answers(outputs, {}, level=0.9)

    assert answer.to_json().keys() == {"next"}
    assert str(answer).startswith("next: 'c' 100%")


def test_a_text_of_one_token_has_an_answer():
    (answer,) = writer().task.answers(kept(writer(), "t"), {}, level=0.9)

    assert (answer.tokens, answer.bits_per_byte) == (0, None)
    assert len(answer.likeliest) == 5


def test_predicting_answers_for_each_text_given():
    model = writer()

    found = model.predict([{"text": "the cat"}, {"text": "on the mat"}])

    # The end of the text before it stands before each, so every character is foretold.
    assert [answer.tokens for answer in found] == [7, 10]


@pytest.mark.parametrize("level", [0.0, 1.0, -1])
def test_a_level_that_is_no_probability_is_refused(level):
    with pytest.raises(BadInputError, match="between 0 and 1"):
        writer().task.answers(kept(writer(), "the"), {}, level=level)


# What is explained


def test_the_number_explained_is_the_log_odds_of_one_next_token():
    model = writer()
    outputs = model.network(codes_of(model, "the"))
    which = model.task.chosen(outputs)

    (odds,) = model.task.explained(outputs, which, {}).exp().tolist()

    share = outputs[0, 1:].softmax(dim=0).max().item()
    assert odds == pytest.approx(share / (1 - share), rel=1e-4)
    assert int(model.task.rivals(outputs)[0]) != int(which[0])


def test_a_token_is_named_and_found_by_its_name(alphabet):
    task = alphabet.task

    assert task.answer_name(task.answer_place("c")) == "c"
    with pytest.raises(BadInputError, match="2 tokens"):
        task.answer_place("ca")


def test_a_token_that_cannot_be_seen_is_named_in_quotes():
    task = writer().task

    assert task.answer_name(task.answer_place(" ")) == "' '"
    assert task.answer_name(task.answer_place("'\\n'")) == "'\\n'"
    assert task.answer_name(1) == "end of text"


# What would be degenerate


def test_the_same_after_every_text_is_called_degenerate():
    model = flat()
    model.network.logits.data[FIRST + 3] = 1.0
    outputs = kept(model, *["the cat"] * 60)

    assert "to all 60 held-out examples" in model.task.degenerate(outputs)
    assert model.task.degenerate(outputs[:20]) is None
    assert writer().task.degenerate(kept(writer(), *[RHYME[n : n + 9] for n in range(60)])) is None


def test_outputs_that_are_no_numbers_are_named_and_break_nothing():
    model = writer()
    outputs = kept(model, *[RHYME[n : n + 99] for n in range(60)]).clone()
    outputs[:, : -model.schema.shape[0]] = math.nan
    outputs[:, model.task.outputs + 5 : model.task.outputs + 90] = math.inf

    y = nothing(outputs)
    scores = model.task.scores(outputs, y, model.task.calibrate(outputs, y))

    assert "not numbers" in model.task.degenerate(outputs)
    assert math.isfinite(scores["nats_per_token"].value)
    (answer, *_) = model.task.answers(outputs, {}, level=0.9)
    assert json.dumps(answer.to_json())


# Drawing


def test_at_temperature_zero_the_likeliest_is_taken():
    assert drawn(torch.tensor([[0.0, 3, 1]]), torch.tensor([0.99]), Drawing(temperature=0)) == 1


def test_chances_pick_codes_as_often_as_they_are_likely():
    logits = torch.tensor([0.1, 0.2, 0.7]).log().expand(1000, 3)

    codes = drawn(logits, (torch.arange(1000) + 0.5) / 1000, Drawing())

    assert codes.bincount().tolist() == [100, 200, 700]


@pytest.mark.parametrize(
    ("how", "counts"),
    [
        (Drawing(top_k=2), [0, 222, 778]),
        (Drawing(top_k=1), [0, 0, 1000]),
        (Drawing(top_k=99), [100, 200, 700]),
        (Drawing(top_p=0.65), [0, 0, 1000]),
        (Drawing(top_p=0.75), [0, 222, 778]),
        (Drawing(top_p=1.0), [100, 200, 700]),
        (Drawing(temperature=0.5), [19, 74, 907]),
        (Drawing(temperature=0.5, top_k=2), [0, 75, 925]),
    ],
)
def test_unlikely_codes_are_left_out_as_asked(how, counts):
    logits = torch.tensor([0.1, 0.2, 0.7]).log().expand(1000, 3)

    codes = drawn(logits, (torch.arange(1000) + 0.5) / 1000, how)

    assert codes.bincount(minlength=3).tolist() == pytest.approx(counts, abs=1)


@pytest.mark.parametrize("chance", [0.0, 1 - 2**-53, 1.0])
def test_a_code_that_cannot_be_is_never_drawn(chance):
    logits = torch.tensor([[-math.inf, 0.0, 0.0, -math.inf]])

    assert int(drawn(logits, torch.tensor([chance], dtype=torch.float64), Drawing())) in (1, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -0.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"top_k": 0},
        {"top_p": 0.0},
        {"top_p": 1.1},
    ],
)
def test_a_way_of_drawing_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(BadInputError, match="needed"):
        Drawing(**wrong)


def test_what_is_drawn_is_never_nothing():
    model = flat()
    chances = torch.from_numpy(np.linspace(0, 0.999, 500))

    codes = model.task.draw(torch.zeros(500, model.task.outputs), chances, Drawing(), {})

    assert int(codes.min()) == 1
