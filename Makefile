# Every target works from a fresh clone with Python >= 3.11, make and git: each installs what it needs first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A file stays with one worker, which makes what its tests share once; the slowest come first (support/order.py).
BY_FILE := --dist loadfile --no-loadscope-reorder
# One more than the two cores: some tests wait for Dagster's daemon, for a killed shop or for the disk.
WORKERS ?= 3

# Some containers set it, and then every process compiles the tests and the program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo check test lint ui bench chaos mutants screenshots clean
help: ## What can be done here
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Installing Python packages into $(VENV) (about a minute, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $@

install: $(INSTALLED) ## Virtual environment with everything

demo: $(INSTALLED) ## A real Medusa shop, a feed, one daily sync and its summary
	@$(BIN)/awin-medusa demo

check: lint ## Lint, types, and every test that needs no Medusa: for the inner loop
	@$(BIN)/python -m pytest -m "not shop" --numprocesses 2 $(BY_FILE)

test: lint ## Lint, types, and all tests, on real Medusas
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) $(BY_FILE)

lint: $(INSTALLED)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

ui: $(INSTALLED) ## The Dagster UI with schedules and sensors
	@$(BIN)/awin-medusa ui

bench: $(INSTALLED) ## Speed, as ratios against a bare loop in the same run
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.bench

chaos: $(INSTALLED) ## Syncs and shops killed, requests spoilt, broken feeds; what is left of it
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.broken_feeds
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.chaos

mutants: $(INSTALLED) ## 300 small faults in the rules, one at a time; which of them the tests notice
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.mutants

screenshots: $(INSTALLED) ## The pictures of README and docs; needs chromium
	@$(BIN)/python -m awin_medusa_pipeline_tests.tools.screenshots

clean: ## Stop the sandbox; remove the environment and all state
	@test ! -x $(BIN)/awin-medusa || $(BIN)/awin-medusa sandbox down
	rm -rf $(VENV) .awin_medusa .awin_medusa_test
