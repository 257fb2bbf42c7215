"""What of a model goes into its file: weights as safetensors, the rest as plain JSON."""

import math
import platform
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import _archive, _loading

if TYPE_CHECKING:
    from pellucid.model import Model


def weights(network: nn.Module) -> bytes:
    """Write all that a network saves, whatever device it is on."""
    from safetensors.torch import save

    whole: nn.Module = getattr(network, "_orig_mod", network)  # what torch.compile wraps
    _loading.form_of(whole)
    # Clones: two names of one tensor are two tensors in the file.
    form = torch.contiguous_format
    return save(
        {
            name: value.detach().cpu().clone(memory_format=form)
            for name, value in whole.state_dict().items()
        }
    )


def document(model: "Model") -> dict[str, Any]:
    """Give all of a model that is no weight, no case and no measure of trust."""
    return {
        "format": _archive.FORMAT,
        "versions": {
            "pellucid": sys.modules["pellucid"].__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "task": model.task.name,
        "schema": model.schema.to_json(),
        "built": model.built,
        "numerics": model.numerics,
        "views": model.views,
        "calibration": model.calibration,
        "record": model.record,
    }


def plain(given: Any) -> Any:
    """Turn a record into plain JSON types; what JSON cannot say must not cost a finished run."""
    if isinstance(given, Mapping):
        return {str(name): plain(value) for name, value in given.items()}
    if isinstance(given, np.ndarray | Tensor | np.generic):
        return plain(given.tolist())
    if isinstance(given, list | tuple):
        return [plain(value) for value in given]
    if isinstance(given, float):
        return given if math.isfinite(given) else None
    return given if given is None or isinstance(given, bool | int | str) else str(given)
