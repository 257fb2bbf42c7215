"""The public face is small, exact and quick to import."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import pellucid

SOURCE = Path(__file__).parents[1] / "src"
HEAVY = ("torch", "numpy", "pyarrow", "pandas", "matplotlib", "PIL", "rich")


def test_the_public_names_are_these_and_sorted():
    assert pellucid.__all__ == [
        "BadInputError",
        "Budget",
        "BudgetError",
        "InterruptedRunError",
        "MissingExtraError",
        "Model",
        "ModelFileError",
        "PellucidError",
        "SavingError",
        "fit",
        "load",
        "look",
    ]
    assert pellucid.__all__ == sorted(pellucid.__all__)


@pytest.mark.parametrize("name", pellucid.__all__)
def test_every_public_name_is_there_documented_and_listed(name):
    found = getattr(pellucid, name)

    assert found.__doc__
    assert name in dir(pellucid)


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fits'"):
        pellucid.fits  # noqa: B018


def test_the_installed_version_is_the_one_it_says():
    try:
        installed = version("pellucid")
    except PackageNotFoundError:
        pytest.skip("pellucid is on the path, not installed")

    assert pellucid.__version__ == installed


@pytest.mark.parametrize("module", ["pellucid", "pellucid.cli"])
def test_importing_it_loads_nothing_heavy(module):
    question = f"import sys, {module}; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", question],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert not {name.partition(".")[0] for name in loaded} & set(HEAVY)
