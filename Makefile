# What a person types; `make help` lists it. Everything is built into .venv and target/, nothing outside.
#
# The extension exists once, beside the Python sources, in one of two profiles: dev (quick to build; tests and checks)
# or release (run, bench). A stamp in .venv says which one it is and when it was made.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help run test test-long check fix bench wheel lock clean

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
# A drifting Cargo.lock is a mistake to report in CI and a convenience at a desk.
LOCKED := $(if $(CI),--locked)
# Words for the program behind a target: make run ARGS="--data-dir demo.etcd", make bench ARGS="--only put-64".
ARGS ?=

# The same for maturin and for plain cargo, so that one does not undo the other's build.
export PYO3_PYTHON := $(CURDIR)/$(PY)
export PYO3_BUILD_EXTENSION_MODULE := 1

SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find rust \( -path '*/src/*.rs' -o -name Cargo.toml \))

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/.release ## start a member, play the book's etcd section against it, keep serving until Ctrl-C
	@$(PY) -m coreos_py.demo $(ARGS)

test: $(VENV)/.dev ## everything that a change must pass: Rust tests and pytest
	LOCKED="$(LOCKED)" scripts/test-all $(ARGS)

test-long: $(VENV)/.release ## the same proofs with many more rounds: hours, not minutes
	$(PY) -m tests.support.long_run $(ARGS)

check: $(VENV)/.dev ## formats, lints, types, and the stub against the binary; changes nothing
	@scripts/rust-component fmt rustfmt cargo fmt --all --check
	@scripts/rust-component clippy clippy cargo clippy --workspace --all-targets $(LOCKED) --quiet -- -D warnings
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m mypy.stubtest coreos_py._core --mypy-config-file pyproject.toml
	@$(PY) -m tests.support.long_run --check

fix: $(VENV)/.tools ## let the formatters rewrite what they can
	@scripts/rust-component fmt rustfmt cargo fmt --all
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: $(VENV)/.release ## compare with Debian's etcd, measure the bridge and the pure crates
	cargo build --release --quiet $(LOCKED) --package coreos-loadgen
	$(PY) -m bench $(ARGS)
	@if [ -z "$(ARGS)" ]; then $(MAKE) --no-print-directory bench-parts; fi

.PHONY: bench-parts
bench-parts: $(VENV)/.release
	$(PY) -m pytest tests/bench --benchmark-only --benchmark-disable-gc
	cargo bench --quiet $(LOCKED) --package coreos-http --package coreos-store --package coreos-wal

wheel: $(VENV)/.tools ## a release wheel in dist/ that installs without Rust
	$(VENV)/bin/maturin build --release --strip $(LOCKED) --compatibility linux --out dist
	@ls -l dist/*.whl

lock: ## make requirements/dev.lock again from the ranges in pyproject.toml
	scripts/lock

clean: ## remove everything that make has made
	rm -rf target dist $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	rm -rf bench/bench-* bench/results/partial.*
	rm -f python/coreos_py/_core*.so
	find python tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.tools: requirements/dev.lock
	@python=$$(scripts/preflight) && { $(PY) -c '' 2>/dev/null || "$$python" -m venv --clear $(VENV); }
	$(PIP) install --quiet --requirement requirements/dev.lock
	@touch $@

# The package itself, editable: the commands appear in .venv/bin and point at python/. The stamp gets the time at which
# the build began, so that a source saved meanwhile is not missed.
$(VENV)/.release $(VENV)/.dev: $(VENV)/.tools $(SOURCES)
	@scripts/preflight >/dev/null
	@rm -f $(VENV)/.release $(VENV)/.dev
	@touch $@.begun
	@echo "building the extension ($(subst .,,$(@F)) profile; minutes the first time, seconds later)"
	@$(VENV)/bin/maturin develop $(if $(filter %.release,$@),--release) $(LOCKED) >$(VENV)/build.log 2>&1 || { cat $(VENV)/build.log; exit 1; }
	@mv $@.begun $@
