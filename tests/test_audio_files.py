"""Sound files: every make of them, whole and broken, at one rate, kept for a second run."""

import numpy as np
import pytest
from sounds import RATE, noise, plain_wav, put, tone, two_classes, wav_that_claims

from pellucid.data import Ask
from pellucid.data._audio_decoding import decode
from pellucid.data.audio import Audio
from pellucid.errors import BadInputError

pytest.importorskip("soundfile")
pytest.importorskip("soxr")


@pytest.fixture
def ask(tmp_path):
    return Ask(cache=tmp_path / "cache", seconds=60.0)


def only(source, ask):
    """Give the samples of the only recording, from -1 to 1."""
    return Audio().read(source, ask).raw.samples(0) / 32_768


def reasons(folder, ask):
    return {fault.name: fault.reason for fault in Audio().read(folder, ask).faults}


@pytest.mark.parametrize("end", ["wav", "flac", "aiff", "au", "caf", "w64"])
def test_every_format_without_loss_is_read_to_the_last_bit(tmp_path, ask, end):
    given = tone()
    path = put(tmp_path / f"a.{end}", given, subtype="PCM_16")
    assert np.abs(only(path, ask) - given).max() <= 1 / 32_768


@pytest.mark.parametrize("end", ["ogg", "mp3"])
def test_compressed_recordings_sound_the_same(tmp_path, ask, end):
    given = tone(seconds=1.0, rate=16_000)
    found = only(put(tmp_path / f"a.{end}", given, 16_000), ask)
    assert abs(len(found) - len(given)) < 0.15 * len(given)
    spectrum = np.abs(np.fft.rfft(found[2_000:14_000]))
    assert abs(spectrum.argmax() * 16_000 / 12_000 - 440) < 3


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_every_depth_of_bits_gives_the_same_wave(tmp_path, ask, subtype):
    found = only(put(tmp_path / "a.wav", tone(), subtype=subtype), ask)
    assert np.abs(found - tone()).max() < (0.02 if subtype in ("ULAW", "ALAW", "PCM_U8") else 1e-4)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_keeps_its_pitch_and_length_at_every_rate(tmp_path, ask, rate):
    path = put(tmp_path / "a.wav", tone(seconds=1.0, rate=rate), rate)
    raw = Audio().read(path, ask).raw
    found = raw.samples(0)
    assert raw.rate in (8_000, 16_000)
    assert abs(len(found) / raw.rate - 1.0) < 0.005
    assert abs(np.abs(np.fft.rfft(found)).argmax() * raw.rate / len(found) - 440) < 2


def test_channels_are_mixed_to_one(tmp_path, ask):
    both = np.stack([tone(440), tone(880)], axis=1)
    assert np.abs(only(put(tmp_path / "a.wav", both), ask) - both.mean(axis=1)).max() < 1e-3


def test_channels_that_cancel_each_other_out_are_not_mixed(tmp_path, ask):
    opposed = np.stack([tone(), -tone()], axis=1)
    assert np.abs(only(put(tmp_path / "a.wav", opposed), ask)).max() > 0.25


def test_whole_numbers_written_as_floats_are_taken_as_such(tmp_path, ask):
    found = only(put(tmp_path / "a.wav", tone() * 32_768, subtype="FLOAT"), ask)
    assert np.abs(found - tone()).max() < 1e-3


def test_a_file_is_read_by_content_not_by_suffix(tmp_path, ask):
    put(tmp_path / "really.flac", tone()).rename(tmp_path / "a.wav")
    assert len(Audio().read(tmp_path, ask)) == 1


def test_all_are_brought_to_the_lower_rate_where_some_were_made_at_it(tmp_path, ask):
    for number in range(4):
        rate = 8_000 if number < 2 else 44_100
        put(tmp_path / f"{number}.wav", tone(rate=rate), rate)
    raw = Audio().read(tmp_path, ask).raw
    assert raw.rate == 8_000
    assert np.abs(raw.seconds - 0.5).max() < 0.01


