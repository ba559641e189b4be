# Needs Python 3.11 or newer, pip and make, and gets the rest itself, into .venv.
#   make run     the demo, at http://127.0.0.1:8000/ or the next free port (PORT=… fixes it)
#   make test    all tests (ARGS=… goes to pytest)
#   make lint    formatting, rules and types
#   make bench   how fast it is
#   make clean-demo   forget everything in the demo
#   make clean   remove .venv and what tools left behind

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := webapp plugins tests wsgi.py
DECLARED := setup.cfg pyproject.toml

.PHONY: help run test lint bench clean-demo clean
.DELETE_ON_ERROR:

help:
	@sed -n '2,/^$$/s/^#   //p' Makefile

run: .venv/demo-installed
	@$(BIN)/mailroom demo $(if $(PORT),--port $(PORT))

test: .venv/test-installed
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: .venv/lint-installed
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy

bench: .venv/test-installed
	$(BIN)/python -m tests.bench

clean-demo:
	rm -rf instance/demo

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build dist *.egg-info

# Where the system's Python comes without ensurepip (Debian's does), its own pip fills the environment.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found." >&2; exit 2; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv 2>/dev/null || { $(PYTHON) -m venv --clear --without-pip .venv && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check pip; }

.venv/demo-installed: $(DECLARED) | $(BIN)/python
	@echo "Installing Mailroom into .venv; this takes a minute the first time"
	@$(INSTALL) -e '.[demo]'
	@touch $@

.venv/test-installed: $(DECLARED) | $(BIN)/python
	@echo "Installing Mailroom and what its tests need into .venv"
	@$(INSTALL) -e '.[test]'
	@$(BIN)/python -m tests.support.chromium
	@touch $@

.venv/lint-installed: $(DECLARED) | .venv/test-installed
	@$(INSTALL) -e '.[test,lint]'
	@touch $@
