# Every target but `setup` does the setup first, where it is needed.
PYTHON ?= python3
PORT ?= 3000
BIN := .venv/bin
TEST_OPTIONS ?=

.PHONY: setup run test soak check bench clean constraints
.DEFAULT_GOAL := setup

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; say which with PYTHON=…"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

run: setup ## The local workspace, the bot and (without ANTHROPIC_API_KEY) the offline model
	@$(if $(RESET),rm -rf data/local data/orchestrator.db*,true)
	@PORT=$(PORT) $(BIN)/python -m bot local --with-bot

test: setup
	$(BIN)/python -m pytest -m "not soak" -n 3 --dist loadfile --no-loadscope-reorder $(TEST_OPTIONS)

soak: setup ## The long crash and chaos tests
	$(BIN)/python -m pytest -m soak --timeout 1800 $(TEST_OPTIONS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv data build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis

constraints: ## Write down the versions that are installed now
	@{ echo "# The versions this is tested with. Renew: \`make constraints\`."; \
		$(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt
