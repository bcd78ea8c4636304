# Short names for the README's commands. Everything happens in .venv, made when it is missing.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test check
help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 8

demo: $(BIN)/wirelessfsl  ## run the quickstart scenario
	$(BIN)/wirelessfsl run scenarios/quickstart.yaml

test: $(BIN)/pytest  ## run the tests (slow ones: make test ARGS='-m slow')
	$(BIN)/pytest $(ARGS)

check: $(BIN)/pytest  ## formatting, lint, types, scenarios
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/wirelessfsl check $(filter-out scenarios/mnist.yaml,$(wildcard scenarios/*.yaml))  # mnist needs your files

$(BIN)/wirelessfsl: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install -c constraints.txt -e . && touch $@

$(BIN)/pytest: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install -c constraints.txt -e '.[test]' && touch $@
