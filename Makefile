# Every command of the project; `make` alone prints them. On a new machine start with `make demo`.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
WORKERS ?= 2
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
EVERYTHING = .[api,cluster,dev,live,monitor,research,search,servers]
NEVER = /tests?/|/ray/(data|llm|rllib|serve|train|tune)/
TOGETHER = $(MAKE) --no-print-directory --jobs=2

.DEFAULT_GOAL := help
.PHONY: help setup demo test check types style docs provision servers bench bounds soak golden clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv (PYTHON=python3.12 chooses the interpreter)
	@$(BIN)/python -m compileall -q alphapanda

# uv installs in a third of the time; where it can't, as behind an index that pip alone knows how to
# reach, pip does. Without bytecode every start would compile again wherever PYTHONDONTWRITEBYTECODE
# is set: it is made on all cores, but not of what nobody here imports.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Alpha Panda needs Python 3.11, 3.12 or 3.13: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "This Python cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	@echo "This installs about 2.0 GB into .venv; $$(df -Pm . | awk 'NR == 2 {print $$4}') MB are free here."
	$(PYTHON) -m venv .venv
	@$(PIP) uv
	@index=$$($(BIN)/python -m pip config get global.index-url 2>/dev/null); \
		$(BIN)/uv pip install --quiet --python $(BIN)/python $${index:+--default-index "$$index"} \
		-e '$(EVERYTHING)' || $(PIP) -e '$(EVERYTHING)'
	@$(BIN)/python -m compileall -qq -j 0 -x '$(NEVER)' .venv/lib/python*/site-packages || true
	@touch $(STAMP)

demo: setup ## Install, then backtest a strategy on a made-up session, with a report
	$(BIN)/alphapanda demo

test: ## Install, then run every check and all tests, by WORKERS=2 processes
	@$(TOGETHER) setup provision
	@$(TOGETHER) --output-sync check
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: style types ## Lint, format, types, import contracts

types: setup ## Types alone
	$(BIN)/mypy

style: setup ## All of `make check` but the types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

docs: setup ## Build the documentation as a site in build/docs/site; installs Zensical
	@test -x $(BIN)/zensical || $(PIP) -e '.[docs]'
	$(BIN)/python docs/site/make.py

provision: ## Install PostgreSQL, Redis, Java, Kafka, Chromium and a client from npm for the tests, as root or by sudo
	$(PYTHON) -m tests.support.servers provision
	@if command -v npm >/dev/null; then mkdir -p build/npm && \
		cp tests/kitesim/clients/js/package*.json build/npm && \
		npm ci --prefix build/npm --ignore-scripts --no-audit --no-fund --loglevel error || \
		echo "npm could not install the JavaScript client: kitesim is not tested with it"; \
	else echo "npm is absent: no JavaScript client to test kitesim with"; fi

servers: setup provision ## Run real servers until Ctrl-C; prints their addresses
	@$(BIN)/python -m tests.support.servers

bench: setup ## Compare speed and memory with an earlier commit and other engines; status 1 where a limit is missed
	$(BIN)/python -m tests.bench

bounds: setup ## Run the tests of the core with every array access checked
	NUMBA_BOUNDSCHECK=1 ALPHAPANDA_CACHE_DIR=build/bounds $(BIN)/python -m pytest -m core \
		--numprocesses $(WORKERS) --dist worksteal

soak: setup provision ## Kill runs and servers 200 times, read a million odd frames, days at 20x, 3,000 instruments; all is counted
	ALPHAPANDA_TEST_KILLS=200 ALPHAPANDA_TEST_DRILLS=50 $(BIN)/python -m pytest --timeout 0 \
		-k "again_and_again or kill_goes_through or whoever_is_killed or whatever_is_killed or frozen or bad_messages" \
		tests/runs/test_paper.py tests/system/test_commands.py tests/system/test_kill_drills.py \
		tests/system/test_live_on_kitesim.py \
		tests/system/test_processes_by_role.py tests/system/test_cluster.py tests/system/test_frozen.py \
		tests/system/test_fuzz.py
	ALPHAPANDA_TEST_FRAMES=1000000 $(BIN)/python -m pytest --timeout 0 \
		tests/brokers/zerodha/test_odd_frames.py
	ALPHAPANDA_TEST_DAY=20x ALPHAPANDA_TEST_TICKS=20000 ALPHAPANDA_TEST_FAULTS=rough $(BIN)/python -m pytest \
		--timeout 0 -k "bad_day or one_run" tests/kitesim/test_days.py
	ALPHAPANDA_TEST_SEEDS=20000 $(BIN)/python -m pytest --timeout 0 \
		-k any_order_of_events tests/brokers/zerodha/orders/test_virtual.py
	ALPHAPANDA_TEST_REHEARSALS=20 $(BIN)/python -m pytest --timeout 0 tests/rehearsal/test_seeds.py
	$(BIN)/python -m tests.bench.feed 1800

golden: setup ## Rewrite the golden files; read the diff before committing it
	$(BIN)/python -m tests.golden.rewrite

clean: ## Remove caches and build output (.venv and runs/ stay)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find alphapanda strategies tests -name __pycache__ -type d -prune -exec rm -rf {} +
