"""Words as they come: from blocks of sound, from files that grow, and how late they are told."""

import io
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_transcribe import schema, words
from torch import nn

from pellucid import _hearing
from pellucid.data.audio import Audio
from pellucid.errors import BadInputError
from pellucid.listening import Listening
from pellucid.tasks.transcribe import Transcribe

soundfile = pytest.importorskip("soundfile")

RATE = 8000
TEXTS = words("an old tin can", "the tin trail")


class Loud(nn.Module):
    """Hears code n where the wave is n hundredths loud, one frame in two; else nothing."""

    def __init__(self, codes):
        super().__init__()
        self.codes = codes
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        x = nn.functional.pad(x, (0, -x.shape[1] % 320))
        level = x.unflatten(1, (-1, 160)).abs().amax(dim=2)
        said = (level * 100).round().long().clamp(0, self.codes - 1)
        return 15.0 * nn.functional.one_hot(said, self.codes).float()


@pytest.fixture
def model():
    details = {"transcribed": True, "augment": {}}
    task = Transcribe(schema(TEXTS, details=details))
    network = Loud(task.outputs).eval()
    return SimpleNamespace(
        network=network,
        task=task,
        schema=task.schema,
        kind=Audio(),
        calibration={},
        numerics={"dtype": "float32"},
    )


def spoken(model, text, *, pause=0.0):
    """A wave that says a text: a frame for each letter, a frame of silence behind it."""
    codes = model.task.encode(words(text))[0].tolist()
    levels = np.repeat(np.array([each for code in codes for each in (code, 0)]), 160)
    silent = np.zeros(int(pause * RATE))
    return (np.concatenate([levels, silent]) / 100).astype(np.float32)


def heard(model, wave, block=400):
    session = Listening(model)
    told = [
        word
        for start in range(0, len(wave), block)
        for word in session.hear(wave[start : start + block])
    ]
    return [*told, *session.end()], session


def test_words_come_in_their_order_whatever_the_blocks(model):
    wave = spoken(model, "an old tin can", pause=1.0)

    several = [heard(model, wave, block)[0] for block in (160, 400, 5000, len(wave))]

    for told in several:
        assert [word.text for word in told] == ["an", "old", "tin", "can"]
        assert [word.start for word in told] == [word.start for word in several[0]]


def test_a_word_is_told_when_the_next_has_begun_and_no_sooner_than_it_is_settled(model):
    wave = spoken(model, "an old tin can an old tin can", pause=1.0)

    told, session = heard(model, wave)

    assert all(word.late >= 0 for word in told)
    assert np.median([word.late for word in told]) < session.latency + 0.5


def test_times_are_those_of_the_whole_stream(model):
    quiet = np.zeros(RATE * 12, np.float32)
    wave = np.concatenate([quiet, spoken(model, "tin can", pause=1.0)])

    told, session = heard(model, wave)

    assert [word.text for word in told] == ["tin", "can"]
    assert told[0].start == pytest.approx(12.0, abs=0.05)
    assert session.text == "tin can"


def test_what_is_kept_does_not_grow(model):
    session = Listening(model)
    for _ in range(40):
        session.hear(spoken(model, "an old tin can", pause=0.5))

    assert len(session._sound) < 8 * RATE
    assert len(session._logs) < 200


def test_a_model_that_does_not_transcribe_is_refused(model):
    model.schema = SimpleNamespace(tokens=())
    model.task = SimpleNamespace(name="classify")

    with pytest.raises(BadInputError, match="a model that transcribes"):
        Listening(model)


# Where sound comes from


def joined(blocks):
    return np.concatenate(list(blocks))


@pytest.mark.parametrize(("subtype", "channels"), [("PCM_16", 1), ("PCM_24", 2), ("PCM_32", 1)])
def test_a_wav_on_standard_input_is_what_was_written(subtype, channels):
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (3000, channels)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, wave, RATE, subtype=subtype, format="WAV")

    found = joined(_hearing.blocks("-", RATE, io.BytesIO(file.getvalue())))

    np.testing.assert_allclose(found, wave.mean(axis=1), atol=1e-4)


def test_bytes_without_a_header_are_16_bits_at_the_rate_of_the_model():
    samples = np.arange(-3000, 3000, dtype=np.int16)

    found = joined(_hearing.blocks("-", RATE, io.BytesIO(samples.tobytes())))

    np.testing.assert_allclose(found, samples / 2.0**15)


def test_another_rate_is_brought_to_that_of_the_model(tmp_path):
    time_ = np.arange(16000) / 16000
    soundfile.write(tmp_path / "a.wav", np.sin(2 * np.pi * 440 * time_) * 0.5, 16000)

    found = joined(_hearing.blocks(str(tmp_path / "a.wav"), RATE, io.BytesIO(), wait=0.0))

    assert abs(len(found) - 8000) <= 2
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(found)) / RATE)
    assert np.abs(found - wanted)[100:-100].max() < 0.01


def test_a_file_that_grows_is_followed_to_its_end(tmp_path):
    path = tmp_path / "live.raw"
    samples = np.arange(8000, dtype=np.int16)
    path.write_bytes(samples[:3000].tobytes())

    def go_on():
        time.sleep(0.2)
        with path.open("ab") as file:
            file.write(samples[3000:].tobytes())

    writer = threading.Thread(target=go_on)
    writer.start()
    found = joined(_hearing.blocks(str(path), RATE, io.BytesIO(), wait=0.6))
    writer.join()

    np.testing.assert_allclose(found, samples / 2.0**15)


def test_a_wav_that_cannot_be_heard_is_named():
    broken = b"RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + bytes(16) + b"data\x00\x00\x00\x00"

    with pytest.raises(BadInputError, match="PCM of 16, 24 or 32 bits"):
        joined(_hearing.blocks("-", RATE, io.BytesIO(broken)))
    with pytest.raises(BadInputError, match="no file"):
        _hearing.blocks("nowhere.wav", RATE, io.BytesIO())
