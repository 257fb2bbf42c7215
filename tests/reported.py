"""A model with all that a report looks at, known by hand, for the tests of reports."""

import io
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image
from torch import nn

from pellucid.data import Examples, Fault, Kind, Schema
from pellucid.explaining._evidence import (
    Change,
    Contrast,
    Explanation,
    Faithfulness,
    Neighbour,
    Part,
)
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

CLASSES = ("rose", "tulip", "<script>alert(1)</script>")


class Plain(Kind):
    """Examples that are what a network takes: the few things that a report asks of a kind."""

    name = "plain"

    def keys(self, examples):
        return np.arange(len(examples), dtype=np.uint64)

    def take(self, examples, places):
        return examples.replace(
            names=[examples.names[place] for place in places],
            raw=examples.raw[places],
            targets=None if examples.targets is None else examples.targets[places],
            sides=None if examples.sides is None else examples.sides[places],
            faults=(),
        )

    def columns(self, examples):
        return {"bright": examples.raw[:, 0].astype(np.float64)}

    def restore(self, stored, schema):
        return Examples(kind="plain", names=[str(n) for n in range(len(stored))], raw=stored)

    def tensor(self, stored, schema):
        return stored

    def views(self, x, schema):
        return [x]


Plain.__abstractmethods__ = frozenset()  # what a report does not ask for is left out


class Told:
    """Explains everything in the same words."""

    def __init__(self, *, reliable=True):
        self.subject = SimpleNamespace()
        self.trust = {}
        self.reliable = reliable

    def explain(self, examples, place):
        parts = [("top left", 1.5), ("the <b>middle</b>", 0.4), ("bottom", -0.7)]
        (answer,) = Classify(schema_of_flowers()).answers(
            torch.tensor([[4.0, 1.0, 0.0]]), {}, level=0.9
        )
        return Explanation(
            name=examples.names[place],
            answer=answer,
            about="rose",
            unit="nats of log-odds",
            number=2.2,
            blank_number=1.0,
            blank="grey",
            method="shapley",
            sums=True,
            reliable=self.reliable,
            reason="" if self.reliable else "covering its parts in any other order does as much",
            faithfulness=Faithfulness(value=0.42, low=0.3, high=0.5),
            parts=tuple(Part(name=name, share=share, where=name) for name, share in parts),
            neighbours=(
                Neighbour(name="a.jpg", target="tulip", similarity=0.9, influence=0.7, place=3),
            ),
            contrast=Contrast(
                answer="tulip",
                changes=(Change(name="top left", where="top left", given="", needed="as there"),),
                found=True,
                like="a.jpg",
                number=2.2,
                after=-1.0,
            ),
            picture=a_picture(),
        )


@dataclass(kw_only=True, eq=False)
class Pretended:
    """What a report knows a model by."""

    task: object
    network: nn.Module
    kind: object = field(default_factory=Plain)
    built: dict = field(default_factory=lambda: {"network": "linear", "size": 1})
    calibration: dict = field(default_factory=dict)
    record: dict = field(default_factory=dict)
    numerics: dict = field(default_factory=lambda: {"dtype": "float32", "channels_last": False})
    views: bool = False
    cases: object = None
    trust: dict = field(default_factory=dict)
    why: Told = field(default_factory=Told)

    @property
    def schema(self):
        return self.task.schema

    def outputs(self, examples):
        return self.network(torch.from_numpy(examples.raw))


class Signs(nn.Module):
    """Outputs that lean to the class whose number is the largest, as far as `slope` says."""

    def __init__(self, slope):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(float(slope)), requires_grad=False)

    def forward(self, x):
        return x * self.slope


def schema_of_flowers():
    return Schema(
        kind="plain",
        shape=(3,),
        target="flower",
        classes=CLASSES,
        shares=(0.5, 0.4, 0.1),
    )


def flowers(*, slope=3.0, record=None, **changes):
    """A model of three classes, one of them named by somebody who means harm."""
    fields = {
        "task": Classify(schema_of_flowers()),
        "network": Signs(slope),
        "record": a_record() if record is None else record,
        "trust": {
            "method": "shapley",
            "scores": {
                "shapley": {"value": 0.44, "low": 0.39, "high": 0.49, "seconds": 0.21},
                "occlusion": {"value": 0.31, "low": 0.25, "high": 0.37, "seconds": 0.05},
                "integrated_gradients": {"value": 0.2, "low": -0.1, "high": 0.3, "seconds": None},
            },
            "cases": 24,
            "randomised": 0.12,
        },
    }
    return Pretended(**{**fields, **changes})


