# `make report` and `make test` set up everything they need, on any machine with Python and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
EXTRAS ?=
OUT    ?= report

.PHONY: help report test test-long lint benchmarks clean

help:
	@echo "make report      the main job: a page to decide from, in $(OUT)/index.html"
	@echo "make test        all tests that need no extras (EXTRAS=train adds PyTorch)"
	@echo "make test-long   the same properties on many more cases"
	@echo "make lint        ruff and mypy"
	@echo "make benchmarks  speed, as ratios to numpy in the same process"

report: $(VENV)/.package
	@echo "== report: trained networks, synthetic speech, two machines -> $(OUT)/index.html"
	@$(BIN)/fxpsim report --out "$(OUT)"

test: $(VENV)/.test
	@$(if $(EXTRAS),echo "== installing extras: $(EXTRAS)" && $(BIN)/pip install --quiet --editable ".[$(EXTRAS)]",:)
	@echo "== tests (the first run compiles the kernels)"
	@$(BIN)/python -m pytest

test-long: $(VENV)/.test
	@echo "== tests, Hypothesis profile 'long'"
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/property tests/exhaustive tests/fuzz

lint: $(VENV)/.lint
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

benchmarks: $(VENV)/.test
	@$(BIN)/python -m pytest tests/benchmarks --benchmark-only --no-header -s

clean:
	rm -rf $(VENV) $(OUT) dist build

$(VENV)/bin/python:
	@command -v "$(PYTHON)" >/dev/null || { echo "There is no '$(PYTHON)' here: install Python 3.11 or newer (Debian: apt install python3)." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python must be 3.11 or newer, not $$("$(PYTHON)" --version 2>&1); say which with PYTHON=python3.12." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "'$(PYTHON) -m venv' cannot work here: install its package (Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "== setting up a virtual environment in $(VENV)"
	@"$(PYTHON)" -m venv "$(VENV)"
	@# Dependency groups came with pip 25.1.
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.package: pyproject.toml | $(VENV)/bin/python
	@echo "== installing fxpsim and its dependencies (a minute or two)"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.package
	@echo "== installing what the tests need"
	@$(BIN)/pip install --quiet --group test
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(BIN)/pip install --quiet --group lint
	@touch $@
