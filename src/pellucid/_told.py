"""A model in a few words: what it was asked, of what data, by which network, and how well."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pellucid import _grid

if TYPE_CHECKING:
    from pellucid.model import Model

_SHOWN = 8  # classes that are named


def lines(model: "Model") -> list[tuple[str, str]]:
    """Give names and what they stand for."""
    shape = " × ".join(str(length) for length in model.schema.shape)
    classes = model.schema.classes
    network = " ".join(str(value) for value in model.built.values())
    weights = sum(weight.numel() for weight in model.network.parameters())
    return [
        ("task", f"{model.task.name} {model.schema.target}".rstrip()),
        ("kind", f"{model.kind.name}, {shape}"),
        *([("classes", f"{len(classes)}: {_some(classes)}")] if classes else []),
        ("network", f"{network}, {weights:,} weights"),
    ]


def score_rows(model: "Model") -> _grid.Rows:
    """Give the scores of the run beside the guess; nothing if there are none."""
    summary = model.record.get("summary", {})
    scores = summary.get("scores", {})
    return _grid.score_rows(scores, summary.get("guess", {})) if scores else []


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
