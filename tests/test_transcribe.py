"""What was said: spelling, alignment, language, answers, and learning it from made speech."""

import itertools
import json
import math

import numpy as np
import pytest
import torch
from asking import words
from torch import nn

from pellucid.data import Schema
from pellucid.errors import BadInputError
from pellucid.tasks import _ctc, _edits
from pellucid.tasks._beam import Search, Weights
from pellucid.tasks._phrases import Phrases, counted
from pellucid.tasks._spelling import Speller, normalised, tokens_of
from pellucid.tasks._splicing import spliced
from pellucid.tasks._windows import heard, window
from pellucid.tasks.transcribe import Transcribe

SAID = words(
    "The danger trail, Philip.",
    "Not at this case!",
    "It's all right",
    "THREE seven one",
    "an old tin can",
)


def schema(texts=SAID, **more):
    return Schema(kind="audio", shape=(16000,), rate=8000.0, **Transcribe.describe(texts), **more)


def spelling(task, texts, *, sure=8.0, noise=0.0, hold=2, gap=2):
    """Outputs that spell transcripts: each code for some frames, then nothing for some."""
    y = task.encode(texts)
    frames = (hold + gap) * y.shape[1]
    logits = torch.zeros(len(y), frames, task.outputs)
    logits[:, :, 0] = sure / 2
    for row, codes in enumerate(y.tolist()):
        for place, code in enumerate(codes):
            if code:
                start = (hold + gap) * place
                logits[row, start : start + hold, code] = sure
    logits += noise * torch.randn(logits.shape, generator=torch.Generator().manual_seed(0))
    return logits.log_softmax(dim=2).flatten(1), y


# How words are spelled


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        (
            "Author of the danger trail, Philip Steels, etc.",
            "author of the danger trail philip steels etc",
        ),
        ("It\N{RIGHT SINGLE QUOTATION MARK}s  'quoted'\tlines\n", "it's quoted lines"),
        ("Ärger; naïve – 1999", "ärger naïve 1999"),
        ("...", ""),
    ],
)
def test_what_is_written_becomes_what_is_spoken(written, spoken):
    assert normalised(written) == spoken


def test_little_text_is_spelled_by_characters():
    assert tokens_of(["ab a", "b"]) == ("", " ", "a", "b")


def test_much_text_is_spelled_by_pieces_that_occur_often_and_read_back():
    texts = ["the other theory", "then there"] * 20_000

    tokens = tokens_of(texts)
    speller = Speller(tokens)

    assert "the" in tokens
    assert len(speller.codes("the")) == 1
    assert speller.text(speller.codes("other hen")) == "other hen"


def test_a_character_that_no_token_spells_is_kept_as_unknown():
    speller = Speller(tokens_of(["ab"]))

    assert speller.codes("axb") == [1, speller.unknown, 2]
    assert speller.text([1, speller.unknown, 2]) == "a\N{WHITE SQUARE}b"


# What frames say


def ways(logs, codes):
    """The probability of a transcript by trying every way to say it."""
    total = 0.0
    for path in itertools.product(range(logs.shape[1]), repeat=len(logs)):
        said = [code for code, _ in itertools.groupby(path) if code]
        if said == list(codes):
            total += math.exp(sum(float(row[code]) for row, code in zip(logs, path, strict=True)))
    return total


@pytest.mark.parametrize("codes", [[1, 2], [1, 1], [2]])
def test_a_transcript_costs_the_sum_of_all_ways_to_say_it(codes):
    logs = torch.randn(1, 5, 3).log_softmax(dim=2)

    nats = _ctc.cost(logs, torch.tensor([[*codes, 0, 0]]))

    assert float(nats) == pytest.approx(-math.log(ways(logs[0], codes)), rel=1e-5)


def test_an_alignment_is_the_likeliest_of_all_ways():
    logs = torch.randn(2, 6, 3).log_softmax(dim=2).numpy()
    y = np.array([[1, 2, 2], [2, 0, 0]])

    spans = _ctc.aligned(logs, y)

    for row, codes in enumerate([[1, 2, 2], [2]]):
        paths = [
            path
            for path in itertools.product(range(3), repeat=6)
            if [code for code, _ in itertools.groupby(path) if code] == codes
        ]
        best = max(paths, key=lambda path: sum(logs[row, at, code] for at, code in enumerate(path)))
        held = [(code, len(list(run))) for code, run in itertools.groupby(best)]
        found, at = [], 0
        for code, count in held:
            if code:
                found.append([at, at + count])
            at += count
        assert spans[row, : len(codes)].tolist() == found


def test_frames_too_few_for_a_transcript_are_told():
    y = torch.tensor([[1, 2, 0], [1, 1, 0], [1, 2, 1]])

    assert _ctc.possible(torch.tensor([2, 2, 2]), y).tolist() == [True, False, False]


def test_frames_that_say_nothing_surely_change_no_cost():
    logits = torch.randn(1, 5, 4)
    behind = torch.tensor([0.0, -1e4, -1e4, -1e4]).expand(1, 3, 4)
    y = torch.tensor([[1, 3]])

    short = _ctc.cost(logits.log_softmax(2), y)
    long = _ctc.cost(torch.cat([logits, behind], dim=1).log_softmax(2), y)

    torch.testing.assert_close(short, long)


