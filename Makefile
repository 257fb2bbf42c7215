# make demo    an environment, real data that a dependency ships, a fit of 20 s, scores, pictures
# make test    the tests
# make check   style, types, the direction of imports, spelling
# make bench   every benchmark against its peers; appends to benchmarks/results.csv

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Installed first and by one exact version, so that pip keeps the build that is there: left to a
# range, it may take a newer one and gigabytes of CUDA packages with it. A CPU build is enough; for
# a GPU, or from another index: make TORCH="torch==2.13.0 --index-url ..." demo
TORCH ?= torch==2.13.0

.PHONY: demo test check bench

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.run

# A stamp is touched only after all of its commands succeeded, so a broken install is tried again.
$(VENV)/.torch:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(TORCH)
	@touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $@
