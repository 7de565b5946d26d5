# `make demo`, `make lab` and `make test` need Python 3.11 or newer, git and make; everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# As in an activated environment: cells that are shell commands find dvc, and the Python that has what stages import.
IN_ENV := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: test lint types layers compiled unit browser notebooks faults demo lab bench format clean
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
	@echo "Installing into .venv, which takes a minute or two the first time"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --group dev --editable .
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports --no-logo

# As pip does at an install. Under PYTHONDONTWRITEBYTECODE each kernel, host and worker would compile it all anew.
compiled: $(STAMP)
	@$(BIN)/python -m compileall -q dvc_magic

unit: compiled
	$(BIN)/python -m pytest -q -n 2 --ignore=tests/browser --ignore=tests/faults tests

# One server and one browser for all of them, and both cores: one after the other, in a process of its own.
browser: compiled
	$(BIN)/python -m pytest -q tests/browser

# On a copy: the notebooks make their projects beside them, and find new ones each time. Calls are printed in them, as
# nbval does not look at outputs that are updated.
notebooks: compiled
	@rm -rf build/notebooks && mkdir -p build/notebooks && cp notebooks/*.ipynb build/notebooks
	@cp -r tests/examples/ipython build/notebooks/ipython
	$(IN_ENV) IPYTHONDIR="$(CURDIR)/build/notebooks/ipython" LANGUAGE=en DVC_NO_ANALYTICS=true $(BIN)/python -m pytest -q --nbval --nbval-current-env --nbval-sanitize-with tests/examples/sanitize.cfg build/notebooks

# Minutes of killed processes, full disks and power cuts. libfiu stands in for libc's functions from a process's start on.
FIU := $(firstword $(wildcard /usr/lib/fiu/fiu_posix_preload.so /usr/lib/*/fiu/fiu_posix_preload.so))
faults: compiled
	$(if $(FIU),LD_PRELOAD=$(FIU)) $(BIN)/python -m pytest -q -n 2 -rs tests/faults

# DVC runs every case here; what it makes is kept for `make test` (tests/corpus/references.json).
corpus: $(STAMP)
	$(BIN)/python -m tests.corpus

demo: compiled
	@$(BIN)/python scripts/demo.py demo

lab: compiled
	@mkdir -p demo && for each in notebooks/*.ipynb; do test -e "demo/$${each##*/}" || cp "$$each" demo; done
	@cd demo && $(IN_ENV) JUPYTER_PATH="$(CURDIR)/share/jupyter" ../$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) \
		--LabApp.default_url=/lab/tree/quickstart.ipynb $(LAB)

bench: $(STAMP)
	$(BIN)/python -m benchmarks $(if $(ROUNDS),--rounds $(ROUNDS))

format: $(STAMP)
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

clean:
	rm -rf .venv build dist demo notebooks/iris notebooks/flowers notebooks/guild notebooks/beside *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
