# One environment, .venv, for everything. A fresh clone needs Python 3.11 or later and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TYPED := $(wildcard bert4rec app.py pages/*.py)

.DEFAULT_GOAL := help
.PHONY: help app test lint check format bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

app: $(VENV)/app.stamp ## Install what is missing, then open the dashboard
	@$(BIN)/bert4rec app

# One worker a core, but at most four: each may hold a dashboard and a browser. ARGS="-n 0" for none.
test: $(VENV)/dev.stamp ## Run the tests
	@$(BIN)/python -m pytest -n logical --maxprocesses=4 --dist=worksteal $(ARGS)

lint: $(VENV)/dev.stamp ## Check format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(TYPED)

# In this order also under make -j: the cheap answer comes first and the tests' closing line last.
check: ## What CI runs: lint, then test
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test

format: $(VENV)/dev.stamp ## Put the code into the format that lint asks for
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/dev.stamp ## Measure speed and quality, see benchmarks/README.md
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove caches and builds, keep .venv and workspace/
	@rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; name one with: make PYTHON=python3.11 ..." >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# A stamp is as old as the last install: pip runs again only when what it reads has changed.
$(VENV)/app.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the app and its dependencies (the first time takes minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

# After the first stamp, not beside it: two pips in one environment would trip over each other.
$(VENV)/dev.stamp: $(VENV)/app.stamp
	@echo "Installing the tools for tests and lint"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
