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
        counts: what each example counts in a batch, (N,), such as its tokens; batches of like
            lengths then hold about as much of it each, so many short examples or fewer long ones,
            B of them on average. None where an example counts 1.
    """

    def __init__(
        self,
        count: int,
        batch: int,
        *,
        hardest: float = 1.0,
        seed: int = 0,
        sizes: Int64[Tensor, " N"] | None = None,
        counts: Int64[Tensor, " N"] | None = None,
    ) -> None:
        self.count = count
        self.batch = min(batch, count)
        self.hardest = hardest
        self.seed = seed
        self.sizes = sizes
        self.counts = counts
        self.losses = torch.full((count,), math.inf)
        self.passes = 0  # begun
        self.position = 0  # of the next batch
        self._places = torch.empty(0, dtype=torch.int64)
        self._ends = torch.empty(0, dtype=torch.int64)  # of the batches among the places

    def next(self) -> Int64[Tensor, " B"]:
        """Give the places of the next batch; what is left of a pass and fills none is left out."""
        if self.position == len(self._ends):
            batches = self._shuffle()
            self._places = torch.cat(batches)
            self._ends = torch.tensor([len(each) for each in batches]).cumsum(dim=0)
            self.position = 0
            self.passes += 1
        start = int(self._ends[self.position - 1]) if self.position else 0
        end = int(self._ends[self.position])
        self.position += 1
        return self._places[start:end]

    def weight(self, places: Int64[Tensor, " B"]) -> int:
        """Give what examples count together in a batch."""
        return len(places) if self.counts is None else int(self.counts[places].sum())

    def tell(self, places: Int64[Tensor, " B"], losses: Float[Tensor, " B"]) -> None:
        """Remember how hard these examples were."""
        if self.hardest < 1:
            self.losses[places] = losses.detach().float().cpu()

    def tensors(self) -> dict[str, Tensor]:
        """Give the state that `restore` takes."""
        counts = torch.tensor([self.passes, self.position])
        return {
            "places": self._places,
            "ends": self._ends,
            "losses": self.losses,
            "counts": counts,
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from a state that `tensors` gave."""
        self._places = tensors["places"].clone()
        self._ends = tensors["ends"].clone()
        self.losses = tensors["losses"].clone()
        self.passes, self.position = tensors["counts"].tolist()

    def _shuffle(self) -> list[Int64[Tensor, " _"]]:
        """Give the batches of a pass."""
        generator = torch.Generator().manual_seed(mixed(self.seed, self.passes))
        if self.hardest == 1 or self.passes < _WHOLE_PASSES:
            return self._batches(torch.randperm(self.count, generator=generator), generator)
        kept = max(self.batch, round(self.hardest * self.count))
        # Sorted and stable: which of two equal losses is kept must not depend on the machine.
        hard = self.losses.sort(descending=True, stable=True).indices[:kept]
        return self._batches(hard[torch.randperm(kept, generator=generator)], generator)

    def _batches(
        self, places: Int64[Tensor, " M"], generator: torch.Generator
    ) -> list[Int64[Tensor, " _"]]:
        """Cut a pass, and bring examples of like lengths together within each stretch of it."""
        places = places[: len(places) // self.batch * self.batch]
        if self.sizes is None:
            return list(places.split(self.batch))
        batches = []
        for part in places.split(_TOGETHER * self.batch):
            batches += self._cut(part[self.sizes[part].sort(stable=True).indices])
        order = torch.randperm(len(batches), generator=generator).tolist()
        return [batches[place] for place in order]

    def _cut(self, places: Int64[Tensor, " M"]) -> list[Int64[Tensor, " _"]]:
        """Cut a stretch into M / B batches that hold about the same."""
        if self.counts is None:
            return list(places.split(self.batch))
        reached = self.counts[places].cumsum(dim=0)
        parts = len(places) // self.batch
        bounds = reached[-1] * torch.arange(1, parts) // parts
        ends = torch.searchsorted(reached, bounds, right=True).unique()
        cut = places.tensor_split(ends)
        return [each for each in cut if len(each)]


def mixed(seed: int, place: int) -> int:
    """Mix a seed and a place into a new seed: near ones give unrelated streams.

    Source: Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
    """
    z = (seed * 0x9E3779B97F4A7C15 + (place + 1) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) & (2**63 - 1)
