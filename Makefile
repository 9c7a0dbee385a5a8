# Everything a person or CI does with this checkout. `make` alone prints the menu.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv
# For instance: make test PYTEST_ARGS="-x -k tags", or WORKERS=0 for one process that a debugger can follow.
PYTEST_ARGS ?=
WORKERS ?= 2
PYTEST = $(BIN)/pytest -n $(WORKERS) $(PYTEST_ARGS)

# Every module is compiled once, whatever the shell says (images for containers often tell Python to keep nothing): tests
# start many processes, and without it each spends two thirds of its time on compiling. Kept out of the sources' folders.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode

.PHONY: help
help:  ## This menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- the environment -------------------------------------------------------------------------------------
# Stamps: $(VENV)/.dev or $(VENV)/.demo says which lock is installed, $(VENV)/.gongbi that this checkout is.

$(VENV)/.uv:
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' found. Gongbi needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Gongbi needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "Python cannot make a virtual environment (on Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	@touch $@

# sync = $(call sync,NAME): install exactly locks/NAME.txt. It removes what the lock does not name, this
# checkout included, so that $(VENV)/.gongbi has to be made again.
define sync
@rm -f $(VENV)/.dev $(VENV)/.demo $(VENV)/.gongbi
$(UV) pip sync --quiet --python $(BIN)/python --require-hashes locks/$(1).txt
@touch $(VENV)/.$(1)
endef

$(VENV)/.dev: locks/dev.txt | $(VENV)/.uv
	$(call sync,dev)

$(VENV)/.demo: locks/demo.txt | $(VENV)/.uv
	$(call sync,demo)

# The larger lock stays when it is there already: `make demo` in a developer's checkout removes nothing.
LOCK_FOR_DEMO := $(if $(wildcard $(VENV)/.dev),dev,demo)

INSTALL_CHECKOUT = @if [ ! -e $(VENV)/.gongbi ] || [ pyproject.toml -nt $(VENV)/.gongbi ]; then \
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable . && touch $(VENV)/.gongbi; fi

.PHONY: venv-dev venv-demo
venv-dev: $(VENV)/.dev  ## Make .venv with everything developers need
	$(INSTALL_CHECKOUT)

venv-demo: $(VENV)/.$(LOCK_FOR_DEMO)  ## Make .venv with what the demo needs
	$(INSTALL_CHECKOUT)

# --- using it --------------------------------------------------------------------------------------------
.PHONY: demo
demo: venv-demo  ## Build the demo workspace and open the console (DEMO_SERVE=0: build only)
	$(BIN)/gongbi demo $(if $(filter 0,$(DEMO_SERVE)),--no-serve)

# --- checking it -----------------------------------------------------------------------------------------
.PHONY: test test-slow test-all lint format bench bench-scale bench-models docs
test: venv-dev  ## The fast tests, Spark's contract among them
	$(PYTEST) -m "not slow"

test-slow: venv-dev  ## Only the slow tests
	$(PYTEST) -m slow || { code=$$?; [ $$code -eq 5 ] && echo "No slow tests." || exit $$code; }

test-all: venv-dev  ## Every test
	$(PYTEST)

lint: venv-dev  ## Style, types, import rules and the rules of the repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_repo.py

format: venv-dev  ## Let ruff format and fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv-dev  ## Measure speed; results go to bench/results and docs/benchmarks.md
	$(BIN)/python bench/run.py $(BENCH_ARGS)

bench-scale: venv-dev  ## The same at 10 million customers, part by part; what is measured already stays
	$(BIN)/python bench/scale.py $(BENCH_ARGS)

bench-models: venv-dev  ## Learning and scoring of models at size, part by part; rivals by BENCH_ARGS="--rivals PYTHON"
	$(BIN)/python bench/models.py $(BENCH_ARGS)

docs: venv-dev  ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# --- keeping it ------------------------------------------------------------------------------------------
.PHONY: lock clean
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: | $(VENV)/.uv  ## Write the locks again (UPGRADE=1: with the newest versions)
	$(COMPILE) pyproject.toml locks/build.in --extra demo --output-file locks/demo.txt
	$(COMPILE) pyproject.toml locks/build.in --all-extras --constraint locks/demo.txt --output-file locks/dev.txt
	$(COMPILE) locks/rivals.in --constraint locks/dev.txt --output-file locks/rivals.txt
	$(COMPILE) locks/rivals-models.in --output-file locks/rivals-models.txt
	@! grep -nE '://|--(extra-)?index-url|--find-links|file:' locks/*.txt || { echo "A lock carries an address." >&2; exit 1; }

clean:  ## Remove what was made here: .venv, caches, built pages
	rm -rf $(VENV) site dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
