"""Networks that remember: what they say step by step, at once, of a part, and what it costs."""

import math

import pytest
import torch
import torch.nn.functional as F

from pellucid.data import Schema
from pellucid.networks import Recipe
from pellucid.networks._cross_entropy import token_nats
from pellucid.networks.rnn import Layers, Reader, Steady, Tokens, build, lengths
from pellucid.training.optim import optimizers

CHARACTERS = Schema(kind="text", shape=(64,), cardinalities=(60,), ahead=1)
WORDS = Schema(kind="text", shape=(64,), cardinalities=(2000,), ahead=1)
REVIEWS = Schema(kind="text", shape=(64,), cardinalities=(60,))
HOURS = Schema(kind="series", shape=(48, 3), variables=("heat", "load"), ahead=24)
MOVES = Schema(kind="series", shape=(48, 3))
OUTPUTS = 24 * 2 * 2


def texts(*counts, codes=60):
    x = torch.zeros(len(counts), max(counts))
    for row, count in enumerate(counts):
        x[row, :count] = torch.randint(1, codes, (count,)).float()
    return x


def made(schema, outputs, size=1):
    torch.manual_seed(0)
    return build(schema, outputs, size=size).eval()


CASES = [
    (CHARACTERS, 60, texts(20, 20)),
    (WORDS, 2000, texts(20, 20, codes=2000)),
    (HOURS, OUTPUTS, torch.randn(2, 20, 3)),
]
each_case = pytest.mark.parametrize(
    ("schema", "outputs", "x"), CASES, ids=["characters", "words", "series"]
)


@each_case
def test_steps_pushed_one_by_one_say_what_all_at_once_say(schema, outputs, x):
    network, state, told = made(schema, outputs, size=3), None, []

    for moment in range(x.shape[1]):
        said, state = network.step(x[:, moment], state)
        told.append(said)

    torch.testing.assert_close(torch.stack(told, 1), network.each(x)[0], rtol=1e-4, atol=1e-5)


@each_case
def test_reading_goes_on_where_it_stopped(schema, outputs, x):
    network = made(schema, outputs, size=3)

    first, state = network.each(x[:, :13])
    second, _ = network.each(x[:, 13:], state)

    whole, _ = network.each(x)
    torch.testing.assert_close(torch.cat([first, second], 1), whole, rtol=1e-4, atol=1e-5)


@each_case
def test_the_answer_is_the_last_of_each(schema, outputs, x):
    network = made(schema, outputs)

    torch.testing.assert_close(network(x), network.each(x)[0][:, -1], rtol=1e-4, atol=1e-5)


@each_case
def test_nothing_that_comes_later_is_looked_at(schema, outputs, x):
    network = made(schema, outputs)
    other = x.clone()
    other[:, 12:] = x[:, 12:].flip(1)

    torch.testing.assert_close(network.each(x)[0][:, :12], network.each(other)[0][:, :12])


def test_a_shorter_text_of_a_batch_is_answered_as_alone():
    network, x = made(CHARACTERS, 60), texts(20, 7)

    torch.testing.assert_close(network(x)[1:], network(x[1:, :7]), rtol=1e-4, atol=1e-5)


def test_a_shorter_text_is_classified_as_alone():
    network, x = made(REVIEWS, 3), texts(20, 7)

    torch.testing.assert_close(network(x)[1:], network(x[1:, :7]), rtol=1e-4, atol=1e-5)


def test_a_text_is_classified_by_what_comes_first_and_what_comes_last():
    network, x = made(REVIEWS, 3), texts(20)
    first, last = x.clone(), x.clone()
    first[0, 0] = x[0, 0] % 59 + 1
    last[0, -1] = x[0, -1] % 59 + 1

    assert isinstance(network, Reader)
    assert not torch.allclose(network(first), network(x))
    assert not torch.allclose(network(last), network(x))


def test_an_empty_text_is_answered_too():
    assert made(REVIEWS, 3)(torch.zeros(2, 5)).isfinite().all()
    assert made(CHARACTERS, 60)(torch.zeros(2, 5)).isfinite().all()


def test_a_series_is_classified():
    assert made(MOVES, 4)(torch.randn(5, 48, 3)).shape == (5, 4)


def test_a_forecast_begins_at_the_last_value():
    network, x = made(HOURS, OUTPUTS), torch.randn(2, 48, 3)
    with torch.no_grad():
        network.weight.zero_()

    mean = network(x).view(2, 24, 2, 2)[..., 0]

    assert torch.equal(mean, x[:, -1:, :2].expand(2, 24, 2))


