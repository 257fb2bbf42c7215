"""A model file from a stranger: refused with a sentence, or the model that it was."""

import copy
import hashlib
import io
import json
import pickle
import random
import struct
import sys
import zipfile
from contextlib import contextmanager

import psutil
import pytest
import torch
from safetensors.torch import load, save
from toy import known_to, toy_model

from pellucid import _archive
from pellucid.errors import ModelFileError
from pellucid.model import Model

HUGE = 10**9
# Edits that ask for another answer to the same numbers, and for nothing else.
HARMLESS = {
    "views = True",
    "calibration = {}",
    "calibration = {'a': 1}",
    "calibration.temperature = 1.5",
    "numerics.channels_last = True",
    "schema.shape.0 = 7",
    "schema.shares = []",
    "schema.ahead = 7",
    "schema.season = 7",
    "schema.latent = 7",
    "schema.own_scale = True",
    "schema.language = {'a': 1}",
    *(f"schema.rate = {value}" for value in (7, 1.5)),
    *(f"schema.mean = {value}" for value in (7, -1, 1.5, HUGE)),
    *(f"schema.scale = {value}" for value in (7, 1.5, HUGE)),
}
MEMBERS = ("model.json", "weights.safetensors", "checksums.json")
WATCHED = {"os.system", "subprocess.Popen", "os.exec", "pickle.find_class", "socket.connect"}
happened: list[str] = []
watching = [False]


def _watch(event, arguments):
    if not watching[0]:
        return
    written = event == "open" and any(letter in str(arguments[1]) for letter in "wax+")
    if written or event in WATCHED or event in ("os.remove", "os.rename", "os.mkdir"):
        happened.append(f"{event} {arguments}")


sys.addaudithook(_watch)


@contextmanager
def nothing_happens():
    """Fail if a process starts, a pickle is opened or a file is written meanwhile."""
    happened.clear()
    watching[0] = True
    try:
        yield
    finally:
        watching[0] = False
    assert happened == []


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a good file, and the weights that its network has."""
    with pytest.MonkeyPatch.context() as patch:
        known_to(patch)
        path = tmp_path_factory.mktemp("good") / "a.pellucid"
        toy_model().save(path)
        yield path.read_bytes()


@pytest.fixture
def path(tmp_path, good):
    return tmp_path / "a.pellucid"


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members, *, comment=b"pellucid model 1", compression=zipfile.ZIP_STORED):
    """A zip of these (name, content), as anybody could write it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
        archive.comment = comment
    return file.getvalue()


