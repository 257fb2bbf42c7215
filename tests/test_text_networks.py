"""Networks that tell classes of text apart: what they see of a text, and what they make of it."""

import itertools
import json

import pytest
import torch
from torch.nn import functional as F

from pellucid.data import Schema
from pellucid.networks import recipe_of
from pellucid.networks._committee import Committee
from pellucid.networks._lexicon import Lexicon, lexicon
from pellucid.networks.ngrams import GAIN, NGrams, buckets_for
from pellucid.networks.textcnn import Phrases, Words
from pellucid.registry import network

PIECES = ["Ġgo", "ing", "Ġin", ",", "Ġsing", "è"]
GO, ING, IN, COMMA, SING, GRAVE = range(2, 8)
TOLD = {
    "form": "pieces",
    "codes": json.dumps({"model": {"vocab": {p: n for n, p in enumerate(PIECES)}}}),
}
TEXTS = Schema(kind="text", shape=(20,), cardinalities=(8,), details=TOLD)
UNTOLD = Schema(kind="text", shape=(20,), cardinalities=(30,))

both = pytest.mark.parametrize("name", ["ngrams", "textcnn"])


def codes(*rows):
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


def numbered(*row, schema=TEXTS):
    return lexicon(schema, buckets=1 << 20)(codes(row))[0]


def those(numbers):
    return sorted(number for number in numbers.tolist() if number)


def test_pieces_are_joined_to_the_words_they_make():
    words, place = lexicon(TEXTS, buckets=64).words(codes([GO, ING, IN, SING, ING, ING]))
    assert place.tolist() == [[0, 0, 1, 2, 2, 2]]
    assert (words > 0).tolist() == [[True, True, True, False, False, False]]


def test_a_mark_begins_a_word_and_a_letter_beyond_ascii_does_not():
    begins = lexicon(TEXTS, buckets=64).begins(codes([GO, COMMA, ING, GRAVE]))
    assert begins.tolist() == [[True, True, False, False]]


def test_a_text_that_begins_inside_a_word_begins_with_a_word():
    assert lexicon(TEXTS, buckets=64).words(codes([ING, IN]))[1].tolist() == [[0, 1]]


def test_a_word_has_the_same_number_wherever_it_stands():
    early = lexicon(TEXTS, buckets=1 << 20).words(codes([GO, ING, IN]))[0]
    late = lexicon(TEXTS, buckets=1 << 20).words(codes([IN, SING, GO, ING]))[0]
    assert early[0, 0] == late[0, 2]
    assert early[0, 1] == late[0, 0]


def test_the_same_pieces_in_another_order_are_another_word():
    one = lexicon(TEXTS, buckets=1 << 20).words(codes([GO, ING, GRAVE]))[0]
    other = lexicon(TEXTS, buckets=1 << 20).words(codes([GO, GRAVE, ING]))[0]
    assert one[0, 0] != other[0, 0]


def test_a_text_of_two_words_has_pieces_runs_of_them_words_and_a_pair_of_words():
    assert len(those(numbered(GO, ING, IN))) == 3 + 2 + 1 + 2 + 1


def test_without_words_a_text_has_pieces_and_runs_of_two_and_three():
    assert len(those(numbered(5, 6, 7, 8, schema=UNTOLD))) == 4 + 3 + 2


def test_what_is_covered_takes_along_every_run_that_touches_it():
    assert those(numbered(GO, 0, IN)) == sorted([*those(numbered(GO)), *those(numbered(IN))])


def test_nothing_at_the_end_changes_nothing():
    assert those(numbered(GO, ING, IN, 0, 0)) == those(numbered(GO, ING, IN))


def test_runs_are_numbered_behind_the_codes_and_within_the_buckets():
    found = lexicon(UNTOLD, buckets=4)(torch.randint(1, 30, (50, 20)))
    assert found[:, :20].max() < 30
    assert found[:, 20:].min() == 30
    assert found.max() == 33


def test_an_n_gram_bag_adds_what_its_runs_weigh_over_the_root_of_their_number():
    bag = NGrams(Lexicon(8, buckets=16), 1).eval()
    with torch.no_grad():
        bag.weight[GO], bag.weight[IN], bag.weight[8:] = 1.0, 2.0, 4.0
        bag.bias.fill_(0.5)
    answers = bag(codes([GO, IN], [GO, 0], [0, 0]).float()).flatten()
    expected = [GAIN * 7 / 3**0.5 + 0.5, GAIN * 1 + 0.5, 0.5]
    torch.testing.assert_close(answers, torch.tensor(expected))


def test_copies_that_keep_everything_answer_as_in_use():
    bag = NGrams(lexicon(TEXTS, buckets=64), 3, kept=1.1, copies=2)
    torch.nn.init.normal_(bag.weight)
    x = codes([GO, ING, IN], [COMMA, 0, SING], [0, 0, 0]).float()
    used = bag.eval()(x)
    torch.testing.assert_close(bag.train()(x), used[:, None].expand(-1, 2, -1))


def test_copies_of_a_text_keep_other_runs():
    bag = NGrams(lexicon(UNTOLD, buckets=1 << 12), 1, copies=3).train()
    torch.nn.init.normal_(bag.weight)
    (copies,) = bag(torch.arange(1.0, 21.0)[None])
    assert len(set(copies.flatten().tolist())) == 3


