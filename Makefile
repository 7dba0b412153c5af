# Every target sets up what it needs: a virtual environment in .venv with the package and its tools.
#
#   make demo    records a simulated arm, trains ACT on it, measures how often it succeeds, writes a report
#   make test    the quick tests (also: make test PYTEST_ARGS="-k frames", make test PYTEST_ARGS="-m slow")
#   make docs    the documentation as a site, in build/docs, with the notebook executed (DOCS_ARGS for sphinx-build)
#   make browser the studio in a headless Chromium, from Debian's packages
#   make check   what to run before a commit: format, lint, types, import rule, quick tests
#   make lint types imports bench sizes clean

PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# a changed dependency gives another name, so the environment is brought up to date exactly when it has to be
INSTALLED := $(VENV)/installed-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
# what only the site needs comes on top, so that the quick tests do not wait for it
INSTALLED_DOCS := $(INSTALLED)-docs

.PHONY: demo test browser lint types imports docs bench check sizes clean
.DEFAULT_GOAL := test

demo: $(INSTALLED)
	$(BIN)/understudy demo

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

browser: $(INSTALLED)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	  { echo "Installing chromium and chromium-driver"; apt-get update -qq && apt-get install -y -qq chromium chromium-driver >/dev/null; } || \
	  { echo "The browser's tests need Debian's packages chromium and chromium-driver"; exit 1; }
	$(BIN)/python -m pytest -m browser tests/browser $(PYTEST_ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

imports: $(INSTALLED)
	$(BIN)/lint-imports

docs: $(INSTALLED_DOCS)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet $(DOCS_ARGS) docs build/docs
	@echo "The site: build/docs/index.html"

check: lint types imports test

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py $(BENCH_ARGS)

sizes:
	@find src -name '*.py' -exec wc -l {} + | sort -n
	@echo
	@for room in src/understudy/*/; do \
	  printf '%7d  %s\n' "$$(find $$room -name '*.py' -exec cat {} + | wc -l)" "$$room"; done

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist docs/reference
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED):
	@$(PYTHON) -c 'import sys; v = sys.version_info; \
	  v >= (3, 11) or sys.exit("Understudy needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12" % v[:2])'
	@echo "Setting up $(VENV): a minute or two, most of it PyTorch. This happens once."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
	@rm -f $(VENV)/installed-*
	@touch $@

$(INSTALLED_DOCS): $(INSTALLED)
	@echo "Adding what the site needs to $(VENV)"
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev,docs]'
	@touch $@
