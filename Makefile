# Commands of the project. Each works in a fresh clone: what it needs it installs into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help

# Each start of Airflow would compile a thousand modules again, which takes three seconds of a processor.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE := 1

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$$(sed -n 's/^uv==//p' constraints.txt)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e ".[emulator]" --group dev
	@touch $@

.PHONY: help install demo ui test test-slow test-e2e test-chaos test-rest test-all fuzz test-ways test-cluster test-browser test-versions dist release lint docs reference bench soak screenshots pictures mutants audit fuzz-decoders constraints lock clean
help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

install: $(STAMP) ## Install the provider and what its tests need into .venv

demo: $(STAMP) ## Run the Bell pair DAG in a real Airflow against the emulator, print the counts
	$(BIN)/python -m tools.demo

ui: $(STAMP) ## The same Airflow, left running for you to look at (Ctrl-C ends it)
	$(BIN)/python -m tools.demo --ui

test: $(STAMP) ## Unit and emulator tests: a few minutes
	$(BIN)/python -m pytest -n 3 -m "not e2e and not slow"

test-slow: $(STAMP) ## Property tests, tests with many processes, lives of a task
	$(BIN)/python -m pytest -n 3 -m "slow and not e2e"

test-e2e: $(STAMP) ## A real Airflow against the emulator, and an upgrade under waiting tasks
	$(BIN)/python -m pytest -n 3 tests/e2e tests/upgrade

test-chaos: $(STAMP) ## A real Airflow whose parts are killed, and a service that loses answers
	$(BIN)/python -m pytest tests/chaos

test-rest: $(STAMP) ## test-slow, test-e2e and test-chaos in one go, side by side
	$(BIN)/python -m pytest -n 3 --no-loadscope-reorder -m "e2e or slow"

test-all: test test-rest ## All of these

fuzz: $(STAMP) ## 2,000 lives of a task, with faults, kills and clears; SEED=N plays one of them again
	@$(BIN)/python -m tests.fuzz $(if $(SEED),--seed $(SEED),--episodes $(or $(EPISODES),2000))

test-ways: $(STAMP) ## Example DAGs in dag.test(), tasks test and a real Airflow: the same outcome (half an hour)
	$(BIN)/python -m pytest tests/ways

test-cluster: $(STAMP) ## CLUSTER_JOBS (300) on Postgres, Redis and Celery workers while parts of it are killed
	@$(BIN)/python -m tools.install_servers
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group cluster
	$(BIN)/python -m pytest -s tests/cluster

VERSIONS ?= all
test-versions: $(STAMP) ## Other versions of Airflow and Python, as VERSIONS="3.1.8 3.2.1": unit tests, and a real Airflow
	$(BIN)/python -m tools.versions $(VERSIONS) $(if $(README),--readme)

RELEASE := .local/release
dist: $(STAMP) ## Build sdist and wheel into dist/, reproducibly; check them; list what they depend on
	@test -x $(RELEASE)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(RELEASE)
	$(BIN)/uv pip install --quiet --python $(RELEASE)/bin/python -c constraints.txt uv --group release
	$(RELEASE)/bin/python -m tools.dist

release: $(STAMP) ## Prepare a release, as VERSION=1.2.3: changelog, version, commit, tag, dist; a person uploads it
	$(BIN)/python -m tools.release $(VERSION)
	$(MAKE) dist

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: $(STAMP) ## The pages of docs/ as a site, in build/docs; a warning is an error
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group docs
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --fresh-env --jobs auto --quiet docs build/docs
	@echo "Open build/docs/index.html"

reference: $(STAMP) ## Write docs/reference/arguments.md and settings.md, which are made of the code
	$(BIN)/python -m tools.reference

bench: $(STAMP) ## The figures we claim, side by side with what a user would run instead
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group bench
	$(BIN)/python -m benchmarks

soak: $(STAMP) ## Load for 25 minutes: on the emulator (2,000 jobs), and on the triggers (200 jobs, 5 % faults)
	$(BIN)/python -m benchmarks.emulator_load --seconds 600
	$(BIN)/python -m benchmarks.trigger_soak --seconds 900

mutants: $(STAMP) ## Would the tests notice? ROOM=jobs/wait, or files changed since SINCE=HEAD~1; AT_MOST=300
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group mutants
	$(BIN)/python -m tools.mutants $(if $(ROOM),--room $(ROOM),--since $(or $(SINCE),HEAD~1)) $(if $(AT_MOST),--at-most $(AT_MOST))

audit: $(STAMP) ## Known faults of the dependencies (pip-audit), and suspicious patterns in our own code (bandit)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --group audit
	$(BIN)/python -m tools.audit

FUZZ_INPUTS ?= 1000000
fuzz-decoders: $(STAMP) ## A million hostile inputs for everything that reads what others wrote (FUZZ_INPUTS=...)
	$(BIN)/python -m tests.fuzz_decoders --inputs $(FUZZ_INPUTS)

test-browser: chromium ## The UI in headless Chromium: login, connection form, link, pages, rights, accessibility
	$(BIN)/python -m pytest tests/browser

screenshots: chromium ## The pictures of docs/images: what these tests see, and what `make ui` shows
	$(BIN)/python -m pytest tests/browser/test_first_job.py --pictures docs/images
	$(BIN)/python -m tools.pictures docs/images

pictures: chromium ## Keep how the pages look now, for the comparison in test-browser
	$(BIN)/python -m pytest tests/browser/test_looks.py --keep

.PHONY: chromium
chromium: $(STAMP)
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	  || { apt-get update -qq && apt-get install -y -qq chromium; } \
	  || { echo "Chromium is needed: install it with your system's package manager" >&2; exit 1; }
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt --group browser

constraints: ## Resolve the dependencies anew into constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header --extra emulator --extra noise-learning --extra pandas --extra parquet --extra qiskit --group dev --group bench --group browser --group cluster --group docs --group mutants --group release pyproject.toml -o constraints.txt
	@echo "uv==$$($(BIN)/uv --version | cut -d' ' -f2)" >> constraints.txt

lock: $(STAMP) ## Write requirements.lock: what the provider and its extras need, with the hashes of the files
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url -c constraints.txt --extra emulator --extra noise-learning --extra openlineage --extra pandas --extra parquet --extra qiskit --extra stream pyproject.toml -o requirements.lock

clean: ## Remove the virtual environment and what the commands left behind
	rm -rf $(VENV) .local build .mypy_cache .ruff_cache .pytest_cache .hypothesis
