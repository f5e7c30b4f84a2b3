# Two set-up commands: `make demo` and `make test`. Each makes its own .venv from the lock files.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --no-deps --no-compile --quiet --disable-pip-version-check
# Instead of pip, which compiles on one core. Templates in some packages fail to compile, and nothing imports them.
COMPILE := $(BIN)/python -m compileall -qq -j 0 .venv/lib || true
BASE := .venv/.base-installed
DEV := .venv/.dev-installed
CHECKS := types style imports texts
TEXTS := tests/test_docs.py tests/test_language.py
TESTS ?= tests $(TEXTS:%=--ignore %)
# Byte code is kept, whatever the environment says: each process of the tests would compile all modules.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo serve test check docs lock clean style types imports texts collect

help:  ## print this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo: $(BASE)  ## ingest real media, search, inspect parts, print tables, write demo/
	$(BIN)/python -m mm.cli.demo

serve: $(BASE)  ## run the service and its web page in the foreground
	$(BIN)/mm serve

test: $(DEV)  ## every check and every test
	@$(MAKE) --no-print-directory --jobs 2 $(CHECKS) collect
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadgroup --durations 10 $(TESTS)

check: $(DEV)  ## ruff, mypy --strict, import contracts, docs against code
	@$(MAKE) --no-print-directory --jobs 2 $(CHECKS)

types: $(DEV)
	$(BIN)/mypy

style: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: $(DEV)
	$(BIN)/lint-imports

texts: $(DEV)
	$(BIN)/python -m pytest $(TEXTS)

# Writes the byte code of the tests, while mypy uses the other core.
collect: $(DEV)
	@$(BIN)/python -m pytest --collect-only $(TESTS) >.venv/.collected || { cat .venv/.collected; exit 1; }

docs: $(DEV)  ## regenerate the parts of the docs that come from the code
	$(BIN)/python -m tests.test_docs

lock: $(DEV)  ## resolve both lock files again; needs uv
	$(BIN)/python requirements/lock.py

clean:  ## remove the environment and all caches
	rm -rf .venv demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mm needs Python 3.11 or newer, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv

$(BASE): requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing the base: about 800 MB, a minute or two ..."
	$(PIP) -r requirements.lock
	$(PIP) --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(DEV): requirements-train.lock $(BASE)
	@echo "Installing torch and the tools of the tests: about 5 GB, a few minutes ..."
	$(PIP) -r requirements-train.lock
	@$(COMPILE)
	@touch $@
