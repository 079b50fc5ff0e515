# make run: set up, make the sample company's files, run the main job. make test: everything that CI runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9

# Versions of DuckDB that must be able to read the published file.
CLIENTS := 1.0.0 1.1.3 1.2.2 1.3.2 1.4.4 2.0.0

.PHONY: run test check lint suite thorough bench bench-ledger faults reality crash clients dev clean lock

run: $(VENV)/.installed
	$(BIN)/python -m sample_company.simulator --out "$${NYCKELTAL_SOURCE_DIR:-$${NYCKELTAL_DATA_DIR:-data}/sources}"
	$(BIN)/kpi run

# Both at once, so that neither core is idle at the end.
test: $(VENV)/.installed
	$(MAKE) --jobs=2 lint suite

check: lint
	$(BIN)/pytest -n 2 -q tests/pipeline/test_companies.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

suite: $(VENV)/.installed
	$(BIN)/pytest -n 2 -q

# The same with ten times as many examples of generated values, for a night.
thorough: $(VENV)/.installed
	NYCKELTAL_TIMES_EXAMPLES=10 $(BIN)/pytest -n 2 -q

# Needs the network, and a Python for which the oldest client has a wheel (3.11 or 3.12).
clients: $(VENV)/.installed
	for version in $(CLIENTS); do \
		test -d .clients/$$version || $(BIN)/uv pip install --quiet --target .clients/$$version duckdb==$$version pytz || exit 1; \
	done
	NYCKELTAL_OLD_CLIENTS=.clients $(BIN)/pytest -q tests/publishing/duckdb_file/test_published_clients.py

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.overhead

reality: $(VENV)/.installed
	$(BIN)/python -m benchmarks.reality.run
	$(BIN)/python -m benchmarks.reality.events

faults: $(VENV)/.installed
	$(BIN)/python -m benchmarks.faults.run

bench-ledger: $(VENV)/.installed
	$(BIN)/python -m benchmarks.ledger

# Kills, a full and a read-only disk at every change of a file; an hour. The tests try some of them.
crash: $(VENV)/.installed
	$(BIN)/python -m tests.crash_sweep

dev: $(VENV)/.installed
	$(BIN)/kpi dev

clean:
	rm -rf $(VENV) .clients data dbt_project/target dbt_project/logs .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

# The virtual environment holds exactly what the lock says, every file checked against its hash.
$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --require-hashes --compile-bytecode -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --editable .
	touch $@

lock:
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --group dev --no-annotate --no-header \
		pyproject.toml -o requirements.lock
