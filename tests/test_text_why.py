"""Why, for texts: different lengths, parts that are words, and nothing to be wrong about."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from pellucid import registry
from pellucid.data import Ask, Parts, Schema
from pellucid.deciding import decide, replay
from pellucid.explaining import Case, Subject, places
from pellucid.explaining._cases import Cases, choose
from pellucid.explaining._features import LastLayer
from pellucid.explaining._laying import Limits, lay
from pellucid.explaining._reasons import consistency, leading
from pellucid.explaining._suspects import suspects
from pellucid.model import Model
from pellucid.reporting import report

FILLING = ["the", "film", "plot", "scene", "actor", "story", "music", "screen", "camera", "light"]
TELLING = {"good": "superb", "bad": "dreadful"}


TRUST = {
    "method": "occlusion",
    "scores": {"occlusion": {"value": 0.8, "low": 0.7, "high": 0.9, "seconds": 0.01}},
}


class Bag(nn.Module):
    """Adds up what the words of a text weigh; nothing weighs nothing."""

    def __init__(self, weights, outputs=2):
        super().__init__()
        self.rows = nn.Embedding.from_pretrained(weights)
        self.head = nn.Linear(weights.shape[1], outputs, bias=False)

    def forward(self, x):
        seen = self.rows(x.long()) * (x != 0)[..., None]
        return self.head(seen.sum(dim=1))


class Following(nn.Module):
    """Knows which token follows which."""

    def __init__(self, codes):
        super().__init__()
        self.rows = nn.Embedding(codes, 8)
        self.head = nn.Linear(8, codes)

    def forward(self, x):
        last = (x != 0).sum(dim=1).clamp(min=1) - 1
        return self.each(x)[0][torch.arange(len(x)), last]

    def each(self, x, state=None):
        return self.head(self.rows(x.long())), state or (torch.zeros(len(x), 1),)

    def step(self, x, state=None):
        outputs, state = self.each(x[:, None], state)
        return outputs[:, 0], state


def sentences(count=160, *, seed=0):
    """Filling of 3 to 12 words, and among it the word that tells the class."""
    random = np.random.default_rng(seed)
    texts, labels = [], []
    for place in range(count):
        words = random.choice(FILLING, random.integers(3, 13)).tolist()
        label = ("good", "bad")[place % 2]
        words.insert(int(random.integers(len(words) + 1)), TELLING[label])
        texts.append(" ".join(words))
        labels.append(label)
    return texts, np.array(labels, dtype=object)


@pytest.fixture(scope="module")
def model():
    """A classifier that goes by two words, and a little by the others."""
    torch.manual_seed(0)
    kind = registry.kind["text"]()
    examples = kind.read(sentences(), Ask(task="classify"))
    task = registry.task["classify"]
    described = kind.describe(examples).to_json() | task.describe(examples.targets)
    schema = type(kind.describe(examples)).from_json({**described, "target": "mood"})
    task = task(schema)
    weights = 0.1 * torch.randn(schema.cardinalities[0], 4)
    for at, (label, word) in enumerate(TELLING.items()):
        (code,) = set(kind.steps(word, schema).astype(int).tolist()) - {1}
        weights[code, :2] = 3.0 * (torch.arange(2) == at)
        assert label in schema.classes
    network = Bag(weights)
    order = [schema.classes.index(label) for label in TELLING]
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[order, [0, 1]] = 1.0
        network.head.weight[:, 2:] = torch.randn(2, 2)
    stored, y = kind.encode(examples, schema), task.encode(examples.targets)
    outputs = network(kind.tensor(torch.from_numpy(stored), schema)).detach()
    sides = (stored[:120], y[:120], examples.names[:120], stored[120:], y[120:])
    cases = choose(*sides, examples.names[120:], seed=0)
    return Model(
        network=network.eval(), task=task, kind=kind, built={"network": "bag", "size": 1},
        calibration=task.calibrate(outputs, y),
        cases=cases, trust=TRUST,
    )  # fmt: skip


@pytest.fixture(scope="module")
def writer():
    """A model of which word follows which, that nobody asks for an answer."""
    torch.manual_seed(0)
    kind = registry.kind["text"]()
    examples = kind.read([" ".join(sentences(400, seed=1)[0])] * 2, Ask(task="generate_text"))
    task = registry.task["generate_text"]
    described = kind.describe(examples).to_json() | task.describe(None)
    schema = type(kind.describe(examples)).from_json(described)
    task = task(schema)
    stored = kind.encode(examples, schema)
    y, names = torch.zeros(len(stored), dtype=torch.int64), list(examples.names)
    cases = choose(stored, y, names, stored, y, names, seed=0)
    network = Following(task.outputs).eval()
    return Model(
        network=network, task=task, kind=kind, built={"network": "following"}, cases=cases,
        trust=TRUST,
    )  # fmt: skip


def test_parts_may_be_shorter_or_longer_than_the_batch_that_an_example_is_in():
    parts = Parts(of=np.array([0, 1, 1]), names=("one", "two"), where=("one", "two"))

    assert places(parts, (5,)).tolist() == [0, 1, 1, -1, -1]
    assert places(parts, (2,)).tolist() == [0, 1]
    assert places(parts, (3,)).tolist() == [0, 1, 1]


def test_padding_belongs_to_no_part_and_is_never_covered():
    parts = Parts(of=np.array([0, 1]), names=("one", "two"), where=("one", "two"))
    case = Case(x=torch.tensor([5.0, 6, 0, 0]), parts=parts, blanks=torch.zeros(1, 4), which=0)

    shown = torch.tensor([[True, False], [False, True]])
    covered = case.covered(shown, torch.zeros(2, dtype=torch.int64))

    assert covered.tolist() == [[5, 0, 0, 0], [0, 6, 0, 0]]
    assert case.gathered(torch.ones(4)).tolist() == [1, 1]


@pytest.mark.parametrize("method", [None, "shapley", "occlusion"])
def test_the_word_that_decides_has_the_largest_share(model, method):
    texts, labels = sentences(4, seed=9)

    for text, label in zip(texts, labels, strict=True):
        (why,) = model.explain([text], method=method)
        assert why.answer.label == label
        assert why.parts[0].name == TELLING[label]
        assert why.faithfulness.value > 0.5


def test_an_explanation_can_be_drawn_with_its_words_in_colour(model):
    (why,) = model.explain(sentences(1)[0])

    assert why.picture.startswith(b"\x89PNG")


def test_an_example_is_explained_alike_alone_and_among_longer_ones(model):
    subject = model.why.subject
    examples = model.kind.read(sentences(6, seed=4)[0], Ask(schema=model.schema))
    which = subject.task.chosen(model.outputs(examples))
    trust = {"method": "occlusion"}

    def laid(some):
        taken = model.kind.take(examples, np.array(some))
        found = lay(subject, taken, which[some], model.why.others, trust=trust, limits=Limits())
        return dict(zip(found.names, found.shares[0], strict=True))

    alone, among = laid([0]), laid([0, 1, 2, 3, 4, 5])

    assert {name: among[name] for name in alone} == pytest.approx(alone, abs=1e-5)


def test_over_many_texts_the_deciding_words_lead_and_it_is_said_how_many_have_them(model):
    texts, labels = sentences(80, seed=3)

    found = model.explain_all((texts, labels))

    for label, word in TELLING.items():
        reason = next(item for item in found.items if item.answer == label)
        assert reason.name == word
        assert reason.there == pytest.approx(1.0)
        assert reason.consistency == pytest.approx(1.0)
        assert reason.effect.own_covered.value < reason.effect.own.value
    either = [item for item in found.items if item.answer == "" and item.name in TELLING.values()]
    assert [item.there for item in either] == pytest.approx([0.5] * len(either), abs=0.02)
    assert "that have it" in str(either[0])
    assert found.picture.startswith(b"\x89PNG")


def test_a_word_counts_where_it_stands_and_not_where_it_does_not():
    shares = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8], [0.8, 0.2, 0.0]])
    there = np.array([[1, 1, 0], [0, 1, 1], [1, 1, 0]], bool)

    assert consistency(shares, [0], there) == 1.0
    assert consistency(shares, [1], there) == 0.0
    assert consistency(shares, [2], there) == 1.0


def test_what_few_examples_have_does_not_lead():
    mean = np.array([0.5, 0.3, 0.1])

    found = leading(mean, ["often", "always", "once"], np.array([2, 9, 9]))

    assert found == [(1,)]


def test_for_another_answer_words_are_left_out_and_not_put_in_the_place_of_others(model):
    (why,) = model.explain(
        [f"the {TELLING['good']} film a {TELLING['bad']} {TELLING['good']} plot"]
    )

    assert why.contrast.found
    assert why.contrast.like == ""
    assert {change.name.split()[0] for change in why.contrast.changes} <= {TELLING["good"]}
    assert "without" in str(why)


def test_training_texts_that_bear_on_an_answer_are_found_whatever_their_length(model):
    (why,) = model.explain([TELLING["good"]])

    nearest = why.neighbours[0]
    assert nearest.target == "good"
    assert -1 <= nearest.similarity <= 1


def test_what_a_layer_sees_of_a_text_does_not_depend_on_how_many_there_are(model):
    subject = model.why.subject
    few = subject.x(model.cases.stored[:8])
    layer = LastLayer(subject, few[:1])

    many = layer.seen(few.repeat(50, 1))[0]

    assert many.shape[0] == 400
    torch.testing.assert_close(many[-8:], layer.seen(few)[0], rtol=1e-4, atol=1e-5)


def test_what_a_layer_sees_has_one_width_for_all_lengths(model):
    subject = model.why.subject
    layer = LastLayer(subject, subject.x(model.cases.stored[:1]))

    widths = {
        layer.seen(torch.randint(1, 5, (2, steps)).float())[0].shape[1] for steps in (1, 4, 9)
    }

    assert len(widths) == 1


def test_a_layer_that_counts_codes_does_not_count_padding():
    class Looking(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(6, 2))

        def forward(self, x):
            return (self.weight[x.long()] * (x != 0)[..., None]).sum(dim=1)

    schema = Schema(kind="text", shape=(8,), cardinalities=(6,), classes=("one", "other"))
    task, kind = registry.task["classify"](schema), registry.kind["text"]()
    subject = Subject(network=Looking(), task=task, kind=kind, calibration={}, numerics={})
    seen, _ = LastLayer(subject, torch.ones(1, 3)).seen(torch.tensor([[2.0, 2, 5, 0, 0]]))

    assert seen[0].tolist() == pytest.approx([0, 0, 2 / 3, 0, 0, 1 / 3])


def test_cases_of_two_lengths_are_read_again(model):
    held = model.cases.held[:, :5]
    cases = Cases(**{**vars_of(model.cases), "held": held})

    again = Cases.from_members(*cases.to_members(), model.schema, model.task)

    assert again.held.shape[1] == 5
    assert np.array_equal(again.stored, model.cases.stored)


@pytest.mark.parametrize("code", ["too large", "too long"])
def test_cases_that_no_network_could_take_are_refused(model, code):
    stored = model.cases.stored.copy()
    if code == "too large":
        stored[0, 0] = model.schema.cardinalities[0]
    else:
        longer = np.ones((len(stored), model.schema.shape[0] + 1), stored.dtype)
        stored, held = longer, longer[: len(model.cases.held)]
    cases = Cases(
        **{
            **vars_of(model.cases),
            "stored": stored,
            **({"held": held} if code != "too large" else {}),
        }
    )

    with pytest.raises(ValueError, match="cases"):
        Cases.from_members(*cases.to_members(), model.schema, model.task)


def test_a_label_that_is_likely_wrong_is_listed(model):
    texts, labels = sentences(60, seed=5)
    labels[7] = {"good": "bad", "bad": "good"}[labels[7]]
    examples = model.kind.read((texts, labels), Ask(schema=model.schema, judged=True))

    found = suspects(
        model.outputs(examples), model.task.encode(labels), model.task, model.calibration,
        examples.names,
    )  # fmt: skip

    assert [one.place for one in found] == [7]


def test_a_decision_about_a_text_holds_when_it_is_repeated(model, tmp_path):
    path = tmp_path / "some.txt"
    path.write_text(sentences(1, seed=6)[0][0])

    (record,) = decide(model, path)

    assert json.loads(json.dumps(record))["explanation"]["parts"][0]["name"] in TELLING.values()
    assert replay(record, model).holds


def test_a_report_on_texts_has_words_in_colour_and_says_where_reasons_are_found(model):
    texts, labels = sentences(60, seed=5)
    labels[7] = {"good": "bad", "bad": "good"}[labels[7]]

    page = report(model, (texts, labels), seconds=5.0)

    assert "found in" in page
    assert TELLING["good"] in page
    assert page.count("data:image/png") >= 2


def test_a_classifier_of_texts_that_answers_one_class_is_called_degenerate(model):
    with torch.no_grad():
        kept = model.network.head.weight.clone()
        model.network.head.weight.zero_()
    try:
        found = model.evaluate(sentences(60, seed=5))
    finally:
        with torch.no_grad():
            model.network.head.weight.copy_(kept)

    assert any("to all 60 held-out examples" in note for note in found.notes)


def test_why_a_token_comes_next_can_be_explained(writer):
    (why, *_) = writer.explain([" ".join(FILLING)])

    assert why.unit == "nats of log-odds"
    assert len(why.parts) > 1
    assert why.contrast is None or why.contrast.like == ""


def test_what_nobody_wanted_to_be_otherwise_has_no_influence_and_no_suspects(writer):
    (why, *_) = writer.explain([" ".join(FILLING)])

    assert {one.influence for one in why.neighbours} <= {0.0}
    assert suspects(torch.zeros(3, 9), torch.zeros(3), writer.task, {}, ["a", "b", "c"]) == []


def test_cases_without_targets_are_read_again(writer):
    again = Cases.from_members(*writer.cases.to_members(), writer.schema, writer.task)

    assert not again.y.any()


def test_a_report_on_a_writer_shows_what_it_writes_and_calls_nothing_wrong(writer):
    page = report(writer, seconds=3.0)

    assert '<pre class="written">' in page
    assert "answered wrongly" not in page


def vars_of(cases):
    return {name: getattr(cases, name) for name in cases.__dataclass_fields__}
