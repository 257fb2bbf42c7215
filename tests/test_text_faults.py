"""Texts that are damaged, hostile or no texts: each is named or repaired, none stops the run."""

import gzip
import string

import numpy as np
import pytest

from pellucid import registry
from pellucid.data import Ask
from pellucid.errors import BadInputError

PLAIN = "The weather was fine, so we went out; nobody stayed. Était-ce l'été? Да, конечно.\n" * 12


@pytest.fixture
def kind():
    return registry.kind["text"]()


def cut_letter(random):
    data = PLAIN.encode()
    return data[: int(random.integers(40, len(data)))]


def flipped(random):
    data = np.frombuffer(PLAIN.encode(), np.uint8).copy()
    places = random.integers(0, len(data), int(random.integers(1, 60)))
    data[places] ^= np.uint8(1) << random.integers(0, 8, len(places)).astype(np.uint8)
    return data.tobytes()


def noise(random):
    return random.bytes(int(random.integers(1, 5_000)))


def foreign(random):
    heads = (b"PK\x03\x04", b"%PDF-1.7\n", b"\x89PNG\r\n\x1a\n", b"\x7fELF", b"\xff\xd8\xff\xe0")
    return heads[int(random.integers(len(heads)))] + noise(random)


def nothing(random):
    return bytes(random.choice([b"", b" ", b"\n\n\n", b"\0" * 40, b"\xef\xbb\xbf", b"\xff\xfe"]))


def encoded(random):
    names = ("utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-16-le")
    return PLAIN.encode(names[int(random.integers(len(names)))])


def western(random):
    codec = ("latin-1", "cp1252", "cp1251", "mac-roman")[int(random.integers(4))]
    return PLAIN.encode(codec, errors="ignore")


def half_of_wide(random):
    data = PLAIN.encode(("utf-16", "utf-32")[int(random.integers(2))])
    return data[: int(random.integers(5, len(data)))]


def with_zeros(random):
    data = bytearray(PLAIN.encode())
    for place in random.integers(0, len(data), int(random.integers(1, 20))).tolist():
        data[place:place] = b"\0"
    return bytes(data)


def mixed(random):
    middle = int(random.integers(200, 400))
    return PLAIN[:middle].encode() + PLAIN[middle:].encode("cp1252", errors="ignore")


def strange(random):
    signs = ["\u202e", "\u200b", "\ufdd0", "\x03", "\x1b[31m", "e\u0301\u0301", "\u2028", "🏳️‍🌈"]
    return "".join(f"{word} {random.choice(signs)} " for word in PLAIN.split()).encode()


def one_line(random):
    letters = np.array(list(string.ascii_letters))
    return "".join(random.choice(letters, int(random.integers(1_000, 30_000)))).encode()


def packed(random):
    data = gzip.compress(PLAIN.encode())
    return data[: int(random.integers(5, len(data) + 1))]


def surrogates(random):
    del random
    return PLAIN.encode() + b"\xed\xa0\x80 half a pair \xed\xb0\x80"


DAMAGES = [
    *(cut_letter, flipped, noise, foreign, nothing, encoded, western, half_of_wide, with_zeros),
    *(mixed, strange, one_line, packed, surrogates),
]


def fuzzed(folder, count=100):
    """Write damaged texts between good ones; give the names of the damaged ones."""
    names = []
    for place in range(count):
        random = np.random.default_rng(place)
        path = folder / ("yes", "no")[place % 2] / f"{place:03}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(DAMAGES[place % len(DAMAGES)](random))
        names.append(f"{path.parent.name}/{path.name}")
        good = path.with_name(f"good{place:03}.txt")
        good.write_text(f"Number {place * 37} is good. {PLAIN[place:150]}", encoding="utf-8")
    return names


def attempted(kind, path, ask):
    """Read, and give what was read or how it was refused."""
    try:
        return kind.read(path, ask), ""
    except BadInputError as error:
        return None, str(error)


