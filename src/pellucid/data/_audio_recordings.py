"""Recordings of any length, one after the other in one array, and which of them are meant.

Letters: M recordings held, N recordings meant, S samples of all, T samples of one.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Int, Int16
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the files said of their recordings.

    Args:
        rates: of the files, Hz.
        channels: of the files.
        bits: a sample.
        clipped: share of the samples at full scale.
    """

    rates: Int[np.ndarray, " M"]
    channels: Int[np.ndarray, " M"]
    bits: Int[np.ndarray, " M"]
    clipped: Float[np.ndarray, " M"]

    def take(self, places: NDArray[np.int64]) -> "Facts":
        """Give those at these places."""
        return Facts(**{field.name: getattr(self, field.name)[places] for field in fields(Facts)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Recordings:
    """What the kind `audio` reads from.

    Args:
        flat: the samples of all, in memory or mapped, from -32,767 to 32,767.
        starts: where each recording begins in it.
        lengths: how many samples each has.
        rate: samples a second, Hz.
        facts: what the files said.
        transcribed: whether what was said is asked, so that nothing may be cut off.
        places: recordings meant, in order; None for all.
    """

    flat: Int16[np.ndarray, " S"]
    starts: Int[np.ndarray, " M"]
    lengths: Int[np.ndarray, " M"]
    rate: int
    facts: Facts
    transcribed: bool = False
    places: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Count the recordings meant."""
        return len(self.starts) if self.places is None else len(self.places)

    def __iter__(self) -> Iterator[Int16[np.ndarray, " T"]]:
        """Give the samples of each."""
        return (self.samples(place) for place in range(len(self)))

    def samples(self, place: int) -> Int16[np.ndarray, " T"]:
        """Give the samples of one; a view."""
        held = place if self.places is None else int(self.places[place])
        start = self.starts[held]
        return self.flat[start : start + self.lengths[held]]

    def take(self, places: NDArray[np.int64]) -> "Recordings":
        """Mean only these, in this order."""
        return replace(self, places=places if self.places is None else self.places[places])

    def whole(self) -> "Recordings":
        """Say that what was said is asked, so that nothing may be cut off."""
        return replace(self, transcribed=True)

    @property
    def sizes(self) -> Int[np.ndarray, " N"]:
        """How many samples each has."""
        return self.lengths if self.places is None else self.lengths[self.places]

    @property
    def seconds(self) -> Float[np.ndarray, " N"]:
        """How long each is, s."""
        return self.sizes / self.rate

    def about(self) -> Facts:
        """Give what the files said of the recordings meant."""
        return self.facts if self.places is None else self.facts.take(self.places)

    def keys(self) -> NDArray[np.uint64]:
        """Hash the samples of each; the rate counts, since samples alone do not show it."""
        rate = self.rate.to_bytes(8, "little")
        digests = b"".join(
            hashlib.blake2b(np.ascontiguousarray(one).data, digest_size=8, person=rate).digest()
            for one in self
        )
        return np.frombuffer(digests, "<u8").astype(np.uint64)


def laid_out(
    sounds: Sequence[Int16[np.ndarray, " _"]], rate: int, facts: Facts | None = None
) -> Recordings:
    """Lay recordings one after the other.

    Args:
        sounds: samples of each.
        rate: of all, Hz.
        facts: what their files said; None for sounds that come from no file.
    """
    count, lengths = len(sounds), np.array([len(one) for one in sounds], np.int64)
    plain = Facts(
        rates=np.full(count, rate, np.int64),
        channels=np.ones(count, np.int64),
        bits=np.full(count, 16, np.int64),
        clipped=np.zeros(count),
    )
    return Recordings(
        flat=np.concatenate([np.zeros(0, np.int16), *sounds]) if count != 1 else sounds[0],
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        rate=rate,
        facts=plain if facts is None else facts,
    )
