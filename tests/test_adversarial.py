"""What every network that makes pictures must do, and the losses of each, by hand."""

import math

import pytest
import torch
from torch import nn

from pellucid.data import Schema
from pellucid.networks import recipe_of
from pellucid.networks._adversarial import Ladder
from pellucid.networks._altering import altered
from pellucid.networks._sorts import Sorts
from pellucid.registry import network

GREY = Schema(kind="image", shape=(1, 12, 12), latent=8)
COLOUR = Schema(kind="image", shape=(3, 19, 30), latent=8, classes=("a", "b", "c"))
MAKERS = [name for name in network.taking("image") if recipe_of(network[name], GREY).makes]


CASES = {f"{name}-{'colour' if each.classes else 'grey'}": (name, each)
         for name in MAKERS for each in (GREY, COLOUR)}  # fmt: skip


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    return request.param


def built(case, size=1):
    torch.manual_seed(0)
    name, schema = case
    return network[name](schema, 1, size=size)


def batch(schema, count=6):
    return torch.randn(count, *schema.shape), torch.arange(count) % 4 - 1


def stepped(module, x, y):
    """Take one step of each part, as training does."""
    for name, part in module.turns().items():
        part.zero_grad()
        module.turn(name, x, y).mean().backward()
        with torch.no_grad():
            for weight in part.parameters():
                weight -= 0.01 * weight.grad
    module.settle()


