"""What the same noise becomes over the course of a run, kept while it is learned.

Idea: eight samples, made again after 64 steps, after 128, and so on: the pages fill by doubling, so
a run of any length has about as many, and which steps they are of depends on nothing else. They lie
in buffers, so they are kept with the weights, and a run that is resumed keeps the same ones.

Letters: P pages, S samples, Z numbers of noise.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.data import Schema

PAGES = 14
SAMPLES = 8
_FIRST = 64  # steps
_SEED = 20140610  # of the noise: the same eight in every run


class Album(nn.Module):
    """Pages of samples of the same noise.

    Args:
        schema: of what is made: its shape, and the classes that are asked for in turn.

    Attributes:
        pages: (P, S, N), N numbers each, rounded to a 255th of the range of what was made; flat,
            since a network that is laid out channels-last takes five axes for a volume.
        range: least and greatest number of each page, (P, 2).
        steps: after which each page was made, (P,); 0 for a page that is empty.
    """

    pages: Tensor
    range: Tensor
    steps: Tensor

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.latent, self.classes = schema.latent, len(schema.classes)
        self.shape = schema.shape
        flat = (PAGES, SAMPLES, math.prod(schema.shape))
        self.register_buffer("pages", torch.zeros(flat, dtype=torch.uint8))
        self.register_buffer("range", torch.zeros(PAGES, 2))
        self.register_buffer("steps", torch.zeros(PAGES, dtype=torch.int64))

    @torch.no_grad()
    def keep(self, step: int, make: Callable[[Tensor, Tensor], Tensor]) -> None:
        """Fill the next page, if it is due; else do nothing.

        Args:
            step: that was taken, from 1 up.
            make: gives x, (S, *schema.shape), of noise (S, Z) and classes (S,).
        """
        page = due(step)
        if page is None:
            return
        z, y = self.noise()
        x = make(z.to(self.pages.device), y.to(self.pages.device)).float()
        low, high = x.min(), x.max()
        self.range[page, 0], self.range[page, 1] = low, high
        whole = (x - low) / (high - low).clamp(min=1e-6) * 255
        self.pages[page] = whole.round().nan_to_num(0).to(torch.uint8).flatten(1)
        self.steps[page] = step

    def noise(self) -> tuple[Float[Tensor, "S Z"], Tensor]:
        """Give the noise and the classes of the samples, the same ever."""
        random = torch.Generator().manual_seed(_SEED)
        z = torch.randn(SAMPLES, self.latent, generator=random)
        places = torch.arange(SAMPLES)
        return z, places % self.classes if self.classes else torch.full_like(places, -1)

    def shown(self) -> Sequence[tuple[int, Tensor]]:
        """Give the pages that are filled: the step, and x, (S, *schema.shape)."""
        found = []
        for page, step in enumerate(self.steps.tolist()):
            if step:
                low, high = self.range[page]
                x = self.pages[page].float() / 255 * (high - low) + low
                found.append((step, x.unflatten(1, self.shape)))
        return found


def due(step: int) -> int | None:
    """Tell which page is to be filled after a step; None if none is."""
    page = (step // _FIRST).bit_length() - 1
    return page if 0 <= page < PAGES and step == _FIRST << page else None
