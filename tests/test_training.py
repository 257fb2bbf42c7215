"""Learning within a budget: order, optimiser, pace, checkpoints, faults on the way."""

import math
import os
import signal
import time

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.data import Schema
from pellucid.data._batches import Supply
from pellucid.data.table import Table
from pellucid.errors import BadInputError, InterruptedRunError, PellucidError
from pellucid.networks import Recipe
from pellucid.tasks.classify import Classify
from pellucid.training.budget import Budget, Clock, parse_bytes, parse_seconds
from pellucid.training.checkpoint import Checkpoint
from pellucid.training.learner import Habits, Learner, ramp
from pellucid.training.loop import Run, train
from pellucid.training.numerics import Numerics
from pellucid.training.optim import AdamW, optimizers, orthogonal
from pellucid.training.order import Order, mixed
from pellucid.training.pace import Pace
from pellucid.training.signals import listening

SCHEMA = Schema(
    kind="table", shape=(4,), cardinalities=(0,) * 4, classes=("a", "b"), shares=(0.5, 0.5)
)


def network():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 2)
    )


def supply(count=200):
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 4)).astype(np.float32)
    y = torch.from_numpy((x[:, 0] > x[:, 1]).astype(np.int64))
    return Supply(Table(), SCHEMA, x, np.arange(count), y)


def learner(module=None, *, batch=20, **recipe):
    how = Recipe(**{"rate": 0.01, "muon": 0.05, **recipe})
    return Learner(
        module or network(),
        Classify(SCHEMA),
        supply(),
        Habits(recipe=how, batch=batch, numerics=Numerics(), seed=5),
    )


def run(steps=None, seconds=None, **changes):
    clock = Clock(seconds)
    pace = Pace(clock, steps=steps)
    return Run(clock=clock, pace=pace, metric="accuracy", look=lambda: 0.5, looking=0.0, **changes)


def weights(one):
    return torch.cat([weight.detach().flatten() for weight in one.network.parameters()])


@pytest.mark.parametrize(
    ("text", "seconds"), [("90 s", 90), ("10 min", 600), ("1.5 h", 5400), ("8", 8), (12.5, 12.5)]
)
def test_a_time_is_read_as_a_person_writes_it(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "10 parsecs", "", "s", "-5 s"])
def test_a_time_that_is_none_is_refused_with_an_example(text):
    with pytest.raises(BadInputError, match="10 min"):
        parse_seconds(text)


def test_memory_is_read_with_its_unit():
    assert parse_bytes("4 GiB") == 4 * 2**30
    assert parse_bytes("500 MB") == 500 * 10**6


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(BadInputError, match="above zero"):
        Budget(seconds=0.0)


def test_a_pass_shows_every_example_once():
    order = Order(100, 10, seed=1)
    seen = torch.cat([order.next() for _ in range(10)])
    assert sorted(seen.tolist()) == list(range(100))


def test_passes_differ_and_repeat_with_their_seed():
    first, again, other = Order(100, 100, seed=1), Order(100, 100, seed=1), Order(100, 100, seed=2)
    one, two = first.next(), first.next()
    assert not torch.equal(one, two)
    assert torch.equal(again.next(), one)
    assert not torch.equal(other.next(), one)


def test_from_the_third_pass_on_only_the_hardest_are_shown():
    order = Order(10, 5, hardest=0.5, seed=0)
    for _ in range(4):
        places = order.next()
        order.tell(places, places.float())
    third = torch.cat([order.next()])
    assert sorted(third.tolist()) == [5, 6, 7, 8, 9]


def test_batches_by_tokens_hold_about_as_many_each_and_examples_of_like_lengths():
    lengths = torch.randint(3, 40, (1000,), generator=torch.Generator().manual_seed(0))
    order = Order(1000, 20, sizes=lengths, counts=lengths, seed=1)
    batches = [order.next() for _ in range(50)]

    assert order.passes == 1
    assert sorted(torch.cat(batches).tolist()) == list(range(1000))
    tokens = torch.stack([lengths[each].sum() for each in batches]).double()
    assert (tokens / tokens.mean() - 1).abs().max() < 0.1
    assert max(int(lengths[each].max() - lengths[each].min()) for each in batches) <= 5
    assert len({len(each) for each in batches}) > 5


