"""What a run keeps on disk while it goes on, so that killed is paused.

One file, written beside its place, synced and renamed: there is always a whole one. It has the
checksums and the caution of a model file, since a run folder may come from elsewhere too.
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from pellucid import _archive
from pellucid.errors import ModelFileError

_MEMBERS = ("run.json", "state.safetensors")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The state of a run that was stopped.

    Args:
        tensors: of the learner.
        facts: everything else, as JSON: what is being fitted, choices, spent seconds, curve.
    """

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


class Checkpoint:
    """The place where one run keeps its state.

    Args:
        folder: of the run; made when first needed.
        asked: what identifies the run, as JSON: data and options. A checkpoint of another run is
            not taken up.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]) -> None:
        self.folder = folder
        self.path = folder / "checkpoint"
        self.asked = json.loads(json.dumps(asked))

    def keep(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write the state; the one before stays until this one is whole.

        Raises:
            SavingError: if the disk does not take it.
        """
        with contextlib.suppress(OSError):  # the write itself says what is wrong
            self.folder.mkdir(parents=True, exist_ok=True)
        solid = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        document = {"asked": self.asked, **facts}
        members = (_archive.to_json(document), save_tensors(solid))
        _archive.write(self.path, dict(zip(_MEMBERS, members, strict=True)))

    def find(self) -> tuple[Kept | None, str]:
        """Take up the state of the same run, if there is one.

        Returns:
            The state, or None; and a sentence about it, "" where there was nothing.
        """
        if not self.path.exists():
            return None, ""
        try:
            members = _archive.read(self.path, _MEMBERS)
            facts = json.loads(members["run.json"])
            tensors = load_tensors(members["state.safetensors"])
        except (ModelFileError, ValueError, OSError) as error:
            return None, f"the checkpoint cannot be used, starting anew ({error})"
        if facts.pop("asked", None) != self.asked:
            return (
                None,
                f"{self.path} belongs to another run (data or options differ): starting anew",
            )
        return Kept(tensors=tensors, facts=facts), (
            f"going on from step {facts['learner']['step']:,}, kept in {self.path}"
        )

    def remove(self) -> None:
        """Forget the state: the model is saved. A folder that holds something else stays."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.folder.rmdir()
