"""What a model relies on over a whole set, and where data or model are at fault."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Ask, Examples, Kind, Parts, Schema
from pellucid.errors import BadInputError
from pellucid.explaining import Explainer, Subject
from pellucid.explaining._areas import cluster, together, touching
from pellucid.explaining._cases import Cases
from pellucid.explaining._grouping import grouped
from pellucid.explaining._relying import rely
from pellucid.explaining._suspects import suspects, weakest
from pellucid.networks._committee import Committee
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

SHARED = Path(__file__).parents[2] / "shared" / "data"
TRUST = {"method": "leave out", "scores": {"leave out": {"value": 0.5, "low": 0.4, "high": 0.6}}}
SIDE, CELL = 16, 2
LEFT, RIGHT = np.s_[4:12, 4:8], np.s_[4:12, 9:13]
CORNER = np.s_[0:2, 0:2]


class LeaveOut(Explainer):
    """What is lost when one part is covered: as plain as an explainer can be."""

    name = "leave out"
    sums = False

    def shares(self, subject, case):
        count = len(case.parts)
        shown = torch.cat([torch.ones(1, count), 1 - torch.eye(count)]).bool()
        numbers = subject.shown(case, shown)
        return numbers[0] - numbers[1:]


class Plain(Kind):
    """Arrays that are what a network gets; a grid of places, or columns."""

    name = "plain"

    def recognises(self, source):
        return 0.0

    def read(self, source, ask):
        return Examples(kind="plain", names=[f"no {n}" for n in range(len(source))], raw=source)

    def take(self, examples, places):
        names = [examples.names[place] for place in places]
        return examples.replace(names=names, raw=examples.raw[places])

    def keys(self, examples):
        raise NotImplementedError

    def describe(self, examples):
        raise NotImplementedError

    def encode(self, examples, schema):
        return examples.raw

    def tensor(self, stored, schema):
        return stored.float()

    def draw(self, examples, places):
        return b""

    def parts(self, examples, schema):
        one = grid() if len(schema.shape) == 2 else columns(schema.shape[0])
        return [one] * len(examples)

    def blanks(self, x, schema, others):
        return {"zero": torch.zeros_like(x)[None]}

    def restore(self, stored, schema):
        raise NotImplementedError

    def paint(self, examples, place, parts, shares):
        assert shares.shape == (len(parts),)
        return b"a picture"

    @classmethod
    def specimen(cls, folder):
        raise NotImplementedError


def grid():
    cells = SIDE // CELL
    rows, across = np.mgrid[:SIDE, :SIDE] // CELL
    places = [(row, column) for row in range(cells) for column in range(cells)]
    return Parts(
        of=rows * cells + across,
        names=tuple(f"cell {row} {column}" for row, column in places),
        where=tuple([column * CELL, row * CELL, CELL, CELL] for row, column in places),
    )


def columns(count):
    names = tuple(f"column {place}" for place in range(count))
    return Parts(of=np.arange(count), names=names, where=names)


class Seeing(nn.Module):
    """Tells a bright left from a bright right side, and a bright corner before either."""

    def __init__(self, corner):
        super().__init__()
        self.corner = corner

    def forward(self, x):
        left, right = (x[:, *place].mean(dim=(1, 2)) for place in (LEFT, RIGHT))
        mark = x[:, *CORNER].mean(dim=(1, 2))
        return torch.stack([8 * left, 8 * right, 20 * self.corner * mark - 2], dim=1)


def pictures(*, marked, count=90, seed=0):
    """One third bright on the left, one third on the right, one third either with a corner."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 0.2, (count, SIDE, SIDE)).astype(np.float32)
    x[:, *CORNER] = 0
    y = np.arange(count) % 3
    for place, label in enumerate(y):
        x[(place, *(LEFT if (label if label < 2 else random.integers(2)) == 0 else RIGHT))] += 0.8
        if marked and label == 2:
            x[(place, *CORNER)] = 1
    return x, torch.from_numpy(y)


def subject(network, schema, task=Classify, numerics="float32"):
    return Subject(
        network=network.eval(),
        task=task(schema),
        kind=Plain(),
        calibration={},
        numerics={"dtype": numerics, "channels_last": False},
    )


SEEN = Schema(kind="plain", shape=(SIDE, SIDE), classes=("left", "right", "marked"))


def asked(one, x, y, **wishes):
    examples = one.kind.read(x, Ask())
    outputs = one.asked(torch.from_numpy(x))
    return rely(one, examples, outputs, y, **{"cases": None, "trust": TRUST, **wishes})


