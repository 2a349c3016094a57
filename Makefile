# `make run` and `make test` work in a fresh clone: they make the virtual environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# pip is told to refuse whatever does not match a pinned hash; the project itself comes without dependencies.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.PHONY: run test slow bench manners docs lint lock clean

run: $(VENV)/.installed
	$(BIN)/feedwatch run

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n 2

slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n 2 -m slow --timeout 900

# What rounds cost beside the floor and two other programs, which it installs, and what the service does at rest and when
# it is busy; forty minutes. docs/speed.md has both tables.
bench: $(VENV)/.installed
	$(BIN)/python benchmarks/rounds.py --sources 1000 --repeat 1
	$(BIN)/python benchmarks/service.py

# Thirty simulated days at a publisher; prints what it saw, as docs/manners.md has it.
manners: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -s -m slow --timeout 900 --show-capture=no tests/test_manners.py

# What is made from the code: the page about the configuration, and the schema for editors.
docs: $(VENV)/.installed
	$(BIN)/feedwatch schema > feedwatch/config.schema.json
	$(BIN)/feedwatch schema --markdown > docs/configuration.md

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/.installed: requirements.lock pyproject.toml
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment could be made: install Debian's python3-venv (apt install python3-venv)"; exit 1; }
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL) --no-deps -e .
	@# A checkout has no bytecode; without any, each start would compile all that it loads.
	$(BIN)/python -m compileall -q feedwatch
	@touch $@

$(VENV)/.installed-test: requirements-test.lock $(VENV)/.installed
	$(INSTALL) --require-hashes -r requirements-test.lock
	@touch $@

# Newest versions that pyproject.toml allows, for every supported Python, with hashes and no index named.
lock:
	$(INSTALL) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --upgrade --extra test --extra lint -c requirements.lock pyproject.toml -o requirements-test.lock

clean:
	rm -rf $(VENV) state