def signed(document, weights, **options):
    """A file whose checksums are right, whatever it says."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    sums = {
        "model.json": hashlib.sha256(text).hexdigest(),
        "weights.safetensors": hashlib.sha256(weights).hexdigest(),
    }
    contents = (text, weights, json.dumps(sums).encode())
    return packed(zip(MEMBERS, contents, strict=True), **options)


def outcome(path, data):
    """The message with which a file is refused, or the model that it holds."""
    path.write_bytes(data)
    try:
        with nothing_happens():
            return Model.load(path)
    except ModelFileError as error:
        return str(error)


def refused(path, data):
    """The message with which a file is refused; None if it is the model that it was."""
    found, expected = outcome(path, data), toy_model()
    if isinstance(found, str):
        assert "needed: " in found
        assert "remedy: " in found
        return found
    weights = found.network.state_dict()
    assert all(torch.equal(weights[name], w) for name, w in expected.network.state_dict().items())
    assert found.schema == expected.schema
    assert found.calibration == expected.calibration
    assert found.record == expected.record
    return None


def flipped(data, chance):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 3])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def cut(data, chance):
    return data[: chance.randrange(len(data))]


def inserted(data, chance):
    place = chance.choice([0, len(data), chance.randrange(len(data))])
    return data[:place] + chance.randbytes(chance.randint(1, 40)) + data[place:]


def left_out(data, chance):
    place = chance.randrange(len(data))
    return data[:place] + data[place + chance.randint(1, 60) :]


def overwritten(data, chance):
    place = chance.randrange(len(data))
    size = chance.choice([2, 4, 8])
    return data[:place] + b"\xff" * size + data[place + size :]


@pytest.mark.usefixtures("good")
@pytest.mark.parametrize("damage", [flipped, cut, inserted, left_out, overwritten])
def test_of_500_damaged_files_each_is_refused_or_the_model_that_it_was(good, path, damage):
    chance = random.Random(7)
    before = psutil.Process().memory_info().rss

    messages = [refused(path, damage(good, chance)) for _ in range(100)]

    assert sum(message is not None for message in messages) > 60
    assert psutil.Process().memory_info().rss - before < 64 << 20
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def as_stranger(good):
    """Files that somebody meant to harm with: (what, bytes)."""
    inside = members_of(good)
    pairs = list(inside.items())
    first, second, third = pairs
    yield "no zip", b"hello"
    yield "empty", b""
    yield "a pickle", pickle.dumps(print)
    yield "a directory alone", good[good.rindex(b"PK\x05\x06") :]
    yield "swapped contents", packed([(first[0], second[1]), (second[0], first[1]), third])
    yield "a member too few", packed([first, second])
    yield "a member too many", packed([*pairs, ("more", b"")])
    with pytest.warns(UserWarning, match="Duplicate name"):
        yield "a member twice", packed([first, first, third])
    yield "a path out of the folder", packed([("../model.json", first[1]), second, third])
    yield "a path from the root", packed([("/etc/model.json", first[1]), second, third])
    yield "compressed", packed(pairs, compression=zipfile.ZIP_DEFLATED)
    yield "a bomb", packed([(first[0], bytes(50 << 20)), second, third], compression=8)
    yield "no comment", packed(pairs, comment=b"")
    yield "no checksums", packed([first, second, (third[0], b"{}")])
    yield "checksums that are none", packed([first, second, (third[0], b"[1]")])
    yield "many members", packed([*pairs, *((f"m{place}", b"") for place in range(5000))])
    yield (
        "encrypted",
        good.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"),
    )


def test_files_of_another_form_are_refused(good, path):
    told = {what: refused(path, data) for what, data in as_stranger(good)}

    assert [what for what, message in told.items() if message is None] == []


def edits(document):
    """Documents with one thing changed each: (what, document)."""
    wrong = [None, 7, -1, 1.5, HUGE, "x", "", [], {}, [None], {"a": 1}, True]
    fields = [name for name in document if name not in ("record", "versions")]
    places = [[name] for name in fields]
    places += [["schema", name] for name in document["schema"] if name not in ("details", "target")]
    places += [["built", "network"], ["built", "size"], ["numerics", "dtype"]]
    places += [["numerics", "channels_last"], ["calibration", "temperature"]]
    places += [["calibration", "conformal"], ["calibration", "conformal", "count"]]
    places += [["calibration", "conformal", "scores"], ["schema", "shape", 0]]
    for place in places:
        for value in wrong:
            yield f"{'.'.join(map(str, place))} = {value!r}", _changed(document, place, value)
    for name in fields:
        yield f"without {name}", {key: value for key, value in document.items() if key != name}


def _changed(document, place, value):
    document = copy.deepcopy(document)
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return document


def test_documents_that_are_edited_and_signed_again_are_refused(good, path):
    inside = members_of(good)
    document, weights = json.loads(inside["model.json"]), inside["weights.safetensors"]
    before = psutil.Process().memory_info().rss
    told = {
        what: outcome(path, signed(changed, weights))
        for what, changed in edits(document)
        if changed != document
    }

    loaded = {what for what, found in told.items() if isinstance(found, Model)}
    assert len(told) > 250
    assert loaded == HARMLESS
    assert psutil.Process().memory_info().rss - before < 64 << 20


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"views": false', b'"views": NaN'),
        (b'"mean": 0.0', b'"mean": 1e999'),
        (b'"mean": 0.0', b'"mean": ' + b"9" * 5000),
        (b'"views": false', b'"views": false, "views": false'),
        (b'"record": {', b'"record": {"deep": ' + b"[" * 100_000 + b"]" * 100_000 + b","),
        (b'"rose"', b'"\xff\xfe"'),
        (b"{", b""),
        (b"{", b"[{"),
    ],
    ids=["nan", "inf", "digits", "twice", "deep", "no text", "cut", "list"],
)
def test_text_that_is_no_plain_json_is_refused(good, path, old, new):
    inside = members_of(good)
    assert old in inside["model.json"]

    text = inside["model.json"].replace(old, new, 1)

    assert refused(path, signed(text, inside["weights.safetensors"]))


def test_weights_of_another_form_are_refused(good, path):
    inside = members_of(good)
    document, weights = json.loads(inside["model.json"]), load(inside["weights.safetensors"])
    name = "layers.0.weight"
    head = b'{"a":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]}}' % (HUGE, 4 * HUGE)
    many = {f"w{place}": torch.zeros(0) for place in range(2000)}
    bad = {
        "too few": save({key: value for key, value in weights.items() if key != name}),
        "too many": save({**weights, "more": torch.zeros(1)}),
        "another shape": save({**weights, name: torch.zeros(8, 5)}),
        "another type": save({**weights, name: weights[name].half()}),
        "none": b"",
        "a pickle": pickle.dumps(weights[name].tolist()),
        "a giant's head": struct.pack("<Q", len(head)) + head,
        "a head too long": struct.pack("<Q", HUGE) + head,
        "two thousand": save({**weights, **many}),
    }

    told = {what: refused(path, signed(document, data)) for what, data in bad.items()}

    assert [what for what, message in told.items() if message is None] == []


def test_a_network_that_would_be_gigantic_takes_no_memory(good, path):
    inside = members_of(good)
    document, weights = json.loads(inside["model.json"]), inside["weights.safetensors"]
    before = psutil.Process().memory_info().rss
    columns = _changed(document, ["schema", "cardinalities"], [HUGE] * 5000)
    columns["schema"] |= {"shape": [5000], "kind": "table"}
    pictures = _changed(document, ["schema", "shape"], [3, 6000, 6000])
    changes = [
        {**columns, "kind": "table", "built": {"network": "linear", "size": 1}},
        {**pictures, "built": {"network": "linear", "size": 1}},
        _changed(document, ["schema", "classes"], [str(place) for place in range(200_000)])
        | {"shares": []},
    ]

    for changed in changes:
        assert refused(path, signed(changed, weights))

    assert psutil.Process().memory_info().rss - before < 128 << 20


def test_a_later_format_is_named_before_anything_else_is_read(good, path):
    later = packed([("model.json", b"?"), ("a", b"b")], comment=b"pellucid model 7")

    message = refused(path, later)

    assert "format version 7\n  needed: format version 4 or lower" in message
    assert "pip install --upgrade pellucid" in message


def test_a_later_format_in_the_document_is_named_too(good, path):
    inside = members_of(good)
    document = {**json.loads(inside["model.json"]), "format": 5}

    assert "format version 5" in refused(path, signed(document, inside["weights.safetensors"]))


def test_a_network_that_is_not_installed_is_named(good, path):
    inside = members_of(good)
    document = json.loads(inside["model.json"]) | {"built": {"network": "warp", "size": 1}}

    message = refused(path, signed(document, inside["weights.safetensors"]))

    assert "needs the network 'warp', which is not installed" in message


def test_code_that_a_file_names_is_not_imported(good, path):
    inside = members_of(good)
    document = json.loads(inside["model.json"]) | {"built": {"module": "antigravity:Network"}}
    path.write_bytes(signed(document, inside["weights.safetensors"]))

    with pytest.raises(ValueError, match="no file may name code to run"):
        Model.load(path)

    assert "antigravity" not in sys.modules


def test_a_file_past_four_gigabytes_would_still_have_a_readable_end(path, monkeypatch):
    """Zip64 records stand before the end of a large file; here they are forced."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)

    _archive.write(path, {"model.json": b"{}" * 100, "weights.safetensors": b"w" * 300})

    assert b"PK\x06\x06" in path.read_bytes()
    assert _archive.read(path, MEMBERS[:2])["weights.safetensors"] == b"w" * 300
