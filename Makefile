# racetwin: `make race-day` watches a Grand Prix with live advice, `make test` checks everything. `make help` lists the rest.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RACE ?=
SPEED ?= 20
CATEGORY ?=
WORKERS ?= 2

# A folder of real race data beside the checkout is used where there is one; without it races are simulated.
ifeq ($(origin RACETWIN_DATA),undefined)
ifneq ($(wildcard ../shared/data/laps.parquet),)
export RACETWIN_DATA := $(abspath ../shared/data)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help env env-test race-day test lint types notebooks browser pictures chaos max backtest bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "racetwin needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 ..."; exit 2; }
	@echo "Creating the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing racetwin and what it needs (a minute or two, once) ..."
	@$(BIN)/python -m pip install --quiet --editable '.[mojo,feeds]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml $(VENV)/.installed
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --editable '.[mojo,feeds,llm,cluster,fastf1,calibrate,test]'
	@touch $@

env: $(VENV)/.installed ## create the environment
env-test: $(VENV)/.installed-test

race-day: $(VENV)/.installed ## a Grand Prix with live advice: RACE=2024-12-great-britain SPEED=20
	@exec $(BIN)/racetwin race-day $(if $(RACE),--race $(RACE)) --speed $(SPEED)

test: $(VENV)/.installed-test lint types ## all tests but the slow ones; CATEGORY=unit|integration|live WORKERS=2
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "$(if $(CATEGORY),$(CATEGORY) and )not browser and not chaos and not backtest and not max"

lint: $(VENV)/.installed-test ## ruff and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.installed-test ## mypy --strict
	$(BIN)/mypy

notebooks: $(VENV)/.installed-test ## every notebook as a regression test
	$(BIN)/python -m pytest -q tests/notebooks

browser: $(VENV)/.installed-test ## the race-day page in headless Chromium
	$(BIN)/python -m pytest -q -m browser

pictures: ## the pictures that `make browser` has made of a real race, into docs/images
	@test -d screenshots/docs || { echo "no pictures yet: run 'make browser' with RACETWIN_DATA first"; exit 2; }
	cp screenshots/docs/*.png docs/images/

chaos: $(VENV)/.installed-test ## kill, pause and cut real processes
	$(BIN)/python -m pytest -q -m chaos

max: $(VENV)/.installed-test ## the co-strategist against a real MAX server (installs it the first time, 1.3 GB)
	$(BIN)/python -m pytest -q -m max

chaos-full: $(VENV)/.installed-test ## the same at full length: 200 kills, a million pieces of rubbish, 24 hours (a few hours)
	RACETWIN_CHAOS_KILLS=200 RACETWIN_CHAOS_FUZZ=1000000 RACETWIN_CHAOS_WOUNDS=500 \
	  $(BIN)/python -m pytest -q -s -m chaos
	$(BIN)/racetwin soak --hours 24

fuzz: $(VENV)/.installed-test ## a million pieces of rubbish at every door: PIECES=1000000
	RACETWIN_CHAOS_FUZZ=$(or $(PIECES),1000000) $(BIN)/python -m pytest -q -s tests/chaos/test_fuzz.py

audit: $(VENV)/.installed-test ## known holes in what is installed (asks pypi.org; says so where it cannot)
	@$(BIN)/python tests/audit.py

backtest: $(VENV)/.installed-test ## three real races scored with parameters fitted before them, and other slow replays
	$(BIN)/python -m pytest -q -m backtest

bench: $(VENV)/.installed-test ## every benchmark suite
	@for suite in $$($(BIN)/racetwin bench --list); do $(BIN)/racetwin bench $$suite || exit $$?; done

clean: ## remove the environment and what tests left behind
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
