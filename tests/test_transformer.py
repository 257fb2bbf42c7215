"""The transformer: it looks back only where it shall, and its memory stays bounded."""

import pytest
import torch
from torch import nn

from pellucid.data import Schema
from pellucid.networks.transformer import Attention, Codes, Transformer, Values
from pellucid.registry import network

TEXT = Schema(kind="text", shape=(2048,), cardinalities=(30,), ahead=1)
LABELLED = Schema(kind="text", shape=(2048,), cardinalities=(30,))
SERIES = Schema(kind="series", shape=(64, 3), ahead=4, variables=("load",), season=24)


def rough(module):
    """Move every weight, so that nothing is zero from the start."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return module.eval()


def small(*, causal, context=8, codes=30, depth=2):
    torch.manual_seed(0)
    inputs = Codes(codes, 32)
    made = Transformer(inputs, 5, width=32, depth=depth, context=context, causal=causal)
    return rough(made)


def text(batch=2, steps=40):
    return torch.randint(1, 30, (batch, steps)).float()


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 40])
def test_steps_one_by_one_give_what_all_at_once_give(steps):
    module, x = small(causal=True), text(steps=steps)

    whole, _ = module.each(x)
    state, one_by_one = None, []
    for at in range(steps):
        outputs, state = module.step(x[:, at], state)
        one_by_one.append(outputs)

    torch.testing.assert_close(torch.stack(one_by_one, dim=1), whole, rtol=1e-4, atol=1e-4)


def test_a_text_in_two_pieces_gives_what_it_gives_in_one():
    module, x = small(causal=True), text()

    first, state = module.each(x[:, :13])
    second, _ = module.each(x[:, 13:], state)

    torch.testing.assert_close(
        torch.cat([first, second], dim=1), module.each(x)[0], rtol=1e-4, atol=1e-4
    )


def test_forward_is_the_last_answer_of_each():
    for schema, x in ((TEXT, text()), (SERIES, torch.randn(2, 64, 3))):
        module = rough(network["transformer"](schema, 8, size=1))
        torch.testing.assert_close(module(x), module.each(x)[0][:, -1], rtol=1e-4, atol=1e-5)


def test_looks_back_only():
    module, x = small(causal=True), text()
    changed = x.clone()
    changed[:, 20:] = 7

    before, after = module.each(x)[0], module.each(changed)[0]

    torch.testing.assert_close(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])


def test_looks_no_farther_back_than_its_context():
    module, x = small(causal=True, context=8, depth=1), text()
    changed = x.clone()
    changed[:, 0] = changed[:, 0] % 29 + 1

    before, after = module.each(x)[0], module.each(changed)[0]

    assert not torch.allclose(before[:, 7], after[:, 7])
    torch.testing.assert_close(before[:, 8:], after[:, 8:])


def test_memory_grows_no_larger_than_the_context():
    module, state, sizes = small(causal=True, context=8), None, set()

    for at in range(60):
        _, state = module.step(text(batch=1, steps=60)[:, at], state)
        sizes.add(sum(part.numel() for part in state))

    assert max(sizes) == 2 * 2 * 7 * 32


@pytest.mark.parametrize("schema", [TEXT, LABELLED], ids=["causal", "encoder"])
@pytest.mark.parametrize("longer", [1, 300])
def test_padding_changes_nothing(schema, longer):
    module, x = rough(network["transformer"](schema, 5, size=1)), text(steps=40)

    padded = torch.cat([x, torch.zeros(2, longer)], dim=1)

    torch.testing.assert_close(module(padded), module(x), rtol=1e-4, atol=1e-5)


def test_examples_of_different_lengths_do_not_see_each_other():
    module, x = small(causal=False), text(batch=3, steps=20)
    x[1, 5:] = 0

    together = module(x)

    torch.testing.assert_close(together[1], module(x[1:2, :5])[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together[0], module(x[:1])[0], rtol=1e-4, atol=1e-5)


def test_a_long_text_is_the_same_in_chunks_and_with_every_distance_masked():
    torch.manual_seed(0)
    for causal in (True, False):
        chunked = Attention(32, 2, context=8, causal=causal)
        nn.init.normal_(chunked.out.weight)
        h, there = torch.randn(2, 29, 32), torch.ones(2, 29, dtype=torch.bool)
        found, _ = chunked(h, None if causal else there, None)

        query, key, value = chunked.asked(h).unflatten(2, (3, 2, 16)).permute(2, 0, 3, 1, 4)
        expected = chunked.out(plainly(query, key, value, causal).transpose(1, 2).flatten(2))

        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def plainly(query, key, value, causal, context=8):
    """Attention by its definition: one table of all distances."""
    query, key = (one / one.square().mean(dim=-1, keepdim=True).sqrt() for one in (query, key))
    steps = torch.arange(query.shape[2])
    pace = 10_000.0 ** (-torch.arange(8) / 8)
    turn = torch.polar(torch.ones(len(steps), 8), steps[:, None] * pace)
    query, key = (torch.complex(one[..., :8], one[..., 8:]) * turn for one in (query, key))
    score = (query @ key.conj().transpose(2, 3)).real / 4
    back = steps[:, None] - steps
    near = (back < context) & ((back >= 0) if causal else (back > -context))
    return score.masked_fill(~near, -torch.inf).softmax(dim=3) @ value


@pytest.mark.parametrize("causal", [True, False])
def test_a_text_of_nothing_gets_a_finite_answer(causal):
    assert small(causal=causal)(torch.zeros(2, 12)).isfinite().all()


def test_a_word_that_is_not_there_is_not_looked_at():
    module, x = small(causal=False, depth=1), text(steps=12)
    covered = x.clone()
    covered[:, 11] = 0

    torch.testing.assert_close(module(covered), module(x[:, :11]), rtol=1e-4, atol=1e-5)


def test_answers_in_half_width_are_near_those_in_full():
    module, x = small(causal=True), text()

    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = module(x).float()

    assert (half - module(x)).abs().max() < 0.1 * module(x).abs().max()


def test_a_long_text_takes_time_by_its_length_and_not_by_its_square():
    seen = []
    attended = Attention._attended

    def noted(self, query, key, *rest):
        seen.append((query.shape[1], key.shape[1]))
        return attended(self, query, key, *rest)

    module = small(causal=True, context=8, depth=1)
    Attention._attended = noted
    try:
        module(text(steps=80))
    finally:
        Attention._attended = attended

    assert len(seen) == 10
    assert max(keys for _, keys in seen) <= 8 + 7


def test_a_series_that_ends_early_is_averaged_over_the_steps_it_has():
    torch.manual_seed(0)
    module = Transformer(Values(3, 32), 5, width=32, depth=1, context=16, causal=False)
    x = torch.randn(1, 10, 3)
    padded = torch.cat([x, torch.zeros(1, 6, 3)], dim=1)

    torch.testing.assert_close(rough(module)(padded), module(x), rtol=1e-4, atol=1e-5)


def test_costs_of_tokens_are_the_cross_entropy_of_each():
    module, x = small(causal=True, codes=5), torch.randint(1, 5, (2, 20)).float()
    x[1, 12:] = 0

    outputs, _ = module.each(x[:, :-1])
    expected = nn.functional.cross_entropy(
        outputs.transpose(1, 2), x[:, 1:].long(), reduction="none", ignore_index=0
    )

    torch.testing.assert_close(module.nats(x), expected, rtol=1e-4, atol=1e-5)


def test_a_forecast_begins_as_the_last_value():
    module = network["transformer"](SERIES, 8, size=1)
    nn.init.zeros_(module.head.weight)
    x = torch.randn(2, 64, 3)

    outputs = module(x).view(2, 4, 1, 2)

    torch.testing.assert_close(outputs[..., 0], x[:, -1:, :1].expand(2, 4, 1) + bias_of(module))


def bias_of(module):
    return module.head.bias.view(4, 1, 2)[..., 0]


def test_is_there_to_be_beaten_until_it_wins():
    assert network["transformer"].recipe.contender is False
