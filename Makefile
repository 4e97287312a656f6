# What one types in a checkout. It requires python3 (3.11 or newer) and make; 'make help' lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet --disable-pip-version-check
CONSTRAINTS := .ci/constraints.txt
# The environment has two stages: what the demonstration needs, and what developers need on top.
DEMO_READY := $(VENV)/.demo-ready
READY := $(VENV)/.ready

BENCH := .venv-bench
ROWS := 1000000
ROUNDS := 3

# The tests of one file run in one process, and share what takes long to start: sandboxes, browsers, engines.
PYTEST := -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

.PHONY: help demo test check notebooks docs bench lint types wheel clean

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO_READY)  ## Send 6,919 real orders to a sandbox on this machine, and write a report page
	@$(BIN)/cio-frames demo

test: $(READY)  ## Run all tests, and every example in docstrings, README and guides (10 to 15 minutes)
	@$(BIN)/python $(PYTEST)

check: $(READY)  ## Run lint, types, and the fast tests (about a minute): for use while you work
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python tests/typing
	@$(BIN)/python .ci/docstrings.py --check
	@$(BIN)/python $(PYTEST) --quiet -m "not slow and not integration"

lint: $(READY)  ## Check style and formatting with ruff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)  ## Check types with mypy and pyright
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python tests/typing

notebooks: $(READY)  ## Run the notebooks, and save them with their outputs
	@$(BIN)/python -m tests.run_notebooks

docs: $(READY)  ## Build guides, notebooks, and reference as pages in build/docs; warnings are errors
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env -c notebooks/guides notebooks build/docs
	@echo "Open build/docs/index.html"

bench: $(BENCH)/.ready  ## Measure speed and memory beside other ways to do the same (about half an hour)
	@$(BENCH)/bin/python -m tests.benchmarks --rows $(ROWS) --rounds $(ROUNDS)

wheel: $(READY)  ## Build the wheel, and try it in an empty environment
	@bash .ci/try-wheel $(BIN)/python

clean:  ## Remove the environments and everything that was built
	rm -rf $(VENV) $(BENCH) demo-output build dist

$(DEMO_READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("cio_frames requires Python 3.11 or newer, and $(PYTHON) is " \
		+ sys.version.split()[0] + ". Name another one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@echo "Installing cio_frames, pandas, pyarrow, and the sandbox (about a minute) ..."
	@$(BIN)/python $(PIP) --constraint $(CONSTRAINTS) --editable '.[sandbox]'
	@touch $@

$(READY): $(DEMO_READY)
	@echo "Installing what tests, docs, and checks need (about 1.5 GB, some minutes) ..."
	@$(BIN)/python $(PIP) --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

# An environment of its own: the other libraries require old versions of what the tests need.
$(BENCH)/.ready: pyproject.toml
	@echo "Creating $(BENCH), and installing what the benchmarks compare with ..."
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python $(PIP) --editable '.[bench]'
	@touch $@
