# make demo and make test make .venv where it is missing; they need python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
READY := $(VENV)/.ready

BENCH := .venv-bench
ROWS := 1000000
ROUNDS := 3

.PHONY: demo test notebooks docs bench lint types wheel clean

demo: $(READY)  ## the whole job on real orders, against a Customer.io on this machine
	@$(BIN)/cio-frames demo

test: $(READY)  ## all tests, with every example in the docstrings and in the README
	@$(BIN)/python -m pytest

notebooks: $(READY)  ## runs the notebooks and writes them with what came out
	@$(BIN)/python -m tests.run_notebooks

docs: $(READY)  ## the guides and the reference as pages, in build/docs; a warning is an error
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env notebooks/guides build/docs

bench: $(BENCH)/.ready  ## how fast, beside others: takes about half an hour; uses nginx where it is installed
	@$(BENCH)/bin/python -m tests.benchmarks --rows $(ROWS) --rounds $(ROUNDS)

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)
	@$(BIN)/mypy
	@$(BIN)/pyright --pythonpath $(BIN)/python tests/typing

wheel: $(READY)  ## the wheel, built and tried in an empty environment
	@bash .ci/try-wheel $(BIN)/python

$(READY): pyproject.toml $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit("cio_frames needs Python 3.11 or newer; name one with make PYTHON=python3.12" \
		if sys.version_info < (3, 11) else 0)'
	@echo "Setting up $(VENV), once ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

# An environment of its own: what is compared with asks for old versions of what others need.
$(BENCH)/.ready: pyproject.toml
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) demo-output build dist