# What a language adds


def test_letters_of_the_training_text_are_likelier_and_all_shares_sum_to_one():
    phrases = Phrases(counted(["the cat sat", "the hat"]))
    letters = sorted(set("the cat sat\n"))

    assert phrases.nats("th", "e") < phrases.nats("th", "s")
    assert sum(phrases.share("\nth", letter) for letter in letters) == pytest.approx(1.0)


def test_a_wide_search_without_a_language_sums_the_ways_of_each_reading():
    logs = torch.randn(5, 3).log_softmax(dim=1)

    found = Search(("", "a", "b"), None, Weights(), width=200)(logs.numpy())

    for each in found[:5]:
        assert each.sound == pytest.approx(math.log(ways(logs, each.codes)), abs=1e-3)


def test_a_language_turns_what_sounds_alike_into_a_word():
    tokens = tokens_of(["the cat", "cat the cat"])
    phrases = Phrases(counted(["the cat", "cat the cat"] * 5))
    code = {token: place for place, token in enumerate(tokens)}
    logs = np.full((6, len(tokens)), -12.0, np.float32)
    for frame, (likely, other) in enumerate(zip("c_a_t_", "c_e_t_", strict=True)):
        logs[frame, code.get(likely, 0)] = math.log(0.45)
        logs[frame, code.get(other, 0)] = math.log(0.55) if likely != other else -0.01

    alone = Search(tokens, None, Weights())(logs)[0]
    read = Search(tokens, phrases, Weights(language=1.0, letter=0.5))(logs)[0]

    speller = Speller(tokens)
    assert (speller.text(alone.codes), speller.text(read.codes)) == ("cet", "cat")


# Errors


def test_errors_are_counted_by_words_and_by_letters():
    (found,) = _edits.of_words(["the danger trail"], ["the dancer trail is"])

    assert (found.wrong, found.count) == (2, 3)
    assert found.right == (True, False, True, False)
    assert found.taken == (("danger", "dancer"),)
    assert _edits.of_letters(["abc", ""], ["axc", "ab"]) == [1, 2]


# The task


def test_sentences_are_transcripts_and_single_words_are_rather_classes():
    sentences = words(*[f"number {place} is here" for place in range(20)])

    assert Transcribe.suits(sentences) > 0.9
    assert Transcribe.suits(words(*["yes", "no"] * 10)) < 0.3
    assert Transcribe.suits(np.arange(20.0)) == 0


def test_a_schema_goes_into_json_and_back():
    known = schema()

    assert Schema.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_transcripts_without_a_letter_are_refused():
    with pytest.raises(BadInputError, match="no transcript has a letter"):
        Transcribe.describe(words("...", "-"))


def test_a_clear_recording_is_read_with_the_times_of_its_words():
    task = Transcribe(schema())
    outputs, y = spelling(task, SAID)

    (first, *_) = task.answers(outputs, {}, level=0.9)

    assert first.text == "the danger trail philip"
    assert task.score(outputs, y) == 0
    assert [word.text for word in first.words] == ["the", "danger", "trail", "philip"]
    assert first.words[1].start == pytest.approx(4 * 4 * 0.02, abs=0.021)
    assert first.words[1].end == pytest.approx(10 * 4 * 0.02, abs=0.021)  # the gap
    assert all(one.end <= two.start for one, two in itertools.pairwise(first.words))


def test_less_sure_words_get_less_confidence():
    task = Transcribe(schema())
    outputs, _ = spelling(task, SAID[:1])
    logs = outputs.unflatten(1, (-1, task.outputs)).clone()
    logs[:, 16:40] = (logs[:, 16:40] * 0.3).log_softmax(dim=2)

    (said,) = task.answers(logs.flatten(1), {}, level=0.9)

    unsure = min(said.words, key=lambda word: word.confidence)
    assert unsure.text == "danger"
    assert "danger" in said.doubt()


def test_a_language_is_weighed_only_where_it_helps():
    task = Transcribe(schema())
    clear = task.calibrate(*spelling(task, SAID))
    noisy = task.calibrate(*spelling(task, words(*SAID.tolist() * 8), sure=4.0, noise=1.6))

    assert clear["language"] == 0
    assert noisy["language"] > 0


def test_what_batches_lack_in_frames_says_nothing():
    task = Transcribe(schema())
    outputs, y = spelling(task, SAID)
    longer = nn.functional.pad(outputs, (0, 5 * task.outputs), value=math.nan)

    assert task.answers(longer, {}, level=0.9) == task.answers(outputs, {}, level=0.9)
    torch.testing.assert_close(task.losses(longer, y), task.losses(outputs, y))


def test_an_impossible_transcript_teaches_nothing():
    task = Transcribe(schema())
    network = nn.Linear(4, 3 * task.outputs)
    batch = {"x": torch.randn(2, 4), "y": task.encode(words("the danger trail", "it"))}

    losses = task.loss(network, {**batch, "x": batch["x"]}, "whole")
    losses.sum().backward()

    assert losses[0] == 0
    assert losses[1] > 0
    assert network.weight.grad.isfinite().all()


