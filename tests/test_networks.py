"""What every network must do. A new file in networks/ is tested because it is there."""

import copy

import pytest
import torch

from pellucid.data import Schema
from pellucid.networks import answers, recipe_of
from pellucid.networks.linear import Linear
from pellucid.networks.mlp import Members, Numbers
from pellucid.registry import network

BINS = [[-2.0, -0.5, 0.0, 0.5, 2.0], [0.0], [], [-1.0, 1.0], []]
SCHEMAS = {
    "grey": Schema(kind="image", shape=(1, 28, 28)),
    "colour": Schema(kind="image", shape=(3, 32, 32)),
    "mixed": Schema(
        kind="table", shape=(5,), cardinalities=(0, 0, 3, 0, 7), details={"bins": BINS}
    ),
    "unbinned": Schema(kind="table", shape=(5,), cardinalities=(0, 0, 3, 0, 7)),
    "numbers": Schema(kind="table", shape=(16,)),
    "categories": Schema(kind="table", shape=(2,), cardinalities=(300, 2)),
    "text": Schema(kind="text", shape=(12,), cardinalities=(40,)),
    "text going on": Schema(kind="text", shape=(12,), cardinalities=(4,), ahead=1),
    "series": Schema(kind="series", shape=(24, 3)),
    "sound": Schema(kind="audio", shape=(4_000,), rate=8_000.0),
    "clips": Schema(kind="video", shape=(3, 8, 24, 32)),
    "series going on": Schema(
        kind="series",
        shape=(24, 3),
        ahead=1,
        season=6,
        variables=("a", "b"),
        means=(0.0, 1.0),
        scales=(1.0, 2.0),
    ),
}
CASES = [
    (name, form)
    for form, schema in SCHEMAS.items()
    for name in network.taking(schema.kind)
    if answers(recipe_of(network[name], schema), schema)
    and not recipe_of(network[name], schema).makes  # those have a suite of their own
]
REMEMBERING = [
    case
    for case in CASES
    if hasattr(network[case[0]](SCHEMAS[case[1]], 4, size=1), "step") and "going on" in case[1]
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def case(request):
    return request.param


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def build(case, size=1, outputs=4):
    torch.manual_seed(0)
    name, form = case
    return network[name](SCHEMAS[form], outputs, size=size)


def inputs(case, batch=3):
    schema = SCHEMAS[case[1]]
    x = torch.randn(batch, *schema.shape)
    if schema.kind == "text":
        x = torch.randint(1, schema.cardinalities[0], (batch, *schema.shape)).float()
        x[0, -3:] = 0  # the first is shorter than the others
        return x
    if schema.kind == "audio":
        x[0, 2_500:] = 0  # the first is shorter than the others
        return 0.1 * x
    for place, codes in enumerate(schema.cardinalities):
        if codes:
            x[:, place] = torch.randint(0, codes, (batch,)).float()
    return x


def by_member(outputs):
    """Outputs of training as (members, examples, outputs), one member where there are none."""
    return outputs.movedim(1, 0) if outputs.dim() == 3 else outputs[None]


def test_says_how_many_sizes_there_are_and_what_one_needs(case):
    how = recipe_of(network[case[0]], SCHEMAS[case[1]])
    assert how.sizes >= 1
    assert how.passes > 0


@pytest.mark.parametrize("outputs", [1, 4])
def test_gives_one_row_of_outputs_per_example(case, outputs):
    if SCHEMAS[case[1]].variables and outputs == 1:
        pytest.skip("a forecast of two variables has four outputs a step")
    assert build(case, outputs=outputs).eval()(inputs(case)).shape == (3, outputs)


def test_while_training_gives_outputs_of_one_or_more_members(case):
    shape = by_member(build(case).train()(inputs(case))).shape
    assert shape[0] >= 1
    assert shape[1:] == (3, 4)


def loss(module, x):
    """What a step lowers: of all parts, where they take turns."""
    if not hasattr(module, "turns"):
        return (module(x) - 1).square().mean()
    found = [module.turn(name, x, None).mean() for name in module.turns()]
    module.settle()
    return sum(found)


def test_every_weight_gets_a_gradient_within_two_steps(case):
    module = build(case).train()
    step = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(2):  # Weights that start at zero hide those before them for one step.
        step.zero_grad()
        loss(module, inputs(case, batch=8)).backward()
        step.step()
    still = [
        key
        for key, weight in module.named_parameters()
        if weight.numel() and not weight.grad.abs().any()
    ]
    assert still == []


def test_larger_size_never_has_fewer_weights(case):
    sizes = range(1, recipe_of(network[case[0]], SCHEMAS[case[1]]).sizes + 1)
    count = [sum(weight.numel() for weight in build(case, size).parameters()) for size in sizes]
    assert count == sorted(set(count))


def test_examples_do_not_see_each_other_when_predicting(case):
    module, x = build(case).eval(), inputs(case)
    torch.testing.assert_close(module(x)[:1], module(x[:1]), rtol=1e-4, atol=1e-5)


def test_predicts_the_same_twice_and_leaves_its_input_alone(case):
    module, x = build(case).eval(), inputs(case)
    kept = x.clone()
    assert torch.equal(module(x), module(x))
    assert torch.equal(x, kept)


def test_same_seed_builds_the_same_network(case):
    x = inputs(case)
    assert torch.equal(build(case).eval()(x), build(case).eval()(x))


def test_weights_alone_rebuild_a_network(case):
    trained, x = build(case), inputs(case)
    for weight in trained.parameters():
        weight.data.mul_(1.1)
    weights = copy.deepcopy(trained.state_dict())
    rebuilt = build(case)
    rebuilt.load_state_dict(weights, strict=True)
    assert torch.equal(rebuilt.eval()(x), trained.eval()(x))


def test_learns_to_tell_eight_examples_apart(case):
    if "going on" in case[1]:
        pytest.skip("what comes next is no class of the whole")
    module, x, y = build(case).train(), inputs(case, batch=8), torch.arange(8) % 4
    if case == ("linear", "categories"):
        x[:, 0] = torch.arange(8).float()
    step = torch.optim.AdamW(module.parameters(), lr=1e-2)
    for _ in range(60):
        step.zero_grad()
        members = by_member(module(x))
        torch.nn.functional.cross_entropy(members.flatten(0, 1), y.repeat(len(members))).backward()
        step.step()
    # Dropout blurs the one, statistics of few batches the other.
    modes = [by_member(module.train(mode)(x)).mean(0).argmax(1) == y for mode in (True, False)]
    assert any(right.all() for right in modes)


def test_outputs_stay_finite_far_from_the_training_data(case):
    module, x = build(case).eval(), inputs(case)
    schema = SCHEMAS[case[1]]
    if not schema.cardinalities:
        x *= 1e4
    elif schema.kind == "table":
        x[:, torch.tensor([codes == 0 for codes in schema.cardinalities])] *= 1e4
    assert module(x).isfinite().all()


@pytest.mark.parametrize("case", REMEMBERING, ids=lambda case: f"{case[0]}-{case[1]}")
def test_pushed_step_by_step_gives_what_reading_at_once_gives(case):
    module, x = build(case).eval(), inputs(case)[1:]
    with torch.no_grad():
        at_once, _ = module.each(x)
        state, rows = None, []
        for place in range(x.shape[1]):
            row, state = module.step(x[:, place], state)
            rows.append(row)
        torch.testing.assert_close(torch.stack(rows, dim=1), at_once, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(module(x), at_once[:, -1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", REMEMBERING, ids=lambda case: f"{case[0]}-{case[1]}")
def test_what_was_read_is_not_changed_by_what_follows(case):
    module, x = build(case).eval(), inputs(case)[1:]
    other = x.clone()
    other[:, 8:] = inputs(case)[1:, 8:].flip(0)
    with torch.no_grad():
        before, after = module.each(x)[0][:, :8], module.each(other)[0][:, :8]
    torch.testing.assert_close(before, after, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", REMEMBERING, ids=lambda case: f"{case[0]}-{case[1]}")
def test_reading_goes_on_from_the_state_it_left(case):
    module, x = build(case).eval(), inputs(case)[1:]
    with torch.no_grad():
        whole, _ = module.each(x)
        first, state = module.each(x[:, :7])
        second, _ = module.each(x[:, 7:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=1e-4, atol=1e-4)


def test_what_follows_a_shorter_text_or_sound_changes_nothing():
    for name, form in CASES:
        if SCHEMAS[form].kind in ("text", "audio"):
            module, x = build((name, form)).eval(), inputs((name, form))
            shorter = x[:1, : int(x[0].ne(0).nonzero()[-1]) + 1]
            torch.testing.assert_close(module(x)[:1], module(shorter), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_exports_with_any_number_of_examples(case):
    module, x = build(case).eval(), inputs(case)
    batch = torch.export.Dim("batch", min=1, max=4096)
    exported = torch.export.export(module, (x,), dynamic_shapes=({0: batch},)).module()
    more = inputs(case, batch=5)
    torch.testing.assert_close(exported(more), module(more), rtol=1e-4, atol=1e-5)


def test_unknown_name_is_answered_with_a_near_one():
    with pytest.raises(ValueError, match="write 'linear'"):
        network["linaer"]


def test_linear_adds_the_weight_of_each_level_to_the_weighted_numbers():
    module = Linear((0, 3), 1)
    with torch.no_grad():
        module.weigh.weight.fill_(2.0)
        module.bias.fill_(0.5)
        module.levels["1"].weight.copy_(torch.tensor([[0.0], [10.0], [20.0]]))
    x = torch.tensor([[3.0, 1.0], [-1.0, 2.0], [0.0, 0.0]])
    assert module(x).flatten().tolist() == [16.5, 18.5, 0.5]


def test_a_number_counts_the_bins_it_has_passed_and_its_share_of_the_one_it_is_in():
    module = Numbers([1], [[0.0, 1.0, 3.0]], features=1, roughness=0.0)
    with torch.no_grad():
        module.slope.zero_()
        module.start.zero_()
        module.bends.copy_(torch.tensor([[[10.0], [100.0]]]) / 16)
    x = torch.tensor([[9.0, -5.0], [9.0, 0.5], [9.0, 2.0], [9.0, 7.0]])
    assert module(x).flatten().tolist() == [0.0, 5.0, 60.0, 110.0]


def test_each_member_multiplies_by_weights_of_its_own():
    module = Members(2, 2, 1)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]]))
        module.bias.copy_(torch.tensor([[[0.5]], [[0.0]]]))
    assert module(torch.tensor([[[3.0, 7.0]]])).flatten().tolist() == [3.5, 7.0]


def test_a_perceptron_predicts_the_mean_of_its_members():
    module = build(("mlp", "mixed"))
    module.dropout = 0.0
    x = inputs(("mlp", "mixed"))
    members = module.train()(x)
    torch.testing.assert_close(module.eval()(x), members.mean(dim=1))
