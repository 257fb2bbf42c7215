"""Strings of spoken digits, joined by a seed from single ones: words in a row whose truth is known.

Recordings of one speaker follow each other with short pauses, three to seven of them. Speakers of
the three sides differ, so that what is learned are digits and not voices.

Letters: T samples.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_RATE = 8000  # Hz
_SIDES = {"train": (slice(0, 4), 1500), "valid": (slice(4, 5), 150), "test": (slice(5, 6), 150)}
_PAUSE = (0.05, 0.3)  # seconds between two digits
_HISS = 8  # of 32,768: what a pause holds at most


def write(recordings: Path, folder: Path, *, seed: int, turn: int = 0) -> dict[str, Path]:
    """Write the sides as folders of WAV files, each with a table of transcripts.

    Args:
        recordings: of single digits, `{digit}_{speaker}_{index}.wav`.
        folder: to write to.
        seed: of which digits, how many, and of the pauses.
        turn: by how many places speakers move from one side to the next.

    Returns:
        The table of each side, by its name.
    """
    known: dict[tuple[str, int], list[Path]] = {}
    for file in sorted(recordings.glob("*.wav")):
        digit, speaker, _ = file.stem.split("_")
        known.setdefault((speaker, int(digit)), []).append(file)
    speakers = sorted({speaker for speaker, _ in known})
    speakers = speakers[turn:] + speakers[:turn]
    chance = np.random.default_rng(seed)
    tables = {}
    for side, (who, count) in _SIDES.items():
        rows = []
        for number in range(count):
            sound, text, speaker = _joined(known, speakers[who], chance)
            path = folder / side / f"{number:04}.wav"
            _save(path, sound)
            rows.append((f"{side}/{path.name}", text, speaker))
        tables[side] = folder / f"{side}.csv"
        with tables[side].open("w", newline="") as file:
            csv.writer(file).writerows([("path", "transcript", "speaker"), *rows])
    return tables


def _joined(
    known: dict[tuple[str, int], list[Path]], speakers: Sequence[str], chance: np.random.Generator
) -> tuple[NDArray[np.int16], str, str]:
    import soundfile

    speaker = speakers[chance.integers(len(speakers))]
    digits = chance.integers(0, 10, chance.integers(3, 8)).tolist()
    pieces: list[NDArray[np.int16]] = []
    for digit in digits:
        files = known[speaker, digit]
        sound, _ = soundfile.read(files[chance.integers(len(files))], dtype="int16")
        pause = int(chance.uniform(*_PAUSE) * _RATE)
        pieces += [sound, chance.integers(-_HISS, _HISS + 1, pause).astype(np.int16)]
    return np.concatenate(pieces), " ".join(WORDS[digit] for digit in digits), speaker


def _save(path: Path, sound: NDArray[np.int16]) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, _RATE, subtype="PCM_16")
