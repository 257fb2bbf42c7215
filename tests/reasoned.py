"""A small model that explains itself in no time, and explanations made by hand."""

import io

import pytest
import torch
from PIL import Image as Pillow

import pellucid
from pellucid import registry
from pellucid.data.table import Table
from pellucid.explaining import Explainer
from pellucid.explaining._evidence import (
    Change,
    Contrast,
    Explanation,
    Faithfulness,
    Neighbour,
    Part,
)
from pellucid.tasks.classify import Classification

ROW = {"age": 30, "hours": 40.5, "work": "office", "since": "2020-01-15"}
ROSE = Classification(
    label="rose",
    probability=0.75,
    set=("rose", "tulip"),
    probabilities={"rose": 0.75, "tulip": 0.25},
)


class Alone(Explainer):
    """What the number loses when one part alone is covered."""

    name = "alone"
    sums = False

    def shares(self, subject, case):
        count = len(case.parts)
        whole = subject.shown(case, torch.ones(1, count, dtype=torch.bool))
        return whole - subject.shown(case, ~torch.eye(count, dtype=torch.bool))


def learned(folder, patch):
    """Learn the specimen of a table, save the model, and let `Alone` speak for it.

    Returns:
        The path of the model and of the table.
    """
    assert "alone" not in registry.explainer
    patch.setitem(registry.explainer._takes, "alone", ())
    data = Table.specimen(folder / "data")
    with pytest.MonkeyPatch.context() as briefly:  # measuring all explainers would take long
        briefly.setattr(registry.explainer, "_entries", {"alone": Alone})
        model = pellucid.fit(data, steps=20)
    patch.setitem(registry.explainer._entries, "alone", Alone)
    model.save(folder / "m.pellucid")
    return folder / "m.pellucid", data


def png(colour=(200, 30, 30)):
    kept = io.BytesIO()
    Pillow.new("RGB", (8, 6), colour).save(kept, "png")
    return kept.getvalue()


def explained(**changes):
    """An explanation with ten parts, of which eight are shown first."""
    shares = [2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.01, 0.01, -0.25, -1.0]
    fields = {
        "name": "rose.jpg",
        "answer": ROSE,
        "about": "rose",
        "unit": "nats of log-odds",
        "number": 1.1,
        "blank_number": -2.07,
        "blank": "blurred",
        "method": "shapley",
        "sums": True,
        "reliable": True,
        "reason": "",
        "faithfulness": Faithfulness(value=0.5, low=0.25, high=0.75, checks={"gap": 0.001}),
        "parts": tuple(
            Part(name=f"part {place}", share=share, where=[place, 2, 3, 4])
            for place, share in enumerate(shares)
        ),
        "neighbours": (
            Neighbour(name="a.jpg", target="rose", similarity=0.9, influence=1.0, place=4),
            Neighbour(name="b.jpg", target="tulip", similarity=0.8, influence=-0.5, place=7),
        ),
        "contrast": Contrast(
            answer="tulip",
            changes=(Change(name="hours", where="hours", given="40", needed="52"),),
            found=True,
            like="b.jpg",
            number=1.1,
            after=-0.3,
        ),
        "picture": png(),
    }
    return Explanation(**{**fields, **changes})