def test_the_vector_of_a_word_is_the_sum_of_its_parts_over_the_root_of_their_number():
    words = Words(lexicon(TEXTS, buckets=64), 2).eval()
    whole = int(words.lexicon.words(codes([GO, ING]))[0][0, 0])
    with torch.no_grad():
        words.weight.zero_()
        words.weight[GO, 0], words.weight[ING, 0], words.weight[whole, 1] = 1.0, 2.0, 5.0
    found = words(codes([GO, ING, 0]))
    expected = torch.tensor([[[3.0, 5.0], [0.0, 0.0], [0.0, 0.0]]]) / 3**0.5
    torch.testing.assert_close(found, expected)


def test_convolutions_see_nothing_where_a_word_is_covered():
    words = Words(lexicon(TEXTS, buckets=64), 4).eval()
    assert not words(codes([GO, 0, 0, IN]))[0, 1:3].any()


def test_phrases_do_not_know_where_they_stand():
    phrases = Phrases(Words(lexicon(UNTOLD, buckets=64), 8), 2, width=8, filters=4).eval()
    early, late = codes([5, 6, 7, 0, 0, 0], [0, 0, 0, 5, 6, 7]).float()[:, None]
    torch.testing.assert_close(phrases(early), phrases(late))


def test_the_bag_has_more_to_say_than_the_phrases():
    module = network["textcnn"](TEXTS, 2, size=2).eval()
    x = codes([GO, ING, IN]).float()
    torch.testing.assert_close(module(x), 0.75 * module.bag(x) + 0.25 * module.phrases(x))


def test_every_voter_is_judged_alone_while_training():
    module = network["textcnn"](TEXTS, 2, size=2).train()
    assert module(codes([GO, ING, IN]).float()).shape == (1, module.bag.copies + 1, 2)


@both
@pytest.mark.parametrize("schema", [TEXTS, UNTOLD], ids=["words", "codes"])
@pytest.mark.parametrize("length", [1, 2, 300])
@pytest.mark.parametrize("training", [True, False])
def test_texts_of_any_length_and_texts_of_nothing_are_answered(name, schema, length, training):
    module = network[name](schema, 1, size=1).train(training)
    x = torch.randint(0, 8, (4, length)).float()
    x[0] = 0
    assert module(x).isfinite().all()
    assert module(torch.zeros_like(x)).isfinite().all()


@both
def test_what_follows_the_end_of_a_text_does_not_matter(name):
    module = network[name](TEXTS, 2, size=1).eval()
    x = codes([GO, ING, IN, SING]).float()
    torch.testing.assert_close(module(F.pad(x, (0, 7))), module(x))


def test_more_outputs_leave_fewer_buckets():
    assert buckets_for(2) == 4 * buckets_for(8)
    assert buckets_for(10**6) == buckets_for(10**7)


def test_the_bag_is_there_to_be_beaten():
    assert not recipe_of(network["ngrams"], TEXTS).contender
    assert recipe_of(network["textcnn"], TEXTS).contender


@both
def test_learns_that_a_negation_turns_a_word_round(name):
    torch.manual_seed(1)
    x = torch.randint(10, 30, (256, 8))
    y = torch.randint(0, 2, (256,))
    denied = torch.randint(0, 2, (256,))
    x[:, 4] = torch.where(y == denied, 2, 3)  # bad, good
    x[:, 3] = torch.where(denied == 1, 4, 5)  # not, so
    module, x = network[name](UNTOLD, 2, size=1), x.float()
    how = recipe_of(network[name], UNTOLD)
    step = torch.optim.AdamW(module.parameters(), lr=how.rate)
    for _, some in itertools.product(range(15), torch.arange(256).split(32)):
        answers = module.train()(x[some])
        step.zero_grad()
        members = answers.reshape(len(some), -1, 2)
        told = y[some, None].expand(-1, members.shape[1])
        F.cross_entropy(members.flatten(0, 1), told.flatten()).backward()
        step.step()
    assert (module.eval()(x).argmax(dim=1) == y).float().mean() > 0.9


@both
@pytest.mark.parametrize("size", [1, 2])
def test_a_committee_of_few_weights_answers_as_the_mean_of_its_members(name, size):
    size = min(size, recipe_of(network[name], TEXTS).sizes)
    members = [network[name](TEXTS, 3, size=size) for _ in range(3)]
    for member in members:
        for weight in member.parameters():
            torch.nn.init.normal_(weight, std=0.1)
    x = codes([GO, ING, IN, SING], [SING, ING, COMMA]).float()

    committee = Committee(members).eval()

    with torch.no_grad():
        mean = torch.stack([member.eval()(x) for member in members]).mean(dim=0)
        torch.testing.assert_close(committee(x), mean, rtol=1e-5, atol=1e-5)
    bags = [key for key in committee.state_dict() if "bag" in key or name == "ngrams"]
    assert len(bags) == 2  # weights and bias, once


def test_many_texts_are_answered_as_each_of_them_alone():
    textcnn = network["textcnn"](TEXTS, 3, size=1).eval()
    x = torch.randint(0, 8, (600, 12)).float()
    with torch.no_grad():
        torch.testing.assert_close(textcnn(x)[300:310], textcnn(x[300:310]))