def test_the_number_explained_is_the_log_probability_of_the_transcript():
    task = Transcribe(schema())
    outputs, y = spelling(task, SAID, noise=0.5)
    which = task.chosen(outputs)

    numbers = task.explained(outputs, which, {})

    assert task.answer_name(int(which[0])) == "the danger trail philip"
    nats = _ctc.cost(outputs.unflatten(1, (-1, task.outputs)), y)
    torch.testing.assert_close(numbers, -nats, atol=1e-3, rtol=1e-4)


def test_a_marked_word_is_explained_by_what_it_adds():
    task = Transcribe(schema())
    outputs, _ = spelling(task, SAID[:1])
    there = torch.tensor([task.answer_place("the [danger] trail philip")])
    absent = torch.tensor([task.answer_place("the danger [not] trail philip")])

    assert task.explained(outputs, there, {}) > 5
    assert task.explained(outputs, absent, {}) < 0
    with pytest.raises(BadInputError, match="mark one word"):
        task.answer_place("the [danger")


def test_letters_outside_the_alphabet_count_as_wrong_and_are_told():
    task = Transcribe(schema(words("abc", "cab")))
    y = task.encode(words("abq"))
    outputs, _ = spelling(task, words("abc"))

    assert task.score(outputs, y) == pytest.approx(1 / 3)
    assert task.details(outputs, y, {})["unspelled"] == 1


# When nothing is learned, the cause is named


def silence(task, rows, frames):
    logits = torch.zeros(rows, frames, task.outputs)
    logits[:, :, 0] = 9.0
    return logits.log_softmax(dim=2).flatten(1)


@pytest.mark.parametrize(
    ("frames", "x", "cause"),
    [
        (5, 0.1, "too long for their recordings"),
        (200, 0.0005, "recordings are silent"),
        (200, 0.1, "steps may be too large"),
    ],
)
def test_the_cause_of_silence_is_named(frames, x, cause):
    task = Transcribe(schema())
    y = task.encode(words(*SAID.tolist() * 10))

    found = task.concern(silence(task, len(y), frames), y, torch.full((4, 100), x), 0.05)

    assert cause in found.sentence
    assert found.balance == {"whole": 0.5 if "steps" in cause else 1.0}


def test_silence_late_in_a_run_is_left_to_the_judgement():
    task = Transcribe(schema())
    y = task.encode(words(*SAID.tolist() * 10))

    assert task.concern(silence(task, len(y), 200), y, torch.full((4, 100), 0.1), 0.5) is None


def test_too_many_tokens_are_a_cause():
    task = Transcribe(schema())
    y = task.encode(SAID[:1])

    found = task.concern(silence(task, 1, 200), y, torch.full((4, 100), 0.1), 0.05)

    assert "too many for 23" in found.sentence


def test_who_hears_something_is_of_no_concern():
    task = Transcribe(schema())
    outputs, y = spelling(task, SAID)

    assert task.concern(outputs, y, torch.zeros(1, 10), 0.05) is None


# New sentences from old ones


class Spelled(nn.Module):
    """Says the code that x has at each frame of 160 samples."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens = tokens

    def forward(self, x):
        codes = x[:, 80::160].round().long().clamp(min=0)
        return 20.0 * nn.functional.one_hot(codes, self.tokens).float()


def test_ends_are_exchanged_between_words_and_sound_and_words_stay_together():
    tokens = ("", " ", "a", "b", "c", "d")
    speller = Speller(tokens)
    texts = ["ab cd", "dc ba", "ad bc"]
    y = torch.from_numpy(speller.table(texts))
    frames = torch.stack([y, torch.full_like(y, 0)], dim=2).flatten(1)
    x = torch.where(frames > 0, frames, 0.001).float().repeat_interleave(160, dim=1)
    torch.manual_seed(0)  # by which this batch is one of those that are spliced

    sounds, codes = spliced(Spelled(len(tokens)), x, y, tokens=tokens, rate=8000.0)

    made = speller.texts(codes.numpy())
    assert made != texts
    assert {text.split()[0] for text in made} == {"ab", "dc", "ad"}
    assert {text.split()[1] for text in made} == {"cd", "ba", "bc"}
    for sound, text in zip(sounds, made, strict=True):
        said = [
            code for code, _ in itertools.groupby(sound[80::160].round().long().tolist()) if code
        ]
        assert speller.text(said) == text


# Long recordings


class Echo(nn.Module):
    """Gives the first sample of every frame."""

    def forward(self, x):
        return x[:, ::160, None]


def test_a_long_recording_in_windows_gives_what_it_gives_at_once():
    x = torch.arange(8000.0 * 65)[None]

    found = heard(Echo(), x, rate=8000.0, longest=3.0)

    torch.testing.assert_close(found, Echo()(x))


@pytest.mark.parametrize(("longest", "seconds"), [(1.0, 10.0), (12.0, 18.0), (300.0, 40.0)])
def test_a_window_is_not_much_longer_than_what_was_learned_from(longest, seconds):
    assert window(longest) == seconds
