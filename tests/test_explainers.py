"""Explainers against values worked out by hand, and against Captum."""

import warnings

import pytest
import torch
from captum import attr
from explaining_toys import Formula, case, change, grid, subject
from torch import nn

from pellucid import registry
from pellucid.explaining._detail import moved, refined
from pellucid.networks._committee import Committee
from pellucid.networks.linear import Linear


def shares(name, subject, case):
    return registry.explainer[name]().shares(subject, case)


def close(found, expected, within=1e-4):
    torch.testing.assert_close(found, torch.tensor(expected), rtol=within, atol=within)


def example(*values, blank=None):
    x = torch.tensor(values)
    return case(x, (torch.zeros_like(x) if blank is None else torch.tensor(blank))[None])


def linear(weights, bias=0.0):
    """A registered linear network with these weights, (K, C)."""
    weights = torch.tensor(weights)
    module = nn.Sequential(nn.Flatten(), nn.Linear(weights.shape[1], len(weights)))
    module[1].weight.data.copy_(weights)
    module[1].bias.data.fill_(bias)
    return module


def convolutional(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.Conv2d(6, 8, 3, padding=1, bias=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 1),
    )


def picture():
    torch.manual_seed(1)
    x = torch.randn(1, 8, 8)
    return case(x, torch.zeros(1, 1, 8, 8), of=grid(8, 8, 2))


def by_captum(method, *given, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return method(*given, **options).detach()


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion", "shapley", "weights"])
def test_a_weighted_sum_is_divided_by_weight_times_distance_from_the_blank(name):
    module = linear([[2.0, -3.0, 1.0]], bias=5.0)

    found = shares(name, subject(module, (3,)), example(1.0, 2.0, 3.0, blank=(0.0, 1.0, 1.0)))

    close(found, [2.0, -3.0, 2.0])


def test_on_crooked_ways_a_weighted_sum_is_divided_alike():
    module = subject(linear([[2.0, -3.0, 1.0]]), (3,))

    found = shares("smooth_gradients", module, example(1.0, 1.0, 1.0))

    close(found, [2.0, -3.0, 1.0], within=0.1)
    assert float(found.sum()) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shapley", [0.5, 0.5]),
        ("integrated_gradients", [0.5, 0.5]),
        ("smooth_gradients", [0.5, 0.5]),
        ("occlusion", [1.0, 1.0]),
    ],
)
def test_what_needs_two_parts_is_shared_by_them(name, expected):
    both = subject(Formula(lambda x: x[:, 0] * x[:, 1]), (2,))

    close(shares(name, both, example(1.0, 1.0)), expected, within=0.02)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shapley", [1.5, 0.5]),
        ("integrated_gradients", [2.0, 0.0]),
        ("occlusion", [1.0, 0.0]),
    ],
)
def test_of_two_parts_the_larger_of_which_counts(name, expected):
    larger = subject(Formula(lambda x: x.amax(dim=1)), (2,))

    close(shares(name, larger, example(2.0, 1.0)), expected)


@pytest.mark.parametrize("name", ["integrated_gradients", "shapley"])
def test_a_product_of_three_is_shared_in_thirds(name):
    product = subject(Formula(lambda x: x.prod(dim=1)), (3,))

    close(shares(name, product, example(1.0, 2.0, 3.0)), [2.0, 2.0, 2.0], within=0.02)


@pytest.mark.parametrize(
    "name", ["integrated_gradients", "smooth_gradients", "occlusion", "shapley"]
)
def test_a_part_that_the_network_does_not_look_at_gets_nothing(name):
    blind = subject(Formula(lambda x: (x[:, 0] * x[:, 1]).tanh()), (3,))

    assert abs(shares(name, blind, example(1.0, 2.0, 3.0))[2]) < 1e-6


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shapley", 15.0),
        ("integrated_gradients", 15.0),
        ("smooth_gradients", 15.0),
        ("occlusion", 30.0),
    ],
)
def test_what_is_always_shown_is_no_part_of_the_change(name, expected):
    product = subject(Formula(lambda x: x.prod(dim=1)), (3,))
    one = case(torch.tensor([2.0, 5.0, 3.0]), torch.zeros(1, 3), of=[0, -1, 1])

    close(shares(name, product, one), [expected, expected], within=0.02)


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion", "shapley", "weights"])
def test_effects_over_several_blanks_are_averaged(name):
    module = subject(linear([[1.0, 10.0]]), (2,))
    one = case(torch.tensor([3.0, 3.0]), torch.tensor([[0.0, 1.0], [2.0, 3.0]]))

    close(shares(name, module, one), [2.0, 10.0])