def test_batches_by_tokens_go_on_where_they_were_left():
    lengths = torch.randint(3, 40, (100,), generator=torch.Generator().manual_seed(0))
    one, other = (Order(100, 8, sizes=lengths, counts=lengths, seed=1) for _ in range(2))
    for _ in range(15):
        one.next()
    other.restore({key: value.clone() for key, value in one.tensors().items()})

    assert all(torch.equal(one.next(), other.next()) for _ in range(30))


def test_one_example_longer_than_a_whole_batch_leaves_no_batch_empty():
    lengths = torch.tensor([1, 1, 1, 1, 1, 1, 1, 500])
    order = Order(8, 2, sizes=lengths, counts=lengths, seed=0)
    seen = [order.next() for _ in range(12)]
    assert all(len(each) for each in seen)
    assert {int(place) for each in seen for place in each} == set(range(8))


def test_seeds_of_neighbouring_steps_are_unrelated():
    assert len({mixed(seed, step) for seed in range(30) for step in range(30)}) == 900


def test_orthogonal_brings_singular_values_near_one():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(24, 60)))
    assert values.min() > 0.6
    assert values.max() < 1.3


def test_every_weight_has_exactly_one_optimizer():
    module = network()
    made = optimizers(module, Recipe(muon=0.1))
    held = [id(w) for one in made for group in one.groups for w in group["weights"]]
    assert sorted(held) == sorted(id(weight) for weight in module.parameters())


