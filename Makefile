# Targets for people. GNU make 3.81 or later; "make help" lists them.
.DEFAULT_GOAL := help
.PHONY: help demo dev stop build preflight test test-all fault chaos live bench lint fmt generate verify

DEMO_FLAGS = $(if $(filter-out 0 no false,$(ONCE)),--once)
COUNT     ?= 1
SEED      ?= 1
MINUTES   ?= 5

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: preflight build ## copy a simulated tenant, prove every row, stay up (ONCE=1: exit after the proof)
	@bin/lazisync-dev demo $(DEMO_FLAGS)

dev: build ## run lazisync with what is not configured, until Ctrl-C
	@bin/lazisync-dev up

stop: ## stop what make dev or make demo started
	@if [ -x bin/lazisync-dev ]; then bin/lazisync-dev stop; else echo "nothing runs"; fi

build: ## build bin/lazisync and bin/lazisync-dev
	@dev/build.sh

preflight:
	@dev/preflight.sh

test: ## every test that needs only Go, make and PostgreSQL
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun

test-all: ## that with -race, longer fuzzing, browser, PgBouncer and privileged tests
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -all

fault: ## every test that kills, cuts and starves; takes up to half an hour (COUNT=1)
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -part faults -count $(COUNT)

chaos: ## kill everything at random, then judge (SEED=1 MINUTES=5)
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -part chaos -seed $(SEED) -minutes $(MINUTES)

live: ## compare the catalogue with ServiceTitan's integration environment, reading only (ENTITIES="customers jobs")
	@go -C dev build -o ../bin/lazisync-live ./cmd/live && bin/lazisync-live $(ENTITIES)

bench: ## benchmarks
	go test -run '^$$' -bench . -benchmem ./...
	go -C dev test -run '^$$' -bench . -benchmem ./streamtest ./gatewaytest

lint: ## gofmt, go vet, determinism of workflows, golangci-lint
	@dev/lint.sh

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

generate: ## write generated files
	go generate ./...
	go -C dev generate ./...

verify: generate ## fail if a generated file or go.mod is not what it should be
	go mod tidy -diff
	go -C dev mod tidy -diff
	git diff --exit-code
