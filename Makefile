# `make run` and `make test` do all the set-up they need on a machine with Python >= 3.11 and make.
PYTHON ?= python3
PY := .venv/bin/python
# Processes that share the tests: one more than processors here, since some wait for processes they have killed.
JOBS ?= 3
JUDGING := $(addprefix tests/protocol/test_protocol_,codec.py golden.py names.py words.py) $(addprefix tests/gateways/,test_ws_frames.py test_client_gateway_protocol.py test_client_gateway_dispatch.py)
CONTRACT := $(addprefix tests/protocol/test_protocol_,asyncapi.py asyncapi_codec.py)
SOURCES := main.py protocol core actors gateways storage inference loadtest commands

# Tests start some fifty servers: what was compiled for one serves the others.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run dev setup models train test suite coverage encoder check lint contract format soak chaos bench conformance constraints clean

help:            ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## */  make \1	/'

run: setup       ## start the server with a small demo world (http://127.0.0.1:8080)
	@exec $(PY) main.py serve --demo

dev: setup       ## as run, and start again when a file changes
	@exec .venv/bin/watchfiles --filter python --sigint-timeout 20 '$(PY) main.py serve --demo' $(SOURCES)

setup: .venv/ready models  ## the virtual environment with everything in it, and the models

models: .venv/ready  ## the sentence encoder (fetches 84 MB once; without it a simpler model understands)
	@$(PY) -m inference.training.encoder || echo 'Caravan works without it; `make models` tries again.' >&2

train: .venv/ready     ## the chat model anew (under an hour on two cores; needs the group `training`)
	@$(PY) -m inference.training.chat train --check
	@$(PY) -m inference.training.chat corpus --keep
	@$(PY) -m inference.training.chat train --resume
	@$(PY) -m inference.training.chat prefer
	@$(PY) -m inference.training.chat export
	@$(PY) -m inference.training.chat gate

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Caravan needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv || { echo 'Python cannot make a virtual environment here; on Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Installing the dependencies into .venv (once) ...' >&2
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement constraints.txt
	@touch $@

test: contract coverage suite   ## every test, with the ten slowest printed

suite: .venv/ready   ## all tests but those of `make contract` and `make coverage`
	@$(PY) -m pytest --numprocesses $(JOBS) --dist loadfile $(patsubst %,--ignore=%,$(CONTRACT) $(JUDGING))

# Tests by hypothesis take no branch that no other takes, and cost twice their time when they are watched.
coverage: .venv/ready  ## the tests of codec and dispatch: every branch is taken
	@$(PY) -m coverage run -m pytest -m 'not hypothesis' $(JUDGING)
	@$(PY) -m coverage report
	@$(PY) -m pytest --durations=1 -m hypothesis $(JUDGING)

check: lint contract   ## lint, types, import contracts, dependencies, the contract for machines

lint: .venv/ready
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-cache
	@.venv/bin/deptry .

contract: .venv/ready
	@$(PY) tools/write_asyncapi.py --check
	@$(PY) -m pytest --durations=1 $(CONTRACT)

encoder: .venv/ready
	@$(PY) -m inference.training.encoder

format: .venv/ready    ## lay out the code
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

soak: .venv/ready      ## the long versions of the property and crash tests
	@CARAVAN_SEEDS=10000 CARAVAN_CRASH_ROUNDS=10 CARAVAN_BOOKING_KILLS=1 CARAVAN_BOOKING_CONTROLS=all CARAVAN_FUZZ_FRAMES=2000000 $(PY) -m pytest --numprocesses $(JOBS) --dist loadfile tests/simulation tests/e2e tests/fuzz
	@seq 0 $$(($(JOBS) - 1)) | xargs -P $(JOBS) -I{} $(PY) tests/simulation/booking_play.py --all-doubles --part {}/$(JOBS)
	@$(PY) tests/simulation/booking_play.py --silences

chaos: .venv/ready     ## kill -9 of server, PostgreSQL and sandbox, at every site of a booking (twenty-five minutes)
	@CARAVAN_BOOKING_KILLS=1 $(PY) -m pytest -s tests/e2e/test_e2e_crash.py tests/e2e/test_e2e_booking_crash.py

bench: .venv/ready     ## the benchmarks of chat, runtime and models in their short form, about ten minutes
	@$(PY) -m benchmarks

conformance: .venv/ready  ## the Autobahn suite against the gateway (Debian or Ubuntu; fetches its Python 2 once)
	@tools/autobahn.sh

constraints: .venv/ready  ## write constraints.txt anew from pyproject.toml
	@.venv/bin/pip-compile --quiet --upgrade --extra dev --strip-extras --no-annotate --no-header --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --output-file constraints.txt pyproject.toml

clean:           ## remove the virtual environment and caches (data in .caravan stays)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build