def test_adamw_takes_the_steps_of_torchs_own():
    ours, theirs = network(), network()
    mine = AdamW([{"weights": list(ours.parameters()), "lr": 0.01, "decay": 0.1}])
    reference = torch.optim.AdamW(
        theirs.parameters(), lr=0.01, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    x = torch.randn(8, 4)
    for _ in range(5):
        for module, optimizer in ((ours, mine), (theirs, reference)):
            optimizer.zero_grad()
            module(x).square().sum().backward()
            optimizer.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_rate_rises_and_then_falls_to_zero():
    rates = [ramp(share) for share in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] > rates[3] > rates[4] == 0


def test_the_loss_falls():
    one = learner()
    losses = [one.learn(1 / 60) for _ in range(60)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_a_restored_run_ends_at_the_same_weights_bit_for_bit(tmp_path):
    whole = learner(hardest=0.7)
    train(whole, run(steps=60))
    first = learner(hardest=0.7)
    cut = run(steps=60, checkpoint=Checkpoint(tmp_path / "run", {"seed": 5}), every=0.0)
    for _ in range(37):
        first.learn((1 - first.share) / cut.pace.remaining(first.step))
    cut.checkpoint.keep(
        first.tensors(),
        {"learner": first.numbers(), "spent": 1.0, "curve": cut.curve, "said": []},
    )
    kept, sentence = Checkpoint(tmp_path / "run", {"seed": 5}).find()
    second = learner(network().apply(_spoil), hardest=0.7)
    train(second, run(steps=60), kept)
    assert "step 37" in sentence
    assert torch.equal(weights(second), weights(whole))


def _spoil(module):
    for weight in module.parameters(recurse=False):
        nn.init.normal_(weight)


def test_watching_and_looking_change_nothing():
    plain, watched = learner(), learner()
    train(plain, run(steps=40))
    seen = []
    looked = run(steps=40, watch=seen.append)
    looked.look = lambda: torch.rand(3).sum().item()
    train(watched, looked)
    assert torch.equal(weights(plain), weights(watched))
    assert looked.curve["score"]


def test_a_run_ends_within_its_seconds_and_its_rate_at_zero():
    one = learner()
    start = time.monotonic()
    train(one, run(seconds=1.5))
    assert time.monotonic() - start < 1.6
    assert one.share > 0.97


def test_a_machine_that_slows_down_gets_fewer_steps():
    pace = Pace(Clock(100.0), steps=None)
    pace._seconds, pace._count = 1.0, 10.0
    before = pace.remaining(0)
    pace._seconds = 4.0
    assert pace.remaining(0) == pytest.approx(before / 4, rel=0.01)


def test_out_of_memory_is_answered_by_pieces_with_the_same_arithmetic():
    plain, short = learner(), learner(Hungry(network(), most=6))
    said = []
    limits = run(steps=12, watch=said.append)
    train(plain, run(steps=12))
    train(short, limits)
    assert short.pieces == 4
    assert any("4 pieces" in sentence for sentence in limits.said)
    torch.testing.assert_close(weights(short), weights(plain), rtol=1e-3, atol=1e-4)


class Hungry(nn.Module):
    """Runs out of memory above so many examples at once."""

    def __init__(self, inner, most):
        super().__init__()
        self.inner, self.most = inner, most

    def forward(self, x):
        if len(x) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.inner(x)


def test_another_runtime_error_is_not_taken_for_lack_of_memory():
    class Broken(nn.Module):
        def forward(self, x):
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    one = learner()
    one.network = Broken()
    with pytest.raises(RuntimeError, match="shapes"):
        one.learn(0.1)


def test_a_loss_that_is_no_number_sends_the_run_back_at_a_lower_rate():
    one = learner(Faulty(network(), at=20))
    limits = run(steps=40)
    train(one, limits)
    assert one.step == 40
    assert one.slower == 0.5
    assert any("going back to step 0" in sentence for sentence in limits.said)
    assert torch.isfinite(weights(one)).all()


class Faulty(nn.Module):
    """Gives no number once, at one call."""

    def __init__(self, inner, at):
        super().__init__()
        self.inner, self.at, self.calls = inner, at, 0

    def forward(self, x):
        self.calls += 1
        return self.inner(x) * (math.nan if self.calls == self.at else 1.0)


def test_a_loss_that_is_never_a_number_ends_the_run_with_a_sentence():
    one = learner()
    with torch.no_grad():
        one.network[0].weight.fill_(math.nan)
    with pytest.raises(PellucidError, match="no number"):
        train(one, run(steps=40))


def test_a_signal_keeps_the_state_and_stops(tmp_path):
    one = learner()
    checkpoint = Checkpoint(tmp_path / "run", {})
    with listening() as asked:
        limits = run(steps=10_000_000, checkpoint=checkpoint, asked=asked)
        limits.look = lambda: 0.0
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        try:
            with pytest.raises(InterruptedRunError, match="SIGTERM"):
                train(one, limits)
        finally:
            signal.signal(signal.SIGALRM, before)
    kept, _ = checkpoint.find()
    assert kept.facts["learner"]["step"] == one.step


def test_a_checkpoint_of_another_run_is_left_alone(tmp_path):
    one = learner()
    facts = {"learner": one.numbers(), "spent": 0.0, "curve": {}, "said": []}
    Checkpoint(tmp_path, {"seed": 1}).keep(one.tensors(), facts)
    kept, sentence = Checkpoint(tmp_path, {"seed": 2}).find()
    assert kept is None
    assert "another run" in sentence


@pytest.mark.parametrize("harm", ["cut", "flip", "empty"])
def test_a_damaged_checkpoint_means_starting_anew(tmp_path, harm):
    one = learner()
    facts = {"learner": one.numbers(), "spent": 0.0, "curve": {}, "said": []}
    checkpoint = Checkpoint(tmp_path, {})
    checkpoint.keep(one.tensors(), facts)
    content = bytearray(checkpoint.path.read_bytes())
    content[len(content) // 2] ^= 255
    harmed = {"cut": content[: len(content) // 2], "flip": content, "empty": b""}[harm]
    checkpoint.path.write_bytes(bytes(harmed))
    kept, sentence = checkpoint.find()
    assert kept is None
    assert "starting anew" in sentence
