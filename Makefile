# The commands of the repository. They need Python 3.11 or newer and make; all else goes into .venv.
#
#   make test PYTHON=python3.12      another Python (used when .venv is made)
#   make test ARGS="tests/datasets"  what pytest gets in addition

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Each worker of the tests has one core, so BLAS must not start threads of its own.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST := $(ONE_THREAD) MPLBACKEND=Agg $(BIN)/python -m pytest -n auto

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test quick lint lowest calibration bench docs clean

help: ## this list
	@echo "make <target>, where <target> is one of"
	@sed -n 's/^\([a-z]*\):.*## /  \1@/p' Makefile | awk -F@ '{ printf "%-14s%s\n", $$1, $$2 }'

demo: $(VENV)/installed-demo ## fit a GLM and a DeepGLM to the French motor claims, and compare them
	$(BIN)/python examples/demo.py

test: $(VENV)/installed-test ## run the tests (all but the full calibration)
	$(PYTEST) $(ARGS)

quick: $(VENV)/installed-test ## run the tests that are not slow (less than two minutes)
	$(PYTEST) -m "not slow and not calibration" $(ARGS)

lint: $(VENV)/installed-lint ## ruff (rules and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lowest: ## run the quick tests with the lowest supported versions, in an environment of its own
	@$(MAKE) --no-print-directory VENV=$(VENV)-lowest LOWEST=1 quick

calibration: $(VENV)/installed-test ## simulate coverage, size and power in full (hours; ARGS names cells)
	$(BIN)/python -m calibration.run $(ARGS)
	$(BIN)/python -m calibration.tables
	$(PYTEST) -m calibration tests/calibration

bench: $(VENV)/installed-bench ## time the fits against other packages (half an hour; ARGS=glm is one part)
	$(BIN)/python -m benchmarks.run $(ARGS)

docs: $(VENV)/installed-docs ## build the documentation into docs/_build/html
	@test -f docs/conf.py || { echo "There are no pages to build yet: see docs/README.md."; exit 1; }
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

clean: ## remove everything that these commands have made
	rm -rf $(VENV) $(VENV)-lowest build dist docs/_build .coverage .coverage.* .coverage-html
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that the environment exists (made), or that it holds an extra (installed-*).
# pyproject.toml is newer than the stamp when dependencies may have changed.

$(VENV)/made:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "There is no '$(PYTHON)' here. DeepGLM needs Python 3.11 or newer."; \
	  echo "If it has another name, say which: make test PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "'$(PYTHON)' is $$($(PYTHON) --version 2>&1). DeepGLM needs Python 3.11 or newer."; \
	  echo "If there is a newer one, say which: make test PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: its modules venv and ensurepip are missing."; \
	  echo "Install them (Debian and Ubuntu: apt install python3-venv) and try again."; exit 1; }
	@echo "Making the virtual environment $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

define install
@echo "Installing deepglm[$(EXTRAS)] and what it needs into $(VENV) (a few minutes the first time) ..."
@$(if $(LOWEST),$(BIN)/python .ci/lowest.py > $(VENV)/lowest.txt)
@$(PIP) install --editable '.[$(EXTRAS)]' $(if $(LOWEST),--constraint $(VENV)/lowest.txt)
@touch $@
endef

$(VENV)/installed-demo: EXTRAS := plots,parquet
$(VENV)/installed-test: EXTRAS := test
$(VENV)/installed-lint: EXTRAS := lint
$(VENV)/installed-bench: EXTRAS := bench,plots,parquet
$(VENV)/installed-docs: EXTRAS := docs

$(VENV)/installed-%: $(VENV)/made pyproject.toml
	$(install)
