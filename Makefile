# Two commands are enough: `make serve` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What tests and benchmarks start besides Python: strace shows the fdatasync, wrk makes load, node runs a peer,
# Chromium opens the pages, Prometheus scrapes and evaluates the alerts.
PACKAGES := curl openssl strace wrk nodejs npm chromium prometheus

.DEFAULT_GOAL := help
.PHONY: serve test check bench fuzz setup system lock help

serve: $(READY)  ## Start a server to try things on: loopback, its own data folder, a printed account
	@exec $(BIN)/tokenward serve --dev $(ARGS)

test: check  ## Run all checks and all tests, and print the branch coverage
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest $(ARGS)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

check: $(READY)  ## Format, lint, floors and types; nothing is started
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy src tests benchmarks docs fuzz

bench: $(READY)  ## Measure the budgets and write benchmarks/results/; SUITE=server by default
	$(BIN)/python -m benchmarks $(if $(SUITE),--suite $(SUITE))

fuzz: $(READY)  ## Fuzz all that reads bytes from outside, ten minutes for each target; TARGET=name for one
	$(BIN)/python -m fuzz $(or $(TARGET),all) $(or $(ARGS),-max_total_time=600)

setup: $(READY)  ## Make .venv, with all that the server, the checks and the tests need

$(READY): requirements/dev.txt requirements/fuzz.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tokenward needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python cannot make virtual environments; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt -r requirements/fuzz.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

system:  ## Install the Debian packages that tests and benchmarks use (asks for root)
	@missing=""; for package in $(PACKAGES); do \
	  case $$package in nodejs) program=node;; *) program=$$package;; esac; \
	  command -v $$program >/dev/null || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=$$([ $$(id -u) = 0 ] || echo sudo); \
	  $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

lock: $(READY)  ## Pin the newest versions into requirements/*.txt, with hashes and without addresses (needs uv)
	@for name in server dev fuzz; do \
	  uv pip compile --quiet --upgrade --generate-hashes --universal --python-version 3.11 --no-header \
	    --no-emit-index-url --no-emit-find-links requirements/$$name.in -o requirements/$$name.txt; done

help:  ## Print this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
