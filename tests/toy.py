"""A kind of data and a network that are small enough to see through, for tests of later stages."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Ask, Examples, Fault, Kind, Parts, Schema
from pellucid.errors import BadInputError
from pellucid.model import Model
from pellucid.networks import Recipe, recipe
from pellucid.tasks.classify import Classify


class Toy(Kind):
    """Files of four numbers, and a word behind them where the class is known."""

    name = "toy"

    def recognises(self, source):
        return 0.0

    def read(self, source, ask: Ask):
        paths = source if isinstance(source, list) else [source]
        found = [file for path in paths for file in _files(Path(path))]
        rows, faults = [], []
        for path in found:
            parts = path.read_text().split()
            if len(parts) < 4:
                faults.append(Fault(name=str(path), reason=f"holds {len(parts)} of 4 numbers"))
            else:
                rows.append((str(path), parts[:4], parts[4] if len(parts) > 4 else None))
        if not rows:
            raise BadInputError(
                given=f"no file of {source} can be used", needed="4 numbers", remedy="write them"
            )
        names, numbers, words = zip(*rows, strict=True)
        sides = np.array([Path(name).parent.name for name in names], dtype=object)
        return Examples(
            kind="toy",
            names=names,
            raw=np.array(numbers, dtype=np.float32),
            targets=np.array(words, dtype=object) if any(words) else None,
            sides=sides if (sides == "test").any() else None,
            faults=tuple(faults),
        )

    def read_array(self, raw, names):
        return Examples(kind="toy", names=names, raw=raw)

    def take(self, examples, places):
        return examples.replace(
            names=[examples.names[place] for place in places],
            raw=examples.raw[places],
            targets=None if examples.targets is None else examples.targets[places],
            sides=None if examples.sides is None else examples.sides[places],
            faults=(),
        )

    def keys(self, examples):
        return np.arange(len(examples), dtype=np.uint64)

    def describe(self, examples):
        return Schema(kind="toy", shape=(4,))

    def encode(self, examples, schema):
        return examples.raw

    def tensor(self, stored, schema):
        return stored

    def views(self, x, schema):
        return [x, -x]

    def draw(self, examples, places):
        return b""

    def parts(self, examples, schema):
        names = ("one", "two", "three", "four")
        return [Parts(of=np.arange(4), names=names, where=names)] * len(examples)

    def blanks(self, x, schema, others):
        return {"zero": torch.zeros_like(x)[None]}

    def restore(self, stored, schema):
        return self.read_array(stored, [f"case {place}" for place in range(len(stored))])

    def paint(self, examples, place, parts, shares):
        return b""

    @classmethod
    def specimen(cls, folder):
        return folder


class Bent(nn.Module):
    """Two layers, batch norm between, and a table of values that is not saved."""

    def __init__(self, outputs, width):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, outputs)
        )
        self.register_buffer("shift", torch.arange(4.0), persistent=False)

    def forward(self, x):
        return self.layers(x + self.shift)


@recipe(Recipe(sizes=3))
def build(schema, outputs, *, size):
    return Bent(outputs, 8 * size)


def known_to(patch):
    """Make the toy kind and network known for as long as the patch lasts."""
    for members, entry in ((registry.kind, Toy), (registry.network, build)):
        assert "toy" not in members
        patch.setitem(members._entries, "toy", entry)
        patch.setitem(members._takes, "toy", ("toy",))


def toy_model(**changes):
    """A model whose weights are random, calibrated on random outputs."""
    torch.manual_seed(0)
    classes = ("rose", "tulip", "aster")
    task = Classify(Schema(kind="toy", shape=(4,), classes=classes, shares=(0.5, 0.3, 0.2)))
    network = build(task.schema, 3, size=1)
    network(torch.randn(64, 4))  # moves the running means of the batch norm
    fields = {
        "network": network.eval(),
        "task": task,
        "kind": Toy(),
        "built": {"network": "toy", "size": 1},
        "calibration": task.calibrate(torch.randn(200, 3), torch.randint(3, (200,))),
        "record": {"seconds": 12.5, "notes": ["a", None]},
    }
    return Model(**{**fields, **changes})


def _files(path):
    return sorted(path.rglob("*.toy")) if path.is_dir() else [path]
