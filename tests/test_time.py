"""What is done when time is short: threads that wait, slow looks, reasons that are given."""

import math
import time

import numpy as np
import pytest
import torch
from test_training import learner
from torch import nn

import pellucid
from pellucid import judging
from pellucid._encoded import Side
from pellucid._jury import Jury
from pellucid._recording import Recorded, Trained, _reason
from pellucid.training import choosing, threads
from pellucid.training.budget import Budget, Clock
from pellucid.training.loop import Run, train
from pellucid.training.pace import Pace
from pellucid.training.threads import Crew, quicker


@pytest.fixture(autouse=True)
def _as_many_threads_as_before():
    with threads.kept_threads():
        yield


def test_one_thread_is_taken_where_it_is_clearly_faster():
    assert quicker({2: 0.370, 1: 0.011}) == 1


def test_all_threads_are_taken_where_one_is_hardly_faster():
    assert quicker({2: 0.011, 1: 0.010}) == 2
    assert quicker({2: 0.011}) == 2


def crew_at(now, *, slow):
    """A crew whose steps take `slow[threads]` seconds, after many of them."""
    crew = Crew(2, now)
    for _ in range(20_000):
        crew.tell(slow[crew.now])
    return crew


def settled(crew, slow):
    while not crew.usual:
        crew.tell(slow[crew.now])
    return crew.now


def test_a_crew_goes_over_to_one_thread_when_the_machine_gets_busy():
    slow = {2: 0.3, 1: 0.01}
    assert settled(crew_at(2, slow=slow), slow) == 1


def test_a_crew_comes_back_to_all_threads_when_the_machine_is_idle_again():
    slow = {2: 0.006, 1: 0.01}
    assert settled(crew_at(1, slow=slow), slow) == 2


def test_a_trial_of_threads_that_is_hopeless_takes_two_steps():
    crew = Crew(2, 1)
    while crew.usual:
        crew.tell(0.3)
    crew.tell(5.0)
    crew.tell(5.0)
    assert crew.usual
    assert crew.now == 1


def test_torch_has_its_threads_again_afterwards():
    before = torch.get_num_threads()
    with threads.kept_threads():
        Crew(before + 1, 1)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_step_is_timed_on_all_threads_and_on_one(monkeypatch):
    monkeypatch.setattr(choosing, "counts", lambda device: (2, 1))
    took = {2: 0.03, 1: 0.002}
    found = choosing._on_threads(
        lambda: time.sleep(took[torch.get_num_threads()]), "cpu", 1, few=True
    )
    assert quicker(found) == 1
    row = {
        "threads": 1,
        "milliseconds_by_threads": {str(n): 1e3 * seconds for n, seconds in found.items()},
    }
    assert "on one thread, because other work holds the cores" in choosing._alone(row)
    assert choosing._alone({**row, "threads": 2}) == ""


def test_a_choice_tells_its_threads_when_it_is_read_again():
    choice = choosing.Choice(
        built={},
        recipe=choosing.Recipe(),
        batch=8,
        numerics=choosing.Numerics(),
        threads=1,
    )
    assert choosing.Choice.from_json(choice.to_json()) == choice


def slow_run(seconds, look, jury, *, needed=3.0):
    """A run whose judgement takes `needed` looks of `look` seconds for all that was held out."""
    clock = Clock(seconds)

    def reserving(looking):
        looking = jury.fitted(looking, needed)
        return looking * needed, looking

    def looked():
        time.sleep(look * jury.share)
        return 0.5

    pace = Pace(clock, steps=None)
    return Run(
        clock=clock, pace=pace, metric="accuracy", look=looked, looking=0.0, reserving=reserving
    )


def test_looks_that_take_longer_than_was_thought_leave_time_to_learn():
    jury = Jury(0.4)
    one, run = learner(), slow_run(2.0, look=0.5, jury=jury)
    train(one, run)
    assert run.clock.left < 0.6  # only what judging by the sample takes is kept
    assert run.clock.left > 0.0
    assert one.share > 0.5  # of its plan: it learned on, and was not stopped by the first look
    assert jury.share == pytest.approx(0.4 / 1.5, rel=0.2)


def test_twenty_slow_looks_are_not_planned_for():
    one, run = learner(), slow_run(2.0, look=0.2, jury=Jury(math.inf), needed=1.0)
    train(one, run)
    assert len(run.curve["score"]) <= 2
    assert run.clock.left < 0.5


def test_a_jury_goes_back_to_all_that_was_held_out_when_looks_are_quick_again():
    jury = Jury(1.0)
    assert jury.fitted(1.0, 4.0) == pytest.approx(0.25)
    assert jury.share == pytest.approx(0.25)
    assert jury.fitted(0.01, 4.0) == pytest.approx(0.04)
    assert jury.share == 1.0


def test_a_run_by_steps_is_judged_by_all():
    jury = Jury(math.inf)
    jury.fitted(1e6, 20.0)
    assert jury.share == 1.0
    assert jury.says(80, 80) == ""
    assert "20 of 80 held-out examples, a fair sample" in jury.says(20, 80)


def test_a_sample_is_fair_and_smaller_ones_lie_within_larger():
    side = Side(
        stored=np.arange(1000)[:, None], y=torch.arange(1000), names=[str(n) for n in range(1000)]
    )
    half, tenth = side.sampled(0.5), side.sampled(0.1)
    assert len(half.y) == 500
    assert set(tenth.y.tolist()) <= set(half.y.tolist())
    assert half.y.tolist() == half.stored[:, 0].tolist() == [int(name) for name in half.names]
    assert abs(half.y.double().mean() - 500) < 40
    assert len(side.sampled(0.0).y) == 16


def test_a_run_that_ends_early_says_why():
    one, run = learner(), slow_run(45.0, look=0.0, jury=Jury(10.0))
    run.pace.reserve = 8.2
    choice = choosing.Choice(
        built={}, recipe=choosing.Recipe(), batch=8, numerics=choosing.Numerics()
    )
    ran = Recorded(
        limits=Budget(seconds=45.0),
        out=None,
        spent=14.0,
        times={},
        choice=choice,
        trained=[Trained(None, one, run)],
    )
    assert "8 s were kept for judging" in _reason(ran)


def test_a_network_at_rest_keeps_its_weights_alone():
    one = learner(nn.Sequential(nn.Linear(4, 2)))
    one.learn(0.5)
    one.rest()
    assert all(weight.grad is None for weight in one.network.parameters())
    every = [optimizer for some in one.optimizers.values() for optimizer in some]
    assert every
    assert not any(optimizer.state for optimizer in every)


@pytest.mark.slow
def test_a_run_on_a_machine_that_is_slow_to_judge_learns_and_says_so(monkeypatch):
    outputs = judging._outputs

    def slow(ready, network, numerics, side, **how):
        time.sleep(0.05 * len(side.y))
        return outputs(ready, network, numerics, side, **how)

    monkeypatch.setattr(judging, "_outputs", slow)
    random = np.random.default_rng(0)
    x = random.normal(size=(3000, 3))
    table = {"a": x[:, 0], "b": x[:, 1], "answer": np.where(x[:, 0] > x[:, 1], "yes", "no")}
    model = pellucid.fit(table, target="answer", network="mlp", budget="20 s")
    assert model.record["summary"]["steps"] > 20
    assert model.record["summary"]["n_valid"] < 200
    assert any("a fair sample" in said for said in model.record["said"])