class Weighing(nn.Module):
    """A critic that weighs pixels, all alike."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x, shares):
        return self.weight * x.flatten(1).sum(dim=1)


# Every network that makes


def test_makes_pictures_of_the_shape_asked_for(case):
    module = built(case).eval()
    made = module.make(torch.randn(5, 8), torch.tensor([0, 1, 0, 1, -1]))
    assert made.shape == (5, *case[1].shape)
    assert made.dtype == torch.float32


def test_what_it_makes_keeps_to_the_range_of_real_pictures():
    details = {"mean": [51.0], "std": [102.0]}
    schema = Schema(kind="image", shape=(1, 12, 12), latent=8, details=details)
    for name in MAKERS:
        module = built((name, schema)).eval()
        for weight in module.averaged.parameters():
            weight *= 20
        made = module.make(torch.randn(20, 8))
        assert made.min() >= -0.5001
        assert made.max() <= 2.0001


def test_the_same_noise_makes_the_same_picture_whatever_is_made_beside_it(case):
    module, z = built(case).eval(), torch.randn(4, 8)
    together, alone = module.make(z), module.make(z[2:3])
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-5)


def test_without_a_class_no_class_is_preferred():
    for name in MAKERS:
        module, z = built((name, COLOUR)).eval(), torch.randn(2, 8)
        alike = torch.full((2, 3), 1 / 3)
        assert torch.equal(module.make(z), module.make(z, alike))
        assert torch.equal(module.make(z), module.make(z, torch.tensor([-1, -1])))
        assert not torch.equal(module.make(z), module.make(z, torch.tensor([0, 1])))


def test_every_weight_of_each_part_learns_and_the_other_part_stays(case):
    module, (x, y) = built(case).train(), batch(case[1])
    for name, part in module.turns().items():
        module.zero_grad()
        module.turn(name, x, y).mean().backward()
        others = [each for other, each in module.turns().items() if other != name]
        assert all(weight.grad is not None for weight in part.parameters())
        assert all(w.grad is None or not w.grad.any() for each in others for w in each.parameters())


def test_losses_are_one_number_an_example_in_full_width(case):
    module, (x, y) = built(case).train(), batch(case[1])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = [module.turn(name, x, y) for name in module.turns()]
    assert all(loss.shape == (6,) and loss.dtype == torch.float32 for loss in losses)


def test_the_artist_in_use_is_an_average_that_never_learns_itself(case):
    module, (x, y) = built(case).train(), batch(case[1])
    assert not any(weight.requires_grad for weight in module.averaged.parameters())
    stepped(module, x, y)
    first = [weight.clone() for weight in module.artist.parameters()]
    stepped(module, x, y)
    second = list(module.artist.parameters())
    old = 0.5**17  # of the first step, after two
    for mine, early, late in zip(module.averaged.parameters(), first, second, strict=True):
        torch.testing.assert_close(mine, old * early + (1 - old) * late)


def test_what_it_remembers_lies_in_its_state(case):
    module, (x, y) = built(case).train(), batch(case[1])
    stepped(module, x, y)
    other = built(case)
    other.load_state_dict(module.state_dict())
    for each in (module, other):
        torch.manual_seed(5)
        stepped(each.train(), x, y)
    pairs = zip(module.state_dict().values(), other.state_dict().values(), strict=True)
    assert all(torch.equal(one, another) for one, another in pairs)


def test_the_critic_gives_one_view_of_each_picture(case):
    module, (x, _) = built(case).eval(), batch(case[1])
    view = module(x)
    assert view.shape == (6, 1)
    torch.testing.assert_close(module(x[:1]), view[:1], rtol=1e-4, atol=1e-5)


def test_a_larger_size_has_more_weights():
    for name in MAKERS:
        sizes = range(1, recipe_of(network[name], GREY).sizes + 1)
        counts = [sum(w.numel() for w in built((name, GREY), s).parameters()) for s in sizes]
        assert counts == sorted(set(counts))


def test_one_critic_that_is_surer_leaves_its_sign():
    module = built(("gan", GREY))
    x = torch.randn(4, 1, 12, 12)
    module.note(x, 0.5 * x, torch.tensor([3.0, 1.0, 1.0, -1.0]))
    module.settle()
    margin, sure, spread, wild = module.signs.tolist()
    assert margin == pytest.approx(0.02 * 1.0)
    assert sure == pytest.approx(0.98 * 0.5 + 0.02 * 0.75)
    assert spread == pytest.approx(0.98 + 0.02 * 0.5)
    assert wild == pytest.approx(0.02 * 1.5)


# The ladder


@pytest.mark.parametrize(
    ("side", "foot", "steps"), [(28, 7, 2), (32, 4, 3), (64, 4, 4), (128, 4, 5), (8, 4, 1)]
)
def test_a_picture_is_halved_to_a_few_pixels(side, foot, steps):
    ladder = Ladder.of((1, side, side))
    assert (ladder.base, ladder.steps) == ((foot, foot), steps)
    assert ladder.padding == (0, 0, 0, 0)


def test_a_side_that_does_not_halve_is_filled_up():
    ladder = Ladder.of((3, 19, 30))
    assert ladder.steps == 2
    assert ladder.base == (5, 8)
    assert ladder.padding == (0, 2, 0, 1)


# Losses by hand


def test_pairs_that_look_alike_cost_both_sides_the_logarithm_of_two():
    module = built(("gan", GREY))
    module.count.fill_(1)  # no penalty is due
    module.critic = Weighing(0.0)
    x = torch.randn(3, 1, 12, 12)
    shares = torch.zeros(3, 0)
    two = torch.full((3,), math.log(2))
    torch.testing.assert_close(module.critic_loss(x, -x, shares), two)
    torch.testing.assert_close(module.artist_loss(x, -x, shares), two)


def test_a_critic_pays_for_how_steep_it_is_at_real_and_at_made_pictures():
    module = built(("gan", GREY))
    module.steepness, module.every = 0.1, 4
    module.critic = Weighing(0.5)
    x = torch.randn(3, 1, 12, 12)
    plain = nn.functional.softplus(0.5 * (x - 2 * x).flatten(1).sum(dim=1) * -1)
    found = module.critic_loss(x, 2 * x, torch.zeros(3, 0))
    steep = 144 * 0.5**2  # squared gradient of either
    torch.testing.assert_close(found, plain + 0.5 * 0.1 * 4 * 2 * steep)


def test_the_classic_one_judges_each_picture_by_itself():
    module = built(("dcgan", GREY))
    module.critic = Weighing(1.0)
    x = torch.full((2, 1, 12, 12), 1 / 144)
    shares = torch.zeros(2, 0)
    real, made = math.log1p(math.exp(-1)), math.log1p(math.exp(2))
    found = module.critic_loss(x, 2 * x, shares)
    torch.testing.assert_close(found, torch.full((2,), real + made))
    fooled = math.log1p(math.exp(-2))
    torch.testing.assert_close(module.artist_loss(x, 2 * x, shares), torch.full((2,), fooled))


# Sorts, where there are no classes


def blobs(count=100):
    """Pictures that are light above, on the left or nowhere, and which of these."""
    random = torch.Generator().manual_seed(7)
    which = torch.randint(3, (count,), generator=random)
    x = 0.1 * torch.randn(count, 1, 12, 12, generator=random)
    x[which == 0, :, :6] += 2
    x[which == 1, :, :, :6] += 2
    return x, which


def test_pictures_of_different_layout_are_of_different_sorts():
    sorts, (x, which) = Sorts(1, 8), blobs()
    sorts.learn(x.split(30), seed=0)
    found = sorts.of(x)
    assert (found.sum(dim=1) == 1).all()
    together = found.T @ nn.functional.one_hot(which, 3).float()
    assert ((together > 0).sum(dim=1) <= 1).all()  # no sort has pictures of two layouts
    torch.testing.assert_close(sorts.shares, found.mean(dim=0))


def test_noise_chooses_each_sort_as_often_as_there_are_pictures_of_it():
    sorts = Sorts(1, 8)
    sorts.shares.copy_(torch.tensor([0.5, 0.3, 0.2, 0.0]))
    chosen = sorts.chosen(torch.randn(20_000, 8, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(chosen.mean(dim=0), sorts.shares, rtol=0, atol=0.015)
    assert chosen[:, 3].max() == 0
    assert (chosen.max(dim=1).values > 0.9).float().mean() > 0.9


def test_what_chooses_a_sort_says_nothing_of_how_it_looks():
    module = built(("gan", GREY)).eval()
    z = torch.randn(1, 8).repeat(2, 1)
    z[1, : module.sorts.count] += 1  # there is only one sort before any were learned
    assert torch.equal(*module.make(z))


def test_sorting_repeats_and_few_pictures_make_few_sorts():
    one, other, few = Sorts(1, 8), Sorts(1, 8), Sorts(1, 8)
    x, _ = blobs()
    one.learn([x], seed=3)
    other.learn(x.split(7), seed=3)
    few.learn([x[:30]], seed=3)
    assert torch.equal(one.centres, other.centres)
    assert (few.shares > 0).sum() == 1


def test_where_there_are_classes_there_are_no_sorts():
    module = built(("gan", COLOUR))
    assert module.sorts is None
    pictures = iter([torch.randn(5, *COLOUR.shape)])
    module.sort(pictures, seed=0)
    assert len([*pictures]) == 1  # not even looked at


# What the critic sees


def test_some_pictures_are_altered_and_the_others_left_as_they_are():
    x = torch.rand(400, 1, 9, 9) + 0.5
    same = (altered(x, 0.3) == x).flatten(1).all(dim=1).float().mean()
    assert same == pytest.approx(0.7**2, abs=0.08)  # neither moved nor cut


def test_nothing_is_altered_without_strength():
    x = torch.randn(8, 3, 9, 9)
    torch.testing.assert_close(altered(x, 0.0), x)


def test_gradients_find_their_way_back_through_alterations():
    x = torch.randn(16, 3, 9, 9, requires_grad=True)
    altered(x, 1.0).square().sum().backward()
    assert (x.grad.flatten(1).abs().sum(dim=1) > 0).all()


def test_a_critic_sees_real_pictures_as_they_are_until_it_is_told_otherwise():
    module, x = built(("gan", GREY)), torch.randn(4, 1, 12, 12)
    assert module.looked_at(x) is x
    module.strength.fill_(0.9)
    assert not torch.equal(module.looked_at(x), x)
