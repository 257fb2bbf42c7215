"""Recordings for tests: tones, noise and words of tones, and files that are broken on purpose."""

import struct
import wave
from pathlib import Path

import numpy as np

RATE = 8_000


def tone(hertz=440.0, seconds=0.5, rate=RATE, loud=0.3):
    at = np.arange(round(seconds * rate)) / rate
    return (loud * np.sin(2 * np.pi * hertz * at)).astype(np.float32)


def noise(seconds=0.5, rate=RATE, loud=0.1, seed=0):
    random = np.random.default_rng(seed)
    return (loud * random.normal(size=round(seconds * rate))).astype(np.float32)


def put(path, samples, rate=RATE, **options):
    """Write a file as its name says, making its folder."""
    import soundfile

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


def plain_wav(path, samples, rate=RATE):
    """Write a WAV of 16 bits without any package."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.asarray(samples) * 32_767).astype("<i2").tobytes())
    return path


def wav_that_claims(path, samples, *, size=None, rate=RATE, bytes_a_second=None, align=2):
    """Write a WAV whose header says something else than what is there."""
    body = (np.asarray(samples) * 32_767).astype("<i2").tobytes()
    told = 2 * rate if bytes_a_second is None else bytes_a_second
    form = struct.pack("<HHIIHH", 1, 1, rate, told, align, 16)
    promised = len(body) if size is None else size
    whole = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", promised) + body
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(b"RIFF" + struct.pack("<I", 4 + len(whole)) + b"WAVE" + whole)
    return Path(path)


def two_classes(folder, each=8, seconds=0.3):
    """Write low and high tones in noise in class folders."""
    for name, hertz in (("high", 1800.0), ("low", 400.0)):
        for number in range(each):
            samples = tone(hertz * (1 + 0.01 * number), seconds) + noise(seconds, seed=number)
            plain_wav(folder / name / f"{number}.wav", np.clip(samples, -0.99, 0.99))
    return folder
