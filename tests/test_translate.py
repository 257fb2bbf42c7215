"""The question "what does this say in the other language?", and networks that answer it."""

import itertools

import numpy as np
import pytest
import torch

from pellucid.data import Ask
from pellucid.data._batches import Supply
from pellucid.data._pairs_specimen import invented
from pellucid.data.pairs import Pairs
from pellucid.errors import BadInputError
from pellucid.explaining import _features
from pellucid.networks import _translating
from pellucid.networks._beam import END, Found, scored, search
from pellucid.networks._committee import Committee
from pellucid.networks._cross_entropy import token_nats
from pellucid.registry import network as networks
from pellucid.tasks import _translate_scores
from pellucid.tasks._translate_confidence import foretold, learned
from pellucid.tasks._translate_copying import copied
from pellucid.tasks._translate_faults import repeats, strange
from pellucid.tasks.translate import Translate

NAMES = ("attention", "seq2seq")
FOUND = ["a man rides a bike .", "Two dogs, playing.", "", "the"]
WANTED = ["A man rides a red bike.", "Two dogs play.", "A cat.", "the end of it"]


@pytest.fixture(scope="module")
def ready():
    kind = Pairs()
    sources, targets = zip(*invented(200, seed=3), strict=True)
    examples = kind.read((list(sources), list(targets)), Ask())
    schema = kind.describe(examples)
    task = Translate(schema)
    x = kind.tensor(torch.from_numpy(kind.encode(examples, schema)), schema)
    return task, x, task.encode(examples.targets), examples


def build(name, task, seed=0):
    torch.manual_seed(seed)
    return networks[name](task.schema, task.outputs, size=1)


def written(task, texts, logs=-0.5):
    """Give outputs that translate into these texts."""
    y = task.encode(np.array(texts, object))[:, : task.schema.details["longest"]]
    codes = torch.zeros(len(texts), _translating.WIDTH, task.schema.details["longest"])
    codes[:, 0, : y.shape[1]] = y
    rows = _translating.row(Found(codes=codes.long(), logs=logs * (codes != 0)))
    return torch.cat([rows, torch.zeros(len(texts), task.schema.shape[0])], dim=1)


class Table:
    """A writer whose next token depends on the last one alone, as a table says."""

    def __init__(self, logs):
        self.logs = logs

    def begin(self, x):
        return (x,)

    def start(self, memory):
        return (memory[0][:, :1],)

    def next(self, codes, state, memory):
        return self.logs[codes], state


# The search


def test_a_wide_search_finds_the_likeliest_sentence_of_all():
    torch.manual_seed(3)
    logs = torch.randn(5, 5).log_softmax(dim=1)
    ends = range(2, 5)
    every = [
        (*middle, END) for size in (1, 2, 3) for middle in itertools.product(ends, repeat=size)
    ]

    def worth(codes):
        return sum(float(logs[a, b]) for a, b in itertools.pairwise((END, *codes))) / len(codes)

    found = search([Table(logs)], torch.ones(1, 1), width=27, longest=4, limits=torch.tensor([4]))

    best = max(every, key=worth)
    codes = found.codes[0, int(scored(found, 1.0)[0].argmax())]
    assert codes[codes != 0].tolist() == list(best)
    assert float(scored(found, 1.0).max()) == pytest.approx(worth(best), abs=1e-5)


def test_no_run_is_written_twice_and_every_sentence_ends():
    logs = torch.full((4, 4), -9.0)
    logs[END, 2] = logs[2, 3] = logs[3, 2] = -0.01

    found = search(
        [Table(logs)], torch.ones(2, 3), width=2, longest=16, limits=torch.tensor([16, 9])
    )

    for row, limit in zip(found.codes, (16, 9), strict=True):
        for codes in row:
            kept = codes[codes != 0].tolist()
            runs = [tuple(kept[at : at + 4]) for at in range(len(kept) - 3)]
            assert len(runs) == len(set(runs))
            assert kept[-1] == END
            assert len(kept) <= limit


