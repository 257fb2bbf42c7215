"""From recordings and their words to a model that hears, on made speech: a tone for each letter."""

import csv
import json

import numpy as np
import pytest
import torch

import pellucid
from pellucid._fitting import Fitting

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("jiwer")

RATE = 8000
TONES = {"a": 400.0, "b": 800.0, "c": 1400.0, "d": 2200.0, " ": 0.0}
WORDS = ("ab", "cad", "dab", "bad", "ca", "dc")


def tone(letter, seconds=0.09):
    at = np.arange(int(RATE * seconds)) / RATE
    fade = np.minimum(1, np.minimum(at, at[::-1]) / 0.01)
    return 0.3 * fade * np.sin(2 * np.pi * TONES[letter] * at)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Some recordings of two to four words, and a table of what is said in them."""
    folder = tmp_path_factory.mktemp("calls")
    chance = np.random.default_rng(0)
    rows = []
    for number in range(64):
        text = " ".join(chance.choice(WORDS, chance.integers(2, 5)))
        sound = np.concatenate([tone(letter) for letter in f" {text} "])
        sound = sound + 0.003 * chance.standard_normal(len(sound))
        soundfile.write(folder / f"{number}.wav", sound, RATE)
        rows.append((f"{number}.wav", text.capitalize() + ("." if number % 2 else "!")))
    path = folder / "calls.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "transcript"), *rows])
    return path


@pytest.fixture(scope="module", autouse=True)
def _no_account():
    """By steps, explanations are measured for as long as it takes: not asked for here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fitting, "_account", lambda *_: (None, {}))
        yield


@pytest.fixture(scope="module")
def model(table):
    return pellucid.fit(table, target="transcript", steps=4, seed=1)


def test_the_question_is_read_off_the_transcripts(model):
    assert model.task.name == "transcribe"
    assert model.schema.tokens == ("", " ", "a", "b", "c", "d")
    assert model.record["summary"]["guess"]["word_error_rate"] == 1.0


def test_a_run_by_steps_repeats_to_the_last_bit(table, model):
    again = pellucid.fit(table, target="transcript", steps=4, seed=1)

    for one, other in zip(model.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_model_is_saved_and_answers_the_same(table, model, tmp_path):
    model.save(tmp_path / "calls.pellucid")
    again = pellucid.load(tmp_path / "calls.pellucid")
    file = table.parent / "0.wav"

    answer = again.predict(file)

    assert answer == model.predict(file)
    assert json.dumps(answer.to_json())


def test_an_explanation_covers_stretches_of_sound(table, model):
    why = model.explain(table.parent / "0.wav")

    assert why.unit == "nats"
    assert len(why.parts) >= 2
    assert why.picture.startswith(b"\x89PNG")


@pytest.mark.slow
def test_tones_are_heard_after_some_hundred_steps(table):
    model = pellucid.fit(table, target="transcript", steps=300, seed=0, cases=False)

    found = model.evaluate(table)

    assert found.scores["word_error_rate"].value < 0.3
    assert found.scores["character_error_rate"].value < 0.2
