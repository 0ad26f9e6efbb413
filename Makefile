# The commands of this repository. Every one does the set-up it needs; done twice, it costs nothing.
SHELL := bash
.DEFAULT_GOAL := help
.PHONY: help run setup setup-dev test lint format bench soak lock clean

BIN := .venv/bin
CONFIG ?= config
# Arguments for the command behind a target: make test ARGS="tests/unit -k mapping"
ARGS ?=
# command=package, for what the tests call
TOOLS := openssl=openssl systemd-analyze=systemd kill=procps \
	mosquitto=mosquitto mosquitto_sub=mosquitto-clients

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Set up what is missing, then run the daemon on CONFIG (default: config)
	@exec $(BIN)/repaintd run --config $(CONFIG) $(ARGS)

setup: ## Create .venv from the lock file, find or install a Chromium, install the fonts
	@.ci/setup/python requirements.lock
	@.ci/setup/browser
	@.ci/setup/fonts

setup-dev: ## The same, with all that tests and linters need
	@.ci/setup/python requirements-dev.lock
	@.ci/setup/browser
	@.ci/setup/fonts --dev
	@.ci/setup/tools $(TOOLS)
	@.ci/setup/promtool

# The browser tests share one worker (tests/conftest.py), so two workers keep two cores busy.
test: setup-dev ## Run the tests
	@$(BIN)/pytest -n 2 --dist loadgroup -m "not soak" $(ARGS)

soak: setup-dev ## Run the long tests
	@$(BIN)/pytest -m soak --timeout 0 $(ARGS)

bench: setup-dev ## Measure, and print ratios against plain baselines
	@$(BIN)/python tests/bench $(ARGS)

# Without its cache: what sorts as our own depends on files that ruff's cache does not look at.
lint: ## Check style, types and import rules
	@.ci/setup/python requirements-dev.lock
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## Rewrite the sources in the house style
	@.ci/setup/python requirements-dev.lock
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Compile the lock files anew (ARGS=--upgrade for the newest versions)
	@.ci/lock $(ARGS)

clean: ## Remove what set-up, tests and builds made; images and state stay
	rm -rf .venv node_modules dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -f daemon/repaintd/render/fonts/*.woff2 daemon/repaintd/render/fonts/LICENSE-*
	find daemon plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +
