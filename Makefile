PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS = constraints/py$(shell $(PYTHON) -c 'import sys; print("%d%d" % sys.version_info[:2])').txt
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Byte code is worth keeping: the demo and the tests start many processes. Empty means as if it were not set.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test faults bench bench-cluster deploy-tools lint clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(VENV)/ready: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed 需要 Python 3.11 或以上版本: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up $(VENV), a minute or so ... 正在安装，约需一分钟"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -c $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/ready-test: $(VENV)/ready
	@$(PIP) install -c $(CONSTRAINTS) -e '.[test]'
	@touch $@

demo: $(VENV)/ready  ## run the main job from end to end on the embedded database
	@$(BIN)/hub demo --data demo-data --fresh

test: $(VENV)/ready-test  ## run the checks and the tests
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest

FAULTS ?= long
faults: $(VENV)/ready-test  ## the long form of the fault tests (hours; goes on where it was stopped); writes docs/reliability.md and its Chinese twin; FAULTS=medium takes minutes, ROWS="R3 R8" only these
	@status=0; HUB_FAULTS=$(FAULTS) HUB_FAULTS_ROWS="$(ROWS)" HUB_FAULTS_RESULTS=faults.json \
		$(BIN)/python -m pytest tests/faults -vv -s -n 0 -o faulthandler_timeout=0 || status=$$?; \
		$(BIN)/python -m tests.faults.reliability faults.json; test $$status -eq 5 || exit $$status  # 5: nothing is missing

bench: $(VENV)/ready-test  ## measure the hub against the floor, then the ledger, its audit and its evidence
	@$(BIN)/python -m bench
	@for part in tree lag ledger_pg audit evidence; do $(BIN)/python -m bench.bench_$$part || exit 1; done

bench-cluster: $(VENV)/ready-test  ## measure processes on PostgreSQL, growth, recovery, large attachments; takes long
	@for part in cluster growth recovery large; do $(BIN)/python -m bench.bench_$$part || exit 1; done

deploy-tools:  ## install nginx, by which deploy/nginx.conf is tested (Debian, Ubuntu)
	$(SUDO) apt-get update
	$(SUDO) apt-get install -y --no-install-recommends nginx-light

lint: $(VENV)/ready-test  ## style and types only
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

clean:  ## remove what make made
	rm -rf $(VENV) demo-data build *.egg-info
