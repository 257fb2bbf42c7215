"""From what the user gave to recordings at one rate, with their classes or what was said.

Idea: the rate is that of nearly all recordings, up to 16 kHz: voices have hardly anything above,
and recordings of half the rate cost half. Where some were made at a lower rate all are brought to
it, or how they were made would give them away.

Letters: N recordings.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Ask, Examples
from pellucid.data._audio_arrays import is_arrays, sounds_in
from pellucid.data._audio_cache import decoded, facts
from pellucid.data._audio_decoding import rate_of
from pellucid.data._audio_recordings import Recordings, laid_out
from pellucid.data._audio_sources import MEDIUM, found_in
from pellucid.data._found import Found
from pellucid.data._media_decoded import examples_of, none_usable, strata

RATES = (16_000, 8_000)  # Hz, that are worked at
_PROBED = 200  # headers read to learn the rates
_LOW = 0.05  # share of the recordings that are allowed to have had a lower rate
_WORDS = 1.5  # in a target on average, from which it is what was said
_DIFFERENT = 0.5  # share of the targets that are unlike all others, the same


def read_source(source: Any, ask: Ask) -> Examples:
    """Read recordings from wherever they are.

    Raises:
        BadInputError: if none can be used, or what the user named is not there.
    """
    if is_arrays(source):
        return _from_arrays(source, ask)
    found = found_in(source, ask)
    rate = working_rate(found.paths) if ask.schema is None else round(ask.schema.rate)
    return _from_files(found, rate, ask)


def working_rate(paths: Sequence[Any]) -> int:
    """Choose the rate that all recordings are brought to, Hz."""
    probed = [rate_of(path) for path in paths[:: max(1, -(-len(paths) // _PROBED))]]
    rates = sorted(rate for rate in probed if rate is not None)
    if not rates:
        return RATES[-1]
    usual = rates[int(_LOW * len(rates))]
    return next((rate for rate in RATES if rate <= usual), usual)


def looks_said(targets: NDArray[Any] | None) -> bool:
    """Tell transcripts from names of classes."""
    if targets is None or targets.dtype.kind == "f":
        return False
    known = [str(target) for target in targets.tolist() if target is not None]
    if not known:
        return False
    words = sum(len(target.split()) for target in known) / len(known)
    return words >= _WORDS and len(set(known)) > _DIFFERENT * len(known)


def _from_files(found: Found, rate: int, ask: Ask) -> Examples:
    mixed = strata(found, classes=not looks_said(found.targets))
    flat, tally = decoded(found.paths, found.names, mixed, rate, ask)
    lengths = np.array(tally.told["lengths"], np.int64)

    def raw(order: NDArray[np.int64]) -> Recordings:
        return Recordings(
            flat=flat,
            starts=(np.cumsum(lengths) - lengths)[order],
            lengths=lengths[order],
            rate=rate,
            facts=facts(tally, order),
            transcribed=_transcribed(found.targets, ask),
        )

    return examples_of("audio", MEDIUM, found, tally, ask, raw)


def _from_arrays(source: Any, ask: Ask) -> Examples:
    rate = RATES[0] if ask.schema is None else round(ask.schema.rate)
    sounds, targets, faults = sounds_in(source, rate)
    if not sounds:
        raise none_usable(faults, MEDIUM)
    names = [f"item {place}" for place in sounds]
    kept = np.array([*sounds], np.int64)
    targets = None if targets is None else targets[kept]
    recordings = laid_out([*sounds.values()], rate)
    return Examples(
        kind="audio",
        names=names,
        raw=recordings if not _transcribed(targets, ask) else recordings.whole(),
        target="" if targets is None else "class",
        targets=targets,
        faults=faults,
    )


def _transcribed(targets: NDArray[Any] | None, ask: Ask) -> bool:
    if ask.schema is not None:
        return bool(ask.schema.details["transcribed"])
    return ask.task == "transcribe" or (ask.task is None and looks_said(targets))
