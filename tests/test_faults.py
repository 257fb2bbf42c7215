"""A run meets what is broken: each fault is named, none stops what can go on, nothing is lost."""

import contextlib
import errno
import io
import os
import re
import struct
import subprocess
import threading
import zlib

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import pellucid
from pellucid import _archive
from pellucid.cli import main
from pellucid.data.image import Image
from pellucid.data.table import Table
from pellucid.errors import BadInputError, SavingError
from pellucid.training.loop import Run

FORMATS = ("jpg", "png", "webp", "gif", "tiff", "bmp")
HARMS = ("cut", "flip", "empty", "text")


def fit(data, **wishes):
    return pellucid.fit(data, **{"steps": 5, "network": "linear", **wishes})


def status_of(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code or 0


# Pictures


def harmed(whole, harm, random):
    """Give a copy of a file's bytes that is cut short, has bits flipped, is empty or is a text."""
    if harm == "cut":
        return whole[: int(random.integers(1, len(whole)))]
    if harm == "flip":
        copy = np.frombuffer(whole, np.uint8).copy()
        places = random.integers(0, len(copy), 8)
        copy[places] ^= (1 << random.integers(0, 8, 8)).astype(np.uint8)
        return copy.tobytes()
    return b"" if harm == "empty" else b"a,b\n1,2\n"


def bomb(side=50_000):
    """Make a whole PNG, of one bit a pixel and all black: 312 MB of rows in 300 kB.

    A deflate block behind a full flush depends on nothing before it, so one can be repeated; and
    the checksum of zeros is known, since only their number counts.
    """
    size, step = side * (1 + -(-side // 8)), 1 << 20
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(bytes(step)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(size % step)) + packer.flush()
    sum_ = struct.pack(">I", (size % 65521) << 16 | 1)
    rows = b"\x78\xda" + block * (size // step) + rest + sum_
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    parts = (chunk(b"IHDR", head), chunk(b"IDAT", rows), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Good pictures in two class folders, and 400 mutated copies and other trouble among them."""
    root = Image.specimen(tmp_path_factory.mktemp("run") / "pictures")
    random = np.random.default_rng(0)
    good = [*root.rglob("*.png")]
    for number in range(400):
        origin = good[number % len(good)]
        end, harm = FORMATS[number % len(FORMATS)], HARMS[number // len(FORMATS) % len(HARMS)]
        made = io.BytesIO()
        Pillow.open(origin).save(made, Pillow.registered_extensions()[f".{end}"])
        broken = harmed(made.getvalue(), harm, random)
        (origin.parent / f"{harm}-{number}.{end}").write_bytes(broken)
    cross = root / "cross"
    (cross / "bomb.png").write_bytes(bomb())
    (cross / "claims.jpg").write_bytes(bomb()[:60])
    (cross / "000.png").rename(cross / "really-a-png.jpg")
    (cross / "gone.png").symlink_to(cross / "nowhere.png")
    (cross / "loop.png").symlink_to(cross / "loop.png")
    return root


@pytest.fixture(scope="module")
def seen(pictures):
    return pellucid.look(pictures)


def test_the_bomb_is_a_whole_picture():
    small = Pillow.open(io.BytesIO(bomb(4_000)))

    assert (small.size, small.convert("L").getextrema()) == ((4_000, 4_000), (0, 0))
    assert len(bomb()) < 400_000


def test_every_broken_picture_is_named_and_the_good_ones_are_used(pictures, seen):
    listed = {str(path.relative_to(pictures)) for path in pictures.rglob("*.*")}
    named = {fault.name: fault.reason for fault in seen.faults}

    assert seen.count + len(named) == len(listed)
    assert set(named) < listed
    assert not {name for name in named if re.fullmatch(r"\w+/(\d+|really-a-png)\.\w+", name)}
    assert {name for name in listed if "/empty-" in name or "/text-" in name} < set(named)
    assert named["cross/bomb.png"].startswith("claims 2,500,000,000 pixels")
    assert {"cross/claims.jpg", "cross/gone.png", "cross/loop.png"} < set(named)
    assert all(named.values())


def test_a_run_over_broken_pictures_records_each_of_them(pictures, seen):
    model = fit(pictures)

    data = model.record["data"]
    assert data["faults"] == len(seen.faults) > 200
    assert data["first_faults"][0].keys() == {"name", "reason"}
    summary = model.record["summary"]
    assert summary["n_train"] + summary["n_valid"] == seen.count


def test_a_prediction_names_what_is_broken_in_its_place(pictures):
    model = fit(pictures)
    good, broken = pictures / "disc" / "001.png", pictures / "cross" / "bomb.png"

    found = [each.to_json() for each in model.predict_many([good, broken, good])]

    assert ["fault" in each for each in found] == [False, True, False]
    assert found[0] == found[2]


def test_a_pipe_among_the_pictures_is_not_waited_for(tmp_path):
    root, found = Image.specimen(tmp_path / "pictures"), []
    pipe = root / "cross" / "pipe.png"
    os.mkfifo(pipe)

    looking = threading.Thread(target=lambda: found.append(pellucid.look(root)), daemon=True)
    looking.start()
    looking.join(30)
    while looking.is_alive():  # lets go of whoever waits, so that this test fails and ends
        with contextlib.suppress(OSError):
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        found.append("waited")
        looking.join(0.1)

    assert [(fault.name, fault.reason) for fault in found[0].faults] == [
        ("cross/pipe.png", "is not a file")
    ]


# Tables


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return Table.specimen(tmp_path_factory.mktemp("people")).read_bytes()


def ragged(content):
    lines = content.split(b"\n")
    return b"\n".join([*lines[:3], b"1,2", *lines[3:9], b"1,2,3,4,5,6,7", *lines[9:]])


@pytest.mark.parametrize(
    ("harm", "left_out", "said"),
    [
        (lambda whole: whole.replace(b"office", b"off\0ice", 3), 0, "NUL"),
        (ragged, 2, ""),
        (
            lambda whole: whole.replace(b"craft", "café".encode(), 5).replace(
                b"craft", b"caf\xe9", 5
            ),
            0,
            "mixes encodings",
        ),
        (lambda whole: whole.replace(b"office", b'"office', 1), 0, ""),
        (lambda whole: b"\xef\xbb\xbf" + whole.replace(b"\n", b"\r"), 0, ""),
        (lambda whole: whole[:-40], 1, ""),
        (lambda whole: whole + bytes(5000), 0, "NUL"),
    ],
    ids=["NUL", "ragged", "encodings", "quote", "line ends", "cut", "zeros"],
)
def test_a_damaged_table_is_learned_from_and_what_was_done_is_said(
    people, tmp_path, harm, left_out, said
):
    path = tmp_path / "people.csv"
    path.write_bytes(harm(people))

    seen, model = pellucid.look(path), fit(path)

    assert len(seen.faults) == model.record["data"]["faults"] == left_out
    assert all(fault.name.startswith("people.csv row ") for fault in seen.faults)
    for notes in ([finding.text for finding in seen.findings], model.record["data"]["notes"]):
        assert said in " ".join(notes)


@pytest.mark.parametrize("verb", [pellucid.look, fit])
def test_a_hundred_thousand_columns_are_refused_with_a_sentence(verb, tmp_path):
    path = tmp_path / "wide.csv"
    rows = [",".join(f"{letter}{at}" for at in range(10**5)) for letter in "cxyz"]
    path.write_text("\n".join(rows))

    with pytest.raises(BadInputError, match=r"100000 columns(?s:.*)needed(?s:.*)remedy"):
        verb(path)


def outcome(path):
    try:
        pellucid.look(path)
        fit(path, target="class")
    except BadInputError as error:
        return str(error)
    return "learned"


@pytest.mark.parametrize("count", [24, pytest.param(400, marks=pytest.mark.slow, id="all of them")])
def test_mutated_tables_are_learned_from_or_refused_with_a_sentence(count, people, tmp_path):
    random = np.random.default_rng(count)
    path, outcomes = tmp_path / "people.csv", []
    for number in range(count):
        path.write_bytes(harmed(people, HARMS[number % 2], random))
        outcomes.append(outcome(path))

    assert all(each == "learned" or "remedy: " in each for each in outcomes)
    assert outcomes.count("learned") > 0.8 * count


# The disk


class Disk:
    """A folder that can be full."""

    def __init__(self, folder):
        self.folder = folder

    def fill(self):
        with contextlib.suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def empty(self):
        (self.folder / "filler").unlink()


class FakeDisk(Disk):
    """The same where no file system can be mounted."""

    def __init__(self, folder, patch):
        super().__init__(folder)
        self.full = False
        new = _archive._new

        def refusing(path):
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return new(path)

        patch.setattr(_archive, "_new", refusing)

    def fill(self):
        self.full = True

    def empty(self):
        self.full = False


@pytest.fixture(params=["mounted", "pretended"])
def disk(request, tmp_path, monkeypatch):
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param == "pretended":
        yield FakeDisk(folder, monkeypatch)
        return
    if os.geteuid() or not _mounted(folder, "size=512k"):
        pytest.skip("mounting a small file system needs rights that this process has not")
    yield Disk(folder)
    subprocess.run(["umount", folder], check=True)


def _mounted(folder, options):
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def often(monkeypatch):
    """Makes a run keep a checkpoint as soon as it can."""
    monkeypatch.setattr("pellucid._fitting.Run", lambda **given: Run(**{**given, "every": 0.0}))


def when(stage, act):
    """Watch a run and do something once, when it comes to a stage."""
    left = [act]

    def watch(progress):
        if progress.stage == stage and left:
            left.pop()()

    return watch


def same(one, other):
    states = [model.network.state_dict() for model in (one, other)]
    return all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_disk_that_is_full_at_the_end_costs_nothing_that_was_learned(people, disk, often):
    path, out = disk.folder / "people.csv", disk.folder / "m.pellucid"
    path.write_bytes(people)
    fit(path, out=out, seed=1)
    before = out.read_bytes()

    with pytest.raises(SavingError, match=r"No space left(?s:.*)make room"):
        fit(path, out=out, steps=300, watch=when("saving", disk.fill))

    assert out.read_bytes() == before
    assert (disk.folder / "m.pellucid.run" / "checkpoint").exists()

    disk.empty()
    model = fit(path, out=out, steps=300)

    assert any(said.startswith("going on from step") for said in model.record["said"])
    assert same(model, fit(path, steps=300))
    assert same(model, pellucid.load(out))
    assert not (disk.folder / "m.pellucid.run").exists()


def test_a_disk_that_is_full_meanwhile_stops_nothing_and_is_said(people, disk, often):
    path, out = disk.folder / "people.csv", disk.folder / "m.pellucid"
    path.write_bytes(people)
    watch = when("training", disk.fill)

    def until_saving(progress):
        watch(progress)
        if progress.stage == "saving":
            disk.empty()

    model = fit(path, out=out, watch=until_saving)

    assert any(
        "no checkpoint could be kept, the run goes on" in said for said in model.record["said"]
    )
    assert same(model, pellucid.load(out))


def test_a_checkpoint_that_has_no_place_stops_nothing_and_is_said(people, tmp_path, often):
    (tmp_path / "people.csv").write_bytes(people)
    (tmp_path / "m.pellucid.run").write_text("somebody's notes")

    model = fit(tmp_path / "people.csv", out=tmp_path / "m.pellucid")

    assert any("no checkpoint could be kept" in said for said in model.record["said"])
    assert (tmp_path / "m.pellucid.run").read_text() == "somebody's notes"
    assert same(model, pellucid.load(tmp_path / "m.pellucid"))


@pytest.mark.parametrize("harm", HARMS)
def test_a_checkpoint_that_is_damaged_is_said_and_the_run_starts_anew(
    people, tmp_path, harm, often
):
    path, out = tmp_path / "people.csv", tmp_path / "m.pellucid"
    path.write_bytes(people)
    checkpoint = tmp_path / "m.pellucid.run" / "checkpoint"

    def spoil():
        checkpoint.write_bytes(harmed(checkpoint.read_bytes(), harm, np.random.default_rng(0)))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(path, out=out, watch=when("saving", spoil))
    model = fit(path, out=out)

    assert any("cannot be used, starting anew" in said for said in model.record["said"])
    assert same(model, fit(path))


# The command line


@pytest.fixture
def here(people, tmp_path, monkeypatch):
    """A working folder with a good table in it."""
    (tmp_path / "people.csv").write_bytes(people)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "alone" / "cats").mkdir(parents=True)
    Pillow.new("RGB", (9, 9)).save(tmp_path / "alone" / "cats" / "a.png")
    (tmp_path / "zero.csv").touch()
    (tmp_path / "folder.pellucid").mkdir()
    (tmp_path / "junk.pellucid").write_bytes(b"PK junk")
    monkeypatch.chdir(tmp_path)
    return tmp_path


QUICK = ("--steps", 3, "--network", "linear")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("fit", "nowhere", *QUICK), "'nowhere' is not there"),
        (("look", "poeple.csv"), "did you mean 'people.csv'?"),
        (("fit", "nothing", *QUICK), "the empty folder 'nothing'"),
        (("look", "nothing"), "the empty folder 'nothing'"),
        (("fit", "alone", *QUICK), "1 example to learn from"),
        (("fit", "zero.csv", *QUICK), "is empty"),
        (("fit", "people.csv", "--target", "clas", *QUICK), "'clas'"),
        (("fit", "people.csv", "--budget", "soon"), "budget 'soon'"),
        (
            ("fit", "people.csv", "--out", "none/m.pellucid", *QUICK),
            "none/m.pellucid cannot be writ",
        ),
        (("fit", "people.csv", "--out", "folder.pellucid", *QUICK), "Is a directory"),
        (("fit", "people.csv", "--out", "people.csv/m.pellucid", *QUICK), "Not a directory"),
        (("fit", "people.csv", "--out", f"{'m' * 300}.pellucid", *QUICK), "File name too long"),
        (("evaluate", "gone.pellucid", "people.csv"), "gone.pellucid cannot be read"),
        (("predict", "junk.pellucid", "people.csv"), "junk.pellucid is damaged or no model file"),
        (("show", "folder.pellucid"), "folder.pellucid cannot be read"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_status_two(here, command, sentence, capsys):
    status = status_of(*command)

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    # Progress stands before the sentence.
    last = said.err[said.err.rindex("pellucid: ") :]
    assert sentence in last
    assert "needed: " in last
    assert "remedy: " in last


def test_a_place_that_cannot_be_written_to_is_said_before_anything_is_done(here, capsys):
    if os.geteuid() or not _mounted(here / "nothing", "ro"):
        pytest.skip("mounting a read-only file system needs rights that this process has not")
    try:
        started = [*here.iterdir()]
        status = status_of("fit", "people.csv", "--out", "nothing/m.pellucid", *QUICK)
    finally:
        subprocess.run(["umount", here / "nothing"], check=True)

    said = capsys.readouterr().err
    assert status == 2
    assert "Read-only file system" in said
    assert "read" not in said.partition("pellucid: ")[0]
    assert [*here.iterdir()] == started


def test_data_on_a_read_only_file_system_is_learned_from(here, people):
    if os.geteuid() or not _mounted(here / "nothing", "size=64k"):
        pytest.skip("mounting a read-only file system needs rights that this process has not")
    try:
        (here / "nothing" / "people.csv").write_bytes(people)
        subprocess.run(["mount", "-o", "remount,ro", here / "nothing"], check=True)
        status = status_of("fit", "nothing/people.csv", *QUICK, "--quiet")
    finally:
        subprocess.run(["umount", here / "nothing"], check=True)

    assert status == 0
    assert (here / "people.pellucid").exists()
