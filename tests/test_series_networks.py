"""Networks that foretell series: where they start, what they learn, and what they must not see."""

import pytest
import torch

from pellucid.data import Schema
from pellucid.networks import recipe_of
from pellucid.networks._horizon import Known, wandering
from pellucid.networks.seasonal import Seasonal
from pellucid.registry import network

NAMES = ("seasonal", "segments")


def schema_of(*, past=48, channels=2, ahead=12, season=12, variables=("a", "b")):
    return Schema(
        kind="series",
        shape=(past, channels),
        ahead=ahead,
        season=season,
        variables=variables,
        means=(0.0,) * len(variables),
        scales=(1.0,) * len(variables),
    )


def build(name, schema, *, size=1):
    torch.manual_seed(0)
    outputs = 2 * schema.ahead * len(schema.variables)
    return network[name](schema, outputs, size=size).eval()


def means(outputs, schema):
    return outputs.reshape(len(outputs), schema.ahead, len(schema.variables), 2)[..., 0]


def scales(outputs, schema):
    return outputs.reshape(len(outputs), schema.ahead, len(schema.variables), 2)[..., 1].exp()


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_before_learning_it_repeats_the_seasons_of_the_past(name):
    schema = schema_of()
    wave = torch.sin(torch.arange(60) * 2 * torch.pi / 12)
    x = torch.stack([wave[:48], 5 - 2 * wave[:48]], dim=1)[None]

    found = means(build(name, schema)(x), schema)

    expected = torch.stack([wave[48:], 5 - 2 * wave[48:]], dim=1)[None]
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_weights_start_at_the_mean_of_the_same_phase():
    module = Seasonal(7, 3, 3)

    assert module.weight.tolist() == [
        [0.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.0],
        [0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.5],
    ]


@pytest.mark.parametrize("season", [1, 49])
def test_where_nothing_repeats_itself_it_starts_at_the_last_value(name, season):
    schema = schema_of(season=season)
    x = torch.randn(3, 48, 2)

    found = means(build(name, schema)(x), schema)

    torch.testing.assert_close(found, x[:, -1:].expand_as(found))


def test_a_series_that_is_moved_and_stretched_is_foretold_the_same_way(name):
    schema = schema_of()
    module, x = build(name, schema), torch.randn(4, 48, 2)

    plain = means(module(x), schema)
    moved = means(module(10 + 3 * x), schema)

    torch.testing.assert_close(moved, 10 + 3 * plain, rtol=1e-2, atol=1e-2)


def test_variables_share_their_weights(name):
    schema = schema_of()
    module, x = build(name, schema), torch.randn(4, 48, 2)

    torch.testing.assert_close(
        means(module(x.flip(2)), schema), means(module(x), schema).flip(2), rtol=1e-4, atol=1e-5
    )


def test_what_wanders_is_foretold_less_surely(name):
    schema = schema_of()
    still = 0.1 * torch.randn(1, 48, 2)
    wanders = still + torch.linspace(0, 4, 48)[:, None]

    module = build(name, schema)

    assert (scales(module(wanders), schema) > 3 * scales(module(still), schema)).all()


def test_wandering_is_the_move_in_half_a_window_halfway_to_that_of_all():
    past = torch.tensor([[[0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 2.0, 2.0]]])

    found = wandering(past)

    torch.testing.assert_close(
        found[0, :, 0].square(), torch.tensor([10.0, 2.5]), rtol=0.02, atol=0
    )


def test_what_is_known_ahead_changes_the_steps_it_is_known_of():
    torch.manual_seed(0)
    module = Known(1, 2)
    torch.nn.init.normal_(module.leave.weight)
    x = torch.zeros(1, 6, 1)
    holiday = x.clone()
    holiday[0, -2] = 1.0

    changed = (module(holiday, 4) - module(x, 4)).abs().sum(dim=2)[0] > 0

    assert changed.tolist() == [False, False, True, False]


def test_a_horizon_longer_than_the_past_is_foretold(name):
    schema = schema_of(past=10, channels=3, ahead=25, season=4)

    assert build(name, schema)(torch.randn(2, 10, 3)).shape == (2, 25 * 2 * 2)


@pytest.mark.parametrize("past", [1, 2, 5])
def test_the_shortest_pasts_are_taken(name, past):
    schema = schema_of(past=past, ahead=3, season=2)

    assert build(name, schema)(torch.randn(2, past, 2)).isfinite().all()


def test_a_window_that_stands_still_is_foretold_to_stand_still(name):
    schema = schema_of()
    x = torch.full((1, 48, 2), -2.0)

    outputs = build(name, schema)(x)

    assert outputs.isfinite().all()
    torch.testing.assert_close(means(outputs, schema), torch.full((1, 12, 2), -2.0))


def test_the_linear_one_is_chosen_and_the_recurrent_one_offered():
    schema = schema_of()

    assert recipe_of(network["seasonal"], schema).contender
    assert not recipe_of(network["segments"], schema).contender


def test_segments_learn_what_a_weighted_sum_cannot():
    """The next value is the square of the last one, centred: its line is flat."""
    schema = schema_of(past=8, channels=1, ahead=1, season=1, variables=("a",))
    errors = {}
    for name in NAMES:
        module = build(name, schema).train()
        x = torch.randn(512, 8, 1)
        y = x[:, -1:, :].square() - 1
        step = torch.optim.AdamW(module.parameters(), lr=1e-2)
        for _ in range(150):
            step.zero_grad()
            found = means(module(x).flatten(1), schema)
            (found - y).square().mean().backward()
            step.step()
        errors[name] = (means(module.eval()(x), schema) - y).square().mean().item()

    assert errors["segments"] < 0.75 * errors["seasonal"]