@pytest.mark.parametrize("task", ["classify", "generate_text"])
def test_a_hundred_damaged_texts_are_each_named_or_read(task, kind, tmp_path):
    names = fuzzed(tmp_path / "texts")

    examples = kind.read(tmp_path / "texts", Ask(task=task))

    lost = {fault.name for fault in examples.faults}
    read = {name.partition(" ")[0] for name in examples.names}
    assert lost | read >= set(names)
    assert not lost & read
    assert sum("good" in name for name in read) == 100
    assert all(fault.reason for fault in examples.faults)
    schema = kind.describe(examples)
    stored = kind.encode(examples, schema)
    assert (kind.sizes(stored, schema) > 0).all()
    assert kind.restore(stored, schema).raw[0]
    assert len(kind.parts(examples, schema)) == len(examples)
    assert kind.draw(examples, list(range(0, len(examples), 9))).startswith(b"\x89PNG")
    assert all(finding.level for finding in kind.look(examples))


@pytest.mark.parametrize("place", range(len(DAMAGES)), ids=lambda place: DAMAGES[place].__name__)
def test_a_damaged_text_alone_is_read_or_refused_in_a_sentence(place, kind, tmp_path):
    path = tmp_path / "alone.txt"
    for seed in range(8):
        path.write_bytes(DAMAGES[place](np.random.default_rng(seed)))
        kind.recognises(path)
        examples, refusal = attempted(kind, path, Ask(task="generate_text"))
        if examples is None:
            assert "needed:" in refusal
            assert "remedy:" in refusal
        else:
            assert kind.encode(examples, kind.describe(examples)).any(axis=1).all()


@pytest.mark.parametrize("place", range(len(DAMAGES)), ids=lambda place: DAMAGES[place].__name__)
def test_a_damaged_table_of_texts_is_read_or_refused_in_a_sentence(place, kind, tmp_path):
    path = tmp_path / "rows.csv"
    for seed in range(5):
        random = np.random.default_rng(seed)
        good = "".join(f"a good text of row {row},{'ab'[row % 2]}\n" for row in range(40))
        path.write_bytes(b"text,label\n" + good.encode() + DAMAGES[place](random))
        kind.recognises(path)
        examples, refusal = attempted(kind, path, Ask(target="label"))
        assert examples or "needed:" in refusal


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"PK\x03\x04rest", "is not text: it is a zip archive"),
        (bytes(range(256)) * 40, "is not text"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(content, said, kind, tmp_path):
    path = tmp_path / "no.txt"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        kind.read(path, Ask(task="generate_text"))


def test_a_folder_without_a_text_says_what_is_needed(kind, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    with pytest.raises(BadInputError, match=r"files ending in \.txt"):
        kind.read(tmp_path, Ask(task="generate_text"))


def test_labels_of_another_number_than_texts_are_refused(kind):
    with pytest.raises(BadInputError, match="2 texts and 3 labels"):
        kind.read((["a b", "c d"], ["x", "y", "z"]), Ask())


def test_only_empty_texts_are_refused(kind):
    with pytest.raises(BadInputError, match="2 texts, all of them empty"):
        kind.read(["", " \n"], Ask(task="classify"))


def test_what_is_pushed_must_be_text(kind):
    schema = kind.describe(kind.read(["a b", "b a"], Ask(task="generate_text")))
    with pytest.raises(BadInputError, match="an object of type int"):
        kind.steps(3, schema)


def test_a_text_of_one_token_can_be_read(kind):
    examples = kind.read(["x"], Ask(task="generate_text"))
    schema = kind.describe(examples)
    assert kind.encode(examples, schema).shape == (1, 2)
    assert kind.restore(kind.encode(examples, schema), schema).raw[0] == examples.raw[0]


@pytest.mark.slow
def test_a_line_of_200_megabytes_is_read_within_bounds(kind, tmp_path):
    import resource

    path = tmp_path / "line.txt"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"word " * 200_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    examples = kind.read(path, Ask(task="generate_text", seconds=60))
    kind.encode(examples, kind.describe(examples))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000  # KiB
