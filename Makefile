# Every target works from a fresh clone with Python >= 3.11, make and git: each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What is installed: what a shop owner needs; with Node and PostgreSQL for a trial shop; with the tools for changing it.
OWNER := $(VENV)/.installed
SANDBOX := $(VENV)/.installed-sandbox
DEV := $(VENV)/.installed-dev
# A file stays with one worker, which makes what its tests share once; the slowest come first (support/order.py).
BY_FILE := --dist loadfile --no-loadscope-reorder
# One more than the two cores: some tests wait for Dagster's daemon, for a killed shop or for the disk.
WORKERS ?= 3

# Some containers set it, and then every process compiles the tests and the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo check test lint ui bench chaos mutants screenshots clean
help: ## What can be done here
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# A .venv is made anew when its Python is gone or another one, or when the folder was moved.
SOUND := $(shell $(BIN)/python -c "import pip" 2>/dev/null && grep -qF "$(CURDIR)/$(VENV)" $(BIN)/activate && echo yes)
ifneq ($(SOUND),yes)
$(OWNER) $(SANDBOX) $(DEV): remake
endif
.PHONY: remake
remake:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)."; \
	  echo "Install one, then name it: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: a part of it is not installed."; \
	  echo "On Debian and Ubuntu: sudo apt install python3-venv. Then: make $(MAKECMDGOALS)"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

$(OWNER): EXTRA :=
$(SANDBOX): EXTRA := [sandbox]
$(DEV): EXTRA := [dev]
$(SANDBOX) $(DEV): ALSO := $(OWNER)
$(OWNER) $(SANDBOX) $(DEV): pyproject.toml constraints.txt
	@echo "Installing Python packages into $(VENV) (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRA)' --constraint constraints.txt
	@touch $@ $(ALSO)

install: $(OWNER) ## Virtual environment with what a shop owner needs

demo: $(SANDBOX) ## A real Medusa shop, a feed, one daily sync and its summary
	@$(BIN)/awin-medusa demo

check: lint ## Lint, types, and every test that needs no Medusa: for the inner loop
	@$(BIN)/python -m pytest -m "not shop" --numprocesses 2 $(BY_FILE)

test: lint ## Lint, types, and all tests, on real Medusas
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) $(BY_FILE)

lint: $(DEV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

ui: $(OWNER) ## The Dagster UI with schedules and sensors
	@$(BIN)/awin-medusa ui

bench: $(DEV) ## Speed, as ratios against a bare loop in the same run
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.bench

chaos: $(DEV) ## Syncs and shops killed, requests spoilt, broken feeds; what is left of it
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.broken_feeds
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.chaos

mutants: $(DEV) ## 300 small faults in the rules, one at a time; which of them the tests notice
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.mutants

screenshots: $(DEV) ## The pictures of README and docs; needs chromium
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.screenshots

clean: ## Stop the sandbox; remove the environment and all state
	@test ! -d .awin_medusa/sandbox || test ! -x $(BIN)/awin-medusa || $(BIN)/awin-medusa sandbox down
	rm -rf $(VENV) .awin_medusa .awin_medusa_test
