"""A model reads on: the same answers as at once, in memory that does not grow."""

import json
import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from toy import known_to, toy_model
from writers import RHYME, Reader, Windowed, codes_of, writer

from pellucid import registry
from pellucid.data import Ask
from pellucid.errors import BadInputError
from pellucid.model import Model
from pellucid.streaming import Stream

VARIABLES = ("load", "wind")


class Rows(nn.Module):
    """Foretells from every row and what it remembers."""

    def __init__(self, outputs, channels=2):
        super().__init__()
        self.cell = nn.GRUCell(channels, 8)
        self.head = nn.Linear(8, outputs)

    def step(self, x, state=None):
        state = self.cell(x, None if state is None else state[0])
        return self.head(state), (state,)

    def each(self, x, state=None):
        outputs = []
        for row in x.unbind(dim=1):
            output, state = self.step(row, state)
            outputs.append(output)
        return torch.stack(outputs, dim=1), state

    def forward(self, x):
        return self.each(x)[0][:, -1]


class Whole(nn.Module):
    """Foretells from a window of fixed length, whole."""

    def __init__(self, outputs, length, channels=2):
        super().__init__()
        self.weigh = nn.Linear(length * channels, outputs)

    def forward(self, x):
        return self.weigh(x.flatten(1))


@pytest.fixture
def hours(tmp_path):
    """A file of 400 hours of two variables."""
    random = np.random.default_rng(0)
    rows = ["time,load,wind"]
    for hour in range(400):
        time = np.datetime64("2024-01-01T00") + np.timedelta64(hour, "h")
        load = 50 + 10 * np.sin(hour * np.pi / 12) + random.normal()
        rows.append(f"{str(time).replace('T', ' ')}:00,{load:.3f},{random.normal(5):.3f}")
    path = tmp_path / "hours.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def foreteller(path, make):
    """A model with random weights that foretells the next steps of a series."""
    torch.manual_seed(0)
    kind = registry.kind["series"]()
    examples = kind.read(path, Ask(task="forecast", ahead=4, past=24, whole=True))
    cls = registry.task["forecast"]
    schema = replace(kind.describe(examples), **cls.describe(examples.targets))
    task = cls(schema)
    network = make(task.outputs, schema)
    built = {"network": "own", "size": 1}
    return Model(network=network.eval(), task=task, kind=kind, built=built)


def outputs_of(stream, *pieces):
    for piece in pieces:
        stream.push(piece, answer=False)
    return stream.outputs()


# The same as at once


@pytest.mark.parametrize("name", ["own", "rnn", "transformer"])
def test_a_text_pushed_letter_by_letter_is_read_as_at_once(name):
    model = writer()
    if name != "own":
        torch.manual_seed(0)
        model.network = registry.network[name](model.schema, model.task.outputs, size=1).eval()
    text = RHYME[:90]

    one_by_one, at_once, halves = model.stream(), model.stream(), model.stream()

    first = outputs_of(one_by_one, *text)
    torch.testing.assert_close(first, outputs_of(at_once, text), rtol=0, atol=1e-4)
    torch.testing.assert_close(first, outputs_of(halves, text[:30], text[30:]), rtol=0, atol=1e-4)
    torch.testing.assert_close(first, model.network(codes_of(model, text)), rtol=0, atol=1e-4)
    assert one_by_one.steps == at_once.steps == 90


@pytest.mark.parametrize("name", ["own", "rnn"])
def test_a_series_pushed_row_by_row_is_read_as_at_once(hours, name):
    def make(outputs, schema):
        if name == "own":
            return Rows(outputs)
        return registry.network[name](schema, outputs, size=1)

    model = foreteller(hours, make)
    rows = np.random.default_rng(1).normal([50, 5], size=(100, 2)).tolist()
    by_name = [dict(zip(VARIABLES, row, strict=True)) for row in rows]

    first = outputs_of(model.stream(), *rows)

    torch.testing.assert_close(first, outputs_of(model.stream(), rows), rtol=0, atol=1e-4)
    torch.testing.assert_close(first, outputs_of(model.stream(), *by_name), rtol=0, atol=1e-4)


def test_a_network_without_memory_is_shown_the_last_steps(hours):
    model = foreteller(hours, lambda outputs, schema: Whole(outputs, schema.shape[0]))
    rows = np.random.default_rng(1).normal([50, 5], size=(100, 2)).tolist()
    length = model.schema.shape[0]

    stream = model.stream()
    found = outputs_of(stream, *rows)

    x = torch.from_numpy(model.kind.steps(rows, model.schema))
    torch.testing.assert_close(found, model.network(x[None, -length:]))
    torch.testing.assert_close(found, outputs_of(model.stream(), rows))
    assert not stream.carried


