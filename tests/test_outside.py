"""Someone else's distribution adds a kind, a network, a task and an explainer, each in one file.

The contract suites test them because they are there.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

KIND = '''
"""Morse: lines of dots and dashes."""
import numpy as np, io
from pathlib import Path
import torch
from pellucid.data import Examples, Kind, Parts, Schema
from pellucid.registry import kind

@kind("morse")
class Morse(Kind):
    name = "morse"
    def recognises(self, source):
        return 1.0 if str(source).endswith(".morse") else 0.0
    def read(self, source, ask):
        rows = [line.split() for line in Path(source).read_text().splitlines()]
        raw = np.array([[character == "-" for character in row[0]] for row in rows], np.uint8)
        targets = np.array([row[1] for row in rows], object)
        return Examples(kind="morse", names=[f"line {n}" for n in range(len(rows))], raw=raw,
                        target="class", targets=targets)
    def take(self, examples, places):
        targets = None if examples.targets is None else examples.targets[places]
        return examples.replace(raw=examples.raw[places], targets=targets,
                                names=[examples.names[p] for p in places], faults=(), notes=())
    def keys(self, examples):
        return examples.raw.astype(np.uint64) @ (np.uint64(1) << np.arange(16, dtype=np.uint64))
    def describe(self, examples):
        return Schema(kind="morse", shape=(16,))
    def encode(self, examples, schema):
        return examples.raw
    def tensor(self, stored, schema):
        return stored.float()
    def draw(self, examples, places):
        from PIL import Image
        page = io.BytesIO()
        drawn = np.kron(examples.raw[places] * 255, np.ones((20, 4), np.uint8))
        Image.fromarray(drawn).save(page, "PNG")
        return page.getvalue()
    def parts(self, examples, schema):
        names = tuple(f"sign {place + 1}" for place in range(16))
        where = tuple([place, place + 1] for place in range(16))
        return [Parts(of=np.arange(16), names=names, where=where)] * len(examples)
    def blanks(self, x, schema, others):
        return {"between": torch.full_like(x, 0.5)[None]}
    def restore(self, stored, schema):
        return Examples(kind="morse", names=[f"case {n}" for n in range(len(stored))], raw=stored)
    def paint(self, examples, place, parts, shares):
        from PIL import Image
        page = io.BytesIO()
        shares = np.nan_to_num(shares) / max(1e-9, np.nanmax(np.abs(shares)))
        bars = np.arange(32)[:, None] < 16 + 15 * shares
        signs = np.where(examples.raw[place] == 1, 200, 80)
        drawn = np.where(bars, signs, 255).astype(np.uint8)
        Image.fromarray(np.kron(drawn, np.ones((4, 20), np.uint8))).save(page, "PNG")
        return page.getvalue()
    @classmethod
    def specimen(cls, folder):
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng(0)
        rows = random.integers(0, 2, (300, 16))
        lines = ["".join(".-"[b] for b in row) + (" odd" if row[0] else " even") for row in rows]
        (folder / "made.morse").write_text("\\n".join(lines))
        return folder / "made.morse"
'''

NETWORK = '''
"""One hidden layer, for morse and pictures.

Source: made up for this test.
"""
import math
from torch import nn
from pellucid.networks import Recipe, recipe
from pellucid.registry import network

@network("outsider", takes=["morse", "image"])
@recipe(Recipe(sizes=2, passes=1.0, batch=32, rate=0.01))
def build(schema, outputs, *, size):
    """Widen."""
    inputs, width = math.prod(schema.shape), 16 * size
    return nn.Sequential(
        nn.Flatten(), nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs)
    )
'''

TASK = '''
"""Classify, by another name."""
from pellucid.registry import task
from pellucid.tasks.classify import Classify

@task("sort", takes=["morse"])
class Sort(Classify):
    name = "sort"
'''

EXPLAINER = '''
"""What is lost when a part is covered, halved for modesty.

Idea: half of what occlusion says.

Source: made up for this test.
"""
from pellucid.explaining.occlusion import Occlusion
from pellucid.registry import explainer

@explainer("modest")
class Modest(Occlusion):
    name = "modest"
    def shares(self, subject, case):
        return super().shares(subject, case) / 2
'''

POINTS = """[pellucid.data]
morse = outsider_kind
[pellucid.networks]
outsider = outsider_network
[pellucid.tasks]
sort = outsider_task
[pellucid.explaining]
modest = outsider_explainer
"""


@pytest.fixture
def environment(tmp_path):
    files = {"kind": KIND, "network": NETWORK, "task": TASK, "explainer": EXPLAINER}
    for name, text in files.items():
        (tmp_path / f"outsider_{name}.py").write_text(text)
    described = tmp_path / "outsider-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: outsider\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(POINTS)
    path = os.pathsep.join([str(tmp_path), str(ROOT / "src")])
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def test_they_are_listed_beside_ours(environment):
    program = (
        "from pellucid import registry\n"
        "print('morse' in registry.kind, 'outsider' in registry.network.taking('morse'),"
        " 'sort' in registry.task, 'modest' in registry.explainer)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["True"] * 4


@pytest.mark.parametrize(
    ("suite", "name", "least"),
    [
        ("test_kinds.py", "morse", 30),
        ("test_networks.py", "outsider", 5),
        ("test_tasks.py", "sort", 5),
        ("test_fitting.py", "morse", 3),
        ("test_explaining.py", "modest", 5),
    ],
)
def test_each_gets_its_tests_by_being_there(environment, suite, name, least):
    told = subprocess.run(
        [sys.executable, "-m", "pytest", f"tests/{suite}", "-k", name, "-p", "no:cacheprovider"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout[-3000:]
    assert int(told.stdout.split(" passed")[0].split()[-1]) >= least
