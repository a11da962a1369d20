# `make bench` and `make test` work from a clean clone with Python 3.11 or later, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := results/runs/quickstart

# An environment without torch, made anew for each try, and the tests that run in it.
OTHER := $(VENV)-other
TOOLS := hypothesis pytest pytest-timeout pytest-xdist
LIGHT := tests/bd tests/curves tests/formats tests/images tests/importing tests/test_measurements.py \
    tests/test_results.py

.PHONY: bench benchmarks docs gate screenshots test test-fast test-python test-lowest robustness lint lock setup clean

bench: $(READY)
	$(BIN)/rdbench run quickstart --out $(RUN)
	$(BIN)/rdbench plot $(RUN)
	$(BIN)/rdbench bd $(RUN) --anchor jpeg --metrics psnr_db
	@echo
	@echo "Measurements: $(RUN)/measurements.csv"
	@echo "Mean curves:  $(RUN)/summary.csv"
	@echo "BD table:     $(RUN)/bd.csv"
	@echo "Figures:      $(RUN)/plots/"
	@echo "All of it, to look at:"
	$(BIN)/rdbench report $(RUN) --anchor jpeg --title "Seven codecs, luma of five photographs" \
	    --out reports/quickstart/report.html

# The pictures of that page in README.md; needs Chromium.
screenshots: $(READY)
	$(BIN)/python reports/screenshots.py --run $(RUN)

# The project's own gate: the codecs of the quickstart are no worse than they were.
gate: $(READY)
	$(BIN)/rdbench run quickstart --out $(RUN)
	$(BIN)/rdbench check $(RUN) --baseline baselines/quickstart.csv

test: $(READY) lint
	$(BIN)/python -m pytest -n 2

test-fast: $(READY)
	$(BIN)/python -m pytest -n 2 -m "not slow"

# make test-python PYTHON=python3.13: by another Python, with the versions of the lock file.
test-python: $(READY)
	$(BIN)/uv venv --quiet --clear --python $(PYTHON) $(OTHER)
	$(BIN)/uv pip install --quiet --python $(OTHER)/bin/python \
	    --constraint requirements/lock.txt --editable . $(TOOLS)
	$(OTHER)/bin/python -m pytest -n 2 -m "not slow" $(LIGHT)

# By the lowest versions that pyproject.toml allows; what they warn of in each other is no fault.
test-lowest: $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(OTHER)
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(OTHER)/bin/python \
	    pyproject.toml --output-file $(OTHER)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(OTHER)/bin/python \
	    --requirements $(OTHER)/lowest.txt --no-deps --editable .
	$(BIN)/uv pip install --quiet --python $(OTHER)/bin/python \
	    --constraint $(OTHER)/lowest.txt $(TOOLS)
	$(OTHER)/bin/python -m pytest -n 2 -m "not slow" -W default::DeprecationWarning \
	    $(LIGHT) tests/gate tests/metrics tests/plots

# The site, in site/: strictly, without a network.
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(READY)
	$(BIN)/python -m mkdocs build --strict # and not --quiet, by which warnings pass
	@echo "Site: site/index.html"

# Mutated streams and killed runs, as many as there is time for: SEED makes the same ones again.
SEED ?= 0
robustness: $(READY)
	$(BIN)/python -m tests.robustness.streams --count 10000 --seed $(SEED) --seconds 600
	$(BIN)/python -m tests.robustness.kills --kills 50 --seed $(SEED) --seconds 600
	$(BIN)/python -m tests.fuzz.files --count 5000 --seed $(SEED) --seconds 600
	$(BIN)/python -m tests.robustness.chaos --seed $(SEED) --seconds 600

# What the harness itself costs: half an hour on a machine that does nothing else, with
# RDBENCH_DATA naming the folder that has Kodak.
benchmarks: $(READY)
	$(BIN)/python benchmarks/speed.py --write
	$(BIN)/python benchmarks/environments.py --write
	$(BIN)/python benchmarks/planning.py --write
	$(BIN)/python benchmarks/cluster.py --write
	$(BIN)/python benchmarks/throughput.py --write

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(READY)

# Bytecode is made at once: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each process
# would compile all that it imports.
$(READY): requirements/lock.txt requirements/bootstrap.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes --python $(BIN)/python requirements/lock.txt
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	$(BIN)/python -m compileall -q rdbench
	touch $@

# Newest versions that fit pyproject.toml; commit what it writes.
lock: $(READY)
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	    --all-extras pyproject.toml --output-file requirements/lock.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	    requirements/bootstrap.in --output-file requirements/bootstrap.txt

clean:
	rm -rf $(VENV) $(OTHER) results/runs build dist site