def test_until_a_window_is_full_its_first_row_stands_for_those_before(hours):
    model = foreteller(hours, lambda outputs, schema: Whole(outputs, schema.shape[0]))
    length = model.schema.shape[0]

    few = outputs_of(model.stream(), [50.0, 5.0], [60.0, 4.0])

    full = outputs_of(model.stream(), *[[50.0, 5.0]] * (length - 1), [60.0, 4.0])
    torch.testing.assert_close(few, full)


def test_a_text_may_be_shorter_than_the_window():
    model = writer(lambda codes: Windowed(Reader(codes)))

    found = outputs_of(model.stream(), "the", " cat")

    torch.testing.assert_close(found, model.network(codes_of(model, "the cat")))


def test_what_is_asked_about_a_whole_text_is_not_carried():
    model = writer()
    model.task.schema = replace(model.schema, ahead=0)

    stream = model.stream()

    assert not stream.carried
    torch.testing.assert_close(
        outputs_of(stream, *"the cat"), model.network(codes_of(model, "the cat"))
    )


# Answers


def test_each_push_is_answered_after_all_before_it():
    model = writer()
    stream = model.stream()

    assert stream.answer() is None
    assert stream.push("") is None
    first, second = stream.push("the"), stream.push(" cat")

    (expected,) = model.task.answers(model.network(codes_of(model, "the cat")), {}, level=0.9)
    assert first.likeliest != second.likeliest
    assert second.likeliest == pytest.approx(expected.likeliest, abs=1e-5)
    assert stream.push(" sat", answer=False) is None
    assert stream.answer() is not None


def test_a_forecast_follows_each_row(hours):
    model = foreteller(hours, lambda outputs, schema: Rows(outputs))

    answer = model.stream().push({"load": 51.0, "wind": 4.0})

    assert json.dumps(answer.to_json())


def test_a_missing_number_is_the_last_one_known(hours):
    model = foreteller(hours, lambda outputs, schema: Rows(outputs))

    missing = outputs_of(model.stream(), [51.0, 4.0], [None, 4.5], [52.0, None])

    filled = outputs_of(model.stream(), [51.0, 4.0], [51.0, 4.5], [52.0, 4.5])
    torch.testing.assert_close(missing, filled)


def test_a_piece_that_is_no_continuation_is_refused():
    with pytest.raises(BadInputError, match="a piece of text"):
        writer().stream().push(3)


def test_data_without_an_order_in_time_are_refused(monkeypatch):
    known_to(monkeypatch)

    with pytest.raises(BadInputError, match="step by step"):
        toy_model().stream().push([1, 2, 3, 4])


# Memory


@pytest.mark.parametrize("made", [Reader, lambda codes: Windowed(Reader(codes))])
def test_another_stream_goes_on_from_a_state(made):
    model = writer(made)
    first, second = model.stream(), model.stream()
    first.push("the cat sat on ")

    second.state = json.loads(json.dumps(first.state))

    assert second.steps == first.steps == 15
    torch.testing.assert_close(outputs_of(first, "the"), outputs_of(second, "the"))


def test_a_state_forgets_what_was_pushed_before():
    model = writer()
    empty, stream = model.stream(), model.stream()
    stream.push("the cat")

    stream.state = empty.state

    assert stream.answer() is None
    torch.testing.assert_close(outputs_of(stream, "on"), outputs_of(model.stream(), "on"))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"steps": 1},
        {"steps": 1, "memory": [3]},
        {"steps": 1, "memory": [{"shape": [1, 39], "numbers": [0.0]}]},
        {"steps": 1, "memory": [{"shape": [1, 2], "numbers": [0.0, 1.0]}] * 2},
        {"steps": 1, "memory": [{"shape": [1, 1], "numbers": [float("nan")]}] * 2},
        {"steps": 1, "memory": [{"shape": [1, 16], "numbers": [0.0] * 16}]},
    ],
)
def test_a_state_of_something_else_is_refused_and_nothing_is_lost(wrong):
    stream = writer().stream()
    stream.push("the")
    before = stream.outputs()

    with pytest.raises(BadInputError, match="push the data again"):
        stream.state = wrong

    torch.testing.assert_close(stream.outputs(), before)


@pytest.mark.parametrize("made", [Reader, lambda codes: Windowed(Reader(codes))])
def test_what_is_remembered_does_not_grow(made):
    stream = writer(made).stream()

    def numbers():
        return sum(len(each["numbers"]) for each in stream.state["memory"])

    stream.push(RHYME[:2600], answer=False)
    before = numbers()
    stream.push(RHYME[:1000], answer=False)

    assert numbers() == before


@pytest.mark.slow
def test_a_hundred_thousand_steps_take_no_more_memory_than_some():
    model = writer()
    model.network = registry.network["rnn"](model.schema, model.task.outputs, size=1).eval()
    stream = Stream(model)
    for letter in RHYME[:2000]:
        stream.push(letter, answer=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for place in range(100_000):
        stream.push(RHYME[place % 2000], answer=False)

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 << 10  # KiB
