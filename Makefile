# Needs python3 >= 3.11, make and a package index; everything else is installed into .venv on first use.
PYTHON ?= python3
BIN := .venv/bin
# What `make lab` shows.
NOTEBOOKS := notebooks
STAMP := .venv/.installed
PYTHON_VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
IDENTITY := $(PYTHON_VERSION) $(CURDIR)

# Set by some images: Python would then compile every module anew at each start.
export PYTHONDONTWRITEBYTECODE :=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
# Prefect gives its temporary server 20 seconds; a cold start on two cores needs more.
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS := 120

.PHONY: help demo lab ui test test-slow test-e2e lint bench notebooks venv constraints clean reinstall
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(STAMP) ## a fleet on an embedded server, from nothing to a query over all companies
	@$(BIN)/mpm-ops demo

# Kernels live in notebooks/, where there is no .env: what this folder's says goes into their environment. What is
# in notebooks/.jupyter keeps JupyterLab from asking whether it may fetch news.
lab: $(STAMP) ## JupyterLab with the notebooks, on the demo's companies
	@$(BIN)/mpm-ops company info@himal-urja.example.com > /dev/null 2>&1 || $(BIN)/mpm-ops demo
	@JUPYTER_CONFIG_PATH="$(CURDIR)/notebooks/.jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}" \
		exec $(if $(wildcard .env),$(BIN)/dotenv run --no-override) $(BIN)/jupyter lab --ServerApp.root_dir=$(NOTEBOOKS) \
		--ServerApp.allow_root=True --ServerApp.answer_yes=True $(LAB)

ui: $(STAMP) ## Prefect's server and UI with the deployments and a worker, on the demo's companies; UI="--port 4300"
	@$(BIN)/mpm-ops company info@himal-urja.example.com > /dev/null 2>&1 || $(BIN)/mpm-ops demo
	@exec $(if $(wildcard .env),$(BIN)/dotenv run --no-override) $(BIN)/python flows/ui.py $(UI)

test: $(STAMP) ## the tests, on an embedded server
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(STAMP) ## the tests that kill processes, stop servers, copy databases and run flows
	$(BIN)/pytest -n 2 --dist loadfile -m slow

test-e2e: $(STAMP) ## the tests in a real browser: Debian's chromium, or another one on the PATH
	$(BIN)/pytest tests/e2e

lint: $(STAMP) ## ruff (rules and layout) and mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

notebooks: $(STAMP) ## run the notebooks anew and write their outputs into them; ONLY=04_revenue_report for one
	@$(BIN)/python -m tests.notebooks $(ONLY)

bench: $(STAMP) ## the benchmarks, beside what they compare with; SIZE=40 for a quick look
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --system-certs --constraint constraints.txt --group bench
	@$(BIN)/python -m tests.benchmarks $(SIZE)

venv: $(STAMP) ## only create or refresh .venv
	@:

constraints: $(STAMP) ## compile constraints.txt anew from pyproject.toml, at the newest versions
	@sed -n '/^#/p' constraints.txt > .venv/constraints.txt
	@$(BIN)/uv pip compile pyproject.toml --system-certs --quiet --upgrade --all-extras --group dev --group bench --universal --python-version 3.11 \
		--no-annotate --no-header >> .venv/constraints.txt
	@if grep -nE '://|^-| @ |^mpm-ops' .venv/constraints.txt; then \
		echo "constraints.txt is unchanged: the lines above name a place, not a version" >&2; exit 1; fi
	@mv .venv/constraints.txt constraints.txt

clean: ## remove .venv, caches and build results
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp holds the Python version and the folder that .venv was made for: when either differs, or when .venv/bin/python leads
# nowhere, .venv is made from scratch. It goes first and comes last, so an installation that was interrupted leaves none.
ifneq ($(shell test -x $(BIN)/python && cat $(STAMP) 2>/dev/null),$(IDENTITY))
$(STAMP): reinstall
endif

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "make: Python 3.11 or newer is needed, and $(PYTHON) is $(or $(PYTHON_VERSION),missing); try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing into .venv (a minute or a few, the first time) ..."
	@if [ "$$(cat $(STAMP) 2>/dev/null)" = "$(IDENTITY)" ]; then rm $(STAMP); else $(PYTHON) -m venv --clear .venv; fi
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --system-certs \
		--constraint constraints.txt --build-constraint constraints.txt --editable '.[all]' --group dev
	@echo "$(IDENTITY)" > $(STAMP)
