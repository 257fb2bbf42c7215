"""Clips from files: uneven times, broken ones named, groups kept together, decoded once."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from clips import film, folder, moving, song, two_classes
from PIL import Image

from pellucid.data import Ask
from pellucid.data import _video_cache as cache
from pellucid.data._video_clips import Form
from pellucid.data._video_decoding import Clip, _small, decode, probe
from pellucid.data.video import Video
from pellucid.errors import BadInputError

pytest.importorskip("av")
KIND = Video()
FORM = Form(frames=8, height=24, width=32)
REAL = Path(__file__).parents[2] / "shared" / "data" / "surv_fight"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the clips of surv_fight are not here")


def lit(pixels):
    """Give the column of the yellow square in each frame, as a share of the width."""
    red, green, blue = np.moveaxis(pixels.astype(int), 3, 0)
    yellow = (red + green - 2 * blue > 220).sum(axis=1)
    return (yellow * np.arange(pixels.shape[2])).sum(axis=1) / yellow.sum(axis=1) / pixels.shape[2]


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.mkv", "a.mov"])
def test_files_of_every_make_give_the_same_frames(name, tmp_path):
    found = decode(film(tmp_path / name, moving(24)), FORM)
    assert isinstance(found, Clip), found
    assert found.pixels.shape == (8, 24, 32, 3)
    assert (found.width, found.height, found.count) == (64, 48, 24)
    assert found.seconds == pytest.approx(24 / 25, abs=0.02)
    expected = (np.arange(8) + 0.5) / 8 * 0.8 + 0.1
    assert np.abs(lit(found.pixels) - expected).max() < 0.12


def test_frames_are_taken_by_time_where_the_rate_is_uneven(tmp_path):
    # The first half of the frames fills a fifth of the time.
    times = [*np.linspace(0, 0.4, 12, endpoint=False), *np.linspace(0.4, 2.0, 12, endpoint=False)]
    found = decode(film(tmp_path / "a.mkv", moving(24), times=times), FORM)
    assert found.seconds == pytest.approx(2.0, abs=0.2)
    at = lit(found.pixels)
    assert at[2] > 0.45
    assert (np.diff(at) > -0.05).all()


def test_a_file_whose_frames_all_claim_the_same_time_is_taken_as_even(tmp_path):
    whole = film(tmp_path / "a.mp4", moving(24))
    if REAL.is_dir():
        found = decode(REAL / "fight" / "fi001.mp4", FORM)  # every time in it is 0
        assert found.rate == pytest.approx(25.0)
        assert np.abs(np.diff(found.pixels.astype(int), axis=0)).mean() > 1
    assert decode(whole, FORM).rate == pytest.approx(25.0, abs=0.5)


def broken(folder):
    good = film(folder / "good.mp4", moving(60)).read_bytes()
    avi = film(folder / "good.avi", moving(60)).read_bytes()
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("no clip at all\n" * 20)
    (folder / "half.mp4").write_bytes(good[: len(good) // 2])
    (folder / "half.avi").write_bytes(avi[: len(avi) // 4])
    song(folder / "song.mp4")
    return folder


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.mp4", "is empty"),
        ("text.mp4", "is no video inside"),
        ("half.mp4", "cut short"),
        ("half.avi", "cut short"),
        ("song.mp4", "has no video stream \\(only audio\\)"),
        ("gone.mp4", "does not exist"),
    ],
)
def test_a_broken_clip_is_named_with_its_reason(name, reason, tmp_path):
    import re

    found = decode(broken(tmp_path) / name, FORM)
    assert isinstance(found, str)
    assert re.search(reason, found)


def test_a_few_broken_clips_are_left_out_and_the_others_read(tmp_path):
    for number in range(3):
        film(tmp_path / "clips" / "a" / f"{number}.mp4", moving(12, seed=number))
        film(tmp_path / "clips" / "b" / f"{number}.mp4", moving(12, seed=number, down=True))
    broken(tmp_path / "clips" / "b")
    found = KIND.read(tmp_path / "clips", Ask(cache=tmp_path / "cache"))
    assert len(found) == 8
    assert {fault.name for fault in found.faults} == {
        f"b/{name}" for name in ("empty.mp4", "text.mp4", "half.mp4", "half.avi", "song.mp4")
    }


def test_a_folder_of_broken_clips_alone_is_refused_in_words(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(BadInputError, match="none of 1 clips can be used"):
        KIND.read(tmp_path, Ask())


def test_bytes_in_disorder_never_raise(tmp_path):
    random = np.random.default_rng(0)
    good = film(tmp_path / "good.mp4", moving(20)).read_bytes()
    for number in range(25):
        spoilt = bytearray(good)
        for at in random.integers(0, len(good), random.integers(1, 400)).tolist():
            spoilt[at] = int(random.integers(256))
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(bytes(spoilt[: int(random.integers(1, len(good) + 1))]))
        assert isinstance(decode(path, FORM), Clip | str)


def test_a_clip_of_one_frame_is_read(tmp_path):
    found = decode(film(tmp_path / "a.mp4", moving(1)), FORM)
    assert isinstance(found, Clip), found
    assert found.count == 1
    assert not np.diff(found.pixels.astype(int), axis=0).any()


def test_in_a_long_file_the_decoder_jumps(tmp_path):
    times = np.linspace(0, 400, 60)
    path = film(tmp_path / "long.mkv", moving(60), times=times)
    found = decode(path, FORM)
    assert isinstance(found, Clip), found
    assert found.seconds == pytest.approx(400, rel=0.05)
    assert (np.diff(lit(found.pixels)) > -0.05).all()
    assert lit(found.pixels)[-1] > 0.7


def test_far_longer_clips_than_those_learned_from_are_warned_of(tmp_path):
    for number in range(4):
        film(tmp_path / "a" / f"{number}.mp4", moving(12, seed=number))
    schema = KIND.describe(KIND.read(tmp_path, Ask(cache=tmp_path / "cache")))
    path = film(tmp_path / "long.mp4", moving(80))
    (note,) = KIND.read(path, Ask(schema=schema)).notes
    assert note.what == "long clips"


def test_the_table_beside_class_folders_tells_what_belongs_together(tmp_path):
    rows = []
    for number in range(4):
        for name in ("a", "b"):
            path = film(tmp_path / name / f"{name}{number}.mp4", moving(8, seed=number))
            rows.append(f"{name}/{path.name},{name},s{number // 2}\n")
    (tmp_path / "clips.csv").write_text("path,label,source_video\n" + "".join(rows))
    for source in (tmp_path, tmp_path / "clips.csv"):
        found = KIND.read(source, Ask(cache=tmp_path / "cache"))
        assert sorted(set(found.groups.tolist())) == ["s0", "s1"]
        assert len(found) == 8


def test_names_with_a_source_in_them_are_groups(tmp_path):
    for name in ("jump", "walk"):
        for source in range(1, 5):
            for number in range(3):
                path = tmp_path / name / f"v_{name}_g0{source}_c0{number}.mp4"
                film(path, moving(4, seed=number))
    found = KIND.read(tmp_path, Ask(cache=tmp_path / "cache"))
    assert sorted(set(found.groups.tolist())) == ["g01", "g02", "g03", "g04"]
    assert any(note.what == "groups in names" for note in found.notes)


def test_clips_are_decoded_once(tmp_path, monkeypatch):
    for number in range(9):
        film(tmp_path / "clips" / "a" / f"{number}.mp4", moving(8, seed=number))
    ask = Ask(cache=tmp_path / "cache")
    first = KIND.read(tmp_path / "clips", ask)
    monkeypatch.setattr(cache, "decode_all", None)
    again = KIND.read(tmp_path / "clips", ask)
    assert np.array_equal(again.raw.whole(), first.raw.whole())
    assert again.names == first.names


def test_reading_goes_on_where_the_time_was_up(tmp_path):
    source = two_classes(tmp_path / "clips", each=10)
    ask = Ask(cache=tmp_path / "cache", reading=0.0)
    with pytest.raises(BadInputError):
        KIND.read(source, ask)
    whole = KIND.read(source, Ask(cache=tmp_path / "cache", reading=60.0))
    assert len(whole) == 20
    assert [*whole.names] == sorted(whole.names, key=lambda n: (n[0], int(n.split("clip")[1])))


def test_a_folder_of_frames_with_a_broken_one_is_read_and_with_many_is_named(tmp_path):
    path = folder(tmp_path / "clip", moving(8))
    (path / "frame_0003.png").write_bytes(b"broken")
    assert isinstance(decode(path, FORM), Clip)
    for place in range(6):
        (path / f"frame_{place:04}.png").write_bytes(b"broken")
    assert "frames that cannot be read" in decode(path, FORM)


def test_frames_turned_by_their_file_are_shown_upright():
    import av

    class Turned:
        """A frame whose file says that it is to be turned by a quarter, anticlockwise."""

        rotation, width, height = 90, 64, 48
        reformat = av.VideoFrame.from_ndarray(moving(1)[0], format="rgb24").reformat

    upright, size = _small(Turned(), Form(frames=1, height=64, width=48))
    assert size == (48, 64)
    expected = np.rot90(moving(1)[0])
    assert np.abs(upright.astype(int) - expected).mean() < 3


def test_the_header_of_a_folder_of_frames_is_its_first_frame(tmp_path):
    found = probe(folder(tmp_path / "clip", moving(4)))
    assert (found.width, found.height, found.frames) == (64, 48, 4)


def test_sides_of_folders_of_frames_are_kept(tmp_path):
    for side in ("train", "test"):
        two_classes(tmp_path / "set" / side, each=3)
    found = KIND.read(tmp_path / "set", Ask(cache=tmp_path / "cache"))
    assert sorted(set(found.sides.tolist())) == ["test", "train"]
    assert sorted(set(found.targets.tolist())) == ["down", "right"]


def test_without_av_the_sentence_names_the_extra(tmp_path):
    film(tmp_path / "a" / "1.mp4", moving(4))
    words = (
        "import sys; sys.modules['av'] = None\n"
        "from pellucid.data.video import Video; from pellucid.data import Ask\n"
        "from pathlib import Path\n"
        f"Video().read(Path({str(tmp_path)!r}), Ask())"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], capture_output=True, text=True, check=False
    )
    assert 'pip install "pellucid[video]"' in done.stderr


@real
def test_real_clips_are_read_with_their_sources_and_sides(tmp_path):
    chosen = tmp_path / "surv"
    for name in ("fight", "noFight"):
        (chosen / name).mkdir(parents=True)
        for path in sorted((REAL / name).glob("*.mp4"))[::20]:
            shutil.copy(path, chosen / name)
    rows = (REAL / "clips.csv").read_text().splitlines()
    kept = [row for row in rows[1:] if (chosen / row.split(",")[0]).exists()]
    (chosen / "clips.csv").write_text("\n".join([rows[0], *kept]))
    found = KIND.read(chosen, Ask(cache=tmp_path / "cache", seconds=60.0))
    assert len(found) == len(kept)
    assert found.groups is not None
    assert set(found.sides.tolist()) <= {"train", "test"}
    assert 0.5 < np.median(found.raw.about().seconds) < 6


def test_a_picture_of_the_strip_is_drawn(tmp_path):
    import io

    found = KIND.read(two_classes(tmp_path / "clips"), Ask(cache=tmp_path / "cache"))
    (parts,) = KIND.parts(KIND.take(found, np.array([0])), KIND.describe(found))
    shares = np.linspace(-1, 1, len(parts))
    drawn = Image.open(io.BytesIO(KIND.paint(found, 0, parts, shares)))
    assert drawn.size[0] == 900
