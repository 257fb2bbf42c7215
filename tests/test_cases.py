"""Evidence from training cases: neighbours, influence, contrast, and the cases that are kept."""

import json
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
import torch
import torch.nn.functional as F
from asking import asked
from safetensors.numpy import save
from torch import nn

from pellucid import registry
from pellucid.data import Ask, Examples, Kind, Parts, Schema
from pellucid.data._table_telling import tell
from pellucid.data.table import Table
from pellucid.explaining import Case, Subject
from pellucid.explaining._cases import Cases, choose
from pellucid.explaining._features import MOST, _folded, features
from pellucid.explaining.contrast import contrast
from pellucid.explaining.influence import Influence, curvature, slopes
from pellucid.explaining.neighbours import Recall, neighbours
from pellucid.networks._committee import Committee
from pellucid.networks.linear import Linear
from pellucid.networks.mlp import build as build_mlp
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress


class Cells(Kind):
    """Rows of numbers, each a part of its own."""

    name = "cells"

    def recognises(self, source):
        return 0.0

    def read(self, source, ask):
        raw = np.asarray(source, dtype=np.float32)
        return Examples(kind="cells", names=[f"row {place}" for place in range(len(raw))], raw=raw)

    def take(self, examples, places):
        return examples.replace(names=["row"] * len(places), raw=examples.raw[places])

    def keys(self, examples):
        return np.arange(len(examples), dtype=np.uint64)

    def describe(self, examples):
        return Schema(kind="cells", shape=examples.raw.shape[1:])

    def encode(self, examples, schema):
        return examples.raw

    def tensor(self, stored, schema):
        return stored.float()

    def draw(self, examples, places):
        return b""

    def parts(self, examples, schema):
        names = tuple(f"number {place}" for place in range(schema.shape[0]))
        return [Parts(of=np.arange(len(names)), names=names, where=names)] * len(examples)

    def blanks(self, x, schema, others):
        return {"nothing": torch.zeros_like(x)[None]}

    def restore(self, stored, schema):
        return self.read(stored, Ask())

    def paint(self, examples, place, parts, shares):
        return b""

    def tell(self, examples, place, parts):
        return tuple(f"{value:g}" for value in examples.raw[place])

    @classmethod
    def specimen(cls, folder):
        return folder


CLASSES = ("rose", "tulip", "aster")


def subject_of(network, task, kind=None):
    return Subject(
        network=network.eval(),
        task=task,
        kind=kind or Cells(),
        calibration={},
        numerics={"dtype": "float32", "channels_last": False},
    )


def classify(*shape, classes=CLASSES, kind="cells", **more):
    return Classify(Schema(kind=kind, shape=shape, classes=classes, **more))


def regress(*shape, mean=0.0, scale=1.0):
    return Regress(Schema(kind="cells", shape=shape, target="price", mean=mean, scale=scale))


def weighing(*rows, bias=None):
    """A linear network with these weights."""
    layer = nn.Linear(len(rows[0]), len(rows))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(rows))
        layer.bias.copy_(torch.zeros(len(rows)) if bias is None else torch.tensor(bias))
    return layer


def cases_of(x, y, held=None, held_y=None):
    x = np.asarray(x, dtype=np.float32)
    held = x[:0] if held is None else np.asarray(held, dtype=np.float32)
    y = torch.as_tensor(y)
    held_y = y[:0] if held_y is None else torch.as_tensor(held_y)
    names = tuple(f"case {place}" for place in range(len(x)))
    return Cases(
        stored=x, y=y, names=names, held=held, held_y=held_y, held_names=("held",) * len(held)
    )


# The cases that are kept


def chosen(y, count_held=4000, width=4, **more):
    y = torch.as_tensor(y)
    stored = np.arange(len(y) * width, dtype=np.float32).reshape(-1, width)
    names = [f"row {place}" for place in range(len(y))]
    held = slice(0, count_held)
    return choose(stored, y, names, stored[held], y[held], names[held], seed=3, **more)


