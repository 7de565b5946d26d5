# `make test` and `make demo` need Python 3.11 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

.PHONY: test lint types layers unit browser notebooks demo lab bench format clean
.DEFAULT_GOAL := test

test:
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory layers
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory browser
	@$(MAKE) --no-print-directory notebooks

# pip reads dependency groups since 25.1, which is newer than what most Pythons bring.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"dvc_magic needs Python 3.11 or newer, $(PYTHON) is {v[0]}.{v[1]}: try make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --editable .
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-logo

unit: $(STAMP)
	$(BIN)/python -m pytest -q -n 2 --ignore=tests/browser tests

# One server and one browser for all of them, and both cores: one after the other, in a process of its own.
browser: $(STAMP)
	$(BIN)/python -m pytest -q tests/browser

notebooks: $(STAMP)
	$(BIN)/python -m pytest -q --nbval --nbval-current-env --nbval-sanitize-with tests/examples/sanitize.cfg $(NOTEBOOKS)

demo: $(STAMP)
	$(BIN)/python scripts/demo.py demo

lab: $(STAMP)
	$(BIN)/jupyter lab --notebook-dir notebooks

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS))

format: $(STAMP)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

clean:
	rm -rf .venv build dist demo *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
