PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
PIP := $(BIN)/pip --disable-pip-version-check --quiet

.PHONY: run test bench faults lint format clean

run: .venv/.installed
	exec $(BIN)/monotron serve

# pytest comes last: its closing line is the last line of the output.
test: lint .venv/.installed-runners
	$(BIN)/pytest -n 2 --dist loadgroup

# All parts of the faults, or some: make faults PARTS=broken
bench faults: .venv/.installed-test
	PYTHONPATH=tests $(BIN)/python -m $@ $(PARTS)

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

# gitlab-ci-local runs real pipelines, and needs rsync; one is in busybox; disks that fail are in C.
.venv/.installed-runners: Makefile | .venv/bin/pip
	npm install --prefix .venv/npm --no-audit --no-fund --loglevel=error gitlab-ci-local@4.73.0
	{ command -v rsync && command -v busybox && command -v cc; } >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -qqy --no-install-recommends rsync busybox gcc libc6-dev >/dev/null; }
	touch $@
