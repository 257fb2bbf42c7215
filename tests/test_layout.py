"""The source keeps to the rules it was written by."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pellucid"
FILES = sorted(SOURCE.rglob("*.py"))
EVERY_FILE = sorted(
    path for folder in ("src", "benchmarks", "examples") for path in ROOT.glob(f"{folder}/**/*.py")
)
CITING = ("networks", "tasks", "explaining")
REFUSALS = ("BadInputError", "BudgetError", "ModelFileError", "MissingExtraError", "SavingError")
PARTS = ["given", "needed", "remedy"]
HOMELESS = {"utils", "util", "common", "helpers", "base", "manager", "misc"}

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def missing_parts(call):
    named = {keyword.arg for keyword in call.keywords}
    if None in named:
        return []
    return [part for part in PARTS[len(call.args) :] if part not in named]


def refusals(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in REFUSALS:
                yield node


@pytest.mark.parametrize("path", EVERY_FILE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@each_file
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(parsed(path))


@each_file
def test_everything_public_has_a_docstring(path):
    documented = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    bare = [
        node.name
        for node in parsed(path).body
        if isinstance(node, documented)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]

    assert bare == []


@each_file
def test_every_refusal_says_what_was_given_what_is_needed_and_what_to_do(path):
    incomplete = [
        f"line {call.lineno} lacks {', '.join(missing_parts(call))}"
        for call in refusals(parsed(path))
        if missing_parts(call)
    ]

    assert incomplete == []


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.parent.name in CITING and not path.name.startswith("_")],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_every_network_and_task_names_its_source(path):
    assert "\nSource: " in ast.get_docstring(parsed(path))


@each_file
def test_no_file_is_called_by_a_name_without_a_home(path):
    assert path.stem.strip("_") not in HOMELESS


@each_file
def test_shapes_in_signatures_stay_what_they_are(path):
    imported = [node for node in parsed(path).body if isinstance(node, ast.ImportFrom)]

    assert "__future__" not in [node.module for node in imported]


def test_a_refusal_without_a_remedy_would_be_found():
    tree = ast.parse("raise BadInputError('a', needed='b')")

    assert [missing_parts(call) for call in refusals(tree)] == [["remedy"]]
