# Every command of the project; `make` alone prints them. On a new machine start with `make demo`.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test check provision servers bench bounds soak golden clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Install everything into .venv (PYTHON=python3.12 chooses the interpreter)
	@$(BIN)/python -m compileall -q alphapanda

# pip byte-compiles what it installs, but not this package, which stays where it is: without
# bytecode every start would compile it again wherever PYTHONDONTWRITEBYTECODE is set.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Alpha Panda needs Python 3.11, 3.12 or 3.13: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "This Python cannot make virtual environments: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,research,servers]'
	@touch $(STAMP)

demo: setup ## Install, then backtest a strategy on a made-up session, with a report
	$(BIN)/alphapanda demo

test: check provision ## Install, then run every check and all tests
	$(BIN)/python -m pytest

check: setup ## Lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

provision: setup ## Install PostgreSQL, Redis, Java and Kafka for the tests, as root or by sudo
	$(BIN)/python -m tests.support.servers provision

servers: provision ## Run real servers until Ctrl-C; prints their addresses
	@$(BIN)/python -m tests.support.servers

bench: setup ## Measure the core against the numba floor
	$(BIN)/python -m tests.bench

bounds: setup ## Run the tests of the core with every array access checked
	NUMBA_BOUNDSCHECK=1 ALPHAPANDA_CACHE_DIR=build/bounds $(BIN)/python -m pytest -m core

soak: provision ## Kill paper trading, its roles and servers 200 times; each run must end as if it had not been
	ALPHAPANDA_TEST_KILLS=200 $(BIN)/python -m pytest --timeout 0 \
		-k "again_and_again or whoever_is_killed or frozen or bad_messages" tests/runs/test_paper.py \
		tests/system/test_processes_by_role.py tests/system/test_cluster.py tests/system/test_frozen.py \
		tests/system/test_fuzz.py

golden: setup ## Rewrite the golden files; read the diff before committing it
	$(BIN)/python -m tests.golden.rewrite

clean: ## Remove caches and build output (.venv and runs/ stay)
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find alphapanda strategies tests -name __pycache__ -type d -prune -exec rm -rf {} +