@pytest.mark.parametrize(
    "name", ["integrated_gradients", "smooth_gradients", "occlusion", "shapley", "weights"]
)
def test_a_category_adds_the_difference_of_its_levels(name):
    module = Linear((0, 3), 1)
    with torch.no_grad():
        module.weigh.weight.fill_(2.0)
        module.levels["1"].weight.copy_(torch.tensor([[1.0], [10.0], [20.0]]))

    found = shares(name, subject(module, (2,), cardinalities=(0, 3)), example(3.0, 2.0))

    close(found, [6.0, 19.0], within=0.1 if name == "smooth_gradients" else 1e-4)


def test_a_number_and_the_category_that_lets_it_count_share_alike():
    levels = torch.tensor([0.0, 2.0])
    gated = Formula(lambda x: x[:, 0] * levels[x[:, 1].long()])

    found = shares(
        "integrated_gradients", subject(gated, (2,), cardinalities=(0, 2)), example(3.0, 1.0)
    )

    close(found, [3.0, 3.0], within=1e-3)


def test_a_network_of_categories_alone_has_no_gradients_to_follow():
    levels = torch.tensor([0.0, 2.0])
    module = subject(Formula(lambda x: levels[x[:, 0].long()]), (1,), cardinalities=(2,))

    assert not registry.explainer["integrated_gradients"]().suits(module)
    assert not registry.explainer["smooth_gradients"]().suits(module)


def test_a_network_that_gives_no_gradients_has_none_to_follow():
    class Detached(Formula):
        def forward(self, x):
            return super().forward(x.detach())

    module = subject(Detached(lambda x: x.sum(dim=1)), (3,))

    assert not registry.explainer["integrated_gradients"]().suits(module)


def test_a_rise_much_narrower_than_a_step_is_found():
    steep = subject(Formula(lambda x: ((x[:, 0] - 0.6203) * 3000).clamp(0, 1) + x[:, 1]), (2,))

    close(shares("integrated_gradients", steep, example(1.0, 0.1)), [1.0, 0.1], within=0.02)


def test_what_gradients_do_not_tell_is_not_made_up():
    stairs = subject(Formula(lambda x: 10 * x[:, 0].round() + x[:, 1]), (2,))

    close(shares("integrated_gradients", stairs, example(1.0, 0.5)), [0.0, 0.5], within=0.05)


def test_many_parts_are_sampled_to_the_shapley_value_where_parts_act_in_pairs():
    torch.manual_seed(0)
    alone, pairs = torch.randn(20), torch.randn(20, 20).triu(1)
    game = subject(Formula(lambda x: x @ alone + ((x @ pairs) * x).sum(dim=1)), (20,))

    found = shares("shapley", game, example(*[1.0] * 20))

    close(found, (alone + (pairs.sum(dim=0) + pairs.sum(dim=1)) / 2).tolist(), within=1e-3)


def test_a_sketch_puts_the_parts_of_a_sum_into_their_order_and_sums_up():
    torch.manual_seed(0)
    weights = torch.arange(-12, 12).float()[torch.randperm(24)]
    whole = subject(Formula(lambda x: x @ weights), (24,))

    found = shares("sketch", whole, example(*[1.0] * 24))

    ranks = torch.stack([found.argsort().argsort(), weights.argsort().argsort()]).double()
    assert torch.corrcoef(ranks)[0, 1] > 0.75
    assert float(found.sum()) == pytest.approx(float(weights.sum()), rel=1e-3)