def test_a_rare_class_is_kept_and_the_others_stay_as_frequent_as_they_are():
    y = torch.zeros(40_000, dtype=torch.int64)
    y[::4], y[7::2000] = 1, 2

    kept = chosen(y)

    counts = torch.bincount(kept.y).tolist()
    assert (len(kept), len(kept.held)) == (2000, 256)
    assert counts[2] == 20  # all of them
    # 490 of each by even shares, and of the other 1,000 about a quarter of class 1.
    assert counts[1] == pytest.approx(490 + 1000 * (10_000 - 490) / 39_000, abs=45)


def test_numbers_of_the_whole_range_are_kept():
    y = torch.cat([torch.zeros(50_000), torch.linspace(0, 10, 100)])

    kept = chosen(y[torch.randperm(len(y))])

    assert (kept.y > 0.5).sum() >= 90


def test_cases_keep_their_targets_and_names_and_repeat():
    y = torch.arange(5000) % 7

    kept, again = chosen(y), chosen(y)

    places = (kept.stored[:, 0] / 4).astype(int)
    assert kept.names == tuple(f"row {place}" for place in places)
    assert torch.equal(kept.y, y[torch.from_numpy(places)])
    assert np.array_equal(kept.stored, again.stored)
    assert kept.held_names == again.held_names
    assert len(set(kept.names)) == 2000


def test_cases_fit_into_the_bytes_they_may_take():
    kept = chosen(torch.arange(5000) % 7, width=512, most_bytes=500_000)
    none = chosen(torch.arange(50) % 7, width=512, most_bytes=1000)

    content, names = kept.to_members()

    assert 440_000 < len(content) + len(json.dumps(names)) < 500_000
    assert len(kept) > 3 * len(kept.held) - 4
    assert len(none) == 0


@pytest.fixture
def stored_cases(monkeypatch):
    monkeypatch.setitem(registry.kind._entries, "cells", Cells)
    task = classify(3)
    x = np.arange(18, dtype=np.float32).reshape(6, 3)
    return cases_of(x, torch.arange(6) % 3, x[:2], torch.tensor([1, 2])), task


def test_cases_come_back_from_a_file_as_they_were(stored_cases):
    cases, task = stored_cases
    content, names = cases.to_members()

    back = Cases.from_members(content, json.loads(json.dumps(names)), task.schema, task)

    assert np.array_equal(back.stored, cases.stored)
    assert torch.equal(back.held_y, cases.held_y)
    assert (back.names, back.held_names) == (cases.names, cases.held_names)
    assert back.stored.dtype == np.float32


def test_a_sample_without_a_case_comes_back_too(stored_cases):
    cases, task = stored_cases
    void = replace(cases, stored=cases.stored[:0], y=cases.y[:0], names=())

    back = Cases.from_members(*void.to_members(), task.schema, task)

    assert (len(back), len(back.held)) == (0, 2)


NAMES = {"names": ["a", "b"], "held_names": []}
WIDER = np.zeros((2, 4), np.float32)
ARRAYS = {
    "stored": np.zeros((2, 3), np.float32),
    "y": np.array([0, 2]),
    "held": np.zeros((0, 3), np.float32),
    "held_y": np.zeros(0, np.int64),
}


@pytest.mark.parametrize(
    ("arrays", "names", "clause"),
    [
        (
            {"stored": np.zeros((2, 4), np.float32), "held": np.zeros((0, 4), np.float32)},
            {},
            "shap",
        ),
        ({"stored": np.full((2, 3), np.nan, np.float32)}, {}, "finite"),
        ({"stored": np.zeros((2, 3), np.float64)}, {}, "type"),
        ({"stored": np.zeros((3, 3), np.float32)}, {}, "differ"),
        ({"stored": np.float32(0)}, {}, "no arrays"),
        ({"y": np.array([0, 3])}, {}, "cannot be"),
        ({"y": np.array([-1, 0])}, {}, "cannot be"),
        ({"y": np.zeros(2, np.float32)}, {}, "targets"),
        ({"more": np.zeros(2)}, {}, "are not"),
        ({}, {"names": ["a"]}, "differ"),
        ({}, {"names": ["a", 1]}, "no list of names"),
        ({}, {"names": "ab"}, "no list of names"),
        ({}, {"names": ["a", "b" * 10_000]}, "too long"),
    ],
)
def test_what_a_stranger_wrote_is_not_believed(stored_cases, arrays, names, clause):
    _, task = stored_cases
    content = save({name: np.asarray(array) for name, array in {**ARRAYS, **arrays}.items()})

    with pytest.raises(ValueError, match=clause):
        Cases.from_members(content, {**NAMES, **names}, task.schema, task)


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 40, save(ARRAYS)[:-1], b'@\0\0\0\0\0\0\0{"stored":'.ljust(72)]
)
def test_bytes_that_are_no_arrays_are_refused(stored_cases, content):
    _, task = stored_cases

    with pytest.raises(ValueError, match="cannot be read"):
        Cases.from_members(content, NAMES, task.schema, task)


