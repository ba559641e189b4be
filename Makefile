# Needs Python 3.11 or newer, pip and make, and gets the rest itself, into .venv.
#   make run     the demo, at http://127.0.0.1:8000/ or the next free port (PORT=… fixes it)
#   make test    all tests (ARGS=… goes to pytest)
#   make lint    formatting, rules, types and layers
#   make bench   how fast it is
#   make translations   collect the texts for translators, and compile what they wrote
#   make clean-demo   forget everything in the demo
#   make clean   remove .venv and what tools left behind

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CODE := webapp plugins tests wsgi.py
DECLARED := setup.cfg pyproject.toml
CATALOGUES := webapp/translations
LANGUAGES := de fr es uk ar

.PHONY: help run test lint bench translations clean-demo clean
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
	$(BIN)/lint-imports

bench: .venv/test-installed
	$(BIN)/python -m tests.bench

# Neither line numbers nor dates, so that a catalogue changes with its texts alone.
translations: .venv/demo-installed
	@mkdir -p build
	$(BIN)/pybabel --quiet extract --mapping babel.cfg --keywords "lazy lazy_gettext" --no-location --sort-output \
		--no-wrap --project Mailroom --output build/messages.pot .
	@for language in $(LANGUAGES); do \
		mkdir -p $(CATALOGUES)/$$language/LC_MESSAGES; \
		$(BIN)/pybabel --quiet update --init-missing --no-fuzzy-matching --ignore-obsolete --no-wrap \
			--ignore-pot-creation-date --input-file build/messages.pot --output-dir $(CATALOGUES) --locale $$language; \
	done
	$(BIN)/pybabel --quiet compile --directory $(CATALOGUES)

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
	@$(INSTALL) -e .
	@touch $@

.venv/test-installed: $(DECLARED) | $(BIN)/python
	@echo "Installing Mailroom and what its tests need into .venv"
	@$(INSTALL) -e '.[test]'
	@$(BIN)/python -m tests.support.chromium
	@touch $@

.venv/lint-installed: $(DECLARED) | .venv/test-installed
	@$(INSTALL) -e '.[test,lint]'
	@touch $@