def test_coarse_gradients_of_a_sum_are_exact_and_close_to_fifty_steps_of_captum_elsewhere():
    whole, seen = subject(convolutional(), (1, 8, 8)), picture()
    summed = subject(Formula(lambda x: x @ torch.tensor([1.0, -2.0, 3.0])), (3,))

    expected = by_captum(
        attr.IntegratedGradients(whole.network).attribute, seen.x[None], n_steps=50
    )

    close(shares("coarse_gradients", summed, example(1.0, 1.0, 2.0)), [1.0, -2.0, 6.0])
    by_hand = seen.gathered(expected[0])
    found = shares("coarse_gradients", whole, seen)
    assert torch.corrcoef(torch.stack([found, by_hand]))[0, 1] > 0.97


@pytest.mark.parametrize("name", ["shapley", "occlusion", "integrated_gradients"])
def test_the_detail_of_a_part_adds_up_to_its_share_and_differs_as_gradients_do(name):
    whole, seen = subject(convolutional(), (1, 8, 8)), picture()
    found = shares(name, whole, seen)

    detail = refined(whole, seen, found)

    assert detail.shape == (1, 8, 8)
    torch.testing.assert_close(seen.gathered(detail), found, rtol=1e-3, atol=1e-4)
    slopes = moved(whole, seen, steps=50)
    inside = seen.of == int(found.argmax())
    assert torch.corrcoef(torch.stack([detail[inside], slopes[inside]]))[0, 1] > 0.9


def test_a_part_of_a_network_that_looks_nowhere_has_an_even_detail():
    nothing = subject(Formula(lambda x: 0 * x.sum(dim=(1, 2, 3))), (1, 8, 8))
    seen = picture()

    detail = refined(nothing, seen, torch.ones(len(seen.parts)))

    torch.testing.assert_close(detail, torch.full((1, 8, 8), 0.25))


def test_colours_of_a_pixel_are_one_in_its_detail():
    torch.manual_seed(0)
    whole = subject(Formula(lambda x: (x * x).sum(dim=(1, 2, 3))), (3, 4, 4))
    x = torch.randn(3, 4, 4)
    seen = case(x, torch.zeros(1, 3, 4, 4), of=grid(4, 4, 2))

    detail = refined(whole, seen, shares("shapley", whole, seen))

    assert detail.shape == (1, 4, 4)
    torch.testing.assert_close(moved(whole, seen, steps=8), (x * x).sum(0, keepdim=True))


def test_a_sample_with_several_blanks_sums_up_to_the_mean_change():
    torch.manual_seed(0)
    module = subject(Formula(lambda x: (x * x.roll(1, 1) * x.roll(2, 1)).sum(dim=1)), (20,))
    one = case(torch.randn(20), torch.randn(5, 20))

    found = shares("shapley", module, one)

    assert float(found.sum()) == pytest.approx(change(module, one), rel=1e-4)


def test_for_two_classes_the_weights_are_divided_by_the_temperature():
    module = linear([[0.0, 1.0], [3.0, 2.0]])
    asked = subject(module, (2,), classes=("no", "yes"), calibration={"temperature": 2.0})
    one = case(torch.tensor([1.0, 4.0]), torch.zeros(1, 2), which=1)

    close(shares("weights", asked, one), [1.5, 2.0])


def test_for_more_classes_weights_are_what_integrating_along_the_line_comes_to():
    torch.manual_seed(0)
    asked = subject(nn.Sequential(nn.Flatten(), nn.Linear(6, 4)), (6,), classes=tuple("abcd"))
    one = case(4 * torch.randn(6), torch.randn(2, 6), which=2)
    found = shares("weights", asked, one)

    method = attr.IntegratedGradients(lambda x: asked.numbers(x, torch.full((len(x),), 2)))
    each = [
        by_captum(method.attribute, one.x[None], blank[None], n_steps=400) for blank in one.blanks
    ]

    torch.testing.assert_close(
        found, torch.stack(each).mean(dim=0)[0].float(), rtol=1e-3, atol=1e-3
    )
    assert float(found.sum()) == pytest.approx(change(asked, one), rel=1e-4)


