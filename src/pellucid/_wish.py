"""What a user asks of one run, beside the data."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pellucid.data import Ask
from pellucid.tasks import Task
from pellucid.training.budget import Budget
from pellucid.training.checkpoint import Checkpoint
from pellucid.training.choosing import place_of


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
    unpaired: Any = None

    def ask(self, *, memory: int, reading: float) -> Ask:
        """Say what reading must know.

        Args:
            memory: bytes that encoded data may take.
            reading: seconds that decoding may take.
        """
        return Ask(
            target=self.target,
            group=self.group,
            seconds=self.limits.seconds or 600.0,
            memory=memory,
            reading=reading,
            further=not self._goes_on(),
            ahead=self.horizon,
            past=self.past,
        )

    def checkpoint(self, task: Task, split: str) -> Checkpoint | None:
        """Give the place where the state of this run is kept; None if nothing is to be saved.

        Args:
            task: with the schema; a state belongs to one task, schema and wish.
            split: fingerprint of what is learned from and held out.
        """
        if self.out is None:
            return None
        own = place_of(self.network) if isinstance(self.network, nn.Module) else self.network
        asked = {
            "split": split,
            "schema": task.schema.to_json(),
            "task": task.name,
            "network": own,
            "steps": self.limits.steps,
            "seconds": self.limits.seconds,
            "seed": self.limits.seed,
            "torch": torch.__version__,
        }
        return Checkpoint(_beside(self.out), asked)

    def _goes_on(self) -> bool:
        """Tell whether this call likely continues a run that was stopped."""
        return self.out is not None and Checkpoint(_beside(self.out), {}).path.exists()


def _beside(out: Path) -> Path:
    return out.with_name(out.name + ".run")
