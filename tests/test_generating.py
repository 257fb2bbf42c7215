"""Text is written as asked: from a prompt, by a seed, so long and no longer, and as it comes."""

import json
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from toy import known_to, toy_model
from writers import (
    FIRST,
    RHYME,
    Follows,
    Frequencies,
    Reader,
    Windowed,
    codes_of,
    stream_schema,
    table,
    writer,
)

import pellucid
import pellucid._fitting
from pellucid.cli import main
from pellucid.errors import BadInputError
from pellucid.explaining._cases import Cases
from pellucid.generating import Wish, learned, repetition, tried, written


def circle(text="abc" * 900):
    """A model that writes abcabc… for ever."""
    return writer(lambda codes: Follows(table("ab", "bc", "ca", text=text)), text=text)


def text_of(model, prompt="the", **options):
    return "".join(model.generate(prompt, **options))


@pytest.fixture
def asked_for(monkeypatch):
    """Runs a command on a model that is already loaded."""

    def run(model, *words):
        stand_in = SimpleNamespace(load=lambda path: model)
        monkeypatch.setitem(sys.modules, "pellucid.model", stand_in)
        with pytest.raises(SystemExit) as end:
            main(words)
        return end.value.code or 0

    return run


# What is written


def test_what_is_drawn_is_read_again():
    assert text_of(circle(), "a", length=7) == "bcabcab"


def test_the_whole_prompt_is_read():
    model = writer()
    outputs = model.network(codes_of(model, "the cat sat"))

    (letter,) = text_of(model, "the cat sat", length=1, temperature=0)

    assert (
        letter
        == model.kind.restore(outputs[:, 1:].argmax(1)[:, None].numpy() + 1, model.schema).raw[0]
    )


