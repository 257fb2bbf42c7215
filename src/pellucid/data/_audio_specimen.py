"""A small set of recordings with an answer, for the contracts."""

import io
import wave
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16

_EACH = 80
_RATE = 8_000  # Hz


def write(folder: Path) -> Path:
    """Write tones that rise and tones that fall, in noise, as WAV files in class folders."""
    random = np.random.default_rng(7)
    for way in ("falling", "rising"):
        (folder / way).mkdir(parents=True, exist_ok=True)
        for number in range(_EACH):
            samples = _tone(random, rises=way == "rising")
            (folder / way / f"{number:03}.wav").write_bytes(wav(samples, _RATE))
    return folder


def wav(samples: Int16[np.ndarray, " T"], rate: int) -> bytes:
    """Give one channel of 16 bits as a WAV file."""
    whole = io.BytesIO()
    with wave.open(whole, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())
    return whole.getvalue()


def _tone(random: np.random.Generator, *, rises: bool) -> Int16[np.ndarray, " T"]:
    seconds = random.uniform(0.25, 0.5)
    at = np.arange(round(seconds * _RATE)) / _RATE
    low, high = random.uniform(300, 700), random.uniform(1200, 2400)
    begin, end = (low, high) if rises else (high, low)
    phase = 2 * np.pi * (begin * at + (end - begin) * at**2 / (2 * seconds))
    return _loud(np.sin(phase) * np.sin(np.pi * at / seconds), random)


def _loud(wave_form: Float[np.ndarray, " T"], random: np.random.Generator) -> np.ndarray:
    noise = random.normal(0, random.uniform(0.01, 0.1), len(wave_form))
    return np.clip(12_000 * random.uniform(0.3, 1) * (wave_form + noise), -32_767, 32_767).astype(
        np.int16
    )
