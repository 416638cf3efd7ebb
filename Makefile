.DEFAULT_GOAL := help
.PHONY: help demo test test-slow test-all check docs compat bench mutants release
# Python keeps what it compiled, or each process of the tests would compile the same files again.
unexport PYTHONDONTWRITEBYTECODE

VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
LOWEST_PYTHON ?= $(shell python3.10 -c 'import sys; print(sys.executable)' 2>/dev/null || echo python3)
PACKAGE := -e '.[fastapi-users,http,mail,pages,passkeys,postgres,redis,sqlite]'
PYTEST := pytest -n 2 --dist worksteal -rs

# The fast tests alone reach each branch, so the slow ones are spared the tracer, which nearly doubles their time.
# Without PostgreSQL or Redis their tests are skipped, each named with the reason, and what only they run is not counted as missed.
POSTGRES = python3 -c "import os, socket; socket.create_connection((os.getenv('PG_HOST', '127.0.0.1'), int(os.getenv('PG_PORT', '5432'))), 2)" 2>/dev/null
REDIS = python3 -c "import os, socket, urllib.parse as u; w = u.urlsplit(os.getenv('REDIS_URL', 'redis://127.0.0.1:6379')); socket.create_connection((w.hostname, w.port or 6379), 2)" 2>/dev/null
COV = --cov $$([ -n "$$CI" ] || { $(POSTGRES) && $(REDIS); } || echo --cov-fail-under=0)

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)-demo/.stamp  ## Run the quickstart, pages and API, on HOST:PORT (127.0.0.1:8000)
	$(VENV)-demo/bin/python -m examples.quickstart

test: $(VENV)/.stamp  ## Run the tests but the slow ones, in parallel; COVERAGE=1 for branch coverage
	$(BIN)/$(PYTEST) -m 'not slow' $(if $(COVERAGE),$(COV))

test-slow: $(VENV)/.stamp  ## Run the slow tests
	$(BIN)/$(PYTEST) -m slow

test-all:  ## Run all tests, the fast ones with branch coverage
	$(MAKE) test COVERAGE=1
	$(MAKE) test-slow

check: $(VENV)/.stamp  ## Lint, format, types and import directions
	$(BIN)/ruff check && $(BIN)/ruff format --check
	$(BIN)/mypy && $(BIN)/pyright --pythonpath $(BIN)/python && $(BIN)/lint-imports

docs: $(VENV)/.stamp  ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

bench: $(VENV)-bench/.stamp  ## Measure beside the peers, in MINUTES (20); QUICK=1 within two minutes
	$(VENV)-bench/bin/python -m benchmarks $(if $(QUICK),--quick) $(if $(MINUTES),--minutes $(MINUTES))

mutants: $(VENV)/.stamp  ## Check that the tests notice changes to the package; WING=users for one wing
	$(BIN)/python tests/mutants/run.py $(if $(WING),--wing $(WING))

compat: $(VENV)-lowest/.stamp  ## Run them with the lowest supported versions, on uvloop
	EVENT_LOOP=uvloop $(VENV)-lowest/bin/$(PYTEST) -m 'not slow'

release: $(VENV)-release/.stamp  ## Build dist/ and check it; TAG=v0.2.0 for a release
	$(VENV)-release/bin/python tools/release.py $(TAG)

$(VENV)/.stamp: pyproject.toml
	test -x $(BIN)/uv || { $(PYTHON) -m venv $(VENV) && $(BIN)/pip install --quiet uv; }
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV) --group dev $(PACKAGE)
	touch $@

# Only what the quickstart needs, so that it is up in a moment.
$(VENV)-demo/.stamp: pyproject.toml
	test -x $(VENV)-demo/bin/python || $(PYTHON) -m venv $(VENV)-demo
	$(VENV)-demo/bin/pip install --quiet --editable '.[pages,sqlite]' 'uvicorn[standard]'
	touch $@

# The peers have pins of their own.
$(VENV)-bench/.stamp: $(VENV)/.stamp
	test -x $(VENV)-bench/bin/python || $(BIN)/uv venv --quiet $(VENV)-bench
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)-bench --group bench $(PACKAGE)
	touch $@

# Each direct dependency at its declared lower bound, on Python 3.10 where there is one.
$(VENV)-lowest/.stamp: $(VENV)/.stamp
	$(BIN)/uv venv --quiet --clear --python $(LOWEST_PYTHON) $(VENV)-lowest
	$(BIN)/uv pip compile --quiet --python $(VENV)-lowest --resolution lowest-direct --no-deps --strip-extras --all-extras pyproject.toml --output-file $(VENV)-lowest/lowest.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)-lowest --constraints $(VENV)-lowest/lowest.txt --group dev $(PACKAGE)
	touch $@

# The package with its dependencies, so that their module names are known, and the tools that check a release.
$(VENV)-release/.stamp: pyproject.toml
	test -x $(VENV)-release/bin/uv || { $(PYTHON) -m venv $(VENV)-release && $(VENV)-release/bin/pip install --quiet uv; }
	$(VENV)-release/bin/uv pip install --quiet --python $(VENV)-release --group release $(PACKAGE)
	touch $@
