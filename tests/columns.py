"""Data, networks and explainers whose reasons can be read off, for tests of explanations."""

import dataclasses

import numpy as np
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Examples, Kind, Parts, Schema
from pellucid.explaining import Case, Explainer, Subject
from pellucid.explaining._cases import Cases
from pellucid.registry import Registry
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

FLOAT32 = {"dtype": "float32"}


class Columns(Kind):
    """Rows of numbers, each a part of its own."""

    name = "columns"
    offered = staticmethod(lambda x: {"nothing": torch.zeros(1, *x.shape)})

    def tensor(self, stored, schema):
        return stored

    def restore(self, stored, schema):
        return Examples(
            kind="columns", names=[str(each) for each in range(len(stored))], raw=stored
        )

    def parts(self, examples, schema):
        return [each_number(schema.shape[0])] * len(examples)

    def blanks(self, x, schema, others):
        return type(self).offered(x)


Columns.__abstractmethods__ = frozenset()


class Sum(nn.Module):
    """Log-odds of the first of two classes that are a weighted sum."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))

    def forward(self, x):
        number = x @ self.weights
        return torch.stack([number, torch.zeros_like(number)], dim=1)


class One(Sum):
    """A number that is a weighted sum."""

    def forward(self, x):
        return (x @ self.weights)[:, None]


class Exact(Explainer):
    name = "exact"
    sums = True

    def shares(self, subject, case):
        subject.asked(case.x[None])
        towards = 1 - 2 * case.which  # the second class speaks against the first
        added = subject.network.weights * (case.x - case.blanks[0])
        return towards * case.gathered(added.detach())


class Exhausting(Exact):
    name = "exhausting"

    def shares(self, subject, case):
        subject.asked(case.x.expand(500, -1))
        return super().shares(subject, case)


class Random(Explainer):
    name = "random"
    sums = False

    def shares(self, subject, case):
        subject.asked(case.x.expand(100, -1))
        return torch.randn(len(case.x), generator=torch.Generator().manual_seed(case.seed))


class Largest(Explainer):
    name = "largest"
    sums = False

    def shares(self, subject, case):
        return case.x.abs()


class Turning(Exact):
    name = "turning"

    def shares(self, subject, case):
        turned = -1 if bool((case.x != case.x.round()).any()) else 1
        return turned * super().shares(subject, case)


def each_number(count):
    names = tuple(f"column {place}" for place in range(count))
    return Parts(of=np.arange(count), names=names, where=names)


def subject_of(weights, network=Sum, **schema):
    made = Schema(kind="columns", shape=(len(weights),), classes=("yes", "no"), **schema)
    if network is One:
        task = Regress(dataclasses.replace(made, classes=(), target="price"))
    else:
        task = Classify(made)
    return Subject(
        network=network(weights).eval(), task=task, kind=Columns(), calibration={}, numerics=FLOAT32
    )


def case_of(x, *, seed=0, which=0, blank=0.0):
    x = torch.tensor(x)
    blanks = torch.full((1, len(x)), blank)
    return Case(x=x, parts=each_number(len(x)), blanks=blanks, which=which, seed=seed)


def four():
    """Four parts that add 4, 3, 2 and 1 to the log-odds, the larger the less x is."""
    return subject_of([4.0, 1.5, 2 / 3, 0.25]), case_of([1.0, 2.0, 3.0, 4.0])


def many(seed, count=16):
    generator = torch.Generator().manual_seed(seed)
    subject = subject_of(torch.randn(count, generator=generator).tolist())
    x = torch.randn(count, generator=generator).tolist()
    return subject, case_of(x, seed=seed), torch.randn(count, generator=generator)


def known_explainers(monkeypatch, *classes):
    made = Registry("explainer", "pellucid.explaining")
    made._filled = True
    for each in classes:
        made(each.name)(each)
    monkeypatch.setattr(registry, "explainer", made)


def cases_of(rows):
    rows = np.asarray(rows, dtype=np.float32)
    names = tuple(str(each) for each in range(len(rows)))
    y = torch.zeros(len(rows), dtype=torch.int64)
    return Cases(stored=rows[:0], y=y[:0], names=(), held=rows, held_y=y, held_names=names)
