PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run test bench lint format clean

run: .venv/.installed
	exec $(BIN)/monotron serve

# pytest comes last: its closing line is the last line of the output.
test: lint
	$(BIN)/pytest -n 2 --dist loadgroup

bench: .venv/.installed-test
	PYTHONPATH=tests $(BIN)/python -m bench

lint: .venv/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:
	rm -rf .venv .hypothesis .*_cache

.venv/bin/pip:
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/pip
	$(PIP) install -e .
	touch $@

.venv/.installed-test: pyproject.toml | .venv/bin/pip
	$(PIP) install -e '.[test]'
	touch .venv/.installed $@
