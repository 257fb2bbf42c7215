"""Learning from answers alone: sources are made for them, and what they bring is measured."""

import io
import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

import pellucid
from pellucid import _unpaired
from pellucid._course import Making
from pellucid.cli import main
from pellucid.data import Ask
from pellucid.data._pairs_specimen import invented
from pellucid.errors import BadInputError, BudgetError, InterruptedRunError
from pellucid.networks._beam import END
from pellucid.networks._translating import Translator
from pellucid.preparing import prepare
from pellucid.registry import network as networks
from pellucid.training.budget import Budget, Clock
from pellucid.training.choosing import build, choose_by_rule
from pellucid.training.learner import Habits, Learner
from pellucid.training.numerics import Numerics
from pellucid.training.signals import Asked

SOURCES, TARGETS = (list(side) for side in zip(*invented(400, seed=7), strict=True))
PAIRS = SOURCES[:240], TARGETS[:240]
ALONE = TARGETS[240:]


@pytest.fixture(scope="module")
def ready():
    return prepare(PAIRS, Ask(), task="translate", valid=None, seed=0, device="cpu")


@pytest.fixture(scope="module")
def turned(ready):
    return ready.task.turned()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    out = tmp_path_factory.mktemp("unpaired") / "m.pellucid"
    pellucid.fit(
        PAIRS, task="translate", network="attention", steps=6, unpaired=ALONE, seed=1, out=out
    )
    return pellucid.load(out)


def everything(ready):
    return ready.train.batch(torch.arange(len(ready.train)))


def test_what_was_read_is_written_by_the_turned_task_and_the_other_way_round(ready, turned):
    batch = everything(ready)
    stored, y = turned.examples(batch["x"], batch["y"])

    read = turned.task.told(torch.from_numpy(stored.astype(np.int64)))
    assert read == ready.task.told(batch["y"])
    assert set(turned.task.told(y)) <= set(SOURCES)
    assert bool((y == END).sum(dim=1).eq(1).all())
    again, back = turned.task.turned().examples(torch.from_numpy(stored).float(), y)
    assert turned.task.turned().task.told(back) == read
    assert np.array_equal(again[:, : batch["x"].shape[1]], batch["x"].numpy())


def test_a_made_source_bears_a_mark_and_its_target_is_what_was_given(ready, turned):
    torch.manual_seed(0)
    network = networks["attention"](turned.task.schema, turned.task.outputs, size=1).eval()
    assert isinstance(network, Translator)
    schema = turned.task.schema
    examples = ready.kind.read(ALONE, Ask(schema=schema))
    with torch.inference_mode():
        stored, y = turned.made(network, ready.kind.encode(examples, schema))

    assert len(stored) == len(y) > 0
    assert (stored[:, 0] == END).all()
    assert (stored[:, 1:] != END).all()
    assert set(ready.task.told(y)) <= set(ALONE)


def test_answers_may_be_stored_wider_than_anything_that_was_written(ready, turned):
    torch.manual_seed(0)
    network = networks["attention"](turned.task.schema, turned.task.outputs, size=1).eval()
    stored = _unpaired.Unpaired(ready, ALONE, ask=Ask(), limits=Budget())._stored
    wide = np.pad(stored, ((0, 0), (0, turned.written + 6)))

    with torch.inference_mode():
        narrow, same = turned.made(network, stored), turned.made(network, wide)

    assert np.array_equal(narrow[0], same[0])
    assert torch.equal(narrow[1], same[1])


def test_answers_that_are_known_or_held_out_or_too_long_are_left_out(ready):
    held = ready.task.told(ready.valid.y)
    given = [*ALONE[:10], *held[:5], *TARGETS[:5], " ".join(ALONE)]
    found = _unpaired.Unpaired(ready, given, ask=Ask(), limits=Budget())

    fresh = len(set(ALONE[:10]) - set(TARGETS[:240]))
    assert found.brought.given == 21
    assert fresh <= found.brought.usable <= 10
    assert "the others are known already" in found.brought.said


def test_nothing_new_is_a_sentence(ready):
    with pytest.raises(BadInputError, match="all of which stand among"):
        _unpaired.Unpaired(ready, TARGETS[:20], ask=Ask(), limits=Budget())


def test_a_file_that_is_not_there_is_a_sentence(tmp_path, ready):
    with pytest.raises(BadInputError, match=r"no\.xx"):
        _unpaired.Unpaired(ready, [tmp_path / "no.xx"], ask=Ask(), limits=Budget())


def test_a_task_that_has_no_use_for_answers_alone_says_so(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "".join(f"{n},{'no' if n % 2 else 'yes'}\n" for n in range(80)))
    with pytest.raises(BadInputError, match="leave --unpaired out"):
        pellucid.fit(table, target="y", steps=2, unpaired=["yes"])