def test_a_seed_writes_the_same_again_and_another_one_does_not():
    model = writer()

    first, again, other = (text_of(model, length=60, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_more_texts_at_once_leave_the_first_as_it_is():
    model = writer()

    alone = written(model.why.subject, Wish(prompt="the", length=50, seed=3))
    several = written(model.why.subject, Wish(prompt="the", length=50, seed=3, count=4))

    assert several[:1] == alone
    assert len(set(several)) == 4
    assert {len(text) for text in several} == {50}


@pytest.mark.parametrize("length", [1, 17, 100])
def test_a_text_has_the_length_that_was_asked_for(length):
    assert len(text_of(writer(), length=length)) == length


def test_letters_come_one_by_one():
    assert list(circle().generate("a", length=4)) == ["b", "c", "a", "b"]


def test_a_text_that_ends_is_at_its_end():
    text = "abc" * 900
    rows = table("ab", "bc", text=text)
    rows[stream_schema(text).cardinalities[0] - 1, 1] = 50.0  # behind c, the end
    model = writer(lambda codes: Follows(rows), text=text)

    assert text_of(model, "a", length=90) == "bc"


def test_a_letter_in_halves_comes_when_it_is_whole():
    text = "abc" * 900
    schema = stream_schema(text)
    model = writer(text=text)
    codes = model.kind.steps("a😀c", schema).astype(int).tolist()
    assert len(codes) == 10
    model.network = Script(codes[1:], schema.cardinalities[0]).eval()

    pieces = list(model.generate("a", length=2))

    assert pieces == ["😀", "c"]


def test_bytes_that_make_no_letter_do_not_stop_it():
    model = writer(lambda codes: Frequencies(one_hot(codes, FIRST - 1)))

    assert len(text_of(model, length=5)) == 5


def test_without_a_prompt_the_first_letter_is_drawn_as_frequent_as_it_is():
    text = "abc" * 20_000  # the end is met once, which teaches nothing
    model = circle(text)
    wish = Wish(length=2, count=60)

    texts = written(model.why.subject, wish)

    assert set(texts) == {"ab", "bc", "ca"}


def test_without_a_prompt_a_text_begins_as_texts_begin():
    text = "abc" * 20
    rows = table("ab", "bc", "ca", text=text)
    rows[1, FIRST + 1] = 50.0  # texts begin with b

    model = writer(lambda codes: Follows(rows), text=text)

    assert text_of(model, "", length=3) == "bca"


def test_words_are_put_apart_from_the_prompt():
    text = "the cat sat on the mat\nthe dog sat on the log\n" * 6_000
    model = writer(text=text)
    assert model.schema.details["form"] == "words"
    codes = model.kind.steps("the cat sat", model.schema).astype(int).tolist()
    model.network = Script(codes[1:], model.task.outputs).eval()

    assert list(model.generate("the", length=8)) == [" cat", " sat"]


def test_a_network_that_cannot_carry_its_memory_is_shown_the_text_again():
    carried = writer()
    windowed = writer(lambda codes: Windowed(Reader(codes)))
    windowed.network.inner.load_state_dict(carried.network.state_dict())

    assert text_of(windowed, length=40) == text_of(carried, length=40)


def test_a_calibrated_model_writes_as_it_was_calibrated():
    plain, sharper = writer(), writer(calibration={"temperature": 0.7})

    assert text_of(sharper, length=80, temperature=1.0) == text_of(
        plain, length=80, temperature=0.7
    )


# What is refused


def test_a_model_that_answers_with_a_class_is_refused_in_a_sentence(monkeypatch):
    known_to(monkeypatch)

    with pytest.raises(BadInputError, match="made to classify"):
        toy_model().generate("once")


@pytest.mark.parametrize(
    "wrong", [{"length": 0}, {"temperature": -1}, {"top_k": 0}, {"top_p": 2}, {"length": -5}]
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(wrong):
    with pytest.raises(BadInputError, match="needed"):
        writer().generate("the", **wrong)


def test_no_text_at_all_is_refused():
    with pytest.raises(BadInputError, match="count 0"):
        Wish(count=0)


# Degeneracy


def test_a_text_that_goes_round_is_said_aloud():
    found = repetition(
        "he the the the " * 30, ["nothing of the kind, and no more of it than that" * 1]
    )

    assert "repeats itself" in found
    assert "% of the text" in found


def test_a_text_that_repeats_itself_no_more_than_what_was_learned_is_no_fault():
    assert repetition(RHYME[:600], [RHYME[:1200]]) == ""


def test_a_text_without_repetition_is_no_fault():
    words = [f"{number * 7919 % 104729:x}" for number in range(300)]

    assert repetition(" ".join(words)) == ""
    assert repetition("short") == ""


def test_what_a_model_writes_is_tried():
    text = "abc" * 900
    rows = table("ab", "bc", "ca", text=text)
    rows[1, FIRST] = 50.0  # texts begin with a
    model = writer(lambda codes: Follows(rows), text=text)

    assert "degenerate" in tried(model.why.subject, None, seed=0, seconds=60)
    assert tried(writer().why.subject, None, seed=0, seconds=60) == ""


def test_a_model_that_writes_nothing_is_not_tried(monkeypatch):
    known_to(monkeypatch)

    assert tried(toy_model().why.subject, None, seed=0, seconds=60) == ""


def test_trying_ends_when_its_time_is_over():
    class Slow(Follows):
        def step(self, x, state=None):
            time.sleep(0.05)
            return super().step(x, state)

    model = writer(lambda codes: Slow(table("ab", "bc", "ca", text="abc")), text="abc" * 900)
    before = time.monotonic()

    tried(model.why.subject, None, seed=0, seconds=0.3)

    assert time.monotonic() - before < 5  # 600 characters would take 30 s


def test_a_network_that_fails_while_it_is_tried_costs_nothing_that_was_learned():
    class Broken(Follows):
        def step(self, x, state=None):
            raise RuntimeError("no such step")

    model = writer(lambda codes: Broken(table("ab", "bc", "ca", text="abc")), text="abc" * 900)

    assert "no such step" in tried(model.why.subject, None, seed=0, seconds=5)


def test_learned_texts_come_from_the_stored_cases():
    model = writer()
    stored = model.kind.encode(model._read([{"text": "the cat"}, {"text": "a mat"}]), model.schema)
    y = torch.zeros(2, dtype=torch.int64)
    names = ("one", "two")
    cases = Cases(stored=stored, y=y, names=names, held=stored, held_y=y, held_names=names)

    found = learned(model.why.subject, cases)

    assert "the cat" in found[0]
    assert learned(model.why.subject, None) == []


# The command


def test_the_command_prints_the_prompt_and_what_follows(asked_for, capsys):
    status = asked_for(
        circle(), "generate", "m.pellucid", "--prompt", "ca", "--length", "5", "--temperature", "1"
    )

    assert status == 0
    assert capsys.readouterr().out == "cabcabc\n"


def test_the_command_writes_several_as_json_and_keeps_them(asked_for, capsys, tmp_path):
    out = tmp_path / "texts.txt"

    asked_for(
        *(writer(), "generate", "m.pellucid", "--prompt", "the", "--length", "9", "--seed", "4"),
        *("--count", "2", "--top-k", "9", "--top-p", "0.9", "--json", "--out", str(out)),
    )

    said = capsys.readouterr()
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [line["place"] for line in lines] == [0, 1]
    assert {line["prompt"] for line in lines} == {"the"}
    assert [len(line["text"]) for line in lines] == [9, 9]
    assert out.read_text() == "\n\n".join("the" + line["text"] for line in lines) + "\n"
    assert f"Saved {out}" in said.err


def test_the_command_numbers_several_texts(asked_for, capsys):
    asked_for(circle(), "generate", "m.pellucid", "--prompt", "a", "--length", "2", "--count", "2")

    assert capsys.readouterr().out == "--- 1 of 2\nabc\n\n--- 2 of 2\nabc\n\n"


def test_the_command_says_that_a_text_repeats_itself(asked_for, capsys):
    asked_for(circle(), "generate", "m.pellucid", "--prompt", "a")

    assert "it repeats itself" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--temperature", "-1"), ("--length", "0"), ("--count", "0")])
def test_the_command_answers_nonsense_with_a_sentence(asked_for, capsys, wrong):
    status = asked_for(circle(), "generate", "m.pellucid", *wrong)

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert "remedy:" in said.err


def test_the_command_refuses_a_model_that_writes_nothing(asked_for, capsys, monkeypatch):
    known_to(monkeypatch)

    status = asked_for(toy_model(), "generate", "m.pellucid", "--prompt", "once")

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert "made to classify" in said.err


def test_predict_takes_texts_from_the_command_itself(asked_for, capsys):
    asked_for(circle(), "predict", "m.pellucid", "--text", "abcab", "--text", "ab", "--json")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [next(iter(line["next"])) for line in lines] == ["c", "c"]


@pytest.mark.parametrize("words", [(), ("a.txt", "--text", "b")])
def test_predict_wants_files_or_texts(asked_for, capsys, words):
    status = asked_for(circle(), "predict", "m.pellucid", *words)

    assert status == 2
    assert "needed:" in capsys.readouterr().err


# From raw text to written text


def test_a_model_is_learned_saved_loaded_and_writes(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pellucid._fitting, "account", lambda *given, **options: (None, {}))
    path = tmp_path / "rhyme.txt"
    path.write_text(RHYME * 4)

    model = pellucid.fit(
        str(path), task="generate_text", network="rnn", steps=60, out=tmp_path / "m.pellucid"
    )
    again = pellucid.load(tmp_path / "m.pellucid")

    scores, guess = model.record["summary"]["scores"], model.record["summary"]["guess"]
    assert scores["bits_per_byte"]["value"] < 0.7 * guess["bits_per_byte"]
    assert text_of(again, length=30) == text_of(model, length=30)
    assert again.evaluate(str(path)).scores["nats_per_token"].value < guess["nats_per_token"]


class Script(torch.nn.Module):
    """Expects one code after the other, whatever it reads."""

    def __init__(self, codes, outputs):
        super().__init__()
        self.codes, self.outputs = codes, outputs

    def step(self, x, state=None):
        done = 0 if state is None else int(state[0][0])
        logits = one_hot(self.outputs, self.codes[min(done, len(self.codes) - 1)])
        return logits.expand(len(x), -1), (torch.full((len(x),), done + 1),)

    def each(self, x, state=None):
        outputs, state = self.step(x[:, -1], state)
        return outputs[:, None], state


def one_hot(codes, place):
    logits = torch.zeros(codes)
    logits[place] = 90.0
    return logits
