# Everything a newcomer needs starts here: `make demo` and `make test`.
VENV    ?= .venv
BIN     := $(VENV)/bin
ONCE    ?=
BUS     ?= auto
SECONDS ?= 300
# Processes that run tests side by side; each starts the servers it needs.
WORKERS ?= 2
.DEFAULT_GOAL := help

.PHONY: help setup demo test coverage test-long fuzz lint format bench bench-records bench-sftp adapter schemas broker postgresql openssh chromium clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Create the environment in .venv (first run only)

$(VENV)/.ready: requirements/dev.txt pyproject.toml scripts/setup
	@scripts/setup $(VENV)

demo: setup ## Play a working day: make demo [BUS=rabbitmq|embedded] [ONCE=1]
ifeq ($(BUS),rabbitmq)
	@scripts/install-rabbitmq
else
	@scripts/install-rabbitmq || true # without it, one partner less is shown
endif
	@$(BIN)/gateway demo --bus $(BUS) $(if $(ONCE),--once)

test: setup broker postgresql openssh chromium ## All tests, against a real RabbitMQ and PostgreSQL that the tests start
	@$(BIN)/python -m pytest -m "not long" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: override ARGS += --cov --cov-report=term:skip-covered
coverage: test ## The same, and which lines and branches were not run: takes half as long again

test-long: setup broker postgresql openssh ## Long runs: 200 kills of the gateway under load, and what else takes minutes
	@$(BIN)/python -m pytest -m long $(ARGS)

fuzz: setup ## Hostile bytes for every shipped mapping: make fuzz [SECONDS=300]
	@FUZZ_SECONDS=$(SECONDS) $(BIN)/python -m pytest tests/fuzz -m "long or not long" -s $(ARGS)

lint: setup ## ruff, mypy --strict, import directions, mappings and configuration
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/gateway check --config config
	@$(BIN)/gateway check --config config/examples/partner-without-code
	@$(BIN)/gateway check --config config/examples/inpatient-events
	@$(BIN)/gateway check --config config/examples/file-exchange
	@$(BIN)/gateway check --config config/examples/treasury

format: setup ## Let ruff arrange the code
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: setup broker ## The reference job, with its floor measured in the same run
	@$(BIN)/python -m bench $(ARGS)
	@$(BIN)/python -m bench.mappings

bench-records: setup broker ## A bank file of a million payments to a million messages: make bench-records [ARGS="--records 100000"]
	@$(BIN)/python -m bench.records $(ARGS)

bench-sftp: setup openssh ## SFTP against OpenSSH's in the same run
	@$(BIN)/python -m bench.sftp $(ARGS)

adapter: setup ## Scaffold a new adapter that passes its tests: make adapter NAME=weather
	@$(BIN)/python scripts/new_adapter.py $(NAME)
	@scripts/setup $(VENV)
	@$(BIN)/python -m pytest tests/adapters/$(NAME)

schemas: setup ## Export the JSON Schema of the canonical messages to docs/canonical
	@$(BIN)/python -m gateway.canonical.schema docs/canonical

broker:
	@scripts/install-rabbitmq

postgresql:
	@scripts/install-postgresql

openssh:
	@scripts/install-openssh

chromium:
	@scripts/install-chromium

clean: ## Remove the environment and all data of demo, tests and bench
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