def test_lengths_count_up_to_the_last_step_that_is_something():
    x = torch.tensor([[5.0, 0.0, 7.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])

    assert lengths(x).tolist() == [3, 1, 4]
    assert lengths(x[..., None].expand(3, 4, 2)).tolist() == [3, 1, 4]


@pytest.mark.parametrize("training", [True, False])
def test_nats_are_the_cross_entropy_of_each(training):
    network, x = made(WORDS, 2000), texts(30, 9, codes=2000)
    network.train(training)
    network.layers.drop.share = 0.0

    nats = network.nats(x)

    logits = network.each(x)[0][:, :-1]
    wanted = x[:, 1:].long()
    expected = F.cross_entropy(logits.mT, wanted, reduction="none", ignore_index=0)
    torch.testing.assert_close(nats, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(nats[1, 8:], torch.zeros(21))


def test_nats_of_a_long_text_are_those_of_one_reading():
    network, x = made(CHARACTERS, 60), texts(600)

    logits = network.each(x)[0][:, :-1]

    expected = F.cross_entropy(logits.mT, x[:, 1:].long(), reduction="none")
    torch.testing.assert_close(network.nats(x), expected, rtol=1e-4, atol=1e-5)


def test_nats_of_one_token_are_none():
    assert made(CHARACTERS, 60).nats(texts(1)).shape == (1, 0)


def test_a_network_that_knows_nothing_needs_the_logarithm_of_the_vocabulary():
    network = made(WORDS, 2000)
    with torch.no_grad():
        network.tokens.rows.weight.zero_()

    nats = network.nats(texts(20, codes=2000))

    torch.testing.assert_close(nats, torch.full((1, 19), math.log(2000)))


def losses(hidden, weight, bias, wanted):
    logits = hidden @ weight.T + bias
    return F.cross_entropy(logits.mT, wanted, reduction="none", ignore_index=0)


def mean_of_each(nats, wanted):
    return (nats.sum(1) / (wanted != 0).sum(1)).mean()


def oddly_weighed(nats, wanted):
    return (nats * torch.arange(nats.numel()).view_as(nats)).sum()


@pytest.mark.parametrize("loss", [mean_of_each, oddly_weighed])
def test_fused_gradients_are_those_of_plain_operations(loss):
    wanted = torch.randint(1, 11, (3, 7))
    wanted[1, 5:] = 0
    given = [
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((3, 7, 8), (11, 8), (11,))
    ]

    fused = torch.autograd.grad(loss(token_nats(*given, wanted), wanted), given)

    plain = torch.autograd.grad(loss(losses(*given, wanted), wanted), given)
    for one, other in zip(fused, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)


def test_fused_gradients_in_half_width_are_near_those_in_full():
    wanted = torch.randint(1, 300, (4, 16))
    given = [
        torch.randn(shape, requires_grad=True) * scale
        for shape, scale in (((4, 16, 32), 1.0), ((300, 32), 0.2), ((300,), 0.1))
    ]

    plain = torch.autograd.grad(losses(*given, wanted).mean(), given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        nats = token_nats(*given, wanted)
    fused = torch.autograd.grad(nats.mean(), given)

    assert nats.dtype == torch.float32
    for one, other in zip(fused, plain, strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_one_mask_is_dropped_from_all_steps():
    kept = Steady(0.5).train()(torch.ones(2, 9, 64))

    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(kept, kept[:, :1].expand_as(kept))


def test_words_that_are_left_out_are_read_as_nothing():
    tokens = Tokens(50, 8, dropout=0.5).train()

    rows = tokens(texts(200, codes=50))

    lost = (rows == 0).all(dim=2).float().mean()
    assert 0.3 < lost < 0.7
    assert (tokens.eval()(texts(200, codes=50)) != 0).any(dim=2).all()


def test_layers_after_the_first_add_to_what_came_in():
    layers = Layers("gru", 4, 4, layers=2, dropout=0.0)
    for weight in layers.layers[1].parameters():
        torch.nn.init.zeros_(weight)
    x = torch.randn(2, 6, 4)

    torch.testing.assert_close(layers(x)[0], layers.layers[0](x)[0])


def test_each_gate_of_a_layer_takes_an_orthogonal_step_of_its_own():
    layers = Layers("gru", 32, 32, layers=1, dropout=0.0)
    before = layers.layers[0].weight_hh_l0.detach().clone()
    learning = optimizers(layers, Recipe(rate=0.0, muon=1.0))

    layers(torch.randn(4, 9, 32))[0].square().sum().backward()
    for optimizer in learning:
        optimizer.step()

    moved = layers.layers[0].weight_hh_l0.detach() - before
    for gate in moved.chunk(3):
        strengths = torch.linalg.svdvals(gate)
        assert strengths.max() < 1.3
        assert strengths.median() > 0.6


@pytest.mark.parametrize("codes", [60, 2000])
def test_what_is_larger_has_more_left_out_and_a_longer_text_less(codes):
    def left_out(size, tokens):
        details = {} if tokens is None else {"tokens": tokens}
        schema = Schema(kind="text", shape=(64,), cardinalities=(codes,), ahead=1, details=details)
        return build(schema, codes, size=size).layers.drop.share

    shares = [left_out(size, 1_000_000) for size in (1, 2, 3, 4, 5)]
    assert shares == sorted(shares)
    assert left_out(3, 8_000_000) == pytest.approx(shares[2] / 2)
    assert left_out(3, None) == left_out(3, "many") == shares[2]
