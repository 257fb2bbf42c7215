"""How numbers are stored and multiplied on the device at hand.

On a CPU with bfloat16 instructions, half-width products in channels-last layout made training steps
of convolutions about twice as fast as float32 (EXPERIMENTS.md); weights stay float32 everywhere.
"""

import ctypes
import platform
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from pellucid.errors import BadInputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Numerics:
    """The cheapest arithmetic that is good enough.

    Args:
        device: "cpu", "cuda" or "mps".
        dtype: of products: "float32" or "bfloat16"; weights and losses are float32 always.
        channels_last: whether pictures lie with their channels side by side.
    """

    device: str = "cpu"
    dtype: str = "float32"
    channels_last: bool = False

    def autocast(self) -> AbstractContextManager[Any]:
        """Give the context in which outputs are computed."""
        low = self.dtype == "bfloat16"
        return torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16, enabled=low)

    def place(self, network: nn.Module) -> nn.Module:
        """Move a network to the device, in the layout that is fastest there."""
        if self.channels_last:
            return network.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.to(self.device)

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON types."""
        return asdict(self)


def choose_device(wish: str) -> str:
    """Give the device that a user's wish means here; "auto" takes a GPU where there is one.

    Raises:
        BadInputError: if the device is not there.
    """
    there = ["cpu"]
    there += ["cuda"] if torch.cuda.is_available() else []
    there += ["mps"] if torch.backends.mps.is_available() else []
    if wish == "auto":
        return "cuda" if "cuda" in there else "cpu"
    if wish.partition(":")[0] not in there:
        raise BadInputError(
            given=f"device {wish!r}",
            needed=f"one of {', '.join(there)} on this machine",
            remedy="leave --device out, or write `--device cpu`",
        )
    return wish


def suited(network: nn.Module, device: str) -> Numerics:
    """Give the numerics a network is likely to run fastest in, by its layers and the device."""
    convolves = any(isinstance(module, nn.Conv2d) for module in network.modules())
    gains = convolves or any(getattr(module, "half_width", False) for module in network.modules())
    low = device.startswith("cuda") or (device == "cpu" and gains and has_bfloat16())
    return Numerics(device=device, dtype="bfloat16" if low else "float32", channels_last=convolves)


def has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 in hardware."""
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if asked is not None and asked():
        return True
    return platform.machine() in {"arm64", "aarch64"} and platform.system() == "Darwin"


def keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next step instead of giving it back each time.

    A step frees and takes the same large arrays; fetching fresh zeroed pages each time cost 14 % of
    a training step (EXPERIMENTS.md). Does nothing where the C library is not glibc.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # from malloc.h
    library = ctypes.CDLL(None)
    library.mallopt(mmap_threshold, 32 << 20)
    library.mallopt(trim_threshold, 512 << 20)
    library.mallopt(top_pad, 64 << 20)
