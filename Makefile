# Requires GNU make 3.81 or later. "make help" lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo dev stop build preflight test test-all fuzz fault chaos mutants containers live bench soak release lint fmt generate verify

# The compiler and the linker collect garbage less often than by default: a fifth less time, and some
# hundred MB more for the largest packages. This does not concern the programs that they build.
export GOFLAGS := $(shell go env GOFLAGS 2>/dev/null) '-toolexec=env GOGC=400'

DEMO_FLAGS = $(if $(filter-out 0 no false,$(ONCE)),--once)
COUNT     ?= 1
SEED      ?= 1
MINUTES   ?= 5
INPUTS    ?= 100000
HOURS     ?= 2

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: preflight build ## sync a simulated tenant, compare every row, keep running (ONCE=1: exit after the comparison)
	@bin/lazisync-dev demo $(DEMO_FLAGS)

dev: build ## run lazisync and every server that is not configured, until Ctrl-C
	@bin/lazisync-dev up

stop: ## stop make dev or make demo
	@if [ -x bin/lazisync-dev ]; then bin/lazisync-dev stop; else echo "nothing is running"; fi

build: ## build bin/lazisync and bin/lazisync-dev
	@dev/build.sh

preflight:
	@dev/preflight.sh

test: ## run the tests that need only Go, make and PostgreSQL, with -short
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun

test-all: ## run all tests, with -race, also short faults, browser, PgBouncer, root and containers
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -all

fuzz: ## run each fuzz test with new inputs (INPUTS=100000)
	@go -C dev run ./cmd/testrun -part fuzz -inputs $(INPUTS)

fault: ## run the fault tests, up to half an hour (COUNT=1)
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -part faults -count $(COUNT)

chaos: ## inject random faults, then check the guarantees (SEED=1 MINUTES=5)
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/testrun -part chaos -seed $(SEED) -minutes $(MINUTES)

mutants: ## seed mistakes into the code, and print which tests find each (ONLY=words TECHNIQUES=faults,chaos)
	@dev/preflight.sh --postgres
	@go -C dev run ./cmd/mutants -only "$(ONLY)" -techniques "$(TECHNIQUES)"

# Debian: apt install podman runc containernetworking-plugins golang-github-containernetworking-plugin-dnsname
# dnsmasq-base iptables catatonit busybox-static
containers: ## start docker-compose.yml and the pods of Kubernetes with Podman, and sync (root on Linux)
	go -C dev test -vet=off -count=1 -timeout 30m -tags containers -run Containers ./deploytest

live: ## compare the catalogue with ServiceTitan's integration environment, read-only (ENTITIES="customers jobs")
	@go -C dev build -o ../bin/lazisync-live ./cmd/live && bin/lazisync-live $(ENTITIES)

bench: ## run benchmarks, then measure scale and size of a deployment (Linux, about twenty minutes more)
	go test -run '^$$' -bench . -benchmem ./...
	go -C dev test -run '^$$' -bench . -benchmem ./streamtest ./gatewaytest
	go -C dev run ./cmd/bench

soak: ## put a mixed load with faults on a deployment, and print what grows (HOURS=2, also 0.5; Linux)
	@dev/preflight.sh --postgres
	@mkdir -p bin
	@go -C dev run ./cmd/bench -only mixed -minutes $$(awk 'BEGIN { print 60 * $(HOURS) }') -json ../bin/soak.json

release: ## build the binaries of a release into dist/, with SBOMs and checksums (VERSION=v0.1.0; default: the commit's tag)
	@dev/release.sh $(VERSION)

lint: ## run gofmt, go vet, workflowcheck and golangci-lint
	@dev/lint.sh

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

generate: ## write generated files
	go generate ./...
	go -C dev generate ./...

verify: generate ## fail if a generated file or go.mod is out of date
	go mod tidy -diff
	go -C dev mod tidy -diff
	git diff --exit-code
