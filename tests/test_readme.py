"""What the documents show can be typed: Python blocks run, shell blocks parse."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from pellucid import registry
from pellucid.cli import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
FAST = 'budget="4 s"'
PEOPLE = 160


def blocks(document, language):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(document):
    """Give the words of each command, up to where its input or output is led elsewhere."""
    lines = "".join(blocks(document, "sh")).splitlines()
    return [
        words[1 : min(map(words.index, {"<", ">"} & set(words)), default=None)]
        for line in lines
        if (words := shlex.split(line, comments=True))[:1] == ["pellucid"]
    ]


def targets():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())


@pytest.fixture
def at_home(tmp_path, monkeypatch):
    """A folder with the files that the README speaks of."""
    drawn = registry.kind["image"].specimen(tmp_path / "drawn")
    shutil.copytree(drawn, tmp_path / "flowers")
    shutil.copytree(drawn, tmp_path / "flowers-test")
    shutil.copy(next(path for path in drawn.rglob("*.*") if path.is_file()), tmp_path / "rose.jpg")
    rows = [
        f"{20 + row % 40},{'town' if row % 3 else 'farm'},{row % 40 > 20}" for row in range(PEOPLE)
    ]
    (tmp_path / "people.csv").write_text("\n".join(["age,home,income", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("block", blocks("README.md", "python"), ids=["pictures", "table"])
def test_the_python_of_the_readme_runs(block, at_home):
    shortened, count = re.subn(r'budget="\d+ s"', FAST, block)

    exec(compile(shortened, "README.md", "exec"), {})

    assert count == 1


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_shell_block_is_bash(document):
    for block in blocks(document, "sh"):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)


@pytest.mark.parametrize("words", commands("README.md"), ids=" ".join)
def test_every_command_of_the_readme_has_the_options_it_is_shown_with(words):
    name, *rest = words
    known = typer.main.get_command(app).commands

    context = known[name].make_context(name, rest)

    assert context.args == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_is_named_is_there(document):
    named = re.findall(r"^make (\w+)", "".join(blocks(document, "sh")), re.MULTILINE)

    assert named
    assert set(named) <= targets()


@pytest.mark.parametrize("document", [*DOCUMENTS, "ARCHITECTURE.md"])
def test_every_file_that_is_linked_is_there(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", text)

    assert [link for link in linked if not (ROOT / link).exists()] == []


def test_the_table_of_results_has_its_place():
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert text.index("<!-- results -->") < text.index("<!-- /results -->")