@pytest.mark.parametrize("name", NAMES)
def test_writing_step_by_step_gives_what_learning_sees_at_once(name, ready):
    task, x, y, _ = ready
    network = build(name, task).eval()
    with torch.no_grad():
        at_once = network.taught(x[:6], y[:6], smoothing=0.0)
        memory = network.begin(x[:6])
        state = tuple(piece[:, None] for piece in network.start(memory))
        last = torch.full((6, 1), END)
        for place in range(at_once.shape[1]):
            logs, state = network.next(last, state, memory)
            last = y[:6, place : place + 1]
            own = -logs[:, 0].gather(1, last)[:, 0] * (last[:, 0] != 0)
            torch.testing.assert_close(own, at_once[:, place], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_sentences_do_not_see_each_other(name, ready):
    task, x, _, _ = ready
    network = build(name, task).eval()
    with torch.no_grad():
        together, alone = network(x[:5]), network(x[3:4])
    torch.testing.assert_close(together[3:4], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_a_given_answer_is_weighed_as_learning_weighs_it(name, ready):
    task, x, y, _ = ready
    network = build(name, task).eval()
    codes = task.schema.cardinalities[0]
    with torch.no_grad():
        nats = network.taught(x[:3], y[:3], smoothing=0.0)
        row = network(torch.cat([x[:3], (y[:3] + codes) * (y[:3] != 0)], dim=1))
    logs = _translating.found_in(row, task.schema.details["longest"]).logs[:, 0]
    torch.testing.assert_close(-logs.sum(dim=1), nats.sum(dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_covered_word_is_as_if_it_had_not_been_there(name, ready):
    task, x, y, _ = ready
    network = build(name, task).eval()
    covered = x[:1].clone()
    covered[:, 2] = 0
    without = torch.cat([x[:1, :2], x[:1, 3:]], dim=1)
    with torch.no_grad():
        one, other = (network.taught(each, y[:1], smoothing=0.0) for each in (covered, without))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", NAMES)
def test_every_size_learns_eight_pairs_by_heart(name, ready):
    task, x, y, _ = ready
    network = build(name, task).train()
    for module in network.modules():
        if hasattr(module, "share"):
            module.share = 0.0
        if hasattr(module, "dropout"):
            module.dropout = 0.0
    network.unread = 0.0
    step = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(120):
        step.zero_grad()
        task.loss(network, {"x": x[:8], "y": y[:8]}, "whole").mean().backward()
        step.step()
    network.eval()
    with torch.no_grad():
        outputs = task.outcome(network, x[:8])
    assert [each.text for each in task.answers(outputs, {}, level=0.9)] == task.told(y[:8])
    still = [key for key, weight in network.named_parameters() if not weight.grad.abs().any()]
    assert still == []


def test_smoothed_loss_and_its_gradient_are_those_of_torch():
    torch.manual_seed(0)
    hidden = torch.randn(3, 4, 8, requires_grad=True)
    weight = torch.randn(11, 8, requires_grad=True)
    bias = torch.randn(11, requires_grad=True)
    wanted = torch.randint(1, 11, (3, 4))

    own = token_nats(hidden, weight, bias, wanted, smoothing=0.1, alike=True)
    right = torch.nn.functional.cross_entropy(
        (hidden @ weight.T + bias).flatten(0, 1),
        wanted.flatten(),
        label_smoothing=0.1,
        reduction="none",
    ).view(3, 4)

    torch.testing.assert_close(own, right)
    for one, other in zip(
        torch.autograd.grad(own.sum(), (hidden, weight, bias)),
        torch.autograd.grad(right.sum(), (hidden, weight, bias)),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


# The scores


def test_scores_are_those_of_sacrebleu():
    sacrebleu = pytest.importorskip("sacrebleu")
    found, wanted = FOUND * 5, WANTED * 5

    own = _translate_scores.scores(found, wanted)

    assert own["bleu"].value == pytest.approx(sacrebleu.corpus_bleu(found, [wanted]).score)
    lower = sacrebleu.corpus_bleu(found, [wanted], lowercase=True).score
    assert own["bleu_lowercased"].value == pytest.approx(lower)
    assert own["chrf"].value == pytest.approx(sacrebleu.corpus_chrf(found, [wanted]).score)
    assert all(each.low <= each.value <= each.high for each in own.values())
    for one, other, chrf in zip(FOUND, WANTED, _translate_scores.chrfs(FOUND, WANTED), strict=True):
        assert chrf == pytest.approx(sacrebleu.sentence_chrf(one, [other]).score)


def test_signatures_are_those_of_sacrebleu():
    metrics = pytest.importorskip("sacrebleu.metrics")
    own = _translate_scores.signatures()
    for name, metric in (
        ("bleu", metrics.BLEU()),
        ("bleu_lowercased", metrics.BLEU(lowercase=True)),
        ("chrf", metrics.CHRF()),
    ):
        metric.corpus_score(FOUND, [WANTED])
        assert str(metric.get_signature()) == own[name]


def test_right_translations_score_a_hundred_and_the_guess_less(ready):
    task, _, y, examples = ready
    outputs = written(task, examples.targets)

    scores = task.scores(outputs, y, task.calibrate(outputs, y))

    assert scores["bleu"].value == pytest.approx(100)
    assert task.score(outputs, y) == pytest.approx(100)
    assert task.guess(y)["bleu"] < 40
    assert task.details(outputs, y, {})["worst"][0]["chrf"] == pytest.approx(100)


# Confidence


def test_confidence_rises_with_likelihood_and_bounds_hold_as_often_as_they_say():
    random = np.random.default_rng(0)
    means = -random.exponential(1, 2000)
    quality = np.clip(0.9 * np.exp(means) + random.normal(0, 0.1, 2000), 0, 1)
    calibration = learned(means[:1000], quality[:1000])

    expected, least = foretold(means[1000:], calibration, 0.9)

    order = np.argsort(means[1000:])
    assert (np.diff(expected[order]) >= 0).all()
    assert np.abs(expected.mean() - quality[1000:].mean()) < 0.02
    assert 0.87 < (quality[1000:] >= least).mean() < 0.93


# What must not be changed


@pytest.mark.parametrize(
    ("source", "given", "right", "lost"),
    [
        ("Flat 247, 3 rooms", "Wohnung 742, 3 Zimmer", "Wohnung 247, 3 Zimmer", ()),
        ("See https://a.b/c?d now", "Siehe http://x.y jetzt", "Siehe http://x.y jetzt", None),
        ("It costs 1,200.50", "Es kostet 1.200,50", "Es kostet 1.200,50", ()),
        ("Hello {name}!", "Hallo!", "Hallo!", ("{name}",)),
        ("A B52 flies", "Eine B25 fliegt", "Eine B52 fliegt", ()),
        ("A dog", "Ein Hund", "Ein Hund", ()),
    ],
)
def test_numbers_and_names_are_copied_or_said_to_be_lost(source, given, right, lost):
    text, missing = copied(source, given)
    if lost is None:
        assert "https://a.b/c?d" in text
    else:
        assert (text, missing) == (right, lost)


# Degeneracy


def test_one_sentence_for_all_is_named_with_the_remedy():
    sources = [f"sentence {n}" for n in range(60)]
    said = strange(sources, ["Ein Mann."] * 20 + [f"Satz {n}" for n in range(40)])
    assert "one and the same sentence, 'Ein Mann.', to 20 of 60" in said
    assert "longer --budget" in said


def test_endless_repetition_and_copies_are_named():
    sources = [f"this is sentence number {n}" for n in range(60)]
    loops = [f"der {n} Hund der {n} Hund der {n} Hund" for n in range(60)]
    assert "repeat themselves" in strange(sources, loops)
    assert "copies of their source" in strange(sources, sources)
    assert strange(sources, [f"Das ist Satz Nummer {n}" for n in range(60)]) is None
    assert strange(sources[:20], loops[:20]) is None


@pytest.mark.parametrize(
    ("text", "loops"),
    [("a b c a b d", False), ("ja ja ja", True), ("x a b a b a b", True), ("", False)],
)
def test_a_run_three_times_in_a_row_is_a_repetition(text, loops):
    assert repeats(text) == loops


def test_outputs_that_are_no_numbers_are_named(ready):
    task, *_ = ready
    outputs = written(task, ["a b"] * 3)
    outputs[0, 0] = np.nan
    assert "not numbers" in task.degenerate(outputs)
    assert len(task.answers(outputs, {}, level=0.9)) == 3


def test_missing_translations_are_refused(ready):
    task, *_ = ready
    with pytest.raises(BadInputError, match="1 of 3 targets are missing"):
        task.encode(np.array(["a", None, "b"], object))
    with pytest.raises(BadInputError, match="needed: a translation of each"):
        Translate.describe(np.array([None, None], object))


def test_words_of_a_translation_are_explained_by_their_number(ready):
    task, *_ = ready
    assert task.answer_place("the translation") == 0
    assert task.answer_place(task.answer_name(3)) == task.answer_place("3") == 3
    with pytest.raises(BadInputError, match="the number of a word"):
        task.answer_place("Hund")


def test_sentences_of_a_step_are_alike_in_source_and_target(ready):
    task, x, y, _ = ready
    stored = x.numpy().astype(np.uint16)
    supply = Supply(Pairs(), task.schema, stored, np.arange(len(x)), y)
    sizes = task.sizes(supply)
    read, written = (x != 0).sum(dim=1), (y != 0).sum(dim=1)

    order = sizes.argsort(stable=True)

    longer = torch.maximum(read, written)[order]
    assert bool((longer[1:] >= longer[:-1]).all())
    same = (longer[1:] == longer[:-1]).nonzero()[:, 0]
    both = (read + written)[order]
    assert bool((both[same + 1] >= both[same]).all())


def test_networks_that_translate_together_are_looked_into_side_by_side(ready):
    task, x, _, _ = ready
    members = [build("attention", task, seed).eval() for seed in (0, 1)]
    alone = _features._noticing(members[0])
    both = _features._noticing(Committee(members))

    assert alone == [members[0]]
    assert len(both) == 2
    assert both[1].noticed(x[:2]).shape == members[1].noticed(x[:2]).shape
    assert _features._noticing(torch.nn.Linear(2, 2)) == []