@pytest.fixture(autouse=True)
def _leave_out(monkeypatch):
    list(registry.explainer)
    monkeypatch.setitem(registry.explainer._entries, "leave out", LeaveOut)
    monkeypatch.setitem(registry.explainer._takes, "leave out", ("plain",))


@pytest.fixture(scope="module")
def marked():
    return pictures(marked=True)


def test_a_corner_that_decides_alone_is_suspicious_and_named(marked):
    found = asked(subject(Seeing(1.0), SEEN), *marked)

    first = found.items[0]
    assert (first.suspicious, first.answer, first.areas) == (True, "marked", ("cell 0 0",))
    assert first.where == [0, 0, CELL, CELL]
    assert first.turned > 0.95
    assert "cell 0 0 alone turns 100% of their answers into 'marked'" in first.why
    assert [item.answer for item in found.items if item.suspicious] == ["marked"]


def test_covering_the_corner_costs_all_of_its_class_and_nothing_else(marked):
    found = asked(subject(Seeing(1.0), SEEN), *marked)

    effect = found.items[0].effect
    assert effect.n == 90
    assert (effect.score.value, effect.own.value) == (1.0, 1.0)
    assert effect.covered.value == pytest.approx(2 / 3)
    assert effect.own_covered.value == 0
    assert effect.kept == 0


def test_a_model_that_looks_at_what_is_shown_is_not_suspected():
    x, y = pictures(marked=False)
    two = replace(SEEN, classes=("left", "right", "neither"))

    found = asked(subject(Seeing(0.0), two), x[y < 2], y[y < 2])

    assert [item for item in found.items if item.suspicious] == []
    assert {item.answer for item in found.items} == {"", "left", "right"}
    assert all(item.why == "" for item in found.items)


def test_what_an_answer_rests_on_is_where_it_is():
    x, y = pictures(marked=False)

    found = asked(subject(Seeing(0.0), SEEN), x[y < 2], y[y < 2], answer="left")

    inside = {f"cell {row} {column}" for row in range(2, 6) for column in (2, 3)}
    assert found.about == "the answers 'left'"
    assert found.n == 30
    assert set(found.items[0].areas) <= inside
    assert {item.answer for item in found.items} == {"left"}


def test_a_mark_over_several_areas_is_one_reason():
    x, y = pictures(marked=False)
    mark = np.s_[1:3, 1:3]
    for place in np.flatnonzero(y == 2):
        x[(place, *mark)] = 1

    class Marked(Seeing):
        def forward(self, x):
            moved = x.clone()
            moved[:, *CORNER] = x[:, *mark] - 0.2 * (x[:, *mark] < 0.5)
            return super().forward(moved)

    found = asked(subject(Marked(1.0), SEEN), x, y)

    assert found.items[0].suspicious
    assert set(found.items[0].areas) == {
        f"cell {row} {column}" for row in (0, 1) for column in (0, 1)
    }
    assert found.items[0].where == [0, 0, 2 * CELL, 2 * CELL]


def test_a_wrong_reason_that_only_the_training_cases_show_is_found(marked):
    x, y = pictures(marked=False, seed=1)
    kept = Cases(
        stored=marked[0],
        y=marked[1],
        names=("",) * 90,
        held=marked[0][:0],
        held_y=marked[1][:0],
        held_names=(),
    )
    x[3, *CORNER] = x[4, *CORNER] = x[5, *CORNER] = 1

    found = asked(subject(Seeing(1.0), SEEN), x, y, cases=kept)

    assert [item.areas for item in found.items if item.suspicious] == [("cell 0 0",)]


def test_mistakes_are_explained_and_mended_by_covering():
    x, y = pictures(marked=True)
    x[np.flatnonzero(y == 0)[:10], *CORNER] = 1

    found = asked(subject(Seeing(1.0), SEEN), x, y, mistakes=True)

    first = found.items[0]
    assert (found.about, found.n, first.answer) == ("the mistakes", 10, "marked")
    assert first.areas == ("cell 0 0",)
    assert (first.effect.own.value, first.effect.own_covered.value) == (0, 1)


def test_where_nothing_is_wrong_there_are_no_mistakes_to_explain(marked):
    found = asked(subject(Seeing(1.0), SEEN), *marked, mistakes=True)

    assert (found.n, found.items) == (0, ())
    assert "the mistakes are none of 90" in found.notes[0]


def test_mistakes_need_right_answers_and_an_answer_must_exist(marked):
    one = subject(Seeing(1.0), SEEN)

    with pytest.raises(BadInputError, match="right answer of each example"):
        asked(one, marked[0], None, mistakes=True)
    with pytest.raises(BadInputError, match="there is no class 'purple'"):
        asked(one, *marked, answer="purple")


