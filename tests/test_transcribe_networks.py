"""What every network for transcripts must do. A new one is tested because it is there."""

import copy

import pytest
import torch

from pellucid.data import Schema
from pellucid.networks import recipe_of
from pellucid.registry import network
from pellucid.tasks.transcribe import Transcribe

RATE = 8000.0
SCHEMA = Schema(
    kind="audio",
    shape=(16_000,),
    rate=RATE,
    tokens=("", " ", "a", "b", "c"),
    language={"a": 1},
)
SAYING = [name for name in network.taking("audio") if recipe_of(network[name], SCHEMA).says]
CODES = len(SCHEMA.tokens)


@pytest.fixture(params=SAYING)
def name(request):
    return request.param


def build(name, size=1):
    torch.manual_seed(0)
    return network[name](SCHEMA, CODES, size=size)


def sounds(batch=3, seconds=1.3):
    """Noise of unlike lengths; exactly 0 stands behind an end."""
    x = torch.randn(batch, int(RATE * seconds)) * 0.1
    for row in range(1, batch):
        x[row, int(len(x[row]) * (1 - 0.2 * row)) :] = 0.0
    return x


def test_there_are_networks_that_hear_all_and_one_that_looks_back():
    assert {"bilstm", "conformer", "listener"} <= set(SAYING)


def test_gives_a_row_for_each_twentieth_of_a_second(name):
    outputs = build(name).eval()(sounds())

    assert outputs.shape[0] == 3
    assert outputs.shape[2] == CODES
    assert outputs.dtype == torch.float32
    assert abs(outputs.shape[1] - 1.3 / 0.02) <= 2


def test_behind_the_end_it_is_sure_to_say_nothing(name):
    x = sounds()
    said = build(name).eval()(x).log_softmax(dim=2)
    behind = said[2, int(1.3 * 0.6 / 0.02) + 4 :]

    assert len(behind) > 10
    assert (behind[:, 0] == 0).all()
    assert (behind[:, 1:] < -1000).all()


def test_recordings_of_a_batch_do_not_hear_each_other(name):
    module, x = build(name).eval(), sounds()
    alone = module(x[2:, : int(x[2].ne(0).nonzero()[-1]) + 1])

    together = module(x)[2:, : alone.shape[1]]

    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-4)


def test_every_weight_learns(name):
    module = build(name).train()
    task = Transcribe(SCHEMA)
    y = torch.tensor([[2, 3, 1, 4], [3, 2, 0, 0], [4, 4, 0, 0]])
    step = torch.optim.SGD(module.parameters(), lr=0.01)
    for _ in range(2):
        step.zero_grad()
        task.loss(module, {"x": sounds(), "y": y}, "whole").mean().backward()
        step.step()

    still = [key for key, weight in module.named_parameters() if not weight.grad.abs().any()]
    assert still == []


def test_larger_sizes_have_more_weights(name):
    sizes = range(1, recipe_of(network[name], SCHEMA).sizes + 1)
    count = [sum(weight.numel() for weight in build(name, size).parameters()) for size in sizes]

    assert count == sorted(set(count))


def test_weights_alone_rebuild_it(name):
    trained, x = build(name), sounds()
    for weight in trained.parameters():
        weight.data.mul_(1.1)
    rebuilt = build(name)
    rebuilt.load_state_dict(copy.deepcopy(trained.state_dict()), strict=True)

    assert torch.equal(rebuilt.eval()(x), trained.eval()(x))


def test_the_listener_waits_no_longer_than_it_says():
    module = build("listener").eval()
    x = sounds(1)
    other = x.clone()
    at = 6400  # 0.8 s
    other[:, at:] = torch.randn(1, x.shape[1] - at) * 0.1
    settled = int((at / RATE - module.waits) / 0.02)

    before, after = module(x)[:, :settled], module(other)[:, :settled]

    assert settled > 15
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-5)


def test_numbers_stay_finite_for_sounds_far_too_loud_and_for_silence(name):
    module = build(name).eval()

    assert module(sounds() * 1e4).isfinite().all()
    assert module(torch.full((1, 8000), 2.0**-24)).isfinite().all()
