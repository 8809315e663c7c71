# vLLM Inspector: `make run` starts it, `make test` proves it; `make help` lists the rest.
# Works with GNU make 3.81 (macOS) and newer. A fresh clone needs no step before any of these.

HOST ?= 127.0.0.1
PORT ?= 8501

.DEFAULT_GOAL := help
.PHONY: help run check test test-real real-vllm search bench format clean chromium

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest

help:
	@echo "make run        start the dashboard (HOST=$(HOST) PORT=$(PORT))"
	@echo "make test       check, then every test that needs no large download"
	@echo "make test-real  install real vLLM (2.4 GB, once) and test against it and Prometheus"
	@echo "make check      format, lint, types, borders between rooms"
	@echo "make search     look for examples that break what must always hold; each time others"
	@echo "make bench      measure the costs that the design promises"
	@echo "make format     put the code into the one format"
	@echo "make clean      remove the environment and every cache in this folder"

# ── The environment: made once, brought up to date when a list of packages changes ──

$(VENV)/made:
	@./.ci/make-venv $(VENV)
	@touch $@

$(VENV)/runtime: $(VENV)/made requirements.txt
	@echo "Installing what the dashboard needs …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/development: $(VENV)/runtime requirements-dev.txt
	@echo "Installing what the tests need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# ── The two commands, and what they are made of ──

run: $(VENV)/runtime
	@exec $(BIN)/python -m streamlit run app.py --server.address "$(HOST)" --server.port "$(PORT)"

check: $(VENV)/development
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/development
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

chromium: $(VENV)/development
	@$(BIN)/python -m tests.support.browsing

# A plain `pytest` runs the same tests one after another.
test: check chromium
	$(BIN)/python -m tests.support.side_by_side

# What real vLLM and the tests against it need besides Python packages; kept in a cache folder between runs.
real-vllm:
	@./.ci/system-packages npm:npm prometheus:prometheus libnuma1
	@tests/real/serve install

test-real: $(VENV)/development real-vllm
	$(PYTEST) tests/real

search: $(VENV)/development
	$(PYTEST) -m hypothesis --hypothesis-profile=search

bench: $(VENV)/development
	$(PYTEST) tests/benchmarks -s

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache tests/browser/shots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