def test_a_category_that_there_is_not_is_refused(stored_cases):
    content = save({**ARRAYS, "stored": np.float32([[0, 1, 4], [0, 1, 5]])})
    task = classify(3, cardinalities=(0, 0, 5))

    with pytest.raises(ValueError, match="category"):
        Cases.from_members(content, NAMES, task.schema, task)


def test_a_number_that_is_not_finite_is_no_target(stored_cases):
    content = save({**ARRAYS, "y": np.float32([0, np.inf]), "held_y": np.zeros(0, np.float32)})
    task = regress(3)

    with pytest.raises(ValueError, match="cannot be"):
        Cases.from_members(content, NAMES, task.schema, task)


# What the last layer sees


def test_features_are_what_the_last_layer_sees_and_the_network_is_left_alone():
    body = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True))
    network = nn.Sequential(body, nn.Linear(5, 3), nn.BatchNorm1d(3))
    subject, x = subject_of(network, classify(3)), torch.randn(9, 3)

    found = features(subject, x)

    torch.testing.assert_close(found, body(x).detach())
    assert not any(module._forward_hooks for module in network.modules())
    assert not found.requires_grad
    assert found.is_inference() is False


def test_positions_of_a_convolution_are_averaged():
    body, head = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 3, 1)
    pooling = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    subject = subject_of(nn.Sequential(body, head, pooling), classify(1, 6, 6))
    x = torch.randn(5, 1, 6, 6)

    torch.testing.assert_close(features(subject, x), body(x).mean(dim=(2, 3)).detach())


def test_members_that_come_before_the_batch_stand_side_by_side():
    task = classify(4, kind="table")
    network = build_mlp(task.schema, 3, size=1)
    x = torch.randn(6, 4)

    found = features(subject_of(network, task), x)

    hidden = torch.cat([column(x) for column in network.columns], dim=1)[None]
    for layer in network.hidden:
        hidden = F.relu(layer(hidden))
    torch.testing.assert_close(found, hidden.movedim(0, 1).flatten(1).detach())


def test_a_committee_sees_what_all_its_members_see():
    bodies = [nn.Linear(3, width) for width in (4, 5)]
    members = [nn.Sequential(body, nn.Linear(body.out_features, 3)) for body in bodies]
    x = torch.randn(7, 3)

    found = features(subject_of(Committee(members), classify(3)), x)

    expected = torch.cat([body(x) for body in bodies], dim=1).detach()
    torch.testing.assert_close(found, expected)


def test_categories_of_a_weighted_sum_are_seen_by_their_codes():
    task = classify(2, kind="table", cardinalities=(0, 3))
    x = torch.tensor([[0.5, 2.0], [-1.0, 0.0]])

    found = features(subject_of(Linear((0, 3), 3), task), x)

    assert found.tolist() == [[0, 0, 1, 0.5], [1, 0, 0, -1]]


