"""What a user asks of one run, beside the data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pellucid.training.budget import Budget


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """One wish; None for what was left to be chosen."""

    task: str | None
    target: str | None
    group: str | None
    network: str | nn.Module | None
    valid: Any
    limits: Budget
    device: str
    out: Path | None
    cases: bool
    horizon: int | None = None
    past: int | None = None