def test_weights_speak_for_weighted_sums_and_committees_of_them_only():
    suits = registry.explainer["weights"]().suits
    flat, deep = linear([[1.0]]), nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))

    assert suits(subject(flat, (1,)))
    assert suits(subject(Committee([flat, linear([[2.0]])]), (1,)))
    assert not suits(subject(deep, (1,)))
    assert not suits(subject(Committee([flat, deep]), (1,)))


def test_a_committee_of_weighted_sums_has_the_mean_of_their_shares():
    both = Committee([linear([[1.0, 0.0]]), linear([[3.0, 4.0]])])

    close(shares("weights", subject(both, (2,)), example(1.0, 1.0)), [2.0, 2.0])


def test_integrated_gradients_agree_with_captum():
    asked, one = subject(convolutional(), (1, 8, 8)), picture()
    method = attr.IntegratedGradients(asked.network)
    each = by_captum(method.attribute, one.x[None], n_steps=500)[0]

    found = shares("integrated_gradients", asked, one)

    off = (found - one.gathered(each.float())).norm() / found.norm()
    assert off < 0.1


def test_occlusion_agrees_with_captum():
    asked, one = subject(convolutional(), (1, 8, 8)), picture()
    method = attr.Occlusion(asked.network)
    each = by_captum(method.attribute, one.x[None], (1, 2, 2), strides=(1, 2, 2))[0]

    found = shares("occlusion", asked, one)

    torch.testing.assert_close(found, one.gathered(each.float()) / 4, rtol=1e-3, atol=1e-5)


def test_shapley_values_of_few_parts_agree_with_captum():
    asked = subject(convolutional(), (1, 8, 8))
    one = case(picture().x, torch.zeros(1, 1, 8, 8), of=grid(8, 8, 4))
    mask = one.of[None]
    each = by_captum(attr.ShapleyValues(asked.network).attribute, one.x[None], feature_mask=mask)

    found = shares("shapley", asked, one)

    torch.testing.assert_close(found, one.gathered(each[0].float()) / 16, rtol=1e-3, atol=1e-5)


def test_shapley_values_of_many_parts_come_near_a_large_sample_of_captum():
    asked, one = subject(convolutional(), (1, 8, 8)), picture()
    method = attr.ShapleyValueSampling(asked.network)
    mask = one.of[None]
    each = by_captum(
        method.attribute, one.x[None], feature_mask=mask, n_samples=400, perturbations_per_eval=16
    )

    found = shares("shapley", asked, one)

    expected = one.gathered(each[0].float()) / 4
    assert (found - expected).norm() / expected.norm() < 0.15


def test_class_activation_agrees_with_captum_where_slopes_are_the_same_everywhere():
    asked, one = subject(convolutional(), (1, 8, 8)), picture()
    method = attr.LayerGradCam(asked.network, asked.network[3])
    map_ = by_captum(method.attribute, one.x[None])
    expected = one.gathered(map_[0])

    found = shares("class_activation", asked, one)

    torch.testing.assert_close(found, expected / expected.abs().sum(), rtol=1e-3, atol=1e-5)


def test_class_activation_points_to_where_the_only_feature_is():
    edge = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten())
    network = nn.Sequential(edge, nn.Linear(64, 1, bias=False))
    for weight in network.parameters():
        weight.data.fill_(1.0)
    x = torch.zeros(1, 8, 8)
    x[0, 6:, :2] = 1.0
    one = case(x, torch.zeros(1, 1, 8, 8), of=grid(8, 8, 4))

    assert shares("class_activation", subject(network, (1, 8, 8)), one).argmax() == 2


def test_networks_without_convolutions_have_no_activation_map():
    assert not registry.explainer["class_activation"]().suits(subject(linear([[1.0]]), (1,)))