def test_a_wav_with_a_lying_header_is_named(tmp_path, ask):
    plain_wav(tmp_path / "good.wav", tone())
    wav_that_claims(tmp_path / "longer.wav", tone(), size=1_000_000)
    wav_that_claims(tmp_path / "faster.wav", tone(), bytes_a_second=88_200)
    wav_that_claims(tmp_path / "wider.wav", tone(), align=7)
    wav_that_claims(tmp_path / "never.wav", tone(), rate=0)
    found = reasons(tmp_path, ask)
    assert found["longer.wav"] == "is cut short: 62.50 s are promised, 0.50 s are there"
    assert "contradicts itself" in found["faster.wav"]
    assert "contradicts itself" in found["wider.wav"]
    assert "0 Hz" in found["never.wav"]


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_that_was_written_into_a_pipe_is_read(tmp_path, ask, size):
    path = wav_that_claims(tmp_path / "a.wav", tone(), size=size)
    found = decode(path, RATE)
    if size == 0:
        assert found == "holds no sound (0 samples)"
    else:
        assert len(found.samples) == len(tone())


def test_broken_files_are_left_out_each_with_a_reason(tmp_path, ask):
    plain_wav(tmp_path / "good.wav", tone())
    plain_wav(tmp_path / "none.wav", np.zeros(0))
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "words.mp3").write_text("this is no sound at all\n" * 20)
    put(tmp_path / "nan.wav", np.full(800, np.nan, np.float32), subtype="FLOAT")
    found = reasons(tmp_path, ask)
    assert set(found) == {"none.wav", "empty.wav", "words.mp3", "nan.wav"}
    assert "0 samples" in found["none.wav"]
    assert found["empty.wav"] == "is empty"
    assert "no numbers" in found["nan.wav"]


def test_nothing_but_broken_files_is_said_in_a_sentence(tmp_path, ask):
    (tmp_path / "empty.wav").write_bytes(b"")
    with pytest.raises(BadInputError, match=r"none of 1 .* empty.wav is empty"):
        Audio().read(tmp_path, ask)


def test_a_row_of_a_table_whose_file_is_missing_is_named(tmp_path, ask):
    plain_wav(tmp_path / "a.wav", tone())
    plain_wav(tmp_path / "b.wav", tone(880))
    (tmp_path / "t.csv").write_text("path,label\na.wav,x\nb.wav,y\ngone.wav,x\n")
    found = Audio().read(tmp_path / "t.csv", ask)
    assert found.targets.tolist() == ["x", "y"]
    (fault,) = found.faults
    assert (fault.name, fault.reason) == ("t.csv, row 3", "no file 'gone.wav'")


def test_the_speaker_column_keeps_recordings_together(tmp_path, ask):
    for number in range(4):
        plain_wav(tmp_path / f"{number}.wav", tone(300 + number))
    rows = "".join(f"{n}.wav,{'xy'[n % 2]},s{n // 2}\n" for n in range(4))
    (tmp_path / "t.csv").write_text("path,label,speaker\n" + rows)
    found = Audio().read(tmp_path / "t.csv", ask)
    assert found.target == "label"
    assert found.groups.tolist() == ["s0", "s0", "s1", "s1"]


def fsdd_like(folder, sides=("",)):
    for number in range(30):
        name = f"{number % 2}_{('anna', 'ben', 'cleo')[number % 3]}_{number // 6}.wav"
        side = sides[0] if number < 24 else sides[-1]
        plain_wav(folder / side / str(number % 2) / name, noise(0.1, seed=number))
    return folder


def test_speakers_are_read_off_the_names_of_files(tmp_path, ask):
    found = Audio().read(fsdd_like(tmp_path), ask)
    assert set(found.groups.tolist()) == {"anna", "ben", "cleo"}
    assert any("3 speakers" in note.text for note in found.notes)


def test_speakers_in_names_do_not_part_what_the_folders_keep_together(tmp_path, ask):
    found = Audio().read(fsdd_like(tmp_path, ("train", "test")), ask)
    assert found.groups is None
    assert set(found.sides.tolist()) == {"train", "test"}


def test_running_numbers_and_classes_in_names_are_no_speakers(tmp_path, ask):
    for number in range(24):
        kind = "xy"[number % 2]
        name = f"{kind}_{number // 4:02}_{number}.wav"
        plain_wav(tmp_path / kind / name, noise(0.1, seed=number))
    assert Audio().read(tmp_path, ask).groups is None


def test_a_second_run_does_not_decode_again(tmp_path, ask, monkeypatch):
    folder = two_classes(tmp_path / "tones", each=40, seconds=0.1)
    first = Audio().read(folder, ask)
    monkeypatch.setattr("pellucid.data._audio_cache.decode_all", None)
    again = Audio().read(folder, ask)
    assert np.array_equal(Audio().keys(first), Audio().keys(again))


def test_a_changed_file_is_decoded_again(tmp_path, ask):
    folder = two_classes(tmp_path / "tones", each=40, seconds=0.1)
    first = Audio().read(folder, ask)
    plain_wav(folder / "low" / "0.wav", noise(0.2))
    again = Audio().read(folder, ask)
    assert (Audio().keys(first) != Audio().keys(again)).sum() == 1


def test_what_is_not_decoded_in_time_is_a_fair_sample_and_goes_on_later(tmp_path, ask, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr("pellucid.data._audio_decoding.CHUNK", 10)
    folder = two_classes(tmp_path / "tones", each=50, seconds=0.05)
    ticks = iter(range(10_000))
    monkeypatch.setattr("pellucid.data._media_cache.monotonic", lambda: next(ticks) / 100)
    part = Audio().read(folder, replace(ask, reading=0.5))
    counts = [int((part.targets == name).sum()) for name in ("high", "low")]
    assert 10 <= len(part) < 100
    assert abs(counts[0] - counts[1]) <= 2
    assert "recordings were decoded" in part.notes[-1].text
    whole = Audio().read(folder, replace(ask, reading=1e6))
    assert len(whole) == 100


def test_a_damaged_cache_is_made_anew(tmp_path, ask):
    folder = two_classes(tmp_path / "tones", each=40, seconds=0.05)
    first = Audio().read(folder, ask)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    assert np.array_equal(Audio().keys(Audio().read(folder, ask)), Audio().keys(first))


def test_a_recording_of_hours_is_read_in_bounded_memory(tmp_path, ask):
    import tracemalloc

    import soundfile

    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        for minute in range(10):
            file.write(tone(300 + minute, 60.0, 16_000))
    tracemalloc.start()
    sound = decode(path, 16_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sound.samples) == 600 * 16_000
    assert peak < 2.6 * sound.samples.nbytes


def test_arrays_are_read_with_their_rate(ask):
    given = ([tone(), tone(880)], RATE, ["a", "b"])
    found = Audio().read(given, ask)
    assert found.targets.tolist() == ["a", "b"]
    assert found.raw.rate == 16_000
    assert np.allclose(found.raw.seconds, 0.5, atol=0.01)


def test_arrays_of_nothing_or_of_no_numbers_are_named(ask):
    found = Audio().read(([tone(), np.zeros(0), np.full(10, np.inf)], RATE), ask)
    assert [one.name for one in found.faults] == ["item 1", "item 2"]


@pytest.mark.parametrize("package", ["soundfile", "soxr"])
def test_a_missing_package_is_said_in_a_sentence(tmp_path, ask, monkeypatch, package):
    import sys

    path = plain_wav(tmp_path / "a.wav", tone())
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BadInputError, match=f"{package} is not installed"):
        Audio().read(path, ask)


@pytest.mark.parametrize("seed", range(10))
def test_fuzzed_recordings_are_read_or_named(tmp_path, ask, seed):
    random = np.random.default_rng(seed)
    plain_wav(tmp_path / "whole.wav", tone(seconds=0.1))
    for number in range(10):
        end = ("wav", "flac", "ogg", "mp3", "aiff")[number % 5]
        rate = 16_000 if end == "mp3" else RATE
        path = put(tmp_path / f"{number}.{end}", tone(seconds=0.2, rate=rate), rate)
        body = bytearray(path.read_bytes())
        for _ in range(int(random.integers(1, 30))):
            body[int(random.integers(len(body)))] = int(random.integers(256))
        cut = int(random.integers(len(body))) if random.random() < 0.3 else len(body)
        path.write_bytes(body[:cut])
    found = Audio().read(tmp_path, ask)
    assert len(found) + len(found.faults) == 11
    assert all(fault.reason for fault in found.faults)
    assert all(len(samples) for samples in found.raw)
