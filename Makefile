# Glideslope's commands. Each sets up what it needs (virtual environment, locked dependencies
# checked by hash) once, and starts at once when that is done.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TORCH := $(VENV)/.torch
OBJECTIVE ?= realized_volatility
TRIALS ?= 60
SELECT ?= not whole
PARITY := .venv-parity
PARITY_READY := $(PARITY)/.ready
# More test processes than cores: many tests wait for leases, signals and servers.
TESTERS ?= 3
DRAWS ?= 100
PART ?= schedules engine study api
SEED ?= 1
.DEFAULT_GOAL := help
.PHONY: help demo serve check test test-full chaos fuzz audit sbom chromium parity format lock bench benchmark-objectives benchmark-search image-check clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# Stamped with a hash of what it was made from, so a changed lock or Python rebuilds it.
$(READY): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit("Glideslope needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# The extras and peers of the slower tests; torch differs by machine, so it comes without a hash.
$(TORCH): $(READY) tests/full.lock tests/parity/torch.txt
	@echo "Adding what the slower tests need to $(VENV) (once) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r tests/full.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r tests/parity/torch.txt
	@touch $@

demo: $(READY) ## the main job on real data: search, verdict, report (OBJECTIVE=… TRIALS=…)
	@exec $(BIN)/glideslope demo --objective $(OBJECTIVE) --trials $(TRIALS)

serve: $(READY) ## the service with one local worker on 127.0.0.1:8000
	@exec $(BIN)/glideslope serve

check: $(READY) ## format, lint, strict types, import contracts
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

# A hundred processes start in the tests: compiled modules are kept, whatever the caller's habit.
test test-full chaos fuzz: export PYTHONDONTWRITEBYTECODE :=

test: $(READY) ## the default test suite
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal -m "not full and not whole"

test-full: $(TORCH) chromium ## the default suite and the slower tests (SELECT=full: without the default one)
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal -m "$(SELECT)"

# The whole programmes of faults and of hostile input, an hour each; the suites above have a share.
chaos fuzz: export GLIDESLOPE_TEST_WHOLE := 1
chaos fuzz: export GLIDESLOPE_TEST_SEED := $(SEED)
chaos: $(TORCH) ## every fault there is, on both databases: var/chaos/report.json (SEED=…)
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal tests/chaos

fuzz: $(TORCH) ## hostile input and strangers at every door: var/fuzz/report.json (SEED=…)
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal tests/fuzz

audit: $(TORCH) ## known weaknesses of the locked versions; ends with 2 if nobody could tell
	@$(BIN)/python tests/supply/audit.py

sbom: $(TORCH) ## the bill of materials of both locks: var/sbom/*.cdx.json (CycloneDX)
	@$(BIN)/python tests/supply/sbom.py var/sbom

# Found, or installed where that may be done; without it browser tests are skipped, but not in CI.
chromium: $(READY)
	@$(BIN)/python tests/e2e/browser/chromium.py

# The libraries themselves, on the CPU; torch alone without a hash, as its file differs by machine.
# Nothing is resolved anew: timm's own requirements bring torchvision, which schedules do not need.
$(PARITY_READY): tests/parity/torch.txt tests/parity/requirements.txt
	@echo "Setting up $(PARITY) (once, 1.8 GB) ..."
	@$(PYTHON) -m venv --clear $(PARITY)
	@$(PARITY)/bin/python -m pip install -qq --disable-pip-version-check --no-deps -r tests/parity/torch.txt
	@$(PARITY)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r tests/parity/requirements.txt
	@touch $@

parity: $(PARITY_READY) ## schedules against the real libraries (DRAWS=… of every call)
	@PYTHONPATH=tests:. $(PARITY)/bin/python -m parity $(DRAWS)

bench: $(TORCH) ## speed beside peers, and of pages (PART=schedules, engine, study, api, pages or scale)
	@for part in $(PART); do PYTHONPATH=. $(BIN)/python tests/benchmarks/$$part.py || exit; done

benchmark-objectives: $(READY) ## who wins on which objective, on fresh seeds (SEED=…)
	@SEED=$(SEED) $(BIN)/python tests/benchmarks/objectives.py

benchmark-search: PART := # all of them; on the command line: quadratic calibration heston ...
benchmark-search: $(READY) ## the search beside others, and whether its verdict can be trusted (PART=…, STUDIES=…)
	@SEED=$(SEED) nice -n 10 $(BIN)/python tests/benchmarks/search.py $(PART)

# Needs root and Debian's buildah, mmdebstrap, podman and runc; no registry, and no engine that runs.
image-check: export GLIDESLOPE_TEST_IMAGE := $(CURDIR)/var/image
image-check: $(TORCH) ## build the image without an engine, and run all of compose.yaml from it
	@$(BIN)/python tests/docker/image.py $(GLIDESLOPE_TEST_IMAGE)
	@$(BIN)/python -m pytest tests/docker

format: $(READY) ## rewrite the code in the house format
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix .

COMPILE := uv pip compile pyproject.toml --group dev --extra postgres --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

lock: ## resolve the dependencies anew (needs uv)
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra mlflow --extra otel --extra ray --group full --constraint requirements.lock --output-file tests/full.lock

clean: ## remove the virtual environment, var and caches
	@rm -rf $(VENV) $(PARITY) var .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
