# The door of the project: everything that one does here, by name.

.DEFAULT_GOAL := help
.PHONY: help setup demo test words bench soak lint clean

BIN := .venv/bin

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what developing takes: programs (Debian, Ubuntu), .venv, WordPress
	bin/setup test

demo: ## Show it all at work: a WordPress, the bridge, and events as Zoom sends them (EXIT=1: then stop)
	bin/setup demo
	$(BIN)/python -m tests.demo $(if $(EXIT),--exit)

test: ## Check and test everything (ARGS="-k signature": only what pytest is told so)
	bin/setup test
	$(MAKE) --no-print-directory lint
	$(if $(ARGS),$(BIN)/pytest $(ARGS),$(BIN)/python -m tests.all)

words: ## Find the pages' words again, and bring the translations up to date with them
	$(BIN)/python -m tests.words

bench: ## Measure against real parts, each figure a ratio (ARGS="--short", ARGS="--only burst"); see bench/README.md
	bin/setup bench
	$(BIN)/python -m bench $(ARGS)

soak: ## Run the long runs: 2,000 examples a property, 3,000 histories, 400 kills, 1,000,000 events (2 hours; ARGS="--only memory")
	bin/setup bench
	$(BIN)/python -m bench.soak $(ARGS)

lint: ## Check style, types, the rooms' borders, templates and PHP
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet --extension jinja --profile jinja
	find plugin_stub tests -name '*.php' -print0 | xargs -0 -r -n 1 php -d display_errors=stderr -l >/dev/null

clean: ## Take away what was made here; downloads stay in ~/.cache/zoombridge
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
