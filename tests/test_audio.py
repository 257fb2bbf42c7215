"""Recordings as examples: silence is no end, parts are spans of time, and pages can be heard."""

import io
import json
import wave

import numpy as np
import pytest
import torch
from sounds import RATE, noise, plain_wav, tone, two_classes

from pellucid.data import Ask
from pellucid.data._audio_recordings import Facts, laid_out
from pellucid.data._audio_waves import BEHIND, SILENT, bounds
from pellucid.data.audio import Audio
from pellucid.looking import look
from pellucid.networks._spectrogram import LogMel, ends, mel
from pellucid.networks.keywords import build as keywords

pytest.importorskip("soundfile")
KIND = Audio()


def whole_numbers(samples):
    return (np.asarray(samples) * 32_767).astype(np.int16)


def examples(*sounds, targets=None, facts=None):
    from pellucid.data import Examples

    names = [f"{place}.wav" for place in range(len(sounds))]
    raw = laid_out([whole_numbers(one) for one in sounds], RATE, facts)
    known = None if targets is None else np.array(targets, dtype=object)
    return Examples(kind="audio", names=names, raw=raw, targets=known)


def batch(given):
    schema = KIND.describe(given)
    return KIND.tensor(torch.from_numpy(KIND.encode(given, schema)), schema), schema


def test_silence_within_a_recording_is_no_end_of_it():
    quiet = np.concatenate([tone(seconds=0.1), np.zeros(400)])
    x, _ = batch(examples(quiet, tone(seconds=0.3)))
    assert ends(x).tolist() == [len(quiet), 2_400]
    assert x[0, 1_000] == SILENT
    assert not x[0, len(quiet) :].any()


def test_no_sample_is_taken_for_what_is_behind_the_end():
    loudest = np.full(100, -1.0)
    stored = KIND.encode(examples(loudest), KIND.describe(examples(loudest)))
    assert stored.min() > BEHIND
    assert KIND.sizes(stored, KIND.describe(examples(loudest))).tolist() == [100]


def test_of_a_recording_far_longer_than_most_the_loudest_stretch_is_kept():
    long = np.concatenate([noise(2.0, loud=0.001), tone(seconds=0.3), noise(2.0, loud=0.001)])
    given = examples(*(tone(seconds=0.2) for _ in range(9)), long)
    schema = KIND.describe(given)
    start, end = bounds(given.raw.samples(9), schema.shape[0])
    assert end - start == schema.shape[0] < len(long)
    assert start <= 16_000
    assert end >= 18_400


def test_nothing_is_cut_off_where_what_was_said_is_asked():
    given = examples(*(tone(seconds=0.2) for _ in range(9)), tone(seconds=9.0))
    whole = given.replace(raw=given.raw.whole())
    schema = KIND.describe(whole)
    assert KIND.encode(whole, schema).shape[1] == 9 * RATE
    assert schema.details["transcribed"]


def test_targets_of_many_words_are_what_was_said(tmp_path):
    for number in range(4):
        plain_wav(tmp_path / f"{number}.wav", noise(0.1, seed=number))
    rows = "".join(f"{n}.wav,the number {'abcd'[n]} was said\n" for n in range(4))
    (tmp_path / "t.csv").write_text("path,transcript\n" + rows)
    found = KIND.read(tmp_path / "t.csv", Ask(cache=tmp_path / "cache"))
    assert found.raw.transcribed
    assert found.target == "transcript"


def test_views_keep_silence_apart_from_the_end():
    x, schema = batch(examples(tone(seconds=0.2), np.zeros(4_000), noise(0.4)))
    seen = KIND.augment(x, schema, torch.Generator().manual_seed(1))
    for row, end in zip(seen, ends(seen).tolist(), strict=True):
        assert row[:end].ne(0).all()
        assert not row[end:].any()
    assert seen.isfinite().all()


def test_parts_are_spans_that_follow_each_other_in_seconds():
    given = examples(tone(seconds=0.7))
    (parts,) = KIND.parts(given, KIND.describe(given))
    assert parts.where[0][0] == 0
    assert parts.where[-1][1] == pytest.approx(0.7)
    assert all(one[1] == other[0] for one, other in zip(parts.where, parts.where[1:], strict=False))


def test_parts_of_what_was_cut_out_are_placed_in_the_whole_recording():
    long = np.concatenate([noise(2.0, loud=0.001), tone(seconds=0.3), noise(1.0, loud=0.001)])
    given = examples(*(tone(seconds=0.2) for _ in range(9)), long)
    schema = KIND.describe(given)
    parts = KIND.parts(given, schema)[9]
    start, end = bounds(given.raw.samples(9), schema.shape[0])
    assert parts.where[0][0] == pytest.approx(start / RATE, abs=1e-3)
    assert parts.where[-1][1] == pytest.approx(end / RATE, abs=1e-3)


def test_parts_are_cut_where_it_is_quiet():
    words = [np.concatenate([tone(seconds=0.06), np.zeros(320)]) for _ in range(8)]
    given = examples(np.concatenate(words))
    (parts,) = KIND.parts(given, KIND.describe(given))
    samples = np.abs(given.raw.samples(0).astype(int))
    cuts = [round(where[0] * RATE) for where in parts.where[1:]]
    assert np.mean([samples[cut] < 2_000 for cut in cuts]) > 0.7


def test_blanks_are_as_long_as_the_recording():
    x, schema = batch(examples(tone(seconds=0.2), tone(seconds=0.4)))
    for blank in KIND.blanks(x, schema, x).values():
        for drawn in blank:
            assert ends(drawn).tolist() == ends(x).tolist()


def test_a_recording_can_be_heard():
    given = examples(tone())
    with wave.open(io.BytesIO(KIND.sound(given, 0))) as file:
        assert file.getframerate() == RATE
        assert np.array_equal(np.frombuffer(file.readframes(10_000), "<i2"), given.raw.samples(0))


def test_pieces_of_a_recording_go_on_as_x_has_them():
    given = whole_numbers(np.concatenate([tone(), np.zeros(5)]))
    x, schema = batch(examples(given / 32_767))
    assert np.array_equal(KIND.steps(given, schema), x[0].numpy())
    assert np.array_equal(KIND.steps(given.tobytes(), schema), x[0].numpy())


def test_silence_clipping_and_offset_are_found():
    clipped = Facts(
        rates=np.full(4, RATE), channels=np.ones(4, np.int64), bits=np.full(4, 16),
        clipped=np.array([0.0, 0.0, 0.02, 0.0]),
    )  # fmt: skip
    given = examples(np.zeros(4_000), tone() + 0.2, tone(), tone(330), facts=clipped)
    found = {finding.what: finding for finding in KIND.look(given)}
    assert found["silent"].examples == ("0.wav",)
    assert found["clipped"].examples == ("2.wav",)
    assert found["DC offset"].examples == ("1.wav",)


def test_classes_that_were_made_at_another_rate_are_warned_of():
    rates = np.array([8_000, 8_000, 44_100, 44_100])
    facts = Facts(rates=rates, channels=np.ones(4, int), bits=np.ones(4, int), clipped=np.zeros(4))
    given = examples(*(tone(300 + n) for n in range(4)), targets="aabb", facts=facts)
    given = given.replace(targets=np.array(["a", "a", "b", "b"], dtype=object))
    (found,) = [finding for finding in KIND.look(given) if finding.what == "mixed rates"]
    assert found.level == "warning"


def test_the_same_recording_saved_louder_is_a_near_duplicate():
    random = np.random.default_rng(0)
    words = [
        np.concatenate([tone(h, 0.1) for h in random.uniform(200, 3_000, 5)]) for _ in range(8)
    ]
    louder = 1.5 * words[3] + 1e-4 * random.normal(size=len(words[3]))
    clusters = KIND.clusters(examples(*words, louder))
    assert clusters[8] == clusters[3]
    assert len(set(clusters[:8].tolist())) == 8


def test_looking_at_a_folder_counts_and_draws(tmp_path):
    found = look(two_classes(tmp_path), cache=tmp_path / "cache")
    assert found.kind == "audio"
    assert found.classes == {"high": 8, "low": 8}
    assert found.sheet().startswith(b"\x89PNG")


def test_the_spectrogram_does_not_depend_on_loudness_offset_or_company():
    front = LogMel(RATE, bands=40).eval()
    x, _ = batch(examples(tone(seconds=0.2, loud=0.3), noise(0.5)))
    (alone, frames), (together, _) = front(x[:1, :1_600]), front(x)
    assert frames.tolist() == [20]
    torch.testing.assert_close(together[:1, :, :20], alone, rtol=1e-4, atol=1e-4)
    assert not together[0, :, 20:].any()
    torch.testing.assert_close(front(x * 0.1)[0], front(x)[0], rtol=1e-2, atol=1e-2)


def test_the_band_of_a_tone_is_the_loudest():
    front = LogMel(RATE, bands=40).eval()
    x, _ = batch(examples(tone(1_000.0)))
    band = int(front(x)[0][0].mean(dim=1).argmax())
    heights = (mel(RATE, 512, 40) * torch.linspace(0, RATE / 2, 257)).sum(dim=1)
    assert abs(float(heights[band]) - 1_000) < 100


def test_a_causal_spectrogram_looks_back_only():
    front = LogMel(RATE, bands=40, causal=True, normalise=False).eval()
    x, _ = batch(examples(noise(0.5)))
    changed = x.clone()
    changed[:, 2_000:] = 0.3
    before = 2_000 // 80
    torch.testing.assert_close(front(x)[0][..., :before], front(changed)[0][..., :before])


def test_the_keyword_network_is_small():
    _, schema = batch(examples(noise(1.0)))
    assert sum(weight.numel() for weight in keywords(schema, 35, size=1).parameters()) <= 100_000


@pytest.mark.slow
def test_learned_explained_and_heard_from_a_folder(tmp_path):
    import pellucid

    folder = two_classes(tmp_path / "tones", each=60, seconds=0.25)
    model = pellucid.fit(folder, steps=40, seed=0)
    assert model.evaluate(folder).scores["accuracy"].value > 0.9
    why = model.explain(folder / "low" / "3.wav")
    parts = json.loads(json.dumps(why.to_json()))["parts"]
    assert all(len(part["where"]) == 2 for part in parts)
    assert "data:audio/wav;base64," in why.page()
