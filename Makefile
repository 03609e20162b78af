# The two commands that a newcomer needs are `make run` and `make test`; `make help` lists all.

.DEFAULT_GOAL := help
.PHONY: help run build release test chaos fuzz check lint proto baseline bench clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Build the release binary and start the server on http://127.0.0.1:8080 (ARGS="--port 0 …")
	@scripts/bootstrap
	@exec scripts/run $(ARGS)

build: ## Build everything for debugging
	@scripts/bootstrap
	swift build --explicit-target-dependency-import-check error $$(scripts/traits)

release: ## Build .build/release/opentier
	@scripts/bootstrap
	swift build --configuration release --product opentier $$(scripts/traits --release)

test: ## Build and run all tests (ARGS go to pytest)
	@scripts/bootstrap --tests
	@scripts/test $(ARGS)

chaos: ## Kill replicas and restart PostgreSQL under load, for 300 s (ARGS="--seconds 600 --seed 1")
	@scripts/bootstrap --tests
	@scripts/chaos $(ARGS)

fuzz: ## Fuzz the parsers, the chunker and the tokenizer, 60 s each (ARGS="markdown 600")
	@Fuzzing/run $(ARGS)

check: lint test ## What CI runs: format, generated code, all tests

lint: ## Check the format of the code, the contract, and that the generated code is current
	@scripts/lint

proto: ## Make the generated code anew from proto/
	scripts/proto/generate

baseline: ## Take the contract in proto/ for the released one, which later changes must not break
	scripts/proto/baseline

bench: release ## Measure (see Benchmarks/README.md)
	swift build --configuration release --product embedder-benchmark $$(scripts/traits --release)
	Benchmarks/run --embedder .build/release/embedder-benchmark $(ARGS)

clean: ## Remove what was built; the model's cache and data stay
	rm -rf .build .build-proto