def prices(**changes):
    """A model of one number."""
    schema = Schema(kind="plain", shape=(1,), target="price", mean=100.0, scale=20.0)
    return Pretended(**{"task": Regress(schema), "network": Signs(0.9), **changes})


def some_flowers(count=400, *, seed=0, wrong=0.1):
    """Examples whose largest number says the class, but for a share of them."""
    random = np.random.default_rng(seed)
    y = random.choice(3, count, p=[0.5, 0.4, 0.1])
    raw = (np.eye(3)[y] + 0.25 * random.normal(size=(count, 3))).astype(np.float32)
    y = np.where(random.random(count) < wrong, (y + 1) % 3, y)
    return Examples(
        kind="plain",
        names=[f"garden/<i>{place}</i>.jpg" for place in range(count)],
        raw=raw,
        targets=np.array(CLASSES, dtype=object)[y],
        faults=(Fault(name="garden/<u>x</u>.jpg", reason="cut short after 812 bytes"),),
    )


def some_prices(count=300):
    random = np.random.default_rng(0)
    raw = random.normal(size=(count, 1)).astype(np.float32)
    targets = 100 + 20 * (raw[:, 0] + 0.3 * random.normal(size=count))
    names = [f"row {place}" for place in range(count)]
    return Examples(kind="plain", names=names, raw=raw, target="price", targets=targets)


def a_picture():
    """A small PNG."""
    kept = io.BytesIO()
    ramp = np.linspace(0, 255, 64 * 48, dtype=np.uint8).reshape(48, 64)
    Image.fromarray(ramp).resize((256, 192), Image.Resampling.BILINEAR).save(kept, "png")
    return kept.getvalue()


def a_record():
    """The record of a run, as `pellucid fit` writes it."""
    seconds = np.linspace(1.6, 55, 40)
    scores = {
        "accuracy": {"value": 0.934, "low": 0.921, "high": 0.945},
        "balanced_accuracy": {"value": 0.912, "low": 0.895, "high": 0.929},
        "log_loss": {"value": 0.21, "low": 0.18, "high": 0.24},
        "ece": {"value": 0.011, "low": 0.004, "high": 0.02},
    }
    guess = {"accuracy": 0.5, "balanced_accuracy": 0.3333, "log_loss": 0.94, "ece": 0.001}
    return {
        "summary": {
            "task": "classify",
            "target": "flower",
            "kind": "plain",
            "network": {"network": "linear", "size": 1},
            "weights": 188744,
            "n_train": 3670,
            "n_valid": 1500,
            "scores": scores,
            "guess": guess,
            "test": {"n": 200, "scores": scores, "guess": guess},
            "seconds": 57.1,
            "budget": 60.0,
            "steps": 1484,
            "passes": 12.65,
            "reason": "",
        },
        "choice": {
            "reason": "linear of size 1 will see every example about 11.8 times (it wants 9.03)",
            "tried": [
                {
                    "network": "linear",
                    "size": 1,
                    "batch": 256,
                    "dtype": "float32",
                    "microseconds_per_example": 15.7,
                    "passes": 11.75,
                    "wanted": 9.03,
                },
                {
                    "network": "linear",
                    "size": 2,
                    "batch": 256,
                    "dtype": "float32",
                    "microseconds_per_example": 23.6,
                    "passes": 7.78,
                    "wanted": 9.03,
                },
            ],
        },
        "data": {
            "fingerprint": "3f15f20ee8372bdc9f16fe4475238c9e",
            "faults": 1,
            "first_faults": [{"name": "garden/<u>y</u>.jpg", "reason": "is empty"}],
            "notes": ["adult.data has no header: its columns are called 1 to 15"],
        },
        "clock": {
            "starting": 1.4,
            "reading": 3.2,
            "choosing": 0.9,
            "training": 50.1,
            "calibrating": 1.5,
        },
        "training": {
            "batch": 256,
            "pieces": 1,
            "seed": 0,
            "numerics": {"device": "cpu", "dtype": "float32", "channels_last": False},
        },
        "said": ["1,500 of 5,170 examples (29 %) are held out"],
        "curve": {
            "seconds": seconds.tolist(),
            "loss": (0.3 + np.exp(-seconds / 9)).tolist(),
            "score_seconds": seconds[::5].tolist(),
            "score": (0.934 - 0.4 * np.exp(-seconds[::5] / 8)).tolist(),
            "metric": "accuracy",
            "guess": 0.5,
            "budget": 60.0,
        },
        "machine": {
            "system": "Linux",
            "cores": 2,
            "torch": "2.13.0",
            "python": "3.11.7",
            "date": "2026-11-22 18:06:18 +0000",
        },
    }
