# Everything runs on a machine that has Python 3.11+, make and the package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= examples/quickstart/router.yaml
ASK ?= What do you know about Earth?
# A question is text: make must not expand a dollar in it.
override ASK := $(value ASK)
export ASK
# Where it is set, each program that a test starts would compile the whole package, and each worker all tests.
unexport PYTHONDONTWRITEBYTECODE

# Many examples, large configs, whole programs: the line coverage they add is nil, and tracing would triple their time.
# What measures time does not run beside what keeps the cores busy.
COMPUTING := tests/property tests/examples tests/seed tests/test_readme.py tests/tools/test_functions.py \
  tests/tools/simulate/test_page.py tests/clients/test_oldest_openai.py $(wildcard tests/*/test_*_properties.py \
  tests/*/test_large*.py tests/testing/test_plugin*.py)
TIMED := tests/faults tests/bench tests/tools/simulate/test_reality.py

NODE := tests/clients/node/node_modules/.installed
OLDEST := build/openai-3.0/.installed

.PHONY: demo serve test check schema probes bench bench-short mutants prove mutation local test-local clean install node oldest
.DELETE_ON_ERROR:

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
	touch $@

demo: install
	$(BIN)/router demo --config $(CONFIG) --ask "$$ASK"

serve: install
	$(BIN)/router demo --config $(CONFIG) --ask "$$ASK" --keep

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

schema: install
	$(BIN)/python -m router.config.schema > schemas/router.schema.json
	$(BIN)/python -m router.emulator.scenario > schemas/emulator.schema.json
	$(BIN)/python -m router.config.tests_file > schemas/tests.schema.json
	$(BIN)/python -m router.tools.simulate.schema > schemas/simulate.schema.json
	$(BIN)/python -m router.tools.decision_log > schemas/decision-log.schema.json
	$(BIN)/python -m router.tools.reference docs

# Clients for node, where node is: without it their tests are skipped, and counted.
node: $(if $(shell command -v npm),$(NODE))

$(NODE): tests/clients/node/package.json
	cd tests/clients/node && npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel error
	touch $@

# The oldest openai that `http_client()` is for, beside the newest in $(VENV), which has what else it needs.
oldest: $(OLDEST)

$(OLDEST): pyproject.toml | install
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(@D) --no-deps --group oldest
	touch $@

# Skips are counted and named at the end; ROUTER_TEST_ALL=1 turns each into a failure.
test: check node oldest
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(COMPUTING)
	$(BIN)/python -m pytest --numprocesses 4 --dist worksteal $(TIMED)
	$(BIN)/coverage run -m pytest --numprocesses 4 --dist worksteal $(COMPUTING:%=--ignore %) $(TIMED:%=--ignore %)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under 95 --skip-covered --skip-empty
	$(BIN)/coverage report --fail-under 100 --include 'router/core/*' --show-missing

# What happens on a bad day, measured over sockets: a table with a goal for each row (three minutes).
# LITELLM=/path/to/python, one that has litellm, measures it beside (ten minutes more).
probes: install
	$(BIN)/python -m bench.probes $(if $(LITELLM),--litellm $(LITELLM))

# What a request costs, in process and through the gateway, into bench/results/ and docs/performance.md (a
# quarter of an hour). WITH=litellm,portkey measures them beside: see bench/README.md.
bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	$(BIN)/python -m bench $(if $(WITH),--with $(WITH))
	-$(BIN)/python -m bench.flame

# The ratios of it that must not grow (half a minute).
bench-short: install
	$(BIN)/python -m bench --short

# Each property against a version of the core that breaks it.
mutants: install
	$(BIN)/python tests/property/run_mutants.py

# Each property for 20,000 examples, a million in all, into docs/proof.md (more than an hour; goes on where it was).
prove: install
	$(BIN)/python tests/property/prove.py

# Every small way to break the core, tried with its tests: docs/mutation.md. ONLY="file …" for some files.
mutation: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group mutation
	$(BIN)/python tests/mutation/run.py $(ONLY)

# A real model on this machine (300 MB): llama.cpp behind an emulated Bytez, and asked directly.
local test-local: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group local
	$(if $(filter local,$@),$(BIN)/python examples/local-model/run.py build,$(BIN)/python -m pytest tests/local)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* dist build mutants tests/clients/node/node_modules
