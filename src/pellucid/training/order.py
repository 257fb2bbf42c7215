"""In which order examples are learned from.

Idea: a pass is a shuffle that depends on (seed, pass) alone, so a resumed run meets the same
batches as one that was never stopped. From the third pass on, only the examples that were hardest
when last seen are shuffled in: the easy ones have little left to teach.

Source: Jiang et al. 2019, "Accelerating deep learning by focusing on the biggest losers",
arXiv:1910.00762.
Departs: losses are stale by up to a pass, so that selecting costs no forward pass.

Letters: N examples, M of a pass, B batch.
"""

import math

import torch
from jaxtyping import Float, Int64
from torch import Tensor

_WHOLE_PASSES = 2  # before the losses say which examples are hard
_TOGETHER = 50  # batches that are drawn by chance and then sorted by length


class Order:
    """Gives the places of one batch after the other; its state is all tensors and two counts.

    Args:
        count: N, number of examples.
        batch: B, at most N.
        hardest: share of the examples that later passes keep, in (0, 1].
        seed: of the shuffles.
        sizes: length of each example, (N,); batches then hold examples of like lengths.
    """

    def __init__(
        self,
        count: int,
        batch: int,
        *,
        hardest: float = 1.0,
        seed: int = 0,
        sizes: Int64[Tensor, " N"] | None = None,
    ) -> None:
        self.count = count
        self.batch = min(batch, count)
        self.hardest = hardest
        self.seed = seed
        self.sizes = sizes
        self.losses = torch.full((count,), math.inf)
        self.passes = 0  # begun
        self.position = 0
        self._places = torch.empty(0, dtype=torch.int64)

    def next(self) -> Int64[Tensor, " B"]:
        """Give the places of the next batch; what is left of a pass and fills none is left out."""
        if self.position + self.batch > len(self._places):
            self._places = self._shuffle()
            self.position = 0
            self.passes += 1
        start = self.position
        self.position += self.batch
        return self._places[start : self.position]

    def tell(self, places: Int64[Tensor, " B"], losses: Float[Tensor, " B"]) -> None:
        """Remember how hard these examples were."""
        if self.hardest < 1:
            self.losses[places] = losses.detach().float().cpu()

    def tensors(self) -> dict[str, Tensor]:
        """Give the state that `restore` takes."""
        counts = torch.tensor([self.passes, self.position])
        return {"places": self._places, "losses": self.losses, "counts": counts}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a state that `tensors` gave."""
        self._places = tensors["places"].clone()
        self.losses = tensors["losses"].clone()
        self.passes, self.position = tensors["counts"].tolist()

    def _shuffle(self) -> Int64[Tensor, " M"]:
        generator = torch.Generator().manual_seed(mixed(self.seed, self.passes))
        if self.hardest == 1 or self.passes < _WHOLE_PASSES:
            return self._alike(torch.randperm(self.count, generator=generator), generator)
        kept = max(self.batch, round(self.hardest * self.count))
        # Sorted and stable: which of two equal losses is kept must not depend on the machine.
        hard = self.losses.sort(descending=True, stable=True).indices[:kept]
        return self._alike(hard[torch.randperm(kept, generator=generator)], generator)

    def _alike(
        self, places: Int64[Tensor, " M"], generator: torch.Generator
    ) -> Int64[Tensor, " M"]:
        """Bring examples of like lengths together within each stretch of some batches."""
        if self.sizes is None:
            return places
        parts = places.split(_TOGETHER * self.batch)
        parts = [part[self.sizes[part].sort(stable=True).indices] for part in parts]
        batches = torch.cat(parts).split(self.batch)
        whole = [each for each in batches if len(each) == self.batch]
        order = torch.randperm(len(whole), generator=generator).tolist()
        rest = [each for each in batches if len(each) < self.batch]
        return torch.cat([*(whole[place] for place in order), *rest])


def mixed(seed: int, place: int) -> int:
    """Mix a seed and a place into a new seed: near ones give unrelated streams.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
    """
    z = (seed * 0x9E3779B97F4A7C15 + (place + 1) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) & (2**63 - 1)