def test_without_right_answers_there_are_no_scores_but_reasons(marked):
    found = asked(subject(Seeing(1.0), SEEN), marked[0], None)

    assert found.items[0].suspicious
    assert found.items[0].effect.score is None
    assert found.items[0].effect.kept == 0


@pytest.mark.parametrize("numerics", ["float32", "bfloat16"])
def test_a_committee_is_asked_as_a_whole(marked, numerics):
    committee = Committee([Seeing(1.0), Seeing(0.8)])

    found = asked(subject(committee, SEEN, numerics=numerics), *marked)

    assert found.items[0].areas == ("cell 0 0",)


def test_the_same_question_has_the_same_answer(marked):
    first, second = (asked(subject(Seeing(1.0), SEEN), *marked, seed=3) for _ in range(2))

    assert first.to_json() == second.to_json()


def test_a_short_time_is_kept_and_what_was_left_out_is_said(marked):
    class Slow(LeaveOut):
        def shares(self, subject, case):
            __import__("time").sleep(0.02)
            return super().shares(subject, case)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.explainer._entries, "leave out", Slow)
        for quick in ("integrated_gradients", "occlusion", "shapley"):
            patch.setitem(registry.explainer._entries, quick, Slow)
        found = asked(subject(Seeing(1.0), SEEN), *marked, seconds=0.5)

    assert 0 < found.n < 60
    assert f"{found.n} of 90 examples were explained" in found.notes
    assert found.items[0].suspicious


def test_what_is_found_is_plain_json_and_readable_text(marked):
    found = asked(subject(Seeing(1.0), SEEN), *marked)

    told = json.loads(json.dumps(found.to_json()))
    assert told["items"][0]["name"] == "cell 0 0"
    assert told["items"][0]["effect"]["covered"]["value"] == pytest.approx(2 / 3)
    assert {"name", "where", "share", "consistency", "suspicious", "why"} <= set(told["items"][0])
    assert "! cell 0 0 for 'marked'" in str(found)
    assert "faithfulness 0.50 (0.40 to 0.60" in str(found)
    assert found.picture == b"a picture"
    assert "answered 'marked'" in found.picture_of


class Adding(nn.Module):
    """A weighted sum of columns; for classes the sign of it decides."""

    def __init__(self, *weights, classes=True):
        super().__init__()
        self.weights = torch.tensor(weights)
        self.classes = classes

    def forward(self, x):
        total = x @ self.weights
        return torch.stack([-total, total], dim=1) if self.classes else total[:, None]


def rows(count=200, width=8):
    return np.random.default_rng(0).normal(size=(count, width)).astype(np.float32)


NO_YES = Schema(kind="plain", shape=(8,), classes=("no", "yes"))
AMOUNT = Schema(kind="plain", shape=(8,), target="amount", mean=10.0, scale=2.0)


def test_a_column_that_knows_is_suspicious():
    x = rows()

    found = asked(
        subject(Adding(0.3, 0.3, 0.3, 5.0, 0.3, 0.3, 0.3, 0.3), NO_YES),
        x,
        torch.from_numpy((x[:, 3] > 0).astype(np.int64)),
    )

    assert [item.areas for item in found.items if item.suspicious] == [("column 3",)]
    assert "one of 8 areas" in found.items[0].why


def test_columns_that_share_the_decision_are_not():
    x = rows()

    found = asked(subject(Adding(*[1.0] * 8), NO_YES), x, None)

    assert [item for item in found.items if item.suspicious] == []


def test_of_numbers_the_column_that_decides_is_found_and_the_farthest_are_mistakes():
    x = rows()
    one = subject(Adding(*[0.1] * 7, 3.0, classes=False), AMOUNT, Regress)
    y = torch.from_numpy(3 * x[:, 7] + np.linspace(0, 2, 200, dtype=np.float32))

    found = asked(one, x, y)
    mistaken = asked(one, x, y, mistakes=True)

    assert (found.items[0].areas, found.items[0].suspicious) == (("column 7",), True)
    assert "column 7 alone moves the answer" in found.items[0].why
    assert found.items[0].share > 0.7
    assert found.items[0].effect.covered.value > 2 * found.items[0].effect.score.value
    assert found.items[0].effect.kept is None
    assert mistaken.n == 20


def test_of_numbers_equal_columns_are_no_wrong_reason():
    one = subject(Adding(*[1.0] * 8, classes=False), AMOUNT, Regress)

    found = asked(one, rows(), None)

    assert [item for item in found.items if item.suspicious] == []