class Steps(nn.Module):
    """Looks at the four steps of an example as if each were an example of its own."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        return self.head(x.flatten(0, 1)).view(len(x), 4, 3).sum(dim=1)


class Bare(nn.Module):
    def forward(self, x):
        return x * 2


def test_steps_that_were_folded_into_the_batch_are_averaged():
    x = torch.randn(5, 4, 2)

    torch.testing.assert_close(features(subject_of(Steps(), classify(4, 2)), x), x.mean(dim=1))


def test_a_network_without_layers_sees_the_example_itself():
    x = torch.randn(2, 3)

    torch.testing.assert_close(features(subject_of(Bare(), classify(3)), x), x)


def test_folding_keeps_who_is_like_whom():
    wide = torch.randn(8, 12_000)
    wide[1] = wide[0] + 0.5 * wide[1]

    narrow = _folded(wide)

    assert narrow.shape == (8, MOST)
    likeness = F.cosine_similarity(narrow[:1], narrow)
    torch.testing.assert_close(likeness, F.cosine_similarity(wide[:1], wide), atol=0.06, rtol=0)


# Influence


def test_influence_on_a_ridge_regression_foretells_what_leaving_out_does():
    count, decay = 60, 0.05
    h = torch.cat([torch.randn(count, 4), torch.ones(count, 1)], dim=1).double()
    y = h @ torch.randn(5).double() + torch.randn(count).double()
    task, x = regress(4), torch.randn(3, 5).double()

    def solved(keep):
        # Σ (h·w - y)² / N + decay |w|² / 2
        some = h[keep]
        whole = 2 * some.T @ some / count + decay * torch.eye(5)
        return torch.linalg.solve(whole, 2 * some.T @ y[keep] / count)

    outputs = (h @ solved(torch.ones(count, dtype=torch.bool)))[:, None].float()
    c = curvature(task, outputs, y)
    share = decay / float((2 * h.square().sum()) / (count * 5))
    influence = Influence(h.float(), slopes(task, outputs, y), c, damping=share)
    found = influence.of(x.float(), torch.ones(3, 1))

    without = [solved(torch.arange(count) != left) for left in range(count)]
    exact = x @ (solved(torch.ones(count, dtype=torch.bool)) - torch.stack(without)).T
    torch.testing.assert_close(c, torch.full((count,), 2.0))
    for one, other in zip(found.double(), exact, strict=True):
        assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 0.99
        assert (one.sign() == other.sign()).all()
        assert float(one.abs().median() / count / other.abs().median()) == pytest.approx(1, abs=0.2)


def test_influence_on_a_logistic_regression_foretells_what_leaving_out_does():
    count, decay = 60, 0.02
    h = torch.cat([torch.randn(count, 3), torch.ones(count, 1)], dim=1)
    y = (h @ torch.tensor([2.0, -1.0, 0.0, 0.5]) + torch.randn(count) > 0).long()
    task, x = classify(3, classes=("no", "yes")), torch.randn(4)

    def solved(keep):
        weights = torch.zeros(4, 2, requires_grad=True)
        optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

        def closure():
            optimizer.zero_grad()
            losses = F.cross_entropy(h[keep] @ weights, y[keep], reduction="sum") / count
            loss = losses + decay / 2 * weights.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        return weights.detach()

    whole = solved(torch.ones(count, dtype=torch.bool))
    outputs = h @ whole
    c = curvature(task, outputs, y)
    share = decay / float((c[:, None] * h.square()).sum() / (count * 4))
    influence = Influence(h, slopes(task, outputs, y), c, damping=share)
    (found,) = influence.of(x[None], torch.tensor([[-1.0, 1.0]]))

    likely = outputs.softmax(dim=1)[:, 0]
    torch.testing.assert_close(c, 2 * likely * (1 - likely))
    without = torch.stack([solved(torch.arange(count) != left) for left in range(count)])
    exact = (x @ (whole - without)) @ torch.tensor([-1.0, 1.0])
    assert torch.corrcoef(torch.stack([found, exact]))[0, 1] > 0.95
    strong = exact.abs() > exact.abs().median()
    assert (found.sign() == exact.sign())[strong].all()


def test_more_features_than_cases_give_the_same_influence():
    h = torch.randn(6, 3)
    seen, c = torch.cat([h, torch.zeros(6, 9)], dim=1), torch.rand(6)
    slope, x = torch.randn(6, 2), torch.randn(2, 3)

    few = Influence(h, slope, c, damping=0.1)
    # As many zeros again: the mean eigenvalue is a quarter, so the same λ is four times the share.
    many = Influence(seen, slope, c, damping=0.4)

    wide = torch.cat([x, torch.zeros(2, 9)], dim=1)
    torch.testing.assert_close(many.of(wide, slope[:2]), few.of(x, slope[:2]))


def test_the_curvature_of_many_classes_is_estimated():
    task = classify(3, classes=tuple(map(str, range(100))))
    outputs = torch.randn(50, 100)

    found = curvature(task, outputs, torch.zeros(50, dtype=torch.int64))

    likely = outputs.softmax(dim=1)
    torch.testing.assert_close(found, (likely * (1 - likely)).sum(dim=1), atol=0.05, rtol=0.05)


# Neighbours


def two_groups():
    """Roses lie to the right, tulips above; one aster on the right was learned as a tulip."""
    network = weighing([2.0, 0.0], [0.0, 2.0], [-2.0, -2.0])
    x = [[2, 0], [3, 0.5], [2, 0.2], [0, 2], [0.2, 3], [-2, -2], [-3, -2], [2.5, 0]]
    cases = cases_of(x, [0, 0, 0, 1, 1, 2, 2, 1])
    return subject_of(network, classify(2)), cases


def test_neighbours_are_the_nearest_and_those_that_pushed_most():
    subject, cases = two_groups()

    found = neighbours(subject, torch.tensor([2.2, 0.1]), 0, cases)

    assert len({one.place for one in found}) == 6
    assert [one.similarity for one in found[:3]] == sorted(
        (one.similarity for one in found), reverse=True
    )[:3]
    against = min(found, key=lambda one: one.influence)
    assert (against.name, against.target, against.influence) == ("case 7", "tulip", -1.0)
    assert max(one.influence for one in found) > 0


def test_the_nearest_case_is_found_by_the_angle_around_the_mean():
    subject = subject_of(weighing([1.0, 0.0], [0.0, 1.0]), classify(2, classes=("a", "b")))
    cases = cases_of([[9, 8], [9, 10], [11, 10], [7, 8]], [0, 1, 0, 1])  # around (9, 9)

    similarities = Recall(subject, cases).similarities(torch.tensor([9.0, 14.0]))

    root = 5**-0.5  # one up and two to the right
    assert similarities.tolist() == pytest.approx([-1, 1, root, -root], abs=1e-6)


def test_neighbours_of_a_number_are_told_in_its_own_unit():
    subject = subject_of(weighing([1.0]), regress(1, mean=200, scale=50))
    cases = cases_of([[1.0], [-1.0], [0.5]], torch.tensor([1.2, -1.0, 0.5]))

    (nearest, *_) = neighbours(subject, torch.tensor([2.0]), 0, cases, count=2)

    assert (nearest.name, nearest.target) == ("case 0", "260")
    assert nearest.influence > 0  # it was learned as more than the network says


def test_fewer_cases_than_asked_for_are_all_given():
    subject, cases = two_groups()
    few = cases_of(cases.stored[:2], cases.y[:2])

    assert len(neighbours(subject, torch.tensor([1.0, 1.0]), 1, few)) == 2


def contrasted(subject, row, cases=None, which=None):
    kind, x = Cells(), torch.tensor(row)
    examples = kind.read([row], Ask())
    (parts,) = kind.parts(examples, subject.schema)
    chosen = int(subject.task.chosen(subject.asked(x[None]))[0]) if which is None else which
    case = Case(x=x, parts=parts, blanks=torch.zeros(1, len(row)), which=chosen)
    recall = None if cases is None else Recall(subject, cases)
    return contrast(subject, examples, 0, case, recall, torch.ones(len(row)))


def test_one_number_of_the_nearest_case_with_the_other_answer_turns_it():
    subject = subject_of(
        weighing([1.0, 1.0, 0.0], [0.0, 0.0, 2.0]), classify(3, classes=("a", "b"))
    )
    cases = cases_of([[3, 3, 1], [1, 1, 5], [-9, 9, 7]], [0, 1, 1])

    found = contrasted(subject, [2.0, 2.0, 1.0], cases)

    assert (found.answer, found.found, found.like) == ("b", True, "case 1")
    (change,) = found.changes
    assert (change.name, change.given, change.needed) == ("number 2", "1", "5")
    assert (found.number, found.after) == pytest.approx((4 - 2, 4 - 10))


def test_changes_that_were_not_needed_are_put_back():
    # Alone the first leads nearest; the other two turn the answer without it.
    network = nn.Sequential(weighing([1.0, 0.0, 0.0], [0.0, 1.0, 1.0], bias=[0.0, -1.0]), nn.ReLU())
    head = weighing([0.0, 0.0], [0.5, 1.0], bias=[0.7, 0.0])
    subject = subject_of(nn.Sequential(network, head), classify(3, classes=("a", "b")))
    cases = cases_of([[1, 1, 1], [0, 0, 0]], [1, 0])

    found = contrasted(subject, [0.0, 0.0, 0.0], cases)

    assert found.found
    assert sorted(change.name for change in found.changes) == ["number 1", "number 2"]


def test_where_no_case_has_the_other_answer_parts_are_blanked():
    subject = subject_of(weighing([1.0, 0.0], [0.0, 1.0]), classify(2, classes=("a", "b")))

    found = contrasted(subject, [3.0, 1.0], cases_of([[1, 0], [2, 0]], [0, 0]))

    assert (found.found, found.like) == (True, "")
    (change,) = found.changes
    assert (change.name, change.given, change.needed) == ("number 0", "3", "")


def test_it_is_said_when_nothing_leads_to_the_other_answer():
    subject = subject_of(weighing([0.0], [0.0], bias=[1.0, 0.0]), classify(1, classes=("a", "b")))

    found = contrasted(subject, [1.0])

    assert (found.found, found.changes, found.like) == (False, (), "")
    assert found.number == found.after == pytest.approx(1.0)


def test_an_answer_that_was_asked_about_is_the_one_to_be_led_to():
    subject, cases = two_groups()

    found = contrasted(subject, [2.0, 0.0], cases, which=2)

    assert (found.answer, found.found) == ("aster", True)
    assert found.after > 0 > found.number


def test_a_number_is_led_to_the_other_side_of_the_mean():
    subject = subject_of(weighing([1.0, 1.0]), regress(2, mean=100, scale=10))
    cases = cases_of([[-3, 0], [1, 1], [-5, -5]], torch.tensor([-3.0, 2, -10]))

    found = contrasted(subject, [1.0, 0.5], cases)

    assert (found.answer, found.found) == ("price below 100", True)
    assert (found.number, found.after) == pytest.approx((115, 75))
    assert [change.needed for change in found.changes] == ["-3"]


def test_a_step_asks_the_network_about_at_most_a_hundred_examples(monkeypatch):
    network = weighing([0.1] * 200, [0.0] * 200)
    subject = subject_of(network, classify(200, classes=("a", "b")))
    asked_of, plain = [], Subject.asked
    monkeypatch.setattr(
        Subject, "asked", lambda self, x: (asked_of.append(len(x)), plain(self, x))[1]
    )

    found = contrasted(subject, [1.0] * 200, cases_of([[-0.5] * 200], [1]))

    assert not found.found
    assert max(asked_of) <= 100
    assert sum(asked_of) < 600


# In words


def test_a_row_of_a_table_is_told_in_its_own_units():
    when = datetime(2021, 3, 15, 12, 30)
    raw = pa.table(
        {
            "age": pa.array([38.0, None]),
            "work": pa.array(["office", None]).dictionary_encode(),
            "since": pa.array([when, None], pa.timestamp("ms")),
        }
    )

    assert tell(raw, 0, ("age", "since", "work", "else")) == (
        "38",
        "2021-03-15 12:30:00",
        "office",
        "",
    )
    assert tell(raw, 1, ("age", "since", "work")) == ("missing",) * 3


def test_a_table_that_was_read_from_a_file_is_told(tmp_path):
    table = Table()
    examples = table.read(table.specimen(tmp_path), Ask(target="class"))
    schema = table.describe(examples)
    parts = table.parts(examples, schema)[5]

    told = dict(zip(parts.names, table.tell(examples, 5, parts), strict=True))

    line = (tmp_path / "people.csv").read_text().splitlines()[6]
    age, hours, *work, since, _ = line.split(",")
    assert told == {
        "age": age or "missing",
        "hours": f"{float(hours):g}",
        "work": ",".join(work).strip('"'),
        "since": since,
    }


def test_targets_are_told_in_the_words_of_the_user():
    numbers = np.array([1.5, 2.5, 10.0])

    assert classify(2).told(torch.tensor([2, 0])) == ["aster", "rose"]
    assert asked(Regress, numbers).told(asked(Regress, numbers).encode(numbers)) == [
        "1.5",
        "2.5",
        "10",
    ]
