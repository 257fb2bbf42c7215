"""Networks that are small enough to explain by hand, and what is needed around them."""

import numpy as np
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Parts, Schema
from pellucid.explaining import Case, Subject


class Formula(nn.Module):
    """A network that computes what it is told: numbers (B, C) in, a number (B, 1) out."""

    def __init__(self, formula):
        super().__init__()
        self.formula = formula

    def forward(self, x):
        return self.formula(x)[:, None]


def subject(network, shape, *, cardinalities=(), classes=(), calibration=None):
    """A subject whose number is the output itself, or log-odds where there are classes."""
    task = registry.task["classify" if classes else "regress"]
    schema = Schema(kind="table", shape=shape, cardinalities=cardinalities, classes=classes)
    return Subject(
        network=network.eval(),
        task=task(schema),
        kind=registry.kind["table"](),
        calibration=calibration or {},
        numerics={"dtype": "float32"},
    )


def case(x, blanks, *, of=None, which=0, seed=0):
    """One example; every number is a part of its own unless `of` says otherwise."""
    of = np.arange(x.numel()).reshape(x.shape) if of is None else np.asarray(of)
    names = tuple(f"part {place}" for place in range(int(of.max()) + 1))
    parts = Parts(of=of, names=names, where=names)
    return Case(x=x, parts=parts, blanks=blanks, which=which, seed=seed)


def change(subject, case):
    """What the example adds to the number explained over its blanks."""
    ends = torch.stack([torch.ones(len(case.parts)), torch.zeros(len(case.parts))]).bool()
    shown, hidden = subject.shown(case, ends, exact=True).tolist()
    return shown - hidden


def grid(height, width, side):
    """Square parts of a picture, (1, height, width)."""
    rows, columns = np.mgrid[:height, :width]
    return (rows // side * (width // side) + columns // side)[None]
