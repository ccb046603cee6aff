# Needs python3 (>= 3.11), a C compiler and make; everything else goes into .venv.
SHELL   := /bin/sh
VENV    := .venv
BIN     := $(VENV)/bin
PIP     := $(BIN)/python -m pip -qq --disable-pip-version-check
CC_NAME := $(firstword $(CC))
# The first interpreter that runs and is new enough; `make PYTHON=...` overrides.
PYTHON  ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; exit; }; done)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench bench-mcu wheel clean need-cc

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

demo: need-cc $(VENV)/.mcu ## the whole story on built-in data, offline, in a minute
	@$(BIN)/hysteron demo

test: need-cc $(VENV)/.test ## the quick tests
	@$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

test-all: need-cc $(VENV)/.test ## every test, slow ones too
	@$(BIN)/python -m pytest -n auto --slow $(PYTEST_ARGS)

check: $(VENV)/.test ## style, types, import contract, house limits
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -rP tests/unit/test_house.py

bench: need-cc $(VENV)/.test ## host speed beside onnxruntime, fault trials beside PyTorch, then bench-mcu
	@$(BIN)/python tests/bench/run.py $(BENCH_ARGS)
	@[ -n "$(BENCH_ARGS)" ] || $(BIN)/python tests/bench/mcu.py

bench-mcu: $(VENV)/.test ## instructions on emulated cores, beside CMSIS-NN, emlearn and onnx2c
	@$(BIN)/python tests/bench/mcu.py $(BENCH_ARGS)

wheel: $(VENV)/.test ## build dist/*.whl
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*.whl

clean: ## remove .venv, builds and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find compiler tests models -name __pycache__ -type d -prune -exec rm -rf {} +

need-cc:
	@command -v $(CC_NAME) >/dev/null 2>&1 || { \
	  echo "no C compiler '$(CC_NAME)' on PATH: install gcc or clang (Debian: apt install gcc) or set CC"; exit 2; }

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 on PATH (tried python3.11 python3.12 python3.13 python3):" \
	  "install one or set PYTHON=/path/to/python"; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make virtual environments (Debian: apt install python3-venv)"; exit 2; }

# One stamp per set of extras: a second run installs nothing and needs no network.
$(VENV)/.mcu: pyproject.toml | $(BIN)/python
	@test $(VENV)/.test -nt pyproject.toml || { echo "installing into $(VENV) ..."; $(PIP) install -e ".[mcu]"; }
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV) ..."
	@$(PIP) install -e ".[mcu,test]"
	@touch $@
