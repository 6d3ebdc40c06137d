PYTHON ?= python3
BIN := .venv/bin
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# Tests start hundreds of processes. Where nothing is kept, each of them compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test bench faults lint format gitlab clean

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

# The YAML files of GitLab contain gitlab/job.sh.
gitlab:
	$(PYTHON) gitlab/generate.py

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

# Real pipelines run in gitlab-ci-local, which copies files with rsync; and one in busybox. Servers are
# put behind nginx, whose service is not started. Disks that fail are written in C.
.venv/.installed-runners: Makefile | .venv/bin/pip
	npm install --prefix .venv/npm --no-audit --no-fund --loglevel=error gitlab-ci-local@4.73.0
	PATH=$$PATH:/usr/sbin; { command -v rsync && command -v busybox && command -v nginx && command -v cc; } >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) env RUNLEVEL=1 apt-get install -qqy --no-install-recommends rsync busybox nginx-light gcc libc6-dev >/dev/null; }
	touch $@
