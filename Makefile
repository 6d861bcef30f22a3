# The one door for every chore. `make help` lists the targets; people, hooks and CI use the same ones.
#
#   PYTHON=/path/to/python   another interpreter than the newest one found
#   SERIES=3.11              an environment of its own for that Python series (.venv-3.11)
#   MODES=full               I/O modes of the tests: quick, tls, full, or names (tests/conftest.py)
#   JOBS=2                   processes that run the Python tests, as many as there are processors
#   WHEEL=dist/….whl         the wheel to test, instead of the newest one in dist/ for that Python
#   TARGETS='router …'       fuzz targets, instead of all (fuzz/fuzz_targets); FUZZ_SECONDS=600 each
#   ARGS='…'                 more arguments for pytest, the race, the benchmarks or libFuzzer

SHELL := /bin/sh
SERIES ?=
MODES ?= quick
ARGS ?=
TARGETS ?=
JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

VENV := .venv$(if $(SERIES),-$(SERIES))
BIN := $(VENV)/bin
ifneq ($(SERIES),)
# PyO3 is built anew for each Python. (No comment behind the value: make would keep the spaces before it.)
export CARGO_TARGET_DIR := $(CURDIR)/target/python-$(SERIES)
endif
# A virtual environment of the caller must not lead maturin or Python astray.
unexport PYTHONHOME PYTHONPATH CONDA_PREFIX

LEAVES := quinde-reactor quinde-http quinde-router
RUST_INPUTS := $(shell find crates -name '*.rs' -o -name Cargo.toml) Cargo.toml $(wildcard Cargo.lock) pyproject.toml
PIP := $(BIN)/python -m pip --disable-pip-version-check install --progress-bar off
WHEEL ?= dist
WHEEL_VENV := .venv-wheel$(if $(SERIES),-$(SERIES))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-rust test-python build release lint types docs docs-serve site bench bench-quick format all clean soak check \
	fuzz fuzz-quick fuzz-cover asan wheel sdist test-wheel test-sdist audit notices version

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: release ## set everything up and run the race: why asynchronous, and why quinde
	$(BIN)/quinde race $(ARGS)

test: test-rust test-python ## run all tests on the quick build: {reactor, transport} x asyncio, and uvloop

test-rust: check
	@echo "== tests of the Rust crates"
	cargo test --locked --profile fast --quiet --no-fail-fast $(LEAVES:%=-p %)

test-python: $(VENV)/.dev $(VENV)/.fast
	@echo "== tests of the package, modes: $(MODES)"
	$(BIN)/python -m pytest --numprocesses=$(JOBS) --modes=$(MODES) $(ARGS)

build: $(VENV)/.dev $(VENV)/.fast ## make .venv with all tools and the extension, quick to build

release: $(VENV)/.run $(VENV)/.release ## the same with the extension as users get it, slow to build

lint: $(VENV)/.dev ## formatting, lints, import contracts, sizes and wording
	@tools/check.sh lint
	cargo fmt --all --check
	cargo clippy --locked --profile fast --workspace --all-targets --quiet -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz/lint --all-targets --quiet -- -D warnings
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/python tools/notices.py --check
	PYTHONPATH=python $(BIN)/lint-imports --no-cache
	$(BIN)/python tools/sizes.py
	$(BIN)/python tools/wording.py

types: $(VENV)/.dev $(VENV)/.fast ## mypy --strict, and the stub of the extension against the binary
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest quinde._core --allowlist tools/stubtest-allow.txt --mypy-config-file pyproject.toml

docs: site $(VENV)/.fast ## build the site of the documents, and run every example and each sample in them
	$(BIN)/python -m pytest tests/examples $(ARGS)

# The notice that is switched off is of the theme's future (mkdocs.yml).
site: export NO_MKDOCS_2_WARNING := 1
site: $(VENV)/.dev ## build the site of the documents into target/site; a warning is an error
	$(BIN)/mkdocs build --strict

docs-serve: export NO_MKDOCS_2_WARNING := 1
docs-serve: $(VENV)/.dev ## show it at http://localhost:8000, and build it again when a document changes
	$(BIN)/mkdocs serve --watch python --watch tools/site.py $(ARGS)

# The benchmarks make an environment of their own, with the peers in it, and build quinde there as users get it.
bench-quick: check ## measure quinde beside its peers, short windows (under 3 minutes once all is built)
	python=$$(tools/python.sh $(SERIES)) && $$python benchmarks/run.py --quick $(ARGS)

bench: check ## measure quinde beside all peers at all works (under 25 minutes once all is built)
	python=$$(tools/python.sh $(SERIES)) && $$python benchmarks/run.py $(ARGS)

format: $(VENV)/.dev ## bring all files into form
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --quiet --fix

fuzz: check ## fuzz parsers and machines, ten minutes a target (FUZZ_SECONDS, TARGETS; see fuzz/README.md)
	FUZZ_SECONDS=$(or $(FUZZ_SECONDS),600) ARGS='$(ARGS)' tools/fuzz.sh $(TARGETS)

fuzz-quick: ## the same for ten seconds a target
	$(MAKE) fuzz FUZZ_SECONDS=10

fuzz-cover: ## say which lines of the crates their inputs reach
	tools/fuzz-cover.sh

