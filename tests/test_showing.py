"""What a run shows while it goes on, and how figures are written."""

import io
import math
import sys

import pytest

from pellucid.showing import Display, curve, describe, duration, in_words, summarise
from pellucid.training.progress import Progress

TRAINING = Progress(
    stage="training",
    spent=12.4,
    budget=60.0,
    step=340,
    steps=2100,
    loss=0.41234,
    score=0.9021,
    metric="accuracy",
    next="held-out score in 4 s",
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


class Full(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text):
        raise OSError(28, "No space left on device")


def test_progress_fits_on_one_line_of_a_log():
    assert in_words(TRAINING) == (
        "[12 s of 60 s] training; step 340 of 2,100; loss 0.4123; held-out accuracy 0.9021; "
        "next: held-out score in 4 s"
    )


def test_a_run_by_steps_has_no_end_in_time():
    assert in_words(Progress(stage="reading", spent=2.0, budget=math.inf)) == "[2 s] reading"


def test_a_log_gets_one_line_a_stage_however_often_it_is_told(capsys):
    with Display() as watch:
        watch(Progress(stage="reading", spent=1.0, budget=60.0))
        for _ in range(50):
            watch(TRAINING)

    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("quiet", [False, True])
def test_what_must_not_be_missed_is_always_said(capsys, quiet):
    with Display(quiet=quiet) as watch:
        watch(TRAINING)
        watch(Progress(stage="training", spent=13.0, budget=60.0, said="the loss was no number"))

    assert "the loss was no number\n" in capsys.readouterr().err


def test_a_terminal_gets_a_live_picture(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")

    with Display() as watch:
        watch(TRAINING)
        watch(Progress(stage="training", spent=13.0, budget=60.0, said="[half] the rate"))

    shown = terminal.getvalue()
    for part in ("48 s left", "loss 0.4123", "next: held-out score in 4 s", "[half] the rate"):
        assert part in shown


def test_a_log_that_cannot_be_written_never_ends_a_run(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())

    with Display() as watch:
        watch(TRAINING)
        watch(Progress(stage="saving", spent=59.0, budget=60.0, said="nearly there"))


def test_a_summary_tells_both_sides_and_the_reason_for_stopping_early():
    told = summarise(
        {
            "task": "classify",
            "target": "",
            "network": {"network": "mlp", "size": 1},
            "weights": 1234,
            "n_train": 1200,
            "n_valid": 300,
            "scores": {"log_loss": {"value": 0.31, "low": None, "high": None}},
            "guess": {"log_loss": 2.302},
            "test": {
                "n": 50,
                "scores": {"log_loss": {"value": 0.33, "low": 0.3, "high": 0.36}},
                "guess": {},
            },
            "seconds": 31.0,
            "budget": 120.0,
            "steps": 2000,
            "passes": 40.0,
            "reason": "more time would not help",
        }
    )

    assert told.splitlines() == [
        "Learned to classify from 1,200 examples, 300 more held out.",
        "Network mlp 1: 1,234 weights, 2,000 steps, 40 passes, 31 s of 2 min.",
        "It ended there: more time would not help.",
        "",
        "held out   score  95 % interval  guess",
        "log loss  0.3100                 2.302",
        "",
        "test       score     95 % interval  guess",
        "log loss  0.3300  0.3000 to 0.3600      -",
    ]


def test_a_record_is_told_whole_but_for_its_curve():
    record = {
        "summary": {"n_train": 9, "scores": {"accuracy": {"value": 0.5, "low": None}}},
        "tried": [{"network": "mlp", "size": 1}, {"network": "linear", "size": 1}],
        "classes": list("abcdefghij"),
        "faults": [],
        "exact": False,
        "curve": {"loss": [1.0]},
    }

    assert describe(record).splitlines() == [
        "summary",
        "  n train: 9",
        "  scores",
        "    accuracy",
        "      value: 0.5",
        "      low: -",
        "tried: network mlp size 1; network linear size 1",
        "classes: a; b; c; d; e; f; g; h and 2 more",
        "faults: -",
        "exact: False",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (99.0, "99 s"),
        (120.0, "2 min"),
        (750.2, "12 min 30 s"),
        (11100.0, "3 h 5 min"),
    ],
)
def test_a_time_is_written_as_a_person_says_it(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(("budget", "guess"), [(60.0, 0.5), (None, None)])
@pytest.mark.parametrize("points", [0, 1, 50])
def test_a_curve_of_any_length_can_be_drawn(points, budget, guess):
    times = [float(point) for point in range(points)]
    known = {
        "seconds": times,
        "step": list(range(points)),
        "loss": [None, *times[1:]] if points else [],
        "score_seconds": times[:3],
        "score": [0.5, 0.6, 0.7][: min(points, 3)],
        "metric": "balanced_accuracy",
        "guess": guess,
        "budget": budget,
    }

    assert curve({"curve": known}).startswith(b"\x89PNG\r\n")
