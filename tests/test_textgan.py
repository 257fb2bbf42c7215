"""A writer and its critic: what each learns from, how trouble is told, and how both are judged."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from typer.testing import CliRunner

import pellucid
from pellucid.cli import app
from pellucid.data import Ask, Schema
from pellucid.data._batches import Supply
from pellucid.networks import recipe_of, textgan
from pellucid.networks._game import LIMIT, Last, criticised
from pellucid.networks._writing import END, picked, written
from pellucid.networks.textgan import TextGAN
from pellucid.registry import kind as kinds
from pellucid.registry import network
from pellucid.tasks import _trouble
from pellucid.tasks._ngrams import Trigrams
from pellucid.tasks._rivals import verdict
from pellucid.tasks._text_likeness import Bench, compared, rate
from pellucid.tasks.generate_text import GenerateText
from pellucid.training.learner import Habits, Learner
from pellucid.training.numerics import Numerics

WHO = ("a man", "a woman", "two boys", "a girl", "three dogs", "an old man")
DOES = ("is running", "sits", "plays", "is waiting", "sleeps", "jumps")
WHERE = ("in the park", "on a bench", "near the water", "by the road", "in the snow")


def sentences(count, seed=0):
    random = np.random.default_rng(seed)
    parts = [[some[n] for n in random.integers(0, len(some), count)] for some in (WHO, DOES, WHERE)]
    return [f"{' '.join(each).capitalize()}." for each in zip(*parts, strict=True)]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    path.write_text("\n".join(sentences(600)) + "\n")
    return path


def small(codes=12):
    torch.manual_seed(0)
    schema = Schema(kind="text", shape=(20,), cardinalities=(codes,), ahead=1)
    made = network["textgan"](schema, codes, size=1)
    assert isinstance(made, TextGAN)
    return made.train()


def texts(*rows, length=None):
    longest = length or max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows]).float()


def touched(part):
    return any(weight.grad is not None and weight.grad.any() for weight in part.parameters())


LEARNED = texts(*[[1, 2, 3, 4, 1], [1, 3, 4, 5, 6, 1]] * 8)


# What each part learns from


@pytest.mark.parametrize("name", ["critic", "writer", "control"])
def test_a_turn_changes_its_own_part_and_no_other(name):
    made = small()
    losses = {}

    for turn in made.turns():
        made.zero_grad()
        losses[turn] = made.turn(turn, LEARNED)
        losses[turn].mean().backward()
        if turn == name:
            break

    assert [part for part, module in made.turns().items() if touched(module)] == [name]
    assert losses[name].isfinite().all()


def test_the_writer_never_sees_a_real_text_by_likelihood():
    made = small().eval()
    made.turn("critic", LEARNED)
    with torch.no_grad():  # a critic that expects what the writer does has nothing to say to it
        for weight in (made.writer.weight, made.writer.bias, made.critic.tokens.rows.weight):
            weight.zero_()
        made.critic.bias.fill_(-math.log(11))

    loss = made.turn("writer", LEARNED).mean()
    loss.backward()

    assert float(loss.detach()) == pytest.approx(0, abs=1e-5)
    assert all(
        weight.grad is None or weight.grad.abs().max() < 1e-5 for weight in made.writer.parameters()
    )


def test_the_slope_of_the_writers_loss_is_that_of_the_divergence_it_tells():
    made = small().eval()

    def gradients(loss):
        made.zero_grad()
        loss.backward()
        return [weight.grad.clone() for weight in made.writer.parameters()]

    there = LEARNED[:, 1:] != 0
    own = made.writer.each(LEARNED[:, :-1])[0][there][:, 1:].log_softmax(dim=1)
    critic = made.critic.last(LEARNED[:, :-1], there)
    odds = (critic.rows @ critic.weight.T + critic.bias)[:, 1:] - own
    reward = LIMIT * torch.tanh(odds / LIMIT)
    wanted = (own + reward).log_softmax(dim=1).detach()
    by_hand = torch.nn.functional.kl_div(own, wanted, log_target=True, reduction="batchmean")
    found = made._short_of(LEARNED)

    assert found.item() == pytest.approx(by_hand.item(), rel=1e-4)
    for one, other in zip(gradients(found), gradients(by_hand), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_the_slope_of_the_critics_loss_is_that_of_telling_tokens_apart():
    torch.manual_seed(1)
    critic, writer = (Last(torch.randn(5, 3), torch.randn(7, 3), torch.randn(7)) for _ in range(2))
    real = torch.tensor([2, 3, 3, 6, 1])
    mine = [each.clone().requires_grad_() for each in critic]
    hand = [each.clone().requires_grad_() for each in critic]

    found, known = criticised(Last(*mine), writer, real, torch.float32)
    found.backward()
    expected = (writer.rows @ writer.weight.T + writer.bias)[:, 1:].log_softmax(dim=1)
    odds = LIMIT * torch.tanh(((hand[0] @ hand[1].T + hand[2])[:, 1:] - expected) / LIMIT)
    false = (expected.exp() * F.softplus(odds)).sum(dim=1)
    by_hand = (F.softplus(-odds.gather(1, real[:, None] - 1)[:, 0]) + false).mean()
    by_hand.backward()

    torch.testing.assert_close(found, by_hand)
    for one, other in zip(mine, hand, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6)
    right = (odds.gather(1, real[:, None] - 1) > 0).float().mean()
    assert known[1].item() == pytest.approx(right.item())


def test_the_critic_learns_to_tell_real_texts_from_made_ones():
    made = small().eval()
    optimiser = torch.optim.Adam(made.critic.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        optimiser.zero_grad()
        loss = made.turn("critic", LEARNED).mean()
        made.settle()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())

    assert losses[0] == pytest.approx(3 * math.log(2), rel=0.2)
    assert losses[-1] < 0.8 * losses[0]


def test_what_the_network_expects_is_what_its_writer_expects():
    made = small().eval()

    torch.testing.assert_close(made.nats(LEARNED), made.writer.nats(LEARNED))
    torch.testing.assert_close(made(LEARNED), made.writer(LEARNED))


def test_batches_hold_texts_of_all_lengths():
    assert recipe_of(network["textgan"], Schema(kind="text", shape=(20,))).alike is False


# Time


def test_the_game_becomes_smaller_until_it_takes_no_longer_than_the_control(monkeypatch):
    made = small()
    made.evens.fill_(True)
    clock = [0.0]
    monkeypatch.setattr(textgan.time, "monotonic", lambda: clock[0])

    for _ in range(120):
        made._begun["critic"] = clock[0]
        clock[0] += 0.5 + 4.0 * float(made.game)  # at an eighth as long as the control
        made._begun["control"] = clock[0]
        clock[0] += 1.0
        made.settle()

    game, control = made.seconds.tolist()
    assert float(made.game) == pytest.approx(1 / 8, rel=0.2)
    assert game == pytest.approx(control, rel=0.05)


def test_where_steps_are_counted_the_clock_changes_nothing():
    made = small()

    for name in made.turns():
        made.turn(name, LEARNED)
    made.settle()

    assert float(made.game) == textgan.GAME
    assert made.seconds.tolist() == [0, 0]


# Writing


def test_codes_are_drawn_by_their_chances_and_nothing_never_is():
    logits = torch.tensor([[9.0, 0.0, math.log(3)]])
    chances = torch.tensor([[0.0, 0.24, 0.26, 0.999, 1.0]])

    assert picked(logits, chances).tolist() == [[1, 1, 2, 2, 2]]


def test_a_text_ends_where_it_ends_and_does_not_depend_on_those_beside_it():
    made = small()
    chances = torch.rand(6, 30)

    whole = written(made.writer, torch.ones(6), chances)
    alone = [written(made.writer, torch.ones(1), row[None])[0] for row in chances]

    assert (whole.long() == torch.stack(alone).long()).all()
    for row in whole.long().tolist():
        ends = [place for place, code in enumerate(row) if code == END and place]
        assert not any(row[ends[0] + 1 :]) if ends else all(row)


# Trouble


@pytest.mark.parametrize(
    ("signs", "told", "part"),
    [
        ([0.2, 0.1, 0.1, 0.7], "collapsing", "writer"),
        ([0.9, 0.7, 0.1, 0.7], "repeats itself", "writer"),
        ([0.9, 0.1, 0.1, 0.99], "critic has won", "critic"),
    ],
)
def test_trouble_is_named_once_and_its_part_slowed(signs, told, part):
    made = small()
    made.signs.copy_(torch.tensor(signs))

    found = _trouble.trouble(made, 0.2)

    assert told in found.sentence
    assert found.balance[part] < 1
    assert _trouble.trouble(made, 0.22) is None
    assert told in _trouble.trouble(made, 0.4).sentence


def test_a_healthy_writer_and_one_that_has_just_begun_are_left_alone():
    made = small()
    made.signs.copy_(torch.tensor([0.9, 0.1, 0.1, 0.7]))
    assert _trouble.trouble(made, 0.5) is None

    made.signs.copy_(torch.tensor([0.1, 0.9, 0.1, 0.7]))
    assert _trouble.trouble(made, 0.03) is None


# Judges that count


def test_a_judge_tells_by_hand_what_a_token_costs():
    # Pairs after 2: 3 twice, so 2 of 2 + 1 kinds; tokens: 3, 1 twice each, so (2 + 2/3) / 6.
    seen = np.array([[2, 3, 1], [2, 3, 1]])
    judge = Trigrams(seen, codes=4)

    cost = judge.cost(np.array([[2, 3, 0]]))

    single = (2 + 2 / 3) / 6
    pair = (2 + 1 * single) / 3
    assert cost.counts.tolist() == [1]
    assert cost.sums[0] == pytest.approx(-math.log((2 + 1 * pair) / 3))


def test_the_chances_of_all_tokens_sum_to_one():
    random = np.random.default_rng(0)
    judge = Trigrams(random.integers(1, 9, (50, 12)), codes=9)

    asked = np.array([[5, 2, code] for code in range(1, 9)])
    together = judge.cost(asked).sums - judge.cost(asked[:, :2]).sums

    assert np.exp(-together).sum() == pytest.approx(1)


def language(count, seed, *, sharp=4.0, codes=30, length=14):
    """Texts of a chain of tokens; the sharper, the surer each is followed by the same."""
    table = np.random.default_rng(7).normal(size=(codes, codes))
    table = np.exp(sharp * table)
    table[:, :1] = 0
    table /= table.sum(axis=1, keepdims=True)
    random = np.random.default_rng(seed)
    found = np.ones((count, length), np.int64)
    sums = table.cumsum(axis=1)
    for place in range(1, length):
        chance = random.random(count)[:, None]
        found[:, place] = (sums[found[:, place - 1]] < chance).sum(axis=1).clip(1, codes - 1)
    return found


def test_texts_of_the_same_language_lie_at_the_floor():
    bench = Bench(language(600, 0), 30)
    made = bench.of(language(600, 1))

    for cost in (made.quality, made.cover, made.alike):
        assert rate(cost) == pytest.approx(rate(bench.real.quality), abs=0.05)
    assert bench.distance(made) < bench.floor()


def test_one_text_again_and_again_is_alike_and_leaves_much_out():
    bench = Bench(language(600, 0), 30)
    made = bench.of(np.tile(language(1, 1), (600, 1)))
    measures = bench.measures(made)

    assert rate(made.alike) < 0.2 < rate(bench.real.alike)
    assert rate(made.cover) > 2 * rate(bench.real.cover)
    assert measures["again"].value == pytest.approx(599 / 600)
    assert measures["quality"].low is not None


def test_noise_is_diverse_and_costs_much():
    bench = Bench(language(600, 0), 30)
    made = bench.of(np.random.default_rng(1).integers(1, 30, (600, 14)))

    assert rate(made.quality) > rate(bench.real.quality) + 0.5
    assert rate(made.alike) > rate(bench.real.alike)


def test_a_run_that_stands_twice_in_a_text_is_a_repetition():
    bench = Bench(language(60, 0), 30)
    made = np.array([[1, 2, 3, 4, 2, 3, 4, 5], [1, 2, 3, 4, 5, 6, 7, 8]] * 30)

    assert bench.of(made).repeating.tolist() == [1, 0] * 30


# Two writers at the same diversity


def control(bench):
    return [bench.of(language(600, 20, sharp=sharp)) for sharp in (8.0, 4.0, 2.0, 1.0)]


def test_a_writer_like_its_control_is_called_equal():
    bench = Bench(language(600, 0), 30)

    found = compared(bench.of(language(600, 5, sharp=3.0)), control(bench), (1, 2, 3, 4), 600)

    assert found.inside
    assert found.worse.low < found.worse.value < found.worse.high
    assert abs(found.worse.value) < 0.12


def test_a_writer_with_tokens_out_of_place_is_called_worse_at_the_same_diversity():
    bench = Bench(language(600, 0), 30)
    spoilt = language(600, 5, sharp=8.0)
    where = np.random.default_rng(3).random(spoilt.shape) < 0.25
    spoilt[where] = np.random.default_rng(4).integers(2, 30, int(where.sum()))

    found = compared(bench.of(spoilt), control(bench), (1, 2, 3, 4), 600)

    assert found.sure
    assert found.worse.value > 0
    assert "Use it: `--network rnn`" in verdict(found)
    assert "writes better" in verdict(found)


# The whole way


@pytest.fixture(scope="module")
def fitted(lines, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "gan.pellucid"
    model = pellucid.fit(lines, task="generate_text", network="textgan", steps=60, out=out)
    return model, out


def test_it_learns_through_the_critic_alone_far_beyond_how_frequent_letters_are(fitted):
    model, _ = fitted
    found = model.record["summary"]
    score = found["scores"]["nats_per_token"]["value"]

    assert score < 0.85 * found["guess"]["nats_per_token"]


def test_a_run_by_steps_repeats_to_the_last_bit(fitted, lines):
    again = pellucid.fit(lines, task="generate_text", network="textgan", steps=60)

    for name, weight in fitted[0].network.state_dict().items():
        assert torch.equal(weight, again.network.state_dict()[name]), name


def test_the_run_says_which_of_the_two_writes_better(fitted):
    assert any("control" in said for said in fitted[0].record["said"])


def test_an_evaluation_compares_them_on_other_texts(fitted, tmp_path):
    held = tmp_path / "held.txt"
    held.write_text("\n".join(sentences(200, seed=9)))

    done = CliRunner().invoke(app, ["evaluate", str(fitted[1]), str(held), "--json"])

    found = json.loads(done.stdout)
    assert found["n"] == 200
    assert found["control"]["worse_low"] < found["control"]["worse_high"]
    assert [row["texts"] for row in found["by_writer"]][:2] == ["held-out texts", "the writer"]
    assert "control" in found["verdict"]


def test_it_writes_short_texts_that_end(fitted):
    texts = ["".join(fitted[0].generate(length=200, seed=seed)) for seed in range(3)]

    assert all(0 < len(text) < 200 for text in texts)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(lines):
    text = kinds["text"]()
    examples = text.read(lines, Ask(task="generate_text", whole=True))
    task = GenerateText(replace(text.describe(examples), **GenerateText.describe(None)))
    stored = text.encode(examples, task.schema)
    y = torch.zeros(len(stored), dtype=torch.int64)
    supply = Supply(text, task.schema, stored, np.arange(len(y)), y)

    def learner():
        torch.manual_seed(2)
        made = network["textgan"](task.schema, task.outputs, size=1)
        how = recipe_of(network["textgan"], task.schema)
        habits = Habits(recipe=how, batch=16, numerics=Numerics(), seed=1)
        return Learner(made.train(), task, supply, habits)

    whole, first, second = learner(), learner(), learner()
    for one, steps in ((whole, 4), (first, 2)):
        for _ in range(steps):
            one.learn(0.1)
            one.inspect()
    second.restore(first.tensors(), json.loads(json.dumps(first.numbers())))
    for _ in range(2):
        second.learn(0.1)
        second.inspect()

    kept = whole.network.state_dict()
    assert all(torch.equal(kept[name], at) for name, at in second.network.state_dict().items())
