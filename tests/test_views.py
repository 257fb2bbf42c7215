"""What is told and drawn of a model that makes whole examples."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_making import CLASSES, model, schema, subject

from pellucid import _views
from pellucid._easel import Easel
from pellucid.errors import BadInputError
from pellucid.explaining._cases import Cases
from pellucid.explaining.neighbours import Recall
from pellucid.networks._album import due
from pellucid.reporting import report
from pellucid.tasks._comparison import by_heart, compared, uneven
from pellucid.tasks._seen import Seen
from pellucid.training.progress import Progress


def seen(*, told=None, made_near=None, made=None, count=200):
    random = torch.Generator().manual_seed(0)
    real, known, other = torch.randn(3, count, 4, generator=random)
    classes = torch.arange(count) % 3
    near = torch.rand(count, generator=random) + 1
    return Seen(
        view=torch.zeros(count),
        real=real,
        made=other if made is None else made,
        known=known,
        asked=classes,
        told=classes if told is None else told,
        true=classes,
        made_near=near.flip(0) if made_near is None else made_near,
        real_near=near,
    )


def cases(count=30):
    stored = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 1)).astype(np.uint8)
    names = tuple(f"{place}.png" for place in range(count))
    y = torch.arange(count) % 3
    return Cases(stored=stored, y=y, names=names, held=stored, held_y=y, held_names=names)


# What scores are read beside


def test_scores_stand_beside_a_floor_of_training_pictures_and_the_share_of_each_class():
    found = json.loads(json.dumps(compared(seen(), CLASSES)))

    assert found["floor"]["distance"] < 0.2
    assert [row["times"] for row in found["classes"]] == [1.0] * 3
    assert found["asked"] == 1.0
    assert found["repeated"]["value"] < 0.05


def test_a_class_that_is_hardly_made_is_named_with_its_figure():
    told = torch.arange(200) % 3
    told[told == 1] = 2

    said = uneven(seen(told=told), CLASSES)

    assert "Bag (0 times as often" in said
    assert "Ankle boot" not in said
    assert not uneven(seen(), CLASSES)


def test_pictures_by_heart_are_named_and_healthy_ones_are_not():
    assert "training pictures are being repeated" in by_heart(seen(made_near=torch.zeros(200)))
    assert not by_heart(seen())


# Views


def test_a_sheet_by_class_has_the_same_noise_in_each_column():
    made = _views.by_class(subject())

    assert [title for title, _, _ in made.groups] == list(CLASSES)
    assert made.names[:8] == made.names[8:16]
    assert made.sheet().startswith(b"\x89PNG")


def test_without_classes_a_sheet_shows_samples_by_number():
    made = _views.by_class(subject(schema()))

    assert made.names[:3] == ("0", "1", "2")


def test_the_nearest_training_picture_of_a_copy_is_the_one_it_copies():
    one, known = subject(), cases()
    stored = known.stored.copy()
    from pellucid import making

    stored[17] = making.make(one, 1).stored[0]

    found = _views.nearest(one, replace(known, stored=stored))

    assert (found.stored[1] == stored[17]).all()
    assert found.names[1] == "0.0 away"


def test_without_cases_nothing_is_set_beside():
    assert _views.nearest(subject(), None) is None


def test_explanations_look_for_neighbours_as_the_eye_sees():
    one, known = subject(), cases()
    x = one.x(known.stored[4:5])[0]

    (first, *_) = Recall(one, known).neighbours(x, 0)

    assert first.place == 4
    assert first.similarity == pytest.approx(1.0, abs=1e-4)


def test_the_album_keeps_the_same_noise_at_doubling_steps():
    assert [step for step in range(1, 1030) if due(step) is not None] == [64, 128, 256, 512, 1024]
    one = subject()
    album = one.network.album

    album.keep(64, one.network.make)
    album.keep(65, one.network.make)

    ((step, x),) = album.shown()
    assert step == 64
    z, y = album.noise()
    torch.testing.assert_close(x, one.network.make(z, y), atol=0.02, rtol=0)
    assert _views.course(one).groups[0][0] == "step 64"


# Live


def test_a_run_is_drawn_anew_while_it_goes_on(tmp_path):
    easel = Easel(tmp_path / "watch.png")
    pictures = iter([b"first", b"second"])
    progress = Progress(
        stage="training", spent=1.0, budget=9.0, curve={}, drawn=lambda: next(pictures)
    )

    said = easel.draw(progress) + easel.draw(progress)

    assert (tmp_path / "watch.png").read_bytes() == b"first"  # the second came too soon
    assert said == ""
    assert [path.name for path in tmp_path.iterdir()] == ["watch.png"]


def test_where_nothing_is_made_the_curve_is_drawn(tmp_path):
    curve = {"seconds": [1.0, 2.0], "loss": [2.0, 1.0], "score_seconds": [2.0], "score": [0.5]}

    Easel(tmp_path / "curve.png").draw(
        Progress(stage="training", spent=2.0, budget=9.0, metric="accuracy", curve=curve)
    )

    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn_is_said_once_and_ends_nothing(tmp_path):
    def fails():
        raise RuntimeError("no paint")

    easel = Easel(tmp_path / "watch.png")
    progress = Progress(stage="training", spent=1.0, budget=9.0, curve={}, drawn=fails)

    assert "the run goes on: no paint" in easel.draw(progress)
    assert easel.draw(progress) == ""


@pytest.mark.parametrize("name", ["watch.jpg", "nowhere/watch.png"])
def test_a_place_where_no_picture_can_be_drawn_is_refused_before_the_run(tmp_path, name):
    with pytest.raises(BadInputError, match="to watch the run by"):
        Easel(tmp_path / name)


# Report


def test_a_report_shows_what_is_made_and_how_like_the_real_it_is():
    one = model(schema(*CLASSES, shares=(0.5, 0.3, 0.2)))
    one.cases = cases()
    one.network.eye.known.normal_()

    page = report(one)

    for said in ("What it makes", "How like the real ones", "Samples, explained", "sample 0"):
        assert said in page
    assert "A walk from sample 0 to sample 1" in page
    assert "The weakest groups" not in page