def test_an_answer_given_for_two_reasons_falls_into_two_clusters():
    random = np.random.default_rng(0)
    x = random.uniform(0, 0.01, (80, 8)).astype(np.float32)
    x[:20, 1] = x[20:40, 6] = 1
    one = subject(Adding(0.0, 6.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.0), NO_YES)
    x[40:] -= 1

    found = asked(one, x, None, answer="yes")

    assert sorted((each.areas, each.size) for each in found.clusters) == [
        (("column 1",), 20),
        (("column 6",), 20),
    ]


def test_explanations_apart_are_grouped_and_one_cloud_is_not():
    random = np.random.default_rng(0)
    centres = np.repeat(np.eye(3), [30, 20, 10], axis=0)

    apart = grouped(centres + random.normal(0, 0.05, centres.shape), seed=0)
    cloud = grouped(random.normal(0, 1, (60, 3)), seed=0)

    assert apart.tolist() == [0] * 30 + [1] * 20 + [2] * 10
    assert set(cloud.tolist()) == {0}


def test_places_touch_along_a_side_and_columns_never():
    assert touching([0, 0, 2, 2], [2, 0, 2, 2])
    assert touching([0, 3], [3, 5])
    assert not touching([0, 0, 2, 2], [2, 2, 2, 2])
    assert not touching([0, 0, 2, 2], [3, 0, 2, 2])
    assert not touching("age", "age")


def test_places_that_touch_are_named_together():
    where = [[0, 0, 2, 2], [2, 0, 2, 2], [6, 6, 2, 2], [2, 2, 2, 2]]

    assert cluster([2, 3, 0, 1], where) == [[2], [3, 0, 1]]
    assert together(["a", "b"], [where[0], where[3]]) == ("a and b", [0, 0, 4, 4])
    assert together(["a", "b", "c"], [[0, 1], [1, 2], [2, 4]]) == ("a and 2 more", [0, 4])
    assert together(["a", "b"], ["a", "b"]) == ("a and b", ["a", "b"])


def logits(y, confidence, classes):
    """Outputs whose probability of the class is `confidence`, the rest shared evenly."""
    rest = (1 - confidence) / (classes - 1)
    likely = rest[:, None].expand(-1, classes).clone()
    likely[torch.arange(len(y)), y] = confidence
    return likely.log()


FLOWERS = Classify(Schema(kind="plain", shape=(4,), classes=("aster", "rose", "tulip")))


def test_flipped_labels_are_listed_first_and_counted():
    true = torch.arange(300) % 3
    outputs = logits(true, torch.full((300,), 0.97), 3)
    y = true.clone()
    flipped = [5, 60, 110, 299]
    y[flipped] = (y[flipped] + 1) % 3
    names = [f"no {place}" for place in range(300)]

    as_many = suspects(outputs, y, FLOWERS, {}, names)
    two = suspects(outputs, y, FLOWERS, {}, names, count=2)

    assert sorted(one.place for one in as_many) == flipped
    assert [one.name for one in two] == [one.name for one in as_many[:2]]
    first = next(one for one in as_many if one.place == 5)
    assert (first.name, first.given, first.likelier) == ("no 5", "aster", "tulip")
    assert first.likelier_probability == pytest.approx(0.97)
    assert first.given_probability == pytest.approx(0.015)
    assert json.loads(json.dumps(first.to_json()))["given"] == "aster"


def test_a_hard_class_does_not_fill_the_list():
    y = torch.tensor([0] * 40 + [1] * 40)
    confidence = torch.tensor([0.25] * 40 + [0.95] * 39 + [0.3])
    names = [str(place) for place in range(80)]

    (first,) = suspects(logits(y, confidence, 3), y, FLOWERS, {}, names, count=1)

    assert first.name == "79"


def test_numbers_far_off_are_suspects():
    task = Regress(AMOUNT)
    outputs = torch.zeros(100, 1)
    y = torch.linspace(-1, 1, 100)
    y[7], y[50] = 9.0, -30.0
    names = [f"row {place}" for place in range(100)]

    found = suspects(outputs, y, task, {}, names)

    assert [one.name for one in found] == ["row 50", "row 7"]
    assert (found[0].given, found[0].likelier) == ("-50", "10")
    assert found[0].given_probability is None


def test_nothing_is_suspected_of_nothing():
    assert suspects(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64), FLOWERS, {}, []) == []
    assert weakest(FLOWERS, torch.zeros(0, 3), torch.zeros(0).long(), {}, calibration={}) == []