def test_what_was_brought_is_told_with_its_interval(model):
    told = model.record["summary"]["unpaired"]

    assert told["given"] == len(ALONE)
    assert 0 < told["made"] <= told["usable"] <= told["given"]
    assert told["low"] <= told["with_made"] - told["without"] <= told["high"]
    best = max(told["without"], told["with_made"], told["together"])
    kept = {"without": "without", "with": "with_made", "together": "together"}[told["answers"]]
    assert told[kept] == best
    assert any("In 6 steps each bleu" in each for each in model.record["said"])
    assert model.predict({"text": SOURCES[300]}).text


def test_a_run_by_steps_repeats_to_the_last_bit(model):
    again = pellucid.fit(
        PAIRS, task="translate", network="attention", steps=6, unpaired=ALONE, seed=1
    )

    one, other = model.network.state_dict(), again.network.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_stopped_behind_the_making_and_gone_on_is_as_if_never_stopped(model, tmp_path, monkeypatch):
    out = tmp_path / "stopped.pellucid"
    widened = _unpaired.Unpaired._widened

    def stopping(self, *made):
        os.kill(os.getpid(), signal.SIGINT)
        return widened(self, *made)

    def fit():
        return pellucid.fit(
            PAIRS, task="translate", network="attention", steps=6, unpaired=ALONE, seed=1, out=out
        )

    with monkeypatch.context() as patched:
        patched.setattr(_unpaired.Unpaired, "_widened", stopping)
        with pytest.raises(InterruptedRunError):
            fit()
    monkeypatch.setattr(_unpaired.Unpaired, "_make", None)  # what was made was kept
    again = fit()

    one, other = model.network.state_dict(), again.network.state_dict()
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert again.record["summary"]["unpaired"] == model.record["summary"]["unpaired"]


def test_what_was_made_is_kept_for_a_run_that_goes_on(ready):
    one = _unpaired.Unpaired(ready, ALONE, ask=Ask(), limits=Budget())
    assert one.tensors() == {}
    one._made = np.full((3, 4), 5, np.uint16), torch.full((3, 6), 7)
    kept = {key: value.clone() for key, value in one.tensors().items()}
    other = _unpaired.Unpaired(ready, ALONE, ask=Ask(), limits=Budget())
    choice = choose_by_rule(ready.task, ready.train, wish="attention", steps=1)
    making = Making(choice=choice, clock=Clock(1.0), seconds=0.0, asked=Asked())

    assert other.fold(0, making, kept) is other.ready
    assert other.ready.fingerprint == one.ready.fingerprint != ready.fingerprint
    fold = other.fold(1, making, kept)

    assert len(fold.train) == len(ready.train) + 3
    whole = everything(fold)
    assert whole["x"][-1].tolist()[:4] == [5.0] * 4
    assert ready.task.told(whole["y"][:-3]) == ready.task.told(everything(ready)["y"])
    assert other.brought.made == 3


def test_too_little_time_for_making_loses_nothing_that_was_learned(ready, monkeypatch):
    def hurried(*given, **more):
        raise BudgetError(given="0.0 s are left", needed="time", remedy="give a longer --budget")

    monkeypatch.setattr(_unpaired, "choose_by_clock", hurried)
    found = _unpaired.Unpaired(ready, ALONE, ask=Ask(), limits=Budget())
    choice = choose_by_rule(ready.task, ready.train, wish="attention", steps=1)
    making = Making(choice=choice, clock=Clock(1.0), seconds=0.1, asked=Asked())

    fold = found.fold(1, making, {})

    assert len(fold.train) == len(ready.train)
    assert "no example could be made" in found.brought.told("bleu", None)


def test_a_batch_in_pieces_has_the_gradients_of_the_whole_where_lengths_differ(ready):
    choice = choose_by_rule(ready.task, ready.train, wish="attention", steps=1)
    recipe = replace(choice.recipe, clip=0.0)
    habits = Habits(recipe=recipe, batch=32, numerics=Numerics(), seed=0)
    found = []
    for pieces in (1, 3):
        network = build(choice.built, ready.task.schema, ready.task.outputs, seed=0).eval()
        learner = Learner(network, ready.task, ready.train, habits)
        learner.pieces = pieces
        places = learner.order.next()
        learner._turn("whole", ready.train.batch(places), places)
        found.append([weight.grad.clone() for weight in network.parameters()])

    assert len(set((ready.train.y[places] != 0).sum(dim=1).tolist())) > 1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)


def test_the_command_takes_several_files(tmp_path, capsys):
    for name, lines in (("t.en", PAIRS[0]), ("t.xx", PAIRS[1]), ("a.xx", ALONE[:60]),
                        ("b.xx", ALONE[60:])):  # fmt: skip
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines))
    words = ["fit", tmp_path / "t.en", tmp_path / "t.xx", "--task", "translate", "--steps", 2]
    words += ["--unpaired", tmp_path / "a.xx", "--unpaired", tmp_path / "b.xx", "--quiet"]
    words += ["--json", "--out", tmp_path / "m.pellucid"]
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])

    told = json.load(io.StringIO(capsys.readouterr().out))
    assert end.value.code == 0
    assert told["unpaired"]["given"] == len(ALONE)
