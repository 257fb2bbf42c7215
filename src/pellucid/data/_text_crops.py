"""Windows into stretches of a text, drawn by chance for a step of training.

Letters: B batch, T tokens.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def cropped(
    x: Float[Tensor, "B T"], crop: int, generator: torch.Generator
) -> Float[Tensor, "B crop"]:
    """Give a window of each stretch; every token is equally likely to be in one, nearly.

    Args:
        x: codes; 0 after the end of a shorter stretch.
        crop: length of the windows; shorter where all stretches are.
        generator: on the CPU.
    """
    crop = min(crop, x.shape[1])
    places = torch.arange(1, x.shape[1] + 1, device=x.device)
    sizes = (x.ne(0) * places).amax(dim=1).cpu()
    spare = (sizes - crop).clamp(min=0)
    # Drawn from half a window before to half a window after and brought back: otherwise the ends of
    # a stretch, which few windows reach, would hardly be learned from.
    drawn = torch.rand(len(x), generator=generator) * (spare + crop) - crop / 2
    starts = torch.minimum(drawn.round().clamp(min=0).long(), spare).to(x.device)
    return x.gather(1, starts[:, None] + torch.arange(crop, device=x.device))
