"""Pictures that a network made become pictures that a person can look at.

Letters: N examples, C channels, H height, W width.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from pellucid.data import Group, Schema
from pellucid.data._lettering import png
from pellucid.data._picture_sheet import draw_sheet

_SIDE = 84  # pixels of a picture on a sheet; more if it is larger itself
_ACROSS = 12  # pictures side by side
_WIDEST = 1400  # pixels of a sheet
_FRAME = 80  # milliseconds
_FILM = 224  # pixels of a film's shorter side at least


def pixels_of(x: Float[Tensor, "N C H W"], schema: Schema) -> UInt8[np.ndarray, "N H W C"]:
    """Give the bytes that `Image.tensor` would turn into x, rounded and cut to what there is."""
    std = torch.tensor(schema.details["std"], device=x.device)
    mean = torch.tensor(schema.details["mean"], device=x.device)
    bytes_of = (x.permute(0, 2, 3, 1).float() * std + mean).round().clamp(0, 255)
    return bytes_of.nan_to_num(0).to(torch.uint8).cpu().numpy()


def as_file(picture: UInt8[np.ndarray, "H W C"]) -> bytes:
    """Give one picture as a PNG file, grey if it has one channel."""
    from PIL import Image

    return png(Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture))


def drawn_sheet(
    pixels: UInt8[np.ndarray, "N H W C"], groups: Sequence[Group], captions: Sequence[str]
) -> bytes:
    """Draw pictures under the titles of their groups, as many side by side as there is room for."""
    side = max(_SIDE, *pixels.shape[1:3])
    most = max(4, min(_ACROSS, _WIDEST // side))
    return draw_sheet(pixels, groups, captions, most=most, side=side)


def as_film(pixels: UInt8[np.ndarray, "N H W C"]) -> bytes:
    """Show pictures one after the other, again and again, as a GIF."""
    from PIL import Image

    larger = max(1, -(-_FILM // max(1, min(pixels.shape[1:3]))))
    frames: list[Any] = [
        Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        for picture in pixels.repeat(larger, axis=1).repeat(larger, axis=2)
    ]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=_FRAME, loop=0)
    return file.getvalue()