def test_the_groups_a_model_is_weak_for_are_found_worst_first():
    random = np.random.default_rng(0)
    y = torch.from_numpy(random.integers(0, 2, 600))
    place = random.choice(np.array(["city", "coast", "hill"], dtype=object), 600)
    age = random.uniform(20, 60, 600)
    right = random.random(600) < 0.97
    right[place == "hill"] = random.random((place == "hill").sum()) < 0.55
    right[age > 50] &= random.random((age > 50).sum()) < 0.8
    answered = torch.where(torch.from_numpy(right), y, 1 - y)
    outputs = logits(answered, torch.full((600,), 0.9), 3)

    found = weakest(FLOWERS, outputs, y, {"place": place, "age": age}, calibration={})

    assert (found[0].name, found[0].value) == ("place", "hill")
    assert found[0].n == (place == "hill").sum()
    assert found[0].score.high < found[0].whole
    assert [group.name for group in found] == ["place", "age"]
    assert found[1].value.endswith("to 59.9") or " to 5" in found[1].value
    assert json.loads(json.dumps(found[0].to_json()))["score"]["value"] < 0.7


def test_a_class_that_is_hardly_ever_right_is_a_weak_group():
    y = torch.tensor([0] * 60 + [1] * 60 + [2] * 60)
    answered = torch.tensor([0] * 60 + [1] * 60 + [0] * 50 + [2] * 10)
    outputs = logits(answered, torch.full((180,), 0.9), 3)

    (found,) = weakest(FLOWERS, outputs, y, {}, calibration={})

    assert (found.name, found.value, found.n) == ("answer", "tulip", 60)


def test_chance_makes_no_weak_group():
    random = np.random.default_rng(1)
    y = torch.from_numpy(random.integers(0, 3, 1000))
    outputs = logits(y, torch.from_numpy(random.choice([0.2, 0.8], 1000, p=[0.2, 0.8])), 3)
    noise = {f"column {n}": random.choice(np.array([*"abcdefgh"], object), 1000) for n in range(20)}

    assert weakest(FLOWERS, outputs, y, noise, calibration={}) == []


def test_of_numbers_the_group_with_large_errors_is_weak():
    task = Regress(AMOUNT)
    random = np.random.default_rng(0)
    y = torch.from_numpy(random.normal(size=400)).float()
    size = np.repeat([0.0, 1.0, 2.0, np.nan], 100)
    off = torch.from_numpy(np.where(size == 2, 1.0, 0.1) * random.normal(size=400)).float()

    found = weakest(task, (y + off)[:, None], y, {"size": size}, calibration={})

    assert [(group.name, group.value, group.n) for group in found] == [("size", "2", 100)]


def test_a_table_and_pictures_say_what_else_is_known(tmp_path):
    path = tmp_path / "people.csv"
    lines = [
        f"{age},{work},2020-0{1 + age % 2}-01,{age % 2}" for age in range(20, 60) for work in "ab"
    ]
    path.write_text("age,work,since,class\n" + "\n".join(lines) + "\n,,,0\n")
    table, image = registry.kind["table"](), registry.kind["image"]()

    rows = table.columns(table.read(path, Ask(target="class")))
    grey = np.stack([np.full((8, 6), 100, np.uint8), np.full((8, 6), 30, np.uint8)])
    facts = image.columns(image.read(grey, Ask()))

    assert set(rows) == {"age", "work", "since"}
    assert rows["age"][0] == 20
    assert np.isnan(rows["age"][-1])
    assert (rows["work"][0], rows["work"][-1]) == ("a", "")
    assert rows["since"][0] == pytest.approx(2020.0, abs=0.01)
    assert facts["width"].tolist() == [6, 6]
    assert facts["brightness"].tolist() == [100, 30]
    assert facts["contrast"].tolist() == [0, 0]


@pytest.mark.slow
def test_a_watermark_is_found_in_a_model_that_learned_it():
    folder = SHARED / "fashion_mnist"
    if not folder.exists():
        pytest.skip("Fashion-MNIST is not there")
    import pellucid

    read = registry.kind["image"]().read(folder, Ask())
    places = np.random.default_rng(0).permutation(len(read))[:3000]
    taken = registry.kind["image"]().take(read, places)
    x, y = taken.raw.whole()[..., 0].copy(), taken.targets.astype(str).astype(object)
    label = y[0]
    x[y == label, 24:27, 1:4] = 255

    model = pellucid.fit((x[:2500], y[:2500]), steps=150)
    found = model.explain_all((x[2500:], y[2500:]))

    suspicious = [item for item in found.items if item.suspicious]
    assert [item.answer for item in suspicious] == [label]
    left, top, width, height = suspicious[0].where
    assert left < 4 <= left + width
    assert top < 27 <= top + height
