# The commands of a newcomer: make run, make test. `make help` lists all.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that is new enough; `make run PYTHON=/path/to/python3.12` takes another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PORT ?=
SEED ?= 1
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ "$$n" -gt 4 ] && echo 4 || echo "$$n")
export PIP_NO_INPUT := 1
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
# At once and on every core, but without the libraries' own tests; then no start has to do it.
COMPILE := $(BIN)/python -m compileall -q -q -j 0 -x '/tests?/|/playwright/driver/'

.PHONY: help run setup test test-postgresql fuzz soak lint-api lint docs format lock migration clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-18s %s\n' "$$name" "$$text"; done

run: $(VENV)/.runtime ## install what is missing and start everything; PORT=8080 moves it
	@$(if $(PORT),REPLYDESK_BIND=127.0.0.1:$(PORT)) exec $(BIN)/replydesk run --demo

setup: $(VENV)/.runtime ## install, migrate and make the demo site, without starting
	@$(BIN)/replydesk run --demo --no-start
	@echo "Ready: make run starts it."

test: $(VENV)/.dev ## the whole test suite
	@$(BIN)/python -m pytest -n $(JOBS)

test-postgresql: $(VENV)/.dev ## the HTTP tests on a PostgreSQL that is started for them; RACES=1 with the races, some minutes more
	@$(BIN)/python tests/postgresql.py

fuzz: $(VENV)/.dev ## twenty thousand requests made by Schemathesis; SEED=2 makes others
	@FUZZ_EXAMPLES=150 FUZZ_SEED=$(SEED) $(BIN)/python -m pytest -q tests/openapi/test_schemathesis.py

soak: $(VENV)/.dev ## the races, the model and the killed servers for hours, on SQLite and PostgreSQL
	@SOAK=1 $(BIN)/python -m pytest -s tests/chaos
	@SOAK=1 $(BIN)/python tests/postgresql.py -s tests/chaos

docs: $(VENV)/.dev ## write the tables of settings, commands and routes anew
	@$(BIN)/python docs/tables.py && $(BIN)/python -m docs.examples

lint: $(VENV)/.dev ## style, types, the floors of the house and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@test ! -x $(BIN)/hadolint || { echo $(BIN)/hadolint Dockerfile; $(BIN)/hadolint Dockerfile; }

# Its version stands here: npm has no lock file that names no registry.
REDOCLY := @redocly/cli@2.77.0
lint-api: $(VENV)/.runtime ## the OpenAPI document under Redocly's rules (needs npm)
	@folder=$$(mktemp -d) && $(BIN)/python docs/openapi.py >"$$folder/openapi.json" && \
	npm exec --yes --package=$(REDOCLY) -- redocly lint "$$folder/openapi.json" && rm -r "$$folder"

format: $(VENV)/.dev ## rewrite the code in the house's style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## resolve the dependencies anew into the lock files (needs uv)
	uv pip compile $(LOCK) -o requirements.lock pyproject.toml
	uv pip compile $(LOCK) --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml

LOCK := --quiet --upgrade --universal --fork-strategy fewest --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra postgresql --group build

migration: $(VENV)/.runtime ## write a migration from the models: make migration NAME=0002_comment_language
	@test -n "$(NAME)" || { echo "Name it: make migration NAME=0002_comment_language" >&2; exit 2; }
	@folder=$$(mktemp -d) && export REPLYDESK_DATA="$$folder" && $(BIN)/flask --app moderation.cli.migration:app_with_migrations db upgrade && \
	$(BIN)/flask --app moderation.cli.migration:app_with_migrations db revision --autogenerate --rev-id "$(NAME)" && rm -r "$$folder"

clean: ## take away what make has made, but not var/, where your data is
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# A stamp is as new as the lock that was installed last.
$(VENV)/.runtime: requirements.lock pyproject.toml $(VENV)/.made
	@echo "Installing what Replydesk needs (about half a minute, this once)..."
	@$(PIP) install --no-compile --require-hashes --no-deps -r requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@$(COMPILE) $(VENV)/lib moderation classifiers
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing what the tests need (this once)..."
	@$(PIP) install --no-compile --require-hashes --no-deps -r requirements-dev.lock
	@$(COMPILE) $(VENV)/lib
	@touch $@

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Replydesk needs Python 3.11 or newer, and none was found; install one, then: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c '' 2>/dev/null || { echo "There is no working $(PYTHON) on this machine; install Python 3.11 or newer, then: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Replydesk needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1); install a newer one, then: make run PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) lacks its venv module; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@touch $@