soak: $(VENV)/.dev $(VENV)/.fast ## the tests that take minutes: storms of cancellations, slow clients (slowhttptest), SIGTERM, scale
	$(BIN)/python -m pytest -m soak --modes=$(MODES) $(ARGS)
	QUINDE_SOAK=1 $(BIN)/python -m pytest tests/soak --capture=no -o faulthandler_timeout=900 $(ARGS)

# Linked against a sanitizer, the extension does not load into a plain interpreter: tools/asan.sh runs one that has it.
ASAN_TESTS ?= tests/behaviour tests/net tests/web tests/client
asan: $(VENV)/.asan ## run the tests of driver and reactor under AddressSanitizer (ASAN_TESTS, MODES)
	tools/asan.sh $(BIN)/python -m pytest --numprocesses=$(JOBS) --modes=$(MODES) $(ASAN_TESTS) $(ARGS)

# What users get. A wheel is for one Python: SERIES=3.12 makes and tests another one.
wheel: $(VENV)/.dev ## build a wheel for this Python into dist/, as users get it
	$(BIN)/maturin build --release --out dist --interpreter $(BIN)/python

test-wheel: $(WHEEL_VENV)/.made ## install that wheel where nothing is and run README.md's samples; needs no Rust
	QUINDE_WHEEL="$(WHEEL)" $(WHEEL_VENV)/bin/python -m pytest tests/packaging/test_wheel.py $(ARGS)

sdist: $(VENV)/.dev ## pack the sources that a wheel is built from into dist/
	$(BIN)/maturin sdist --out dist

test-sdist: $(VENV)/.dev ## build a wheel from those sources elsewhere, with cargo kept off the network
	cargo fetch --locked
	QUINDE_TEST_BUILDS=1 $(BIN)/python -m pytest -o faulthandler_timeout=1200 tests/packaging/test_sdist_build.py $(ARGS)

audit: ## ask cargo-deny about the crates: advisories, licences, bans, sources (ARGS='licenses bans sources': offline)
	@tools/check.sh audit
	cargo deny --locked check $(ARGS)

notices: $(VENV)/.dev ## write NOTICES.md anew, after a change of Cargo.lock
	$(BIN)/python tools/notices.py

version: ## print the version of this tree
	@sed -n 's/^__version__ = "\(.*\)"$$/\1/p' python/quinde/http/version.py

all: lint types ## everything, with the full matrix of modes, and on Python 3.11; the wheel
	$(MAKE) test MODES=full
	$(MAKE) test-python MODES=full SERIES=3.11
	$(MAKE) wheel test-wheel

clean: ## remove what was built, environments included
	rm -rf target .venv .venv-* dist benchmarks/.venv .mypy_cache .pytest_cache .ruff_cache
	rm -f python/quinde/_core.*.so

check:
	@tools/check.sh

# Stamps: each says what has been done to the environment, and is older than what it was made of when that is due again.
$(VENV)/.made: | check
	@python=$$(tools/python.sh $(SERIES)) && echo "== $(VENV) with $$python" && $$python -m venv --clear $(VENV)
	@touch $@

$(WHEEL_VENV)/.made:
	@python=$$(tools/python.sh $(SERIES)) && echo "== $(WHEEL_VENV) with $$python" && $$python -m venv --clear $(WHEEL_VENV)
	@$(WHEEL_VENV)/bin/python -m pip --disable-pip-version-check install --progress-bar off --quiet 'pytest>=8.3'
	@touch $@

$(VENV)/.run: pyproject.toml $(VENV)/.made
	@echo "== run-time dependencies"
	@$(BIN)/python tools/requirements.py build race peers > $(VENV)/requirements-run.txt
	$(PIP) --quiet -r $(VENV)/requirements-run.txt
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo "== tools for tests and lints"
	@$(BIN)/python tools/requirements.py checks > $(VENV)/requirements-dev.txt
	$(PIP) --quiet -r $(VENV)/requirements-dev.txt
	@touch $@

# One extension at a time lies beside the package: building one kind takes the other's stamp away.
$(VENV)/.fast: $(RUST_INPUTS) | check $(VENV)/.dev
	@echo "== the extension, profile fast (about a minute when everything is new)"
	@rm -f $(VENV)/.release $(VENV)/.asan
	PIP_QUIET=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --locked --profile fast
	@touch $@

$(VENV)/.release: $(RUST_INPUTS) | check $(VENV)/.run
	@echo "== the extension, profile release (about two minutes when everything is new)"
	@rm -f $(VENV)/.fast $(VENV)/.asan
	PIP_QUIET=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --locked --release
	@touch $@

# The flags of .cargo/config.toml are said again, as RUSTFLAGS replaces them. RUSTC_BOOTSTRAP: see tools/fuzz.sh.
$(VENV)/.asan: $(RUST_INPUTS) | check $(VENV)/.dev
	@echo "== the extension for AddressSanitizer"
	@rm -f $(VENV)/.fast $(VENV)/.release
	RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target/asan PIP_QUIET=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" RUSTFLAGS="-Zsanitizer=address \
		--cfg pyo3_disable_reference_pool --cfg pyo3_leak_on_drop_without_reference_pool" \
		$(BIN)/maturin develop --locked --profile fast --target "$$(rustc -vV | sed -n 's/^host: //p')"
	@touch $@
