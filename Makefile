# Development commands; `make help` lists them.

.DEFAULT_GOAL := help
.PHONY: help setup check demo test vczapi defences watching words bench soak fuzz deb lock release sbom lint clean

BIN := .venv/bin

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything development needs: programs (Debian, Ubuntu), .venv, WordPress
	bin/setup test

check: ## Run the linters and core's tests on SQLite, in a minute or two; starts no server
	bin/setup check
	$(BIN)/python -m tests.check

demo: ## Run a demo: a WordPress, the bridge, and events as Zoom sends them (EXIT=1: stop afterwards)
	bin/setup demo
	$(BIN)/python -m tests.demo $(if $(EXIT),--exit)

test: ## Run the linters and all tests (ARGS="-k signature": pass these arguments to pytest)
	bin/setup test
	$(if $(ARGS),$(MAKE) --no-print-directory lint && $(BIN)/pytest $(ARGS),$(BIN)/python -m tests.all)

vczapi: ## Run the tests beside the real plugin "Video Conferencing with Zoom" (PLUGIN=DIR: its folder)
	@test -f "$(PLUGIN)/video-conferencing-with-zoom-api.php" || { echo "PLUGIN=DIR names the unpacked plugin."; exit 2; }
	bin/setup test
	ZOOMBRIDGE_VCZAPI="$(abspath $(PLUGIN))" $(BIN)/pytest $(ARGS) tests/plugin_stub/test_vczapi_*.py

defences: ## Remove the defences of docs/security.md one by one: a test must fail for each (ARGS="--list", ARGS="--only NAME")
	bin/setup test
	$(BIN)/python -m tests.defences $(ARGS)

watching: ## Check and test the alert rules in watching/ with Prometheus's promtool
	bin/setup check
	$(BIN)/python -m tests.promtool

words: ## Extract the pages' texts and update the translation catalogues
	$(BIN)/python -m tests.words

bench: ## Run the benchmarks (ARGS="--short", ARGS="--only burst"); see bench/README.md
	bin/setup bench
	$(BIN)/python -m bench $(ARGS)

soak: ## Run the soak tests: 2,000 examples a property, 3,000 histories, 120,000 signed bodies, 400 kills, 1,000,000 events, an hour of each fuzzer (6 hours; ARGS="--only memory")
	bin/setup bench
	$(BIN)/python -m bench.soak $(ARGS)

fuzz: ## Fuzz what reads requests and answers of strangers, a minute each (ARGS="envelope --minutes 30"; ARGS=--help)
	bin/setup test
	$(BIN)/python -m tests.fuzz $(ARGS)

deb: ## Build a Debian package for this release of Debian or Ubuntu, in build/deb; see docs/hosting.md
	bin/deb

lock: ## Update requirements.lock (versions and hashes) and sbom.cdx.json after a change of setup.cfg (ARGS=--upgrade: newest versions)
	bin/lock $(ARGS)

release: ## Build wheel, source package, .deb, the plugin's zips, SBOM and checksums into dist/, twice, and compare (KEY=FILE: sign the plugin)
	bin/setup test
	$(BIN)/python -m tests.release $(if $(KEY),--key "$(abspath $(KEY))")

sbom: ## Write sbom.cdx.json (CycloneDX) anew from requirements.lock
	bin/lock sbom

lint: ## Check style, types, package layers, spelling, templates, Dockerfile and PHP
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/djlint templates --lint --quiet --extension jinja --profile jinja
	$(BIN)/hadolint packaging/container/Dockerfile
	find plugin_stub tests bench -name '*.php' -print0 | xargs -0 -r -n 1 php -d display_errors=stderr -l >/dev/null
	@if command -v phpcs >/dev/null; then phpcs -q; \
	else echo "make lint: PHP's style was not checked: this release has no package php-codesniffer" >&2; fi

clean: ## Remove generated files; downloads stay in ~/.cache/zoombridge
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
