# One command each: make demo, make test, make check, make bench. Each makes what it needs first, on a machine with
# git, make and python3 (3.11 or newer) only.

PYTHON ?= python3
ARGS ?=
ENGINE ?= docker
# What a kind alone stands for where a private engine is wanted.
SERIES_docker := docker-20.10
SERIES_podman := podman-4.3
# On engines that nobody has named, tests take turns on the event loops: a run is to be over in six minutes.
TURNS := $(if $(filter undefined,$(origin ENGINES)),1)
ifeq ($(CI),true)
ENGINES ?= docker-20.10 docker-26.1 podman-4.3 podman-5.4
WORKERS ?= 2
else
ENGINES ?= docker-20.10 podman-4.3
WORKERS ?= 4
endif
SERIES := $(or $(SERIES_$(ENGINE)),$(ENGINE))

READY := .venv/ready
BENCH := build/bench
# Engines of "make test" live apart from those started by hand, in a place the next run finds again after a crash.
TEST_ENGINES := $${TMPDIR:-/tmp}/clab-test-$$(pwd | cksum | cut -d' ' -f1)
FAULT_ENGINES := $${TMPDIR:-/tmp}/clab-faults-$$(pwd | cksum | cut -d' ' -f1)
# Tests and examples are programs that are started often: they are not to be compiled each time anew.
unexport PYTHONDONTWRITEBYTECODE
PIP_FLAGS := --quiet --disable-pip-version-check --no-input

.PHONY: help demo test hostile faults check bench format clean
.DELETE_ON_ERROR:

help:
	@echo "make demo     deploy an example lab on ENGINE='$(ENGINE)': docker, podman (yours if it answers, else a private one),"
	@echo "              or a series such as podman-5.4, always a private one (ARGS=... for the example)"
	@echo "make test     run the tests on ENGINES='$(ENGINES)' (ARGS=... for pytest)"
	@echo "make hostile  try malformed and hostile input on a private ENGINE='$(SERIES)'"
	@echo "make faults   cuts, restarts and cancels by the thousand on private ENGINES='$(ENGINES)'"
	@echo "              (ARGS=... for some scenarios: events, fuzzer, health, logs, slow, watch; --scale 0.1)"
	@echo "make check    lint, format and types, without changing anything"
	@echo "make bench    measure against other clients"
	@echo "make format   format the code"
	@echo "make clean    remove what the above made, engines included"

demo: $(READY)
	@.venv/bin/python -m tests.engines run $(ENGINE) -- .venv/bin/python examples/deploy_lab.py \
		--runtime $(firstword $(subst -, ,$(ENGINE))) $(ARGS)

test: $(READY)
	@export CLAB_ENGINES_DIR="$(TEST_ENGINES)" ENGINES="$(ENGINES)" CLAB_TURNS="$(TURNS)"; status=0; \
	.venv/bin/coverage erase; \
	.venv/bin/coverage run -m pytest $(or $(ARGS),--numprocesses=$(WORKERS) --dist=loadfile) || status=$$?; \
	.venv/bin/python -m tests.engines down --all || status=1; \
	.venv/bin/coverage combine --quiet || status=1; \
	[ $$status = 0 ] || exit $$status; \
	[ -n "$(ARGS)" ] || .venv/bin/coverage report --include='clab_runtime/engine/*' --fail-under=95

hostile:
	@$(MAKE) --no-print-directory test ENGINES="$(SERIES)" ARGS="--quiet tests/hostile $(ARGS)"

faults: $(READY)
	@export CLAB_ENGINES_DIR="$(FAULT_ENGINES)" ENGINES="$(ENGINES)"; status=0; \
	.venv/bin/python -m tests.faults $(ARGS) || status=$$?; \
	.venv/bin/python -m tests.engines down --all || status=1; \
	exit $$status

check: $(READY)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pyright
	.venv/bin/pytest --quiet tests/test_imports.py

bench: $(BENCH)/ready
	@$(BENCH)/bin/python -m tests.engines run docker-20.10 -- $(BENCH)/bin/python -m tests.benchmarks $(ARGS)

format: $(READY)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	@$(PYTHON) -m tests.engines down --all
	@CLAB_ENGINES_DIR="$(TEST_ENGINES)" $(PYTHON) -m tests.engines down --all
	@CLAB_ENGINES_DIR="$(FAULT_ENGINES)" $(PYTHON) -m tests.engines down --all
	rm -rf .venv build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find clab_runtime tests examples -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml tests/requirements.txt
	$(call make_venv,.venv)
	@echo "installing the locked tools (tests/requirements.txt) and clab_runtime into .venv"
	@.venv/bin/pip install $(PIP_FLAGS) --requirement tests/requirements.txt
	@.venv/bin/pip install $(PIP_FLAGS) --no-build-isolation --no-deps --editable .
	@touch $@

$(BENCH)/ready: pyproject.toml tests/requirements.txt tests/benchmarks/requirements.txt
	$(call make_venv,$(BENCH))
	@echo "installing the clients to compare (tests/benchmarks/requirements.txt) and clab_runtime into $(BENCH)"
	@$(BENCH)/bin/pip install $(PIP_FLAGS) --constraint tests/requirements.txt hatchling editables \
		--requirement tests/benchmarks/requirements.txt
	@$(BENCH)/bin/pip install $(PIP_FLAGS) --constraint tests/requirements.txt --no-build-isolation --editable .
	@touch $@

# Debian's python3 cannot make environments before python3-venv is installed.
define make_venv
@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.x")'
@$(PYTHON) -c 'import ensurepip' 2>/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "installing python3-venv with apt-get: $(PYTHON) cannot make virtual environments without it"; \
	apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
		python3-venv >/dev/null </dev/null; \
else \
	echo "$(PYTHON) cannot make virtual environments; run this, then make again:" >&2; \
	echo "    sudo apt-get update && sudo apt-get install --yes python3-venv" >&2; exit 1; fi
@echo "making $(1)"
@$(PYTHON) -m venv $(1)
endef
