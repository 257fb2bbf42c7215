"""What every explainer must do. A new file in explaining/ is tested because it is there."""

import functools
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from explaining_toys import change

from pellucid import registry
from pellucid.data import Ask
from pellucid.explaining import Case, Explainer, Subject
from pellucid.networks import answers, recipe_of
from pellucid.networks._committee import Committee

EXACT = {"integrated_gradients", "occlusion", "smooth_gradients", "weights"}


@functools.cache
def specimen(kind):
    """Give kind, schema, x and parts of a few examples, and some more to be blanks."""
    kind = registry.kind[kind]()
    with TemporaryDirectory() as folder:
        examples = kind.read(kind.specimen(Path(folder) / "specimen"), Ask())
        task = registry.task["classify"]
        schema = kind.describe(examples).to_json() | task.describe(examples.targets)
        schema = type(kind.describe(examples)).from_json(schema)
        stored = torch.from_numpy(np.array(kind.encode(examples, schema)[:20]))
        parts = kind.parts(kind.take(examples, np.arange(2)), schema)
    return kind, schema, kind.tensor(stored, schema), parts


def telling(kind):
    """Name the networks that can tell classes of a kind of data apart."""
    schema = specimen(kind)[1]
    taking = registry.network.taking(kind)
    return [name for name in taking if answers(recipe_of(registry.network[name], schema), schema)]


TOLD_APART = [kind for kind in sorted(registry.kind) if "classify" in registry.task.taking(kind)]
FORMS = [(kind, name) for kind in TOLD_APART for name in telling(kind)]
FORMS += [(kind, "committee") for kind in TOLD_APART]


def rough(network):
    """Move every weight, so that nothing is zero from the start."""
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return network


def built(kind, name, schema, outputs):
    if name != "committee":
        return rough(registry.network[name](schema, outputs, size=1))
    first = telling(kind)[-1]
    return Committee([built(kind, first, schema, outputs) for _ in range(2)])


@functools.cache
def subject_of(form):
    torch.manual_seed(0)
    kind, schema, _, _ = specimen(form[0])
    task = registry.task["classify"](schema)
    network = built(*form, schema, task.outputs).eval()
    return Subject(network=network, task=task, kind=kind, calibration={}, numerics={})


def case_of(form, seed=0):
    kind, schema, x, parts = specimen(form[0])
    blanks = next(iter(kind.blanks(x[:1], schema, x[2:]).values()))[:, 0]
    which = int(subject_of(form).task.chosen(subject_of(form).asked(x[:1])))
    return Case(x=x[0], parts=parts[0], blanks=blanks, which=which, seed=seed)


@pytest.fixture(params=sorted(registry.explainer))
def explainer(request):
    return registry.explainer[request.param]()


@pytest.fixture(params=FORMS, ids="-".join)
def form(request):
    return request.param


@pytest.fixture
def fitting(explainer, form):
    """A form of network that the explainer can explain."""
    if not explainer.suits(subject_of(form)):
        pytest.skip(f"{explainer.name} does not suit this network")
    return form


def test_has_the_name_it_is_found_by(explainer):
    assert isinstance(explainer, Explainer)
    assert registry.explainer[explainer.name] is type(explainer)


def test_every_form_of_network_can_be_explained_in_three_ways_or_more(form):
    suiting = [
        name for name in registry.explainer if registry.explainer[name]().suits(subject_of(form))
    ]

    assert len(suiting) >= 3


def test_gives_each_part_a_finite_share(explainer, fitting):
    shares = explainer.shares(subject_of(fitting), case_of(fitting))

    assert shares.shape == (len(case_of(fitting).parts),)
    assert shares.dtype == torch.float32
    assert shares.device.type == "cpu"
    assert shares.isfinite().all()
    assert shares.abs().sum() > 0


def test_same_seed_gives_the_same_shares(explainer, fitting):
    subject = subject_of(fitting)
    first = explainer.shares(subject, case_of(fitting, seed=3))
    torch.manual_seed(99)

    assert torch.equal(explainer.shares(subject, case_of(fitting, seed=3)), first)


def test_leaves_the_network_as_it_was(explainer, fitting):
    subject = subject_of(fitting)
    before = {name: value.clone() for name, value in subject.network.state_dict().items()}
    asking = [weight.requires_grad for weight in subject.network.parameters()]

    explainer.suits(subject)
    explainer.shares(subject, case_of(fitting))

    assert all(torch.equal(value, before[n]) for n, value in subject.network.state_dict().items())
    assert [weight.requires_grad for weight in subject.network.parameters()] == asking
    assert all(weight.grad is None for weight in subject.network.parameters())
    assert not any(module.training for module in subject.network.modules())
    assert not any(module._forward_hooks for module in subject.network.modules())


def test_leaves_the_example_as_it_was(explainer, fitting):
    case = case_of(fitting)
    x, blanks = case.x.clone(), case.blanks.clone()

    explainer.shares(subject_of(fitting), case)

    assert torch.equal(case.x, x)
    assert torch.equal(case.blanks, blanks)


def test_shares_that_claim_to_sum_up_do(explainer, fitting):
    if not explainer.sums:
        pytest.skip("claims no sum")
    if fitting[0] == "audio" and explainer.name.endswith("_gradients"):
        pytest.skip("the logarithm of a spectrum jumps where sound begins: then no sum is claimed")
    whole = change(subject_of(fitting), case_of(fitting))

    shares = explainer.shares(subject_of(fitting), case_of(fitting))

    assert float(shares.sum()) == pytest.approx(whole, abs=0.01 * abs(whole) + 1e-5)


def test_explains_where_gradients_are_switched_off(explainer, fitting):
    expected = explainer.shares(subject_of(fitting), case_of(fitting))

    with torch.inference_mode():
        found = explainer.shares(subject_of(fitting), case_of(fitting)).clone()

    torch.testing.assert_close(found, expected)


def test_a_part_that_equals_its_blank_has_added_nothing(explainer, fitting):
    if explainer.name not in EXACT:
        pytest.skip("promises it for few parts only, or not at all")
    case = case_of(fitting)
    same = torch.where(case.of == 0, case.blanks[0], case.x)
    one = Case(x=same, parts=case.parts, blanks=case.blanks[:1], which=case.which)

    shares = explainer.shares(subject_of(fitting), one)

    assert abs(float(shares[0])) <= 1e-4 * float(shares.abs().sum())
