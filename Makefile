# audit_nb: everything an administrator types. `make help` lists the targets.

REPORT ?= demo
PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
BIN    := $(VENV)/bin

# An environment made by uv has no pip in it.
PIP := $(if $(shell command -v uv),VIRTUAL_ENV=$(abspath $(VENV)) uv pip,$(BIN)/python -m pip --disable-pip-version-check)

# JupyterLab refuses to run as root unless it is told to; on a fresh machine there may be nobody else.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

export JUPYTER_PREFER_ENV_PATH = 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.lock requirements-axe.lock tools/environment.sh tools/first_use.py
	@PYTHON=$(PYTHON) VENV=$(VENV) sh tools/environment.sh

.PHONY: setup
setup: $(READY) ## Set up .venv from requirements.lock

# Spark is half a gigabyte and needs Java; nothing but its own tests does without it. It is published as source only,
# so this step builds it, with the newest setuptools.
$(VENV)/.spark: $(READY) requirements-spark.lock
	$(PIP) install --quiet --require-hashes --requirement requirements-spark.lock
	@touch $@

.PHONY: spark
spark: $(VENV)/.spark ## Add Spark to .venv: the tests then run the tables on it too (needs Java)

.PHONY: report
report: $(READY) ## Fetch, read, render and compose a report: the demo, or REPORT=daily for your own hosts
	@$(BIN)/audit-nb run $(REPORT)

.PHONY: lab
lab: $(READY) ## Open JupyterLab on the notebooks (loopback, token, kernels over ipc)
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 --KernelManager.transport=ipc --ServerApp.root_dir=$(CURDIR) \
	  --LabApp.default_url=/lab/tree/notebooks/overview.ipynb $(AS_ROOT) $(LAB)

# Whole files to each core, in their order: what a file's tests share is made once, and those at the end are short.
SIDE_BY_SIDE := -n logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: $(READY) ## Run the tests, on every core
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

.PHONY: lint
lint: $(READY) ## Look the code over
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: golden
golden: $(READY) ## Rewrite the golden files of the tests; the diff is the review
	AUDIT_NB_GOLDEN=write $(BIN)/python -m pytest

COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-header --no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: $(READY) ## Choose the newest versions that fit pyproject.toml (needs uv)
	$(COMPILE) $(foreach extra,keyring test lint build,--extra $(extra)) pyproject.toml -o requirements.lock
	$(BIN)/python -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*project["optional-dependencies"]["spark"], sep="\n")' | \
	  $(COMPILE) -c requirements.lock - -o requirements-spark.lock

.PHONY: clean
clean: ## Remove what can be made again (never data, reports or outbox)
	rm -rf $(VENV) .pytest_cache .hypothesis .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
